"""Blocks of one kind, which differ in their steps only, and can be made into one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kerasaudit.gradients.block import Block
from kerasaudit.gradients.inventory import Inventory

__all__ = ["Kind", "kind_of", "merged"]


@dataclass(frozen=True, slots=True)
class Kind:
    """What blocks must have in common to be one.

    Args:
        optimizer, tap, statistics: as the block has them.
        absent: positions of the recorded weights that have no gradient.
        bins: how many bins its histogram has; `None` without one.
        elements: positions of the recorded weights that it has element by element.
    """

    optimizer: str
    tap: str
    statistics: tuple[str, ...]
    absent: tuple[int, ...]
    bins: int | None
    elements: tuple[int, ...]

    @property
    def stream(self) -> tuple[str, str]:
        """What it is a sequence of steps of: an optimizer at a tap."""
        return self.optimizer, self.tap

    def rows(self, table: str, inventory: Inventory) -> int:
        """How many rows each step has in a table: "kernels", "steps" or "elements"."""
        recorded, absent = inventory.recorded, set(self.absent)
        if table == "kernels":
            return sum(e.kernels for place, e in enumerate(recorded) if place not in absent)
        if table == "elements":
            return sum(recorded[place].kernels * recorded[place].size for place in self.listed)
        return 1

    @property
    def listed(self) -> tuple[int, ...]:
        """The weights that "elements" has: at the tap raw, the ones with a gradient."""
        there = tuple(place for place in self.elements if place not in self.absent)
        return there if self.tap == "raw" else ()

    def to_json(self) -> list[Any]:
        """The kind as JSON has it."""
        names = ("optimizer", "tap", "statistics", "absent", "bins", "elements")
        return [getattr(self, name) for name in names]

    @classmethod
    def from_json(cls, row: Sequence[Any]) -> Kind:
        """The kind that `to_json` wrote."""
        optimizer, tap, statistics, absent, bins, elements = row
        return cls(optimizer, tap, tuple(statistics), tuple(absent), bins, tuple(elements))


def kind_of(block: Block) -> Kind:
    """The kind of a block."""
    import numpy as np

    return Kind(
        block.optimizer,
        block.tap,
        block.statistics,
        tuple(np.flatnonzero(~np.asarray(block.present, dtype=bool)).tolist()),
        None if block.histogram is None else block.histogram.shape[-1],
        tuple(sorted(block.elements)),
    )


def merged(blocks: Sequence[Block]) -> Block:
    """Blocks of one kind as one, their steps one after the other."""
    import numpy as np

    first = blocks[0]
    if len(blocks) == 1:
        return first

    def end_to_end(name: str) -> Any:
        return np.concatenate([getattr(block, name) for block in blocks])

    return Block(
        first.optimizer,
        first.tap,
        first.statistics,
        steps=end_to_end("steps"),
        epochs=end_to_end("epochs"),
        status=end_to_end("status"),
        learning_rate=end_to_end("learning_rate"),
        loss=end_to_end("loss"),
        loss_known=end_to_end("loss_known"),
        loss_scale=end_to_end("loss_scale"),
        present=first.present,
        values=end_to_end("values"),
        histogram=None if first.histogram is None else end_to_end("histogram"),
        elements={
            place: (
                np.concatenate([block.elements[place][0] for block in blocks]),
                np.concatenate([block.elements[place][1] for block in blocks]),
            )
            for place in first.elements
        },
    )
