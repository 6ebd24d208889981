"""What recording costs: recorded epochs beside plain ones of the same model, in one process.

Two statistics of every kernel at every step. Beside them, what people do instead: a second tape in
a compiled function of its own, and a second tape run eagerly. Plain and other epochs alternate, and
the ratio is taken pair by pair; the order within a pair alternates as well.
"""

from __future__ import annotations

import contextlib
import gc
import os
import time
from collections.abc import Callable

from tests.benchmarks.measure import report

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

TINY, MEDIUM, RESNET = 1.05, 1.03, 1.01
PAIRS = 15


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
    """ResNet-50 on 224×224: 25.6 million weights, 107,000 kernels."""
    from models.resnet import resnet50

    return resnet50(), (224, 224, 3), 8, 3


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


def epoch(model, data, *callbacks) -> float:
    """The wall time of one epoch, from its first step to the end of what callbacks do after it.

    What `fit` does before and after, the same for both, takes fifths of a second at random.
    """
    import keras

    class Clock(keras.callbacks.Callback):
        seconds = None

        def on_train_batch_begin(self, batch, logs=None):
            if self.seconds is None:
                self.seconds = -time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            self.seconds += time.perf_counter()

    clock = Clock()  # the last of the callbacks: its end comes after theirs
    model.fit(data, verbose=0, callbacks=[*callbacks, clock])
    return clock.seconds


def ratios(make: Callable, jit: bool, other: str, pairs: int) -> list[float]:
    """Other / plain, pair by pair, after a warming pair."""
    import kerasaudit as ka

    plain, data = built(make, jit)
    model, _ = built(make, jit)
    recorder = ka.GradientRecorder() if other == "recorded" else None
    callback = recorder or second_tape(model, data, eager=other == "eager second tape")
    found = []
    with recorder or contextlib.nullcontext():
        for number in range(pairs + 1):
            turns = [(plain, ()), (model, (callback,))]
            seconds = {}
            for one, callbacks in turns if number % 2 else reversed(turns):
                gc.collect()
                seconds[one is model] = epoch(one, data, *callbacks)
            if number:
                found.append(seconds[True] / seconds[False])
    return found


def run() -> bool:
    held = True
    for make, ceiling, pairs in ((tiny, TINY, PAIRS), (medium, MEDIUM, PAIRS), (resnet, RESNET, 3)):
        for jit in (False, True) if make is not resnet else (False,):
            name = f"gradients: {make.__name__}, jit_compile {'on' if jit else 'off'}"
            found = ratios(make, jit, "recorded", pairs)
            held &= report(f"{name}: recorded / plain", found, ceiling, at_most=True)
            if make is resnet:
                continue
            for other in ("second tape", "eager second tape"):
                compared = ratios(make, jit, other, 3)
                print(
                    f"{name}: {other} / plain: {min(compared):.2f} to {max(compared):.2f}",
                    flush=True,
                )
    return held
