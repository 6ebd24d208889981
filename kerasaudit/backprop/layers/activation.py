"""Activation layers: one function for every element, or along an axis."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kerasaudit.backprop.activate import activated, softmax, softmax_back
from kerasaudit.backprop.elementwise import elu, leaky, rectified
from kerasaudit.backprop.rule import Applied, Array, Gradients, Mode, applied, gradient
from kerasaudit.derivation.layer import LayerConfig


def _elementwise(value: Array, slope: Array) -> Applied:
    """y = f(x): ∂L/∂x = g · f′(x), element by element."""
    return applied(value, lambda g: Gradients((g * slope,)))


def _unchanged(x: Array) -> Applied:
    """y = x."""
    return applied(x, lambda g: Gradients((g,)))


@gradient("Activation")
def activation_layer(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """y = f(x) for the function that the config names."""
    return activated(layer, _unchanged(inputs[0]))


@gradient("ReLU")
def relu_layer(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """y = x above the threshold, at most max_value, and a line below it. relu'(0) = 0."""
    maximum = layer.get("max_value")
    return _elementwise(
        *rectified(
            inputs[0],
            float(layer.get("negative_slope", 0.0)),
            None if maximum is None else float(maximum),
            float(layer.get("threshold", 0.0)),
        )
    )


@gradient("LeakyReLU")
def leaky_relu(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """y = x above 0, a · x below."""
    return _elementwise(*leaky(inputs[0], float(layer.get("negative_slope", 0.3))))


@gradient("ELU")
def elu_layer(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """y = x above 0, α · (eˣ − 1) below."""
    return _elementwise(*elu(inputs[0], float(layer.get("alpha", 1.0))))


@gradient("PReLU")
def prelu(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """y = max(x, 0) − α · max(−x, 0): ∂L/∂α sums g · min(x, 0) over the axes that share α."""
    (x,), alpha = inputs, weights["alpha"]
    above, below = np.maximum(x, 0.0), np.minimum(x, 0.0)

    def backward(g: Array) -> Gradients:
        shared = tuple(i for i, extent in enumerate(alpha.shape, 1) if extent != x.shape[i])
        by_alpha = (g * below).sum(axis=0).sum(axis=tuple(i - 1 for i in shared), keepdims=True)
        return Gradients((g * ((x > 0) + alpha * (x < 0)),), {"alpha": by_alpha})

    return applied(above + alpha * below, backward)


@gradient("Softmax")
def softmax_layer(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """y = softmax(x) along one axis or several."""
    if len(inputs) > 1:
        layer.unsupported("no gradient is derived of a masked softmax")
    axes = layer.get("axis", -1)
    axis = tuple(axes) if isinstance(axes, (list, tuple)) else (int(axes),)
    p = softmax(inputs[0], axis)
    # A cross-entropy takes the logits of any one axis, and sums over the last one all the same.
    last = axis[0] in (-1, p.ndim - 1)
    before = ("softmax" if last else "softmax of another axis"), _unchanged(inputs[0])
    return Applied(
        (p,),
        lambda gradients: Gradients((softmax_back(p, gradients[0], axis),)),
        before=before if len(axis) == 1 else None,
    )
