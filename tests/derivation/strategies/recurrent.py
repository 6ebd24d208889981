"""Recurrent layers, their cells, and what wraps them."""

from __future__ import annotations

import copy

from hypothesis import strategies as st

from tests.derivation.strategies.basic import (
    BATCH,
    FORMATS,
    INTEGERS,
    LAYERS,
    MANY,
    RATE,
    SOME,
    arguments,
    either_form,
    extents,
    rarely,
)

CELLS = {"SimpleRNNCell": 1, "LSTMCell": 2, "GRUCell": 1}  # with the number of their states
STEPS = st.sampled_from([None, 1, 3, 5])
# The default, orthogonal, has no implementation for half precision.
INITIALIZER = {"recurrent_initializer": st.just("zeros")}


def held(class_name, strategy):
    """A layer that another one holds, as its serialised config."""
    return strategy.map(
        lambda made: {
            "module": LAYERS,
            "class_name": class_name,
            "config": made,
            "registered_name": None,
        }
    )


def for_a_holder(required=None, optional=None):
    """The same for a layer that is held and holds others itself, which never is frozen here.

    Keras does not hand `trainable=False` on to what such a layer holds: test_recurrent.py.
    """
    pairs = arguments(required, optional)
    return pairs.map(lambda made: {k: v for k, v in made.items() if k != "trainable"})


def cell_arguments(class_name):
    of_class = {
        "SimpleRNNCell": {"activation": st.sampled_from(["tanh", "relu", None])},
        "LSTMCell": {"unit_forget_bias": st.booleans()},
        "GRUCell": {"reset_after": st.booleans()},
    }[class_name]
    return arguments(
        {"units": INTEGERS, **INITIALIZER},
        {
            "use_bias": st.booleans(),
            "dropout": RATE,
            "recurrent_dropout": RATE,
            "seed": st.just(7),
            **of_class,
        },
    )


CELL = st.one_of(*[held(name, cell_arguments(name)) for name in CELLS])
CELLS_OF_A_STACK = {"cells": st.lists(CELL, min_size=1, max_size=3)}
STACK = held("StackedRNNCells", for_a_holder(CELLS_OF_A_STACK))
RETURNED = {
    "return_sequences": st.booleans(),
    "return_state": st.booleans(),
    "go_backwards": st.booleans(),
    "stateful": rarely(st.just(True), st.just(False)),
}


@st.composite
def steps(draw):
    """The shape of one step."""
    shape = (draw(BATCH), draw(rarely(st.none(), INTEGERS)))
    return draw(rarely(st.just((*shape, 2)), st.just(shape)))


@st.composite
def sequences(draw, inner=(), stateful=False):
    """A batch of sequences, of features or of what `inner` says."""
    batch = 2 if stateful and draw(st.integers(0, 4)) else draw(BATCH)
    inner = inner or (draw(rarely(st.none(), INTEGERS)),)
    return (batch, draw(STEPS), *inner)


def states_of(cell, batch):
    """The shapes of the states of a serialised cell, in a list (of lists, for a stack)."""
    if cell["class_name"] == "StackedRNNCells":
        return [states_of(one, batch) for one in cell["config"]["cells"]]
    return [(batch, cell["config"]["units"])] * CELLS[cell["class_name"]]


@st.composite
def single_steps(draw, cells):
    cell = draw(cells)
    step = draw(steps())
    return cell["config"], {"inputs": step, "states": states_of(cell, step[0])}


@st.composite
def over_time(draw, cells):
    """SimpleRNN, LSTM or GRU: the arguments of its cell and of the layer."""
    cell = draw(cells)
    made = {**cell["config"], **draw(st.fixed_dictionaries({}, optional=RETURNED))}
    if draw(st.booleans()):
        made["unroll"] = False
    shape = draw(sequences(stateful=made.get("stateful", False)))
    shape = draw(rarely(st.sampled_from([shape[:-1], (*shape, 2)]), st.just(shape)))
    return made, draw(perhaps_with_state(shape, states_of(cell, shape[0])))


@st.composite
def perhaps_with_state(draw, shape, states):
    if draw(st.integers(0, 3)):
        return shape
    return {"sequences": shape, "initial_state": states}


@st.composite
def any_cell_over_time(draw):
    cell = draw(CELL | STACK)
    made = {"cell": cell, **draw(arguments({}, RETURNED))}
    if cell["class_name"] == "StackedRNNCells" and draw(st.booleans()):
        made["cell"] = cell["config"]["cells"]
    shape = draw(sequences(stateful=made.get("stateful", False)))
    shape = draw(rarely(st.just(shape[:-1]), st.just(shape)))
    return made, draw(perhaps_with_state(shape, states_of(cell, shape[0])))


