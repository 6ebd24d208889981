"""Every finding of counts, provoked in a live model (or in its config) by one deliberate fault."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import pytest

import kerasaudit as ka
from kerasaudit.observation import live
from kerasaudit.observation.target import Subject
from kerasaudit.reconciliation.audit import audit_subject


def small(keras):
    return keras.Sequential(
        [
            keras.Input((8, 8, 16)),
            keras.layers.Conv2D(64, 3, groups=4, name="conv"),
            keras.layers.BatchNormalization(name="norm"),
            keras.layers.Flatten(name="flat"),
            keras.layers.Dense(10, name="out"),
        ],
        name="small",
    )


# 3·3·(16/4)·64 + 64, four statistics of 64 channels, 6·6·64 features into 10 units
CONV, NORM, OUT = 3 * 3 * 4 * 64 + 64, 4 * 64, 6 * 6 * 64 * 10 + 10


def audit_with_config(observation, change):
    """Audit an observation whose config is not the model's own any more."""
    config = copy.deepcopy(dict(observation.config))
    change({layer["config"]["name"]: layer["config"] for layer in config["config"]["layers"]})
    return audit_subject(Subject("t", "t", lambda *_: replace(observation, config=config)))


def codes(audit):
    return [finding.code for finding in audit.findings]


def row(audit, path):
    return next(layer for layer in audit.layers if layer.path == path)


def test_a_sound_model_is_clean_and_all_three_figures_agree(keras):
    audit = ka.audit(small(keras))
    assert audit.ok
    assert audit.findings == ()
    totals = audit.totals
    assert totals.params == CONV + NORM + OUT
    assert totals.params == totals.derived == totals.observed == totals.reported
    assert totals.trainable == CONV + 2 * 64 + OUT
    assert totals.non_trainable == 2 * 64
    assert totals.coverage == 1.0
    # 6·6 positions of the grouped kernel, and the dense kernel once
    assert totals.macs == 6 * 6 * (3 * 3 * 4 * 64) + 6 * 6 * 64 * 10
    assert [layer.derived for layer in audit.layers] == [0, CONV, NORM, 0, OUT]


def test_a_shape_that_is_not_the_derived_one_names_the_likely_cause(keras):
    observation = live.observe(small(keras))
    audit = audit_with_config(observation, lambda layers: layers["conv"].update(groups=1))
    assert codes(audit) == ["KA101"]
    found = audit.findings[0]
    assert found.formula == "kh·kw·C_in·K"
    assert found.working == "3·3·16·64"
    assert found.expected == "(3, 3, 16, 64)"
    assert found.observed == "(3, 3, 4, 64)"
    assert found.difference == 3 * 3 * 4 * 64 - 3 * 3 * 16 * 64
    assert row(audit, "conv").status == "mismatch"
    assert audit.status == "findings"


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"groups": 2}, "the observed shapes equal groups=4"),
        ({"groups": 2, "filters": 32}, None),
        ({"kernel_size": [5, 3]}, "the observed shapes equal kernel_size=[3, 3]"),
        ({"filters": 32, "padding": "same", "groups": 4}, "the observed shapes equal filters=64"),
        ({"use_bias": False}, "the observed shapes equal use_bias=True"),
    ],
)
def test_likely_causes(keras, change, cause):
    observation = live.observe(small(keras))
    audit = audit_with_config(observation, lambda layers: layers["conv"].update(change))
    assert row(audit, "conv").status == "mismatch"
    assert audit.findings[0].cause == cause


def test_the_issue_s_own_cause_groups_one(keras):
    ungrouped = keras.Sequential([keras.Input((8, 8, 16)), keras.layers.Conv2D(64, 3, name="conv")])
    observation = live.observe(ungrouped)
    audit = audit_with_config(observation, lambda layers: layers["conv"].update(groups=4))
    assert audit.findings[0].cause == "the observed shapes equal groups=1"


