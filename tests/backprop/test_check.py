"""Gradient checks: what is right is found right, what is wrong is found and named."""

from __future__ import annotations

import numpy as np
import pytest

import kerasaudit as ka
from kerasaudit.backprop.check_kinds import KINDS
from kerasaudit.backprop.layers import dense as dense_module
from kerasaudit.backprop.rule import Applied, Gradients, find_gradient
from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.errors import AuditError, ConfigError, TargetError, UnsupportedError
from kerasaudit.reconciliation.findings import every_kind
from models.cnn_backpropagation import cnn_backpropagation

RNG = np.random.default_rng(0)


def images(count=3):
    return RNG.normal(size=(count, 8, 8, 1)), RNG.integers(0, 2, (count, 1))


def faulty(keras, fault):
    """A dense layer with a custom gradient: of its kernel's third unit (or of its input) wrong."""
    import tensorflow as tf

    class Faulty(keras.layers.Layer):
        def __init__(self, units, **arguments):
            super().__init__(**arguments)
            self.units = units

        def build(self, shape):
            self.kernel = self.add_weight((shape[-1], self.units), "glorot_uniform", name="kernel")

        def call(self, x):
            @tf.custom_gradient
            def product(x, kernel):
                def back(g):
                    by_kernel = tf.transpose(x) @ g
                    signs = np.ones(self.units)
                    if fault == "kernel":
                        signs[2] = -1.0
                    by_x = g @ tf.transpose(kernel)
                    return by_x * (2.0 if fault == "input" else 1.0), by_kernel * signs

                return x @ kernel, back

            return product(x, tf.convert_to_tensor(self.kernel))

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    return Faulty


def test_a_right_model(keras):
    model = cnn_backpropagation()
    found = ka.check_gradients(model, *images(), loss="binary_crossentropy")
    assert found.ok
    assert (found.differences, found.reason) == ("model", None)
    found.raise_if_failed()
    weights = found.to_frame()
    assert weights["elements"].tolist() == [9, 1, 9, 1, 4, 1]
    assert set(weights["status"]) <= {"ok", "kink"}
    assert (weights["difference"] <= weights["tolerance"]).all()
    assert found.to_frame("kernels")["elements"].sum() == 25
    probes = found.to_frame("probes")
    assert set(probes["weight"]) == {"kernel", "bias"}
    assert len(found.to_frame("findings")) == 0
    with pytest.raises(ConfigError, match="expected one of weights, kernels, probes, findings"):
        found.to_frame("layers")


def test_the_model_is_left_as_it_was(keras):
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(2), keras.layers.BatchNormalization()]
    )
    model.compile(loss="mse", optimizer="adam")
    before = [np.asarray(v) for v in model.variables]
    found = ka.check_gradients(
        model, RNG.normal(size=(4, 3)), RNG.normal(size=(4, 2)), training=True
    )
    assert found.ok
    for one, other in zip(before, model.variables, strict=True):
        assert np.array_equal(one, other)
    assert keras.config.floatx() == "float32"


@pytest.mark.parametrize("fault", [None, "kernel", "input"])
def test_a_faulty_custom_gradient_is_named(keras, fault):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(3, activation="tanh", name="before"),
            faulty(keras, fault)(5, name="faulty"),
            layers.Dense(2, name="after"),
        ]
    )
    found = ka.check_gradients(model, RNG.normal(size=(4, 4)), RNG.normal(size=(4, 2)), "mse")
    assert "no gradient is derived" in found.reason
    wrong = {row.layer for row in found.weights if row.status == "wrong"}
    assert wrong == {None: set(), "kernel": {"faulty"}, "input": {"before"}}[fault]
    if fault is None:
        assert found.ok
        return
    assert {one.code for one in found.findings} == {"KA430"}
    last = found.findings[-1]
    if fault == "kernel":
        assert last.path == "faulty/kernel"
        assert float(last.observed) == pytest.approx(-float(last.expected), rel=1e-3)
        assert ",2]: the tape says" in last.message
    else:
        assert last.path == "before/bias"
        assert float(last.observed) == pytest.approx(2 * float(last.expected), rel=1e-3)
        assert "'faulty' and what comes after it are right" in last.cause
    with pytest.raises(AuditError, match="KA430"):
        found.raise_if_failed()


