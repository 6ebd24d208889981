"""Reshaping: elements move, and their derivatives move back. No sums but where one is repeated."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kerasaudit.backprop.rule import Applied, Array, Gradients, Mode, applied, gradient
from kerasaudit.derivation.layer import LayerConfig


@gradient("InputLayer", "Identity")
def identity(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """y = x."""
    return applied(inputs[0], lambda g: Gradients((g,)))


@gradient("Flatten")
def flatten(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """The elements of each example in row-major order; channels-first input is turned first."""
    (x,) = inputs
    turned = np.moveaxis(x, 1, -1) if layer.channels_first() and x.ndim > 1 else x

    def backward(g: Array) -> Gradients:
        g = g.reshape(turned.shape)
        return Gradients((np.moveaxis(g, -1, 1) if turned is not x else g,))

    return applied(turned.reshape(len(x), -1), backward)


@gradient("Reshape")
def reshape(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """The elements of each example in another shape, in the same order."""
    (x,) = inputs
    shape = (len(x), *layer.get("target_shape", ()))
    return applied(x.reshape(shape), lambda g: Gradients((g.reshape(x.shape),)))


@gradient("Permute")
def permute(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """The axes of each example in another order, which counts from 1."""
    order = (0, *layer.get("dims", ()))
    back = np.argsort(order)
    return applied(inputs[0].transpose(order), lambda g: Gradients((g.transpose(back),)))


@gradient("RepeatVector")
def repeat_vector(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """y_ntd = x_nd for every t: ∂L/∂x_nd = Σ_t g_ntd."""
    times = layer.integer("n")
    y = np.repeat(inputs[0][:, None, :], times, axis=1)
    return applied(y, lambda g: Gradients((g.sum(axis=1),)))
