"""The update audit on the backends that the other tests do not run on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_every_optimizer_is_derived_as_this_backend_has_it(backend):
    done = subprocess.run(
        [sys.executable, "-m", "tests.backprop.steps"],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip() == f"{backend}: {7 * 2} optimizers"