def test_a_faulty_derivation_is_told_from_a_faulty_tape(keras, monkeypatch):
    right = find_gradient(LayerConfig({"class_name": "Dense", "config": {}}))

    def wrong(layer, weights, inputs, mode):
        made = right(layer, weights, inputs, mode)

        def backward(gradients):
            found = made.backward(gradients)
            return Gradients(found.inputs, {**found.weights, "bias": -found.weights["bias"]})

        return Applied(made.outputs, backward)

    from kerasaudit.backprop import rule

    assert right is dense_module.dense
    monkeypatch.setitem(rule._built_in, "Dense", wrong)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="d")])
    found = ka.check_gradients(model, RNG.normal(size=(4, 3)), RNG.normal(size=(4, 2)), "mse")
    assert [(one.code, one.path) for one in found.findings] == [("KA431", "d/bias")]


def test_a_corner_is_no_error(keras):
    found = ka.check_gradients(keras.layers.ReLU(), np.array([[0.0, 1.0, -1.0]]))
    assert found.ok
    assert [row.status for row in found.weights] == ["kink"]
    probes = {row.element: row.status for row in found.probes if row.element}
    assert probes == {"[0,0]": "kink", "[0,1]": "ok", "[0,2]": "ok"}


@pytest.mark.parametrize(
    ("make", "shapes"),
    [
        (lambda layers: layers.LSTM(3, return_sequences=True), [(2, 3, 2)]),
        (lambda layers: layers.MultiHeadAttention(2, 3), [(2, 3, 4), (2, 2, 4)]),
        (lambda layers: layers.Conv1D(2, 3, activation="gelu"), [(2, 5, 3)]),
        (lambda layers: layers.Multiply(), [(2, 3), (2, 3)]),
    ],
)
def test_a_single_layer(keras, make, shapes):
    x = [RNG.normal(size=shape) for shape in shapes]
    found = ka.check_gradients(make(keras.layers), x if len(x) > 1 else x[0])
    assert found.ok
    assert found.reason is None
    inputs = [row for row in found.weights if row.layer == "(input)"]
    assert [row.elements for row in inputs] == [one.size for one in x]


def test_a_single_faulty_layer(keras):
    found = ka.check_gradients(faulty(keras, "input")(3), RNG.normal(size=(2, 4)))
    assert [(one.code, one.path) for one in found.findings] == [("KA430", "(input)/0")]


def test_a_forward_pass_that_the_config_does_not_describe(keras):
    model = keras.Sequential([keras.Input((3,)), keras.layers.LeakyReLU(name="leaky")])
    model.layers[0].get_config = lambda: {"name": "leaky", "negative_slope": 0.5}
    x = -np.abs(RNG.normal(size=(4, 3)))
    found = ka.check_gradients(model, x, x, "mse")
    assert {one.code for one in found.findings} == {"KA433"}


def test_a_layer_that_nothing_can_be_compared_with(keras):
    class NoConfig(keras.layers.Layer):
        def __init__(self, units):
            super().__init__()
            self.dense = keras.layers.Dense(units)

        def call(self, x):
            return self.dense(x)

        def get_config(self):
            raise NotImplementedError

    model = keras.Sequential([keras.Input((3,)), NoConfig(2)])
    found = ka.check_gradients(model, RNG.normal(size=(4, 3)), RNG.normal(size=(4, 2)), "mse")
    assert found.differences is None
    assert {(one.code, one.incomplete) for one in found.findings} == {("KA432", True)}
    assert not found.ok


def test_half_precision_has_its_own_tolerance(keras):
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4, activation="tanh", dtype="mixed_float16")]
    )
    found = ka.check_gradients(model, RNG.normal(size=(4, 3)), RNG.normal(size=(4, 4)), "mse")
    assert found.ok
    assert found.weights[0].difference > 1e-6  # float16 has 11 bits


