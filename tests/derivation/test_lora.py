"""LoRA adapters: what live Keras holds for them, and what they cost by hand."""

from __future__ import annotations

import keras
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasaudit.derivation.rule import Derivation, derive, rule
from kerasaudit.derivation.weight import Axis, Weight
from kerasaudit.errors import ConfigError, UnsupportedError
from tests.derivation import adaptable, live

RANKS = st.integers(1, 4)
DTYPES = st.sampled_from(["float32", "mixed_float16", "bfloat16"])
KINDS = (
    adaptable.dense()
    | adaptable.einsums()
    | adaptable.convolutions()
    # Keras cannot construct an untied ReversibleEmbedding with a rank; it can adapt one.
    | adaptable.embeddings(tied=(True,))
)


@live.examples(80)
@given(KINDS, RANKS, DTYPES, st.booleans())
def test_a_layer_built_with_a_rank(kind, rank, dtype, trainable):
    layer = adaptable.built(kind, dtype=dtype, trainable=trainable, lora_rank=rank)
    derivation = adaptable.assert_same(layer, kind[2])
    plain = adaptable.built(kind, dtype=dtype)
    assert derivation.logical_params == plain.count_params()
    assert derivation.adapter_params == derivation.params - plain.count_params()


@live.examples(40)
@given(KINDS | adaptable.embeddings(), RANKS)
def test_a_layer_adapted_after_it_was_built(kind, rank):
    layer = adaptable.built(kind)
    before = layer.count_params()
    layer.enable_lora(rank)
    derivation = adaptable.assert_same(layer, kind[2])
    assert derivation.logical_params == before


def config_of(class_name, **values):
    return {"class_name": class_name, "config": values}


def test_only_the_adapters_and_the_bias_are_trained():
    derivation = derive(config_of("Dense", units=7, lora_rank=3), (None, 5, 10))
    assert derivation.formula == "d·u + u + d·r + r·u"
    assert derivation.working == "10·7 + 7 + 10·3 + 3·7"
    assert derivation.params == 10 * 7 + 7 + 10 * 3 + 3 * 7
    assert derivation.trainable_params == 7 + 10 * 3 + 3 * 7
    assert derivation.non_trainable_params == 10 * 7
    assert (derivation.logical_params, derivation.adapter_params) == (77, 51)


@pytest.mark.parametrize(
    ("config", "shape", "units"),
    [
        (config_of("Dense", units=7), (None, 10), [("r",), ("u",)]),
        (config_of("Conv2D", filters=4, kernel_size=3), (None, 8, 8, 3), [("r",), ("K",)]),
        (config_of("Embedding", input_dim=9, output_dim=4), (None, 5), [("V",), ("r",)]),
    ],
)
def test_the_kernels_of_an_adapter_are_units_where_it_has_them(config, shape, units):
    config["config"]["lora_rank"] = 2
    adapters = [w for w in derive(config, shape).weights if w.role == "adapter"]
    assert [weight.unit for weight in adapters] == units


