"""How benchmarks measure and report: paired runs, a ratio, its median and spread."""

from __future__ import annotations

import gc
import statistics
import timeit
from collections.abc import Callable


def seconds(work: Callable[[], object]) -> float:
    """The wall time of one run, the garbage collector paused as `timeit` does.

    It would otherwise walk whatever else the process has loaded, at moments that are nobody's.
    """
    gc.collect()
    return timeit.timeit(work, number=1)


def report(title: str, ratios: list[float], floor: float, *, at_most: bool = False) -> bool:
    """Print a ratio over paired runs and whether its floor (or ceiling) held for the median."""
    median = statistics.median(ratios)
    held = median <= floor if at_most else median >= floor
    digits = 3 if median < 10 else 1
    middle, least, most = (f"{one:,.{digits}f}" for one in (median, min(ratios), max(ratios)))
    bound = f"{'at most' if at_most else 'at least'} {floor:g}"
    print(
        f"{title}: ratio {middle} (from {least} to {most} over {len(ratios)} pairs), {bound}: "
        f"{'held' if held else 'MISSED'}",
        flush=True,
    )
    return held
