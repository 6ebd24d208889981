"""MirroredStrategy on two virtual CPU devices: gradients are combined before norms are taken."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_two_replicas_are_recorded_as_one_training():
    # Virtual devices must be set before TensorFlow has started: in a process of their own.
    done = subprocess.run(
        [sys.executable, "-m", "tests.gradients.distributed"],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    cases = [line for line in done.stdout.splitlines() if line.startswith("ok ")]
    assert cases == [
        "ok sgd",
        "ok every",
        "ok scaled",
        "ok clipped",
        "ok tape",
    ]
