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


def found_in(model):
    return [(found.code, found.path, found.difference) for found in ka.audit(model).findings]


def test_what_is_trained_by_hand_in_an_adapted_layer_is_not_put_down_to_toggling():
    model = dense()
    model.get_layer("out").trainable = False
    model.get_layer("out").enable_lora(2)
    model.get_layer("out").bias.trainable = True
    assert found_in(model) == [("KA104", "out", None)]


def test_adapters_that_no_config_records_are_one_finding():
    model = net()
    attend = model.get_layer("attend")
    attend.query_dense.enable_lora(2)
    attend.output_dense.enable_lora(3)
    # A and B of the query (8, 2, 4) and of the output (2, 4, 8)
    adapters = (8 * 2 * 2 + 2 * 4) + (2 * 4 * 3 + 3 * 8)
    assert found_in(model) == [("KA119", "attend", adapters)]
    assert "query, attention_output have LoRA adapters" in ka.audit(model).findings[0].message
    rebuilt = keras.models.model_from_json(model.to_json())
    assert model.count_params() - rebuilt.count_params() == adapters


def test_adapters_and_a_quantisation_that_no_config_records_are_a_finding_each():
    model = net()
    model.quantize("int8")
    quantised = model.count_params()
    rebuilt = keras.models.model_from_json(model.to_json())
    model.get_layer("attend").query_dense.enable_lora(2)
    assert found_in(model) == [
        ("KA119", "attend", model.count_params() - quantised),
        ("KA118", "attend", quantised - rebuilt.count_params()),
    ]


def test_what_a_quantised_part_has_besides_is_still_compared():
    model = net()
    model.quantize("int8")
    model.get_layer("attend").query_dense.bias.trainable = False
    assert [code for code, _, _ in found_in(model)] == ["KA118", "KA104"]


@pytest.mark.parametrize(
    ("mode", "config"), [("gptq", keras.quantizers.GPTQConfig), ("awq", keras.quantizers.AWQConfig)]
)
def test_a_float_kernel_that_waits_for_calibration_is_a_finding(mode, config):
    model = dense()
    layer = model.get_layer("out")
    layer.quantize(mode, config=config([""], str.split, group_size=4))
    assert found_in(model) == [("KA120", "out", 8 * 5)]
    audit = ka.audit(model)
    assert audit.totals.logical == FLOAT
    assert audit.totals.observed - audit.totals.derived == 8 * 5
    assert not layer.quantized_kernel.numpy().any()  # as the finding says: nothing but zeros


def test_a_layer_wrapped_in_another_is_recorded_by_it():
    x = keras.Input((6, 8))
    model = keras.Model(x, layers.TimeDistributed(layers.Dense(5), name="steps")(x))
    model.quantize("int8")
    assert ka.audit(model).ok
    model.get_layer("steps").layer.enable_lora(2)
    assert ka.audit(model).ok
    assert ka.audit(model).totals.adapter == 8 * 2 + 2 * 5


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
