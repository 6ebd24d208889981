"""Kill -9 in the middle of a training: the store opens, and a training after it appends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas
import pytest

import kerasaudit as ka

ROOT = Path(__file__).resolve().parents[2]


def training(folder, epochs):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.gradients.killed", str(folder), str(epochs)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    )


def test_a_killed_training_leaves_a_run_that_opens_and_goes_on(tmp_path):
    folder = tmp_path / "run"
    with training(folder, 1_000_000) as process:
        flushed = 0
        for line in process.stdout:
            flushed = int(line.split()[1])
            if flushed >= 50:
                break
        os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL

    run = ka.open_run(folder)
    steps = run.steps["step"].tolist()
    assert len(steps) >= flushed
    assert steps == list(range(len(steps)))
    assert len(steps) % 10 == 0  # whole parts: an epoch each
    (session,) = run.sessions
    assert not session.closed
    # 5 + 5 + 3 + 3 kernels a step, in files that need nothing of ours to be read
    assert len(pandas.read_parquet(folder / "kernels")) == 16 * len(steps)

    with training(folder, 2) as process:
        process.communicate()
    assert process.returncode == 0
    resumed = ka.open_run(folder)
    assert [one.closed for one in resumed.sessions] == [False, True]
    by_session = resumed.steps.groupby("session")["step"].apply(list)
    assert by_session[0] == steps
    assert by_session[1] == list(range(20))


def test_a_folder_that_is_in_use_is_refused(tmp_path):
    recorder = ka.GradientRecorder(tmp_path / "run")
    with pytest.raises(ka.TargetError, match=r"in use|another"):
        ka.GradientRecorder(tmp_path / "run")
    del recorder
