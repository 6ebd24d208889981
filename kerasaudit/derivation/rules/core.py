"""The layers that only carry tensors. No weights."""

from __future__ import annotations

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import Derivation, rule
from kerasaudit.derivation.shape import Shape, compatible


@rule("InputLayer")
def input_layer(layer: LayerConfig, x: Shape) -> Derivation:
    """Declares the shape of an input. No weights.

    Output:   the shape that is fed in, which must fit the declared one (batch_shape).
    Source:   Keras input_layer.py.
    """
    declared = layer.declared_shape()
    if declared is not None and not compatible(x, declared):
        layer.shape_error(f"an input that fits its declared shape {declared}", x)
    return Derivation(output_shape=x, macs=0)


@rule("Identity", "Masking")
def identity(layer: LayerConfig, x: Shape) -> Derivation:
    """Passes its input on (Masking marks steps to be ignored). No weights.

    Source:   Keras identity.py, masking.py.
    """
    return Derivation(output_shape=x, macs=0)
