"""Losses against Keras: values and derivatives, with every reduction and sample weights."""

from __future__ import annotations

import numpy as np
import pytest

import kerasaudit as ka
from kerasaudit.backprop.losses import loss
from kerasaudit.errors import ConfigError, ShapeError, UnsupportedError
from tests.backprop.tape import assert_equal, in_float64, on_tape, scatter_weights

RNG = np.random.default_rng(0)
P = RNG.random((4, 3)) * 0.8 + 0.1
DISTRIBUTION = P / P.sum(axis=1, keepdims=True)
REAL = RNG.normal(size=(4, 3))
BITS = RNG.integers(0, 2, (4, 3)).astype(float)
ONE_HOT = np.eye(3)[[0, 2, 1, 2]]
CLASSES = np.array([0, 2, 1, 2])
EDGES = np.array([[0.0, 0.5, 1.0], [1e-9, 1 - 1e-9, 0.25], [0.2, 0.3, 0.5], [1.0, 0.0, 0.0]])

CASES = [
    ("MeanSquaredError", {}, REAL, P),
    ("MeanAbsoluteError", {}, REAL, P),
    ("MeanAbsolutePercentageError", {}, REAL, P),
    ("Huber", {"delta": 0.5}, REAL, P),
    ("Hinge", {}, BITS, REAL),
    ("SquaredHinge", {}, BITS, REAL),
    ("Poisson", {}, np.abs(REAL), P),
    ("KLDivergence", {}, DISTRIBUTION[::-1], DISTRIBUTION),
    ("BinaryCrossentropy", {}, BITS, P),
    ("BinaryCrossentropy", {"label_smoothing": 0.25}, BITS, P),
    ("BinaryCrossentropy", {}, BITS, EDGES),
    ("BinaryCrossentropy", {"from_logits": True}, BITS, 20 * REAL),
    ("CategoricalCrossentropy", {}, ONE_HOT, P),
    ("CategoricalCrossentropy", {}, ONE_HOT, EDGES),
    ("CategoricalCrossentropy", {"label_smoothing": 0.25}, ONE_HOT, DISTRIBUTION),
    ("CategoricalCrossentropy", {"from_logits": True}, ONE_HOT, 20 * REAL),
    ("SparseCategoricalCrossentropy", {}, CLASSES, P),
    ("SparseCategoricalCrossentropy", {}, CLASSES[:, None], EDGES),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, CLASSES, REAL),
    ("SparseCategoricalCrossentropy", {"ignore_class": 2}, CLASSES, DISTRIBUTION),
]
WEIGHTS = (None, np.array([0.5, 2.0, 0.0, 1.0]), np.array([[0.5], [2.0], [0.0], [1.0]]))
REDUCTIONS = ("sum_over_batch_size", "mean", "sum", "mean_with_sample_weight")


def keras_loss(keras, name, options, y, p, weight, reduction):
    """The value and the derivative that Keras and TensorFlow's tape have, in float64."""
    import tensorflow as tf

    of = getattr(keras.losses, name)(reduction=reduction, dtype="float64", **options)
    variable = tf.Variable(p, dtype="float64")
    with tf.GradientTape() as tape:
        value = of(y, variable + 0.0, sample_weight=weight)
    return of, float(value), tape.gradient(value, variable).numpy()


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weight", WEIGHTS, ids=("plain", "weighted", "column"))
@pytest.mark.parametrize(("name", "options", "y", "p"), CASES)
def test_value_and_derivative(keras, name, options, y, p, weight, reduction):
    with in_float64():
        of, expected, by_p = keras_loss(keras, name, options, y, p, weight, reduction)
    config = {"class_name": name, "config": {**of.get_config(), **options}}
    value, found = loss(config, y, p, weight)
    assert value == pytest.approx(expected, rel=1e-12, abs=1e-14)
    np.testing.assert_allclose(found, by_p, rtol=1e-9, atol=1e-12)


def test_log_cosh_but_for_a_constant_that_keras_rounds(keras):
    with in_float64():
        _, expected, by_p = keras_loss(keras, "LogCosh", {}, REAL, P, None, "sum_over_batch_size")
    value, found = loss("log_cosh", REAL, P)
    assert value == pytest.approx(expected, abs=1e-8)  # log 2 in float32
    np.testing.assert_allclose(found, by_p, rtol=1e-9)


