"""Claims on an example: judged on both sides, and never confirmed where they cannot be judged."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import product

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

import kerasaudit as ka
from kerasaudit import Claim, Example, builder
from kerasaudit.backprop.layers.pooling import taken_by
from kerasaudit.backprop.rule import Mode, apply_layer
from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.reconciliation.working import evaluate, list_of
from kerasaudit.zoo import OF_AN_EXAMPLE

# o = w·x + b = 2·3 − 1·4 + 0.5 = 2.5, ŷ = max(o, 0), L = (ŷ − 1)²: ∂L/∂o = 2 · 1.5 = 3.
UNIT = Example(
    x=[[3.0, 4.0]],
    y=[[1.0]],
    loss="mse",
    weights={"unit/kernel": [[2.0], [-1.0]], "unit/bias": [0.5]},
    learning_rate=0.25,
)
ROW = [0.5, 1.5, -1.0, 0.25, 2.0]


def one_unit(inner=(), **options):
    stack = [keras.Input((2,)), *(make() for make in inner)]
    return keras.Sequential([*stack, layers.Dense(1, activation="relu", name="unit", **options)])


def pools(pool):
    """A row of five under a pooling, and its mean as the output."""
    return keras.Sequential(
        [keras.Input((5, 1)), pool, layers.Reshape((-1,)), layers.Dense(1, name="sum")]
    )


def pooled(pool, width):
    example = Example(
        x=[[[value] for value in ROW]],
        y=[[0.0]],
        loss="mse",
        weights={"sum/kernel": [[1.0]] * width, "sum/bias": [0.0]},
    )
    return lambda: pools(pool()), example


def judged(build, example, *claims):
    marked = builder(source="a test", example=example)(build)
    audit = ka.audit(marked, claims=claims)
    assert [row.subject for row in audit.claims] == [claim.subject for claim in claims]
    return audit


def codes(audit):
    return [finding.code for finding in audit.findings]


# -- sound claims -------------------------------------------------------------------------------


def test_sound_claims_are_confirmed_on_both_sides():
    audit = judged(
        one_unit,
        UNIT,
        Claim("unit[0]", "2 · 3 − 1 · 4 + 0.5 = 2.5", quantity="net_input"),
        Claim("unit[0]", 2.5, quantity="output"),
        Claim("unit/kernel[0,0]", "2 · (2.5 − 1) · 3 = 9", quantity="gradient"),
        Claim("unit/kernel[1,0]", "2 · [2.5 − 1] · 4 = 12", quantity="gradient"),
        Claim("unit/bias[0]", "2 · (2.5 − 1)", quantity="gradient"),
        Claim("unit/kernel[0,0]", "2 − 0.25 · 9 = −0.25", quantity="update"),
    )
    assert codes(audit) == []
    assert {row.status for row in audit.claims} == {"ok"}
    assert [row.derived for row in audit.claims] == ["2.5", "2.5", "9", "12", "3", "−0.25"]
    assert [row.observed for row in audit.claims] == ["2.5", "2.5", "9", "12", "3", "−0.25"]


def test_what_an_activation_cuts_off_has_a_net_input_and_no_gradient():
    weights = {"unit/kernel": [[1.0], [-1.0]], "unit/bias": [0.5]}
    audit = judged(
        one_unit,
        replace(UNIT, weights=weights),
        Claim("unit[0]", "1 · 3 − 1 · 4 + 0.5 = −0.5", quantity="net_input"),
        Claim("unit[0]", 0, quantity="output"),
        Claim("unit/kernel[0,0]", 0, quantity="gradient"),
        Claim("unit/kernel[0,0]", 1, quantity="update"),
    )
    assert codes(audit) == []


@pytest.mark.parametrize(
    ("pool", "width", "window", "routing"),
    [
        (lambda: layers.MaxPooling1D(2, name="pool"), 2, "0.5, 1.5", "0, 1"),
        (lambda: layers.AveragePooling1D(2, name="pool"), 2, "0.5, 1.5", "0.5, 1/2"),
        (lambda: layers.AveragePooling1D(3, 2, name="pool"), 2, "0.5, 1.50, −1", "1/3, 0.33, 0.3"),
        # "same" puts one position after five for windows of two: none of it is an input.
        (lambda: layers.MaxPooling1D(3, 1, "same", name="pool"), 5, "0.5, 1.5", "0, 1"),
        (
            lambda: layers.GlobalMaxPooling1D(name="pool", keepdims=True),
            1,
            "0.5, 1.5, −1.0, 0.25, 2.0",
            "0, 0, 0, 0, 1",
        ),
    ],
)
def test_a_pooling_has_a_window_and_routes_by_it(pool, width, window, routing):
    audit = judged(
        *pooled(pool, width),
        Claim("pool[0,0]", window, quantity="window"),
        Claim("pool[0,0]", routing, quantity="routing"),
    )
    assert codes(audit) == []
    assert audit.claims[0].claimed == f"({window})"


def test_a_pooling_within_a_nested_model_is_found_by_its_path():
    def nested():
        inner = keras.Sequential(
            [keras.Input((5, 1)), layers.MaxPooling1D(5, name="pool")], name="in"
        )
        return pools(inner)

    _, example = pooled(None, 1)
    audit = judged(nested, example, Claim("in/pool[0,0]", "0, 0, 0, 0, 1", quantity="routing"))
    assert codes(audit) == []


def test_an_average_over_examples_has_a_gradient():
    # Of x = 1 and x = 3, w = 2 and the targets 0: ∂L/∂w = (2·2·1 + 2·6·3) / 2 = 20.
    def line():
        return keras.Sequential([keras.Input((1,)), layers.Dense(1, use_bias=False, name="w")])

    example = Example(x=[[1], [3]], y=[[0], [0]], loss="mse", weights={"w/kernel": [[2]]})
    audit = judged(
        line,
        example,
        Claim("w/kernel[0,0]", "(2 · 2 · 1 + 2 · 6 · 3) / 2 = 20", quantity="gradient"),
        Claim("w[0]", "2", quantity="output"),
    )
    assert codes(audit) == ["KA205"]
    assert audit.claims[0].status == "ok"
    assert "an example of 1 input, received 2" in audit.claims[1].message


def test_an_update_under_a_loss_scale_is_by_the_gradient_without_it():
    def mixed():
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy("mixed_float16")
        try:
            return one_unit()
        finally:
            keras.config.set_dtype_policy(before)

    # ∂L/∂o is 2 · (2.5 − 2.4375) = 0.125: 32,768 times as much is still a number in float16.
    near = replace(UNIT, y=[[2.4375]])
    claim = Claim("unit/kernel[0,0]", "2 − 0.25 · 0.125 · 3 = 1.90625", quantity="update")
    assert codes(judged(mixed, near, claim)) == []


# -- wrong claims -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claim", "code", "says"),
    [
        (Claim("unit/kernel[0,0]", "9.1", quantity="gradient"), "KA201", "derived 9.0"),
        (Claim("unit/kernel[0,0]", 8, quantity="gradient"), "KA201", "derived 9"),
        (Claim("unit/kernel[0,0]", "2 · 1.5 · 4 = 9", quantity="gradient"), "KA202", "is 12"),
        (Claim("unit/kernel[0,0]", "2 + 0.25 · 9 = 4.25", quantity="update"), "KA201", "−0.25"),
        (Claim("unit[0]", "2.50001", quantity="output"), "KA201", "derived 2.50000"),
        (Claim("unit/kernel[2,0]", 9, quantity="gradient"), "KA204", "shape (2, 1)"),
        (Claim("unit/kernel[-1,0]", 9, quantity="gradient"), "KA204", "from 0"),
        (Claim("unit/kernel[0]", 9, quantity="gradient"), "KA204", "2 integers"),
        (Claim("unit/kernel", 9, quantity="gradient"), "KA204", "a path with an index"),
        (Claim("unit/weight[0,0]", 9, quantity="update"), "KA204", "unit/kernel, unit/bias"),
        (Claim("other[0]", 9, quantity="output"), "KA204", "the model has"),
        (Claim("unit[0]", "0, 1", quantity="routing"), "KA204", "'unit' is Dense"),
        (Claim("unit[0]", "0, 1", quantity="window"), "KA204", "'unit' is Dense"),
        (Claim("unit[0]", "e · 2 = 5.4", quantity="output"), "KA206", "expected numbers"),
    ],
)
def test_a_wrong_claim_is_one_finding_that_says_why(claim, code, says):
    audit = judged(one_unit, UNIT, claim)
    assert codes(audit) == [code]
    assert says in audit.findings[0].message
    assert audit.claims[0].status == ("unjudged" if code == "KA206" else "wrong")
    assert not audit.ok


def test_wrong_routings_and_windows_are_found():
    build, example = pooled(lambda: layers.MaxPooling1D(2, name="pool"), 2)
    audit = judged(
        build,
        example,
        Claim("pool[0,0]", "1, 0", quantity="routing"),
        Claim("pool[0,0]", "0, 1, 0", quantity="routing"),
        Claim("pool[0,0]", "1.5, 0.5", quantity="window"),
        Claim("pool[0,0]", "0, 1", "0, 1", quantity="routing"),
        Claim("pool[0,0]", "0 = 0, 1", quantity="routing"),
        Claim("pool[0,0]", 1, quantity="net_input"),
    )
    assert codes(audit) == ["KA201", "KA201", "KA201", "KA206", "KA206", "KA204"]
    assert "claimed as (0, 1, 0), derived (0, 1)" in audit.findings[1].message


def test_errata_are_shown_and_never_assumed():
    slip = "2 · 1.5 · 3 = 8"
    audit = judged(
        one_unit,
        UNIT,
        Claim("unit/kernel[0,0]", slip, quantity="gradient", errata={slip: "2 · 1.5 · 3 = 9"}),
        Claim("unit/kernel[0,0]", "9.0", quantity="gradient", errata={"9.0": "9.00"}),
    )
    assert audit.claims[0].status == "erratum"
    assert codes(audit) == ["KA203"]
    assert "9.0 is right" in audit.findings[0].message


def test_no_figure_agrees_with_what_is_not_finite():
    audit = judged(
        one_unit,
        replace(UNIT, x=[[float("inf"), 4.0]]),
        Claim("unit[0]", 2.5, quantity="output"),
        Claim("unit/kernel[0,0]", 9, quantity="gradient"),
    )
    assert codes(audit) == ["KA201", "KA201"]
    assert audit.claims[0].derived == "inf"


def test_a_model_that_is_not_what_its_config_says_is_found():
    def bent():
        model = one_unit()
        unit = model.get_layer("unit")
        call = unit.call
        vars(unit)["call"] = lambda x, **options: 1.01 * call(x, **options)
        return model

    audit = judged(
        bent,
        UNIT,
        Claim("unit[0]", "2.500", quantity="output"),
        Claim("unit/kernel[0,0]", 9, quantity="gradient"),
        Claim("unit/kernel[0,0]", "−0.25", quantity="update"),
    )
    assert codes(audit) == ["KA201"] * 3
    assert all(", observed " in finding.message for finding in audit.findings)
    # 1.01 · 2.5 = 2.525, and 2 · (2.525 − 1) · 1.01 · 3 = 9.2415.
    assert [row.observed for row in audit.claims[:2]] == ["2.525", "9.2415"]


# -- what cannot be judged ------------------------------------------------------------------------


@ka.rule("tests>Doubling")
def doubling(layer, x):
    """y = 2x. No weights."""
    from kerasaudit.derivation.rule import Derivation

    return Derivation(output_shape=x, macs=0)


@keras.saving.register_keras_serializable("tests", "Doubling")
class Doubling(layers.Layer):
    def call(self, x):
        return 2 * x


def frozen():
    model = one_unit()
    model.get_layer("unit").trainable = False
    return model


def dropping():
    return one_unit([lambda: layers.Dropout(0.5, seed=1)])


@pytest.mark.parametrize(
    ("build", "example", "quantity", "says"),
    [
        (one_unit, None, "gradient", "a builder that states an example"),
        (one_unit, replace(UNIT, learning_rate=None), "update", "no learning_rate"),
        (one_unit, replace(UNIT, loss="no_such_loss"), "gradient", "no_such_loss"),
        (one_unit, replace(UNIT, x=[[1.0]]), "gradient", "(None, 2)"),
        (one_unit, replace(UNIT, x={"a": 1}), "gradient", "x to be an array"),
        (one_unit, replace(UNIT, weights={}), "gradient", "each build draws others"),
        (one_unit, replace(UNIT, weights={"unit/kernel": [[1]]}), "gradient", "shape (2, 1)"),
        (frozen, UNIT, "gradient", "is not trained"),
        (frozen, UNIT, "update", "is not trained"),
        (dropping, UNIT, "update", "draws at random"),
        (lambda: one_unit([Doubling]), UNIT, "gradient", "no gradient is derived"),
    ],
)
def test_what_cannot_be_judged_is_no_pass_and_says_why(build, example, quantity, says):
    audit = judged(build, example, Claim("unit/kernel[0,0]", 9, quantity=quantity))
    assert codes(audit) == ["KA205"]
    assert audit.status == "incomplete"
    assert says in audit.findings[0].message
    row = audit.claims[0]
    assert (row.status, row.derived, row.observed) == ("unjudged", None, None)


def test_weights_that_are_left_out_may_be_what_every_build_gives():
    weights = {"unit/kernel": [[2.0], [-1.0]]}  # the bias is 0 in every build: o = 2·3 − 1·4 = 2
    audit = judged(one_unit, replace(UNIT, weights=weights), Claim("unit[0]", 2, quantity="output"))
    assert codes(audit) == []


@pytest.mark.parametrize("quantity", OF_AN_EXAMPLE)
def test_models_configs_and_files_have_no_example(quantity, tmp_path):
    model = one_unit()
    model.save(tmp_path / "m.keras")
    claim = Claim("unit[0]", 1, quantity=quantity)
    config = {"class_name": "Sequential", "config": model.get_config()}
    for target in (model, config, tmp_path / "m.keras"):
        assert codes(ka.audit(target, claims=[claim])) == ["KA205"]


@pytest.mark.parametrize("rate", [0, -0.1, float("nan"), float("inf"), "fast", True])
def test_a_learning_rate_is_a_positive_number(rate):
    with pytest.raises(ka.ConfigError, match="learning_rate: expected a positive number"):
        Example(x=[[1]], y=[[1]], loss="mse", learning_rate=rate)


def test_without_such_claims_nothing_is_worked_through():
    script = """
