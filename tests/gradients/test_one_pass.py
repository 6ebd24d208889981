"""One backward pass: the gradients of the next training step, with nothing touched."""

from __future__ import annotations

import numpy as np
import pytest

import kerasaudit as ka
from kerasaudit.errors import ConfigError, TargetError
from tests.gradients.nets import convolutional, dense, images, regression


def state(model):
    held = [*model.variables, *model.metrics_variables]
    if model.compiled:
        held += model.optimizer.variables
    return [np.array(variable.numpy()) for variable in held]


def assert_same(before, after):
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_it_gives_what_the_next_training_step_is_given_and_touches_nothing(keras, policy):
    keras.utils.set_random_seed(5)
    keras.config.set_dtype_policy(policy)
    try:
        net = convolutional()
    finally:
        keras.config.set_dtype_policy("float32")
    optimizer = keras.optimizers.Adam(0.01)
    if policy == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=64.0)
    net.compile(optimizer, "mse")
    x, y = images(8)
    net.fit(x, y, verbose=0)  # the optimizer has state, the statistics have moved
    before = state(net)
    grads = ka.gradients(net, x, y)
    assert_same(before, state(net))
    again = ka.gradients(net, x, y)  # dropout included: the seeds were put back
    np.testing.assert_array_equal(grads.kernels["l2"], again.kernels["l2"])
    recorder = ka.GradientRecorder()
    net.fit(x, y, verbose=0, shuffle=False, callbacks=[recorder])
    step = recorder.kernels.query("status == 'ok'")
    one = grads.kernels.query("status == 'ok'")
    assert one[["layer", "weight", "kernel"]].values.tolist() == (
        step[["layer", "weight", "kernel"]].values.tolist()
    )
    tolerance = 1e-5 if policy == "float32" else 2e-2  # half precision, eager against graph
    np.testing.assert_allclose(one["l2"], step["l2"], rtol=tolerance, atol=1e-4 * tolerance)


def test_gradients_that_overflow_the_loss_scale_say_so(keras):
    net = dense()
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(), initial_scale=2.0**127)
    net.compile(scaled, "mse")
    x, y = regression()
    kernels = ka.gradients(net, 100 * x, 100 * y).kernels
    assert set(kernels["status"]) == {"overflow"}


def test_elements_are_the_gradient_by_hand():
    import keras

    # o = x·w + b, loss mean (o − t)²: ∂L/∂w = 2/n Σ (o − t) x, ∂L/∂b = 2/n Σ (o − t)
    net = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="out")])
    w, b = np.array([[0.5], [-1.0]]), np.array([2.0])
    net.get_layer("out").set_weights([w, b])
    x, t = np.array([[1.0, 2.0], [3.0, -1.0]]), np.array([[1.0], [0.5]])
    error = x @ w + b - t
    elements = ka.gradients(net, x, t, loss="mse").elements
    np.testing.assert_allclose(
        elements["gradient"], [*(2 / 2 * x.T @ error).ravel(), 2 / 2 * error.sum()]
    )
    assert elements["value"].tolist() == [0.5, -1.0, 2.0]
    assert elements["index"].tolist() == ["0,0", "1,0", "0"]


def test_sample_weights_and_regularisers_are_in_the_gradient(keras):
    net = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(1, use_bias=False, kernel_regularizer=keras.regularizers.L2(0.1)),
        ]
    )
    w = np.array([[0.5], [-1.0]])
    net.layers[0].set_weights([w])
    x, t, share = np.array([[1.0, 2.0], [3.0, -1.0]]), np.zeros((2, 1)), np.array([3.0, 1.0])
    # mean over the batch of share · o², and 0.1 Σ w²
    wanted = 2 / 2 * x.T @ (share[:, None] * (x @ w)) + 2 * 0.1 * w
    elements = ka.gradients(net, x, t, "mse", share).elements
    np.testing.assert_allclose(elements["gradient"], wanted.ravel(), rtol=1e-6)


