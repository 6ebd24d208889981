"""LoRA and quantised layers: what they hold against live Keras, and what it stands for by hand."""

from __future__ import annotations

import keras
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasaudit.derivation.rule import derive
from kerasaudit.errors import UnsupportedError
from tests.derivation import live

INTEGERS = st.integers(1, 9)
SHAPES = {"Dense": (None, 4, 6), "Embedding": (None, 4), "ReversibleEmbedding": (None, 4)}


@st.composite
def layers(draw):
    """A built layer that Keras can adapt or quantise, and the shape that it was built for."""
    kind = draw(st.sampled_from(["dense", "einsum", "heads", "embedding", "reversible"]))
    extent = [draw(INTEGERS) for _ in range(4)]
    bias = draw(st.booleans())
    trainable = draw(st.booleans())
    if kind == "dense":
        layer, shape = keras.layers.Dense(extent[1], use_bias=bias), (None, 3, extent[0])
    elif kind == "einsum":
        axes = "de" if bias else None
        layer = keras.layers.EinsumDense("abc,cde->abde", (None, *extent[1:3]), bias_axes=axes)
        shape = (None, 3, extent[0])
    elif kind == "heads":
        axes = "e" if bias else None
        layer = keras.layers.EinsumDense("abcd,cde->abe", (None, extent[2]), bias_axes=axes)
        shape = (None, 3, *extent[:2])
    elif kind == "embedding":
        layer, shape = keras.layers.Embedding(*extent[:2]), (None, 3)
    else:
        layer = keras.layers.ReversibleEmbedding(*extent[:2], tie_weights=bias)
        shape = (None, 3)
    layer.trainable = trainable
    layer(keras.KerasTensor(shape))
    return layer, shape


def assert_same(layer, shape):
    config = live.as_json(keras.saving.serialize_keras_object(layer))
    derivation = derive(config, shape)
    held = {w.path.split("/", 1)[1]: (tuple(w.shape), w.dtype, w.trainable) for w in layer.weights}
    ours = {w.name: (w.shape, w.dtype, w.trainable) for w in derivation.weights}
    assert ours == held
    assert derivation.params == layer.count_params()
    return derivation


@live.examples(60)
@given(layers(), st.integers(1, 4))
def test_adapters(pair, rank):
    layer, shape = pair
    if isinstance(layer, keras.layers.ReversibleEmbedding) and not layer.tie_weights:
        return  # Keras makes a config of it that it cannot read itself
    before = layer.count_params()
    layer.enable_lora(rank)
    derivation = assert_same(layer, shape)
    assert derivation.logical_params == before
    assert derivation.adapter_params == derivation.params - before


MODES = st.sampled_from(["int8", "int4", "int4/2", "int4/-1", "float8"])


@live.examples(120)
@given(layers(), MODES, st.sampled_from([0, 0, 2]))
def test_quantised_layers(pair, mode, rank):
    layer, shape = pair
    embedding = isinstance(layer, keras.layers.Embedding)
    if embedding and mode == "float8":
        return  # Keras refuses it
    before = layer.count_params()
    kind, _, block = mode.partition("/")
    if block:
        size = None if int(block) < 0 else int(block)
        layer.quantize(config=keras.quantizers.Int4QuantizationConfig(block_size=size))
    else:
        layer.quantize(kind)
    if rank and kind != "float8" and not isinstance(layer, keras.layers.ReversibleEmbedding):
        layer.enable_lora(rank)
    derivation = assert_same(layer, shape)
    assert derivation.logical_params == before
    assert derivation.adapter_params == (0 if not rank else derivation.adapter_params)


@live.examples(60)
@given(
    st.sampled_from(["int8", "int4/3", "int4/-1", "int4", "float8", "gptq/4/3", "gptq/8/-1",
                     "awq/4/2", "awq/4/-1"]),
    st.sampled_from(["float32", "mixed_bfloat16", "bfloat16"]),
    INTEGERS,
    INTEGERS,
    st.booleans(),
)  # fmt: skip
def test_dense_and_einsum_of_a_quantised_policy(mode, source, rows, columns, einsum):
    policy = f"{mode}_from_{source}"
    if einsum:
        layer = keras.layers.EinsumDense(
            "abc,cde->abde", (None, columns, 2), bias_axes="de", dtype=policy
        )
    else:
        layer = keras.layers.Dense(columns, dtype=policy)
    layer.build((None, 3, rows))
    assert_same(layer, (None, 3, rows))


