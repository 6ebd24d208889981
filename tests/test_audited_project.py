"""A user's project, end to end: a pull request that widens one layer fails in every way there is.

The project is `examples/audited-project`. Its second convolution gets 24 kernels instead of 16:

    conv_2   3·3·8·16 + 16 = 1,168   →   3·3·8·24 + 24 = 1,752
    digit    5·5·16·10 + 10 = 4,010  →   5·5·24·10 + 10 = 6,010
    total    80 + …         = 5,258  →   80 + …         = 7,842

What a reviewer reads of it is kept in `tests/cases/audited-project/`; a run with
KERASAUDIT_SNAPSHOTS=write writes it anew.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from kerasaudit.cli import command
from tests.pipelines import Runner, hooks, run_hook
from tests.plugged import UNSET

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "audited-project"
SNAPSHOTS = ROOT / "tests" / "cases" / "audited-project"

OLD, NEW = 5258, 7842
OLD_MACS = 26 * 26 * 9 * 8 + 11 * 11 * 72 * 16 + 400 * 10
NEW_MACS = 26 * 26 * 9 * 8 + 11 * 11 * 72 * 24 + 600 * 10


def copied(folder):
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
    return folder


def replaced(file, old, new):
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def project(tmp_path, monkeypatch):
    for name in ("GITHUB_WORKSPACE", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    folder = copied(tmp_path / "project")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def widened(project):
    replaced(project / "models" / "digits.py", "Conv2D(16", "Conv2D(24")
    return project


def run(*arguments):
    return CliRunner().invoke(command, list(arguments), env={"COLUMNS": "100"})


def pytest_run(*arguments):
    passed_on = {name: value for name, value in os.environ.items() if name not in UNSET}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        capture_output=True,
        text=True,
        env={**passed_on, "PYTHONPATH": str(ROOT), "COLUMNS": "100"},
        check=False,
    )


def check_snapshot(name, text):
    """What is printed, but for versions and durations."""
    text = re.sub(r"(keras|tensorflow|kerasaudit)( |\" value=\")\d+(\.\d+)+", r"\1\2N", text)
    text = re.sub(r"\bin \d+\.\d+s\b", "in N s", text)
    text = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
    kept = SNAPSHOTS / name
    if os.environ.get("KERASAUDIT_SNAPSHOTS") == "write":
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(text, encoding="utf-8")
    assert text == kept.read_text("utf-8")


# -- as it stands ---------------------------------------------------------------------------------


def test_the_project_keeps_all_it_promises(project):
    for arguments in (["audit", "--locked"], ["claims", "README.md"]):
        done = run(*arguments)
        assert done.exit_code == 0, done.output
    assert run("lock").stdout.splitlines()[-1] == "1 lock: 1 unchanged"


# -- a layer is widened ---------------------------------------------------------------------------


def test_the_audit_fails_on_claims_budgets_and_lock(widened):
    done = run("audit", "--locked")
    assert done.exit_code == 1
    text = " ".join(done.stdout.split())
    assert f"has {NEW:,}, {NEW - 6000:,} over it" in text
    assert f"has {NEW_MACS:,}, {NEW_MACS - 250_000:,} over it" in text
    assert "'digit' has 6,010, 1,010 over it" in text
    assert "filters 16 → 24, params 1,168 → 1,752 (+584)" in text
    assert f"params {OLD:,} → {NEW:,} (+{NEW - OLD:,})" in text
    assert f"MACs {OLD_MACS:,} → {NEW_MACS:,} (+{NEW_MACS - OLD_MACS:,})" in text
    check_snapshot("terminal.txt", done.stdout)


def test_the_action_annotates_the_lines_and_summarises(widened, tmp_path):
    saved = "audit.sarif\njunit.xml\naudit.md"
    runner = Runner(widened, arguments="--locked", save=saved)
    done = runner.step("Audit")
    assert done.returncode == 1
    assert runner.output.read_text("utf-8") == "exit-code=1\n"
    lines = (widened / "models" / "digits.py").read_text("utf-8").splitlines()
    total = 1 + next(n for n, line in enumerate(lines) if 'ka.Claim("total"' in line)
    assert f"::error file=models/digits.py,line={total},title=KA201" in done.stdout
    check_snapshot("github.txt", done.stdout)
    check_snapshot("summary.md", runner.summary.read_text("utf-8"))
    check_snapshot("junit.xml", (widened / "junit.xml").read_text("utf-8"))
    check_snapshot("audit.md", (widened / "audit.md").read_text("utf-8"))
    assert '"KA511"' in (widened / "audit.sarif").read_text("utf-8")


def test_the_hook_refuses_the_commit(widened):
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "models"], check=True)
    done = run_hook(hooks()["kerasaudit-builders"], "--locked")
    assert done.returncode == 1
    check_snapshot("hook.txt", done.stdout)


def test_the_tests_fail_each_for_its_own_reason(widened):
    done = pytest_run("-rfE")
    assert done.returncode == 1
    failed = set(re.findall(r"^FAILED (\S+)", done.stdout, re.MULTILINE))
    builder = "models/digits.py::digits"
    assert failed == {
        "tests/test_digits.py::test_size",
        *(f"{builder}::{name}" for name in ("claims[conv_2]", "claims[total]", "lock")),
        *(f"{builder}::budgets[{name}]" for name in ("params", "macs", "digit-params")),
    }
    check_snapshot("pytest.txt", done.stdout)


def test_the_readme_is_wrong_until_it_is_mended(widened):
    done = run("claims", "README.md")
    assert done.exit_code == 1
    assert "written as 5,258, derived and observed 7,842" in " ".join(done.stdout.split())
    check_snapshot("claims.txt", done.stdout)
    check_snapshot("claims-fix.txt", run("claims", "README.md", "--fix").stdout)
    text = (widened / "README.md").read_text("utf-8")
    assert "-->7,842\n" in text
    assert "-->6,010 are" in text
    assert "-->264k multiply" in text  # 263,760
    assert run("claims", "README.md").exit_code == 0


def test_the_comment_shows_before_and_after(widened, tmp_path):
    before = copied(tmp_path / "before")
    old, new = (f"{folder}/models/digits.py::digits" for folder in (before, widened))
    done = run("diff", old, new, "--format", "markdown")
    assert done.exit_code == 1
    assert done.stdout.startswith("<!-- kerasaudit diff -->\n")
    check_snapshot("comment.md", done.stdout)


def test_what_is_agreed_to_is_green_again(widened):
    """The change that a reviewer accepts: claims, budgets, lock and README moved with the model."""
    digits = widened / "models" / "digits.py"
    replaced(digits, '"72 × 16 = 1152", "1152 + 16 = 1168"', '"72 × 24 = 1728", "1728 + 24 = 1752"')
    replaced(digits, "80 + 1168 + 4010 = 5258", "80 + 1752 + 6010 = 7842")
    replaced(widened / "pyproject.toml", '"6k"', '"8k"')
    replaced(widened / "pyproject.toml", '"250k"', '"300k"')
    replaced(widened / "pyproject.toml", '"5k"', '"7k"')
    assert run("claims", "README.md", "--fix").exit_code == 0
    done = run("lock")
    assert done.exit_code == 0
    check_snapshot("lock.txt", done.stdout)
    assert run("audit", "--locked").exit_code == 0
