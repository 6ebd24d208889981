"""Models against live Keras: graphs, nesting, sharing, several ends, freezing, given shapes."""

from __future__ import annotations

import copy
import json
import math
from collections import Counter

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import layers

from kerasaudit.derivation import architecture as architecture_module
from kerasaudit.derivation.architecture import derive_architecture
from kerasaudit.errors import ConfigError, ShapeError
from tests.derivation import live
from tests.derivation.graphs import Grower


def as_config(model):
    return json.loads(model.to_json())


def unique_weights(architecture):
    return [w for layer in architecture.layers for w in layer.weights or ()]


def size(weights):
    return sum(math.prod(weight.shape) for weight in weights)


def agrees(model):
    """Assert that architecture and live model agree; return the architecture."""
    architecture = derive_architecture(as_config(model))
    assert [p for layer in architecture.layers for p in layer.problems] == []
    weights = unique_weights(architecture)
    assert sum(w.count for w in weights) == model.count_params()
    assert sum(w.count for w in weights if w.trainable) == size(model.trainable_weights)
    outputs = model.outputs if isinstance(model.outputs, list) else [model.outputs]
    assert architecture.output_shapes == tuple(tuple(output.shape) for output in outputs)
    assert architecture.input_shapes == tuple(tuple(one.shape) for one in model.inputs)
    assert architecture.built
    return architecture


def call_counts(architecture):
    return {layer.path: len(layer.calls) for layer in architecture.layers}


def tiny(name, units=3, features=4, **arguments):
    inputs = keras.Input((features,))
    return keras.Model(inputs, layers.Dense(units, name="inside")(inputs), name=name, **arguments)


# -- generated graphs ---------------------------------------------------------------------------


@live.examples(40)
@given(st.data())
def test_generated_graphs_agree_with_keras(data):
    model = Grower(data.draw).model()
    architecture = agrees(model)
    called = {
        entry["name"]: len(entry["inbound_nodes"])
        for entry in as_config(model)["config"]["layers"]
        if entry["inbound_nodes"] and "layers" not in entry["config"]
    }
    counts = call_counts(architecture)
    assert {name: counts[name] for name in called} == called


# -- shapes of models ---------------------------------------------------------------------------


def test_sequential():
    model = keras.Sequential(
        [keras.Input((28, 28, 1)), layers.Conv2D(32, 3), layers.Flatten(), layers.Dense(10)]
    )
    architecture = agrees(model)
    assert [layer.path for layer in architecture.layers] == [one.name for one in model._layers]
    # 26*26 positions of 3*3*1*32, then 26*26*32 features into 10 units
    assert [layer.macs for layer in architecture.layers] == [0, 194_688, 0, 216_320]


def test_a_sequential_model_without_an_input_is_unbuilt_and_its_layers_are_listed():
    model = keras.Sequential([layers.Dense(3, name="a"), layers.Dense(2, name="b")])
    architecture = derive_architecture(as_config(model))
    assert not architecture.built
    assert [layer.path for layer in architecture.layers] == ["a", "b"]
    assert [[p.kind for p in layer.problems] for layer in architecture.layers] == [
        ["not called"],
        ["not called"],
    ]
    assert [layer.weights for layer in architecture.layers] == [None, None]
    # Given a shape it is derived: 4*3 + 3, then 3*2 + 2.
    given = derive_architecture(as_config(model), (None, 4))
    assert [sum(w.count for w in layer.weights) for layer in given.layers] == [15, 8]
    model.build((None, 4))
    agrees(model)


def test_one_layer_called_twice_is_one_row_with_two_calls():
    one, other, dense = keras.Input((4,)), keras.Input((4,)), layers.Dense(3, name="shared")
    model = keras.Model([one, other], layers.Add()([dense(one), dense(other)]))
    architecture = agrees(model)
    (row,) = [layer for layer in architecture.layers if layer.path == "shared"]
    assert len(row.calls) == 2
    assert sum(weight.count for weight in row.weights) == 15
    assert row.macs == 2 * 4 * 3  # MACs count once a call


