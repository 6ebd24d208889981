"""Recurrent layers and wrappers beside what the generated configurations show: state, real runs."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
from hypothesis import given
from keras import layers

import kerasaudit as ka
from kerasaudit.derivation.architecture import derive_architecture
from kerasaudit.derivation.rule import derive
from kerasaudit.errors import ConfigError, ShapeError, UnsupportedError
from tests.derivation import live
from tests.derivation.strategies import recurrent


def config(layer):
    return keras.saving.serialize_keras_object(layer)


def by_hand(class_name, **arguments):
    return {"module": "keras.layers", "class_name": class_name, "config": arguments}


# -- what they hold -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [n for n in recurrent.STRATEGIES if n not in ("TimeDistributed", "Wrapper")]
)
def test_the_state_that_keras_does_not_count(name):
    module, strategy, _ = recurrent.STRATEGIES[name]

    @live.examples(5)
    @given(strategy)
    def check(pair):
        case = live.Case(name, *pair, module=module)
        try:
            layer = live.construct(case)
            live._call(layer, case.shapes)
            derivation = derive(live.as_json(config(layer)), case.shapes)
        except Exception:  # noqa: BLE001 - what is refused is tested in test_properties.py
            return
        live.compare_state(derivation, layer, case)

    check()


def test_a_cell_holds_a_generator_even_without_dropout_and_a_stateful_layer_its_states():
    layer = layers.Bidirectional(layers.LSTM(3, stateful=True, name="lstm"), dtype="float16")
    of_each_direction = [
        ("lstm_cell/seed_generator/seed_generator_state", (2,), "seed"),
        ("rnn_state", (2, 3), "float32"),
        ("rnn_state", (2, 3), "float32"),
    ]
    held = derive(config(layer), (2, 4, 5)).state
    assert [(one.name, one.shape, one.dtype) for one in held] == [
        (f"{direction}_lstm/{name}", shape, dtype)
        for direction in ("forward", "backward")
        for name, shape, dtype in of_each_direction
    ]


def test_the_gates_are_named_in_keras_order():
    lstm, gru = (derive(config(one), (None, 4, 5)) for one in (layers.LSTM(3), layers.GRU(3)))
    (gate,) = [axis for axis in lstm.weights[0].axes if axis.symbol == "gate"]
    assert gate.labels == ("i", "f", "c", "o")
    (gate,) = [axis for axis in gru.weights[0].axes if axis.symbol == "gate"]
    assert gate.labels == ("z", "r", "h")


def test_the_forget_gate_is_the_second():
    # unit_forget_bias starts the biases of gate f at 1, all others at 0.
    layer = layers.LSTM(3)
    layer.build((None, 4, 5))
    bias = derive(config(layer), (None, 4, 5)).weights[2]
    started = np.asarray(layer.weights[2]).reshape([axis.extent for axis in bias.axes])
    gate = bias.axes[0]
    assert {label: set(row) for label, row in zip(gate.labels, started.tolist(), strict=True)} == {
        "i": {0.0},
        "f": {1.0},
        "c": {0.0},
        "o": {0.0},
    }


# -- run for real: Keras's symbolic shapes are not all right ---------------------------------------


def outputs(layer, shape):
    tensors = keras.tree.flatten(layer(np.zeros(shape, "float32")))
    return tuple(tuple(tensor.shape) for tensor in tensors)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (layers.LSTM(3, return_sequences=True, return_state=True), (2, 4, 5)),
        (layers.RNN([layers.LSTMCell(3), layers.GRUCell(4)], return_state=True), (2, 4, 5)),
        (layers.ConvLSTM2D(3, 2, strides=2, return_state=True), (2, 4, 6, 7, 5)),
        (layers.Bidirectional(layers.GRU(3, return_state=True), merge_mode=None), (2, 4, 5)),
        (
            # Symbolically Keras doubles the forward width, 2·3; what it puts out has 3 + 4.
            layers.Bidirectional(layers.LSTM(3), backward_layer=layers.GRU(4, go_backwards=True)),
            (2, 4, 5),
        ),
        (layers.TimeDistributed(layers.Bidirectional(layers.LSTM(3))), (2, 4, 6, 5)),
    ],
)
def test_what_they_put_out(layer, shape):
    derived = derive(config(layer), shape).output_shape
    assert (derived if isinstance(derived[0], tuple) else (derived,)) == outputs(layer, shape)


# -- configs written by hand ----------------------------------------------------------------------


def test_a_layer_without_a_name_has_the_one_that_keras_gives_first():
    both = by_hand("Bidirectional", layer=by_hand("LSTM", units=3))
    assert [w.name for w in derive(both, (None, 4, 5)).weights][::3] == [
        "forward_lstm/lstm_cell/kernel",
        "backward_lstm/lstm_cell/kernel",
    ]
    stack = by_hand("RNN", cell=[by_hand("GRUCell", units=2), by_hand("LSTMCell", units=3)])
    assert [w.name for w in derive(stack, (None, 4, 5)).weights][::3] == [
        "stacked_rnn_cells/gru_cell/kernel",
        "stacked_rnn_cells/lstm_cell/kernel",
    ]


LSTM = by_hand("LSTM", units=3)


@pytest.mark.parametrize(
    ("layer", "shape", "error", "says"),
    [
        (LSTM, (None, 5), ShapeError, "rank 3"),
        (LSTM, (None, 4, None), ShapeError, "known extent"),
        (by_hand("LSTM", units=0), (None, 4, 5), ConfigError, "units must be a positive integer"),
        (by_hand("GRU", units=2, stateful=True), (None, 4, 5), ShapeError, "known batch size"),
        (
            LSTM,
            {"sequences": (None, 4, 5), "initial_state": [(None, 7)]},
            ShapeError,
            "first state",
        ),
        (by_hand("RNN"), (None, 4, 5), ConfigError, "cell must be a serialised layer"),
        (by_hand("RNN", cell=[]), (None, 4, 5), ConfigError, "cells must be a list"),
        (
            by_hand("RNN", cell=by_hand("Dense", units=2)),
            (None, 4, 5),
            ConfigError,
            "cell must be one of SimpleRNNCell, LSTMCell, GRUCell, StackedRNNCells, received Dense",
        ),
        (
            by_hand("RNN", cell={"module": "my", "class_name": "Cell", "config": {}}),
            (None, 4, 5),
            UnsupportedError,
            "no rule for 'my.Cell'",
        ),
        (
            by_hand("ConvLSTM1D", filters=2, kernel_size=2),
            (None, 4, None, 3),
            ShapeError,
            "known spatial extents",
        ),
        (
            by_hand("ConvLSTM1D", filters=2, kernel_size=2, padding="causal"),
            (None, 4, 5, 3),
            ConfigError,
            "padding must be one of 'valid', 'same'",
        ),
        (
            by_hand("Bidirectional", layer=LSTM, merge_mode="max"),
            (None, 4, 5),
            ConfigError,
            "'max'",
        ),
        (
            by_hand("Bidirectional", layer=LSTM, backward_layer=LSTM),
            (None, 4, 5),
            ConfigError,
            "go_backwards of layer and backward_layer must differ, received False and False",
        ),
        (
            by_hand(
                "Bidirectional",
                layer=LSTM,
                backward_layer=by_hand("LSTM", units=4, go_backwards=True),
                merge_mode="sum",
            ),
            (None, 4, 5),
            ShapeError,
            "merged by 'sum'",
        ),
        (by_hand("TimeDistributed", layer=LSTM), (None, 4), ShapeError, "rank 3 or more"),
        (
            by_hand("TimeDistributed", layer=by_hand("LSTM", units=2, return_state=True)),
            (None, 4, 5, 6),
            ConfigError,
            "one output, received 3",
        ),
    ],
)
def test_what_is_refused(layer, shape, error, says):
    with pytest.raises(error) as caught:
        derive(layer, shape)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


# -- in models ------------------------------------------------------------------------------------


def encoder_and_decoder():
    """Sequence to sequence: the decoder starts from the encoder's states."""
    source, target = keras.Input((None, 5), name="source"), keras.Input((None, 6), name="target")
    _, *states = layers.LSTM(3, return_state=True, name="encoder")(source)
    decoder = layers.LSTM(3, return_sequences=True, return_state=True, name="decoder")
    decoded, *_ = decoder(target, initial_state=states)
    return keras.Model([source, target], layers.Dense(7, name="out")(decoded))


