"""A block: consecutive recorded steps of one optimizer at one tap, as NumPy arrays.

It is what a backend drains from its ring, what a store keeps and gives back, and what a diagnosis
watches. Everything in it is per step; figures are per step, statistic and kernel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

__all__ = ["STEP_STATUSES", "TAPS", "Block"]

TAPS: Mapping[str, str] = {
    "raw": "the gradient as the optimizer is given it, its loss scale divided out",
    "clipped": "what the update rule is given: after accumulation and clipping",
    "applied": "the change of the weight itself over the step, K(new) − K(old)",
}

# What became of a step. The index is how a ring writes it.
STEP_STATUSES = ("ok", "overflow", "accumulated")


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Recorded steps of one optimizer at one tap, in order.

    Args:
        optimizer: the name of the model's attribute that holds it ("optimizer"), or "tape".
        tap: one of `TAPS`.
        statistics: the names along the second axis of `values`.
        steps: int64 (n): the number of each step, the optimizer's `iterations` before it.
        epochs: int32 (n): the epoch of each step; −1 outside of `fit`.
        status: int8 (n): indices into `STEP_STATUSES`. "overflow": the loss scale overflowed and
            the optimizer skipped the step. "accumulated": a micro-step without an update.
        learning_rate, loss, loss_scale: float64 (n). NaN in `learning_rate` is "not known".
        loss_known: bool (n): whether `loss` was seen; a loss that was seen may itself be NaN.
        present: bool (recorded weights): whether the weight had a gradient (it was not None).
            The values of a weight that is not present are NaN and mean nothing.
        values: float (n, statistics, kernels): the figures; kernels as in `Inventory.ranges`.
        histogram: int32 (n, kernels, bins), or `None`.
        elements: for weights recorded element by element, `{recorded weight's position: (gradient,
            value)}`, each (n, *shape); value is the weight before the step.
    """

    optimizer: str
    tap: str
    statistics: tuple[str, ...]
    steps: np.ndarray[Any, Any]
    epochs: np.ndarray[Any, Any]
    status: np.ndarray[Any, Any]
    learning_rate: np.ndarray[Any, Any]
    loss: np.ndarray[Any, Any]
    loss_known: np.ndarray[Any, Any]
    loss_scale: np.ndarray[Any, Any]
    present: np.ndarray[Any, Any]
    values: np.ndarray[Any, Any]
    histogram: np.ndarray[Any, Any] | None = None
    elements: Mapping[int, tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]] = field(
        default_factory=dict
    )

    def __len__(self) -> int:
        """How many steps."""
        return len(self.steps)

    @property
    def nbytes(self) -> int:
        """The memory that the figures take."""
        histogram = 0 if self.histogram is None else self.histogram.nbytes
        elements = sum(g.nbytes + v.nbytes for g, v in self.elements.values())
        return self.values.nbytes + histogram + elements

    def of(self, statistic: str) -> np.ndarray[Any, Any]:
        """The figures of one statistic: (n, kernels)."""
        return self.values[:, self.statistics.index(statistic)]

    def take(self, rows: Any) -> Block:
        """The block with only the steps that `rows` selects (a slice, mask or index array)."""
        return Block(
            optimizer=self.optimizer,
            tap=self.tap,
            statistics=self.statistics,
            steps=self.steps[rows],
            epochs=self.epochs[rows],
            status=self.status[rows],
            learning_rate=self.learning_rate[rows],
            loss=self.loss[rows],
            loss_known=self.loss_known[rows],
            loss_scale=self.loss_scale[rows],
            present=self.present,
            values=self.values[rows],
            histogram=None if self.histogram is None else self.histogram[rows],
            elements={k: (g[rows], v[rows]) for k, (g, v) in self.elements.items()},
        )
