"""Budgets against figures that are worked out here."""

import pytest

import kerasaudit as ka
from kerasaudit.errors import ConfigError

# 28·28·1 → a convolution of 8 kernels of 3×3: 3·3·1·8 + 8 = 80 weights, 26·26 positions.
CONV = 3 * 3 * 1 * 8 + 8
CONV_MACS = 26 * 26 * 3 * 3 * 8
# 26·26·8 values flat → 4 units.
DENSE = 26 * 26 * 8 * 4 + 4
DENSE_MACS = 26 * 26 * 8 * 4
TOTAL = CONV + DENSE


def net(extent=28):
    return {
        "class_name": "Sequential",
        "config": {
            "name": "net",
            "layers": [
                {
                    "class_name": "InputLayer",
                    "config": {"name": "x", "batch_shape": [None, extent, extent, 1]},
                },
                {
                    "class_name": "Conv2D",
                    "config": {"name": "conv", "filters": 8, "kernel_size": 3},
                },
                {"class_name": "Flatten", "config": {"name": "flat"}},
                {"class_name": "Dense", "config": {"name": "dense", "units": 4}},
            ],
        },
    }


def judged(*budgets, **options):
    return ka.audit(net(), budgets=budgets, **options)


@pytest.mark.parametrize(
    ("quantity", "actual"),
    [
        ("params", TOTAL),
        ("trainable_params", TOTAL),
        ("macs", CONV_MACS + DENSE_MACS),
        ("bytes", 4 * TOTAL),
        # What the layers hand on: 28·28, 26·26·8 twice (flat again), 4.
        ("activation_bytes", 4 * (28 * 28 + 2 * 26 * 26 * 8 + 4)),
    ],
)
def test_a_budget_is_kept_to_the_last_one(quantity, actual):
    kept = judged(ka.Budget(quantity, actual))
    assert kept.status == "ok"
    assert [(row.status, row.actual) for row in kept.budgets] == [("ok", actual)]
    over = judged(ka.Budget(quantity, actual - 1))
    assert over.status == "findings"
    (found,) = over.findings
    assert (found.code, found.path, found.difference) == ("KA501", "total", 1)
    assert f"has {actual:,}, 1 over it" in found.message


def test_each_layer_that_a_pattern_fits_is_held_by_itself():
    found = judged(ka.Budget("params", "1k", layer="*", source="a test"))
    assert [(row.subject, row.status) for row in found.budgets] == [
        ("x", "ok"),
        ("conv", "ok"),
        ("flat", "ok"),
        ("dense", "over"),
    ]
    (finding,) = found.findings
    assert (finding.code, finding.path, finding.difference) == ("KA502", "dense", DENSE - 1000)
    assert "(a test)" in finding.message


def test_a_layer_named_total_is_not_taken_for_the_model():
    config = net()
    config["config"]["layers"][3]["config"]["name"] = "total"
    (found,) = ka.audit(config, budgets=[ka.Budget("params", 5, "total")]).findings
    assert found.code == "KA502"
    assert f"layer 'total' has {DENSE:,}, " in found.message


def test_a_budget_for_no_layer_is_found():
    found = judged(ka.Budget("params", "1k", layer="head"))
    assert [one.code for one in found.findings] == ["KA504"]
    assert found.status == "findings"


@pytest.mark.parametrize("layer", [None, "dense"])
def test_a_budget_on_something_unknown_does_not_pass(layer):
    # Without extents no position can be counted, and the dense layer has no shape to work on.
    found = ka.audit(net(extent=None), budgets=[ka.Budget("macs", "1T", layer=layer)])
    assert "KA503" in {one.code for one in found.findings}
    assert found.status == "incomplete"
    assert [(row.status, row.actual) for row in found.budgets] == [("unknown", None)]


def test_a_warning_is_shown_and_does_not_count():
    found = judged(ka.Budget("params", 1), severity={"KA501": "warning"})
    assert (found.status, [one.severity for one in found.findings]) == ("ok", ["warning"])
    found.raise_if_failed()


def test_a_frame_holds_the_budgets():
    frame = judged(ka.Budget("params", "5M")).to_frame("budgets")
    row = frame.iloc[0]
    assert (row["subject"], row["quantity"], row["status"]) == ("total", "params", "ok")
    assert (row["limit"], row["actual"]) == (5_000_000, TOTAL)


@pytest.mark.parametrize(
    ("made", "line"),
    [
        (lambda: ka.Budget("param", 1), "budget: expected one of params, .*received 'param'"),
        (lambda: ka.Budget("params", "5 M!"), "max_params: expected a number"),
        (lambda: ka.Budget("peak_activation_bytes", 1, layer="a"), "is of a whole model"),
        (lambda: ka.audit(net(), budgets=[5]), "must be a list of kerasaudit.Budget"),
        (lambda: ka.audit(net(), severity={"KA999": "warning"}), "no finding has that code"),
        (lambda: ka.audit(net(), severity={"KA112": "loud"}), "expected error or warning"),
    ],
)
def test_what_is_no_budget_is_one_line(made, line):
    with pytest.raises(ConfigError, match=line):
        made()


def test_a_claim_knows_where_it_stands():
    claim = ka.Claim("conv", "3 + 1 = 4")
    assert claim.location.file == __file__
    assert claim == ka.Claim("conv", "3 + 1 = 4")  # of another line
    wrong = ka.audit(net(), claims=[claim]).findings[0]
    assert (wrong.code, wrong.location) == ("KA201", claim.location)


def test_where_derived_and_observed_part_the_larger_is_held(keras):
    class Wider(keras.layers.Dense):
        def build(self, shape):
            super().build(shape)
            self.extra = self.add_weight(shape=(5,), name="extra")

    Wider.__module__, Wider.__name__ = keras.layers.Dense.__module__, "Dense"
    model = keras.Sequential([keras.Input((4,)), Wider(2, name="dense")])
    # 4·2 + 2 by the config, and 5 that it does not tell of.
    budgets = [ka.Budget("params", 14, layer="dense"), ka.Budget("params", 14)]
    found = ka.audit(model, budgets=budgets)
    assert [row.actual for row in found.budgets] == [15, 15]
    assert {one.code for one in found.findings} >= {"KA501", "KA502"}