def test_a_shared_layer_whose_calls_need_different_weights_is_a_problem():
    one, other = keras.Input((4, 4)), keras.Input((5, 4))
    norm = layers.LayerNormalization(name="shared")
    config = as_config(keras.Model([one, other], [norm(one), norm(other)]))
    for entry in config["config"]["layers"]:
        if entry["name"] == "shared":
            entry["config"]["axis"] = 1
    architecture = derive_architecture(config)
    (row,) = [layer for layer in architecture.layers if layer.path == "shared"]
    assert [problem.kind for problem in row.problems] == ["shape"]


def test_sequential_that_holds_one_layer_twice():
    dense = layers.Dense(4, name="twice")
    model = keras.Sequential([keras.Input((4,)), dense, dense])
    assert model.count_params() == 4 * 4 + 4
    agrees(model)


def test_models_in_models_at_several_depths():
    inner = tiny("inner")
    middle_input = keras.Input((4,))
    middle = keras.Model(
        middle_input, layers.Dense(4, name="after")(inner(middle_input)), name="middle"
    )
    outer_input = keras.Input((4,))
    model = keras.Model(outer_input, middle(middle(outer_input)))
    architecture = agrees(model)
    assert call_counts(architecture)["middle/inner/inside"] == 2
    assert call_counts(architecture)["middle/after"] == 2
    (inside,) = [layer for layer in architecture.layers if layer.path == "middle/inner/inside"]
    assert sum(weight.count for weight in inside.weights) == 4 * 3 + 3


def test_sequential_in_functional_and_functional_in_sequential():
    inputs = keras.Input((4,))
    block = keras.Sequential([layers.Dense(5), layers.Dense(4)], name="block")
    agrees(keras.Model(inputs, block(block(inputs))))
    model = keras.Sequential([tiny("first"), layers.Dense(2)])
    agrees(model)
    agrees(
        keras.Sequential([keras.Input((4,)), tiny("second"), keras.Sequential([model.layers[1]])])
    )


def test_an_output_of_a_nested_model_called_twice_counts_its_calls_from_one():
    inner, inputs = tiny("inner", units=4), keras.Input((4,))
    first = inner(inputs)
    second = inner(first)
    architecture = agrees(keras.Model(inputs, [first, second, layers.Dense(2)(second)]))
    assert call_counts(architecture)["inner/inside"] == 2


def test_nested_model_with_several_outputs():
    inputs = keras.Input((4,))
    inner = keras.Model(inputs, [layers.Dense(2)(inputs), layers.Dense(3)(inputs)], name="inner")
    outer = keras.Input((4,))
    two, three = inner(outer)
    agrees(keras.Model(outer, [layers.Dense(7)(three), two]))


def test_inputs_and_outputs_in_dicts():
    inputs = {"wide": keras.Input((8,), name="w"), "deep": keras.Input((5,), name="d")}
    outputs = {
        "sum": layers.Dense(3)(inputs["wide"]),
        "all": layers.Concatenate()([inputs["wide"], inputs["deep"]]),
    }
    model = keras.Model(inputs, outputs)
    architecture = derive_architecture(as_config(model))
    # Keras orders a dict's tensors by key: all, sum.
    assert architecture.output_shapes == ((None, 13), (None, 3))
    assert sum(w.count for w in unique_weights(architecture)) == model.count_params() == 27


def uneven(in_a_dict):
    """A model of inputs "b" (2 features) and "a" (3), in this order."""
    b, a = keras.Input((2,), name="b"), keras.Input((3,), name="a")
    output = layers.Add()([layers.Dense(4)(b), layers.Dense(4)(a)])
    return keras.Model({"b": b, "a": a} if in_a_dict else [b, a], output, name="inner")


@pytest.mark.parametrize("in_a_dict", [True, False])
@pytest.mark.parametrize(
    "call",
    [
        lambda a, b: {"a": a, "b": b},
        lambda a, b: {"b": b, "a": a},
        lambda a, b: {"0": a, "b": b, "a": a, "unused": b},
    ],
)
def test_a_nested_model_takes_a_dict_by_name_whatever_its_order(call, in_a_dict):
    a, b = keras.Input((3,)), keras.Input((2,))
    architecture = agrees(keras.Model([a, b], uneven(in_a_dict)(call(a, b))))
    assert sum(w.count for w in unique_weights(architecture)) == (2 * 4 + 4) + (3 * 4 + 4)