def test_targets_of_one_rank_less(keras):
    value, found = loss("mse", [1.0, 2.0], [[3.0], [2.0]])
    assert value == (2.0**2 + 0.0) / 2
    assert found.tolist() == [[2 * 2.0 / 2], [0.0]]


def test_figures_by_hand():
    # −log 0.8 for the class that is right; by p it is −1/0.8, and 1/Σp = 1 for the scaling.
    value, found = loss("sparse_categorical_crossentropy", [1], [[0.2, 0.8]])
    assert value == pytest.approx(-np.log(0.8))
    np.testing.assert_allclose(found, [[1.0, 1.0 - 1 / 0.8]])


def test_what_no_derivative_is_derived_of_is_named():
    with pytest.raises(UnsupportedError, match="'CTC'"):
        loss({"class_name": "CTC", "config": {}}, [1.0], [1.0])
    with pytest.raises(UnsupportedError, match="reduction None"):
        loss({"class_name": "MeanSquaredError", "config": {"reduction": None}}, REAL, P)
    with pytest.raises(ShapeError, match=r"fit predictions \(4, 3\)"):
        loss("bce", BITS[:, :2], P)


def outputs(keras, losses, weights=None, names=("a", "b")):
    x = keras.Input((3,))
    a = keras.layers.Dense(2, activation="softmax", name=names[0])(x)
    b = keras.layers.Dense(1, activation="sigmoid", name=names[1])(x)
    model = keras.Model(x, [a, b])
    model.compile(loss=losses, loss_weights=weights)
    return model


@pytest.mark.parametrize(
    ("losses", "weights", "sample_weight"),
    [
        (["categorical_crossentropy", "binary_crossentropy"], None, None),
        (["mse", "mae"], [2.0, 0.5], None),
        ({"a": "mse", "b": "bce"}, {"a": 0.5, "b": 3.0}, None),
        ("mse", None, None),
        (["mse", None], None, None),
        (["mse", "mae"], None, [np.array([1.0, 0.0, 2.0]), np.array([0.5, 1.0, 0.0])]),
        ("mse", None, np.array([1.0, 0.0, 2.0])),
    ],
)
def test_several_outputs(keras, losses, weights, sample_weight):
    with in_float64():
        model = outputs(keras, losses, weights)
        x, rng = RNG.normal(size=(3, 3)), np.random.default_rng(1)
        y = [np.eye(2)[[0, 1, 1]], rng.integers(0, 2, (3, 1)).astype(float)]
        expected, taped = on_tape(model, x, y, sample_weight)
        found = ka.backprop(model, x, y, sample_weight=sample_weight)
    assert found.loss == pytest.approx(expected, rel=1e-12)
    assert_equal(found.gradients, taped, 1e-9)


def test_targets_by_the_names_of_the_outputs(keras):
    model = outputs(keras, {"a": "mse", "b": "mse"})
    x = RNG.normal(size=(3, 3))
    one, other = RNG.random((3, 2)), RNG.random((3, 1))
    by_name = ka.backprop(model, x, {"b": other, "a": one})
    assert by_name.loss == ka.backprop(model, x, [one, other]).loss


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_saturated_sigmoid_keeps_its_gradient_as_in_keras(keras, dtype):
    # σ(30) is 1 − 1e-13: from the logits, as TensorFlow takes them, the gradient is σ(30) − 0.
    model = keras.Sequential(
        [
            keras.Input((1,), dtype=dtype),
            keras.layers.Dense(1, activation="sigmoid", use_bias=False, dtype=dtype),
        ]
    )
    model.set_weights([np.array([[30.0]])])
    model.compile(loss=keras.losses.BinaryCrossentropy(dtype=dtype))
    x, y = np.ones((1, 1)), np.zeros((1, 1))
    expected, taped = on_tape(model, x, y)
    found = ka.backprop(model, x, y)
    assert found.loss == pytest.approx(expected, rel=1e-6) == pytest.approx(30.0)
    assert found.gradients["dense/kernel"].item() == pytest.approx(1.0)
    assert_equal(found.gradients, taped, 1e-6)


def predicting(keras, *layers):
    """A model of those layers over three inputs, with weights that are not all alike."""
    model = keras.Sequential([keras.Input((3,)), *layers])
    scatter_weights(model, np.random.default_rng(2))
    return model


def equal_to_tape(model, x, y, tolerance=1e-9):
    expected, taped = on_tape(model, x, y)
    found = ka.backprop(model, x, y)
    assert found.loss == pytest.approx(expected, rel=tolerance)
    assert_equal(found.gradients, taped, tolerance)


