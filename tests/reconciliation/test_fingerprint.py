"""One form of a config: what versions of Keras write in other words is the same."""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path

import pytest

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.reconciliation import fingerprint as fingerprint_module
from kerasaudit.reconciliation.fingerprint import fingerprint, unnumbered

_SPEC = importlib.util.spec_from_file_location(
    "keras_defaults", Path(__file__).with_name("keras_defaults.py")
)
assert _SPEC is not None
assert _SPEC.loader is not None
_KERAS = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_KERAS)
defaults = _KERAS.defaults


def values(config, class_name="Dense", **beside):
    layer = LayerConfig({"class_name": class_name, "config": config, **beside})
    return {".".join(key): value for key, value in fingerprint(layer).values.items()}


KERAS_2 = {
    "name": "out",
    "trainable": True,
    "dtype": "float32",
    "units": 2,
    "batch_input_shape": [None, 4],
    "kernel_initializer": {
        "class_name": "GlorotUniform",
        "config": {"seed": None},
        "shared_object_id": 1,
    },
}
KERAS_3 = {
    "name": "out",
    "trainable": True,
    "dtype": {
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": {"name": "float32"},
        "registered_name": None,
    },
    "units": 2,
    "batch_shape": (None, 4),
    "kernel_initializer": {
        "module": "keras.initializers",
        "class_name": "GlorotUniform",
        "config": {"seed": None},
        "registered_name": None,
    },
    "quantization_config": None,
}


def test_keras_2_and_3_say_the_same() -> None:
    assert values(KERAS_2) == values(KERAS_3)
    assert values(KERAS_3, "Mine") == {
        "trainable": True,
        "dtype": "float32",
        "units": 2,
        "batch_shape": (None, 4),
        "kernel_initializer.class_name": "GlorotUniform",
    }
    assert values({"axis": [3]}, "BatchNormalization") == values({"axis": 3}, "BatchNormalization")


def test_what_a_config_leaves_out_is_what_keras_takes() -> None:
    assert values({"units": 2}) == values(KERAS_3 | {"batch_shape": None})
    given = values({"units": 2, "kernel_initializer": {"class_name": "Ones", "config": {}}})
    assert given["kernel_initializer.class_name"] == "Ones"
    assert given["activation"] == "linear"
    inner = {"class_name": "Dense", "config": {"name": "d", "units": 2}}
    assert values({"layer": inner}, "TimeDistributed")["layer.use_bias"] is True
    mine = {"module": "mine", "registered_name": "mine>Dense"}
    assert "use_bias" not in values({"units": 2}, **mine)


def test_what_keras_takes_is_what_the_installed_one_takes() -> None:
    """Of the classes and values that the installed version has: they come with versions."""
    known = fingerprint_module._defaults()
    live = defaults()
    assert len(set(known) & set(live)) > 90
    for name in set(known) & set(live):
        for key in set(known[name]) & set(live[name]):
            assert known[name][key] == live[name][key], (name, key)


def test_what_every_layer_has_need_not_be_written() -> None:
    assert values({}) == values({"trainable": True, "dtype": "float32"})
    assert values({}) != values({"trainable": False})
    assert values({}) != values({"dtype": "bfloat16"})


def test_an_operation_is_what_a_legacy_file_calls_it() -> None:
    operation = {"module": "keras.src.ops.numpy", "registered_name": "Add"}
    written = LayerConfig({"class_name": "Add", "config": {"name": "add"}, **operation})
    legacy = LayerConfig({"class_name": "Add", "config": {"name": "add"}})
    assert fingerprint(written) == fingerprint(legacy)


def test_a_class_of_another_package_is_another_one() -> None:
    mine = {"module": "mine", "class_name": "GlorotUniform", "config": {}}
    ours = {"module": "keras.initializers", "class_name": "GlorotUniform", "config": {}}
    assert values({"kernel_initializer": mine}) != values({"kernel_initializer": ours})


def test_lists_of_lists_have_a_key_for_each() -> None:
    assert values({"padding": [[1, 2], [3, 4]]})["padding.1"] == (3, 4)
    assert values({"cells": [{"a": 1}, {"a": 2}]})["cells.1.a"] == 2


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_json_has_no_word_for_is_a_text(value) -> None:
    assert values({"rate": value})["rate"] == str(value)
    assert json.dumps(values({"rate": value}), allow_nan=False)


def test_an_object_is_its_text_without_its_address() -> None:
    class Thing:
        pass

    assert values({"thing": Thing()}) == values({"thing": Thing()})
    assert "0x" not in values({"thing": Thing()})["thing"]


def test_no_depth_is_too_deep() -> None:
    nested: object = 1
    for _ in range(5_000):
        nested = [nested]
    deep: dict[str, object] = {}
    for _ in range(5_000):
        deep = {"a": deep}
    found = values({"list": nested, "mapping": deep}, "Mine")
    assert set(found) == {"trainable", "dtype", "list" + ".0" * 4_999}


@pytest.mark.parametrize(
    ("path", "class_name", "expected"),
    [
        ("conv2d", "Conv2D", "*"),
        ("conv2d_12", "Conv2D", "*"),
        ("conv2d_a", "Conv2D", "conv2d_a"),
        ("conv2d_", "Conv2D", "conv2d_"),
        ("conv2d", "Dense", "conv2d"),
        ("input_1", "InputLayer", "*"),
        ("input_layer_3", "InputLayer", "*"),
        ("model_1/encoder/dense_2", "Dense", "*/encoder/*"),
    ],
)
def test_only_names_of_keras_are_blank(path, class_name, expected) -> None:
    assert unnumbered(path, class_name) == expected
