"""Pooling: p = max(y_11, y_12, …) or their mean, over a window of one channel.

The maximum passes on to the input that won it: ∂p/∂y is 1 for the winner and 0 for the others,
which are on no path. Of equal ones the first in row-major order wins; of a whole map they all win,
and pass on 1/n each. The mean of n inputs (padding is none) passes 1/n on to each.
"""

from __future__ import annotations

import numpy as np

from kerasaudit.backprop.paths.layers.windowed import Windows
from kerasaudit.backprop.paths.stage import NOWHERE, Applied, Edges, Stage, family
from kerasaudit.backprop.rule import Array

__all__ = ["Average", "Maximum", "global_maximum"]

_RANKS = (1, 2, 3)


class _Pooling(Stage):
    kind = "pooling"

    def __init__(self, applied: Applied) -> None:
        super().__init__(applied)
        self.windows = Windows(applied)

    def fan_in(self) -> int:
        """A window of one channel."""
        return int(np.prod(self.windows.size))

    def met(self, outputs: Array) -> Array:
        """The input positions under each output's window, a row for each output."""
        channels = self.size // int(np.prod(self.windows.places))
        places, c = self.windows.split(outputs, channels)
        met: Array = self.windows.met[(*places, c)]
        return met.reshape(len(outputs), int(np.prod(self.windows.size)))


@family(*(f"MaxPooling{rank}D" for rank in _RANKS))
class Maximum(_Pooling):
    """The maximum of each window."""

    selects = True

    def fan_in(self) -> int:
        """The winner alone."""
        return 1

    def edges(self, example: int, outputs: Array) -> Edges:
        """The winner, with 1."""
        met = self.met(outputs)
        values = np.where(met == NOWHERE, -np.inf, self.inputs[example].ravel()[met])
        rows = np.arange(len(outputs))
        winner = met[rows, np.argmax(values, axis=1)]
        return Edges(rows, winner, np.ones(len(outputs)))


class _Shared(_Pooling):
    """The maximum of a whole map, which several inputs have."""

    def edges(self, example: int, outputs: Array) -> Edges:
        """Every input that is the maximum, with the same share."""
        met = self.met(outputs)
        values = self.inputs[example].ravel()[met]
        chosen = values == values.max(axis=1, keepdims=True)
        row, offset = np.nonzero(chosen)
        return Edges(row, met[row, offset], 1 / np.count_nonzero(chosen, axis=1)[row])


@family(*(f"GlobalMaxPooling{rank}D" for rank in _RANKS))
def global_maximum(applied: Applied) -> Stage:
    """The winner of each map, or where some map has several, its winners."""
    axes = Windows(applied).spatial_axes
    x = applied.inputs
    several = (x == x.max(axis=axes, keepdims=True)).sum(axis=axes).max() > 1
    return _Shared(applied) if several else Maximum(applied)


@family(*(f"{which}AveragePooling{rank}D" for which in ("", "Global") for rank in _RANKS))
class Average(_Pooling):
    """The mean of each window."""

    def edges(self, example: int, outputs: Array) -> Edges:
        """Every input of the window, with the same share."""
        met = self.met(outputs)
        row, offset = np.nonzero(met != NOWHERE)
        share = 1 / np.count_nonzero(met != NOWHERE, axis=1)
        return Edges(row, met[row, offset], share[row])