@st.composite
def convolved_over_time(draw, rank):
    made = draw(
        arguments(
            {
                "filters": INTEGERS,
                "kernel_size": either_form(rank, st.integers(1, 3)),
                **INITIALIZER,
            },
            {
                "padding": st.sampled_from(["valid", "same", "SAME"]),
                "data_format": FORMATS,
                "use_bias": st.booleans(),
                "unit_forget_bias": st.booleans(),
                "dropout": RATE,
                **RETURNED,
            },
        )
    )
    window = {"strides": st.integers(1, 2), "dilation_rate": st.integers(1, 2)}
    # Both at once are refused.
    keys = draw(rarely(st.just(list(window)), st.sampled_from([["strides"], ["dilation_rate"]])))
    made |= {key: draw(either_form(rank, window[key])) for key in keys}
    spatial, channels = draw(st.tuples(*[extents(3, 6)] * rank)), draw(INTEGERS)
    first = made.get("data_format") == "channels_first"
    inner = (channels, *spatial) if first else (*spatial, channels)
    return made, draw(sequences(inner, made.get("stateful", False)))


# -- wrappers -----------------------------------------------------------------------------------


@st.composite
def recurrent_layers(draw, returned=RETURNED):
    """A serialised recurrent layer that a wrapper may hold, and the inner axes of its input."""
    made = draw(st.fixed_dictionaries({}, optional=returned))
    class_name = draw(st.sampled_from(["SimpleRNN", "LSTM", "GRU", "RNN", "ConvLSTM1D"]))
    inner = (3,)
    if class_name == "RNN":
        made |= {"cell": draw(CELL | STACK)}
    elif class_name == "ConvLSTM1D":
        made |= {"filters": draw(INTEGERS), "kernel_size": 2}
        inner = (5, 2)
    else:
        made |= draw(cell_arguments(f"{class_name}Cell"))
    return draw(held(class_name, st.just(made))), inner


@st.composite
def in_both_directions(draw):
    layer, inner = draw(recurrent_layers())
    made = {"layer": layer, **draw(arguments())}
    if draw(st.booleans()):
        made["merge_mode"] = draw(
            rarely(st.just("max"), st.sampled_from(["concat", "sum", "ave", "mul", None]))
        )
    if draw(st.integers(0, 2)) == 0:
        turned = draw(rarely(st.just(True), st.just(not layer["config"].get("go_backwards"))))
        config = copy.deepcopy(layer["config"])  # nothing of it may be the same object
        other = {**config, "go_backwards": turned, "use_bias": False, "name": "other"}
        if layer["class_name"] == "RNN":
            other.pop("use_bias")
        if draw(st.integers(0, 9)) == 9:
            other["return_sequences"] = not other.get("return_sequences", False)
        made["backward_layer"] = {**layer, "config": other}
    return made, draw(sequences(inner, layer["config"].get("stateful", False)))


MODEL = st.fixed_dictionaries(
    {
        "layers": st.lists(
            held("Dense", arguments({"units": INTEGERS}))
            | held("BatchNormalization", arguments())
            | held("Dropout", arguments({"rate": RATE})),
            min_size=1,
            max_size=3,
        )
    }
)


@st.composite
def at_every_step(draw):
    one = st.sampled_from(
        ["Dense", "BatchNormalization", "Dropout", "Flatten", "Sequential", "Conv", "Recurrent"]
    )
    which, inner = draw(one), draw(st.sampled_from([(3,), (4, 3)]))
    if which == "Recurrent":
        layer, inner = draw(recurrent_layers({"return_sequences": st.booleans()}))
        inner = (4, *inner)
        if draw(st.booleans()):
            layer = draw(held("Bidirectional", for_a_holder({"layer": st.just(layer)})))
    elif which == "Conv":
        required = {"filters": INTEGERS, "kernel_size": st.integers(1, 2)}
        layer, inner = draw(held("Conv2D", arguments(required))), (4, 4, 2)
    elif which == "Sequential":
        layer = {**draw(held("Sequential", MODEL)), "module": "keras"}
    else:
        required = {"Dense": {"units": INTEGERS}, "Dropout": {"rate": RATE}}.get(which)
        layer = draw(held(which, arguments(required)))
    shape = draw(sequences(inner))
    return {"layer": layer, **draw(arguments())}, draw(rarely(st.just(shape[:2]), st.just(shape)))


def merely_wrapped():
    layer = held("Dense", arguments({"units": INTEGERS})) | held("BatchNormalization", arguments())
    return st.tuples(arguments({"layer": layer}), steps())


STRATEGIES = {
    **{
        name: (LAYERS, single_steps(held(name, cell_arguments(name))), SOME)
        for name in CELLS
    },
    "StackedRNNCells": (
        LAYERS,
        single_steps(held("StackedRNNCells", arguments(CELLS_OF_A_STACK))),
        SOME,
    ),
    **{
        name.removesuffix("Cell"): (LAYERS, over_time(held(name, cell_arguments(name))), MANY)
        for name in CELLS
    },
    "RNN": (LAYERS, any_cell_over_time(), MANY),
    **{f"ConvLSTM{rank}D": (LAYERS, convolved_over_time(rank), SOME) for rank in (1, 2, 3)},
    "Bidirectional": (LAYERS, in_both_directions(), MANY),
    "TimeDistributed": (LAYERS, at_every_step(), MANY),
    "Wrapper": (LAYERS, merely_wrapped(), SOME),
}  # fmt: skip

COUNTING = set(STRATEGIES)