def test_states_are_handed_on_and_several_outputs_told_apart():
    model = encoder_and_decoder()
    architecture = derive_architecture(json.loads(model.to_json()))
    calls = {call.path: call for call in architecture.calls}
    assert calls["encoder"].output_shape == ((None, 3), (None, 3), (None, 3))
    assert calls["decoder"].input_shapes == ((None, None, 6), (None, 3))
    assert calls["out"].input_shapes == ((None, None, 3),)
    assert architecture.output_shapes == ((None, None, 7),)
    audit = ka.audit(model)
    audit.raise_if_failed()
    assert audit.totals.params == 4 * (5 * 3 + 3 * 3 + 3) + 4 * (6 * 3 + 3 * 3 + 3) + 3 * 7 + 7


def test_cells_may_be_called_by_themselves():
    x, h, c = keras.Input((5,)), keras.Input((3,)), keras.Input((3,))
    output, (h2, c2) = layers.LSTMCell(3, name="cell")(x, [h, c])
    model = keras.Model([x, h, c], [output, h2, layers.Dense(2)(c2)])
    audit = ka.audit(model)
    audit.raise_if_failed()
    assert audit.totals.params == 4 * (5 * 3 + 3 * 3 + 3) + 3 * 2 + 2


@pytest.mark.parametrize(
    "inner",
    [
        lambda: layers.TimeDistributed(layers.Bidirectional(layers.LSTM(3))),
        lambda: layers.TimeDistributed(layers.TimeDistributed(layers.Dense(3))),
        lambda: layers.TimeDistributed(
            keras.Sequential(
                [layers.Bidirectional(layers.RNN([layers.GRUCell(2)])), layers.Dense(3)]
            )
        ),
        lambda: layers.TimeDistributed(layers.RNN(layers.GRUCell(3), return_sequences=True)),
    ],
)
def test_compositions_are_audited_whole(inner):
    model = keras.Sequential([keras.Input((2, 4, 5)), inner()])
    audit = ka.audit(model)
    audit.raise_if_failed()
    assert audit.totals.derived == model.count_params()
    assert audit.totals.macs > 0


def frozen_in_a_model(rnn):
    return keras.Sequential([keras.Input((4, 5)), rnn])


def test_a_frozen_holder_whose_weights_keras_trains_all_the_same_is_a_finding():
    # Keras does not hand trainable=False on to a cell that was made before its layer.
    model = frozen_in_a_model(layers.RNN(layers.LSTMCell(3), trainable=False, name="rnn"))
    assert len(model.trainable_weights) == 3
    findings = ka.audit(model).findings
    assert [(found.code, found.path) for found in findings] == [("KA104", "rnn")] * 3


def test_freezing_a_holder_reaches_what_it_holds():
    model = frozen_in_a_model(layers.RNN(layers.LSTMCell(3), name="rnn"))
    model.layers[0].trainable = False
    assert model.trainable_weights == []
    audit = ka.audit(model)
    audit.raise_if_failed()
    assert (audit.totals.trainable, audit.totals.non_trainable) == (0, 4 * (5 * 3 + 3 * 3 + 3))
