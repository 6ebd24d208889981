"""Layers that keep every figure: in another shape (Flatten, Reshape) or another order (Permute).

In memory a new shape changes nothing, so it is no stage. A new order is one, with the factor 1.
"""

from __future__ import annotations

import numpy as np

from kerasaudit.backprop.paths.stage import Applied, Edges, Stage, family
from kerasaudit.backprop.rule import Array, Mode, apply_layer

__all__ = ["Reordered", "reshaped"]


class Reordered(Stage):
    """The same figures in another order."""

    kind = "order"
    selects = True

    def __init__(self, applied: Applied) -> None:
        super().__init__(applied)
        # Whatever the layer does with the figures, it does with their positions.
        positions = np.arange(self.size, dtype=float).reshape(1, *self.input_shape)
        moved = apply_layer(self.layer, {}, (positions,), Mode()).outputs[0]
        self.source = moved.ravel().astype(int)

    def fan_in(self) -> int:
        """One position each."""
        return 1

    def edges(self, example: int, outputs: Array) -> Edges:
        """Where the figure was."""
        return Edges(np.arange(len(outputs)), self.source[outputs], np.ones(len(outputs)))


@family("Flatten", "Reshape", "Permute")
def reshaped(applied: Applied) -> Stage | None:
    """A stage only where the order changes."""
    stage = Reordered(applied)
    return None if np.array_equal(stage.source, np.arange(stage.size)) else stage
