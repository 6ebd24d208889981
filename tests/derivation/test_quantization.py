"""Quantised layers: what they hold against live Keras, and what it stands for by hand."""

from __future__ import annotations

import keras
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasaudit.derivation.rule import derive
from kerasaudit.errors import ConfigError, UnsupportedError
from tests.derivation import adaptable, live

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")

SOURCES = st.sampled_from(["float32", "mixed_bfloat16", "bfloat16"])
SIZES = st.sampled_from([-1, 1, 2, 3, 128])
PACKED = st.one_of(st.just("int8"), st.just("int4"), st.builds("int4/{}".format, SIZES))
TRANSPOSED = st.one_of(
    st.builds("gptq/{}/{}".format, st.sampled_from([2, 3, 4, 8]), SIZES),
    st.builds("awq/4/{}".format, SIZES),
)
KERNELS_OF_TWO_OR_THREE_AXES = adaptable.einsums(
    [e for e in adaptable.EQUATIONS if len(e.split(",")[1].split("-")[0]) in (2, 3)]
)


@live.examples(120)
@given(
    adaptable.dense() | adaptable.einsums() | adaptable.embeddings(),
    PACKED,
    SOURCES,
    st.booleans(),
    st.integers(0, 3),
)
def test_int8_and_int4_of_a_policy(kind, mode, source, trainable, rank):
    embedding = kind[0].endswith("Embedding")
    lora = {"lora_rank": rank} if rank and not embedding else {}
    policy = f"{mode}_from_{source}"
    layer = adaptable.built(kind, dtype=policy, trainable=trainable, **lora)
    derivation = adaptable.assert_same(layer, kind[2])
    assert derivation.logical_params == adaptable.built(kind).count_params()
    assert (derivation.adapter_params > 0) == bool(lora)


@live.examples(80)
@given(adaptable.dense() | KERNELS_OF_TWO_OR_THREE_AXES, TRANSPOSED, SOURCES)
def test_gptq_and_awq_of_a_policy(kind, mode, source):
    layer = adaptable.built(kind, dtype=f"{mode}_from_{source}")
    derivation = adaptable.assert_same(layer, kind[2])
    assert derivation.logical_params == adaptable.built(kind).count_params()


@live.examples(20)
@given(adaptable.dense() | adaptable.einsums(), SOURCES, st.integers(1, 5))
def test_float8_of_a_policy(kind, source, length):
    policy = keras.dtype_policies.QuantizedFloat8DTypePolicy("float8", source, length)
    layer = adaptable.built(kind, dtype=policy)
    # Keras lists the scales first here, and last in a layer that was quantised after it was built.
    derivation = adaptable.assert_same(layer, kind[2], in_order=False)
    plain = adaptable.built(kind).count_params()
    assert derivation.params == plain + 3 * (1 + length)
    assert derivation.logical_params == plain


@live.examples(30)
@given(adaptable.dense() | adaptable.embeddings(), PACKED | st.just("float8"), st.integers(0, 3))
def test_a_layer_quantised_after_it_was_built(kind, mode, rank):
    layer = adaptable.built(kind)
    before = layer.count_params()
    name, _, block = mode.partition("/")
    if name == "float8" and kind[0] != "Dense":
        return  # Keras refuses it
    if block:
        size = None if block == "-1" else int(block)
        layer.quantize(config=keras.quantizers.Int4QuantizationConfig(block_size=size))
    else:
        layer.quantize(name)
    if rank:
        layer.enable_lora(rank)
    # Adapters come after float8's scales here; no config says which of the two was first.
    derivation = adaptable.assert_same(layer, kind[2], in_order=name != "float8" or not rank)
    assert derivation.logical_params == before
    assert (derivation.adapter_params > 0) == (rank > 0)


