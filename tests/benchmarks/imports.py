"""Importing the package, against importing pandas and against a bare interpreter."""

from __future__ import annotations

import statistics
import subprocess
import sys

from tests.benchmarks.measure import report, seconds

FLOOR = 10
MILLISECONDS = 60


def run() -> bool:
    def importing(statement: str) -> float:
        return seconds(lambda: subprocess.run([sys.executable, "-c", statement], check=True))

    importing("import kerasaudit, pandas")  # compiled and cached
    ratios, ours = [], []
    for _ in range(7):
        bare = importing("pass")
        own = importing("import kerasaudit") - bare
        ours.append(own * 1000)
        ratios.append((importing("import pandas") - bare) / max(own, 1e-4))
    median = statistics.median(ours)
    print(f"imports: import kerasaudit adds {median:.0f} ms to a bare interpreter")
    held = report("imports: pandas / kerasaudit", ratios, FLOOR)
    return held and median < MILLISECONDS
