"""`keras.ops` calls that appear as nodes of a functional config, value by value.

No operation owns weights. Those that move values are in operations_shaping.py, those that contract
in operations_contracting.py. One without a rule is taken at the shape that the config records.
"""

from __future__ import annotations

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import POINTWISE, Derivation, rule
from kerasaudit.derivation.shape import Shape, broadcast, product

_OPERANDS = (
    *("Add", "Subtract", "Multiply", "Divide", "DivideNoNan", "TrueDivide", "FloorDivide", "Mod"),
    *("Power", "Maximum", "Minimum", "Arctan2", "Logaddexp", "Isclose"),
    *("Equal", "NotEqual", "Greater", "GreaterEqual", "Less", "LessEqual"),
    *("LogicalAnd", "LogicalOr", "LogicalXor"),
)
_FUNCTIONS = (
    *("Relu", "Relu6", "LeakyRelu", "Elu", "Selu", "Celu", "Gelu", "Silu", "HardSilu"),
    *("Sigmoid", "HardSigmoid", "LogSigmoid", "Tanh", "HardTanh", "TanhShrink", "SoftShrink"),
    *("HardShrink", "Softplus", "Softsign", "Squareplus", "Threshold"),
    *("Absolute", "Negative", "Sign", "Reciprocal", "Square", "Sqrt", "Rsqrt", "Clip"),
    *("Exp", "Exp2", "Expm1", "Log", "Log10", "Log1p", "Log2", "Erf", "Erfinv"),
    *("Sin", "Cos", "Tan", "Sinh", "Cosh", "Arcsin", "Arccos", "Arctan", "Arcsinh", "Arccosh"),
    *("Arctanh", "Ceil", "Floor", "Round", "Trunc", "LogicalNot", "Isfinite", "Isinf", "Isnan"),
    *("Cast", "StopGradient", "OnesLike", "ZerosLike", "Copy", "NanToNum"),
)
_ALONG_AN_AXIS = ("Softmax", "LogSoftmax", "Sparsemax", "Normalize", "Flip", "Roll")
_REDUCTIONS = (
    *("Sum", "Mean", "Max", "Min", "Prod", "Var", "Std", "Any", "All", "Amax", "Amin"),
    *("Logsumexp", "Argmax", "Argmin", "CountNonzero", "Median", "Norm"),
)


def _named(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"keras.ops.{name}" for name in names)


@rule(*_named(_OPERANDS), several_inputs=True)
def elementwise_operation(layer: LayerConfig, x: tuple[Shape, ...]) -> Derivation:
    """An element-wise operation on operands that broadcast; a number counts as a scalar.

    Example:  `a + b` of two tensors in a functional model, MobileNetV3's `x * (1/6)`, `a > 0`.
    MACs:     0: element-wise work.
    Source:   Keras ops/numpy.py.
    """
    output_shape = broadcast(x)
    if output_shape is None:
        layer.shape_error("operands that broadcast", list(x))
    return Derivation(output_shape=output_shape, macs=0, window=POINTWISE)


@rule("keras.ops.Where", several_inputs=True)
def where(layer: LayerConfig, x: tuple[Shape, ...]) -> Derivation:
    """Takes each value from one operand or the other, as a condition says; all three broadcast.

    Output:   unknown where the condition stands alone: as many places as fulfil it.
    MACs:     0: element-wise work.
    Source:   Keras ops/numpy.py.
    """
    return elementwise_operation(layer, x) if len(x) == 3 else Derivation(macs=0)


@rule(*_named(_FUNCTIONS))
def elementwise_function(layer: LayerConfig, x: Shape) -> Derivation:
    """An element-wise function of one operand.

    MACs:     0: element-wise work.
    Source:   Keras ops/nn.py, ops/numpy.py, ops/math.py, ops/core.py.
    """
    return Derivation(output_shape=x, macs=0, window=POINTWISE)


@rule(*_named(_ALONG_AN_AXIS))
def function_along_an_axis(layer: LayerConfig, x: Shape) -> Derivation:
    """A function of the values along an axis that keeps the shape: softmax, a flip.

    MACs:     0: no contraction with weights.
    Limits:   the axis must be one of the operand's.
    Source:   Keras ops/nn.py, ops/numpy.py.
    """
    if layer.get("axis") is not None:
        layer.axes("axis", -1, x)
    return Derivation(output_shape=x, macs=0)


@rule(*_named(("Cumsum", "Cumprod", "Sort", "Argsort")))
def accumulation(layer: LayerConfig, x: Shape) -> Derivation:
    """The sums or products so far, or the order, along an axis; without one, of all in a row.

    MACs:     0: sums without products.
    Source:   Keras ops/numpy.py.
    """
    if layer.get("axis") is None:
        return Derivation(output_shape=(product(x),), macs=0)
    layer.axis("axis", -1, x)
    return Derivation(output_shape=x, macs=0)


@rule(*_named(_REDUCTIONS))
def reduction(layer: LayerConfig, x: Shape) -> Derivation:
    """One value for all along `axis`: their sum, mean, norm, the largest, the largest one's index.

    Output:   without the axes, or with 1 in their place (keepdims); no axis named: all of them.
    Example:  the mean of 7×7×64 over axes 1 and 2 gives 64.
    MACs:     0: as pooling, no contraction with weights.
    Source:   Keras ops/numpy.py, ops/operation_utils.py (reduce_shape).
    """
    return Derivation(output_shape=_reduced(layer, "axis", x), macs=0)


@rule("keras.ops.Moments")
def moments(layer: LayerConfig, x: Shape) -> Derivation:
    """Mean and variance along axes: two outputs.

    MACs:     0: no contraction with weights.
    Source:   Keras ops/nn.py.
    """
    shape = _reduced(layer, "axes", x)
    return Derivation(output_shape=(shape, shape), macs=0)


def _reduced(layer: LayerConfig, key: str, x: Shape) -> Shape:
    axes = layer.axes(key, tuple(range(len(x))), x)
    keep = layer.boolean("keepdims", False)
    return tuple(1 if i in axes else extent for i, extent in enumerate(x) if keep or i not in axes)
