"""Files in which one thing is not as the config says: each is found, at its layer, with figures."""

from __future__ import annotations

import json
import zipfile

import keras
import pytest
from keras import layers

import kerasaudit as ka

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")


def net(filters=4, hidden=(8, 6), order=1, bias=True, dtype="float32", norm=True):
    """A small CNN: 6×6×2, a convolution, dense layers, 3 classes."""
    inner = [
        layers.Dense(units, name=f"hidden{at}", dtype=dtype) for at, units in enumerate(hidden)
    ]
    return keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            layers.Conv2D(filters, 3, name="conv", use_bias=bias, dtype=dtype),
            *([layers.BatchNormalization(name="norm", dtype=dtype)] if norm else []),
            layers.GlobalAveragePooling2D(name="pool"),
            *inner[::order],
            layers.Dense(3, name="out", dtype=dtype),
        ],
        name="net",
    )


def forged(folder, config_of, weights_of):
    """A `.keras` file with the config of one model and the weights of another."""
    for name, model in (("config", config_of), ("weights", weights_of)):
        model.save(folder / f"{name}.keras")
    path = folder / "forged.keras"
    with zipfile.ZipFile(path, "w") as archive:
        for name, members in (
            ("config", ("metadata.json", "config.json")),
            ("weights", ("model.weights.h5",)),
        ):
            with zipfile.ZipFile(folder / f"{name}.keras") as source:
                for member in members:
                    archive.writestr(member, source.read(member))
    return path


def found(audit):
    return [(one.code, one.path, one.difference) for one in audit.findings]


CASES = {
    "as it is": ({}, []),
    # 4 filters of 3·3·2 and a bias each are derived, 5 are stored, and so for what follows.
    "another filter": (
        {"filters": 5},
        [
            ("KA101", "conv", 3 * 3 * 2),
            ("KA101", "conv", 1),
            *[("KA101", "norm", 1)] * 4,
            ("KA101", "hidden0", 8),
        ],
    ),
    "another unit": (
        {"hidden": (9, 6)},
        [("KA101", "hidden0", 4), ("KA101", "hidden0", 1), ("KA101", "hidden1", 6)],
    ),
    # A file has no layer by its name: the second dense layer stored is the head, and no third is.
    "a layer less": (
        {"hidden": (8,)},
        [
            ("KA101", "hidden1", 8 * 3 - 8 * 6),
            ("KA101", "hidden1", 3 - 6),
            ("KA102", "out", -6 * 3),
            ("KA102", "out", -3),
        ],
    ),
    # The third stored fits the head, and the head stored is one more, by the head's name.
    "a layer more": ({"hidden": (8, 6, 3)}, [("KA103", "out", 3 * 3), ("KA103", "out", 3)]),
    "another kind of layer less": ({"norm": False}, [("KA102", "norm", -4)] * 4),
    "layers in another order": (
        {"order": -1},
        [
            ("KA101", "hidden0", 4 * 6 - 4 * 8),
            ("KA101", "hidden0", 6 - 8),
            ("KA101", "hidden1", 6 * 8 - 8 * 6),  # none, and yet another shape
            ("KA101", "hidden1", 8 - 6),
            ("KA101", "out", 8 * 3 - 6 * 3),
        ],
    ),
    "a bias less": ({"bias": False}, [("KA102", "conv", -4)]),
    "another dtype": (
        {"dtype": "float16"},
        [
            *[("KA105", "conv", None)] * 2,
            *[("KA105", "norm", None)] * 4,
            *[("KA105", path, None) for path in ("hidden0", "hidden1", "out") for _ in range(2)],
        ],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_weights_of_another_model(case, tmp_path):
    changes, expected = CASES[case]
    other = net(**changes)
    audit = ka.audit(forged(tmp_path, net(), other))
    assert found(audit) == expected
    assert audit.totals.stored == other.count_params()
    assert audit.totals.derived == net().count_params()
    other.save_weights(tmp_path / "other.weights.h5")
    assert found(ka.audit(tmp_path / "other.weights.h5", against=net())) == expected


LEGACY = {
    "another unit": CASES["another unit"][1],
    "another filter": CASES["another filter"][1],
    "another kind of layer less": CASES["another kind of layer less"][1],
    "a bias less": CASES["a bias less"][1],
    "another dtype": CASES["another dtype"][1],
    # Here a layer has its name: it is the one that is missing, or that is one too many.
    "a layer less": [
        ("KA102", "hidden1", -8 * 6),
        ("KA102", "hidden1", -6),
        ("KA101", "out", 8 * 3 - 6 * 3),
    ],
    "a layer more": [("KA101", "out", 3 * 3 - 6 * 3), ("KA113", "hidden2", None)],
}


@pytest.mark.filterwarnings("ignore:You are saving your model")
@pytest.mark.parametrize("case", LEGACY)
def test_a_legacy_file_of_another_model(case, tmp_path):
    net(**CASES[case][0]).save(tmp_path / "other.h5")
    assert found(ka.audit(tmp_path / "other.h5", against=net())) == LEGACY[case]


def edited(folder, layer, key, value):
    """A saved model in whose config one value is another."""
    net().save(folder / "model.keras")
    path = folder / "edited.keras"
    with zipfile.ZipFile(folder / "model.keras") as source, zipfile.ZipFile(path, "w") as archive:
        for name in source.namelist():
            data = source.read(name)
            if name == "config.json":
                config = json.loads(data)
                (entry,) = [
                    one for one in config["config"]["layers"] if one["config"]["name"] == layer
                ]
                assert entry["config"][key] != value
                entry["config"][key] = value
                data = json.dumps(config)
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize(
    ("layer", "key", "value", "expected"),
    [
        ("hidden0", "units", 9, {("hidden0", -4), ("hidden0", -1), ("hidden1", -6)}),
        ("conv", "filters", 3, {("conv", 3 * 3 * 2), ("conv", 1), ("norm", 1), ("hidden0", 8)}),
        ("conv", "kernel_size", [2, 3], {("conv", 3 * 3 * 2 * 4 - 2 * 3 * 2 * 4)}),
        ("out", "units", 4, {("out", -6), ("out", -1)}),
    ],
)
def test_a_config_with_another_value(layer, key, value, expected, tmp_path):
    audit = ka.audit(edited(tmp_path, layer, key, value))
    shapes = {(one.path, one.difference) for one in audit.findings if one.code == "KA101"}
    assert shapes == expected
    # Besides, the config itself records the shapes that its layers were built with.
    assert {one.code for one in audit.findings} <= {"KA101", "KA112"}


def test_a_config_without_a_bias_that_is_stored(tmp_path):
    audit = ka.audit(edited(tmp_path, "hidden1", "use_bias", False))
    assert found(audit) == [("KA103", "hidden1", 6)]


def test_a_frozen_layer_changes_no_figure(tmp_path):
    assert ka.audit(edited(tmp_path, "hidden1", "trainable", False)).ok
