"""Batch normalization in inference: y = γ·(x − μ)/√(σ² + ε) + β, with the moving μ and σ².

So it is a scale: ∂y/∂x = γ/√(σ² + ε) along its axis;  ∂y/∂γ = (x − μ)/√(σ² + ε);  ∂y/∂β = 1.
Rescaling and Normalization are scales as well, of the input as a rule.
"""

from __future__ import annotations

import numpy as np

from kerasaudit.backprop.paths.layers.activation import Elementwise
from kerasaudit.backprop.paths.stage import NOWHERE, Applied, Edges, Stage, family
from kerasaudit.backprop.rule import Array

__all__ = ["BatchNormalization", "Scaled"]


@family("Rescaling", "Normalization")
class Scaled(Elementwise):
    """Each position by a factor that no training changes."""

    kind = "normalization"


@family("BatchNormalization")
class BatchNormalization(Stage):
    """Each channel scaled and shifted by what training left."""

    kind = "normalization"

    def __init__(self, applied: Applied) -> None:
        super().__init__(applied)
        self.axis = applied.layer.axis("axis", -1, self.outputs.shape) - 1
        variance = self.weights["moving_variance"]
        self.inverse = 1 / np.sqrt(variance + float(applied.layer.get("epsilon", 1e-3)))
        self.scale = self.weights.get("gamma", np.ones_like(variance)) * self.inverse

    def fan_in(self) -> int:
        """One position each."""
        return 1

    def edges(self, example: int, outputs: Array) -> Edges:
        """The same position, with its channel's scale."""
        channel = np.unravel_index(outputs, self.output_shape)[self.axis]
        return Edges(np.arange(len(outputs)), outputs, self.scale[channel])

    def met_by(self, example: int, weight: str, element: int) -> Edges:
        """γ and β of a channel meet all of it; the moving statistics have no gradient."""
        if weight not in ("gamma", "beta"):
            return super().met_by(example, weight, element)
        every = np.arange(self.size).reshape(self.output_shape)
        outputs = np.take(every, element, axis=self.axis).ravel()
        if weight == "beta":
            return Edges(outputs, np.full(len(outputs), NOWHERE), np.ones(len(outputs)))
        centred = self.inputs[example].ravel()[outputs] - self.weights["moving_mean"][element]
        return Edges(outputs, np.full(len(outputs), NOWHERE), centred * self.inverse[element])
