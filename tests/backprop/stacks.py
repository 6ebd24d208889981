"""Stacks of layers drawn at random, of those that are explained path by path."""

from __future__ import annotations

from tests.backprop.networks import BATCH, Draw

ACTIVATIONS = ("linear", "relu", "tanh", "sigmoid")


def stack(draw: Draw):
    """One to three stages of a convolution and what may follow it, then one or two dense layers."""
    import keras
    from keras import layers

    rank = draw.one(1, 2, 2, 2)
    shape = (*draw.extents(rank, 7, 9), draw.some(1, 2))
    inside = [keras.Input(shape)]
    for number in range(draw.some(1, 3)):
        inside += _stage(draw, rank, number == 0)
    if draw.maybe():
        inside.append(layers.Flatten())
    else:
        kinds = (f"GlobalMaxPooling{rank}D", f"GlobalAveragePooling{rank}D")
        inside.append(getattr(layers, draw.one(*kinds))())
    if draw.maybe():
        inside.append(layers.Dense(draw.some(2, 3), activation=draw.one(*ACTIVATIONS, "softmax")))
    loss, units, activation = draw.one(
        ("binary_crossentropy", 1, "sigmoid"),
        ("categorical_crossentropy", 3, "softmax"),
        ("mse", 2, "linear"),
    )
    inside.append(layers.Dense(units, activation=activation))
    model = keras.Sequential(inside)
    model.compile(loss=loss)
    x = draw.rng.normal(size=(BATCH, *shape))
    return model, x, _targets(draw, loss, units)


def _stage(draw: Draw, rank: int, first: bool):
    from keras import layers

    strided = draw.maybe()
    paddings = ["same"]
    if first:
        paddings.append("valid")  # later ones may have too little left
    if rank == 1:
        paddings.append("causal")
    filters = draw.some(1, 2) * 2
    made = [
        getattr(layers, f"Conv{rank}D")(
            filters,
            draw.some(1, 3),
            strides=draw.some(1, 2) if strided else 1,
            dilation_rate=1 if strided else draw.some(1, 2),
            padding=draw.one(*paddings),
            activation=draw.one(*ACTIVATIONS),
            use_bias=draw.maybe(),
        )
    ]
    if draw.maybe():
        made.append(layers.BatchNormalization())
    if draw.maybe():
        made.append(layers.Activation(draw.one(*ACTIVATIONS)))
    if draw.maybe():
        made.append(layers.Dropout(0.5))
    if draw.maybe():
        kind = draw.one("Max", "Average")
        made.append(getattr(layers, f"{kind}Pooling{rank}D")(2, padding="same"))
    return made


def _targets(draw: Draw, loss: str, units: int):
    import numpy as np

    if loss == "mse":
        return draw.rng.normal(size=(BATCH, units))
    if loss == "binary_crossentropy":
        return draw.rng.integers(2, size=(BATCH, 1)).astype(float)
    return np.eye(units)[draw.rng.integers(units, size=BATCH)]
