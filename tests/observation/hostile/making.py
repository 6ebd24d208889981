"""The parts that hostile files are made of: a small model as Keras writes it, and its archive."""

from __future__ import annotations

import io
import json
import stat
import warnings
import zipfile

import h5py
import numpy as np


def node(class_name, config, module="keras.layers", **more):
    """An object as Keras 3 writes it."""
    return {
        "module": module,
        "class_name": class_name,
        "config": config,
        "registered_name": None,
        **more,
    }


def named(class_name, name, module="keras.layers", **config):
    return node(class_name, {"name": name, **config}, module)


def function(name, module="builtins"):
    return node("function", name, module)


def inputs(extent=4):
    return named("InputLayer", "input", batch_shape=[None, extent], dtype="float32")


def dense(name="dense", **config):
    return named("Dense", name, **{"units": 3, "use_bias": True, **config})


def sequential(*layers, name="model", first=None):
    first = [inputs() if first is None else first]
    return named("Sequential", name, "keras", layers=[*first, *layers])


def model(*layers):
    """An input of 4, a Dense of 3, and what follows."""
    return sequential(dense(), *layers)


def call(*sources):
    """One call, of tensors given as (layer, call, output)."""
    tensors = [
        {
            "class_name": "__keras_tensor__",
            "config": {"shape": [None, 4], "dtype": "float32", "keras_history": list(source)},
        }
        for source in sources
    ]
    return {"args": tensors, "kwargs": {}}


def functional(layers, ends, name="model"):
    """A Functional of (layer, its calls); it starts at "input" and ends where it is told."""
    entries = [
        {**layer, "name": layer["config"]["name"], "inbound_nodes": list(calls)}
        for layer, calls in [(inputs(), []), *layers]
    ]
    config = {
        "name": name,
        "trainable": True,
        "layers": entries,
        "input_layers": [["input", 0, 0]],
        "output_layers": ends,
    }
    return node("Functional", config, "keras.src.models.functional", registered_name="Functional")


def compiled(config, **compilation):
    compilation = {"optimizer": "adam", "loss": "mse", "metrics": None, **compilation}
    return {**config, "compile_config": compilation}


def weights(change=None):
    """The weights of `model()`, in HDF5 as Keras lays them out, and what else is done to them."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        variables = file.create_group("layers/dense/vars")
        variables.attrs["name"] = "dense"
        variables["0"] = np.ones((4, 3), "float32")
        variables["1"] = np.ones((3,), "float32")
        file.create_group("layers/input_layer/vars")
        file.create_group("vars")
        if change is not None:
            change(file)
    return buffer.getvalue()


def parts(config=None, held=None, **changes):
    """The members of an archive, in Keras's order."""
    found = {
        "metadata.json": json.dumps({"keras_version": "3.15.1", "date_saved": "2026-01-01"}),
        "config.json": json.dumps(model() if config is None else config),
        "model.weights.h5": weights() if held is None else held,
        **changes,
    }
    return [(name, data) for name, data in found.items() if data is not None]


def archived(members, compression=zipfile.ZIP_STORED):
    """An archive of (name, data), in which a name may come twice."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a name that comes twice
        for name, data in members:
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.filename = name  # ZipInfo cuts a name at a NUL
            entry.compress_type = compression
            archive.writestr(entry, data)
    return buffer.getvalue()


def with_link(name, target):
    """An archive in which a member is a symbolic link."""
    buffer = io.BytesIO(archived(parts()))
    with zipfile.ZipFile(buffer, "a") as archive:
        entry = zipfile.ZipInfo(name)
        entry.create_system = 3
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, target)
    return buffer.getvalue()


def legacy(config, change=None):
    """A legacy `.h5`: the config is an attribute, the weights lie in groups named by layer."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.attrs["model_config"] = config if isinstance(config, bytes) else json.dumps(config)
        file.attrs["keras_version"] = "2.15.0"
        file.attrs["backend"] = "tensorflow"
        held = file.create_group("model_weights")
        held.attrs["layer_names"] = [b"dense"]
        layer = held.create_group("dense")
        layer.attrs["weight_names"] = [b"dense/kernel:0", b"dense/bias:0"]
        layer["dense/kernel:0"] = np.ones((4, 3), "float32")
        layer["dense/bias:0"] = np.ones((3,), "float32")
        if change is not None:
            change(file)
    return buffer.getvalue()


def legacy_model(*layers):
    first = {
        "class_name": "InputLayer",
        "config": {"name": "input_1", "batch_input_shape": [None, 4], "dtype": "float32"},
    }
    second = {"class_name": "Dense", "config": {"name": "dense", "units": 3, "use_bias": True}}
    return {
        "class_name": "Sequential",
        "config": {"name": "model", "layers": [first, second, *layers]},
    }
