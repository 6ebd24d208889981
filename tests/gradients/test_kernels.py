"""The inventory of live models: where the kernels of each weight lie, and what has none."""

from __future__ import annotations

import numpy as np
import pytest

from kerasaudit.errors import ConfigError, TargetError
from kerasaudit.gradients.hooks import Hooks, optimizers_of
from kerasaudit.gradients.inventory import Inventory
from kerasaudit.gradients.kernels import take_inventory


def entries(model, layers=None):
    return {entry.path: entry for entry in take_inventory(model, layers).inventory.weights}


def test_units_are_those_of_the_rules(keras):
    layers = keras.layers
    net = keras.Sequential(
        [
            keras.Input((9, 9, 3)),
            layers.Conv2D(4, 3, name="conv"),
            layers.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise"),
            layers.Conv2DTranspose(5, 2, name="transposed"),
            layers.BatchNormalization(name="norm"),
            layers.Flatten(),
            layers.Dense(6, name="dense"),
        ]
    )
    found = {path: (entry.unit, entry.kernels, entry.size) for path, entry in entries(net).items()}
    assert found["conv/kernel"] == (("K",), 4, 3 * 3 * 3)
    assert found["conv/bias"] == (("K",), 4, 1)
    assert found["depthwise/kernel"] == (("C", "m"), 4 * 2, 3 * 3)  # spans two axes
    assert found["transposed/kernel"] == (("K",), 5, 2 * 2 * 8)  # K stands before C_in there
    assert found["norm/gamma"] == (("C",), 5, 1)
    assert found["dense/kernel"] == (("u",), 6, 6 * 6 * 5)  # 9−2−2+1 = 6
    assert entries(net)["norm/moving_mean"].status == "statistic"


def test_an_embedding_falls_into_rows(keras):
    net = keras.Sequential([keras.Input((5,)), keras.layers.Embedding(7, 3, name="table")])
    entry = entries(net)["table/embeddings"]
    assert (entry.unit, entry.kernels, entry.size) == (("V",), 7, 3)


def test_recurrent_kernels_are_gates_of_units(keras):
    layers = keras.layers
    source, state = keras.Input((4, 5)), keras.Input((3,))
    x = layers.Bidirectional(layers.LSTM(3, return_sequences=True, name="lstm"), name="both")(
        source
    )
    x = layers.TimeDistributed(layers.Dense(2, name="dense"), name="each")(x)
    x = layers.GRU(3, name="gru")(x, initial_state=state)
    found = entries(keras.Model([source, state], x))
    assert all(entry.undivided is None for entry in found.values())
    assert {path: (entry.unit, entry.kernels, entry.size) for path, entry in found.items()} == {
        **{
            f"both/{direction}_lstm/lstm_cell/{name}": (("gate", "u"), 4 * 3, size)
            for direction in ("forward", "backward")
            for name, size in (("kernel", 5), ("recurrent_kernel", 3), ("bias", 1))
        },
        "each/dense/kernel": (("u",), 2, 2 * 3),
        "each/dense/bias": (("u",), 2, 1),
        "gru/gru_cell/kernel": (("gate", "u"), 3 * 3, 2),
        "gru/gru_cell/recurrent_kernel": (("gate", "u"), 3 * 3, 3),
        "gru/gru_cell/bias": (("gate", "u"), 3 * 3, 2),  # one of the input, one of the state
    }
    kernel = found["both/forward_lstm/lstm_cell/kernel"]
    assert (kernel.shape, kernel.axes_shape, kernel.unit_axes) == ((5, 12), (5, 4, 3), (1, 2))


def test_layers_of_a_subclassed_model_and_inside_a_layer_have_their_units(keras):
    class Block(keras.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.first = keras.layers.Dense(3, name="first")

        def build(self, shape):
            self.first.build(shape)
            self.gain = self.add_weight(shape=(3, 2), name="gain")

        def call(self, x):
            return self.first(x) @ self.gain

    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.block = Block(name="block")
            self.out = keras.layers.Dense(2, name="out")

        def call(self, x):
            return self.out(self.block(x))

    net = Net()
    net(np.zeros((1, 4)))
    found = entries(net)
    assert (found["block/first/kernel"].unit, found["block/first/kernel"].kernels) == (("u",), 3)
    assert (found["out/kernel"].unit, found["out/kernel"].kernels) == (("u",), 2)
    whole = found["block/gain"]  # nobody says along what it falls apart: it is one kernel
    assert (whole.unit, whole.kernels, whole.size) == ((), 1, 6)
    assert "no rule for" in whole.undivided


def test_a_nested_models_layers_are_named_by_their_path(keras):
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="dense")], name="inner")
    net = keras.Sequential([keras.Input((4,)), inner, keras.layers.Dense(2, name="dense")])
    assert [path for path in entries(net) if path.endswith("kernel")] == [
        "inner/dense/kernel",
        "dense/kernel",
    ]


def test_a_shared_layer_is_listed_once(keras):
    shared = keras.layers.Dense(4, name="shared")
    inputs = keras.Input((4,))
    net = keras.Model(inputs, shared(shared(inputs)))
    assert list(entries(net)) == ["shared/kernel", "shared/bias"]


def test_statuses(keras):
    net = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(3, name="frozen", trainable=False),
            keras.layers.Dense(3, name="left_out"),
            keras.layers.Dense(3, name="kept"),
        ]
    )
    found = entries(net, ["frozen", "kept"])
    assert {path: entry.status for path, entry in found.items() if "kernel" in path} == {
        "frozen/kernel": "frozen",
        "left_out/kernel": "excluded",
        "kept/kernel": "recorded",
    }
    assert found["frozen/kernel"].reason
    assert found["kept/kernel"].reason is None


def test_patterns_that_match_nothing_and_unbuilt_models_are_refused(keras):
    net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="dense")])
    with pytest.raises(ConfigError, match="'conv\\*'; there are dense"):
        take_inventory(net, "conv*")
    with pytest.raises(TargetError, match="is not built"):
        take_inventory(keras.Sequential([keras.layers.Dense(3)]))


def test_the_inventory_survives_json(keras):
    import json

    net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="dense")])
    inventory = take_inventory(net).inventory
    assert Inventory.from_json(json.loads(json.dumps(inventory.to_json()))) == inventory


def test_hooks_are_put_back_and_leave_what_others_set_since():
    class Thing:
        def method(self):
            return "class"

    thing, other = Thing(), Thing()
    other.method = lambda: "own"
    hooks = Hooks()
    hooks.set(thing, "method", lambda: "hook")
    hooks.set(other, "method", lambda: "hook")
    assert (thing.method(), other.method()) == ("hook", "hook")
    hooks.remove()
    assert (thing.method(), other.method()) == ("class", "own")
    assert "method" not in vars(thing)
    hooks.set(thing, "method", lambda: "hook")
    thing.method = lambda: "theirs"
    hooks.remove()
    assert thing.method() == "theirs"


def test_optimizers_are_found_by_their_names_once_each(keras):
    net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    net.compile(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD()), "mse")
    net.d_optimizer = keras.optimizers.Adam()
    net.others = [net.d_optimizer, keras.optimizers.SGD()]
    assert list(optimizers_of(net)) == ["optimizer", "d_optimizer", "others[1]"]
