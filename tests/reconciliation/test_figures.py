"""The figures beyond counts in an audit: per layer, per call and in total."""

from __future__ import annotations

import keras
import pytest
from keras import layers

import kerasaudit as ka


def by_path(audit):
    return {row.path: row for row in audit.layers}


@pytest.fixture
def digits():
    return keras.Sequential(
        [
            keras.Input((28, 28, 1), name="x"),
            layers.Conv2D(32, 3, name="conv"),
            layers.MaxPooling2D(2, name="pool"),
            layers.Flatten(name="flat"),
            layers.Dense(10, name="dense"),
        ]
    )


def test_a_layer_has_its_figures(digits):
    row = by_path(ka.audit(digits))["conv"]
    assert row.bytes == (3 * 3 * 1 * 32 + 32) * 4
    assert row.dtype_policy == "float32"
    assert row.activation_elements == 26 * 26 * 32
    assert row.activation_bytes == 26 * 26 * 32 * 4
    assert (row.receptive_field, row.effective_stride, row.effective_padding) == (
        (3, 3),
        (1, 1),
        (0, 0),
    )
    assert row.backward_macs == 26 * 26 * 3 * 3 * 32
    assert by_path(ka.audit(digits))["flat"].receptive_field is None


def test_rows_sum_to_the_totals(digits):
    audit = ka.audit(digits)
    rows, totals = audit.layers, audit.totals
    for name in ("bytes", "activation_elements", "activation_bytes", "backward_macs"):
        assert getattr(totals, name) == sum(getattr(row, name) for row in rows)
    for name in ("activation_elements", "activation_bytes", "backward_macs"):
        assert getattr(totals, name) == sum(getattr(call, name) for call in audit.calls)
    assert totals.bytes_by_dtype == {"float32": totals.bytes}
    assert totals.peak_activation_bytes == max(call.live_bytes for call in audit.calls)
    # The first convolution's output and the pooling's are alive together.
    assert totals.peak_activation_bytes == (26 * 26 * 32 + 13 * 13 * 32) * 4


def test_mixed_precision_holds_float32_and_hands_on_float16():
    inputs = keras.Input((4,), name="x")
    out = layers.Dense(8, dtype="mixed_float16", name="mixed")(inputs)
    model = keras.Model(inputs, layers.Dense(2, dtype="bfloat16", name="half")(out))
    audit = ka.audit(model)
    rows = by_path(audit)
    assert (rows["mixed"].bytes, rows["mixed"].activation_bytes) == ((4 * 8 + 8) * 4, 8 * 2)
    assert (rows["half"].bytes, rows["half"].activation_bytes) == ((8 * 2 + 2) * 2, 2 * 2)
    assert rows["mixed"].dtype_policy == "mixed_float16"
    assert audit.totals.bytes_by_dtype == {"float32": 160, "bfloat16": 36}
    assert audit.totals.bytes == 196


def test_a_layer_inside_and_outside_a_nested_model_takes_its_bytes_once():
    dense, inside = layers.Dense(4, name="dense"), keras.Input((4,))
    inner = keras.Model(inside, dense(inside), name="inner")
    inputs = keras.Input((4,))
    audit = ka.audit(keras.Model(inputs, inner(dense(inputs))))
    assert audit.totals.bytes == (4 * 4 + 4) * 4
    assert sorted(row.bytes for row in audit.layers if row.weights) == [0, 80]


def test_what_only_keras_knows_is_in_bytes_too():
    class Own(layers.Layer):
        def build(self, _):
            self.scale = self.add_weight(shape=(3,), name="scale", dtype="float16")

        def call(self, x):
            return x * keras.ops.cast(self.scale, x.dtype)

    audit = ka.audit(keras.Sequential([keras.Input((3,)), Own(name="own")]))
    row = by_path(audit)["own"]
    assert (row.derived, row.bytes) == (None, 3 * 2)
    assert (row.activation_elements, row.backward_macs) == (None, None)
    totals = audit.totals
    assert totals.bytes_by_dtype == {"float16": 6}
    assert (totals.activation_elements, totals.peak_activation_bytes) == (None, None)
    assert totals.backward_macs is None


def test_an_integer_of_the_backends_choice_is_unknown_until_it_is_observed():
    model = keras.Sequential([keras.Input((3,)), layers.Normalization(name="n")])
    observed, derived = ka.audit(model), ka.audit(keras.saving.serialize_keras_object(model))
    counter = {"int32": 4, "int64": 8}
    size = counter[keras.backend.standardize_dtype("int")]
    assert observed.totals.bytes == (3 + 3) * 4 + size
    assert derived.totals.bytes is None
    assert derived.totals.bytes_by_dtype == {"float32": 24, "int": None}


def test_a_model_without_layers_or_calls_knows_nothing():
    config = {
        "class_name": "Sequential",
        "config": {
            "name": "net",
            "layers": [{"class_name": "Dense", "config": {"name": "d", "units": 2}}],
        },
    }
    totals = ka.audit(config).totals
    assert (totals.bytes, totals.bytes_by_dtype, totals.activation_elements) == (None, None, None)
    assert totals.peak_activation_bytes is None
