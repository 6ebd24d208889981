"""A derived backward pass in NumPy and float64, beside the eager tape of TensorFlow in float32.

LeNet-5 on 28×28 and a VGG-like net of a million parameters on 32×32, a batch of 32: reading the
model, both passes, every gradient. The tape has the same to do, but for reading the model.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.benchmarks.measure import report, seconds

CEILING = 10
BATCH = 32


def lenet5() -> Any:
    from models.lenet5 import lenet5 as build

    return build()


def vgg_like() -> Any:
    """Six 3×3 convolutions in three blocks and two dense layers: 1.0 M parameters."""
    import keras
    from keras import layers

    stack: list[Any] = [keras.Input((32, 32, 3))]
    for filters in (32, 64, 128):
        stack += [layers.Conv2D(filters, 3, padding="same", activation="relu") for _ in range(2)]
        stack.append(layers.MaxPooling2D())
    stack += [layers.Flatten(), layers.Dense(352, activation="relu"), layers.Dense(10, "softmax")]
    return keras.Sequential(stack, name="vgg_like")


def passes(model: Any) -> tuple[Callable[[], object], Callable[[], object]]:
    """The derived pass and the tape's, on one batch."""
    import tensorflow as tf

    import kerasaudit as ka

    rng = np.random.default_rng(0)
    shape, classes = model.input_shape[1:], model.output_shape[-1]
    x = rng.normal(size=(BATCH, *shape)).astype("float32")
    y = rng.integers(0, classes, BATCH)
    model.compile(loss="sparse_categorical_crossentropy")
    x_tensor, y_tensor = tf.convert_to_tensor(x), tf.convert_to_tensor(y)

    def derived() -> object:
        return ka.backprop(model, x, y).gradients

    def taped() -> object:
        with tf.GradientTape() as tape:
            predicted = model(x_tensor)
            loss = model.compute_loss(x=x_tensor, y=y_tensor, y_pred=predicted)
        return [g.numpy() for g in tape.gradient(loss, model.trainable_variables)]

    return derived, taped


MODELS = {"LeNet-5": lenet5, "VGG-like, 1 M parameters": vgg_like}


def measured() -> None:
    """Print the pairs of times of each model as JSON: what the other process runs."""
    for name, make in MODELS.items():
        model = make()
        derived, taped = passes(model)
        derived(), taped()
        pairs = [(seconds(derived), seconds(taped)) for _ in range(9)]
        print(json.dumps([name, model.count_params(), pairs]), flush=True)


def run() -> bool:
    # NumPy's BLAS on one thread, TensorFlow on all: two pools that wait for each other by spinning
    # would measure whatever else the machine has to do.
    done = subprocess.run(
        [sys.executable, "-c", "from tests.benchmarks.backprop import measured; measured()"],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "2"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    held = True
    for line in done.stdout.splitlines():
        name, count, pairs = json.loads(line)
        ours, theirs = (min(times) * 1000 for times in zip(*pairs, strict=True))
        print(f"backprop: {name}: {count:,} parameters, {ours:.0f} ms derived, {theirs:.0f} taped")
        ratios = [one / other for one, other in pairs]
        held &= report(f"backprop: {name}: derived / eager tape", ratios, CEILING, at_most=True)
    return held