def test_where_keras_takes_a_dict_by_position_symbolically_we_say_what_it_gives_when_run():
    b, a = keras.Input((2,), name="b"), keras.Input((3,), name="a")
    inner = keras.Model([b, a], layers.Concatenate()([layers.Dense(4)(b), a]))
    one, other = keras.Input((3,)), keras.Input((2,))
    model = keras.Model([one, other], inner({"a": one, "b": other}))
    assert model.output_shape == (None, 4 + 2)  # Keras's symbolic shape, which is wrong
    assert model([np.ones((1, 3)), np.ones((1, 2))]).shape == (1, 4 + 3)
    assert derive_architecture(as_config(model)).output_shapes == ((None, 4 + 3),)


def test_a_nested_model_takes_a_list_by_position():
    a, b = keras.Input((3,)), keras.Input((2,))
    agrees(keras.Model([a, b], uneven(in_a_dict=False)([b, a])))


@pytest.mark.parametrize(("declared", "fed"), [((8, 8, 1), (8, 8)), ((8,), (8, 1)), ((1,), ())])
def test_a_nested_model_adds_or_drops_a_last_axis_of_1(declared, fed):
    x = keras.Input(declared)
    inner = keras.Model(x, layers.Dense(3)(layers.Flatten()(x)), name="inner")
    outer = keras.Input(fed)
    agrees(keras.Model(outer, inner(outer)))


def test_calls_by_keyword_and_with_a_mask():
    inputs, mask = keras.Input((5, 4)), keras.Input((5,), dtype="bool")
    by_name = layers.Dense(3)(inputs=inputs)
    masked = layers.Softmax()(inputs=by_name, mask=keras.Input((5, 3), dtype="bool"))
    del masked, mask
    agrees(keras.Model(inputs, by_name))
    mask = keras.Input((5, 3), dtype="bool")
    agrees(keras.Model([inputs, mask], layers.Softmax()(inputs=by_name, mask=mask)))
    agrees(keras.Model([inputs, mask], layers.Softmax()(by_name, mask=mask)))


@pytest.mark.parametrize(
    ("arguments", "keywords"),
    [(["a", 2], {"factor": 3}), ([], {"factor": 3, "inputs": "a"}), ([3], {"x": "a", "y": 2.5})],
)
def test_numbers_among_the_arguments_of_a_layer_are_no_inputs(arguments, keywords):
    def filled(value):
        return tensor("a", 0, 0, shape=[None, 3]) if value == "a" else value

    node = {
        "args": [filled(value) for value in arguments],
        "kwargs": {key: filled(value) for key, value in keywords.items()},
    }
    architecture = derive_architecture(edit(set_nodes([node])))
    assert [layer.problems for layer in architecture.layers] == [[], [], []]
    assert architecture.output_shapes == ((None, 2),)


def test_calls_may_refer_to_layers_that_are_listed_later():
    inputs = keras.Input((4,))
    hidden = layers.Dense(3, name="a")(inputs)
    config = as_config(keras.Model(inputs, layers.Dense(2, name="b")(hidden)))
    config["config"]["layers"].reverse()
    architecture = derive_architecture(config)
    assert [layer.path for layer in architecture.layers][:2] == ["b", "a"]
    assert [call.path for call in architecture.calls][1:] == ["a", "b"]
    assert architecture.output_shapes == ((None, 2),)


def test_a_layer_called_before_and_after_another():
    inputs = keras.Input((4,))
    shared, between = layers.Dense(4, name="shared"), layers.Dense(4, name="between")
    architecture = agrees(keras.Model(inputs, shared(between(shared(inputs)))))
    paths = [call.path for call in architecture.calls]
    assert paths[1:] == ["shared", "between", "shared"]


def test_a_branch_that_leads_to_no_output_is_not_counted():
    inputs = keras.Input((4,))
    layers.Dense(99)(inputs)
    agrees(keras.Model(inputs, layers.Dense(2)(inputs)))


