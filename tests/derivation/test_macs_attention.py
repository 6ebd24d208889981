"""MACs of attention and einsum, against the sizes of the contractions that np.einsum would run."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kerasaudit.derivation.architecture import derive_architecture
from kerasaudit.derivation.rule import derive
from kerasaudit.errors import KerasAuditError
from tests.derivation import live
from tests.derivation.strategies import attention


def products(equation, *shapes):
    """How many products a contraction of two operands adds up: the extents of its letters."""
    extents = {}
    operands = equation.split("->")[0].split(",")
    for letters, shape in zip(operands, shapes, strict=True):
        extents |= dict(zip(letters, shape, strict=True))
    np.einsum(equation, *[np.zeros(shape) for shape in shapes])  # the equation is sound
    return math.prod(extents.values())


def layer(class_name, **config):
    return {"module": "keras.layers", "class_name": class_name, "config": config}


@live.examples(30)
@given(st.tuples(*[st.integers(1, 5)] * 5), st.booleans())
def test_multi_head_attention_is_four_projections_and_two_products(sizes, gate):
    queries, values, features, heads, width = sizes
    value_width = width + 1
    x, y = (1, queries, features), (1, values, features + 2)
    kernel, value_kernel = (features, heads, width), (features + 2, heads, value_width)
    expected = [
        products("abc,cde->abde", x, kernel),
        products("abc,cde->abde", y, (features + 2, heads, width)),
        products("abc,cde->abde", y, value_kernel),
        products("aecd,abcd->acbe", (1, values, heads, width), (1, queries, heads, width)),
        products("acbe,aecd->abcd", (1, heads, queries, values), (1, values, heads, value_width)),
        products("abcd,cde->abe", (1, queries, heads, value_width), (heads, value_width, features)),
    ]
    scores = expected[3] + expected[4]
    if gate:
        expected.append(products("abc,cde->abde", x, (features, heads, value_width)))
    config = layer(
        "MultiHeadAttention", num_heads=heads, key_dim=width, value_dim=value_width, use_gate=gate
    )
    derivation = derive(config, {"query": (None, *x[1:]), "value": (None, *y[1:])})
    assert derivation.macs == sum(expected)
    assert derivation.activation_macs == scores


def test_attention_over_two_axes_multiplies_every_pair_of_places():
    config = layer("MultiHeadAttention", num_heads=2, key_dim=3, attention_axes=[1, 2])
    derivation = derive(config, [(None, 4, 5, 6), (None, 7, 8, 6)])
    # queries 4·5, values 7·8, 2 heads, 3 features for the keys and 3 for the values
    assert derivation.activation_macs == 4 * 5 * 7 * 8 * 2 * (3 + 3)


def test_attention_over_one_of_two_axes_is_made_once_for_each_place_of_the_other():
    config = layer("MultiHeadAttention", num_heads=2, key_dim=3, attention_axes=[2])
    derivation = derive(config, [(None, 4, 5, 6), (None, 4, 8, 6)])
    assert derivation.activation_macs == 4 * (5 * 8) * 2 * (3 + 3)


def test_shared_heads_are_projected_once_and_multiplied_for_every_query_head():
    config = layer("GroupQueryAttention", head_dim=3, num_query_heads=4, num_key_value_heads=2)
    derivation = derive(config, [(None, 5, 6), (None, 7, 6)])
    projections = 2 * products("bqm,muh->bquh", (1, 5, 6), (6, 4, 3))
    projections += 2 * products("bkm,mvh->bkvh", (1, 7, 6), (6, 2, 3))
    scores = products("bquh,bkuh->buqk", (1, 5, 4, 3), (1, 7, 4, 3))
    scores += products("buqk,bkuh->bquh", (1, 4, 5, 7), (1, 7, 4, 3))
    assert (derivation.macs, derivation.activation_macs) == (projections + scores, scores)


@pytest.mark.parametrize(
    ("class_name", "config", "scored"),
    [
        ("Attention", {}, 4 * 6 * 8),
        ("Attention", {"score_mode": "concat"}, 0),
        ("AdditiveAttention", {"use_scale": False}, 0),
        ("AdditiveAttention", {}, 4 * 6 * 8),
    ],
)
def test_plain_attention_multiplies_scores_with_values(class_name, config, scored):
    derivation = derive(layer(class_name, **config), [(None, 4, 8), (None, 6, 3), (None, 6, 8)])
    assert derivation.macs == scored + 4 * 6 * 3


def test_scores_are_a_second_output_where_the_call_asks_for_them():
    x = keras.Input((4, 6), name="x")
    attend = keras.layers.MultiHeadAttention(2, 3, name="attend")
    output, scores = attend(x, x, return_attention_scores=True)
    after = keras.layers.Dense(5, name="after")(scores)
    model = keras.Model(x, [output, after])
    config = live.as_json(keras.saving.serialize_keras_object(model))
    architecture = derive_architecture(config)
    assert [p for one in architecture.layers for p in one.problems] == []
    assert architecture.output_shapes == ((None, 4, 6), (None, 2, 4, 5))


def test_a_reversed_embedding_multiplies_and_a_look_up_does_not():
    tokens = keras.Input((4,), name="tokens")
    table = keras.layers.ReversibleEmbedding(59, 8, name="table")
    model = keras.Model(tokens, table(table(tokens), reverse=True))
    architecture = derive_architecture(live.as_json(keras.saving.serialize_keras_object(model)))
    assert [call.macs for call in architecture.calls if call.path == "table"] == [0, 4 * 8 * 59]
    assert architecture.output_shapes == ((None, 4, 59),)
    weights = sum(w.count for one in architecture.layers for w in one.weights)
    assert weights == model.count_params() == 59 * 8


@live.examples(60)
@given(attention.einsums())
def test_every_product_of_ones_in_an_einsum_is_one_multiply_accumulate(pair):
    """Whatever the equation: its output on ones adds up the products that it is made of."""
    arguments, shape = pair
    config = layer("EinsumDense", **{k: arguments[k] for k in ("equation", "output_shape")})
    try:
        derivation = derive(config, (None, *shape[1:]))
    except KerasAuditError:
        assume(False)  # what is refused is tested in test_properties.py
    kernel = np.ones(derivation.weights[0].shape)
    made = np.einsum(arguments["equation"], np.ones((1, *shape[1:])), kernel)
    assert derivation.macs == made.sum()
    assert derivation.output_shape[1:] == made.shape[1:]


@pytest.mark.parametrize(
    ("attend", "query", "value"),
    [
        (keras.layers.MultiHeadAttention(2, 3), (4, 6), (9, 8)),
        (keras.layers.MultiHeadAttention(2, 3, attention_axes=1), (4, 5, 6), (7, 5, 6)),
        (keras.layers.MultiHeadAttention(2, 3, attention_axes=(2, 1)), (4, 5, 6), (7, 8, 6)),
        (keras.layers.GroupQueryAttention(3, 4, 2), (4, 6), (9, 6)),
        (keras.layers.Attention(), (4, 6), (9, 6)),
        (keras.layers.AdditiveAttention(), (3, 4, 6), (3, 9, 6)),
    ],
)
def test_scores_have_the_shape_that_keras_computes(attend, query, value):
    """Not the one that MultiHeadAttention says beforehand: T_q·T_q, whatever the values' length."""
    x, y = keras.Input(query, name="x"), keras.Input(value, name="y")
    listed = isinstance(attend, keras.layers.Attention)
    called = attend([x, y], return_attention_scores=True) if listed else None
    called = called or attend(x, y, return_attention_scores=True)
    model = keras.Model([x, y], list(called))
    computed = model([np.ones((1, *query), "float32"), np.ones((1, *value), "float32")])
    architecture = derive_architecture(live.as_json(keras.saving.serialize_keras_object(model)))
    derived = [shape[1:] for shape in architecture.output_shapes]
    assert derived == [tuple(one.shape)[1:] for one in computed]


