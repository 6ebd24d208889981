"""Small real trainings, watched by a recorder: their data, their models, and what was found."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import kerasaudit as ka
from kerasaudit.gradients.diagnosis import Diagnosis, GradientFinding
from kerasaudit.gradients.statistics import DEFAULT
from tests.gradients.digits import digits

ALL = ("l2", "max_abs", "weight_l2", "weight_std", "update_l2", "update_ratio")


@dataclass(frozen=True)
class Training:
    """A training that is over: what the recorder found, and how the loss went."""

    recorder: Any
    loss: tuple[float, ...]  # of each epoch
    accuracy: float | None  # of the last one
    unavailable: tuple[tuple[str, str], ...]

    @property
    def findings(self) -> tuple[GradientFinding, ...]:
        """What the recorder found, with the statistics that it recorded."""
        return self.recorder.findings

    @property
    def by_default(self) -> tuple[GradientFinding, ...]:
        """What it would have found in the same training with its default statistics."""
        return self.diagnosis(DEFAULT).findings

    def diagnosis(self, statistics: tuple[str, ...], thresholds: Any = None) -> Diagnosis:
        """A diagnosis of the same steps that is shown some of the statistics."""
        run = self.recorder.run
        (session,) = run.sessions
        made = Diagnosis(session.inventory, statistics, thresholds, session.every)
        for block in run.store.blocks():
            chosen = [block.statistics.index(name) for name in statistics]
            part = replace(block, statistics=statistics, values=block.values[:, chosen])
            made.observe(part)
        return made


def train(
    model: Any,
    x: np.ndarray,
    y: np.ndarray,
    statistics: tuple[str, ...] = ALL,
    *,
    epochs: int = 1,
    batch_size: int = 32,
    shuffle: bool = True,
    **settings: Any,
) -> Training:
    """Fit a compiled model with a recorder."""
    fit = {"epochs": epochs, "batch_size": batch_size, "shuffle": shuffle, "verbose": 0}
    with ka.GradientRecorder(statistics=statistics, **settings) as recorder:
        history = model.fit(x, y, callbacks=[recorder], **fit).history
        unavailable = recorder.run.unavailable
    accuracy = next((values[-1] for name, values in history.items() if "acc" in name), None)
    return Training(recorder, tuple(history["loss"]), accuracy, unavailable)


def images(examples: int = 640, size: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """The first digits, as images."""
    x, y = digits(size)
    return x[:examples], y[:examples]


def pixels(examples: int = 640) -> tuple[np.ndarray, np.ndarray]:
    """The first digits, as 64 numbers each."""
    x, y = images(examples)
    return x.reshape(len(x), -1), y


def zeros_and_ones() -> tuple[np.ndarray, np.ndarray]:
    """The digits 0 and 1, 8×8, and which of them are ones."""
    x, y = digits(8)
    chosen = y < 2
    return x[chosen], y[chosen].astype("float32")[:, None]


def sequential(*layers: Any, shape: tuple[int, ...] = (64,)) -> Any:
    """A Sequential model on inputs of a shape."""
    import keras

    return keras.Sequential([keras.Input(shape), *layers], name="net")


def classifier(model: Any, optimizer: Any = "adam", **settings: Any) -> Any:
    """The model, compiled for classes; its last layer is a softmax."""
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"], **settings)
    return model


def dense_net(hidden: int = 3, width: int = 32, activation: str = "relu", **settings: Any) -> Any:
    """Dense layers h0, h1, … and the softmax of ten classes, on 64 numbers."""
    from keras import layers

    stack = [
        layers.Dense(width, activation=activation, name=f"h{i}", **settings) for i in range(hidden)
    ]
    return sequential(*stack, layers.Dense(10, activation="softmax", name="head", **settings))


def conv_net() -> Any:
    """Three convolutions, a dense layer and the head, on 8×8 images."""
    from keras import layers

    return sequential(
        layers.Conv2D(8, 3, activation="relu", padding="same", name="c0"),
        layers.Conv2D(8, 3, activation="relu", padding="same", name="c1"),
        layers.Conv2D(8, 3, activation="relu", padding="same", name="c2"),
        layers.MaxPooling2D(name="pool"),
        layers.Flatten(name="flat"),
        layers.Dense(16, activation="relu", name="d0"),
        layers.Dense(10, activation="softmax", name="head"),
        shape=(8, 8, 1),
    )


def normalised_net() -> Any:
    """Two convolutions with batch normalisation, dropout and the head, on 8×8 images."""
    from keras import layers

    return sequential(
        layers.Conv2D(8, 3, padding="same", name="c0"),
        layers.BatchNormalization(name="n0"),
        layers.ReLU(name="r0"),
        layers.Conv2D(16, 3, padding="same", name="c1"),
        layers.BatchNormalization(name="n1"),
        layers.ReLU(name="r1"),
        layers.MaxPooling2D(name="pool"),
        layers.Flatten(name="flat"),
        layers.Dropout(0.3, seed=5, name="drop"),
        layers.Dense(10, activation="softmax", name="head"),
        shape=(8, 8, 1),
    )


def residual_net() -> Any:
    """Three residual blocks of dense layers between a stem and the head, on 64 numbers."""
    import keras
    from keras import layers

    inputs = keras.Input((64,))
    x = layers.Dense(32, name="stem")(inputs)
    for block in range(3):
        inner = layers.LayerNormalization(name=f"norm{block}")(x)
        inner = layers.Dense(32, activation="relu", name=f"inner{block}")(inner)
        x = layers.Add(name=f"add{block}")([x, layers.Dense(32, name=f"outer{block}")(inner)])
    outputs = layers.Dense(10, activation="softmax", name="head")(x)
    return keras.Model(inputs, outputs, name="residual")


def text_net(words: int = 60) -> Any:
    """An embedding of words, their mean, and two dense layers."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((12,), dtype="int32"),
            layers.Embedding(words, 16, name="words"),
            layers.GlobalAveragePooling1D(name="mean"),
            layers.Dense(16, activation="relu", name="h0"),
            layers.Dense(1, activation="sigmoid", name="head"),
        ],
        name="text",
    )


def texts(examples: int = 640, words: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Sequences of words, the frequent ones more often; a third of the words decides the class."""
    random = np.random.default_rng(seed)
    frequency = 1 / np.arange(1, words + 1)
    x = random.choice(words, (examples, 12), p=frequency / frequency.sum())
    y = np.sum(x % 3 == 0, axis=1) > np.sum(x % 3 == 1, axis=1)
    return x.astype("int32"), y.astype("float32")[:, None]