def test_unknown_spatial_sizes():
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(inputs)))
    architecture = agrees(model)
    assert [call.macs for call in architecture.calls] == [0, None, 0]


# -- freezing -----------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["outermost", "nested", "layer", "nowhere"])
@pytest.mark.parametrize("how", ["setter", "constructor"])
@pytest.mark.parametrize("kind", ["functional", "sequential"])
def test_trainable_is_what_keras_would_update(where, how, kind):
    constructed = how == "constructor"

    def model(name, *stack, features=4):
        flag = {} if not (constructed and where == name) else {"trainable": False}
        if kind == "sequential":
            made = keras.Sequential([keras.Input((features,)), *stack], name=name, **flag)
        else:
            x = inputs = keras.Input((features,))
            for layer in stack:
                x = layer(x)
            made = keras.Model(inputs, x, name=name, **flag)
        if where == name and not constructed:
            made.trainable = False
        return made

    frozen = {"trainable": False} if where == "layer" and constructed else {}
    dense = layers.Dense(3, **frozen)
    if where == "layer" and not constructed:
        dense.trainable = False
    nested = model("nested", dense, layers.BatchNormalization())
    agrees(model("outermost", nested, layers.Dense(2)))


# -- given shapes -------------------------------------------------------------------------------


def two_inputs():
    x, y = keras.Input((None, 4), name="x"), keras.Input((None, 4), name="y")
    return as_config(keras.Model([x, y], layers.Add()([layers.Dense(3)(x), layers.Dense(3)(y)])))


@pytest.mark.parametrize(
    "given_shape",
    [
        [(None, 5, 4), (None, 5, 4)],
        ((None, 5, 4), (None, 5, 4)),
        {"y": (None, 5, 4), "x": (None, 5, 4)},
        [[None, 5, 4], [None, 5, 4]],
    ],
)
def test_given_shapes_replace_the_declared_ones(given_shape):
    architecture = derive_architecture(two_inputs(), given_shape)
    assert architecture.output_shapes == ((None, 5, 3),)
    assert sum(call.macs for call in architecture.calls) == 2 * 5 * 4 * 3
    assert not [layer.problems for layer in architecture.layers if layer.problems]


@pytest.mark.parametrize(
    "given_shape",
    [
        (None, 5, 4),
        [(None, 5, 4)],
        [(None, 5, 4)] * 3,
        [(None, 5), (None, 5, 4)],
        [(None, 5, 7), (None, 5, 4)],
        {"x": (None, 5, 4)},
        {"x": (None, 5, 4), "z": (None, 5, 4)},
        {1: (None, 5, 4), "x": (None, 5, 4)},
        [None, (None, 5, 4)],
        [(None, -5, 4), (None, 5, 4)],
        [(None, "5", 4), (None, 5, 4)],
        [(None, 5.0, 4), (None, 5, 4)],
        [(), ()],
        [],
        "4",
        4,
        {},
    ],
)
def test_given_shapes_that_do_not_fit_are_refused(given_shape):
    with pytest.raises(ShapeError) as raised:
        derive_architecture(two_inputs(), given_shape)
    assert "\n" not in str(raised.value)


def test_given_shape_of_a_sequential_model():
    model = keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(2, 3)])
    architecture = derive_architecture(as_config(model), (None, 8, 8, 3))
    assert architecture.output_shapes == ((None, 6, 6, 2),)
    for wrong in [(None, 8, 8, 4), (None, 8, 3), [(None, 8, 8, 3)] * 2]:
        with pytest.raises(ShapeError):
            derive_architecture(as_config(model), wrong)


# -- what cannot be derived ---------------------------------------------------------------------


def with_unknown_between():
    inputs = keras.Input((4,))
    hidden = layers.Dense(6, name="before")(inputs)
    cut = layers.Lambda(lambda x: x[:, :5], output_shape=(5,), name="cut")(hidden)
    config = as_config(keras.Model(inputs, layers.Dense(2, name="after")(cut)))
    config["config"]["layers"][2] |= {"module": "mine", "class_name": "Cut"}
    return config


