"""Run by test_distributed.py in a process of its own: two replicas on two virtual CPU devices.

Every case trains under MirroredStrategy with a recorder, and a twin on one device by a plain tape
over the whole batch: the recorded norms must be the norms of the twin's gradients, which are those
of the sum over the replicas and not the sum of their norms. It prints a line a case.
"""

from __future__ import annotations

import sys

import keras
import numpy as np
import tensorflow as tf

import kerasaudit as ka

X = np.random.default_rng(0).normal(size=(48, 4)).astype("float32")
Y = np.random.default_rng(1).normal(size=(48, 3)).astype("float32")
BATCH = 8


def net(**compile_arguments):
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(5, activation="tanh", name="hidden"),
            keras.layers.Dense(3, name="out"),
        ]
    )
    model.compile(loss="mse", **compile_arguments)
    return model


def norms(gradient):
    array = np.asarray(gradient, "float64")
    return np.linalg.norm(array.reshape(-1, array.shape[-1]), axis=0)


def twin_steps(optimizer, steps):
    """The gradients of every step on one device, and the weights after the last."""
    model, found = net(optimizer=optimizer), []
    for step in range(steps):
        rows = slice(step * BATCH, (step + 1) * BATCH)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(X[rows], training=True) - Y[rows]) ** 2)
            scaled = model.optimizer.scale_loss(loss)
        raw = tape.gradient(scaled, model.trainable_variables)
        scale = float(scaled / loss)
        found.append((float(loss), np.concatenate([norms(g / scale) for g in raw])))
        model.optimizer.apply(raw, model.trainable_variables)
    return found, model.get_weights()


def run(strategy, name, make_optimizer, *, every=1, taps=("raw",), statistics=()):
    steps = len(X) // BATCH
    wanted, weights = twin_steps(make_optimizer(), steps)
    with strategy.scope():
        model = net(optimizer=make_optimizer())
    recorder = ka.GradientRecorder(
        every=every, taps=taps, statistics=("l2", "max_abs", *statistics)
    )
    model.fit(X, Y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[recorder])
    assert recorder.findings == (), recorder.findings
    kernels, table = recorder.kernels, recorder.steps
    raw = kernels[kernels["tap"] == "raw"]
    recorded = table[table["tap"] == "raw"]
    assert recorded["step"].tolist() == list(range(0, steps, every))
    # Keras clips on each replica before it sums: from the first update on the twin goes elsewhere.
    alike = recorded[:1] if name == "clipped" else recorded
    for step, loss in zip(alike["step"], alike["loss"], strict=True):
        np.testing.assert_allclose(raw[raw["step"] == step]["l2"], wanted[step][1], rtol=1e-4)
        np.testing.assert_allclose(loss, wanted[step][0], rtol=1e-5)
    if name != "clipped":
        for ours, theirs in zip(model.get_weights(), weights, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    print(f"ok {name}", flush=True)
    return kernels


def tape(strategy):
    with strategy.scope():
        model = net(optimizer="sgd")
    recorder = ka.GradientRecorder()

    @tf.function
    def step(x, y):
        with ka.RecordingTape(model, recorder) as recording:
            loss = tf.reduce_sum((model(x) - y) ** 2) / (BATCH * 3)
        return recording.gradient(loss, model.trainable_variables)

    data = tf.data.Dataset.from_tensor_slices((X[:BATCH], Y[:BATCH])).batch(BATCH)
    for x, y in strategy.experimental_distribute_dataset(data):
        strategy.run(step, args=(x, y))
    ((mean, wanted),) = twin_steps("sgd", 1)[0]
    np.testing.assert_allclose(recorder.kernels["l2"], wanted, rtol=1e-4)
    np.testing.assert_allclose(recorder.steps["loss"], mean, rtol=1e-5)
    print("ok tape", flush=True)


def two_replicas():
    """A strategy over two virtual devices; only before TensorFlow has started."""
    (device, *_) = tf.config.list_physical_devices("CPU")
    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(device, two)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    assert strategy.num_replicas_in_sync == 2
    return strategy


def main():
    optimizers = keras.optimizers
    # One for all cases: TensorFlow counts its collective operations in each strategy from the same.
    strategy = two_replicas()
    sgd = optimizers.SGD
    run(strategy, "sgd", lambda: sgd(0.1, momentum=0.9), statistics=("update_ratio",))
    run(strategy, "every", lambda: optimizers.Adam(0.01), every=2)
    # Keras itself cannot accumulate gradients, or take several steps an execution, on replicas.
    run(strategy, "scaled", lambda: optimizers.LossScaleOptimizer(sgd(0.1), 2.0**8))
    clipped = run(
        strategy, "clipped", lambda: sgd(1.0, global_clipnorm=0.01), taps=("raw", "clipped")
    )
    # Each replica's gradient is clipped to 0.01 and the two are summed: no more than 0.02, and
    # on these data more than 0.01.
    of_step = clipped[clipped["tap"] == "clipped"].groupby("step")["l2"]
    totals = of_step.apply(lambda l2: float(np.sqrt((l2.astype(float) ** 2).sum())))
    assert ((totals > 0.01) & (totals < 0.02 + 1e-6)).all(), totals
    tape(strategy)


if __name__ == "__main__":
    sys.exit(main())
