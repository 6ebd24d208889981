"""RecordingTape: what a plain tape returns, exactly; and recorded."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import kerasaudit as ka
from kerasaudit.errors import ConfigError
from tests.gradients.nets import dense, regression


@pytest.fixture
def model(keras):
    keras.utils.set_random_seed(3)
    return dense()


def loss_of(model, x, y):
    return tf.reduce_mean((model(x, training=True) - y) ** 2)


def norms(gradient):
    """The L2 norm of each unit's slice: the last axis of a dense kernel or bias."""
    array = np.asarray(gradient, "float64")
    return np.linalg.norm(array.reshape(-1, array.shape[-1]), axis=0)


def step_of(model, recorder):
    def step(x, y):
        with ka.RecordingTape(model, recorder) as tape:
            loss = loss_of(model, x, y)
        return tape.gradient(loss, model.trainable_variables)

    return step


@pytest.mark.parametrize("mode", ["eager", "graph", "jit"])
def test_it_returns_what_a_plain_tape_returns_and_records_it(model, mode):
    x, y = map(tf.constant, regression())
    recorder = ka.GradientRecorder()

    def plain(x, y):
        with tf.GradientTape() as tape:
            loss = loss_of(model, x, y)
        return tape.gradient(loss, model.trainable_variables)

    step = step_of(model, recorder)
    if mode != "eager":
        plain, step = (tf.function(f, jit_compile=mode == "jit") for f in (plain, step))
    wanted = plain(x, y)
    for _ in range(3):
        for ours, theirs in zip(step(x, y), wanted, strict=True):
            np.testing.assert_array_equal(ours, theirs)
    kernels = recorder.kernels
    figures = np.concatenate([norms(gradient) for gradient in wanted])
    for _, one in kernels.groupby("step"):
        np.testing.assert_allclose(one["l2"], figures, rtol=1e-6)
    assert recorder.steps["step"].tolist() == [0, 1, 2]
    assert recorder.steps["loss"].tolist() == pytest.approx([float(loss_of(model, x, y))] * 3)
    assert set(kernels["optimizer"]) == {"tape"}
    assert kernels["epoch"].isna().all()


def test_training_with_it_gives_the_same_weights_bit_for_bit(keras):
    trained = []
    x, y = map(tf.constant, regression())
    for kind in (lambda net, _: tf.GradientTape(), ka.RecordingTape):
        keras.utils.set_random_seed(7)
        net, optimizer, recorder = dense(), keras.optimizers.Adam(0.1), ka.GradientRecorder()

        @tf.function
        def step(net=net, optimizer=optimizer, recorder=recorder, kind=kind):
            with kind(net, recorder) as tape:
                loss = loss_of(net, x, y)
            grads = tape.gradient(loss, net.trainable_variables)
            optimizer.apply_gradients(zip(grads, net.trainable_variables, strict=True))

        for _ in range(10):
            step()
        trained.append([v.numpy() for v in net.variables])
    for plain, recorded in zip(*trained, strict=True):
        np.testing.assert_array_equal(plain, recorded)


def test_a_persistent_tape_records_each_of_its_calls(model):
    x, y = map(tf.constant, regression())
    recorder = ka.GradientRecorder()
    with ka.RecordingTape(model, recorder, persistent=True) as tape:
        loss = loss_of(model, x, y)
        double = 2 * loss
    first = tape.gradient(loss, model.trainable_variables)
    tape.gradient(double, model.trainable_variables)
    kernels = recorder.kernels
    once, twice = (kernels[kernels["step"] == step]["l2"].to_numpy() for step in (0, 1))
    np.testing.assert_allclose(once, np.concatenate([norms(g) for g in first]), rtol=1e-6)
    np.testing.assert_allclose(twice, 2 * once, rtol=1e-6)


