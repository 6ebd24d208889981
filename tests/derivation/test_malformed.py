"""Configs with junk in them: derivation raises KerasAuditError or nothing, and comes to an end."""

from __future__ import annotations

import copy
import json

import keras
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from keras import layers, ops

from kerasaudit.derivation.architecture import derive_architecture
from kerasaudit.derivation.rule import derive
from kerasaudit.errors import KerasAuditError
from tests.derivation import live
from tests.derivation.strategies import STRATEGIES

JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 5),
    st.just(10**30),
    st.floats(),
    st.text(max_size=3),
    st.sampled_from(
        [
            *([], {}, [None], [[]], [0, 0], ["a", 0, 0], [["in", 0, 0]], [[[[1, 2]]]], {"a": 1}),
            {"class_name": "Dense", "config": {"name": "x", "units": 2}},
            {"class_name": "__keras_tensor__", "config": {"keras_history": ["in", 0, 0]}},
            {"class_name": "__tensor__", "config": {"value": [[1, 2], [3]]}},
        ]
    ),
)


def functional():
    inputs = keras.Input((8, 8, 3), name="in")
    conv = layers.Conv2D(4, 3, padding="same", name="conv")
    x = layers.BatchNormalization()(conv(inputs))
    inner_inputs = keras.Input((8, 8, 4))
    inner = keras.Model(inner_inputs, layers.PReLU(shared_axes=[1, 2])(inner_inputs), name="inner")
    x = layers.Add()([inner(x), inner(x)])
    x = layers.Concatenate()([ops.relu(x * 0.5), x])
    x = layers.Reshape((8, -1))(layers.ZeroPadding2D(1)(x)[:, 1:9, 1:9])
    x = layers.Dot(axes=1)([x, x])
    return keras.Model(inputs, {"a": layers.Dense(2)(layers.Flatten()(x)), "b": x})


def sequential():
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Normalization(),
            layers.Conv2D(4, 3, groups=1),
            layers.MaxPooling2D(2),
            layers.LayerNormalization(axis=[1, 2]),
            layers.Permute((3, 1, 2)),
            keras.Sequential([layers.Cropping2D(((1, 0), (0, 1))), layers.Flatten()]),
            layers.Dense(10),
        ]
    )


def operations():
    x = keras.Input((4, 6), name="in")
    scores = ops.softmax(ops.einsum("bij,bkj->bik", x, x) / 2, axis=-1)
    y = ops.matmul(scores, ops.transpose(ops.swapaxes(x, 1, 2), (0, 2, 1)))
    y = ops.pad(ops.tile(ops.repeat(y, 2, axis=1), (1, 2, 1)), [[0, 0], [1, 2], [0, 0]])
    first, second = ops.split(ops.reshape(y, (-1, 19, 3, 2)), 2, axis=-1)
    y = ops.squeeze(ops.concatenate([first, second], axis=2)[:, 1:9:2, None, ..., 0], 2)
    rows = ops.unstack(ops.stack([y, ops.moveaxis(ops.moveaxis(y, 1, 2), 2, 1)], axis=1), axis=1)
    y = ops.tensordot(ops.sum(rows[0], axis=1, keepdims=True), np.ones((6, 3)), axes=[[2], [0]])
    y = ops.broadcast_to(ops.expand_dims(ops.where(y > 0, y, 0.5), 1), (2, 2, 1, 3))
    return keras.Model(x, ops.top_k(ops.one_hot(ops.argmax(y, axis=-1), 5), 2))


MODELS = (functional, sequential, operations)
CONFIGS = [json.loads(model().to_json()) for model in MODELS]


def places(value, path=()):
    """The path of every value in a config."""
    yield path
    if isinstance(value, (dict, list)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(item, (*path, key))


def matters(path):
    """Whether a derivation reads what is there; initializers and the like it does not."""
    unread = ("izer", "constraint", "registered_name")
    return path and not any(isinstance(key, str) and key.endswith(unread) for key in path)


PLACES = [[path for path in places(config) if matters(path)] for config in CONFIGS]


def replaced(config, path, junk):
    *ahead, last = path
    inner = config
    try:
        for key in ahead:
            inner = inner[key]
        if junk == "delete":
            del inner[last]
        else:
            inner[last] = junk
    except (KeyError, IndexError, TypeError):
        pass  # an earlier replacement has taken this place away


def printable(error):
    assert "\n" not in str(error)
    assert len(str(error)) <= 500


@live.examples(400)
@given(st.integers(0, len(MODELS) - 1), st.data())
def test_models_with_junk_in_them(which, data):
    config = copy.deepcopy(CONFIGS[which])
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(PLACES[which]))
        replaced(config, path, data.draw(JUNK | st.just("delete")))
    try:
        architecture = derive_architecture(config)
    except KerasAuditError as error:
        printable(error)
        return
    for layer in architecture.layers:
        assert layer.weights is not None or layer.problems
        for problem in layer.problems:
            assert isinstance(problem.message, str)
            assert "its rule raised" not in problem.message, problem.message


@live.examples(300)
@given(st.sampled_from(sorted(STRATEGIES)), st.data())
def test_layers_with_junk_in_them(name, data):
    _, strategy, _ = STRATEGIES[name]
    arguments, shapes = data.draw(strategy)
    config = {"class_name": name, "config": dict(arguments)}
    # Also the values that this example leaves at their default.
    keys = [*arguments, "axis", "groups", "data_format", "strides", "use_bias", "shared_axes"]
    for _ in range(data.draw(st.integers(1, 2))):
        config["config"][data.draw(st.sampled_from(keys))] = data.draw(JUNK)
    if data.draw(st.integers(0, 4)) == 0:
        shapes = data.draw(JUNK | st.lists(JUNK, max_size=3) | st.dictionaries(st.text(), JUNK))
    try:
        derivation = derive(config, shapes)
    except KerasAuditError as error:
        printable(error)
    else:
        assert derivation.params >= 0
        assert derivation.macs is None or derivation.macs >= 0
