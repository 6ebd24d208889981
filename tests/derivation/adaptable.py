"""Layers that Keras can adapt (LoRA) or quantise, generated; and what is compared of them."""

from __future__ import annotations

import keras
from hypothesis import strategies as st

from kerasaudit.derivation.rule import derive
from tests.derivation import live

INTEGERS = st.integers(1, 9)

# Equations in which what is contracted comes first, last, in the middle or twice, with axes that
# input, kernel and output share, and with an output in another order than the kernel.
EQUATIONS = (
    "ab,bc->ac",
    "abc,cde->abde",
    "abc,cde->aebd",
    "abc,cd->adb",
    "abcd,cde->abe",
    "abc,bcd->ad",
    "abc,dc->abd",
    "abc,dec->abed",
    "abc,bcd->abd",
    "abc,cbde->abde",
    "abcd,dbe->acbe",
    "abc,dbc->ad",
    "ab,b->ab",
    "ab,b->a",
)


@st.composite
def dense(draw):
    shape = (None, *draw(st.lists(INTEGERS, max_size=2)), draw(INTEGERS))
    return "Dense", {"units": draw(INTEGERS), "use_bias": draw(st.booleans())}, shape


@st.composite
def einsums(draw, equations=EQUATIONS):
    equation = draw(st.sampled_from(equations))
    taken, made = equation.split(",")[0], equation.split(">")[1]
    extents = {letter: draw(INTEGERS) for letter in "bcde"}
    bias = made[-1] if len(made) > 1 and draw(st.booleans()) else None
    arguments = {
        "equation": equation,
        "output_shape": [extents[letter] for letter in made[1:]],
        "bias_axes": bias,
    }
    return "EinsumDense", arguments, (None, *(extents[letter] for letter in taken[1:]))


@st.composite
def embeddings(draw, tied=(True, False)):
    arguments = {"input_dim": draw(INTEGERS), "output_dim": draw(INTEGERS)}
    name = draw(st.sampled_from(["Embedding", "ReversibleEmbedding"]))
    if name == "ReversibleEmbedding":
        arguments["tie_weights"] = draw(st.sampled_from(tied))
    return name, arguments, (None, draw(INTEGERS))


@st.composite
def convolutions(draw):
    rank, groups = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    arguments = {
        "filters": groups * draw(st.integers(1, 3)),
        "kernel_size": draw(st.integers(1, 3)),
        "groups": groups,
        "use_bias": draw(st.booleans()),
    }
    return f"Conv{rank}D", arguments, (None, *[4] * rank, groups * draw(st.integers(1, 3)))


def built(kind, **more):
    """The live layer of a (class, arguments, shape), with variables but not yet called."""
    name, arguments, shape = kind
    layer = getattr(keras.layers, name)(**arguments, **more)
    layer.build(shape)
    return layer


def derivation_of(layer, shape, **changes):
    """The derivation from the layer's own config, as it comes out of a file."""
    config = live.as_json(keras.saving.serialize_keras_object(layer))
    config["config"] |= changes
    return derive(config, shape)


def assert_same(layer, shape, *, in_order=True):
    """Names, shapes, dtypes, what is trained and the count are Keras's, and so is the order."""
    derivation = derivation_of(layer, shape)
    updated = {id(weight) for weight in layer.trainable_weights}
    held = [
        (w.path.partition("/")[2], tuple(w.shape), w.dtype, id(w) in updated) for w in layer.weights
    ]
    ours = [(w.name, w.shape, w.dtype, w.trainable) for w in derivation.weights]
    assert ours == held if in_order else sorted(ours) == sorted(held)
    assert derivation.params == layer.count_params()
    return derivation
