"""One file audited and rendered, and what may come of it: findings, or one line."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import kerasaudit as ka
from kerasaudit import report
from kerasaudit.config import Limits

SECONDS = 5.0


def audited(path: Path) -> tuple[str, float, float]:
    """How the audit of a file ended, its seconds, and the most mebibytes the process has had."""
    begun = time.perf_counter()
    (result,) = ka.audit_all([path], limits=Limits(seconds=SECONDS))
    took = time.perf_counter() - begun
    for format_ in ("terminal", "json", "csv", "markdown"):
        report.render([result], format_)
    assert took < 2 * SECONDS, f"{took:.1f} s"
    if not isinstance(result, ka.Failure):
        return result.status, took, peak_mebibytes()
    assert "itself failed" not in result.message, result.message
    assert "\n" not in result.message
    return type(result.error).__name__, took, peak_mebibytes()


def peak_mebibytes() -> float:
    """The most memory that this process has had, its parent's at the time of its start aside."""
    if sys.platform == "linux":
        status = Path("/proc/self/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # macOS counts bytes