@pytest.mark.parametrize(
    ("name", "units", "activation", "shape"),
    [
        ("binary_crossentropy", 1, "sigmoid", (4,)),
        ("hinge", 1, "tanh", (4,)),
        ("poisson", 1, "softplus", (4,)),
        ("kl_divergence", 1, "sigmoid", (4,)),
        ("mse", 1, "linear", (4, 3)),  # one prediction serves three targets
        ("mse", 3, "linear", (4, 1)),
    ],
)
def test_targets_of_another_shape_as_keras_takes_them(keras, name, units, activation, shape):
    with in_float64():
        model = predicting(keras, keras.layers.Dense(units, activation=activation))
        model.compile(loss=name)
        y = np.random.default_rng(3).integers(0, 2, shape).astype(float)
        equal_to_tape(model, RNG.normal(size=(4, 3)), y)


def test_predictions_of_one_rank_less(keras):
    with in_float64():
        layers = keras.layers.Dense(1, activation="sigmoid"), keras.layers.Reshape(())
        model = predicting(keras, *layers)
        model.compile(loss="binary_crossentropy")
        equal_to_tape(model, RNG.normal(size=(4, 3)), BITS[:, :1])


def test_what_a_loss_leaves_out_of_its_config(keras):
    with in_float64():
        model = predicting(keras, keras.layers.Dense(3))
        model.compile(loss=keras.losses.Huber(delta=0.25))
        equal_to_tape(model, RNG.normal(size=(4, 3)), REAL)
        model.compile(loss=keras.losses.SparseCategoricalCrossentropy(axis=1))
        equal_to_tape(model, RNG.random((4, 3)), CLASSES)
    # |1 − 3| = 2 is above δ = 0.25: 0.25 · 2 − 0.25² / 2
    value, _ = loss({"class_name": "Huber", "config": {"delta": 0.25}}, [[3.0]], [[1.0]])
    assert value == 0.5 - 0.03125


@pytest.mark.parametrize("loss_name", ["binary_crossentropy", "categorical_crossentropy"])
@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_the_logits_of_either_activation_are_taken(keras, activation, loss_name):
    """Behind what hands on its input, too; TensorFlow asks of no activation whose they are."""
    layers = keras.layers
    with in_float64():
        handing_on = layers.Dropout(0.5), layers.Identity(), layers.Activation("linear")
        model = predicting(keras, layers.Dense(3, activation=activation), *handing_on)
        model.compile(loss=loss_name)
        equal_to_tape(model, 100 * RNG.normal(size=(4, 3)), ONE_HOT)
        model = predicting(keras, layers.Dense(3, activation=activation), layers.Reshape((3,)))
        model.compile(loss=loss_name)
        equal_to_tape(model, RNG.normal(size=(4, 3)), ONE_HOT)


def test_the_logits_of_a_softmax_along_another_axis_are_taken(keras):
    with in_float64():
        model = keras.Sequential([keras.Input((2, 3)), keras.layers.Dense(3)])
        model.add(keras.layers.Softmax(axis=1))
        model.compile(loss="categorical_crossentropy")
        equal_to_tape(model, RNG.normal(size=(4, 2, 3)), np.stack([ONE_HOT, ONE_HOT[::-1]], 1))


def test_wrong_targets_are_named(keras):
    model = predicting(keras, keras.layers.Dense(3))
    x = np.ones((4, 3))
    for y, told in (
        (None, "received none: there are no targets"),
        ([None], "there are no targets"),
        (np.ones((1, 3)), "as many targets as examples"),
        (np.full((4, 3), "a"), "could not convert"),
    ):
        with pytest.raises(ShapeError, match=told):
            ka.backprop(model, x, y, loss="mse")
    for wrong in (-1, 3):
        with pytest.raises(ShapeError, match="classes from 0 to 2"):
            ka.backprop(model, x, np.full(4, wrong), loss="sparse_categorical_crossentropy")


def test_a_model_without_a_loss(keras):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    with pytest.raises(ConfigError, match="expected a loss, received none"):
        ka.backprop(model, np.ones((1, 2)), np.ones((1, 1)))
    with pytest.raises(UnsupportedError, match="'mine'"):
        ka.backprop(model, np.ones((1, 2)), np.ones((1, 1)), loss=mine)


def mine(y, p):
    return p
