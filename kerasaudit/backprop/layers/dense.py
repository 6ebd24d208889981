"""Dense: y_nu = Σ_d x_nd · K_du + b_u. Indices: n every axis before the last, d feature, u unit."""

from __future__ import annotations

from collections.abc import Mapping

from kerasaudit.backprop.activate import activated
from kerasaudit.backprop.contraction import contract, per_last
from kerasaudit.backprop.rule import Applied, Array, Gradients, Mode, applied, gradient
from kerasaudit.derivation.layer import LayerConfig


@gradient("Dense")
def dense(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """∂L/∂K_du = Σ_n x_nd · g_nu;  ∂L/∂b_u = Σ_n g_nu;  ∂L/∂x_nd = Σ_u g_nu · K_du."""
    kernel = weights["kernel"]
    x = inputs[0].reshape(-1, kernel.shape[0])
    z = contract("nd,du->nu", x, kernel)
    if "bias" in weights:
        z = z + weights["bias"]

    def backward(g: Array) -> Gradients:
        g = g.reshape(z.shape)
        found = {"kernel": contract("nd,nu->du", x, g)}
        if "bias" in weights:
            found["bias"] = per_last(g)
        by_x = contract("nu,du->nd", g, kernel)
        return Gradients((by_x.reshape(inputs[0].shape),), found)

    shape = (*inputs[0].shape[:-1], kernel.shape[1])
    return activated(layer, applied(z.reshape(shape), backward))
