"""A stored run, opened to be read: nothing is written, and no lock is taken."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasaudit.errors import ConfigError, TargetError
from kerasaudit.gradients import folder
from kerasaudit.gradients.block import Block
from kerasaudit.gradients.frames import to_frame
from kerasaudit.gradients.inventory import Inventory
from kerasaudit.gradients.part_reader import read_part
from kerasaudit.gradients.part_writer import require_pyarrow
from kerasaudit.gradients.session import Session

if TYPE_CHECKING:
    import pandas

__all__ = ["StoredRun", "open_store"]


class StoredRun:
    """The recording that a folder holds, as far as it is written: `open_store` opens it.

    Args:
        path: the folder.

    Raises:
        TargetError: it is not a run, or of a newer version; pyarrow is not installed.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._sessions = {one.session: one for one in folder.load(self.path)}
        require_pyarrow("a stored recording")

    @property
    def sessions(self) -> tuple[Session, ...]:
        """The sessions, in order."""
        return tuple(self._sessions.values())

    def inventory(self, session: int) -> Inventory:
        """The weights of a session, as they were known when it began.

        Raises:
            ConfigError: there is no such session.
        """
        return self._session(session).inventory

    def blocks(
        self, session: int | None = None, columns: Sequence[str] | None = None
    ) -> Iterator[Block]:
        """The blocks of one session or of all, read part by part.

        Steps are in the order of their number within a part, and parts in the order they were
        written. A weight that a block does not have is NaN in its values, 0 in its histogram, and
        not in its elements; a loss that is not known is NaN.

        Args:
            session: the number of a session; `None` for all.
            columns: the statistics to read, "histogram" and "elements" among them; `None` for all.

        Raises:
            ConfigError: there is no such session.
            TargetError: a file of a part is missing, truncated, or not of this run.
        """
        if session is not None:
            self._session(session)
        self._check_parts()
        for owner, number in folder.parts(self.path):
            if session in {None, owner}:
                yield from read_part(self.path, self._sessions[owner], number, columns)

    def frame(self, table: str, **filters: Any) -> pandas.DataFrame:
        """A table as a DataFrame (`TABLES` documents its columns).

        Args:
            table: "kernels", "steps", "weights" or "elements".
            **filters: for some columns, the value or values that a row must have:
                `frame("kernels", layer="conv1", step=range(100))`.

        Raises:
            ConfigError: there is no such table or column.
            TargetError: a part cannot be read.
        """
        return to_frame(table, self.sessions, self.blocks, filters)

    def _check_parts(self) -> None:
        """A part is of a session; one that was closed says how many it has: none may be gone."""
        parts = list(folder.parts(self.path))
        for owner, number in parts:
            if owner not in self._sessions:
                name = folder.part_path("steps", owner, number)
                raise TargetError(
                    f"{self.path / name}: not a part of this run: expected a session of run.json "
                    f"({len(self._sessions)}, from 0), found {owner}"
                )
        owners = [owner for owner, _ in parts]
        for one in self._sessions.values():
            found = owners.count(one.session)
            if one.parts is not None and found != one.parts:
                raise TargetError(
                    f"{self.path}: expected {one.parts} parts of session {one.session}, "
                    f"found {found}"
                )

    def _session(self, session: int) -> Session:
        if session not in self._sessions:
            raise ConfigError(f"no session {session}; there are {len(self._sessions)}, from 0")
        return self._sessions[session]


def open_store(path: str | os.PathLike[str]) -> StoredRun:
    """Open a stored run to read it.

    Args:
        path: the folder that a recorder wrote.

    Raises:
        TargetError: it is not a run, or of a newer version; pyarrow is not installed.
    """
    return StoredRun(path)
