"""Locks in a run of tests: where they are, whether models are held against them or they written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kerasaudit.errors import KerasAuditError
from kerasaudit.reconciliation.audited import Audited
from kerasaudit.reconciliation.lock.file import read_lock
from kerasaudit.reconciliation.lock.folder import LockChange, orphans, update_locks
from kerasaudit.reconciliation.lock.naming import lock_file, recorded_target
from kerasaudit.reconciliation.result import Failure

__all__ = ["Locks"]


@dataclass(frozen=True, slots=True)
class Locks:
    """The locks of a project, in a folder. `update`: they are written anew, not compared."""

    place: Path
    locked: bool
    update: bool

    @property
    def active(self) -> bool:
        """Whether there are tests about locks."""
        return self.locked or self.update

    @property
    def folder(self) -> Path:
        """The folder, as it is named from the working directory."""
        return Path(os.path.relpath(self.place))

    @property
    def compared(self) -> Path | None:
        """The folder, if models are held against what is in it."""
        return self.folder if self.locked and not self.update else None

    def layers(self, target: str) -> list[str]:
        """The layers with weights that the lock of a target lists; none if it cannot be read."""
        if self.compared is None:
            return []
        path = self.folder / lock_file(recorded_target(target, self.folder))
        try:
            lock = read_lock(path)
        except KerasAuditError:
            return []  # the test of the lock says why
        return [layer.path for layer in lock.layers if layer.weights]

    def write(self, audited: Audited) -> LockChange | Failure:
        """Write the lock of a model."""
        return update_locks([audited], self.folder, [audited.audit.target])[0]

    def orphans(self, known: Sequence[Failure], named: Sequence[str]) -> list[LockChange | Failure]:
        """The locks that no model has of those under what was named; removed, in an update.

        Args:
            known: the models that there are. Of what else is in such a file it is not known.
            named: the paths by which they were found.
        """
        if self.update:
            return list(update_locks(known, self.folder, named))
        return list(orphans(known, self.folder, named))
