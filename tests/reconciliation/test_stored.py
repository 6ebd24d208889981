"""Live models with adapters and quantised kernels: what Keras counts beside what it stands for."""

from __future__ import annotations

import keras
import pytest
from keras import layers

import kerasaudit as ka

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")


def net():
    x = keras.Input((6, 8), name="x")
    y = layers.MultiHeadAttention(2, 4, name="attend")(x, x)
    return keras.Model(x, layers.Dense(5, name="out")(y), name="net")


def dense():
    return keras.Sequential([keras.Input((8,)), layers.Dense(5, name="out")])


FLOAT = 8 * 5 + 5


def test_adapters_are_told_from_the_base():
    model = dense()
    model.get_layer("out").enable_lora(2)
    audit = ka.audit(model)
    assert audit.ok
    totals = audit.totals
    assert totals.derived == totals.observed == model.count_params() == FLOAT + 8 * 2 + 2 * 5
    assert (totals.logical, totals.adapter) == (FLOAT, 8 * 2 + 2 * 5)
    assert totals.trainable == 5 + 8 * 2 + 2 * 5  # the bias and the adapters


def test_a_base_that_was_unfrozen_by_toggling_is_a_finding():
    model = dense()
    model.get_layer("out").enable_lora(2)
    model.trainable = False
    model.trainable = True
    audit = ka.audit(model)
    assert [(found.code, found.path) for found in audit.findings] == [("KA117", "out")]


@pytest.mark.parametrize(
    ("mode", "held"),
    [
        ("int8", 8 * 5 + 5 + 5),  # a scale for each unit
        ("int4", 8 * 3 + 5 + 5 + 5 + 8),  # ⌈5/2⌉ bytes a row, scales, zeros, groups of the rows
        ("float8", FLOAT + 3 * (1 + 1024)),
    ],
)
def test_a_quantised_model_has_two_counts(mode, held):
    model = dense()
    model.quantize(mode)
    audit = ka.audit(model)
    assert audit.ok
    assert audit.totals.derived == audit.totals.observed == model.count_params() == held
    assert audit.totals.logical == FLOAT
    assert [w.role for w in audit.weights].count("parameter") == 2


@pytest.mark.parametrize("mode", ["int8", "int4", "float8"])
def test_a_quantisation_that_no_config_records_is_one_finding(mode):
    model = net()
    model.quantize(mode)
    audit = ka.audit(model)
    assert [(found.code, found.path) for found in audit.findings] == [("KA118", "attend")]
    assert "query, key, value, attention_output" in audit.findings[0].message
    rebuilt = keras.models.model_from_json(model.to_json())
    assert audit.findings[0].difference == model.count_params() - rebuilt.count_params()


def test_reports_show_both_counts(tmp_path):
    model = dense()
    model.quantize("int4")
    model.get_layer("out").enable_lora(2)
    audit = ka.audit(model)
    frame = audit.to_frame("layers").set_index("path")
    assert (frame.loc["out", "logical"], frame.loc["out", "adapter"]) == (FLOAT, 8 * 2 + 2 * 5)
    for name in ("audit.html", "audit.md"):
        audit.save(tmp_path / name)
        text = (tmp_path / name).read_text("utf-8")
        assert "of the float model that it stands for" in text
        assert "LoRA, in adapters" in text