# Each MACs figure: what the layer does without adapters, then what they add.
MACS = {
    "dense: the product A·B once, whatever the positions": (
        config_of("Dense", units=7, lora_rank=3), (None, 5, 10), 5 * 10 * 7 + 10 * 3 * 7,
    ),
    "convolution: likewise": (
        config_of("Conv2D", filters=4, kernel_size=3, lora_rank=2), (None, 8, 8, 3),
        6 * 6 * 3 * 3 * 3 * 4 + 3 * 3 * 3 * 2 * 4,
    ),
    "einsum: likewise": (
        config_of("EinsumDense", equation="abc,cde->abde", output_shape=[None, 2, 4], lora_rank=3),
        (None, 5, 10), 5 * 10 * 2 * 4 + 10 * 2 * 3 * 4,
    ),
    "embedding: its whole table, for a look-up": (
        config_of("Embedding", input_dim=9, output_dim=4, lora_rank=2), (None, 5), 9 * 2 * 4,
    ),
    "int8 dense: each position through A and B": (
        config_of("Dense", units=7, lora_rank=3, dtype="int8_from_float32"), (None, 5, 10),
        5 * 10 * 7 + 5 * 10 * 3 + 5 * 3 * 7,
    ),
    "int4 dense": (
        config_of("Dense", units=7, lora_rank=3, dtype="int4/4_from_float32"), (None, 10),
        10 * 7 + 10 * 3 + 3 * 7,
    ),
    "int8 einsum": (
        config_of("EinsumDense", equation="abc,cde->abde", output_shape=[None, 2, 4], lora_rank=3,
                  dtype="int8_from_float32"),
        (None, 5, 10), 5 * 10 * 2 * 4 + 5 * 10 * 2 * 3 + 5 * 2 * 3 * 4,
    ),
    "int8 embedding: a row of A for each token, through B": (
        config_of("Embedding", input_dim=9, output_dim=4, lora_rank=2, dtype="int8_from_float32"),
        (None, 5), 5 * 2 * 4,
    ),
    "an unknown length": (
        config_of("Dense", units=7, lora_rank=3, dtype="int8_from_float32"), (None, None, 10), None,
    ),
    "einsum whose kernel ends in another axis than its output: Keras fails in B": (
        config_of("EinsumDense", equation="abc,cd->adb", output_shape=[7, 5], lora_rank=3,
                  dtype="int8_from_float32"),
        (None, 5, 10), None,
    ),
    "float8: Keras builds it and its call raises": (
        config_of("Dense", units=7, lora_rank=3, dtype="float8_from_float32"), (None, 10), None,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("config", "shape", "macs"), MACS.values(), ids=MACS)
def test_macs(config, shape, macs):
    assert derive(config, shape).macs == macs


@pytest.mark.parametrize(
    ("values", "macs"),
    [
        ({}, 5 * 4 * 9 + 9 * 2 * 4),  # the table that the way back takes has A·B added to it
        ({"tie_weights": False}, 5 * 4 * 9),  # another table than the one that is adapted
        ({"dtype": "int8_from_float32"}, 5 * 4 * 9),  # Keras takes the int8 table alone
    ],
)
def test_macs_of_an_adapted_embedding_on_the_way_back(values, macs):
    config = config_of("ReversibleEmbedding", input_dim=9, output_dim=4, lora_rank=2, **values)
    assert derive(config, (None, 5, 4), {"reverse": True}).macs == macs


def test_a_rank_of_0_is_none_as_in_keras():
    layer = keras.layers.Dense(3, lora_rank=0)
    layer.build((None, 4))
    derivation = adaptable.derivation_of(layer, (None, 4), lora_rank=0)
    assert derivation.params == layer.count_params() == 4 * 3 + 3


@pytest.mark.parametrize(
    "values", [{"lora_rank": -1}, {"lora_rank": "2"}, {"kernel_constraint": "max_norm"}], ids=repr
)
def test_what_keras_refuses_beside_adapters(values):
    values = {"units": 3, "lora_rank": 2, **values}
    with pytest.raises(Exception):  # noqa: B017, PT011 - ValueError, TypeError
        keras.layers.Dense(**values).build((None, 4))
    with pytest.raises(ConfigError, match="received"):
        derive(config_of("Dense", **values), (None, 4))


@pytest.mark.parametrize(
    ("class_name", "config", "shape", "says"),
    [
        ("LayerNormalization", {}, (None, 3), "not derived for this class"),
        ("DepthwiseConv1D", {"kernel_size": 2}, (None, 5, 3), "not derived for this class"),
        ("Dense", {"units": 2, "dtype": "gptq/4/128_from_float32"}, (None, 3), "cannot build"),
        ("Dense", {"units": 2, "dtype": "awq/4/128_from_float32"}, (None, 3), "cannot build"),
    ],
)
def test_adapters_that_are_not_derived(class_name, config, shape, says):
    with pytest.raises(UnsupportedError, match=says):
        derive(config_of(class_name, lora_rank=2, **config), shape)


def test_a_rule_may_give_its_layer_adapters_of_its_own(monkeypatch):
    monkeypatch.setattr("kerasaudit.derivation.rule._user_rules", {})

    @rule("mine>Adapted")
    def adapted(layer, x):
        width, rank = Axis("d", layer.extent(x, -1)), Axis("r", layer.integer("lora_rank"))
        base = Weight("base", width, width, trainable=False)
        return Derivation(weights=(base, Weight("down", width, rank, role="adapter")))

    config = {
        "module": "mine",
        "class_name": "Adapted",
        "config": {"lora_rank": 2},
        "registered_name": "mine>Adapted",
    }
    derivation = derive(config, (None, 5))
    assert (derivation.logical_params, derivation.adapter_params) == (5 * 5, 5 * 2)
