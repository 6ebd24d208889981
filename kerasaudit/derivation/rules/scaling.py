"""Scales inside residual blocks: private layers of `keras.applications`."""

from __future__ import annotations

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import POINTWISE, Derivation, rule
from kerasaudit.derivation.shape import Shape, broadcast
from kerasaudit.derivation.weight import Axis, Weight


@rule("LayerScale")
def layer_scale(layer: LayerConfig, x: Shape) -> Derivation:
    """ConvNeXt's learnt scale of each channel.

    Formula:  gamma C, with C = projection_dim.
    Axes:     (C); the unit axis is C.
    Example:  projection_dim=96: 96.
    MACs:     0: element-wise work.
    Limits:   Keras gives the variable no name of its own; "gamma" is its attribute.
    Source:   Touvron et al. 2021, "Going deeper with image transformers"; Keras
              applications/convnext.py.
    """
    gamma = Weight("gamma", Axis("C", layer.integer("projection_dim")), unit="C")
    output_shape = broadcast([x, gamma.shape])
    if output_shape is None:
        layer.shape_error(f"an input of {gamma.count} channels (projection_dim)", x)
    return Derivation(weights=(gamma,), output_shape=output_shape, macs=0, window=POINTWISE)


@rule("CustomScaleLayer", several_inputs=True)
def custom_scale(layer: LayerConfig, x: tuple[Shape, ...]) -> Derivation:
    """InceptionResNetV2's residual sum, a + scale · b with a constant scale. No weights.

    MACs:     0: element-wise work.
    Source:   Keras applications/inception_resnet_v2.py.
    """
    output_shape = broadcast(x)
    if len(x) != 2 or output_shape is None:
        layer.shape_error("two inputs that broadcast", list(x))
    return Derivation(output_shape=output_shape, macs=0, window=POINTWISE)
