"""Layers whose figures are those that they take: in another shape or order, repeated, or fewer.

In memory a new shape changes nothing, so it is no stage. Anything else is one, with the factor 1.
The zeros of a padding are no input: they are on no path.
"""

from __future__ import annotations

import numpy as np

from kerasaudit.backprop.paths.stage import NOWHERE, Applied, Edges, Stage, family
from kerasaudit.backprop.rule import Array, Mode, apply_layer

__all__ = ["Reordered", "reordered", "up_sampled"]

_RANKS = (1, 2, 3)


class Reordered(Stage):
    """Each figure is one that was taken, or 0."""

    kind = "order"
    selects = True

    def __init__(self, applied: Applied) -> None:
        super().__init__(applied)
        # Whatever the layer does with the figures, it does with their positions; 0 is a padding.
        self.taken = int(np.prod(self.input_shape))
        positions = np.arange(1, self.taken + 1, dtype=float).reshape(1, *self.input_shape)
        moved = apply_layer(self.layer, {}, (positions,), Mode()).outputs[0]
        self.source = moved.ravel().astype(int) + NOWHERE

    def fan_in(self) -> int:
        """One position each."""
        return 1

    def edges(self, example: int, outputs: Array) -> Edges:
        """Where the figure was."""
        source = self.source[outputs]
        rows = np.flatnonzero(source != NOWHERE)
        return Edges(rows, source[rows], np.ones(len(rows)))


@family(
    *("Flatten", "Reshape", "Permute", "RepeatVector"),
    *(f"{kind}{rank}D" for kind in ("ZeroPadding", "Cropping") for rank in _RANKS),
)
def reordered(applied: Applied) -> Stage | None:
    """A stage only where something changes but the shape."""
    stage = Reordered(applied)
    return None if np.array_equal(stage.source, np.arange(stage.taken)) else stage


@family(*(f"UpSampling{rank}D" for rank in _RANKS))
def up_sampled(applied: Applied) -> Stage | None:
    """Each figure repeated."""
    kind = str(applied.layer.get("interpolation", "nearest")).lower()
    if kind != "nearest":
        applied.layer.unsupported(
            f"a gradient is explained path by path through the interpolation 'nearest' alone, "
            f"received {kind!r}"
        )
    return reordered(applied)