def test_a_weight_the_config_implies_but_nobody_holds(keras):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, use_bias=False, name="out")])
    observation = live.observe(model)
    audit = audit_with_config(observation, lambda layers: layers["out"].update(use_bias=True))
    assert codes(audit) == ["KA102"]
    assert audit.findings[0].difference == -3
    assert audit.findings[0].cause == "the observed shapes equal use_bias=False"


def test_a_weight_that_nobody_implied(keras):
    model = small(keras)
    layer = model.get_layer("out")
    layer._tracker.unlock()
    layer.extra = layer.add_weight(shape=(7,), name="extra")
    audit = ka.audit(model)
    assert codes(audit) == ["KA103"]
    assert audit.findings[0].observed == "(7,)"
    assert (row(audit, "out").derived, row(audit, "out").observed) == (OUT, OUT + 7)


def test_one_weight_frozen_by_hand(keras):
    model = small(keras)
    model.get_layer("out").bias.trainable = False
    audit = ka.audit(model)
    assert codes(audit) == ["KA104"]
    assert audit.findings[0].path == "out"


def test_a_dtype_that_is_not_the_policy_s(keras):
    observation = live.observe(small(keras))
    audit = audit_with_config(observation, lambda layers: layers["out"].update(dtype="float16"))
    assert codes(audit) == ["KA105", "KA105"]


def test_a_layer_that_miscounts_itself(keras, monkeypatch):
    model = small(keras)
    monkeypatch.setattr(model.get_layer("out"), "count_params", lambda: OUT + 1)
    audit = ka.audit(model)
    assert codes(audit) == ["KA106"]
    assert audit.findings[0].difference == 1


def test_a_model_that_miscounts_itself(keras, monkeypatch):
    model = small(keras)
    monkeypatch.setattr(type(model), "count_params", lambda self: CONV + NORM + OUT - 1)
    audit = ka.audit(model)
    assert codes(audit) == ["KA107"]
    assert audit.findings[0].difference == -1


def test_a_layer_without_a_rule_is_listed_and_never_counted_as_nothing(keras):
    class Scale(keras.layers.Layer):
        def build(self, shape):
            self.scale = self.add_weight(shape=(shape[-1],), name="scale")

        def call(self, x):
            return x * self.scale

    x = keras.Input((5,))
    y = keras.layers.Dense(3, name="after")(Scale(name="scale")(x))
    model = keras.Model(x, y)
    audit = ka.audit(model)
    assert codes(audit) == ["KA108"]
    assert audit.status == "incomplete"
    scale = row(audit, "scale")
    assert scale.status == "unsupported"
    assert (scale.derived, scale.observed, scale.macs) == (None, 5, None)
    # The shape that the config records carries the derivation past the unknown layer.
    assert (row(audit, "after").status, row(audit, "after").derived) == ("ok", 5 * 3 + 3)
    totals = audit.totals
    assert (totals.derived, totals.derived_partly, totals.observed) == (None, 18, 23)
    assert totals.params == 23
    assert totals.macs is None
    assert totals.coverage == 18 / 23

    waived = ka.audit(model, exempt={"scale": "reviewed by hand, 5 = the features"})
    assert waived.ok
    assert row(waived, "scale").status == "exempt"
    assert row(waived, "scale").reason == "reviewed by hand, 5 = the features"
    assert waived.totals.derived is None


def test_a_user_s_rule_derives_a_user_s_layer(keras):
    @keras.saving.register_keras_serializable("reconcile_test")
    class Shift(keras.layers.Layer):
        def build(self, shape):
            self.shift = self.add_weight(shape=(shape[-1],), name="shift")

        def call(self, x):
            return x + self.shift

    @ka.rule("reconcile_test>Shift")
    def shift(layer, x):
        weight = ka.Weight("shift", ka.Axis("C", layer.extent(x, -1)), unit="C")
        return ka.Derivation(weights=(weight,), output_shape=x, macs=0)

    audit = ka.audit(keras.Sequential([keras.Input((5,)), Shift(name="shift")]))
    assert audit.ok
    assert row(audit, "shift").working == "5"


