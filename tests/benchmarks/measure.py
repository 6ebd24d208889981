"""How benchmarks measure and report: paired runs, a ratio, its median and spread."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def seconds(work: Callable[[], object]) -> float:
    """The wall time of one run."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def report(title: str, ratios: list[float], floor: float, *, at_most: bool = False) -> bool:
    """Print a ratio over paired runs and whether its floor (or ceiling) held for the median."""
    median = statistics.median(ratios)
    held = median <= floor if at_most else median >= floor
    bound = f"{'at most' if at_most else 'at least'} {floor:g}"
    print(
        f"{title}: ratio {median:,.1f} (from {min(ratios):,.1f} to {max(ratios):,.1f} "
        f"over {len(ratios)} pairs), {bound}: {'held' if held else 'MISSED'}"
    )
    return held