@pytest.mark.parametrize("mode", ["int8", "int4/2", "float8", "gptq/4/2", "awq/4/-1"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    "layer",
    [
        lambda **more: keras.layers.MultiHeadAttention(2, 3, **more),
        lambda **more: keras.layers.GroupQueryAttention(3, 4, 2, **more),
    ],
    ids=["multi-head", "grouped-query"],
)
def test_a_layer_made_of_others_is_quantised_in_its_parts(layer, bias, mode):
    held, plain = (layer(use_bias=bias, dtype=d) for d in (f"{mode}_from_float32", "float32"))
    shapes = {"query": (None, 4, 5), "value": (None, 4, 5)}
    for one in (held, plain):
        one.build(*shapes.values())
    derivation = adaptable.assert_same(held, shapes, in_order=mode != "float8")
    assert derivation.logical_params == plain.count_params()
    # The letters of the parts' own equations stand in no formula of the whole.
    symbols = "".join(axis.symbol for weight in derivation.weights for axis in weight.axes)
    assert not set(symbols) & set("xyz")


# -- figures by hand --------------------------------------------------------------------------


def dense(mode, units=7, **more):
    return {"class_name": "Dense", "config": {"units": units, "dtype": mode, **more}}


def test_int4_counts_bytes_and_stands_for_the_float_kernel():
    """The documented case where other tools go wrong: a packed kernel is no smaller model."""
    derivation = derive(dense("int4/4_from_float32"), (None, 10))
    # bias 7, ten rows of ⌈7/2⌉ bytes, ⌈10/4⌉ scales and zero points a column, a group for each row
    assert derivation.params == 7 + 10 * 4 + 3 * 7 + 3 * 7 + 10 == 99
    assert derivation.logical_params == 10 * 7 + 7
    assert derivation.formula == "u + d·⌈u/2⌉ + G·u + G·u + d"
    assert derivation.working == "7 + 10·4 + 3·7 + 3·7 + 10"
    assert derivation.macs == 10 * 7  # the values are unpacked before they are multiplied


def test_a_small_layer_in_one_block_still_has_zero_points_and_groups():
    derivation = derive(dense("int4/128_from_float32"), (None, 10))
    assert derivation.params == 7 + 10 * 4 + 7 + 7 + 10


def test_what_keras_counts_of_one_model_in_five_states():
    """256 features, Dense(128), Dense(10): 34,186 parameters, whatever Keras says they are."""
    float_count = (256 * 128 + 128) + (128 * 10 + 10)
    packed = (256 * 64 + 128) + (128 * 5 + 10)  # two values a byte, biases in float
    scales = 128 + 10
    expected = {
        "float32": float_count,
        "int8_from_float32": float_count + scales,
        "int4/-1_from_float32": packed + scales,
        # ⌈256/128⌉ = 2 groups of rows, then ⌈128/128⌉ = 1: scales, zero points, a group a row
        "int4/128_from_float32": packed + 2 * (2 * 128 + 1 * 10) + 256 + 128,
        "float8_from_float32": float_count + 2 * 3 * (1 + 1024),
    }
    assert list(expected.values()) == [34_186, 34_324, 17_300, 18_078, 40_336]
    for mode, count in expected.items():
        layers = [derive(dense(mode, u), (None, d)) for d, u in ((256, 128), (128, 10))]
        assert sum(one.params for one in layers) == count
        assert sum(one.logical_params for one in layers) == float_count


def test_gptq_on_300_features():
    derivation = derive(dense("gptq/4/128_from_float32"), (None, 300))
    # bias, ⌈7/2⌉·300 bytes, ⌈300/128⌉ = 3 scales and zero points a unit, a group for each feature
    assert derivation.params == 7 + 4 * 300 + 7 * 3 + 7 * 3 + 300
    assert derivation.logical_params == 300 * 7 + 7


@pytest.mark.parametrize(
    ("mode", "units"),
    [
        ("int8", {"kernel": ("u",), "kernel_scale": ("u",)}),
        ("int4/4", {"kernel": (), "kernel_scale": ("u",), "kernel_zero": ("u",), "g_idx": ()}),
        ("gptq/8/4", {"kernel": ("u",), "kernel_scale": ("u",), "kernel_zero": ("u",)}),
    ],
)
def test_a_unit_is_a_kernel_where_its_values_are_not_packed_with_others(mode, units):
    weights = {w.name: w.unit for w in derive(dense(f"{mode}_from_float32"), (None, 10)).weights}
    assert {name: weights[name] for name in units} == units


# -- configs ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "config"),
    [
        ("int4/128", keras.quantizers.Int4QuantizationConfig(block_size=3)),
        ("int4", keras.quantizers.Int4QuantizationConfig(block_size=4)),
        ("int4/2", keras.quantizers.Int4QuantizationConfig(block_size=None)),
        ("gptq/4/128", keras.quantizers.GPTQConfig(None, None, weight_bits=8, group_size=3)),
        ("awq/4/128", keras.quantizers.AWQConfig(None, None, group_size=3)),
        ("int8", keras.quantizers.Int4QuantizationConfig(block_size=4)),
    ],
)
def test_a_quantization_config_has_precedence_over_the_policy(policy, config):
    layer = keras.layers.Dense(7, dtype=f"{policy}_from_float32", quantization_config=config)
    layer.build((None, 10))
    adaptable.assert_same(layer, (None, 10))