def test_a_user_s_rule_that_fails_is_a_finding_and_the_audit_goes_on(keras):
    @keras.saving.register_keras_serializable("reconcile_test")
    class Faulty(keras.layers.Layer):
        def call(self, x):
            return x

    @ka.rule("reconcile_test>Faulty")
    def faulty(layer, x):
        raise ZeroDivisionError("oops")

    model = keras.Sequential(
        [keras.Input((5,)), Faulty(name="faulty"), keras.layers.Dense(2, name="after")]
    )
    audit = ka.audit(model)
    assert codes(audit) == ["KA109"]
    assert "ZeroDivisionError: oops" in audit.findings[0].message
    assert row(audit, "after").status == "ok"


@pytest.mark.parametrize("units", [-1, 0, True, "64", 2.5, None])
def test_a_config_value_that_no_layer_can_have(units):
    config = {
        "class_name": "Sequential",
        "config": {
            "name": "net",
            "layers": [
                {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 4]}},
                {"class_name": "Dense", "config": {"name": "dense", "units": units}},
                {"class_name": "Dense", "config": {"name": "after", "units": 2}},
            ],
        },
    }
    audit = ka.audit(config)
    assert codes(audit) == ["KA109", "KA110"]
    assert audit.findings[0].message.startswith(
        "layer 'dense' (Dense): units must be a positive integer, received "
    )
    assert row(audit, "dense").derived is None
    assert audit.status == "incomplete"


def test_an_unbuilt_model_has_no_figures(keras):
    audit = ka.audit(keras.Sequential([keras.layers.Dense(2, name="out")]))
    assert codes(audit) == ["KA111", "KA123"]
    assert "'Total params: 0'" in audit.findings[1].message
    assert audit.status == "incomplete"
    assert row(audit, "out").status == "unbuilt"
    assert (row(audit, "out").derived, row(audit, "out").observed) == (None, None)
    assert audit.totals.params is None


def test_a_recorded_shape_that_is_not_the_derived_one(keras):
    x = keras.Input((5,))
    model = keras.Model(x, keras.layers.Dense(2, name="b")(keras.layers.Dense(3, name="a")(x)))
    observation = live.observe(model)
    config = json.loads(model.to_json())
    for layer in config["config"]["layers"]:
        for node in layer["inbound_nodes"]:
            node["args"][0]["config"]["shape"][-1] += layer["name"] == "b"
    audit = audit_subject(Subject("t", "t", lambda *_: replace(observation, config=config)))
    assert codes(audit) == ["KA112"]
    assert audit.findings[0].path == "b"


def test_a_layer_on_one_side_only(keras):
    observation = live.observe(small(keras))
    config = copy.deepcopy(dict(observation.config))
    config["config"]["layers"].pop()
    audit = audit_subject(Subject("t", "t", lambda *_: replace(observation, config=config)))
    assert "KA113" in codes(audit)
    assert row(audit, "out").observed == OUT
    layers = {path: layer for path, layer in observation.layers.items() if path != "out"}
    audit = audit_subject(Subject("t", "t", lambda *_: replace(observation, layers=layers)))
    assert set(codes(audit)) == {"KA113", "KA107"}


def test_a_layer_without_get_config_leaves_the_others_derivable(keras):
    class Opaque(keras.layers.Layer):
        def __init__(self, function, **kwargs):
            super().__init__(**kwargs)
            self.function = function

        def call(self, x):
            return self.function(x)

    model = keras.Sequential(
        [keras.Input((4,)), Opaque(abs, name="opaque"), keras.layers.Dense(2, name="out")]
    )
    audit = ka.audit(model)
    assert codes(audit) == ["KA108"]
    assert all("\n" not in finding.message for finding in audit.findings)
    out = row(audit, "out")
    assert out.derived == out.observed == 4 * 2 + 2


def test_exemptions_that_do_not_apply_are_findings(keras):
    audit = ka.audit(small(keras), exempt={"out": "not needed", "nowhere": "no such layer"})
    assert codes(audit) == ["KA115", "KA115"]
    assert row(audit, "out").status == "ok"


