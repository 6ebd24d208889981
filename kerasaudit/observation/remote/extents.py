"""Parts of a file, joined where the gap between them is not worth a request of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kerasaudit.observation.source import Extent

__all__ = ["joined"]


def joined(extents: Iterable[Extent], gap: int = 0) -> Iterator[Extent]:
    """The extents in their order, those with at most `gap` bytes between them as one.

    >>> list(joined([(0, 10), (12, 8), (40, 1)], gap=2))
    [(0, 20), (40, 1)]
    """
    start = end = -1
    for offset, size in sorted(extents):
        if start >= 0 and offset <= end + gap:
            end = max(end, offset + size)
            continue
        if start >= 0:
            yield start, end - start
        start, end = offset, offset + size
    if start >= 0:
        yield start, end - start
