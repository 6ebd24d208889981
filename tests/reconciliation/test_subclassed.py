"""Subclassed models and layers that hold layers: derived from the calls that are seen."""

from __future__ import annotations

import pytest

import kerasaudit as ka

DENSE = 144 * 8 + 8  # the 6 × 6 × 4 that the convolution leaves, to 8 units
INNER = 8 * 8 + 8


def codes(audit):
    return [finding.code for finding in audit.findings]


def row(audit, path):
    return next(layer for layer in audit.layers if layer.path == path)


@pytest.fixture
def block(keras):
    class Block(keras.layers.Layer):
        """One scale of its own, and two layers inside."""

        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.inner = keras.layers.Dense(units, name="inner")
            self.norm = keras.layers.LayerNormalization(name="norm")

        def build(self, shape):
            self.scale = self.add_weight(shape=(shape[-1],), name="scale")

        def call(self, x):
            return self.norm(x * self.scale + self.inner(x))

    return Block


@pytest.fixture
def net(keras, block):
    class Net(keras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.conv = keras.layers.Conv2D(4, 3, name="conv")
            self.flat = keras.layers.Flatten(name="flat")
            self.dense = keras.layers.Dense(8, name="dense")
            self.block = block(8, name="block")
            self.head = keras.Sequential([keras.layers.Dense(2, name="out")], name="head")

        def call(self, x):
            x = self.dense(self.flat(self.conv(x)))
            return self.head(self.block(self.block(x)))

    return Net


def test_each_standard_layer_of_a_subclassed_model_is_derived(keras, net):
    model = net()
    model(keras.ops.zeros((2, 8, 8, 1)))
    audit = ka.audit(model)
    derived = {layer.path: layer.derived for layer in audit.layers}
    assert derived == {
        "conv": 3 * 3 * 1 * 4 + 4,
        "flat": 0,
        "dense": DENSE,
        "block": None,
        "block/inner": INNER,
        "block/norm": 8 + 8,
        "head/out": 8 * 2 + 2,
    }
    assert all(layer.derived == layer.observed for layer in audit.layers if layer.path != "block")
    assert codes(audit) == ["KA108"]
    assert (row(audit, "block").status, row(audit, "block").observed) == ("unsupported", 8)
    assert audit.totals.observed == audit.totals.reported == model.count_params()
    assert audit.totals.coverage == 1 - 8 / model.count_params()
    # The block is called twice, and so is what is inside it.
    assert row(audit, "block/inner").macs == 2 * 8 * 8
    assert audit.totals.macs == 6 * 6 * 3 * 3 * 4 + 144 * 8 + 2 * 8 * 8 + 8 * 2
    assert [call.input_shapes for call in audit.calls if call.layer == "dense"] == [((None, 144),)]


def test_a_user_s_rule_derives_the_layer_as_a_whole(keras, net, block):
    keras.saving.register_keras_serializable("reconcile_test", "Block")(block)

    @ka.rule("reconcile_test>Block")
    def whole(layer, x):
        width = ka.Axis("C", layer.extent(x, -1))
        names = ("scale", "inner/bias", "norm/gamma", "norm/beta")
        kernel = ka.Weight("inner/kernel", ka.Axis("C", x[-1]), ka.Axis("K", x[-1]))
        one = [ka.Weight(name, width) for name in names]
        return ka.Derivation(weights=(one[0], kernel, *one[1:]), output_shape=x, macs=x[-1] ** 2)

    model = net()
    model(keras.ops.zeros((2, 8, 8, 1)))
    audit = ka.audit(model)
    assert codes(audit) == []
    assert row(audit, "block").derived == row(audit, "block").observed == 8 + INNER + 16
    assert not any(layer.path.startswith("block/") for layer in audit.layers)
    assert audit.totals.coverage == 1


def test_a_layer_that_only_holds_layers_leaves_nothing_underived(keras):
    class Twice(keras.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.first, self.second = keras.layers.Dense(4), keras.layers.Dense(4)

        def call(self, x):
            return self.second(self.first(x)) + x

    model = keras.Sequential([keras.Input((4,)), Twice(name="twice"), keras.layers.Dense(1)])
    audit = ka.audit(model)
    assert codes(audit) == []
    assert [layer.path for layer in audit.layers] == [
        "input_layer",
        "twice",
        "twice/dense",
        "twice/dense_1",
        "dense_2",
    ]
    assert audit.totals.derived == audit.totals.observed == 2 * (4 * 4 + 4) + 4 + 1
    assert audit.totals.macs == 2 * 16 + 4


def test_what_a_model_s_own_code_multiplies_is_counted(keras):
    class Products(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(4, name="dense")

        def call(self, x):
            y = self.dense(x)
            return keras.ops.einsum("bi,bi->b", y, y)

    model = Products()
    model(keras.ops.zeros((2, 4)))
    audit = ka.audit(model)
    assert row(audit, "dense").macs == 16
    assert audit.totals.derived == 20
    assert audit.totals.macs == 4 * 4 + 4  # the layer's, and a product for each of its units


def test_calls_by_the_names_of_their_arguments(keras):
    class Pair(keras.Model):
        def __init__(self):
            super().__init__()
            self.left, self.right = keras.layers.Dense(2, name="l"), keras.layers.Dense(3, name="r")
            self.join = keras.layers.Concatenate(name="join")

        def call(self, a, b):
            return self.join([self.left(a), self.right(inputs=b)])

    model = Pair()
    model(keras.ops.zeros((2, 4)), keras.ops.zeros((2, 5)))
    audit = ka.audit(model, {"a": (None, 4), "b": (None, 5)})
    assert codes(audit) == []
    assert audit.totals.derived == (4 * 2 + 2) + (5 * 3 + 3)
    assert row(audit, "join").output_shape == (None, 5)


def test_a_model_whose_calls_cannot_be_seen_is_derived_as_it_was_built(keras):
    class Peeking(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(3, name="dense")
            self.symbols_are_welcome = True

        def call(self, x):
            if not self.symbols_are_welcome:
                raise TypeError("numbers only")
            return self.dense(x)

    model = Peeking()
    model(keras.ops.zeros((2, 4)))
    model.symbols_are_welcome = False
    audit = ka.audit(model)
    assert codes(audit) == ["KA122"]
    assert "numbers only" in audit.findings[0].message
    assert row(audit, "dense").derived == row(audit, "dense").observed == 4 * 3 + 3
    assert row(audit, "dense").macs is audit.totals.macs is None
    assert audit.status == "incomplete"


def test_tracing_leaves_the_model_and_keras_as_they_were(keras, net):
    model = net()
    model(keras.ops.zeros((2, 8, 8, 1)))
    layers = model._flatten_layers()
    before = [
        (layer.built, layer._build_shapes_dict, len(layer._inbound_nodes)) for layer in layers
    ]
    methods = (keras.Layer.__call__, keras.Layer.symbolic_call, keras.Operation.symbolic_call)
    name = keras.layers.Dense(1).name
    ka.audit(model)
    after = [(layer.built, layer._build_shapes_dict, len(layer._inbound_nodes)) for layer in layers]
    assert after == before
    assert (
        keras.Layer.__call__,
        keras.Layer.symbolic_call,
        keras.Operation.symbolic_call,
    ) == methods
    assert keras.layers.Dense(1).name == f"{name}_1"


def test_a_frozen_subclassed_model_trains_nothing(keras, net):
    model = net()
    model(keras.ops.zeros((2, 8, 8, 1)))
    model.trainable = False
    audit = ka.audit(model)
    assert "KA104" not in codes(audit)
    assert audit.totals.trainable == 0
