"""`keras.ops` calls in functional configs, each against what live Keras makes of it."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from kerasaudit.derivation.architecture import derive_architecture
from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import derive, registered_rules
from kerasaudit.derivation.rules.operations_shaping import _sliced
from kerasaudit.derivation.shape import compatible
from kerasaudit.errors import ShapeError
from tests.derivation import live

FUNCTIONS = {
    "Relu": ops.relu,
    "Relu6": ops.relu6,
    "LeakyRelu": ops.leaky_relu,
    "Elu": ops.elu,
    "Selu": ops.selu,
    "Celu": ops.celu,
    "Gelu": lambda x: ops.gelu(x, approximate=False),
    "Silu": ops.silu,
    "HardSilu": ops.hard_swish,
    "Sigmoid": ops.sigmoid,
    "HardSigmoid": ops.hard_sigmoid,
    "LogSigmoid": ops.log_sigmoid,
    "Tanh": ops.tanh,
    "HardTanh": ops.hard_tanh,
    "TanhShrink": ops.tanh_shrink,
    "SoftShrink": ops.soft_shrink,
    "HardShrink": ops.hard_shrink,
    "Softplus": ops.softplus,
    "Softsign": ops.softsign,
    "Squareplus": ops.squareplus,
    "Threshold": lambda x: ops.threshold(x, 0.5, 0.0),
    "Absolute": abs,
    "Negative": lambda x: -x,
    "Sign": ops.sign,
    "Reciprocal": ops.reciprocal,
    "Square": ops.square,
    "Sqrt": ops.sqrt,
    "Rsqrt": ops.rsqrt,
    "Clip": lambda x: ops.clip(x, 0, 1),
    "Exp": ops.exp,
    "Exp2": ops.exp2,
    "Expm1": ops.expm1,
    "Log": ops.log,
    "Log10": ops.log10,
    "Log1p": ops.log1p,
    "Log2": ops.log2,
    "Erf": ops.erf,
    "Erfinv": ops.erfinv,
    "Sin": ops.sin,
    "Cos": ops.cos,
    "Tan": ops.tan,
    "Sinh": ops.sinh,
    "Cosh": ops.cosh,
    "Arcsin": ops.arcsin,
    "Arccos": ops.arccos,
    "Arctan": ops.arctan,
    "Arcsinh": ops.arcsinh,
    "Arccosh": ops.arccosh,
    "Arctanh": ops.arctanh,
    "Ceil": ops.ceil,
    "Floor": ops.floor,
    "Round": ops.round,
    "Trunc": ops.trunc,
    "LogicalNot": ops.logical_not,
    "Isfinite": ops.isfinite,
    "Isinf": ops.isinf,
    "Isnan": ops.isnan,
    "Cast": lambda x: ops.cast(x, "int32"),
    "StopGradient": ops.stop_gradient,
    "OnesLike": ops.ones_like,
    "ZerosLike": ops.zeros_like,
    "Copy": ops.copy,
    "NanToNum": ops.nan_to_num,
    "Softmax": lambda x: ops.softmax(x, axis=-1),
    "LogSoftmax": lambda x: ops.log_softmax(x, axis=1),
    "Sparsemax": ops.sparsemax,
    "Normalize": lambda x: ops.normalize(x, axis=-1),
    "Flip": lambda x: ops.flip(x, axis=1),
    "Roll": lambda x: ops.roll(x, 1),
    "Sort": lambda x: ops.sort(x, axis=2),
    "Argsort": lambda x: ops.argsort(x, axis=None),
    "Cumsum": lambda x: ops.cumsum(x, axis=1),
    "Cumprod": ops.cumprod,
    "Ravel": ops.ravel,
}
OPERANDS = {
    "Add": ops.add,
    "Subtract": ops.subtract,
    "Multiply": ops.multiply,
    "Divide": ops.divide,
    "DivideNoNan": ops.divide_no_nan,
    "TrueDivide": ops.true_divide,
    "FloorDivide": ops.floor_divide,
    "Mod": ops.mod,
    "Power": ops.power,
    "Maximum": ops.maximum,
    "Minimum": ops.minimum,
    "Arctan2": ops.arctan2,
    "Logaddexp": ops.logaddexp,
    "Isclose": ops.isclose,
    "Equal": ops.equal,
    "NotEqual": ops.not_equal,
    "Greater": ops.greater,
    "GreaterEqual": ops.greater_equal,
    "Less": ops.less,
    "LessEqual": ops.less_equal,
    "LogicalAnd": ops.logical_and,
    "LogicalOr": ops.logical_or,
    "LogicalXor": ops.logical_xor,
}
REDUCTIONS = {
    "Sum": ops.sum,
    "Mean": ops.mean,
    "Max": ops.max,
    "Min": ops.min,
    "Prod": ops.prod,
    "Var": ops.var,
    "Std": ops.std,
    "Any": ops.any,
    "All": ops.all,
    "Amax": ops.amax,
    "Amin": ops.amin,
    "Logsumexp": ops.logsumexp,
    "Median": ops.median,
    "Argmax": ops.argmax,
    "Argmin": ops.argmin,
    "CountNonzero": lambda x, axis, keepdims: ops.count_nonzero(x, axis=axis),
}


def derived(inputs, outputs):
    """The architecture of a functional model of operations, which all are derived."""
    model = keras.Model(inputs, outputs)
    architecture = derive_architecture(json.loads(model.to_json()))
    assert not [layer.problems for layer in architecture.layers if layer.problems]
    assert model.count_params() == 0
    return architecture


def agrees(name, inputs, output, macs=0):
    architecture = derived(inputs, output)
    assert f"keras.ops.{name}" in {layer.config.keys[0] for layer in architecture.layers}
    outputs = output if isinstance(output, (list, tuple)) else [output]
    shapes = [tuple(one.shape) for one in outputs]
    assert len(architecture.output_shapes) == len(shapes)
    for ours, live_shape in zip(architecture.output_shapes, shapes, strict=True):
        assert ours is not None
        assert compatible(ours, live_shape), (name, ours, live_shape)
    assert not any(call.declared for call in architecture.calls)
    counted = [call.macs for call in architecture.calls]
    assert (None if None in counted else sum(counted)) == macs
    for call in architecture.calls:
        assert call.derivation.activation_macs == call.macs


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_one_operand(name):
    x = keras.Input((4, None, 3))
    agrees(name, x, FUNCTIONS[name](x))


@pytest.mark.parametrize("name", OPERANDS)
def test_functions_of_two_operands(name):
    @live.examples(6)
    @given(
        st.lists(st.integers(1, 4), min_size=1, max_size=3),
        st.sampled_from(["tensor", "broadcast", "number", "number first", "array", "by name"]),
    )
    def check(shape, how):
        x, operation = keras.Input(shape), OPERANDS[name]
        if how in ("tensor", "broadcast"):
            other = keras.Input(shape if how == "tensor" else [1] * len(shape))
            agrees(name, [x, other], operation(x, other))
        elif how == "number":
            agrees(name, x, operation(x, 2))
        elif how == "number first":
            agrees(name, x, operation(0.5, x))
        elif how == "array":
            agrees(name, x, operation(x, np.ones((1, *shape), "float32")))
        else:
            agrees(name, x, operation(x1=x, x2=2.0))

    check()


def test_operators_are_operations():
    x = keras.Input((7,))
    y = keras.Input((1,))
    output = ops.relu((x * 0.5 + y) / 2 - 1)
    architecture = derive_architecture(json.loads(keras.Model([x, y], output).to_json()))
    called = [c.class_name for c in architecture.calls if c.class_name != "InputLayer"]
    assert called == ["Multiply", "Add", "TrueDivide", "Subtract", "Relu"]
    assert architecture.output_shapes == ((None, 7),)


SHAPES = st.lists(st.integers(1, 4), min_size=1, max_size=3)


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(name):
    @live.examples(8)
    @given(SHAPES, st.data())
    def check(shape, data):
        x, keepdims = keras.Input(shape), data.draw(st.booleans())
        axis = data.draw(st.none() | st.integers(-len(shape), len(shape)))
        if not name.startswith("Arg"):
            axes = st.lists(st.integers(0, len(shape)), min_size=1, unique=True).map(tuple)
            axis = data.draw(st.just(axis) | axes)
        agrees(name, x, REDUCTIONS[name](x, axis=axis, keepdims=keepdims))

    check()


def taken(data, rank):
    """A key of indices, slices, None and ... that fits a tensor of `rank`."""
    bound = st.none() | st.integers(-3, 3)
    slices = st.builds(slice, bound, bound, st.sampled_from([None, 1, 2, -1]))
    parts = data.draw(st.lists(st.just(0) | slices, max_size=rank - 1))
    key = [data.draw(slices), *parts]
    for extra in data.draw(st.sampled_from([[], [None], [...], [None, ...]])):
        key.insert(data.draw(st.integers(0, len(key))), extra)
    return tuple(key)


# An operation of one tensor, from values that are drawn: its name, and what it makes.
SHAPINGS = {
    "Transpose": lambda x, data: ops.transpose(
        x, data.draw(st.none() | st.permutations(range(len(x.shape))))
    ),
    "Swapaxes": lambda x, data: ops.swapaxes(x, *pair(x, data)),
    "Moveaxis": lambda x, data: ops.moveaxis(x, *pair(x, data)),
    "ExpandDims": lambda x, data: ops.expand_dims(x, pair(x, data)[0]),
    "Squeeze": lambda x, data: ops.squeeze(
        ops.expand_dims(x, pair(x, data)[0]), data.draw(st.none())
    ),
    "Take": lambda x, data: ops.take(
        x,
        data.draw(st.sampled_from([0, [0, 0], [[0], [0]], np.zeros((2, 3), "int32")])),
        axis=data.draw(st.none() | st.integers(-len(x.shape), len(x.shape) - 1)),
    ),
    "Norm": lambda x, data: ops.norm(x, axis=pair(x, data)[0], keepdims=data.draw(st.booleans())),
    "Moments": lambda x, data: list(
        ops.moments(x, axes=[pair(x, data)[0]], keepdims=data.draw(st.booleans()))
    ),
    "Repeat": lambda x, data: ops.repeat(x, data.draw(st.integers(1, 3)), pair(x, data)[0]),
    "Tile": lambda x, data: ops.tile(x, data.draw(st.lists(st.integers(1, 3), max_size=5))),
    "Pad": lambda x, data: ops.pad(
        x, [data.draw(st.tuples(st.integers(0, 2), st.integers(0, 2))) for _ in x.shape]
    ),
    "OneHot": lambda x, data: ops.one_hot(
        ops.cast(x, "int32"), 5, axis=data.draw(st.integers(-1, len(x.shape) - 1))
    ),
    "TopK": lambda x, data: list(ops.top_k(x, 1)),
    "Unstack": lambda x, data: ops.unstack(x, axis=data.draw(st.integers(1, len(x.shape) - 1))),
    "Split": lambda x, data: ops.split(
        ops.concatenate([x, x], axis=-1), data.draw(st.sampled_from([1, 2, [1], [1, 2]])), axis=-1
    ),
    "Reshape": lambda x, data: ops.reshape(
        x, data.draw(st.permutations([-1, *x.shape[1:]]) | st.just([-1]))
    ),
    "BroadcastTo": lambda x, data: ops.broadcast_to(
        ops.sum(x, axis=0, keepdims=True), (data.draw(st.integers(1, 3)), *x.shape[1:])
    ),
    "GetItem": lambda x, data: x[taken(data, len(x.shape))],
    "Concatenate": lambda x, data: ops.concatenate([x, x], axis=pair(x, data)[0]),
    "Stack": lambda x, data: ops.stack([x, x, x], axis=pair(x, data)[0]),
    "Where": lambda x, data: ops.where(x > 0, x, data.draw(st.just(0.5) | st.just(x))),
}


def pair(x, data):
    axes = st.integers(-len(x.shape), len(x.shape) - 1)
    return data.draw(st.tuples(axes, axes))


@pytest.mark.parametrize("name", SHAPINGS)
def test_moving_and_cutting(name):
    @live.examples(15)
    @given(SHAPES, st.data())
    def check(shape, data):
        x = keras.Input(shape)
        agrees(name, x, SHAPINGS[name](x, data))

    check()


def test_a_table_is_looked_up_in():
    tokens = keras.Input((4,), dtype="int32")
    looked_up = ops.take(np.ones((10, 3), "float32"), tokens, axis=0)
    agrees("Take", tokens, looked_up)
    assert derived(tokens, looked_up).output_shapes == ((None, 4, 3),)


def test_one_amount_of_padding_is_for_every_axis():
    x = keras.Input((4, 6), batch_size=2)
    for width in (1, (1, 2), ((1, 2),)):
        agrees("Pad", x, ops.pad(x, width, constant_values=1.0))


def test_a_block_is_cut_out():
    x = keras.Input((4, 6), batch_size=2)
    agrees("Slice", x, ops.slice(x, (0, 1, 2), (2, 2, -1)))
    assert derived(x, ops.slice(x, (0, 1, 2), (2, 2, -1))).output_shapes == ((2, 2, 4),)
    unknown = keras.Input((4, 6))
    agrees("Slice", unknown, ops.slice(unknown, (0, 1, 2), (-1, 2, 3)))


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_images_are_resized(data_format):
    for images in (keras.Input((8, 8, 3)), keras.Input((8, 3), batch_size=8)):
        agrees("Resize", images, ops.image.resize(images, (4, 5), data_format=data_format))


@pytest.mark.parametrize("axis", [1, -1, None])
@pytest.mark.parametrize("name", ["sort", "argsort", "cumsum", "cumprod"])
def test_in_a_row_where_no_axis_is_named(name, axis):
    for x in (keras.Input((4, 3)), keras.Input((4, 3), batch_size=2)):
        agrees(name.capitalize(), x, getattr(ops, name)(x, axis=axis))


def test_a_condition_alone_gives_the_places_that_fulfil_it():
    alone = {"module": "keras.src.ops.numpy", "class_name": "Where", "config": {}}
    assert derive(alone, (None, 3)).output_shape is None
    x = keras.Input((4,))
    agrees("Where", x, ops.where(x > 0, True, x))


def test_a_shape_of_known_extents_is_filled():
    x = keras.Input(batch_shape=(2, 6))
    agrees("Reshape", x, ops.reshape(x, (-1, 4)))


# -- contractions: each assignment of the labels' values is one product ---------------------------


def products(*extents):
    return sum(1 for _ in np.ndindex(*extents))


EXTENT = st.integers(1, 4)


@live.examples(20)
@given(EXTENT, EXTENT, EXTENT, st.lists(EXTENT, max_size=2))
def test_matmul_multiplies_rows_by_columns(rows, inner, columns, batch):
    x, y = keras.Input((*batch, rows, inner)), keras.Input((*batch, inner, columns))
    count = products(*batch, rows, inner, columns)
    agrees("Matmul", [x, y], ops.matmul(x, y), count)
    agrees("Einsum", [x, y], ops.einsum("...ij,...jk->...ik", x, y), count)


def test_products_with_vectors_and_tables():
    x = keras.Input((4, 6))
    table, vector = np.ones((6, 2), "float32"), np.ones(6, "float32")
    agrees("Matmul", x, ops.matmul(x, table), 4 * 6 * 2)
    agrees("Matmul", x, ops.matmul(x, vector), 4 * 6)
    agrees("Dot", x, ops.dot(x, table), 4 * 6 * 2)
    agrees("Dot", x, ops.dot(x, vector), 4 * 6)
    agrees("Tensordot", x, ops.tensordot(x, table, axes=1), 4 * 6 * 2)
    agrees("Tensordot", x, ops.tensordot(x, table, axes=[[2], [0]]), 4 * 6 * 2)
    agrees("Tensordot", x, ops.tensordot(x, np.ones((4, 6, 3), "float32"), axes=2), 4 * 6 * 3)


@live.examples(20)
@given(EXTENT, EXTENT, EXTENT, EXTENT)
def test_einsum_multiplies_once_for_each_assignment_of_its_labels(h, q, k, d):
    query, key = keras.Input((q, h, d)), keras.Input((k, h, d))
    scores = ops.einsum("bqhd,bkhd->bhqk", query, key)
    agrees("Einsum", [query, key], scores, products(h, q, k, d))


def test_einsum_of_one_operand_multiplies_nothing():
    x = keras.Input((3, 4))
    agrees("Einsum", x, ops.einsum("bij->bji", x))


def test_einsum_that_adds_nothing_up_is_element_wise_work():
    x, y = keras.Input((3, 4)), keras.Input((3, 4))
    agrees("Einsum", [x, y], ops.einsum("bij,bij->bij", x, y), 0)


@live.examples(20)
@given(EXTENT, EXTENT, EXTENT, EXTENT)
def test_attention_multiplies_for_its_scores_and_once_more_with_them(heads, q, k, width):
    query, key = keras.Input((q, heads, width)), keras.Input((k, heads, width))
    mask = keras.Input((heads, q, k), dtype="bool")
    output = ops.dot_product_attention(query, key, key, mask=mask)
    count = 2 * products(heads, q, k, width)
    agrees("DotProductAttention", [query, key, mask], output, count)


@live.examples(20)
@given(
    st.integers(1, 3),
    st.integers(1, 2),
    st.sampled_from(["valid", "same"]),
    st.sampled_from(["channels_last", "channels_first"]),
)
def test_a_convolution_uses_its_kernel_at_every_position(size, stride, padding, data_format):
    first = data_format == "channels_first"
    x = keras.Input((3, 8, 7) if first else (8, 7, 3))
    arguments = {"strides": stride, "padding": padding, "data_format": data_format}
    output = ops.conv(x, np.ones((size, size, 3, 4), "float32"), **arguments)
    positions = output.shape[2:] if first else output.shape[1:-1]
    agrees("Conv", x, output, products(*positions, size, size, 3, 4))
    agrees("MaxPool", x, ops.max_pool(x, size, **arguments))
    agrees("AveragePool", x, ops.average_pool(x, (size, 2), padding=padding))


def test_a_window_must_fit():
    for name in ("MaxPool", "Conv"):
        config = {"pool_size": 3, "padding": "valid"}
        operation = {"module": "keras.src.ops.nn", "class_name": name, "config": config}
        shapes = (None, 2, 2, 3) if name == "MaxPool" else [(None, 2, 2, 3), (3, 3, 3, 4)]
        with pytest.raises(ShapeError, match="fits into"):
            derive(operation, shapes)


def test_an_unknown_extent_gives_unknown_macs():
    x, y = keras.Input((None, 6)), keras.Input((6, 3))
    agrees("Matmul", [x, y], ops.matmul(x, y), None)


# -- operations without a rule -----------------------------------------------------------------


def test_an_operation_without_a_rule_is_taken_at_the_recorded_shape_and_not_counted_as_0():
    x = keras.Input((4, 4))
    inverse = ops.inv(x)
    model = keras.Model(x, keras.layers.Dense(2)(inverse))
    architecture = derive_architecture(json.loads(model.to_json()))
    (layer,) = [one for one in architecture.layers if one.config.class_name == "Inv"]
    assert layer.problems == []
    assert layer.weights == ()
    assert layer.macs is None
    (call,) = layer.calls
    assert call.output_shape == (None, 4, 4)
    assert call.declared
    assert architecture.output_shapes == ((None, 4, 2),)


def test_what_the_config_records_does_not_hold_for_another_input():
    x = keras.Input((None, None))
    model = keras.Model(x, ops.relu(ops.inv(x)))
    architecture = derive_architecture(json.loads(model.to_json()), (None, 4, 4))
    assert [c.output_shape for c in architecture.calls if c.class_name == "Inv"] == [None]
    assert architecture.output_shapes == (None,)


def test_a_function_layer_has_the_shape_that_is_recorded():
    x = keras.Input((4,))
    doubled = keras.layers.Lambda(lambda t: ops.concatenate([t, t], axis=-1), name="double")(x)
    model = keras.Model(x, keras.layers.Dense(2, name="out")(doubled))
    architecture = derive_architecture(json.loads(model.to_json()))
    calls = {call.path: call for call in architecture.calls}
    assert calls["double"].output_shape == (None, 8)
    assert calls["double"].declared
    assert calls["double"].macs is None
    assert calls["out"].macs == 8 * 2


def test_every_operation_with_a_rule_is_tested():
    rules = {n for n, r in registered_rules().items() if r.built_in and n.startswith("keras.ops.")}
    contractions = {"Matmul", "Dot", "Tensordot", "Einsum", "DotProductAttention", "Conv"}
    others = {"Slice", "Resize", "MaxPool", "AveragePool"}
    tested = {*FUNCTIONS, *OPERANDS, *REDUCTIONS, *SHAPINGS, *contractions, *others}
    assert {f"keras.ops.{name}" for name in tested} == rules


@pytest.mark.parametrize("bounds", [(None, None, None), (1, None, 3), (None, None, -2), (7, 2, 1)])
@pytest.mark.parametrize("extent", [0, 1, 9, 10])
def test_a_slice_is_as_long_as_python_s(bounds, extent):
    layer = LayerConfig({"class_name": "GetItem", "config": {}})
    config = dict(zip(("start", "stop", "step"), bounds, strict=True))
    assert _sliced(layer, extent, config) == len(range(extent)[slice(*bounds)])
    assert _sliced(layer, 10**30, {"start": None, "stop": None, "step": 3}) == -(-(10**30) // 3)
