"""`keras.ops` calls that appear as nodes of a functional config. They own no weights."""

from __future__ import annotations

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import POINTWISE, Derivation, rule
from kerasaudit.derivation.shape import Shape, broadcast

_BINARY = ("Add", "Subtract", "Multiply", "Divide", "TrueDivide", "Maximum", "Minimum", "Power")
_UNARY = ("Relu", "Relu6", "Sigmoid", "Silu", "Tanh", "Gelu", "HardSigmoid", "Square",
          "Sqrt", "Exp", "Log", "Absolute", "Negative", "HardSilu")  # fmt: skip


@rule(*(f"keras.ops.{name}" for name in _BINARY), several_inputs=True)
def elementwise_operation(layer: LayerConfig, x: tuple[Shape, ...]) -> Derivation:
    """An element-wise operation on two operands, which broadcast; a number counts as a scalar.

    Example:  `a + b` of two tensors in a functional model, MobileNetV3's `x * (1/6)`.
    MACs:     0: element-wise work.
    Source:   Keras ops/numpy.py.
    """
    output_shape = broadcast(x)
    if output_shape is None:
        layer.shape_error("operands that broadcast", list(x))
    return Derivation(output_shape=output_shape, macs=0, window=POINTWISE)


@rule(*(f"keras.ops.{name}" for name in _UNARY))
def elementwise_function(layer: LayerConfig, x: Shape) -> Derivation:
    """An element-wise function of one operand.

    MACs:     0: element-wise work.
    Source:   Keras ops/nn.py, ops/numpy.py.
    """
    return Derivation(output_shape=x, macs=0, window=POINTWISE)
