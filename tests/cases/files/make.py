"""Writes the model files of earlier releases beside this file, with what each says of them itself.

Run it with any Python that all of these releases have packages for (3.11); it takes some minutes:

    python tests/cases/files/make.py

Each release is installed in a virtual environment of its own, which is thrown away; the tests read
what it wrote and need none of them. Its files are packed in one archive, for HDF5 leaves most of a
small file empty; `counts.json` among them holds what that Keras counts. Initial values are random,
so that the files differ from run to run: their layout does not.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

HERE = Path(__file__).parent

JAX = ("jax[cpu]==0.4.36", "numpy<2", "ml-dtypes<0.5", "packaging", "h5py<3.13")
RELEASES = {
    "keras-3.0.5": ("keras==3.0.5", *JAX),
    "keras-3.3.3": ("keras==3.3.3", *JAX),
    "keras-3.6.0": ("keras==3.6.0", *JAX),
    "keras-3.8.0": ("keras==3.8.0", *JAX),
    "tf-keras-2.18": ("tf-keras==2.18.0", "tensorflow-cpu==2.18.*"),
}


# -- in the environment of a release ------------------------------------------------------------


def net(keras):
    """Two branches: an image, and a sequence that passes what holds layers."""
    layers = keras.layers
    image, steps = keras.Input((6, 6, 2), name="image"), keras.Input((4, 6), name="steps")
    inner_inputs = keras.Input((6,))
    inner_outputs = layers.Dense(6, name="in")(inner_inputs)
    pair = keras.Sequential(
        [layers.Dense(5, name="dense"), layers.BatchNormalization(name="norm")], name="pair"
    )
    inner_outputs = layers.Dense(6, use_bias=False, name="out")(pair(inner_outputs))
    inner = keras.Model(inner_inputs, inner_outputs, name="inner")
    shared = layers.Dense(6, name="shared")

    x = layers.Conv2D(3, 3, name="conv")(image)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise")(x)
    x = layers.PReLU(name="prelu")(x)
    x = shared(layers.GlobalAveragePooling2D(name="pool")(x))
    x = inner(inner(x))

    y = layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="two_ways")(steps)
    y = layers.MultiHeadAttention(2, 3, name="attend")(y, steps)
    y = layers.TimeDistributed(layers.Dense(4), name="each")(y)
    cells = [layers.GRUCell(2), layers.SimpleRNNCell(3)]
    y = shared(layers.Dense(6, name="widen")(layers.RNN(cells, name="stacked")(y)))
    z = layers.Dense(2, name="head")(layers.Concatenate(name="join")([x, y]))
    return keras.Model([image, steps], z, name="net")


def line(keras):
    """A Sequential model, frozen in part, that was trained."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 2)),
            layers.SeparableConv1D(3, 3, name="separable"),
            layers.LayerNormalization(name="norm"),
            layers.GRU(3, trainable=False, name="gru"),
            keras.Sequential([layers.Dense(4, activation="relu", name="dense")], name="middle"),
            layers.Dense(1, name="head"),
        ],
        name="line",
    )
    model.compile("adam", "mse")
    import numpy as np

    model.fit(np.zeros((2, 8, 2)), np.zeros((2, 1)), verbose=0)
    return model


def save_legacy(model, path):
    """Without the optimizer, whose names collide there; in 3.0 those of a nested model do too."""
    try:
        model.save(path, include_optimizer=False)
    except ValueError:
        path.unlink()


def counts(model, prefix=""):
    """What each layer that is no model counts, by its path."""
    found = {}
    for layer in model.layers:
        if hasattr(layer, "layers"):
            found |= counts(layer, f"{prefix}{layer.name}/")
        else:
            shapes = [[int(extent) for extent in weight.shape] for weight in layer.weights]
            found[prefix + layer.name] = {"count": layer.count_params(), "shapes": shapes}
    return found


def write(folder):
    """Save both models in every form, and what this Keras says of them."""
    tensorflow = folder.name.startswith("tf-")
    if tensorflow:
        import tf_keras as keras
    else:
        import keras
    said = {"version": keras.__version__, "models": {}}
    for make in (net, line):
        model = make(keras)
        for suffix in ("keras", "h5", "weights.h5"):
            path = folder / f"{model.name}.{suffix}"
            if suffix == "weights.h5":
                model.save_weights(str(path))
            elif suffix == "keras":
                model.save(path)
            else:
                save_legacy(model, path)
        optimizer = getattr(model, "optimizer", None)
        variables = optimizer.variables if optimizer else []
        if callable(variables):
            variables = variables()
        said["models"][model.name] = {
            "total": model.count_params(),
            "layers": counts(model),
            "optimizer": sum(int(variable.numpy().size) for variable in variables),
        }
    if tensorflow:  # whose functions become layers of their own
        inputs = keras.Input((3,), name="x")
        outputs = keras.layers.Dense(2, name="dense")(inputs) * 0.5
        outputs = keras.layers.Dense(4, name="head")(outputs)
        keras.Model(inputs, outputs, name="functions").save(folder / "functions.h5")
    (folder / "counts.json").write_text(json.dumps(said, indent=1) + "\n", "utf-8")


# -- here ---------------------------------------------------------------------------------------


def make(release):
    """Install a release and have it write its files."""
    environment = {**os.environ, "KERAS_BACKEND": "jax", "CUDA_VISIBLE_DEVICES": ""}
    with tempfile.TemporaryDirectory() as place:
        venv.create(place, with_pip=True)
        python = Path(place) / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "-q", *RELEASES[release]], check=True)
        folder = Path(place) / release
        folder.mkdir()
        subprocess.run([python, __file__, "--write", folder], check=True, env=environment)
        pack(folder, HERE / f"{release}.zip")


def pack(folder, archive):
    """All files of a folder in one archive, compressed, with no date in it."""
    with zipfile.ZipFile(archive, "w") as opened:
        for path in sorted(folder.iterdir()):
            entry = zipfile.ZipInfo(path.name)
            opened.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, 9)
    print(archive.name, archive.stat().st_size, "bytes")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--write"]:
        write(Path(sys.argv[2]))
    else:
        for each in sys.argv[1:] or RELEASES:
            make(each)
