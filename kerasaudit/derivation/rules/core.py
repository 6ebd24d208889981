"""The layers that only carry tensors. No weights."""

from __future__ import annotations

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import POINTWISE, Derivation, rule
from kerasaudit.derivation.shape import Shape, compatible


@rule("InputLayer")
def input_layer(layer: LayerConfig, x: Shape) -> Derivation:
    """Declares the shape of an input. No weights.

    Output:   the shape that is fed in, which must fit the declared one (batch_shape). As in
              Keras, a last axis of 1 is added or dropped where the rank asks for it.
    Source:   Keras input_layer.py, functional.py (_adjust_input_rank).
    """
    declared = layer.declared_shape()
    if declared is None:
        return Derivation(output_shape=x, macs=0, window=POINTWISE)
    fed = x
    if len(x) == len(declared) + 1 and x[-1] == 1:
        fed = x[:-1]
    elif len(x) == len(declared) - 1 and declared[-1] == 1:
        fed = (*x, 1)
    if not compatible(fed, declared):
        layer.shape_error(f"an input that fits its declared shape {declared}", x)
    return Derivation(output_shape=fed, macs=0, window=POINTWISE)


@rule("Identity", "Masking")
def identity(layer: LayerConfig, x: Shape) -> Derivation:
    """Passes its input on (Masking marks steps to be ignored). No weights.

    Source:   Keras identity.py, masking.py.
    """
    return Derivation(output_shape=x, macs=0, window=POINTWISE)
