"""Activations: a = f(z) position by position, ∂a/∂z = f′(z); and softmax, which mixes an axis.

A position where f′(z) is 0, as where a ReLU cuts off, passes nothing on. Softmax:
∂s_i/∂z_j = s_i·(1 − s_i) for i = j, and −s_i·s_j else, along its axis.
"""

from __future__ import annotations

import numpy as np

from kerasaudit.backprop.paths.stage import Applied, Edges, Stage, family
from kerasaudit.backprop.rule import Array, Mode, apply_layer

__all__ = ["Elementwise", "Softmax"]


class Elementwise(Stage):
    """A function of each position by itself."""

    kind = "activation"

    def __init__(self, applied: Applied) -> None:
        super().__init__(applied)
        ones = np.ones_like(self.outputs)
        again = apply_layer(self.layer, self.weights, (self.inputs,), Mode())
        (derivative,) = again.backward((ones,)).inputs
        assert derivative is not None  # an activation's input is no index
        self.derivative = derivative

    def fan_in(self) -> int:
        """One position each."""
        return 1

    def edges(self, example: int, outputs: Array) -> Edges:
        """The same position, where the derivative is not 0."""
        factor = self.derivative[example].ravel()[outputs]
        rows = np.flatnonzero(factor)
        return Edges(rows, outputs[rows], factor[rows])


class Softmax(Stage):
    """Shares that sum to 1 along an axis."""

    kind = "activation"

    def __init__(self, applied: Applied) -> None:
        super().__init__(applied)
        self.axis = applied.layer.axis("axis", -1, self.outputs.shape) - 1

    def fan_in(self) -> int:
        """Every position along the axis."""
        return int(self.output_shape[self.axis])

    def edges(self, example: int, outputs: Array) -> Edges:
        """Every position along the axis."""
        shape = self.output_shape
        place = np.unravel_index(outputs[:, None], shape)
        extent = shape[self.axis]
        along = np.broadcast_to(np.arange(extent), (len(outputs), extent))
        met = (*place[: self.axis], along, *place[self.axis + 1 :])
        source = np.ravel_multi_index(np.broadcast_arrays(*met), shape)
        s = self.outputs[example].ravel()
        same = source == outputs[:, None]
        factor = s[outputs][:, None] * (same - s[source])
        row = np.repeat(np.arange(len(outputs)), extent)
        return Edges(row, source.ravel(), factor.ravel())


_ELEMENTWISE = ("ReLU", "LeakyReLU", "ELU")
_MIXING = ("log_softmax", "sparsemax", "glu")  # they mix an axis, as softmax does


@family("Activation", "Softmax", *_ELEMENTWISE)
def activation(applied: Applied) -> Stage | None:
    """The stage of an activation, whichever way it is written; none for a linear one."""
    name = applied.layer.get("activation")
    if applied.layer.class_name == "Activation" and name == "linear":
        return None
    if applied.layer.class_name == "Softmax" or name == "softmax":
        return Softmax(applied)
    if name in _MIXING:
        applied.layer.unsupported(f"{name} is not explained path by path")
    return Elementwise(applied)
