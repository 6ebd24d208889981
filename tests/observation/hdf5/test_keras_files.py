"""The files that Keras writes: what is read of them, and how little that takes."""

from __future__ import annotations

import json

import h5py
import pytest

from kerasaudit.observation.hdf5 import read_tree
from kerasaudit.observation.source import Budget, FileSource
from tests.observation.hdf5.files import assert_as_h5py_says


@pytest.fixture
def model(keras):
    inner = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4, name="in")], name="inner")
    made = keras.Sequential(
        [
            keras.Input((6,)),
            inner,
            keras.layers.BatchNormalization(name="norm"),
            keras.layers.Dense(3, name="out", dtype="bfloat16"),
        ],
        name="net",
    )
    made.compile("adam", "mse")
    return made


def test_weights(model, tmp_path):
    path = tmp_path / "a.weights.h5"
    model.save_weights(path)
    tree, _ = assert_as_h5py_says(path.read_bytes())
    weights = {p: d for p, d in tree.datasets.items() if p.startswith("layers/")}
    assert {path: dataset.shape for path, dataset in weights.items()} == {
        "layers/sequential/layers/dense/vars/0": (6, 4),
        "layers/sequential/layers/dense/vars/1": (4,),
        **{f"layers/batch_normalization/vars/{number}": (4,) for number in range(4)},
        "layers/dense/vars/0": (4, 3),
        "layers/dense/vars/1": (3,),
    }
    assert all(dataset.stored == dataset.declared for dataset in tree.datasets.values())
    assert tree.attributes["layers/dense/vars"] == {"name": "out"}


def test_weights_in_bfloat16(keras, tmp_path):
    path = tmp_path / "a.weights.h5"
    layer = keras.layers.Dense(3, dtype=keras.DTypePolicy("bfloat16"))
    keras.Sequential([keras.Input((5,)), layer]).save_weights(path)
    tree, _ = assert_as_h5py_says(path.read_bytes())
    kernel = tree.datasets["layers/dense/vars/0"]
    assert (kernel.shape, kernel.dtype, kernel.declared) == ((5, 3), "bfloat16", 5 * 3 * 2)


def test_a_legacy_model(model, tmp_path):
    path = tmp_path / "a.h5"
    model.layers[-1].dtype_policy = "float32"
    model.save(path)
    tree, _ = assert_as_h5py_says(path.read_bytes())
    root = tree.attributes[""]
    assert json.loads(root["model_config"])["config"]["name"] == "net"
    assert json.loads(root["training_config"])["loss"] == "mse"
    assert tree.attributes["model_weights"]["layer_names"] == ("inner", "norm", "out")
    names = tree.attributes["model_weights/norm"]["weight_names"]
    assert {f"model_weights/norm/{name}" for name in names} <= set(tree.datasets)


def test_lists_of_names_that_are_too_long_for_one_attribute(keras, tmp_path):
    from keras.src.legacy.saving.legacy_h5_format import save_attributes_to_hdf5_group

    names = [f"layer_{number:05}".encode() for number in range(10_000)]
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        save_attributes_to_hdf5_group(file, "layer_names", names)
    tree, _ = assert_as_h5py_says(path.read_bytes())
    parts = tree.attributes[""]
    assert list(parts) == [f"layer_names{number}" for number in range(len(parts))]
    assert [n.encode() for part in parts.values() for n in part] == names


def test_no_more_is_read_than_the_metadata(keras, tmp_path):
    """A hundred layers of a megabyte: about a kilobyte for each of their groups and weights."""
    layers = [keras.layers.Dense(512) for _ in range(100)]
    path = tmp_path / "a.weights.h5"
    keras.Sequential([keras.Input((512,)), *layers]).save_weights(path)
    budget = Budget(path.name)
    with FileSource(path, budget) as source:
        tree = read_tree(source)
        assert source.size > 100 * (512 * 512 + 512) * 4
    assert len(tree.datasets) == 200
    # Two groups a layer, and two weights.
    assert budget.bytes_read < 1100 * 100 * 4
    assert budget.objects < 3 * 200
