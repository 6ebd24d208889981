"""A session of a recording: one training from its begin to its end, as a store knows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kerasaudit.gradients.inventory import Inventory

__all__ = ["Session"]


@dataclass(frozen=True, slots=True)
class Session:
    """What was recorded, of what, how often.

    Args:
        session: its number in the store, from 0.
        inventory: the weights of its model, as they were known when it began.
        statistics: the statistics asked for, in that order ("histogram" among them).
        about: what the recorder says of it, as JSON has it: versions, the model's name, …
        every: every how many steps one is recorded.
        closed: whether it was ended; `False` for one that is under way or whose process died.
        parts: how many parts it has in a folder, once it is closed.

    >>> Session(0, Inventory(()), ("l2",), {"model": "net"}, every=10).to_json()["every"]
    10
    """

    session: int
    inventory: Inventory
    statistics: tuple[str, ...]
    about: Mapping[str, Any]
    every: int = 1
    closed: bool = False
    parts: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The session as `run.json` has it."""
        return {
            "session": self.session,
            "about": dict(self.about),
            "inventory": self.inventory.to_json(),
            "statistics": list(self.statistics),
            "every": self.every,
            "closed": self.closed,
            "parts": self.parts,
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Session:
        """The session that `to_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: `row` is not one.
        """
        return cls(
            session=int(row["session"]),
            inventory=Inventory.from_json(row["inventory"]),
            statistics=tuple(row["statistics"]),
            about=dict(row["about"]),
            every=int(row["every"]),
            closed=bool(row["closed"]),
            parts=None if row.get("parts") is None else int(row["parts"]),
        )