def test_sources_may_be_nested_and_hold_others(model):
    x, y = map(tf.constant, regression())
    recorder = ka.GradientRecorder()
    other = tf.Variable(1.0)
    with ka.RecordingTape(model, recorder) as tape:
        loss = loss_of(model, x, y) * other
    sources = {"net": [model.get_layer("out").kernel], "other": other}
    grads = tape.gradient(loss, sources)
    assert set(grads) == {"net", "other"}
    recorded = recorder.kernels.query("status == 'ok'")
    assert set(recorded["layer"]) == {"out"}
    np.testing.assert_allclose(recorded["l2"], norms(grads["net"][0]), rtol=1e-6)


def test_the_loss_scale_of_the_optimizer_is_divided_out(keras, model):
    x, y = map(tf.constant, regression())
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1), initial_scale=2.0**9)
    optimizer.build(model.trainable_variables)
    with tf.GradientTape() as plain:
        loss = loss_of(model, x, y)
    wanted = plain.gradient(loss, model.trainable_variables)
    recorder = ka.GradientRecorder()
    with ka.RecordingTape(model, recorder, optimizer=optimizer) as tape:
        scaled = optimizer.scale_loss(loss_of(model, x, y))
    scaled_grads = tape.gradient(scaled, model.trainable_variables)
    np.testing.assert_allclose(scaled_grads[0], 512 * wanted[0].numpy(), rtol=1e-6)
    figures = np.concatenate([norms(gradient) for gradient in wanted])
    np.testing.assert_allclose(recorder.kernels["l2"], figures, rtol=1e-5)
    assert recorder.steps["loss"].tolist() == pytest.approx([float(loss)])
    assert recorder.steps["loss_scale"].tolist() == [512.0]


def test_an_overflown_ring_of_a_compiled_loop_makes_the_record_incomplete(model, monkeypatch):
    monkeypatch.setattr("kerasaudit.gradients.tape._MOST_STEPS", 8)
    x, y = map(tf.constant, regression())
    recorder = ka.GradientRecorder()
    compiled = tf.function(step_of(model, recorder), jit_compile=True)
    for _ in range(20):
        compiled(x, y)
    assert len(recorder.steps) == 8
    (finding,) = [one for one in recorder.findings if one.incomplete]
    assert "12 recorded steps (raw) were overwritten" in finding.message  # 20 made, 8 held


def test_a_loop_in_a_graph_has_its_ring_read_in_the_middle(model, monkeypatch):
    monkeypatch.setattr("kerasaudit.gradients.tape._MOST_STEPS", 8)
    x, y = map(tf.constant, regression())
    recorder = ka.GradientRecorder()

    @tf.function
    def loop():
        for _ in tf.range(50):
            step_of(model, recorder)(x, y)

    loop()
    assert recorder.steps["step"].tolist() == list(range(50))
    assert recorder.findings == ()


def test_every_so_many_calls_one_is_recorded(model):
    x, y = map(tf.constant, regression())
    recorder = ka.GradientRecorder(every=3)
    step = tf.function(step_of(model, recorder))
    for _ in range(8):
        step(x, y)
    assert recorder.steps["step"].tolist() == [0, 3, 6]


def test_a_recorder_given_to_fit_after_a_loop_records_both(model):
    x, y = map(tf.constant, regression())
    recorder = ka.GradientRecorder()
    step_of(model, recorder)(x, y)
    model.compile("sgd", "mse")
    model.fit(x, y, batch_size=8, verbose=0, callbacks=[recorder])
    steps = recorder.steps.groupby("session")["step"].apply(list)
    assert steps.tolist() == [[0], [0, 1, 2]]


@pytest.mark.parametrize(
    "arguments", [{"statistics": ("l2", "update_ratio")}, {"taps": ("raw", "applied")}]
)
def test_what_needs_an_optimizer_is_refused(model, arguments):
    with pytest.raises(ConfigError, match="RecordingTape sees gradients and no updates"):
        ka.RecordingTape(model, ka.GradientRecorder(**arguments))
