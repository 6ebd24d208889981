"""Layers made of others: parts are derived by their own rules, and named within the whole."""

from __future__ import annotations

import keras

from kerasaudit.derivation import rule as registry
from kerasaudit.derivation.architecture import derive_architecture
from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import Derivation, derive, derive_part
from tests.derivation import live

SEQUENTIAL = {
    "module": "keras",
    "class_name": "Sequential",
    "config": {
        "name": "inner",
        "layers": [
            {"class_name": "Dense", "config": {"name": "first", "units": 4}},
            {"class_name": "Dense", "config": {"name": "second", "units": 2, "trainable": False}},
        ],
    },
}


def test_a_model_that_a_layer_holds_is_the_sum_of_its_layers():
    derivation = derive(SEQUENTIAL, (None, 5, 3))
    assert [(w.name, w.count, w.trainable) for w in derivation.weights] == [
        ("first/kernel", 3 * 4, True),
        ("first/bias", 4, True),
        ("second/kernel", 4 * 2, False),
        ("second/bias", 2, False),
    ]
    assert derivation.output_shape == (None, 5, 2)
    assert derivation.macs == 5 * (3 * 4 + 4 * 2)


def test_a_part_has_the_dtype_of_the_layer_that_holds_it_unless_it_has_its_own():
    outer = LayerConfig({"class_name": "Outer", "config": {"name": "o", "dtype": "float16"}})
    part = {"class_name": "Dense", "config": {"name": "a", "units": 2}}
    own = {"class_name": "Dense", "config": {"name": "a", "units": 2, "dtype": "float64"}}
    assert {w.dtype for w in derive_part(outer, part, (None, 3)).weights} == {"float16"}
    assert {w.dtype for w in derive_part(outer, own, (None, 3)).weights} == {"float64"}


def test_a_call_of_several_arguments_passes_them_by_place_or_by_name(monkeypatch):
    monkeypatch.setattr(registry, "_user_rules", {})
    registry.rule("MultiHeadAttention", inputs=("query", "value", "key"))(
        lambda layer, x: Derivation(output_shape=x[0])
    )
    x = keras.Input((4, 5), name="x")
    y = keras.Input((6, 7), name="y")
    add = keras.layers.MultiHeadAttention(2, 3, name="add")
    by_name = keras.Model([x, y], add(x, value=y))
    by_place = keras.Model([x, y], add(x, y))
    for model in (by_name, by_place):
        config = live.as_json(
            {
                "class_name": "Functional",
                "config": keras.saving.serialize_keras_object(model)["config"],
            }
        )
        call = next(c for c in derive_architecture(config).calls if c.path == "add")
        assert call.input_shapes == ((None, 4, 5), (None, 6, 7))
