"""What only JAX has: traces, donated state, distributions. `test_backends.py` runs it."""

from __future__ import annotations

import numpy as np
import pytest

import kerasaudit as ka
from kerasaudit.errors import UnsupportedError
from tests.gradients.backends.cases import dense, vectors


def fit(model, *callbacks, epochs=1, batch_size=4):
    x, y = vectors()
    model.fit(x, y, batch_size=batch_size, epochs=epochs, verbose=0, callbacks=list(callbacks))


def incomplete(recorder):
    return [finding.message for finding in recorder.findings if finding.incomplete]


@pytest.fixture
def model(keras):
    net = dense()
    net.compile("sgd", "mse")
    return net


def test_a_step_is_traced_once_over_several_epochs_and_fits(keras):
    traces = []

    class Counting(keras.layers.Dense):
        def call(self, x, training=False):
            traces.append(training)
            return super().call(x)

    net = keras.Sequential([keras.Input((4,)), Counting(3)])
    net.compile("adam", "mse")
    fit(net)
    del traces[:]
    with ka.GradientRecorder(every=2, taps=("raw", "clipped"), statistics=("l2", "histogram")) as r:
        fit(net, r, epochs=3)
        fit(net, r, epochs=2)
        assert len(traces) == 1
    assert r.steps[r.steps["tap"] == "raw"]["step"].tolist() == list(range(6, 36, 2))


def test_the_state_that_others_see_is_that_of_a_plain_training(keras, model):
    seen = []

    class Looking(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            state = self.model._jax_state
            seen.append({name: len(values) for name, values in state.items()})

    fit(model, Looking())
    plain = seen[:]
    del seen[:]
    fit(model, Looking(), ka.GradientRecorder())
    assert seen == plain
    assert [metric.name for metric in model.metrics] == ["loss"]


def test_a_distribution_is_refused_in_one_line(keras, model):
    devices = keras.distribution.list_devices()
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices))
    try:
        with pytest.raises(UnsupportedError, match=r"keras\.distribution on JAX"):
            fit(model, ka.GradientRecorder())
    finally:
        keras.distribution.set_distribution(None)
    recorder = ka.GradientRecorder()
    fit(model, recorder)
    assert len(recorder.steps) == 6


@pytest.mark.parametrize("where", ["compiled by itself", "a scan"])
def test_an_update_in_a_trace_within_the_step_is_missed_and_said_to_be(keras, where):
    import jax

    class Inner(keras.Model):
        def train_step(self, state, data):
            weights, others, optimizer, metrics = state
            x, y, _ = keras.utils.unpack_x_y_sample_weight(data)

            def update(weights, optimizer):
                def loss_of(weights):
                    predicted, _ = self.stateless_call(weights, others, x, training=True)
                    return self.stateless_compute_loss(
                        weights, others, metrics, x=x, y=y, y_pred=predicted
                    )[0]

                grads = jax.grad(loss_of)(weights)
                return self.optimizer.stateless_apply(optimizer, grads, weights)

            if where == "a scan":
                (weights, optimizer), _ = jax.lax.scan(
                    lambda carry, _: (tuple(map(list, update(*carry))), None),
                    (weights, optimizer),
                    length=2,
                )
            else:
                weights, optimizer = jax.jit(update)(weights, optimizer)
            return {}, (list(weights), others, list(optimizer), metrics)

    inputs = keras.Input((4,))
    net = Inner(inputs, keras.layers.Dense(3)(inputs))
    net.compile("sgd", "mse")
    recorder = ka.GradientRecorder()
    fit(net, recorder)
    made = 12 if where == "a scan" else 6
    (message,) = incomplete(recorder)
    assert f"made {made} steps, of which 0 were seen" in message


def test_a_loss_that_cannot_be_had_outside_of_its_function_is_unknown(keras):
    import jax

    class Compiled(keras.Model):
        def train_step(self, state, data):
            weights, others, optimizer, metrics = state
            x, y, _ = keras.utils.unpack_x_y_sample_weight(data)

            @jax.jit
            def loss_of(weights):
                predicted, _ = self.stateless_call(weights, others, x, training=True)
                return self.stateless_compute_loss(
                    weights, others, metrics, x=x, y=y, y_pred=predicted
                )[0]

            grads = jax.grad(loss_of)(weights)
            weights, optimizer = self.optimizer.stateless_apply(optimizer, grads, weights)
            return {}, (weights, others, optimizer, metrics)

    inputs = keras.Input((4,))
    net = Compiled(inputs, keras.layers.Dense(3)(inputs))
    net.compile("sgd", "mse")
    recorder = ka.GradientRecorder()
    fit(net, recorder)
    assert recorder.steps["step"].tolist() == list(range(6))
    assert not recorder.steps["loss_known"].any()
    assert recorder.kernels["l2"].notna().all()
    assert incomplete(recorder) == []


def test_rings_that_went_with_a_failed_execution_are_said_to_be_lost(model):
    import jax

    with ka.GradientRecorder() as recorder:
        fit(model, recorder)
        for array in jax.tree.leaves(recorder._session.recording.rings):
            array.delete()
    assert any("lost with a step that failed" in message for message in incomplete(recorder))
    assert len(recorder.steps) == 6
    assert "train_step" not in vars(model)


def test_what_was_read_is_a_copy(model):
    with ka.GradientRecorder(elements="hidden/kernel") as recorder:
        fit(model, recorder)
        before = recorder.elements["gradient"].to_numpy().copy()
        fit(model, recorder, epochs=3)
        np.testing.assert_array_equal(recorder.elements["gradient"][: len(before)], before)