import sys
import kerasaudit as ka
layers = [{"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 4]}},
          {"class_name": "Dense", "config": {"name": "dense", "units": 2}}]
config = {"class_name": "Sequential", "config": {"name": "net", "layers": layers}}
audit = ka.audit(config, claims=[ka.Claim("dense", "4 × 2 + 2 = 10")])
assert audit.ok, audit.findings
print([name for name in ("numpy", "keras", "kerasaudit.backprop") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_callers_random_numbers_are_left_alone():
    marked = builder(source="a test", example=UNIT)(one_unit)
    np.random.seed(3)
    expected = np.random.random(2).tolist()
    np.random.seed(3)
    first = np.random.random()
    ka.audit(marked, claims=[Claim("unit/kernel[0,0]", "−0.25", quantity="update")])
    assert [first, np.random.random()] == expected


# -- rounding -------------------------------------------------------------------------------------


@given(st.integers(-(10**6), 10**6).filter(bool), st.integers(1, 6), st.integers(-9, 9))
def test_a_measured_figure_is_rounded_to_its_decimals(units, decimals, tenths):
    """A decimal that is a whole term stands for what is within half a unit of it."""
    written = f"{units / 10**decimals:.{decimals}f}"
    step = f"{written} = ({units} · 10 + {tenths}) / {10 ** (decimals + 1)}"
    lone, computed = evaluate(step, measured=True)
    assert lone.agrees_with(computed) == (abs(tenths) <= 5)
    assert str(lone) == written
    lone, computed = evaluate(step)  # where figures are counted, every one is exact
    assert lone.agrees_with(computed) == (tenths == 0)


def test_within_a_computation_figures_count_as_written():
    product_of_rounded, claimed = evaluate("1.3 · 0.17 = 0.2", measured=True)
    assert product_of_rounded.unit == 0
    assert product_of_rounded.agrees_with(claimed)
    product_of_rounded, claimed = evaluate("1.275 · 0.169 = 0.2154", measured=True)  # 0.215475
    assert not product_of_rounded.agrees_with(claimed)


def test_a_list_is_of_measured_figures():
    assert [figure.unit for figure in list_of("0, 1, 1/3, −0.25")] == [0, 0, 0, Fraction(1, 100)]


# -- windows --------------------------------------------------------------------------------------


@cache
def _shares(rank, size, stride, padding, spatial, first):
    """∂p/∂x of an average over windows, whose share is above 0 for what a window takes."""
    config = {
        "name": "pool",
        "pool_size": size,
        "strides": stride,
        "padding": padding,
        "data_format": "channels_first" if first else "channels_last",
    }
    layer = LayerConfig({"class_name": f"AveragePooling{rank}D", "config": config})
    shape = (1, 2, *spatial) if first else (1, *spatial, 2)
    x = np.ones(shape)
    return layer, x, apply_layer(layer, {}, (x,), Mode())


@settings(deadline=None)
@given(st.data(), st.sampled_from([1, 2]), st.sampled_from(["valid", "same"]), st.booleans())
def test_a_window_is_what_an_average_has_its_shares_from(data, rank, padding, first):
    def several(low, high):
        return data.draw(st.tuples(*[st.integers(low, high)] * rank))

    size, stride, spatial = several(1, 3), several(1, 3), several(3, 6)
    layer, x, run = _shares(rank, size, stride, padding, spatial, first)
    extents = run.outputs[0].shape[1:]
    index = tuple(data.draw(st.integers(0, extent - 1)) for extent in extents)
    unit = np.zeros(run.outputs[0].shape)
    unit[(0, *index)] = 1
    (shares,) = run.backward((unit,)).inputs
    positions = product(*map(range, x.shape[1:]))
    assert taken_by(layer, x, index) == [at for at in positions if shares[(0, *at)] > 0]