def test_declared_shapes_carry_the_derivation_past_an_unsupported_layer():
    architecture = derive_architecture(with_unknown_between())
    rows = {layer.path: layer for layer in architecture.layers}
    assert [p.kind for p in rows["cut"].problems] == ["unsupported"]
    assert rows["cut"].weights is None
    assert rows["cut"].macs is None
    assert sum(w.count for w in rows["after"].weights) == 5 * 2 + 2
    assert [call.declared for call in rows["after"].calls] == [True]
    assert [call.declared for call in rows["before"].calls] == [False]


def test_declared_shapes_are_not_trusted_once_the_input_is_another():
    architecture = derive_architecture(with_unknown_between(), (7, 4))
    (after,) = [layer for layer in architecture.layers if layer.path == "after"]
    assert [p.kind for p in after.problems] == ["no shape"]


def test_a_config_that_records_another_shape_is_contradicted():
    inputs = keras.Input((4,))
    config = as_config(keras.Model(inputs, layers.Dense(2, name="out")(inputs)))
    node = config["config"]["layers"][1]["inbound_nodes"][0]
    node["args"][0]["config"]["shape"] = [None, 9]
    architecture = derive_architecture(config)
    assert [p.kind for p in architecture.layers[1].problems] == ["declared"]


def simple_config():
    inputs = keras.Input((4,))
    hidden = layers.Dense(3, name="a")(inputs)
    return as_config(keras.Model(inputs, layers.Dense(2, name="b")(hidden)))


@pytest.mark.parametrize(
    "units", [-1, 0, True, "64", None, 1.5, float("nan"), float("inf"), [3], {}], ids=repr
)
def test_a_wrong_value_is_a_problem_of_its_layer_and_the_rest_is_derived(units):
    config = simple_config()
    config["config"]["layers"][1]["config"]["units"] = units
    architecture = derive_architecture(config)
    assert [[p.kind for p in layer.problems] for layer in architecture.layers] == [
        [],
        ["config"],
        [],
    ]
    (problem,) = architecture.layers[1].problems
    assert "'a'" in problem.message
    assert "units" in problem.message
    assert sum(w.count for w in architecture.layers[2].weights) == 3 * 2 + 2


def test_a_missing_value_is_a_problem_too():
    config = simple_config()
    del config["config"]["layers"][1]["config"]["units"]
    architecture = derive_architecture(config)
    assert [p.kind for p in architecture.layers[1].problems] == ["config"]


def test_a_huge_value_is_exact_and_one_that_no_array_has_is_refused():
    config = simple_config()
    config["config"]["layers"][1]["config"]["units"] = 10**18
    architecture = derive_architecture(config)
    assert sum(w.count for w in architecture.layers[1].weights) == 4 * 10**18 + 10**18
    config["config"]["layers"][1]["config"]["units"] = 2**63
    (problem,) = derive_architecture(config).layers[1].problems
    assert problem.kind == "config"
    assert "units must be an integer below 2^63, received 9223372036854775808" in problem.message


# -- malformed graphs ---------------------------------------------------------------------------


def edit(change):
    config = simple_config()
    change(config["config"])
    return config


def set_nodes(value):
    return lambda c: c["layers"][2].__setitem__("inbound_nodes", value)


def tensor(*history, shape=None):
    return {
        "class_name": "__keras_tensor__",
        "config": {"shape": shape, "dtype": "float32", "keras_history": list(history)},
    }


