"""Rules that a package ships: the worked example installed offline, and packages at fault."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "kerasaudit-rules-example"

AUDIT = """
import json, sys
import keras
import kerasaudit as ka
from kerasaudit_rules_example.layers import ChannelScale, FeedForward

inputs = keras.Input((10, 16))
block = FeedForward(expansion=4, name="block")
model = keras.Model(inputs, ChannelScale(name="scale")(block(inputs)))
open("model.json", "w").write(model.to_json())
audit = ka.audit(model)
rows = {layer.path: layer for layer in audit.layers}
json.dump({
    "status": audit.status,
    "params": {path: rows[path].derived for path in ("block", "scale")},
    "weights": [weight.name for weight in rows["block"].weights],
    "macs": rows["block"].macs,
    "live": model.count_params(),
}, sys.stdout)
"""


def run(*arguments, cwd, path):
    """Run Python with the packages installed into `path` beside the usual ones."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(path), str(ROOT)])},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("installed")
    pip = ["pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index", "--target"]
    done = subprocess.run(
        [sys.executable, "-m", *pip, str(folder), str(EXAMPLE)],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_an_installed_packages_rules_derive_its_layers(installed, tmp_path):
    done = run("-c", AUDIT, cwd=tmp_path, path=installed)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    block = (16 * 64 + 64) + (64 * 16 + 16) + 16
    assert seen["status"] == "ok"
    assert seen["params"] == {"block": block, "scale": 16}
    assert seen["live"] == block + 16
    assert seen["weights"] == [
        *("expand/kernel", "expand/bias", "project/kernel", "project/bias", "scale/scale")
    ]
    assert seen["macs"] == 10 * (16 * 64 + 64 * 16)
    # The rules need no Keras, and so neither does the file that was saved.
    audited = run("-m", "kerasaudit", "audit", "model.json", cwd=tmp_path, path=installed)
    assert audited.returncode == 0, audited.stdout + audited.stderr
    explained = run(
        "-m", "kerasaudit", "explain", "example>FeedForward", cwd=tmp_path, path=installed
    )
    assert "16·64 + 64 + 64·16 + 16 + 16 = 2,144" in explained.stdout


def package(folder, name, source):
    """Install a package of one module of rules by hand."""
    (folder / f"{name}.py").write_text(source)
    information = folder / f"{name}-1.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    (information / "entry_points.txt").write_text(f"[kerasaudit.rules]\nall = {name}\n")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise SystemExit('bye')", "SystemExit: bye"),
        (
            "import kerasaudit as ka\nfor _ in 'ab': ka.rule('Dense')(lambda layer, x: None)",
            "RuleError: @rule: 'Dense' has a rule already",
        ),
    ],
)
def test_a_package_whose_rules_cannot_be_imported_is_one_line_and_no_silent_hole(
    tmp_path, source, reason
):
    folder = tmp_path / "installed"
    folder.mkdir()
    package(folder, "broken_rules", source)
    model = {
        "class_name": "Sequential",
        "config": {
            "name": "net",
            "layers": [
                {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 4]}},
                {"class_name": "Dense", "config": {"name": "out", "units": 2}},
            ],
        },
    }
    (tmp_path / "net.json").write_text(json.dumps(model))
    for arguments in (["audit", "net.json"], ["rules"], ["explain", "Dense"]):
        done = run("-m", "kerasaudit", *arguments, cwd=tmp_path, path=folder)
        assert done.returncode == 2, done.stdout
        said = done.stdout + done.stderr
        assert "package 'broken_rules': its rules (broken_rules) cannot be imported" in said
        assert reason in said
        assert done.stderr.count("\n") <= 1
