"""Activations against arithmetic by hand, Keras's own tensors, and a simulation of a forward pass.

The simulation keeps a set of tensors, as a runtime that counts references would: it makes each
call's outputs, looks through all later calls for who still takes what, and drops the rest.
"""

from __future__ import annotations

import json
import math

import keras
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import layers

from kerasaudit.derivation.activations import activations
from kerasaudit.derivation.architecture import derive_architecture
from tests.derivation import live


def of(model, **options):
    architecture = derive_architecture(json.loads(model.to_json()), **options)
    return architecture, activations(architecture)


# -- by hand ------------------------------------------------------------------------------------


def test_a_chain_keeps_what_a_call_takes_and_what_it_makes():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(8), layers.Dense(2)])
    _, result = of(model)
    assert [call.elements for call in result.calls] == [4, 8, 2]
    assert [call.live_bytes for call in result.calls] == [4 * 4, (4 + 8) * 4, (8 + 2) * 4]
    assert (result.elements, result.bytes, result.peak_bytes) == (14, 56, 48)


def test_a_residual_keeps_its_shortcut_alive():
    x = inputs = keras.Input((4,), name="x")
    wide = layers.Dense(8, name="wide")(x)
    back = layers.Dense(4, name="back")(wide)
    model = keras.Model(inputs, layers.Add(name="sum")([x, back]))
    _, result = of(model)
    # The input (4) is still needed by the sum while 8 and 4 are made.
    assert [call.live_bytes // 4 for call in result.calls] == [4, 12, 4 + 8 + 4, 4 + 4 + 4]
    assert result.peak_bytes == 16 * 4


def test_an_output_in_the_middle_lives_to_the_end():
    inputs = keras.Input((4,))
    middle = layers.Dense(100)(inputs)
    end = layers.Dense(1)(layers.Dense(1)(layers.Dense(1)(middle)))
    _, result = of(keras.Model(inputs, [middle, end]))
    assert [call.live_bytes // 4 for call in result.calls] == [4, 104, 101, 102, 102]


def test_a_layer_called_twice_makes_two_tensors():
    shared = layers.Dense(3, name="shared")
    inputs = keras.Input((3,))
    _, result = of(keras.Model(inputs, shared(shared(inputs))))
    assert [call.elements for call in result.calls] == [3, 3, 3]


def test_a_nested_models_input_is_not_a_second_tensor():
    inner_input = keras.Input((5,), name="inner_x")
    inner = keras.Model(inner_input, layers.Dense(2, name="d")(inner_input), name="inner")
    inputs = keras.Input((5,), name="x")
    architecture, result = of(keras.Model(inputs, inner(inputs)))
    made = {call.path: one.elements for call, one in zip(architecture.calls, result.calls)}  # noqa: B905
    assert made == {"x": 5, "inner/inner_x": 0, "inner/d": 2}
    assert result.peak_bytes == 7 * 4


def test_several_outputs_of_one_call_are_several_tensors():
    inputs = keras.Input((6, 3))
    net = keras.Model(inputs, [layers.Dense(2)(inputs), layers.Flatten()(inputs)], name="two")
    outer = keras.Input((6, 3))
    one, _ = net(outer)
    model = keras.Model(outer, layers.Dense(1)(layers.Flatten()(one)))
    _, result = of(model)
    # 18 in, 0 handed on, 12 and 18 made within, 12 flattened, 1: every tensor counted once.
    assert sum(call.elements for call in result.calls) == 18 + 12 + 18 + 12 + 1


def test_an_entry_that_no_input_layer_stands_for_is_alive_too():
    config = {
        "class_name": "Sequential",
        "config": {
            "name": "net",
            "build_input_shape": [None, 10],
            "layers": [{"class_name": "Dense", "config": {"name": "d", "units": 2}}],
        },
    }
    result = activations(derive_architecture(config))
    assert (result.elements, result.peak_bytes) == (2, 12 * 4)


def test_an_unknown_extent_is_unknown_where_it_matters():
    inputs = keras.Input((None, 3))
    model = keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling1D()(inputs)))
    _, result = of(model)
    assert [call.elements for call in result.calls] == [None, 3, 2]
    # The input of unknown length is dead by the last call.
    assert [call.live_bytes for call in result.calls] == [None, None, (3 + 2) * 4]
    assert (result.elements, result.bytes, result.peak_bytes) == (None, None, None)
    _, given_shape = of(model, input_shape=(None, 10, 3))
    assert given_shape.peak_bytes == (30 + 3) * 4


