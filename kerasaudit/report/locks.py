"""What became of locks that were written anew: a line for each, and how many there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kerasaudit.reconciliation.lock.folder import LockChange
from kerasaudit.report.diff.wording import status_line, step
from kerasaudit.report.wording import count, printable

__all__ = ["lines"]

_KINDS = ("new", "changed", "unchanged", "removed")


def lines(changes: Sequence[LockChange]) -> Iterator[str]:
    """The lines.

    >>> list(lines([LockChange("unchanged", "audits/zoo/net.json", "zoo:net", None, None)]))
    ['unchanged  audits/zoo/net.json', '1 lock: 1 unchanged']
    """
    for change in changes:
        yield f"{change.kind:<9}  {printable(change.file)}"
        figures = _figures(change)
        if figures:
            yield f"           {printable(figures)}"
    kinds = [change.kind for change in changes]
    numbers = ", ".join(f"{kinds.count(kind)} {kind}" for kind in _KINDS if kind in kinds)
    yield f"{len(changes)} {'lock' if len(changes) == 1 else 'locks'}: {numbers or 'none'}"


def _figures(change: LockChange) -> str:
    """The model's parameters and MACs, and what changed."""
    held = change.new or change.old
    if held is None or change.kind in ("unchanged", "removed"):
        return ""
    if change.diff is None or change.old is None:
        params, macs = count(held.totals["params"]), count(held.totals["macs"])
        return f"{params} parameters, {macs} MACs, {len(held.layers)} layers"
    old, new = change.old.totals["params"], held.totals["params"]
    difference = None if old is None or new is None else new - old
    params = f"{count(old)} → {count(new)} parameters ({step(difference)})"
    return f"{params}: {status_line(change.diff)}"