def test_weights_of_the_model_itself_are_a_row(keras):
    model = small(keras)
    model._tracker.unlock()
    model.temperature = model.add_weight(shape=(2,), name="temperature")
    audit = ka.audit(model)
    assert codes(audit) == ["KA116"]
    leftover = row(audit, "(model)")
    assert (leftover.derived, leftover.observed) == (None, 2)
    assert sum(layer.observed or 0 for layer in audit.layers) == audit.totals.reported


def test_a_shared_layer_is_one_row_with_several_calls(keras):
    dense = keras.layers.Dense(4, name="shared")
    audit = ka.audit(keras.Sequential([keras.Input((4,)), dense, dense]))
    assert audit.ok
    assert audit.totals.params == 4 * 4 + 4
    assert row(audit, "shared").calls == 2
    assert row(audit, "shared").macs == 2 * 4 * 4


def test_a_layer_inside_and_outside_a_nested_model_counts_once(keras):
    dense = keras.layers.Dense(4, name="dense")
    i = keras.Input((4,))
    inner = keras.Model(i, dense(i), name="inner")
    x = keras.Input((4,))
    model = keras.Model(x, inner(dense(x)))
    audit = ka.audit(model)
    assert codes(audit) == ["KA121"]  # its JSON has it twice
    assert audit.totals.params == audit.totals.observed == audit.totals.reported == 4 * 4 + 4
    assert sum(layer.derived for layer in audit.layers) == 20
    shared = [weight.shared_with for weight in audit.weights if weight.shared_with]
    assert len(shared) == 2  # kernel and bias, counted in the other row


def test_frozen_models_agree_with_what_keras_trains(keras):
    model = small(keras)
    model.trainable = False
    audit = ka.audit(model)
    assert audit.ok
    assert (audit.totals.trainable, audit.totals.non_trainable) == (0, CONV + NORM + OUT)


def test_a_model_that_is_frozen_by_its_constructor_trains_its_layers_where_it_is_nested(keras):
    i = keras.Input((4,))
    inner = keras.Model(i, keras.layers.Dense(3, name="dense")(i), trainable=False, name="inner")
    alone = ka.audit(inner)
    assert alone.ok
    assert alone.totals.trainable == 0
    x = keras.Input((4,))
    nested = ka.audit(keras.Model(x, inner(x)))
    assert nested.ok
    # Keras trains what the outermost model lists: these 15 are updated by fit.
    assert nested.totals.trainable == 15


def test_raise_if_failed_lists_what_failed_with_its_working(keras):
    observation = live.observe(small(keras))
    audit = audit_with_config(observation, lambda layers: layers["conv"].update(groups=1))
    with pytest.raises(ka.AuditError) as failure:
        audit.raise_if_failed()
    assert "KA101" in str(failure.value)
    assert "[kh·kw·C_in·K = 3·3·16·64]" in str(failure.value)
    ka.audit(small(keras)).raise_if_failed()


def test_a_config_alone_is_derived_and_observed_stays_unknown(keras):
    audit = ka.audit(json.loads(small(keras).to_json()))
    assert audit.ok
    assert audit.totals.derived == CONV + NORM + OUT
    assert audit.totals.observed is None
    assert all(layer.observed is None for layer in audit.layers)


def test_the_audited_model_is_left_as_it_was(keras):
    import numpy as np

    model = small(keras)
    before = [np.array(w) for w in model.get_weights()]
    json_before = model.to_json()
    ka.audit(model)
    assert model.to_json() == json_before
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_a_model_without_layers_is_not_clean():
    config = {"class_name": "Sequential", "config": {"name": "empty", "layers": []}}
    audit = ka.audit(config)
    assert codes(audit) == ["KA111"]
    assert audit.totals.params is None


def test_a_layer_without_get_config_keeps_its_name_and_takes_no_other_with_it(keras):
    class Plain(keras.layers.Layer):
        def __init__(self, width=3, **kwargs):
            super().__init__(**kwargs)
            self.width = width

        def call(self, x):
            return x

    model = keras.Sequential([keras.Input((4,)), Plain(3), keras.layers.Dense(2, name="out")])
    audit = ka.audit(model)
    assert codes(audit) == ["KA108"]
    assert row(audit, "out").status == "ok"