def test_what_draws_at_random_is_refused_in_training(keras):
    model = keras.Sequential([keras.Input((30,)), keras.layers.Dropout(0.5), keras.layers.Dense(2)])
    x, y = RNG.normal(size=(4, 30)), RNG.normal(size=(4, 2))
    assert ka.check_gradients(model, x, y, "mse").ok
    with pytest.raises(UnsupportedError, match="draws at random"):
        ka.check_gradients(model, x, y, "mse", training=True)


def test_what_is_missing_is_said(keras):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    with pytest.raises(ConfigError, match="expected targets y"):
        ka.check_gradients(model, np.ones((1, 2)))
    with pytest.raises(ConfigError, match="expected a loss"):
        ka.check_gradients(model, np.ones((1, 2)), np.ones((1, 1)))
    with pytest.raises(TargetError, match="received int"):
        ka.check_gradients(3, np.ones((1, 2)))
    with pytest.raises(TargetError, match="cannot be called"):
        ka.check_gradients(keras.layers.Conv2D(1, 3), np.ones((1, 2)))


def test_what_cannot_be_compared_is_said_and_not_found(keras):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    x, y = np.ones((3, 2), "float32"), np.zeros((3, 1), "float32")
    with pytest.raises(TargetError, match="a finite loss of this batch, received nan"):
        ka.check_gradients(model, np.full_like(x, np.nan), y, "mse")
    with pytest.raises(TargetError, match=r"one figure of its loss, received an array of \(3,\)"):
        ka.check_gradients(model, x, y, keras.losses.MeanSquaredError(reduction=None))
    with pytest.raises(ConfigError, match="probes: expected 0 or more, received -1"):
        ka.check_gradients(model, x, y, "mse", probes=-1)
    with pytest.raises(TargetError, match="expected a built model"):
        ka.check_gradients(keras.Sequential([keras.layers.Dense(1)]), x, y, "mse")


def test_a_layer_that_makes_layers_of_its_own_is_copied(keras):
    class Holding(keras.layers.Layer):
        def __init__(self, **arguments):
            super().__init__(**arguments)
            self.inner = keras.layers.Dense(3)

        def build(self, shape):
            self.inner.build(shape)

        def call(self, x):
            return 2.0 * self.inner(x)

    found = ka.check_gradients(Holding(), np.ones((2, 4), "float32"))
    assert found.ok
    assert found.differences == "model"
    assert keras.config.dtype_policy().name == "float32"


def test_targets_that_do_not_sum_to_1_show_the_tapes_own_fault(keras):
    # By the logits z of a softmax p: p · Σy − y, for which TensorFlow takes p − y.
    layer = keras.layers.Dense(2, "softmax", kernel_initializer="zeros", use_bias=False)
    model = keras.Sequential([keras.Input((1,)), layer])
    found = ka.check_gradients(
        model, np.ones((1, 1), "float32"), np.array([[3.0, 1.0]]), "categorical_crossentropy"
    )
    (finding,) = found.findings
    assert (finding.code, finding.expected, finding.observed) == ("KA430", "-1", "-2.5")


@pytest.mark.parametrize("given", [["mse", None], {"a": "mse", "b": "mae"}])
@pytest.mark.parametrize("compiled", [True, False])
def test_losses_of_several_outputs(keras, given, compiled):
    x = keras.Input((2,))
    outputs = [keras.layers.Dense(1, name="a")(x), keras.layers.Dense(2, name="b")(x)]
    model = keras.Model(x, outputs)
    if compiled:
        model.compile(loss=given)
    batch = np.ones((3, 2), "float32"), [np.ones((3, 1)), np.ones((3, 2))]
    found = ka.check_gradients(model, *batch, loss=None if compiled else given)
    assert found.ok
    assert (found.differences, found.reason) == ("model", None)


def test_every_kind_is_documented():
    assert set(KINDS) == {"KA430", "KA431", "KA432", "KA433"}
    assert set(KINDS) <= set(every_kind())