def config_of(mode, units=7, **more):
    return {"class_name": "Dense", "config": {"units": units, "dtype": mode, **more}}


def test_int4_counts_bytes_and_stands_for_the_float_kernel():
    """The documented case where other tools go wrong: a packed kernel is no smaller model."""
    derivation = derive(config_of("int4/4_from_float32"), (None, 10))
    # bias 7, ten rows of ⌈7/2⌉ bytes, ⌈10/4⌉ scales and zero points a column, a group for each row
    assert derivation.params == 7 + 10 * 4 + 3 * 7 + 3 * 7 + 10 == 99
    assert derivation.logical_params == 10 * 7 + 7
    assert derivation.formula == "u + d·⌈u/2⌉ + G·u + G·u + d"


def test_the_measured_model_of_300_units():
    """A model that Keras says has 34,186 parameters, 34,324 in int8 and 18,078 in int4."""
    sizes = [(300, 100), (100, 37), (37, 10)]
    # what each holds in float: 300·100 + 100 + 100·37 + 37 + 37·10 + 10
    assert sum(rows * columns + columns for rows, columns in sizes) == 34_217

    def params(mode):
        return sum(derive(config_of(mode, u), (None, d)).params for d, u in sizes)

    assert params("int8_from_float32") == 34_217 + sum(u for _, u in sizes)
    blocks = {"int4": 128}
    packed = sum(d * -(-u // 2) + u for d, u in sizes)
    grouped = sum(2 * -(-d // blocks["int4"]) * u + d for d, u in sizes)
    assert params("int4/128_from_float32") == packed + grouped
    assert params("float8_from_float32") == 34_217 + 3 * (6 * 1 + 3 * 1023)


def test_lora_trains_the_adapters_alone():
    derivation = derive(config_of("float32", lora_rank=3), (None, 5, 10))
    assert derivation.trainable_params == 7 + 10 * 3 + 3 * 7
    assert derivation.non_trainable_params == 10 * 7
    # at each of 5 positions the kernel; once for the call, A·B
    assert derivation.macs == 5 * 10 * 7 + 10 * 3 * 7


def test_lora_of_a_quantised_kernel_passes_the_inputs_through_the_adapters():
    derivation = derive(config_of("int8_from_float32", lora_rank=3), (None, 5, 10))
    assert derivation.macs == 5 * 10 * 7 + 5 * 3 * (10 + 7)


def test_a_layer_made_of_others_is_quantised_in_its_parts():
    layer = keras.layers.MultiHeadAttention(2, 3, dtype="int8_from_float32")
    layer.build((None, 4, 5), (None, 4, 5))
    config = live.as_json(keras.saving.serialize_keras_object(layer))
    derivation = derive(config, {"query": (None, 4, 5), "value": (None, 4, 5)})
    assert derivation.params == layer.count_params()
    # three kernels of 5·2·3 and one of 2·3·5; their biases
    assert derivation.logical_params == 4 * 30 + 3 * 6 + 5


@pytest.mark.parametrize(
    ("class_name", "config", "shape", "says"),
    [
        ("Conv2D", {"filters": 2, "kernel_size": 3, "dtype": "int8_from_float32"},
         (None, 8, 8, 3), "quantised state 'int8'"),
        ("Dense", {"units": 2, "dtype": "gptq/3/128_from_float32"}, (None, 3), "gptq/3/128"),
        ("LayerNormalization", {"lora_rank": 2}, (None, 3), "LoRA"),
        ("EinsumDense", {"equation": "abc,bcd->abd", "output_shape": [4, 5],
                         "dtype": "int4_from_float32"}, (None, 4, 6), "this equation"),
    ],
)  # fmt: skip
def test_a_layout_that_is_not_known_is_said_to_be_so(class_name, config, shape, says):
    with pytest.raises(UnsupportedError, match=says):
        derive({"class_name": class_name, "config": config}, shape)
