"""Activation layers. PReLU alone has weights."""

from __future__ import annotations

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import POINTWISE, Derivation, rule
from kerasaudit.derivation.shape import Shape
from kerasaudit.derivation.weight import Axis, Weight


@rule("Activation", "ReLU", "LeakyReLU", "ELU", "Softmax")
def activation(layer: LayerConfig, x: Shape) -> Derivation:
    """An activation of each element. No weights: its function is fixed.

    MACs:     0: element-wise work.
    Source:   Keras layers/activations/.
    """
    # A softmax over another axis than the channels takes all positions of that axis.
    axis = layer.axes("axis", -1, x) if layer.class_name == "Softmax" else ()
    window = POINTWISE if set(axis) <= {len(x) - 1} else None
    return Derivation(output_shape=x, macs=0, window=window)


@rule("PReLU")
def prelu(layer: LayerConfig, x: Shape) -> Derivation:
    """A ReLU whose negative slope is learnt, one slope for each element of the input.

    Formula:  alpha F1·F2·…, the input's extents after the batch axis; a shared axis counts 1.
    Axes:     (F1, F2, …); the unit axis is the last one.
    Example:  on 26×26×32: 26·26·32 = 21,632; with shared_axes=[1, 2]: 1·1·32 = 32.
    MACs:     0: element-wise work.
    Limits:   the extents of the axes that are not shared must be known.
    Source:   He et al. 2015, "Delving deep into rectifiers"; Keras prelu.py.
    """
    layer.expect_rank(x, 2, or_more=True)
    shared = layer.get("shared_axes", ())
    shared = shared if isinstance(shared, (list, tuple)) else (shared,)
    if not all(isinstance(i, int) and 1 <= i < len(x) for i in shared):
        layer.fail(f"shared_axes must lie between 1 and {len(x) - 1}, received {list(shared)!r}")
    alpha = Weight(
        "alpha",
        *(Axis(f"F{i}", 1 if i in shared else layer.extent(x, i)) for i in range(1, len(x))),
        unit=f"F{len(x) - 1}",
    )
    return Derivation(weights=(alpha,), output_shape=x, macs=0, window=POINTWISE)
