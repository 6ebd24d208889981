"""The bytes of a file that somebody else wrote: read by position, counted, and within a budget.

Every reader of such a file reads through a `Source`, so that no number in the file, whatever it
claims, makes more be read than the limits allow, and no loop outlasts the time that it is given.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Protocol

from kerasaudit.config import DEFAULT_LIMITS, Limits
from kerasaudit.errors import LimitError, MalformedError, TargetError

__all__ = ["Budget", "Extent", "FileSource", "MemorySource", "Source", "Window", "check_extent"]

Extent = tuple[int, int]  # an offset and a size


class Budget:
    """What has been spent on one file, held against its limits."""

    def __init__(self, name: str, limits: Limits = DEFAULT_LIMITS) -> None:
        self.name = name
        self.limits = limits
        self.bytes_read = 0
        self.reads = 0
        self.objects = 0
        self._until = time.monotonic() + limits.seconds

    def read(self, size: int) -> None:
        """Note a read of `size` bytes before it is made."""
        self.bytes_read += size
        self.reads += 1
        if self.bytes_read > self.limits.read_bytes:
            raise LimitError(
                f"{self.name}: expected to be read within {self.limits.read_bytes:,} bytes "
                "(read_bytes), received a file that asks for more"
            )
        self.check_time()

    def enter(self) -> None:
        """Note one more object of an HDF5 file."""
        self.objects += 1
        if self.objects > self.limits.objects:
            raise LimitError(
                f"{self.name}: expected at most {self.limits.objects:,} objects (objects), "
                "received more"
            )
        self.check_time()

    @property
    def seconds_left(self) -> float:
        """The time that is left for this file, never quite nothing: 0 often means no bound."""
        return max(self._until - time.monotonic(), 0.001)

    def check_time(self) -> None:
        """Raise if the time for this file is over."""
        if time.monotonic() > self._until:
            raise LimitError(
                f"{self.name}: expected to be read within {self.limits.seconds:g} s (seconds), "
                "received a file that takes longer"
            )


class Source(Protocol):
    """Bytes by position. `read` gives exactly what is asked for, or raises.

    Raises:
        MalformedError: what is asked for lies outside of the file.
        LimitError: the budget is spent.
    """

    budget: Budget
    size: int
    distant: bool  # whether an answer takes long, so that it is better to ask for much at once

    def read(self, offset: int, size: int) -> bytes:
        """The `size` bytes from `offset` on."""
        ...

    def prefetch(self, extents: Iterable[Extent]) -> None:
        """Be told what will be read soon: a source that is far away can have it come at once."""
        ...


class FileSource:
    """A file on this machine, open for reading until the `with` ends."""

    distant = False

    def __init__(self, path: Path, budget: Budget) -> None:
        self.budget = budget
        try:
            self._file = path.open("rb", buffering=0)
            self.size = os.fstat(self._file.fileno()).st_size
        except OSError as error:
            raise TargetError(f"{path}: cannot be read: {error.strerror}") from error

    def __enter__(self) -> FileSource:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def read(self, offset: int, size: int) -> bytes:
        """The `size` bytes from `offset` on."""
        check_extent(self, offset, size)
        self.budget.read(size)
        self._file.seek(offset)
        data = b""
        while len(data) < size:  # an unbuffered read may give less than it was asked for
            part = self._file.read(size - len(data))
            if not part:
                raise MalformedError(f"{self.budget.name}: it became shorter while it was read")
            data += part
        return data

    def prefetch(self, extents: Iterable[Extent]) -> None:
        """Nothing: what is asked for is near."""


class MemorySource:
    """Bytes that are in memory already, such as a member that had to be unpacked."""

    distant = False

    def __init__(self, data: bytes, budget: Budget) -> None:
        self.budget = budget
        self.size = len(data)
        self._data = data

    def read(self, offset: int, size: int) -> bytes:
        """The `size` bytes from `offset` on."""
        check_extent(self, offset, size)
        self.budget.read(size)
        return self._data[offset : offset + size]

    def prefetch(self, extents: Iterable[Extent]) -> None:
        """Nothing: what is asked for is near."""


class Window:
    """A part of another source, such as a member that an archive stores as it is."""

    def __init__(self, source: Source, offset: int, size: int) -> None:
        check_extent(source, offset, size)
        self.budget = source.budget
        self.size = size
        self.distant = source.distant
        self._source = source
        self._offset = offset

    def read(self, offset: int, size: int) -> bytes:
        """The `size` bytes from `offset` on."""
        check_extent(self, offset, size)
        return self._source.read(self._offset + offset, size)

    def prefetch(self, extents: Iterable[Extent]) -> None:
        """Pass it on, of what lies in this part."""
        inside = (one for one in extents if 0 <= one[0] < self.size)
        self._source.prefetch((self._offset + offset, size) for offset, size in inside)


def check_extent(source: Source, offset: int, size: int) -> None:
    """Raise if what is asked for lies outside of the file."""
    if offset < 0 or size < 0 or offset + size > source.size:
        raise MalformedError(
            f"{source.budget.name}: expected {size:,} bytes at {offset:,}, received the end of "
            f"the file at {source.size:,}"
        )
