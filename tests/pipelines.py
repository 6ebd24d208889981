"""What a pipeline runs of ours, run as it does: the pre-commit hooks and the GitHub action."""

from __future__ import annotations

import os
import re
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]


def hooks() -> dict[str, dict]:
    listed = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    return {hook["id"]: hook for hook in listed}


def run_hook(hook: dict, *options: str) -> subprocess.CompletedProcess[str]:
    """What pre-commit runs: the entry, its arguments, and the changed files that it is for.

    Options are put before the hook's own arguments, as a user puts them into `args`.
    """
    staged = subprocess.run(
        ["git", "diff", "--cached", "--name-only"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    files = [file for file in staged if re.search(hook["files"], file)]
    assert files
    program, *entry = shlex.split(hook["entry"])
    assert program == "kerasaudit"
    return subprocess.run(
        [sys.executable, "-m", program, *entry, *options, *hook["args"], *files],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )


ACTION = ROOT / ".github" / "actions" / "audit" / "action.yml"


class Runner:
    """Runs the steps of the action as a runner does: each with its own environment, in bash."""

    def __init__(self, folder: Path, **inputs: str) -> None:
        self.action = yaml.safe_load(ACTION.read_text("utf-8"))
        declared = self.action["inputs"]
        assert inputs.keys() <= declared.keys()
        self.inputs = {name: one.get("default", "") for name, one in declared.items()} | inputs
        self.folder = folder
        self.asked = folder / "pip.txt"
        self.summary, self.output = folder / "summary.md", folder / "output.txt"
        self.program = self._python(folder / "bin")

    def _python(self, binaries: Path) -> Path:
        """A `python` that notes what pip is asked for, and is this one for all else."""
        binaries.mkdir()
        program = binaries / "python"
        program.write_text(
            "#!/bin/bash\n"
            f'if [[ $2 == pip ]]; then printf "%s\\n" "$@" > {shlex.quote(str(self.asked))}\n'
            f'else exec {shlex.quote(sys.executable)} "$@"; fi\n',
            encoding="utf-8",
        )
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return program

    def value(self, template: str) -> str:
        """A value with its expressions replaced."""
        known = {f"inputs.{name}": value for name, value in self.inputs.items()}
        known["github.action_path"] = str(ACTION.parent)
        return re.sub(r"\$\{\{ (.*?) \}\}", lambda match: known[match[1]], template)

    def step(self, name: str) -> subprocess.CompletedProcess[str]:
        (step,) = (one for one in self.action["runs"]["steps"] if one["name"] == name)
        assert step["shell"] == "bash"
        assert "${{" not in step["run"]
        environment = {
            **os.environ,
            "PATH": f"{self.program.parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "GITHUB_WORKSPACE": str(self.folder),
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GITHUB_OUTPUT": str(self.output),
            **{key: self.value(value) for key, value in step.get("env", {}).items()},
        }
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            capture_output=True,
            text=True,
            env=environment,
            cwd=self.folder / self.value(step.get("working-directory", ".")),
            check=False,
        )
