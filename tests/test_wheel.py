"""The wheel: built, installed into an empty environment, and audited from there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def run(*arguments, cwd, **variables):
    return subprocess.run(
        [str(argument) for argument in arguments],
        cwd=cwd,
        env={**os.environ, **variables},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    built = run(sys.executable, "-m", "build", "--wheel", "-o", folder, ROOT, cwd=folder)
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A new environment with the wheel and what it requires, and nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    constraints = ROOT / ".ci" / "constraints.txt"
    done = run(python, "-m", "pip", "install", "-q", "-c", constraints, wheel, cwd=folder)
    assert done.returncode == 0, done.stderr
    return python


def test_the_wheel_holds_the_package_and_the_zoo_as_its_data(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert all(top == "kerasaudit" or top.endswith(".dist-info") for top in tops)
    assert "kerasaudit/py.typed" in names
    assert "kerasaudit/bundled_models/cnn_coding.py" in names
    bundled = {Path(n).name for n in names if n.startswith("kerasaudit/bundled_models/")}
    assert bundled == {path.name for path in (ROOT / "models").glob("*.py")}
    assert any(name.startswith("kerasaudit/report/templates/") for name in names)


def test_without_keras_a_config_is_audited_and_the_zoo_says_what_to_install(installed, tmp_path):
    config = {
        "class_name": "Sequential",
        "config": {
            "name": "net",
            "layers": [
                {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 4]}},
                {"class_name": "Dense", "config": {"name": "out", "units": 2}},
            ],
        },
    }
    (tmp_path / "net.json").write_text(json.dumps(config))
    command = installed.parent / "kerasaudit"
    audit = run(command, "audit", "net.json", "--save", "net.html", cwd=tmp_path)
    assert audit.returncode == 0, audit.stderr
    assert "4·2 + 2" in audit.stdout
    assert "4·2 + 2" in (tmp_path / "net.html").read_text(encoding="utf-8")
    lacking = run(command, "audit", "zoo:lenet5", cwd=tmp_path)
    assert lacking.returncode == 2
    assert "pip install 'kerasaudit[tensorflow]'" in lacking.stderr
    assert lacking.stderr.count("\n") == 1


def test_with_keras_the_zoo_is_audited_from_the_wheel(installed, tmp_path):
    # Keras and its backend are lent from this environment, after everything of the other one; a
    # path in a .pth file is not itself searched for .pth files, so nothing editable comes along.
    site = run(
        installed, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path
    ).stdout.strip()
    lent = Path(site) / "lent.pth"
    lent.write_text(sysconfig.get_path("purelib") + "\n")
    try:
        where = run(installed, "-c", "import kerasaudit; print(kerasaudit.__file__)", cwd=tmp_path)
        assert where.stdout.startswith(site)
        audit = run(
            installed, "-m", "kerasaudit", "audit", "zoo:lenet5", "zoo:cnn_coding", "--format",
            "json", cwd=tmp_path,
        )  # fmt: skip
        assert audit.returncode == 0, audit.stderr
        totals = [a["totals"] for a in json.loads(audit.stdout)["audits"]]
        assert [t["params"] for t in totals] == [61_706, 34_826]
    finally:
        lent.unlink()