@pytest.mark.parametrize(("rate", "count"), [(0.0, 0), (0.1, 1)])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("MultiHeadAttention", {"num_heads": 2, "key_dim": 3}),
        ("GroupQueryAttention", {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2}),
        ("Attention", {}),
        ("AdditiveAttention", {}),
    ],
)
def test_what_drops_holds_a_generator_that_keras_does_not_count(name, arguments, rate, count):
    shapes = [(None, 4, 6), (None, 5, 6)]
    if arguments:
        shapes = {"query": (None, 4, 6), "value": (None, 5, 6)}
    case = live.Case(name, {**arguments, "dropout": rate}, shapes)
    held = live.construct(case)
    live._call(held, case.shapes)
    derivation = derive(keras.saving.serialize_keras_object(held), case.shapes)
    assert len(derivation.state) == count
    live.compare_state(derivation, held, case)


def test_several_axes_behind_an_ellipsis_keep_their_order_as_they_do_in_keras():
    """Keras's symbolic shape turns them round; what it computes does not."""
    config = layer("EinsumDense", equation="...x,xy->...y", output_shape=8)
    inputs = np.zeros((2, 3, 4, 5), "float32")
    live_layer = keras.layers.EinsumDense("...x,xy->...y", output_shape=8)
    assert derive(config, inputs.shape).output_shape == tuple(live_layer(inputs).shape)
