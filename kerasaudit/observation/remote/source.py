"""The bytes of a remote file as a `Source`: kept in blocks, and fetched with what lies around.

What a model file says of itself lies in a hundred places between its weights, each a few kilobytes
long. So what is asked for is fetched with a little of what stands before and after it, and where a
reader knows several places that it will look at, they are fetched together.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from types import TracebackType
from typing import Protocol

from kerasaudit.errors import LimitError, TargetError
from kerasaudit.observation.remote.address import scheme_of
from kerasaudit.observation.remote.extents import joined
from kerasaudit.observation.remote.http import HttpFile
from kerasaudit.observation.remote.store import StoreFile
from kerasaudit.observation.source import Budget, Extent, check_extent

__all__ = ["RemoteSource"]

_BLOCK = 512
# Measured on the models of keras.applications: more brings more bytes, less more requests.
_BEFORE, _AFTER = 1024, 2048
_AT_ONCE = 4096  # places: of a file that claims to have many, each takes memory
_LARGE = 16 * 1024  # what is read in such pieces is not looked around


class _Remote(Protocol):
    """A file that is fetched in parts. `start` is what came with the first answer."""

    size: int
    start: bytes

    def fetch(self, extents: list[Extent]) -> Iterable[tuple[int, bytes]]:
        """The bytes of each extent and of some gaps between them, with where they begin."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


class RemoteSource:
    """A file by its URL, open until the `with` ends. `fetched` counts the bytes that came.

    Raises:
        TargetError: it cannot be opened, or not in parts.
        LimitError: more would be fetched than `read_bytes`.
    """

    distant = True

    def __init__(self, url: str, budget: Budget) -> None:
        self.budget = budget
        kind = HttpFile if scheme_of(url) in ("http", "https") else StoreFile
        self._remote: _Remote = kind(url, budget)
        self._kept: dict[int, bytes] = {}
        self.size = self._remote.size
        self.fetched = len(self._remote.start)
        self._keep(0, self._remote.start)

    def __enter__(self) -> RemoteSource:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._remote.close()

    def read(self, offset: int, size: int) -> bytes:
        """The `size` bytes from `offset` on."""
        check_extent(self, offset, size)
        self.budget.read(size)
        blocks = _blocks(offset, offset + size)
        if any(block not in self._kept for block in blocks):
            self._fetch(self._missing([(offset, size)]))
        if any(block not in self._kept for block in blocks):
            raise TargetError(
                f"{self.budget.name}: expected {size:,} bytes at {offset:,}, received fewer"
            )
        data = b"".join(self._kept[block] for block in blocks)
        start = offset - blocks.start * _BLOCK
        return data[start : start + size]

    def prefetch(self, extents: Iterable[Extent]) -> None:
        """Fetch together what will be read soon. It is a hint, and may ask for too much."""
        inside = (extent for extent in extents if 0 <= extent[0] < self.size)
        lacking = (extent for extent in inside if extent[0] // _BLOCK not in self._kept)
        while some := list(islice(lacking, _AT_ONCE)):
            wanted = self._missing(some)
            if self.fetched + sum(size for _, size in wanted) > self.budget.limits.read_bytes:
                return
            self._fetch(wanted)

    def _missing(self, extents: Iterable[Extent]) -> list[Extent]:
        """What is not kept of extents and of what lies around them, in whole blocks."""
        blocks = {block for extent in extents for block in self._around(*extent)}
        missing = sorted(blocks - self._kept.keys())
        whole = joined((block * _BLOCK, _BLOCK) for block in missing)
        return [(start, min(size, self.size - start)) for start, size in whole]

    def _around(self, offset: int, size: int) -> range:
        before, after = (_BEFORE, _AFTER) if size < _LARGE else (0, 0)
        return _blocks(max(offset - before, 0), min(offset + size + after, self.size))

    def _fetch(self, extents: list[Extent]) -> None:
        self._check_fetched(sum(size for _, size in extents))
        if extents:
            for offset, data in self._remote.fetch(extents):
                self.fetched += len(data)
                self._keep(offset, data)
            self._check_fetched(0)

    def _check_fetched(self, more: int) -> None:
        most = self.budget.limits.read_bytes
        if self.fetched + more > most:
            raise LimitError(
                f"{self.budget.name}: expected to be read by fetching at most {most:,} bytes "
                "(read_bytes), received a file that asks for more"
            )
        self.budget.check_time()

    def _keep(self, offset: int, data: bytes) -> None:
        """Keep the whole blocks of some bytes, and the file's last one."""
        for start in range(-offset % _BLOCK, len(data), _BLOCK):
            block = data[start : start + _BLOCK]
            if len(block) == _BLOCK or offset + len(data) == self.size:
                self._kept[(offset + start) // _BLOCK] = block


def _blocks(start: int, end: int) -> range:
    """The numbers of the blocks that some bytes lie in."""
    return range(start // _BLOCK, -(-end // _BLOCK))
