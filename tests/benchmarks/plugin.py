"""The pytest plugin in a suite that does not use it: paired runs of pytest with and without it."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.benchmarks.measure import report
from tests.plugged import ROOT

MILLISECONDS = 20
RATIO = 1.1
PAIRS = 25


def run() -> bool:
    """Print what loading the plugin adds to a run of one empty test; hold it to 20 ms."""
    # Without the other plugins that may be installed: their spread hides what is measured.
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTEST_ADDOPTS": "-q -p no:cacheprovider",
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as compiled:
        environment["PYTHONPYCACHEPREFIX"] = compiled
        suite = Path(name)
        (suite / "test_it.py").write_text("def test_it():\n    pass\n")
        loaded = ["-p", "kerasaudit.pytest_plugin"]
        _processor_seconds(suite, environment, loaded)  # compiled and cached
        pairs = [
            (
                _processor_seconds(suite, environment, loaded),
                _processor_seconds(suite, environment, []),
            )
            for _ in range(PAIRS)
        ]
    # Whatever else the machine does can only add to a run: the quickest ones tell most.
    with_it, without = (min(runs) * 1000 for runs in zip(*pairs, strict=True))
    held = with_it - without < MILLISECONDS
    print(
        f"plugin: the quickest run of pytest takes {with_it:.0f} ms with it and {without:.0f} ms "
        f"without, under {MILLISECONDS} ms more: {'held' if held else 'MISSED'}"
    )
    ratios = [first / second for first, second in pairs]
    return report("plugin: pytest with / without it", ratios, RATIO, at_most=True) and held


def _processor_seconds(suite: Path, environment: Mapping[str, str], options: list[str]) -> float:
    """What a run takes of the processor: some milliseconds are lost in what else a machine does."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "pytest", *options, "."]
    subprocess.run(command, cwd=suite, env=environment, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
