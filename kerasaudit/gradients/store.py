"""Where recorded blocks are kept: in memory, or as a Parquet data set in a folder.

Both stores take blocks as training runs and give them back. What is kept falls into sessions: each
training is one, with an inventory of its own. `open_store` reads a folder, while it is being
written too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from kerasaudit.errors import ConfigError
from kerasaudit.gradients import folder
from kerasaudit.gradients.block import Block
from kerasaudit.gradients.columns import known_statuses, seen
from kerasaudit.gradients.inventory import Inventory
from kerasaudit.gradients.memory_store import MemoryStore
from kerasaudit.gradients.part_writer import require_pyarrow, write_part, write_weights
from kerasaudit.gradients.session import Session
from kerasaudit.gradients.stored_run import StoredRun, open_store

if TYPE_CHECKING:
    import pandas

__all__ = ["MemoryStore", "ParquetStore", "Session", "Store", "StoredRun", "open_store"]

PART_BYTES = 32 * 1024 * 1024
_STEP_BYTES, _BLOCK_BYTES = 64, 2048  # about what a step and a block take beside their figures


class Store(Protocol):
    """What a recorder writes to."""

    @property
    def sessions(self) -> tuple[Session, ...]:
        """The sessions that it holds, in order."""

    def begin(
        self,
        inventory: Inventory,
        statistics: Sequence[str],
        about: Mapping[str, Any],
        *,
        every: int,
    ) -> int:
        """Begin a session, and end one that is under way; return its number, from 0."""

    def append(self, block: Block) -> None:
        """Take a block of the session that is under way."""

    def flush(self) -> None:
        """Bring what was taken so far to safety."""

    def end(self) -> None:
        """End the session, if one is under way."""

    def blocks(self, session: int | None = None) -> Iterator[Block]:
        """The blocks of one session or of all; within a stream in the order they came."""

    def frame(self, table: str, **filters: Any) -> pandas.DataFrame:
        """A table as a DataFrame: the rows that have the given values in the given columns."""


class ParquetStore:
    """Keeps blocks in a folder, in parts that are each on disk as a whole or not there.

    A process that is killed loses what was not flushed. Opening the folder again appends another
    session. Memory stays bounded by `part_bytes` (and by one step) however long a training runs.

    Args:
        path: the folder: a new or empty one, or an earlier run.
        part_bytes: how many bytes of figures to gather before a part is written.

    Raises:
        TargetError: pyarrow is not installed; the folder is not a run, or of a newer version, or
            cannot be written, or someone else is recording into it.
    """

    def __init__(self, path: str | os.PathLike[str], part_bytes: int = PART_BYTES) -> None:
        require_pyarrow("a stored recording")
        self.path = Path(path)
        self.part_bytes = part_bytes
        folder.check(self.path)
        self._lock = folder.Lock(self.path)
        self._sessions: list[Session] = []
        self._under_way: _UnderWay | None = None
        self._open()

    @property
    def sessions(self) -> tuple[Session, ...]:
        """The sessions, in order, those of earlier processes too."""
        return tuple(self._sessions)

    def begin(
        self,
        inventory: Inventory,
        statistics: Sequence[str],
        about: Mapping[str, Any],
        *,
        every: int,
    ) -> int:
        """Begin a session, and end one that is under way; return its number, from 0.

        Raises:
            ConfigError: `about` is not JSON.
            TargetError: it cannot be written.
        """
        self.end()
        self._open()
        number = self._sessions[-1].session + 1 if self._sessions else 0
        session = Session(number, inventory, tuple(statistics), dict(about), every)
        sessions = [*self._sessions, session]
        write_weights(self.path, session, known_statuses(inventory, None))
        folder.save(self.path, sessions)
        self._sessions = sessions
        self._under_way = _UnderWay(self.path, sessions)
        return number

    def append(self, block: Block) -> None:
        """Take a block of the session that is under way, and write a part when there is enough.

        Its elements are kept at the tap raw only. The figures of weights that it has no gradient
        of are not kept.

        Raises:
            ConfigError: no session is under way.
            TargetError: the part cannot be written. What was taken is still held, for a later try.
        """
        import numpy as np

        if self._under_way is None:
            raise ConfigError("a block was given to a store before a session was begun")
        if len(block) and not self._under_way.follows(block):
            self._under_way.write()
        length = max(1, self.part_bytes * len(block) // max(block.nbytes, 1))
        for start in range(0, len(block), length):
            rows = np.arange(start, min(start + length, len(block)))
            self._under_way.take(block if length >= len(block) else block.take(rows))
            if self._under_way.nbytes > self.part_bytes:
                self._under_way.write()

    def flush(self) -> None:
        """Write what is held as a part; it is on disk when this returns.

        Raises:
            TargetError: it cannot be written.
        """
        if self._under_way is not None:
            self._under_way.write()

    def end(self) -> None:
        """End the session, if one is under way, and let others record into the folder.

        Raises:
            TargetError: what is held cannot be written.
        """
        try:
            if self._under_way is not None:
                self._under_way.write()
                last = replace(self._sessions[-1], closed=True, parts=self._under_way.parts)
                closed = [*self._sessions[:-1], last]
                folder.save(self.path, closed)
                self._sessions = closed
        finally:
            self._under_way = None
            self._lock.release()

    def blocks(self, session: int | None = None) -> Iterator[Block]:
        """The blocks of one session or of all, part by part, then those not yet written.

        Raises:
            ConfigError: there is no such session.
            TargetError: a part cannot be read.
        """
        yield from StoredRun(self.path).blocks(session)
        if self._under_way is not None and session in {None, self._sessions[-1].session}:
            yield from tuple(self._under_way.held)

    def frame(self, table: str, **filters: Any) -> pandas.DataFrame:
        """A table as a DataFrame, after a flush; see `StoredRun.frame`.

        Raises:
            ConfigError: there is no such table or column.
            TargetError: a part cannot be written or read.
        """
        self.flush()
        return StoredRun(self.path).frame(table, **filters)

    def _open(self) -> None:
        """Take the lock and read what the folder holds, unless that is done."""
        if self._lock.held:
            return
        self._lock.acquire()
        try:
            folder.create(self.path)
            self._sessions = folder.load(self.path)
        except BaseException:
            self._lock.release()
            raise


class _UnderWay:
    """A session that is being written: the blocks held, and the parts written so far."""

    def __init__(self, path: Path, sessions: Sequence[Session]) -> None:
        self.path = path
        self.session = sessions[-1]
        self.held: list[Block] = []
        self.nbytes = 0
        self.parts = 0
        self._last_step: dict[tuple[str, str], int] = {}
        self._seen: list[bool] | None = None
        # Every part has the columns of the ones before it: readers go by the first one's.
        self._statistics = list(dict.fromkeys(s for one in sessions for s in one.statistics))
        wide = any(one.inventory.dtype == "float64" for one in sessions)
        self._dtype = "float64" if wide else "float32"

    def follows(self, block: Block) -> bool:
        """Whether it can stand in the same part: a part's rows are sorted by step."""
        last = self._last_step.get((block.optimizer, block.tap))
        return last is None or last <= int(block.steps[0])

    def take(self, block: Block) -> None:
        """Hold a block."""
        self.held.append(block)
        self.nbytes += block.nbytes + _STEP_BYTES * len(block) + _BLOCK_BYTES
        self._last_step[block.optimizer, block.tap] = int(block.steps[-1])

    def write(self) -> None:
        """Write what is held as a part."""
        if not self.held:
            return
        session, held = self.session, self.held
        write_part(self.path, session, self.parts, held, self._statistics, self._dtype)
        before = known_statuses(session.inventory, self._seen)
        self._seen = seen(held, self._seen)
        self.held, self.nbytes, self._last_step = [], 0, {}
        self.parts += 1
        statuses = known_statuses(session.inventory, self._seen)
        if statuses != before:
            write_weights(self.path, session, statuses)
