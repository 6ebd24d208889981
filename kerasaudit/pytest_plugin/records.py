"""What was audited in a run, as plain data: workers hand it over, the summary tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from kerasaudit.reconciliation.result import Audit, Failure, LayerRow, Totals

__all__ = ["RECORDS", "Record", "Records"]


@dataclass(frozen=True, slots=True)
class Record:
    """One model: its status ("failed": it could not be audited), and how much of it was derived.

    `whole` are the parameters that there are, `None` where that is not known, and `derived` those
    of them that the arithmetic accounts for.
    """

    target: str
    status: str
    derived: int
    whole: int | None
    unsupported: tuple[str, ...] = ()
    exempt: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Records:
    """The records of a run by what they are of: a model that two workers audited is one."""

    def __init__(self) -> None:
        self._by_key: dict[str, Record] = {}
        self.locks: dict[str, str] = {}  # what became of a lock, by its file

    def __bool__(self) -> bool:
        return bool(self._by_key or self.locks)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._by_key.values())

    def note(self, key: str, outcome: Audit | Failure) -> None:
        """Keep what came of a model."""
        from kerasaudit.reconciliation.result import Failure

        if isinstance(outcome, Failure):
            self._by_key[key] = Record(outcome.target, "failed", 0, None)
        else:
            self._by_key[key] = _record(outcome)

    def note_lock(self, file: str, kind: str) -> None:
        """Keep what became of a lock."""
        self.locks[file] = kind

    def as_data(self) -> dict[str, dict[str, Any]]:
        """The records as what can be sent."""
        records = {key: asdict(record) for key, record in self._by_key.items()}
        return {"models": records, "locks": self.locks}

    def take(self, data: Mapping[str, Mapping[str, Any]]) -> None:
        """Take over what another process sent."""
        for key, fields in data.get("models", {}).items():
            self._by_key[key] = Record(**fields)
        self.locks.update(data.get("locks", {}))


def _record(audit: Audit) -> Record:
    from kerasaudit.finding import WARNING

    rows = [row for row in audit.layers if row.derived is not None]
    return Record(
        target=audit.target,
        status=audit.status,
        derived=sum(_there(row) or 0 for row in rows),
        whole=_there(audit.totals),
        unsupported=tuple(
            f"{row.path} ({row.class_name})" for row in audit.layers if row.status == "unsupported"
        ),
        exempt=tuple(f"{r.path} ({r.reason})" for r in audit.layers if r.status == "exempt"),
        warnings=tuple(f"{f.code} {f.message}" for f in audit.findings if f.severity == WARNING),
    )


def _there(row: LayerRow | Totals) -> int | None:
    """The parameters that are held; those that are derived where nothing is."""
    sides = (row.observed, row.stored, row.derived)
    return next((side for side in sides if side is not None), None)


RECORDS = pytest.StashKey[Records]()
