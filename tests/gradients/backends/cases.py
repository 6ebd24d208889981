"""The matrix: models, optimizers and ways to train them, the same on every backend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from keras import layers

from tests.gradients.backends import steps

BACKEND = keras.backend.backend()


# -- models -------------------------------------------------------------------------------------


def dense():
    return keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(5, activation="tanh", name="hidden"),
            layers.Dense(3, name="out"),
        ]
    )


def convolutional(rate=0.3):
    return keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            layers.Conv2D(4, 3, use_bias=False, name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.Activation("tanh", name="act"),
            layers.DepthwiseConv2D(2, depth_multiplier=2, name="depthwise"),
            layers.Dropout(rate, name="drop"),
            layers.Flatten(name="flat"),
            layers.Dense(3, name="out"),
        ]
    )


def regularised():
    return keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(
                5, activation="tanh", kernel_regularizer=keras.regularizers.L2(0.1), name="hidden"
            ),
            layers.ActivityRegularization(l2=0.01, name="active"),
            layers.Dense(3, bias_regularizer="l1", kernel_constraint="non_neg", name="out"),
        ]
    )


def shared():
    one, other = keras.Input((4,), name="one"), keras.Input((4,), name="other")
    tower = layers.Dense(5, activation="tanh", name="tower")
    joined = layers.Subtract(name="minus")([tower(one), tower(other)])
    return keras.Model([one, other], layers.Dense(3, name="out")(joined))


def frozen():
    model = dense()
    model.get_layer("hidden").trainable = False
    return model


class Unused(keras.Model):
    """A layer that is called, and whose output the loss does not depend on."""

    def __init__(self):
        super().__init__()
        self.loose = layers.Dense(2, name="loose")
        self.out = layers.Dense(3, name="out")

    def call(self, x, training=False):
        self.loose(x)
        return self.out(x)


def unused():
    model = Unused()
    model(np.zeros((1, 4), "float32"))
    return model


def embedded():
    return keras.Sequential(
        [
            keras.Input((5,), dtype="int32"),
            layers.Embedding(7, 3, name="table"),
            layers.Flatten(name="flat"),
            layers.Dense(3, name="out"),
        ]
    )


def nested():
    inner = keras.Sequential(
        [keras.Input((4,)), layers.Dense(6, activation="tanh", name="first")], name="inner"
    )
    inputs = keras.Input((4,))
    return keras.Model(inputs, layers.Dense(3, name="out")(inner(inputs)))


def custom(factor=2.0, bypass=False):
    """A training step of the user's own, which multiplies the gradients."""
    inputs = keras.Input((4,))
    hidden = layers.Dense(5, activation="tanh", name="hidden")(inputs)
    outputs = layers.Dense(3, name="out")(hidden)
    model = steps.own_step(BACKEND)(inputs, outputs)
    model.factor, model.bypass = factor, bypass
    return model


# -- data ---------------------------------------------------------------------------------------


def vectors():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(24, 4)).astype("float32")
    return x, rng.normal(size=(24, 3)).astype("float32")


def steep():
    """Targets so far off that a large loss scale overflows at first, and then no more."""
    x, y = vectors()
    return x, 64 * y


def pairs():
    x, y = vectors()
    return [x, x[::-1].copy()], y


def images():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(24, 6, 6, 2)).astype("float32")
    return x, rng.normal(size=(24, 3)).astype("float32")


def tokens():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 3, size=(24, 5)).astype("int32")  # of seven, so that they repeat
    return x, rng.normal(size=(24, 3)).astype("float32")


# -- cases --------------------------------------------------------------------------------------

O = keras.optimizers  # noqa: E741 - one letter, in a table


def schedule():
    return keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)


@dataclass(frozen=True)
class Case:
    """One way to train, and how near float arithmetic lets two computations of it come."""

    model: Callable[[], Any] = dense
    optimizer: Callable[[], Any] = lambda: O.SGD(0.1)
    data: Callable[[], Any] = vectors
    compiled: dict[str, Any] = field(default_factory=dict)
    recorder: dict[str, Any] = field(default_factory=dict)
    policy: str = "float32"
    sample_weight: bool = False
    factor: float = 1.0
    rtol: float = 1e-4


CASES = {
    "sgd": Case(),
    "momentum": Case(optimizer=lambda: O.SGD(schedule(), momentum=0.9, nesterov=True)),
    "adam": Case(optimizer=lambda: O.Adam(0.01)),
    "clipnorm": Case(optimizer=lambda: O.SGD(0.1, clipnorm=0.05)),
    "global_clipnorm": Case(optimizer=lambda: O.SGD(0.1, global_clipnorm=0.05)),
    "clipvalue": Case(optimizer=lambda: O.SGD(0.1, clipvalue=0.02)),
    "accumulation": Case(optimizer=lambda: O.SGD(0.1, gradient_accumulation_steps=2)),
    "accumulation, clipped": Case(
        optimizer=lambda: O.SGD(0.1, gradient_accumulation_steps=3, clipnorm=0.05),
        recorder={"every": 2},
    ),
    "weight decay": Case(optimizer=lambda: O.AdamW(0.01, weight_decay=0.1)),
    "ema": Case(
        optimizer=lambda: O.SGD(0.1, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=2)
    ),
    "loss scale": Case(
        optimizer=lambda: O.LossScaleOptimizer(
            O.SGD(0.1, clipnorm=0.05), initial_scale=8.0, dynamic_growth_steps=2
        )
    ),
    "loss scale that overflows at first": Case(
        optimizer=lambda: O.LossScaleOptimizer(O.SGD(0.1, clipnorm=0.05), initial_scale=2.0**124),
        data=steep,
    ),
    "loss scale and accumulation": Case(
        optimizer=lambda: O.LossScaleOptimizer(
            O.SGD(0.1, gradient_accumulation_steps=2), initial_scale=8.0
        )
    ),
    "loss scale factor": Case(optimizer=lambda: O.SGD(0.1, loss_scale_factor=16.0)),
    "mixed_float16": Case(
        convolutional, data=images, policy="mixed_float16", optimizer=lambda: O.SGD(0.01), rtol=0.02
    ),
    "dropout and normalisation": Case(convolutional, data=images),
    "regularisers": Case(regularised),
    "shared": Case(shared, data=pairs),
    "frozen": Case(frozen),
    "unused": Case(unused),
    "embedding": Case(embedded, data=tokens),
    "nested": Case(nested),
    "custom step": Case(custom, factor=2.0),
    "sample weights": Case(sample_weight=True),
    "every third": Case(recorder={"every": 3}),
    # PyTorch's compiler draws other numbers than PyTorch does, so there is no dropout here.
    "jit": Case(lambda: convolutional(0.0), data=images, compiled={"jit_compile": True}),
    "no jit": Case(nested, compiled={"jit_compile": False}),
    "eager": Case(convolutional, data=images, compiled={"run_eagerly": True}),
    "eager loss scale that overflows at first": Case(
        optimizer=lambda: O.LossScaleOptimizer(O.SGD(0.1, clipnorm=0.05), initial_scale=2.0**124),
        data=steep,
        compiled={"run_eagerly": True},
    ),
}
if BACKEND != "torch":  # where Keras refuses them
    CASES |= {
        "two steps an execution": Case(compiled={"steps_per_execution": 2}),
        "four steps an execution": Case(  # which leaves an execution of two
            optimizer=lambda: O.Adam(0.01), compiled={"steps_per_execution": 4}
        ),
        "two steps, every third": Case(compiled={"steps_per_execution": 2}, recorder={"every": 3}),
    }
