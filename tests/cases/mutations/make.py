"""Writes the small files that `tests/observation/mutations.py` changes, with live Keras.

`python tests/cases/mutations/make.py`
"""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from keras import layers

FOLDER = Path(__file__).parent


def net() -> keras.Model:
    """A net with a bit of everything: nested, shared, recurrent, attending, branching."""
    keras.utils.set_random_seed(0)
    words = keras.Input((4,), dtype="int32", name="words")
    figures = keras.Input((3,), name="figures")
    x = layers.Embedding(6, 4, name="embedding")(words)
    x = layers.Bidirectional(layers.LSTM(2, return_sequences=True), name="both")(x)
    x = layers.MultiHeadAttention(2, 2, name="attention")(x, x)
    x = layers.Conv1D(3, 2, name="conv")(x)
    x = layers.GlobalAveragePooling1D(name="pool")(x)
    inner = keras.Sequential(
        [keras.Input((3,)), layers.Dense(2, name="dense"), layers.BatchNormalization(name="norm")],
        name="inner",
    )
    x = layers.Concatenate(name="joined")([inner(x), inner(figures)])
    return keras.Model([words, figures], layers.Dense(1, name="out")(x), name="net")


def main() -> None:
    """Write them."""
    model = net()
    model.compile("sgd", "mse")
    model.save(FOLDER / "net.keras")
    model.save(FOLDER / "net.h5")
    model.save_weights(FOLDER / "net.weights.h5")
    (FOLDER / "net.json").write_text(model.to_json())
    for path in sorted(FOLDER.glob("net*")):
        print(path.name, path.stat().st_size)


if __name__ == "__main__":
    main()