MALFORMED = {
    "two layers of one name": lambda c: c["layers"].append(copy.deepcopy(c["layers"][1])),
    "a layer without a name": lambda c: c["layers"].append(
        {"class_name": "Flatten", "config": {}, "inbound_nodes": []}
    ),
    "an unknown layer": set_nodes([{"args": [tensor("nowhere", 0, 0)], "kwargs": {}}]),
    "an unknown call": set_nodes([{"args": [tensor("a", 7, 0)], "kwargs": {}}]),
    "a layer that feeds itself": set_nodes([{"args": [tensor("b", 0, 0)], "kwargs": {}}]),
    "a circle": lambda c: c["layers"][1].__setitem__(
        "inbound_nodes", [{"args": [tensor("b", 0, 0)], "kwargs": {}}]
    ),
    "a negative index": set_nodes([{"args": [tensor("a", -1, 0)], "kwargs": {}}]),
    "a history of two": set_nodes([{"args": [tensor("a", 0)], "kwargs": {}}]),
    "no history": set_nodes([{"args": [tensor()], "kwargs": {}}]),
    "nodes in a string": set_nodes("a"),
    "a node that is a number": set_nodes([7]),
    "a node of numbers": set_nodes([[7]]),
    "a node of strings": set_nodes([["a", "b"]]),
    "arguments in a string": set_nodes([{"args": "a", "kwargs": {}}]),
    "keywords in a list": set_nodes([{"args": [tensor("a", 0, 0)], "kwargs": [1]}]),
    "an output that is no layer": lambda c: c.__setitem__("output_layers", [["z", 0, 0]]),
    "an output that is a number": lambda c: c.__setitem__("output_layers", 5),
    "an input that is no layer": lambda c: c.__setitem__("input_layers", [["z", 0, 0]]),
    "an input at a negative call": lambda c: c.__setitem__("input_layers", [["a", -1, 0]]),
    "layers in a dict": lambda c: c.__setitem__("layers", {}),
    "a layer that is null": lambda c: c["layers"].append(None),
    "a layer that is a list": lambda c: c["layers"].append([]),
}  # fmt: skip


@pytest.mark.parametrize("change", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_graph_is_refused_in_one_line(change):
    with pytest.raises(ConfigError) as raised:
        derive_architecture(edit(change))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "config",
    [{}, None, [], "Dense", {"class_name": "Dense", "config": {"units": 3}}, {"class_name": 5},
     {"class_name": "Sequential"}, {"class_name": "Sequential", "config": None},
     {"class_name": "Functional", "config": {"layers": []}}],
    ids=repr,
)  # fmt: skip
def test_what_is_no_model_is_refused(config):
    with pytest.raises(ConfigError):
        derive_architecture(config)


def test_two_layers_of_one_name_in_a_sequential_model_are_refused():
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(3, name="a"), layers.Dense(3, name="b")]
    )
    config = as_config(model)
    config["config"]["layers"][2]["config"] |= {"name": "a", "units": 4}
    with pytest.raises(ValueError, match="unique"):
        keras.models.model_from_json(json.dumps(config))
    with pytest.raises(ConfigError, match="unique"):
        derive_architecture(config)


def test_models_that_multiply_their_calls_without_end_are_refused(monkeypatch):
    monkeypatch.setattr(architecture_module, "_MOST_CALLS", 5_000)

    def functional(name, inner, calls):
        entries = [
            {"class_name": "InputLayer", "name": "in", "config": {"batch_shape": [None, 4]},
             "inbound_nodes": []},
            {**inner, "name": "x", "inbound_nodes": [
                {"args": [tensor("x" if i else "in", max(i - 1, 0), 0)], "kwargs": {}}
                for i in range(calls)
            ]},
        ]  # fmt: skip
        last = calls if "layers" in inner["config"] else calls - 1
        ends = {"input_layers": ["in", 0, 0], "output_layers": ["x", last, 0]}
        return {"class_name": "Functional", "config": {"name": name, "layers": entries, **ends}}

    config = {"class_name": "Dense", "config": {"units": 4}}
    for level in range(40):  # 2**40 calls of one Dense
        config = functional(f"m{level}", config, 2 if level else 1)
    with pytest.raises(ConfigError, match="called over"):
        derive_architecture(config)


