"""The matrix of `fidelity.py` on every backend, each in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
# How many tests there are at least: fewer mean that some were not collected.
AT_LEAST = {"tensorflow": 55, "jax": 60, "torch": 55}


@pytest.mark.parametrize("backend", AT_LEAST)
def test_the_matrix_holds(backend):
    # What there is of one backend alone; TensorFlow's own tests are collected by themselves.
    own = [path for path in [HERE / f"on_{backend}.py"] if path.exists()]
    files = [str(path) for path in (HERE / "fidelity.py", *own)]
    command = [sys.executable, "-m", "pytest", *files, "-p", "no:cacheprovider", "-q"]
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")
    }
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**environment, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    *_, summary = (line for line in done.stdout.splitlines() if " passed" in line)
    counts = {word: int(count) for count, word in re.findall(r"(\d+) (\w+)", summary)}
    assert counts["passed"] >= AT_LEAST[backend], output
    assert not counts.keys() & {"skipped", "deselected", "xfailed", "xpassed"}, output
