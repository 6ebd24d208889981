"""A store in memory, which thins itself when it would grow too large."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from kerasaudit.errors import ConfigError
from kerasaudit.gradients.block import Block
from kerasaudit.gradients.frames import to_frame
from kerasaudit.gradients.inventory import Inventory
from kerasaudit.gradients.kinds import Kind, kind_of, merged
from kerasaudit.gradients.session import Session

if TYPE_CHECKING:
    import pandas

__all__ = ["MemoryStore"]

_SMALL = 64 * 1024  # blocks are joined up to this many bytes, so that none is mostly overhead


@dataclass(frozen=True, slots=True)
class _Kept:
    """A block that is kept, and which of its stream's steps the first of its is."""

    session: int
    kind: Kind
    first: int
    block: Block


class MemoryStore:
    """Keeps blocks in memory, and fewer of their steps when they would take more than `limit`.

    It thins itself then: of each stream (an optimizer at a tap) every second step that is kept is
    dropped, and from then on only every second one taken, then every fourth, and so on, counted
    over the whole run. What is left is spaced evenly, from the stream's first step on.

    Args:
        limit: how many bytes of figures to keep. One step of each stream is kept in any case.

    >>> store = MemoryStore(limit=1 << 20)
    >>> store.begin(Inventory(()), ("l2",), {}, every=1), store.thinned
    (0, 1)
    """

    def __init__(self, limit: int = 256 * 1024 * 1024) -> None:
        self.limit = limit
        self._sessions: list[Session] = []
        self._kept: list[_Kept] = []
        self._last: dict[tuple[str, str], int] = {}  # where in `_kept` a stream's last block is
        self._counts: dict[tuple[str, str], int] = {}  # how many steps a stream was given
        self._stride = 1
        self._nbytes = 0

    @property
    def sessions(self) -> tuple[Session, ...]:
        """The sessions, in order."""
        return tuple(self._sessions)

    @property
    def thinned(self) -> int:
        """Of how many steps that a stream was given one is kept: 1 is all of them."""
        return self._stride

    @property
    def nbytes(self) -> int:
        """The memory that the figures take."""
        return self._nbytes

    def begin(
        self,
        inventory: Inventory,
        statistics: Sequence[str],
        about: Mapping[str, Any],
        *,
        every: int,
    ) -> int:
        """Begin a session, and end one that is under way; return its number, from 0."""
        self.end()
        number = len(self._sessions)
        self._sessions.append(Session(number, inventory, tuple(statistics), dict(about), every))
        return number

    def append(self, block: Block) -> None:
        """Take a block of the session that is under way.

        Raises:
            ConfigError: no session is.
        """
        import numpy as np

        if not self._sessions or self._sessions[-1].closed:
            raise ConfigError("a block was given to a store before a session was begun")
        kind = kind_of(block)
        count = self._counts.get(kind.stream, 0)
        self._counts[kind.stream] = count + len(block)
        offset = -count % self._stride
        if self._stride > 1:
            block = block.take(np.arange(offset, len(block), self._stride))
        self._keep(_Kept(len(self._sessions) - 1, kind, count + offset, block))
        while self._nbytes > self.limit and self._stride < max(self._counts.values()):
            self._thin()

    def flush(self) -> None:
        """Nothing: it is kept already."""

    def end(self) -> None:
        """End the session, if one is under way."""
        if self._sessions:
            self._sessions[-1] = replace(self._sessions[-1], closed=True)

    def blocks(self, session: int | None = None) -> Iterator[Block]:
        """The blocks of one session or of all, in the order they came, small ones joined.

        Raises:
            ConfigError: there is no such session.
        """
        if session is not None and not 0 <= session < len(self._sessions):
            raise ConfigError(f"no session {session}; there are {len(self._sessions)}, from 0")
        for kept in tuple(self._kept):
            if session in {None, kept.session}:
                yield kept.block

    def frame(self, table: str, **filters: Any) -> pandas.DataFrame:
        """A table as a DataFrame (`TABLES` documents its columns).

        Args:
            table: "kernels", "steps", "weights" or "elements".
            **filters: for some columns, the value or values that a row must have.

        Raises:
            ConfigError: there is no such table or column.
        """
        return to_frame(table, self._sessions, lambda number, _: self.blocks(number), filters)

    def _keep(self, kept: _Kept) -> None:
        if not len(kept.block):
            return
        self._nbytes += kept.block.nbytes
        place = self._last.get(kept.kind.stream)
        last = None if place is None else self._kept[place]
        if (
            place is not None
            and last is not None
            and (last.session, last.kind) == (kept.session, kept.kind)
            and last.block.nbytes + kept.block.nbytes <= _SMALL
        ):
            self._kept[place] = replace(last, block=merged([last.block, kept.block]))
        else:
            self._last[kept.kind.stream] = len(self._kept)
            self._kept.append(kept)

    def _thin(self) -> None:
        """Drop every second step that is kept of each stream."""
        import numpy as np

        old, before = self._kept, self._stride
        self._kept, self._last, self._nbytes = [], {}, 0
        self._stride = 2 * before
        for kept in old:
            offset = kept.first // before % 2
            rows = np.arange(offset, len(kept.block), 2)
            first = kept.first + offset * before
            self._keep(replace(kept, first=first, block=kept.block.take(rows)))
