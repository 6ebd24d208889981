"""Scaling of inputs: Rescaling and Normalization, which no gradient changes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kerasaudit.backprop.layers.merging import summed_to
from kerasaudit.backprop.rule import Applied, Array, Gradients, Mode, applied, gradient
from kerasaudit.derivation.layer import LayerConfig


@gradient("Rescaling")
def rescaling(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """y = x · scale + offset."""
    scale, offset = (np.asarray(layer.get(key, 0.0), np.float64) for key in ("scale", "offset"))
    x = inputs[0]
    return applied(x * scale + offset, lambda g: Gradients((summed_to(g * scale, x.shape),)))


@gradient("Normalization")
def normalization(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """y = (x − μ) / max(√σ², ε), or the other way round with invert."""
    (x,) = inputs
    axes = () if layer.config.get("axis", -1) is None else layer.axes("axis", -1, x.shape)
    shape = tuple(extent if i in axes else 1 for i, extent in enumerate(x.shape))
    mean, variance = (
        np.asarray(weights[key] if key in weights else layer.get(key), np.float64)
        for key in ("mean", "variance")
    )
    mean = np.broadcast_to(mean, [e for e in shape if e != 1] or mean.shape).reshape(shape)
    variance = np.broadcast_to(variance, mean.shape) if variance.ndim == 0 else variance
    deviation = np.maximum(np.sqrt(variance.reshape(shape)), 1e-7)
    if layer.boolean("invert", False):
        return applied(mean + x * deviation, lambda g: Gradients((g * deviation,)))
    return applied((x - mean) / deviation, lambda g: Gradients((g / deviation,)))
