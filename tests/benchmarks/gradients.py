"""What recording costs: recorded epochs beside plain ones of the same model, in one process.

Two statistics of every kernel at every step. Beside them, what people do instead: a second tape in
a compiled function of its own, and a second tape run eagerly. A plain and another training run at
once and take turns of a few steps; the ratio is taken epoch by epoch. Where memory is what costs,
it is also a matter of where each of the two lies in it: there several such pairs of trainings are
made anew, either going first in turn.
"""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.benchmarks.measure import report

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def tiny():
    """The notes' cnn_coding: 212 kernels, 34,826 weights, a step of a few milliseconds."""
    from models.cnn_coding import cnn_coding

    return cnn_coding(), (28, 28, 1), 32, 120


def medium():
    """Six convolutions of 32 to 128 kernels on 32×32×3: about 290,000 weights."""
    import keras
    from keras import layers

    net = [keras.Input((32, 32, 3))]
    for width in (32, 64, 128):
        net += [layers.Conv2D(width, 3, padding="same", activation="relu") for _ in range(2)]
        net.append(layers.MaxPooling2D())
    net += [layers.GlobalAveragePooling2D(), layers.Dense(10, activation="softmax")]
    return keras.Sequential(net), (32, 32, 3), 32, 24


def resnet():
    """ResNet-50 on 224×224, 32 at a time as `fit` takes them: 25.6 million weights."""
    from models.resnet import resnet50

    return resnet50(), (224, 224, 3), 32, 3


def resnet_by_eights():
    """The same, 8 at a time: a quarter of the work beside the norms of as many weights."""
    model, shape, _, steps = resnet()
    return model, shape, 8, steps


# What is trained, the most that recording may cost, pairs of trainings, pairs of epochs in each,
# and steps a turn.
MEASURED = (
    (tiny, 1.05, 1, 15, 5),
    (medium, 1.03, 1, 15, 2),
    (resnet, 1.01, 2, 6, 1),
    (resnet_by_eights, 1.01, 4, 10, 1),
)
_LARGE = (resnet, resnet_by_eights)  # too slow for XLA and for a second tape


def data_of(shape, batch, steps, classes):
    import numpy as np
    import tensorflow as tf

    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch * steps, *shape)).astype("float32")
    y = rng.integers(0, classes, batch * steps)
    return tf.data.Dataset.from_tensor_slices((x, y)).batch(batch, drop_remainder=True).cache()


def built(make: Callable, jit: bool):
    import keras

    keras.utils.set_random_seed(1)
    model, shape, batch, steps = make()
    model.compile("sgd", "sparse_categorical_crossentropy", jit_compile=jit)
    return model, data_of(shape, batch, steps, model.output_shape[-1])


def second_tape(model, data, *, eager: bool):
    """A callback that does what people do: another backward pass for the norms of each weight."""
    import keras
    import tensorflow as tf

    def norms(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y, model(x)))
        grads = tape.gradient(loss, model.trainable_variables)
        return [(tf.norm(g), tf.reduce_max(tf.abs(g))) for g in grads]

    compiled = norms if eager else tf.function(norms, jit_compile=model.jit_compile)

    class Second(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.batches = iter(data)

        def on_train_batch_end(self, batch, logs=None):
            compiled(*next(self.batches))

    return Second()


class Turns:
    """Two trainings that take turns, a few steps each, so that a slow moment slows both of them.

    Each is a `fit` of its own in a thread of its own, and goes on only while it has the turn.
    """

    def __init__(self, block: int, first: int) -> None:
        self.block = block
        self.changed = threading.Condition()
        self.turn = first
        self.players = 2

    def take(self, player: int) -> None:
        with self.changed:
            self.changed.wait_for(lambda: self.turn == player)

    def pass_on(self, player: int) -> None:
        with self.changed:
            if self.players == 2:
                self.turn = 1 - player
            self.changed.notify_all()

    def leave(self, player: int) -> None:
        with self.changed:
            self.players -= 1
            self.turn = 1 - player
            self.changed.notify_all()


def clock(turns: Turns, player: int):
    """A callback that takes turns, and the wall time of each epoch while it has the turn.

    From the first step to the end of what callbacks do after the epoch: what `fit` does between,
    the same for both, takes fifths of a second at random.
    """
    import keras

    class Clock(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.epochs = []

        def on_epoch_begin(self, epoch, logs=None):
            self.seconds, self.since = 0.0, None

        def on_train_batch_begin(self, batch, logs=None):
            if self.since is None:
                self.since = time.perf_counter()

        def stop(self):
            self.seconds += time.perf_counter() - self.since
            self.since = None
            turns.pass_on(player)
            turns.take(player)

        def on_train_batch_end(self, batch, logs=None):
            if (batch + 1) % turns.block == 0 and batch + 1 < self.params["steps"]:
                self.stop()

        def on_epoch_end(self, epoch, logs=None):
            self.stop()
            self.epochs.append(self.seconds)

    return Clock()


def ratios(
    make: Callable, jit: bool, other: str, pairs: int, block: int, first: int = 0
) -> list[float]:
    """Other / plain, pair of epochs by pair, after a warming pair; `first`: 0 plain, 1 other."""
    import kerasaudit as ka

    models = {player: built(make, jit) for player in (first, 1 - first)}
    (plain, data), (model, _) = models[0], models[1]
    recorded = other == "recorded"
    eager = other == "eager second tape"
    callback = ka.GradientRecorder() if recorded else second_tape(model, data, eager=eager)
    turns = Turns(block, first)
    # The clock comes last: its end of an epoch is after what the others do there.
    clocks = [clock(turns, 0), clock(turns, 1)]
    work = [(plain, [clocks[0]]), (model, [callback, clocks[1]])]

    def train(player: int) -> None:
        turns.take(player)
        try:
            one, callbacks = work[player]
            one.fit(data, epochs=pairs + 1, verbose=0, callbacks=callbacks)
        finally:
            turns.leave(player)

    gc.collect()
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(train, player) for player in (0, 1)]:
            done.result()
    before, after = (one.epochs[1:] for one in clocks)
    return [b / a for a, b in zip(before, after, strict=True)]


def run() -> bool:
    held = True
    for make, ceiling, trainings, pairs, block in MEASURED:
        for jit in (False, True) if make not in _LARGE else (False,):
            name = f"gradients: {make.__name__}, jit_compile {'on' if jit else 'off'}"
            found = [
                ratio
                for training in range(trainings)
                for ratio in ratios(make, jit, "recorded", pairs, block, training % 2)
            ]
            held &= report(f"{name}: recorded / plain", found, ceiling, at_most=True)
            if make in _LARGE:
                continue
            for other in ("second tape", "eager second tape"):
                compared = ratios(make, jit, other, 3, block)
                print(
                    f"{name}: {other} / plain: {min(compared):.2f} to {max(compared):.2f}",
                    flush=True,
                )
    return held
