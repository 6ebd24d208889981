"""MACs of recurrent layers against the contractions that a cell does, counted one by one.

Each gate is a product of the step with a kernel and one of the last output with another; the
contractions below are those of the papers' equations, written as einsum, and their sizes are
counted by going through every assignment of their labels. What is compared has no rule in it.
"""

from __future__ import annotations

import itertools

import keras
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasaudit.derivation.rule import derive
from tests.derivation import live

GATES = {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}


def derived(layer, shape):
    return derive(keras.saving.serialize_keras_object(layer), shape).macs


def products(equation, **extents):
    """How many products an einsum adds up: one for every assignment of its labels."""
    labels = dict.fromkeys(label for label in equation if label.isalpha())
    return sum(1 for _ in itertools.product(*(range(extents[label]) for label in labels)))


def one_step(gates, features, units):
    """The products of the equations of one step: for each gate W x and U h."""
    of_input = products("d,du->u", d=features, u=units)
    of_state = products("h,hu->u", h=units, u=units)
    return gates * (of_input + of_state)


@pytest.mark.parametrize("name", GATES)
def test_each_gate_multiplies_the_step_and_the_last_output_at_every_step(name):
    extent = st.integers(1, 6)

    @live.examples(10)
    @given(extent, extent, extent, st.booleans())
    def check(steps, features, units, sequences):
        layer = getattr(keras.layers, name)(units, return_sequences=sequences)
        counted = sum(one_step(GATES[name], features, units) for _ in range(steps))
        assert derived(layer, (None, steps, features)) == counted
        cell = getattr(keras.layers, f"{name}Cell")(units)
        assert derived(cell, (None, features)) == one_step(GATES[name], features, units)

    check()


def test_an_lstm_multiplies_by_its_steps():
    # The documented case that profilers get wrong: the MACs of one step for those of 200.
    step = 4 * (128 * 64 + 64 * 64)
    assert step == 49_152
    assert derived(keras.layers.LSTM(64), (None, 200, 128)) == 200 * step == 9_830_400
    assert derived(keras.layers.LSTM(64), (None, 1, 128)) == step


def test_neither_the_reset_gate_nor_the_direction_nor_dropout_changes_the_products():
    step = 3 * (5 * 2 + 2 * 2)
    for options in ({}, {"reset_after": False}, {"go_backwards": True}, {"recurrent_dropout": 0.5}):
        assert derived(keras.layers.GRU(2, **options), (None, 7, 5)) == 7 * step


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("strides", [1, 2])
def test_a_convolutional_lstm_convolves_the_step_and_the_state_for_each_gate(padding, strides):
    steps, length, channels, filters, size = 3, 9, 2, 4, 3
    layer = keras.layers.ConvLSTM1D(filters, size, strides=strides, padding=padding)
    padded = length if padding == "valid" else length + size - 1
    positions = len(range(0, padded - size + 1, strides))
    of_input = products("pkc,kcf->pf", p=positions, k=size, c=channels, f=filters)
    # The state's convolution has stride 1 and pads to the state's own length.
    of_state = products("pkg,kgf->pf", p=positions, k=size, g=filters, f=filters)
    counted = steps * 4 * (of_input + of_state)
    assert derived(layer, (None, steps, length, channels)) == counted


def test_a_stack_adds_its_cells_up():
    cells = [keras.layers.LSTMCell(3), keras.layers.GRUCell(4), keras.layers.SimpleRNNCell(2)]
    step = one_step(4, 5, 3) + one_step(3, 3, 4) + one_step(1, 4, 2)
    assert derived(keras.layers.RNN(cells), (None, 6, 5)) == 6 * step


def test_wrappers_multiply_and_add():
    both = keras.layers.Bidirectional(keras.layers.LSTM(3))
    assert derived(both, (None, 6, 5)) == 2 * 6 * one_step(4, 5, 3)
    assert derived(keras.layers.TimeDistributed(both), (None, 4, 6, 5)) == 4 * (
        2 * 6 * one_step(4, 5, 3)
    )
    dense = keras.layers.TimeDistributed(keras.layers.Dense(2))
    assert derived(dense, (None, 4, 6, 5)) == 4 * products("td,du->tu", t=6, d=5, u=2)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (keras.layers.LSTM(3), (None, None, 5)),
        (keras.layers.RNN([keras.layers.GRUCell(3)]), (2, None, 5)),
        (keras.layers.ConvLSTM1D(3, 2), (None, None, 7, 5)),
        (keras.layers.Bidirectional(keras.layers.GRU(3)), (None, None, 5)),
        (keras.layers.TimeDistributed(keras.layers.Dense(3)), (None, None, 5)),
        (keras.layers.TimeDistributed(keras.layers.LSTM(3)), (None, 4, None, 5)),
    ],
)
def test_an_unknown_number_of_steps_gives_unknown_macs_and_never_0(layer, shape):
    assert derived(layer, shape) is None


def test_nothing_is_nothing_however_often_it_is_repeated():
    flat = keras.layers.TimeDistributed(keras.layers.Flatten())
    assert derived(flat, (None, None, 4, 5)) == 0
