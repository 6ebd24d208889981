"""Small models and data for recordings, the same on every backend."""

from __future__ import annotations

import numpy as np


def dense(width=5, units=3, name="net"):
    """Two dense layers on four features."""
    import keras

    return keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(width, activation="tanh", name="hidden"),
            keras.layers.Dense(units, name="out"),
        ],
        name=name,
    )


def convolutional(name="net"):
    """A convolution, normalisation, dropout, a pool and a dense layer on 8×8×1."""
    import keras

    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, activation="relu", name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.Dropout(0.3, seed=5, name="drop"),
            layers.MaxPooling2D(name="pool"),
            layers.Flatten(name="flat"),
            layers.Dense(3, name="out"),
        ],
        name=name,
    )


def regression(examples=24, features=4, targets=3, seed=0):
    """Inputs and targets, normally distributed."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(examples, features)).astype("float32")
    return x, rng.normal(size=(examples, targets)).astype("float32")


def images(examples=24, seed=0):
    """Images of 8×8×1 and targets of three."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(examples, 8, 8, 1)).astype("float32")
    return x, rng.normal(size=(examples, 3)).astype("float32")