def test_keras_2_configs():
    """As Keras 2 wrote them: nodes as lists, no modules, batch_input_shape, axis [3]."""

    def entry(name, class_name, inbound, **config):
        nodes = [[[one, 0, 0, {}] for one in inbound]] if inbound else []
        return {
            "name": name, "class_name": class_name, "config": {"name": name, **config},
            "inbound_nodes": nodes,
        }  # fmt: skip

    functional = {
        "class_name": "Functional",
        "config": {
            "name": "old",
            "layers": [
                entry("in", "InputLayer", [], batch_input_shape=[None, 8, 8, 3]),
                entry("conv", "Conv2D", ["in"], filters=4, kernel_size=[3, 3]),
                entry("norm", "BatchNormalization", ["conv"], axis=[3]),
                entry("sum", "Add", ["norm", "conv"]),
            ],
            "input_layers": [["in", 0, 0]],
            "output_layers": [["sum", 0, 0]],
        },
    }
    architecture = derive_architecture(functional)
    assert architecture.output_shapes == ((None, 6, 6, 4),)
    # 3*3*3*4 + 4 = 112 and 4*4 = 16
    assert sum(w.count for w in unique_weights(architecture)) == 128
    sequential = {
        "class_name": "Sequential",
        "config": {
            "name": "old",
            "layers": [
                {"class_name": "Dense",
                 "config": {"name": "d", "units": 2, "batch_input_shape": [None, 4]}},
            ],
        },
    }  # fmt: skip
    assert derive_architecture(sequential).output_shapes == ((None, 2),)


# -- size ---------------------------------------------------------------------------------------


def test_ten_thousand_layers():
    entries = [
        {"class_name": "Dense", "config": {"name": f"d{i}", "units": 8}} for i in range(10_000)
    ]
    config = {
        "class_name": "Sequential",
        "config": {"name": "long", "layers": entries, "build_input_shape": [None, 8]},
    }
    architecture = derive_architecture(config)
    assert sum(w.count for w in unique_weights(architecture)) == 10_000 * (8 * 8 + 8)


def test_ten_thousand_functional_layers_in_reverse():
    entries = [
        {
            "class_name": "Dense",
            "name": f"d{i}",
            "config": {"units": 8},
            "inbound_nodes": [{"args": [tensor(f"d{i - 1}" if i else "in", 0, 0)], "kwargs": {}}],
        }
        for i in reversed(range(10_000))
    ]
    entries.append(
        {"class_name": "InputLayer", "name": "in", "config": {"batch_shape": [None, 8]},
         "inbound_nodes": []}
    )  # fmt: skip
    config = {
        "class_name": "Functional",
        "config": {
            "name": "long",
            "layers": entries,
            "input_layers": ["in", 0, 0],
            "output_layers": ["d9999", 0, 0],
        },
    }
    architecture = derive_architecture(config)
    assert architecture.output_shapes == ((None, 8),)
    assert sum(w.count for w in unique_weights(architecture)) == 10_000 * (8 * 8 + 8)


@pytest.mark.parametrize("depth", [300, 3000])
def test_models_nested_far_beyond_the_stack(depth):
    config = {
        "class_name": "Dense", "config": {"name": "core", "units": 5},
    }  # fmt: skip
    for level in range(depth):
        config = {
            "class_name": "Sequential",
            "config": {"name": f"m{level}", "layers": [config], "build_input_shape": [None, 4]},
        }
    architecture = derive_architecture(config)
    (row,) = architecture.layers
    assert row.path.endswith("/core")
    assert sum(w.count for w in row.weights) == 4 * 5 + 5


def test_a_model_that_calls_a_model_that_calls_a_model_twice_is_counted_call_by_call():
    inputs = keras.Input((4,))
    model = tiny("m0", units=4)
    for level in range(1, 6):
        inputs = keras.Input((4,))
        model = keras.Model(inputs, model(model(inputs)), name=f"m{level}")
    architecture = agrees(model)
    (row,) = [layer for layer in architecture.layers if layer.path.endswith("inside")]
    assert len(row.calls) == 2**5
    assert Counter(call.path for call in architecture.calls)[row.path] == 2**5


def test_two_layers_of_one_path_are_refused_rather_than_one_lost():
    def model(name, layers):
        first = {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 3]}}
        return {"class_name": "Sequential", "config": {"name": name, "layers": [first, *layers]}}

    def dense(name):
        return {"class_name": "Dense", "config": {"name": name, "units": 3}}

    config = model("net", [model("inner", [dense("a")]), dense("inner/a")])
    with pytest.raises(ConfigError, match="received 'inner/a' twice"):
        derive_architecture(config)