def test_several_inputs_and_outputs_by_name(keras):
    a, b = keras.Input((2,), name="a"), keras.Input((3,), name="b")
    left = keras.layers.Dense(1, name="left")(a)
    right = keras.layers.Dense(1, name="right")(b)
    net = keras.Model({"a": a, "b": b}, {"left": left, "right": right})
    rng = np.random.default_rng(0)
    x = {"a": rng.normal(size=(4, 2)), "b": rng.normal(size=(4, 3))}
    y = {"left": np.zeros((4, 1)), "right": np.zeros((4, 1))}
    net.compile("sgd", {"left": "mse", "right": "mse"})
    kernels = ka.gradients(net, x, y).kernels
    w = net.get_layer("left").kernel.numpy()
    wanted = 2 / 4 * x["a"].T @ (x["a"] @ w)
    left = kernels.query("layer == 'left' and weight == 'kernel'")
    np.testing.assert_allclose(left["l2"], np.linalg.norm(wanted), rtol=1e-5)


def test_weights_without_a_gradient_are_listed_with_the_reason(keras):
    inputs = keras.Input((4,))
    used = keras.layers.Dense(3, name="used")(inputs)
    frozen = keras.layers.Dense(3, name="frozen", trainable=False)(used)
    cut = keras.layers.Dense(3, name="cut")(inputs)
    cut = keras.layers.Lambda(keras.ops.stop_gradient, output_shape=(3,))(cut)
    net = keras.Model(inputs, keras.layers.Add()([frozen, cut]))
    x, y = regression()
    grads = ka.gradients(net, x, y, loss="mse")
    statuses = grads.weights.set_index("path")["status"].to_dict()
    assert statuses == {
        "used/kernel": "recorded",
        "used/bias": "recorded",
        "frozen/kernel": "frozen",
        "frozen/bias": "frozen",
        "cut/kernel": "disconnected",
        "cut/bias": "disconnected",
    }
    silent = grads.kernels[grads.kernels["status"] != "ok"]
    assert len(silent) == 2 * (3 + 3)  # listed kernel by kernel, and never as 0
    assert silent["l2"].isna().all()
    assert [finding.code for finding in grads.findings] == ["KA410"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, ConfigError, "expected a loss"),
        ({"loss": "nope"}, ConfigError, "received 'nope'"),
        ({"loss": "mse", "statistics": ("update_l2",)}, ConfigError, "needs an update"),
        ({"loss": "mse", "layers": "nope"}, ConfigError, "'nope'"),
    ],
)
def test_bad_input_is_one_line(keras, arguments, error, message):
    x, y = regression()
    with pytest.raises(error) as caught:
        ka.gradients(dense(), x, y, **arguments)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_data_that_do_not_fit_are_refused_and_nothing_is_touched(keras):
    net = convolutional()
    before = state(net)
    with pytest.raises(TargetError, match="cannot be run on this batch"):
        ka.gradients(net, np.zeros((4, 7)), np.zeros((4, 3)), loss="mse")
    assert_same(before, state(net))


@pytest.mark.parametrize(
    ("x", "y", "weight"),
    [(1, 24, None), (24, 1, None), (24, 24, 3), (0, 0, None)],
)
def test_arrays_of_other_lengths_are_refused(keras, x, y, weight):
    inputs, targets = regression()
    share = None if weight is None else np.ones(weight)
    with pytest.raises(TargetError, match="expected arrays of one length, at least 1") as caught:
        ka.gradients(dense(), inputs[:x], targets[:y], "mse", share)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("model", [None, "net", 5])
def test_what_is_no_model_is_refused(model):
    with pytest.raises(TargetError, match="expected a Keras model, received"):
        ka.gradients(model, np.ones((2, 4)), np.ones((2, 3)), "mse")


def test_texts_are_no_data(keras):
    with pytest.raises(TargetError, match=r"expected arrays of numbers|cannot be run"):
        ka.gradients(dense(), np.array(["a", "b"]), np.ones((2, 3)), "mse")


def test_an_unbuilt_model_is_refused(keras):
    net = keras.Sequential([keras.layers.Dense(2)])
    with pytest.raises(TargetError, match="is not built"):
        ka.gradients(net, np.zeros((4, 7)), np.zeros((4, 2)), loss="mse")


def test_the_run_saves_reports(keras, tmp_path):
    x, y = regression()
    grads = ka.gradients(dense(), x, y, loss="mse")
    for suffix in ("html", "json", "csv", "md"):
        grads.save(tmp_path / f"net.{suffix}")
        assert (tmp_path / f"net.{suffix}").stat().st_size > 100