@pytest.mark.parametrize(
    "mode",
    ["int2", "int4/0", "int4/-2", "int4/x", "int4/4/4", "gptq/5/128", "gptq/4/0", "gptq/4",
     "awq/8/128", "awq/4/-3", "float8/4", "int8/4"],
)  # fmt: skip
def test_a_mode_that_keras_does_not_have(mode):
    policy = f"{mode}_from_float32"
    with pytest.raises(Exception):  # noqa: B017, PT011 - ValueError, NotImplementedError
        keras.layers.Dense(7, dtype=policy).build((None, 10))
    with pytest.raises(ConfigError, match=f"received '{mode}'"):
        derive(dense(policy), (None, 10))


@pytest.mark.parametrize("source", ["float16", "mixed_float16"])
def test_int8_does_not_compute_in_float16(source):
    with pytest.raises(ValueError, match="float16"):
        keras.layers.Dense(7, dtype=f"int8_from_{source}")
    node = {"class_name": "QuantizedDTypePolicy", "config": {"mode": "int8", "source_name": source}}
    for dtype in (f"int8_from_{source}", node):
        with pytest.raises(ConfigError, match="float16"):
            derive(dense(dtype), (None, 10))


@pytest.mark.parametrize("length", ["many", -1, 1.5])
def test_a_history_that_has_no_length(length):
    inner = {"mode": "float8", "source_name": "float32", "amax_history_length": length}
    node = {"class_name": "QuantizedFloat8DTypePolicy", "config": inner}
    with pytest.raises(ConfigError, match="amax_history_length"):
        derive(dense(node), (None, 10))


@pytest.mark.parametrize("size", [0, -2, "4"])
def test_a_quantization_config_without_a_block(size):
    config = {"class_name": "Int4QuantizationConfig", "config": {"block_size": size}}
    with pytest.raises(ConfigError, match="quantization_config"):
        derive(dense("int4/4_from_float32", quantization_config=config), (None, 10))


@pytest.mark.parametrize(
    ("equation", "output_shape", "shape", "mode"),
    [
        ("...b,bc->...c", [4], (None, 4, 3), "int8"),
        ("ab...,bc->ac...", [4], (None, 3, 4), "int4/4"),
        ("abcd,cdef->abef", [2, 4, 4], (None, 2, 3, 3), "gptq/4/128"),
    ],
)
def test_an_equation_that_keras_cannot_quantise(equation, output_shape, shape, mode):
    arguments = {"equation": equation, "output_shape": output_shape}
    keras.layers.EinsumDense(**arguments).build(shape)  # in floats it can
    arguments["dtype"] = f"{mode}_from_float32"
    with pytest.raises(Exception):  # noqa: B017, PT011 - TypeError, UnboundLocalError
        keras.layers.EinsumDense(**arguments).build(shape)
    with pytest.raises(ConfigError, match="to be quantised"):
        derive({"class_name": "EinsumDense", "config": arguments}, shape)


@pytest.mark.parametrize(
    ("class_name", "config", "shape", "says"),
    [
        ("Conv2D", {"filters": 2, "kernel_size": 3}, (None, 8, 8, 3), "state 'int8' of this class"),
        ("LayerNormalization", {}, (None, 3), "state 'int8' of this class"),
        ("EinsumDense", {"equation": "ab,abc->ac", "output_shape": [4]}, (2, 3), "this equation"),
    ],
)
def test_a_layout_that_is_not_known_is_said_to_be_so(class_name, config, shape, says):
    config = {**config, "dtype": "int8_from_float32"}
    with pytest.raises(UnsupportedError, match=says):
        derive({"class_name": class_name, "config": config}, shape)