def test_a_nested_model_that_hides_its_graph_is_not_clean_and_no_crash(keras):
    class Hidden(keras.Model):
        def __init__(self, **kwargs):
            a = keras.Input((4,))
            super().__init__(a, keras.layers.Dense(4)(a), **kwargs)

        def get_config(self):
            return {"name": self.name}

    model = keras.Sequential([keras.Input((4,)), Hidden(name="hidden"), keras.layers.Dense(2)])
    audit = ka.audit(model)
    assert audit.status == "incomplete"
    assert audit.totals.observed == audit.totals.reported


def test_a_constant_among_a_layer_s_inputs_counts_as_one(keras):
    a = keras.Input((4,))
    joined = keras.layers.Concatenate()([a, keras.ops.ones((1, 4))])
    audit = ka.audit(keras.Model(a, keras.layers.Dense(3, name="out")(joined)))
    assert row(audit, "out").derived == 8 * 3 + 3
    assert audit.ok


def test_null_flags_are_false_as_they_are_to_keras():
    config = {
        "class_name": "Sequential",
        "config": {
            "name": "net",
            "layers": [
                {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 4]}},
                {"class_name": "Dense", "config": {"name": "a", "units": 2, "use_bias": None}},
                {"class_name": "BatchNormalization", "config": {"name": "b", "scale": None}},
            ],
        },
    }
    assert [layer.derived for layer in ka.audit(config).layers] == [0, 4 * 2, 3 * 2]


@pytest.mark.parametrize("reason", ["", " ", None, 5])
def test_a_waiver_needs_a_reason(keras, reason):
    with pytest.raises(ka.ConfigError, match="expected a reason in words"):
        ka.audit(small(keras), exempt={"out": reason})


@pytest.mark.parametrize("macs", ["x", -5, 1.5, True])
def test_a_rule_that_returns_no_count_of_macs_is_a_finding(keras, macs):
    name = f"reconcile_test>Macs{macs!r}"

    @ka.rule(name)
    def odd(layer, x):
        return ka.Derivation(output_shape=x, macs=macs)

    entry = {"class_name": f"Macs{macs!r}", "registered_name": name, "module": "m"}
    config = {
        "class_name": "Sequential",
        "config": {
            "name": "net",
            "layers": [
                {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 4]}},
                {**entry, "config": {"name": "odd"}},
            ],
        },
    }
    assert codes(ka.audit(config)) == ["KA109"]


@pytest.mark.parametrize("end", [["a", 0, 7], ["a", 9, 0]])
def test_an_output_that_does_not_exist_is_refused(keras, end):
    x = keras.Input((3,), name="x")
    config = json.loads(keras.Model(x, keras.layers.Dense(2, name="a")(x)).to_json())
    for ends in (end, []):
        config["config"]["output_layers"] = ends
        with pytest.raises(ka.ConfigError, match="output"):
            ka.audit(config)


def test_a_layer_that_is_never_called_leaves_the_observed_total_unknown(keras):
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.used = keras.layers.Dense(3, name="used")
            self.unused = keras.layers.Dense(7, name="unused")

        def call(self, x):
            return self.used(x)

    model = Net()
    model(keras.Input((2,)))
    audit = ka.audit(model)
    assert row(audit, "used").observed == 2 * 3 + 3
    assert row(audit, "unused").observed is None
    assert audit.totals.observed is None  # Keras itself counts 9
    assert audit.totals.params is None
    assert audit.totals.reported == 9
    assert "KA107" not in codes(audit)


def test_another_number_of_outputs_is_a_finding(keras):
    observation = live.observe(small(keras))
    shapes = (*observation.output_shapes, (None, 3))
    changed = replace(observation, output_shapes=shapes)
    audit = audit_subject(Subject("t", "t", lambda *_: changed))
    assert codes(audit) == ["KA112"]
