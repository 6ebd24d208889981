"""What Keras saves, audited without it, against the audit of the live model.

Each layer and each weight: derived, held, shape and dtype. KERASAUDIT_EXAMPLES multiplies the
number of examples.
"""

from __future__ import annotations

import math
from functools import partial

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import layers

import kerasaudit as ka
from tests.derivation import adaptable, live
from tests.derivation.graphs import Grower
from tests.derivation.strategies import STRATEGIES
from tests.observation.saved import assert_same, assert_same_layer, audits, found, write

pytestmark = [
    pytest.mark.filterwarnings("ignore:You are saving your model"),
    pytest.mark.filterwarnings("ignore:You passed `rms_scaling"),
    pytest.mark.filterwarnings("ignore:__array__ implementation"),
]


def functional(layer, shapes):
    """A model of the one layer, called as a case of the strategies says."""
    if isinstance(layer, layers.InputLayer):
        return keras.Model(layer.output, layer.output)
    inputs = keras.tree.map_shape_structure(lambda shape: keras.Input(batch_shape=shape), shapes)
    if isinstance(inputs, dict):
        (_, first), *others = inputs.items()
        output = layer(first, **dict(others))
    else:
        output = layer(inputs)
    return keras.Model(keras.tree.flatten(inputs), output)


# -- layers by themselves -----------------------------------------------------------------------


@pytest.mark.parametrize("class_name", sorted(set(STRATEGIES) - {"Wrapper"}))
def test_a_layer_of_every_class(class_name):
    module, strategy, _ = STRATEGIES[class_name]
    saved = []

    def agrees(pair):
        case = live.Case(class_name, *pair, module=module)
        try:
            model = functional(live.construct(case), case.shapes)
        except Exception:  # noqa: BLE001 - the strategies hold configurations that Keras refuses
            return
        saved.append(assert_same(model))

    for count in (3, 50):  # of some classes Keras refuses most
        if not saved:
            live.examples(count)(given(pair=strategy)(agrees))()
    assert saved, "Keras refused every example"


ADAPTABLE = adaptable.dense() | adaptable.einsums() | adaptable.embeddings()
MODES = st.sampled_from(["int8", "int4", "int4/-1", "int4/2", "float8"])


@live.examples(40)
@given(ADAPTABLE, MODES, st.integers(0, 3))
def test_layers_quantised_and_adapted(kind, mode, rank):
    layer = adaptable.built(kind)
    name, _, block = mode.partition("/")
    if name == "float8" and (kind[0] != "Dense" or rank):
        return  # Keras refuses to quantise it, or to save it
    if block:
        size = None if block == "-1" else int(block)
        layer.quantize(config=keras.quantizers.Int4QuantizationConfig(block_size=size))
    else:
        layer.quantize(name)
    if rank:
        layer.enable_lora(rank)
    assert_same(functional(layer, kind[2]))


@live.examples(20)
@given(adaptable.dense() | adaptable.einsums() | adaptable.convolutions(), st.integers(1, 3))
def test_layers_adapted(kind, rank):
    layer = adaptable.built(kind)
    layer.enable_lora(rank)
    audit = assert_same(functional(layer, kind[2]))
    assert audit.totals.adapter


@live.examples(30)
@given(
    adaptable.dense() | adaptable.einsums(),
    st.sampled_from(["int8", "int4/2", "int4/-1", "float8"]),
    st.sampled_from(["float32", "mixed_bfloat16", "bfloat16"]),
)
def test_layers_with_a_quantised_policy(kind, mode, source):
    assert_same(functional(adaptable.built(kind, dtype=f"{mode}_from_{source}"), kind[2]))


@pytest.mark.parametrize(
    ("mode", "groups"),
    [
        ("gptq/4/2", {6: 3, 7: 4, 9: 5}),  # ⌈n/2⌉ groups of n features
        ("gptq/8/-1", {6: 1, 7: 1, 9: 1}),
        ("awq/4/2", {6: 3, 7: 4, 9: 5}),
    ],
)
def test_keras_forgets_the_zero_points_of_kernels_packed_by_data(mode, groups, tmp_path):
    """Nor can it load such a file; the legacy one holds all, for it lists what there is."""
    inputs = keras.Input((4, 9))
    outputs = layers.Dense(7, name="dense", dtype=f"{mode}_from_float32")(inputs)
    outputs = layers.MultiHeadAttention(2, 3, name="mha", dtype=f"{mode}_from_float32")(
        outputs, outputs
    )
    model = keras.Model(inputs, outputs)
    assert assert_same(model, ("h5",)).ok
    expected = [
        ("KA102", "dense", -7 * groups[9]),
        *[("KA102", "mha", -2 * 3 * groups[7])] * 3,  # query, key and value
        ("KA102", "mha", -7 * groups[6]),
    ]
    for form in ("keras", "weights.h5"):
        audit = audits(model, (form,))[form]
        assert found(audit) == sorted(expected), form
    model.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="could not be loaded"):
        keras.saving.load_model(tmp_path / "model.keras")


