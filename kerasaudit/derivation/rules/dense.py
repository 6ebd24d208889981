"""Dense layers."""

from __future__ import annotations

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import POINTWISE, Derivation, rule
from kerasaudit.derivation.shape import Shape, product
from kerasaudit.derivation.weight import Axis, Weight


@rule("Dense")
def dense(layer: LayerConfig, x: Shape) -> Derivation:
    """A dense layer: every unit takes every feature of the last axis.

    Formula:  kernel d·u, bias u (d features in, u units).
    Axes:     (d, u); the unit axis is u.
    Example:  Dense(10) on 1,600 features: 1600·10 + 10 = 16,010.
    Output:   the input's shape with its last axis replaced by u.
    MACs:     kernel elements, once for each position of the axes between batch and features.
    Limits:   d must be known, the input has at least a batch and a feature axis. LoRA
              adapters and quantised kernels are derived from these weights, not here.
    Source:   Keras dense.py.
    """
    layer.expect_rank(x, 2, or_more=True)
    units = Axis("u", layer.integer("units"))
    kernel = Weight("kernel", Axis("d", layer.extent(x, -1)), units, unit="u")
    bias = Weight("bias", units, unit="u")
    return Derivation(
        weights=(kernel, bias) if layer.boolean("use_bias", True) else (kernel,),
        output_shape=(*x[:-1], units.extent),
        macs=product((*x[1:-1], kernel.count)),
        window=POINTWISE,
    )