def test_a_layer_without_a_rule_makes_the_peak_unknown():
    dense = {"class_name": "Dense", "config": {"name": "d", "units": 2}}
    own = {"module": "mine", "registered_name": "mine>Own", "class_name": "Own", "config": {}}
    own["config"] = {"name": "own"}
    first = {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 3]}}
    config = {"class_name": "Sequential", "config": {"name": "net", "layers": [first, own, dense]}}
    result = activations(derive_architecture(config))
    assert [call.elements for call in result.calls] == [3, None, None]
    assert result.peak_bytes is None


# -- dtypes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "bfloat16"])
@pytest.mark.parametrize("name", ["MobileNetV2", "MobileNetV3Small"])
def test_the_bytes_of_each_tensor_are_those_of_keras_own(name, policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = getattr(keras.applications, name)(input_shape=(224, 224, 3), weights=None)
    finally:
        keras.config.set_dtype_policy(before)
    architecture, result = of(model)
    sizes = {"float32": 4, "float16": 2, "bfloat16": 2}
    expected = [
        math.prod(tensor.shape[1:]) * sizes[tensor.dtype]
        for operation in model.operations
        for node in operation._inbound_nodes
        for tensor in node.output_tensors
    ]
    ours = {(c.path, c.number): one.bytes for c, one in zip(architecture.calls, result.calls)}  # noqa: B905
    assert sorted(ours.values()) == sorted(expected)
    assert result.bytes == sum(expected)


def test_integers_that_pass_through_keep_their_dtype():
    inputs = keras.Input((10,), dtype="uint8")
    moved = layers.Reshape((5, 2))(inputs)
    model = keras.Model(inputs, layers.Embedding(256, 4, dtype="float16")(moved))
    _, result = of(model)
    assert [call.bytes for call in result.calls] == [10, 10, 10 * 4 * 2]


# -- against a simulation -------------------------------------------------------------------------


def simulated_peak(takes, sizes, outputs, entries):
    """The most that is alive at once, by running the calls and dropping what nobody takes any more.

    `takes[i]` are the tensors that call i takes, tensor i being what call i makes; the first
    `entries` are the model's inputs, which are handed in before the first call.
    """
    alive, most = set(range(entries)), 0
    for call in range(len(takes)):
        alive.add(call)
        most = max(most, sum(sizes[tensor] for tensor in alive))
        later = {tensor for taken in takes[call + 1 :] for tensor in taken} | set(outputs)
        alive = {tensor for tensor in alive if tensor in later or call < tensor < entries}
    return most


@live.examples(60)
@given(st.data())
def test_the_peak_of_random_graphs_is_a_simulations(data):
    entries = data.draw(st.integers(1, 2), "inputs")
    widths = [data.draw(st.integers(1, 50)) for _ in range(entries)]
    takes: list[list[int]] = [[] for _ in widths]
    nodes = [
        {
            "class_name": "InputLayer",
            "name": f"t{number}",
            "config": {"name": f"t{number}", "batch_shape": [None, width]},
            "inbound_nodes": [],
        }
        for number, width in enumerate(widths)
    ]
    for number in range(entries, entries + data.draw(st.integers(1, 12), "calls")):
        joins = data.draw(st.booleans()) and number > 1
        count = data.draw(st.integers(2, 3)) if joins else 1
        taken = [data.draw(st.integers(0, number - 1)) for _ in range(count)]
        width = sum(widths[one] for one in taken) if joins else data.draw(st.integers(1, 50))
        config = {"name": f"t{number}"} | ({} if joins else {"units": width})
        references = [[f"t{one}", 0, 0, {}] for one in taken]
        nodes.append(
            {
                "class_name": "Concatenate" if joins else "Dense",
                "name": f"t{number}",
                "config": config,
                "inbound_nodes": [references],
            }
        )
        widths.append(width)
        takes.append(taken)
    outputs = data.draw(st.sets(st.integers(entries, len(widths) - 1), min_size=1), "outputs")
    ends = [[f"t{number}", 0, 0] for number in sorted(outputs)]
    config = {
        "class_name": "Functional",
        "config": {
            "name": "net",
            "layers": nodes,
            "input_layers": [[f"t{number}", 0, 0] for number in range(entries)],
            "output_layers": ends,
        },
    }
    result = activations(derive_architecture(config))
    assert [call.elements for call in result.calls] == widths
    assert result.peak_bytes == 4 * simulated_peak(takes, widths, outputs, entries)
