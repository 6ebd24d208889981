"""Dropout and noise: nothing in inference; in training what a given mask says.

A dropout with rate r keeps what its mask says, divided by 1 − r: y = x · m / (1 − r). The mask, of
zeros and ones, is given; without one the layer is as in inference. Noise adds nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kerasaudit.backprop.rule import Applied, Array, Gradients, Mode, applied, gradient
from kerasaudit.derivation.layer import LayerConfig


@gradient("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D")
def dropout(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """∂L/∂x = g · m / (1 − r)."""
    (x,), mask = inputs, mode.mask
    if mask is None:
        return applied(x, lambda g: Gradients((g,)))
    try:
        factor = np.broadcast_to(np.asarray(mask, np.float64) / (1 - layer.get("rate")), x.shape)
    except ValueError:
        layer.shape_error(f"a dropout mask that fits {x.shape}", np.shape(mask))
    return applied(x * factor, lambda g: Gradients((g * factor,)))


@gradient("ActivityRegularization", "AlphaDropout", "GaussianDropout", "GaussianNoise")
def noise(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """y = x, as in inference."""
    if mode.mask is not None:
        layer.unsupported("only dropout takes a mask")
    return applied(inputs[0], lambda g: Gradients((g,)))
