"""A model worked through on one input: what `kerasaudit explain TARGET --weight …` shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kerasaudit.backprop.paths.explanation import Explanation
from kerasaudit.backprop.paths.notation import Name

__all__ = ["Grid", "Lesson", "Values"]


@dataclass(frozen=True, slots=True)
class Values:
    """The values of a weight, in an array as it lies in memory."""

    name: Name
    path: str
    shape: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """The figures of one example at one stage; the input stands before all.

    `winners` are the positions that a pooling above took as they are, `block` the extents of its
    windows along the spatial axes where those do not overlap.
    """

    name: Name
    path: str
    class_name: str
    shape: tuple[int, ...]
    values: tuple[float, ...]
    winners: frozenset[int] = frozenset()
    block: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Lesson:
    """One model on one batch: the figures of its first example, and elements explained.

    `chosen` is the place in `explanations` of the element that was asked for.
    """

    name: str
    target: str
    summary: str
    loss_name: str
    loss: float
    examples: int
    y: Any
    grids: tuple[Grid, ...]
    weights: tuple[Values, ...]
    explanations: tuple[Explanation, ...]
    chosen: int

    @property
    def explanation(self) -> Explanation:
        """The element that was asked for."""
        return self.explanations[self.chosen]