@pytest.mark.parametrize("mode", ["int8", "int4"])
@pytest.mark.parametrize("rank", [0, 2])
def test_an_embedding_with_another_table_for_the_way_back(mode, rank):
    layer = layers.ReversibleEmbedding(5, 4, tie_weights=False)
    layer.build((None, 6))
    layer.quantize(mode)
    if rank:
        layer.enable_lora(rank)
    assert assert_same(functional(layer, (None, 6))).ok


# -- models -------------------------------------------------------------------------------------


@live.examples(40)
@given(st.data())
def test_generated_graphs(data):
    assert_same(Grower(data.draw).model())


@live.examples(10)
@given(st.data(), st.sampled_from(["float16", "mixed_float16", "bfloat16", "mixed_bfloat16"]))
def test_generated_graphs_in_another_dtype(data, policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        assert_same(Grower(data.draw).model())
    finally:
        keras.config.set_dtype_policy(before)


@live.examples(10)
@given(st.data(), st.sampled_from(["int8", "int4"]))
def test_generated_graphs_quantised_as_a_whole(data, mode):
    model = Grower(data.draw).model()
    model.quantize(mode)
    assert_same(model)


def block(units=6, features=6):
    """A functional model that holds a Sequential one, which it calls twice."""
    inputs = keras.Input((features,))
    pair = keras.Sequential(
        [layers.Dense(features, name="dense"), layers.BatchNormalization(name="norm")], name="pair"
    )
    outputs = layers.Dense(units, name="dense")(pair(pair(inputs)))
    return keras.Model(inputs, outputs, name="block")


def nested():
    inputs = keras.Input((6,), name="x")
    inner = block()
    shared = layers.Dense(6, name="shared")
    x = shared(inner(shared(inner(inputs))))
    return keras.Model(inputs, keras.Sequential([block(4), layers.Dense(2)], name="head")(x))


def recurrent(normed=True):
    inputs = keras.Input((5, 3), name="x")
    own = layers.GRU(4, return_sequences=True, go_backwards=True, name="own")
    x = layers.Bidirectional(layers.LSTM(4, return_sequences=True), name="two_ways")(inputs)
    x = layers.Bidirectional(
        layers.SimpleRNN(4, return_sequences=True), backward_layer=own, name="own_way_back"
    )(x)
    cells = [layers.LSTMCell(3), layers.GRUCell(3, use_bias=False), layers.LSTMCell(2)]
    x = layers.RNN(cells, return_sequences=True, name="stacked")(x)
    x = layers.TimeDistributed(layers.Dense(6), name="each")(x)
    x = layers.TimeDistributed(block(), name="each_by_a_model")(x)
    if normed:
        x = layers.TimeDistributed(layers.SpectralNormalization(layers.Dense(3)), name="normed")(x)
    return keras.Model(inputs, layers.LSTM(2, name="last")(x))


def attention():
    x = inputs = keras.Input((4, 6), name="x")
    x = layers.MultiHeadAttention(2, 3, value_dim=5, output_shape=7, name="mha")(x, inputs)
    x = layers.GroupQueryAttention(4, 6, 2, use_bias=False, name="gqa")(x, x)
    x = layers.GroupQueryAttention(3, 4, 2, name="gqa_too")(x, x)
    x = layers.AdditiveAttention(name="additive")([x, x])
    return keras.Model(inputs, layers.Attention(use_scale=True, name="scaled")([x, x]))


def lookups():
    words, numbers = keras.Input((1,), dtype="string"), keras.Input((1,), dtype="int64")
    text, features = keras.Input((), dtype="string"), keras.Input((3,))
    norm = layers.Normalization(name="norm")
    norm.adapt(np.array([[1.0, 2.0, 3.0], [3.0, 5.0, 9.0]]))
    vectors = layers.TextVectorization(output_mode="tf_idf", name="vectors")
    vectors.adapt(["a b c", "a a d"])
    strings = layers.StringLookup(vocabulary=["x", "y"], output_mode="one_hot", name="strings")
    integers = layers.IntegerLookup(
        vocabulary=[3, 5], idf_weights=[0.5, 0.25], output_mode="tf_idf", name="integers"
    )
    x = layers.Concatenate(name="all")(
        [strings(words), integers(numbers), vectors(text), norm(features)]
    )
    return keras.Model([words, numbers, text, features], layers.Dense(2, name="out")(x))


def frozen():
    model = nested()
    model.get_layer("block").trainable = False
    return model


def quantised(make, mode):
    # SpectralNormalization keeps the float kernel of what is quantised in it: Keras cannot save it.
    model = make(normed=False) if make is recurrent else make()
    model.quantize(mode)
    return model


MODELS = {
    "nested": nested,
    "recurrent": recurrent,
    "attention": attention,
    "lookups": lookups,
    "frozen": frozen,
    **{
        f"{make.__name__}-{mode}": partial(quantised, make, mode)
        for make in (nested, recurrent, attention)
        for mode in ("int8", "int4", "float8")
    },
}


@pytest.mark.parametrize("name", MODELS)
def test_models(name):
    audit = assert_same(MODELS[name]())
    # What quantize() does to the layers within an attention or a recurrent layer, no config says.
    unsaid = {"KA118"} if name.startswith("attention-") else set()
    assert {code for code, *_ in found(audit)} == unsaid


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop", "lion", "adafactor"])
@pytest.mark.parametrize("form", ["keras", "h5"])
def test_an_optimizer_is_tallied_apart(optimizer, form):
    model = block()
    model.compile(optimizer, "mse", metrics=["mae"])
    model.fit(np.zeros((2, 6)), np.zeros((2, 6)), verbose=0)
    if form == "h5" and optimizer == "adafactor":
        return  # two of its variables have one name: Keras cannot write them
    audit = audits(model, (form,))[form]
    assert audit.ok
    assert audit.totals.stored == audit.totals.derived == model.count_params()
    variables = model.optimizer.variables
    assert audit.totals.optimizer_state == sum(math.prod(one.shape) for one in variables)


# -- models that a config does not tell ---------------------------------------------------------


class Net(keras.Model):
    """Layers as attributes, in a list, in a model, and one called twice."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.stem = layers.Dense(6, name="stem")
        self.blocks = [layers.Dense(6, name=f"block{number}") for number in range(3)]
        self.inner = keras.Sequential([layers.Dense(6, name="in"), layers.ReLU()], name="inner")
        self.norm = layers.BatchNormalization(name="norm")
        self.attend = layers.MultiHeadAttention(2, 3, name="attend")

    def call(self, x):
        x = self.stem(x)
        for one in self.blocks:
            x = self.norm(one(x))
        x = self.inner(x)
        return self.attend(x, x)


def built(model, *shape):
    model(keras.ops.zeros(shape))
    return model


def test_a_subclassed_model_is_listed_and_counted():
    model = built(Net(), 2, 4, 5)
    saved = audits(model, ("keras",))["keras"]
    assert saved.status == "incomplete"
    assert [code for code, *_ in found(saved)] == ["KA114"]
    assert saved.totals.stored == model.count_params()
    assert saved.totals.derived is None
    held_by = {
        row.path: sorted(weight.stored_shape for weight in row.weights) for row in saved.layers
    }
    assert held_by["stem"] == [(5, 6), (6,)]


def test_weights_alone_are_listed_and_counted(tmp_path):
    model = nested()
    model.save_weights(tmp_path / "model.weights.h5")
    audit = ka.audit(tmp_path / "model.weights.h5")
    assert [code for code, *_ in found(audit)] == ["KA114"]
    assert audit.totals.stored == model.count_params()


@pytest.mark.parametrize("form", ["keras", "weights.h5"])
def test_a_subclassed_model_against_its_code(form, tmp_path):
    model = built(Net(), 2, 4, 5)
    path = tmp_path / f"model.{form}"
    write(model, path)
    audit, lives = ka.audit(path, against=model), ka.audit(model)
    assert found(audit) == found(lives) == []
    assert audit.totals.stored == audit.totals.derived == model.count_params()
    for mine, theirs in zip(audit.layers, lives.layers, strict=True):
        assert_same_layer(mine, theirs, form)


class Scale(layers.Layer):
    def build(self, shape):
        self.scale = self.add_weight(shape=shape[-1:], name="scale")
        self.count = self.add_weight(shape=(), trainable=False, name="count")

    def call(self, x):
        return x * self.scale


def test_a_layer_without_a_rule_is_listed_and_counted():
    inputs = keras.Input((3,))
    outputs = layers.Dense(2)(Scale(name="scale")(layers.Dense(4)(inputs)))
    model = keras.Model(inputs, outputs)
    audit = assert_same(model)
    assert [code for code, *_ in found(audit)] == ["KA108"]
    assert next(row for row in audit.layers if row.path == "scale").observed == 4 + 1
