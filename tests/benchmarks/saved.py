"""Saved models audited where they lie, beside loading them: whole commands from cold processes.

`kerasaudit audit FILE`, everything in it, against a process that imports Keras, loads the model and
counts its parameters. Weights are random, files are written once and in the page cache for both.
What is read of a file and what the command takes of memory are measured beside it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.measure import report

# Keras application, how many times faster at least (`None`: printed only), pairs of runs.
MEASURED = (("ResNet50", 8, 5), ("EfficientNetV2L", None, 3), ("ConvNeXtXLarge", 25, 3))
LARGEST = "ConvNeXtXLarge"
MOST_READ, MOST_MEBIBYTES = 0.001, 120

SAVE = "import sys, keras; getattr(keras.applications, sys.argv[1])(weights=None).save(sys.argv[2])"
LOAD = "import sys, keras; print(keras.saving.load_model(sys.argv[1]).count_params())"
PEAK = (
    "import atexit, sys; from kerasaudit.cli import main; "
    "atexit.register(lambda: print(open('/proc/self/status').read(), file=sys.stderr)); "
    "sys.argv = ['kerasaudit', 'audit', sys.argv[1], '--no-layers']; main()"
)


def command(*arguments: str, error: bool = False) -> str:
    """Run Python in a process of its own; what it prints, or what it prints as an error.

    With compiled files, as installed packages have them: neither side is to compile itself anew.
    """
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=True, env=environment
    )
    return done.stderr if error else done.stdout


def audit(path: Path) -> str:
    return command("-m", "kerasaudit", "audit", str(path), "--no-layers")


def timed(work, *arguments) -> float:
    begun = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - begun


def bytes_read(path: Path) -> int:
    """What the audit reads of a file, by its own meter."""
    from kerasaudit.observation.archive import read_source
    from kerasaudit.observation.source import Budget, FileSource

    with FileSource(path, Budget(path.name)) as source:
        read_source(source)
        return source.budget.bytes_read


def peak_mebibytes(path: Path) -> float:
    """The most memory that the command has at once, of its own process alone."""
    status = command("-c", PEAK, str(path), error=True)
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def measured(path: Path, name: str, floor: int | None, pairs: int) -> bool:
    audit(path)  # compiles our own files, as installing does
    ours, theirs = [], []
    for _ in range(pairs):
        ours.append(timed(audit, path))
        theirs.append(timed(command, "-c", LOAD, str(path)))
    ratios = [slow / quick for quick, slow in zip(ours, theirs, strict=True)]
    size = path.stat().st_size
    title = f"saved: {name} ({size / 1e6:,.0f} MB), load and count / audit"
    held = report(title, ratios, floor or 1)
    read, peak = bytes_read(path), peak_mebibytes(path)
    small = name != LARGEST or read <= MOST_READ * size
    held &= small and peak <= MOST_MEBIBYTES
    print(
        f"saved: {name}: audited in {min(ours):.2f} s at best, {read:,} of {size:,} bytes read "
        f"({read / size:.3%}), {peak:.0f} MiB at its peak, at most {MOST_MEBIBYTES}: "
        f"{'held' if small and peak <= MOST_MEBIBYTES else 'MISSED'}",
        flush=True,
    )
    return held


def run() -> bool:
    held = True
    with tempfile.TemporaryDirectory() as folder:
        for name, floor, pairs in MEASURED:
            path = Path(folder) / f"{name}.keras"
            command("-c", SAVE, name, str(path))
            held &= measured(path, name, floor, pairs)
            path.unlink()
    return held
