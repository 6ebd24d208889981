"""Dense: o_k = Σ_i x_i · w_ik + b_k, at every place along the axes before the last.

∂o_k/∂x_i = w_ik;  ∂o_k/∂w_ik = x_i;  ∂o_k/∂b_k = 1.
"""

from __future__ import annotations

import numpy as np

from kerasaudit.backprop.paths.stage import NOWHERE, Applied, Edges, Stage, family
from kerasaudit.backprop.rule import Array

__all__ = ["Dense"]


@family("Dense")
class Dense(Stage):
    """The net input of dense units."""

    kind = "dense"
    weight = "kernel"

    def __init__(self, applied: Applied) -> None:
        super().__init__(applied)
        self.kernel = self.weights["kernel"]

    def fan_in(self) -> int:
        """Each unit takes every input."""
        return int(self.kernel.shape[0])

    def edges(self, example: int, outputs: Array) -> Edges:
        """Every input, with the unit's weight for it."""
        features, units = self.kernel.shape
        place, unit = np.divmod(outputs[:, None], units)
        i = np.arange(features)
        element = i * units + unit
        return Edges(
            row=np.repeat(np.arange(len(outputs)), features),
            source=(place * features + i).ravel(),
            factor=self.kernel.ravel()[element].ravel(),
            element=element.ravel(),
        )

    def met_by(self, example: int, weight: str, element: int) -> Edges:
        """A weight meets its unit at each place."""
        features, units = self.kernel.shape
        places = np.arange(self.size // units)
        if weight == "bias":
            nowhere = np.full(len(places), NOWHERE)
            return Edges(places * units + element, nowhere, np.ones(len(places)))
        i, unit = divmod(element, units)
        source = places * features + i
        return Edges(places * units + unit, source, self.inputs[example].ravel()[source])
