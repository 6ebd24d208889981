"""Claims: every step by itself, the figure against both sides, errata shown and never assumed."""

from __future__ import annotations

import pytest

import kerasaudit as ka
from kerasaudit import Claim

CONFIG = {
    "class_name": "Sequential",
    "config": {
        "name": "net",
        "layers": [
            {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 28, 28, 1]}},
            {
                "class_name": "Conv2D",
                "config": {"name": "conv", "filters": 32, "kernel_size": [3, 3]},
            },
            {"class_name": "MaxPooling2D", "config": {"name": "pool", "pool_size": [2, 2]}},
            {
                "class_name": "Conv2D",
                "config": {"name": "conv_1", "filters": 64, "kernel_size": [3, 3]},
            },
        ],
    },
}
TOTAL = (32 * 3 * 3 + 32) + (64 * 3 * 3 * 32 + 64)


def judged(*claims, config=CONFIG, input_shape=None):
    audit = ka.audit(config, input_shape, claims=claims)
    return audit, [finding.code for finding in audit.findings]


def test_sound_workings_are_confirmed_step_by_step():
    audit, codes = judged(
        Claim("conv", "32 × 3 × 3 = 288", "288 + 32 = 320"),
        Claim("total", "320 + 18,496 = 18,816"),
        Claim("conv", "26 × 26 × 32", quantity="output_shape"),
        Claim("conv", "32", quantity="feature_maps"),
        Claim("conv", "26·26·(3·3·32) = 194,688", quantity="macs"),
        Claim("total", "18.8K", quantity="trainable_params"),
        Claim("total", 0, quantity="non_trainable_params"),
        Claim("total", "11 × 11 × 64", quantity="output_shape"),
    )
    assert codes == []
    assert audit.ok
    assert {claim.status for claim in audit.claims} == {"ok"}
    assert [step.status for step in audit.claims[0].steps] == ["ok", "ok"]
    assert audit.claims[0].derived == "320"
    assert audit.claims[0].observed is None


def test_the_notes_slip_is_an_erratum_with_its_correction():
    claim = Claim(
        "conv_1",
        "64 × 3 × 3 = 567",
        "567 × 32 = 18432",
        "18432 + 64 = 18496",
        errata={
            "64 × 3 × 3 = 567": "64 × 3 × 3 = 576",
            "567 × 32 = 18432": "576 × 32 = 18432",
        },
    )
    audit, codes = judged(claim)
    assert codes == []
    assert audit.ok
    assert audit.claims[0].status == "erratum"
    first = audit.claims[0].steps[0]
    assert (first.status, first.correction, first.value) == ("erratum", "64 × 3 × 3 = 576", "576")


@pytest.mark.parametrize(
    ("claim", "code"),
    [
        (Claim("conv", "32 × 3 × 3 = 288", "288 + 32 = 321"), "KA202"),
        (Claim("conv", "321"), "KA201"),
        (Claim("conv", "32 × 3 × 3 = 289", "288 + 32 = 320"), "KA202"),
        (Claim("conv_1", "64 × 3 × 3 = 567", "576 × 32 = 18432", "18432 + 64 = 18496"), "KA202"),
        (Claim("conv", "320", errata={"320": "321"}), "KA201"),
        (Claim("conv", "320", errata={"320": "320"}), "KA203"),
        (
            Claim("conv", "288 + 32 = 320", errata={"288 + 32 = 320": "320 = 320"}),
            "KA203",
        ),
        (Claim("conv", "288 + 32 = 321", errata={"288 + 32 = 321": "288 + 32 = 322"}), "KA203"),
        (Claim("conv_7", "320"), "KA204"),
        (Claim("conv", "k × k × 32"), "KA206"),
        (Claim("conv", "26 × 26", quantity="output_shape"), "KA201"),
        (Claim("conv", "26 × 26 × 33", quantity="output_shape"), "KA201"),
        (Claim("conv", "33", quantity="feature_maps"), "KA201"),
        (Claim("conv", "194,689", quantity="macs"), "KA201"),
        (Claim("total", "18.7K"), "KA201"),
        (Claim("total", str(TOTAL + 1)), "KA201"),
        (Claim("total", str(TOTAL - 1)), "KA201"),
    ],
)
def test_each_fault_is_caught_with_its_code(claim, code):
    audit, codes = judged(claim)
    assert code in codes
    assert not audit.ok


def test_a_wrong_figure_shows_working_and_difference():
    audit, _ = judged(Claim("conv", "321"))
    found = audit.findings[0]
    assert found.difference == 1
    assert "claimed as 321, derived 320 (kh·kw·C_in·K + K = 3·3·1·32 + 32)" in found.message


def test_a_figure_that_nobody_knows_is_not_confirmed():
    audit, codes = judged(
        Claim("conv", "194,688", quantity="macs"), config=_with_input([None, None, None, 1])
    )
    assert codes == ["KA205"]
    assert audit.status == "incomplete"
    assert audit.claims[0].status == "unjudged"


def test_an_input_shape_settles_it():
    audit, codes = judged(
        Claim("conv", "194,688", quantity="macs"),
        config=_with_input([None, None, None, 1]),
        input_shape=(None, 28, 28, 1),
    )
    assert codes == []
    assert audit.ok


def _with_input(shape):
    layers = CONFIG["config"]["layers"]
    first = {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": shape}}
    return {**CONFIG, "config": {**CONFIG["config"], "layers": [first, *layers[1:]]}}


@pytest.mark.parametrize(
    "arguments",
    [
        {"working": ()},
        {"working": ("1",), "quantity": "weight"},
        {"working": ("1",), "errata": {"2": "3"}},
    ],
)
def test_a_malformed_claim_is_refused_where_it_is_written(arguments):
    working = arguments.pop("working")
    with pytest.raises(ka.ConfigError, match="claim on 'conv'"):
        Claim("conv", *working, **arguments)


@pytest.mark.parametrize("correction", ["65 × 3 × 3 = 585", "1 = 1", "567", "64 × 3 × 3 = 567"])
def test_a_correction_must_correct_the_step_it_speaks_of(correction):
    claim = Claim(
        "conv_1",
        "64 × 3 × 3 = 567",
        "576 × 32 = 18432",
        "18432 + 64 = 18496",
        errata={"64 × 3 × 3 = 567": correction},
    )
    audit, codes = judged(claim)
    assert "KA203" in codes
    assert not audit.ok


@pytest.mark.parametrize("correction", ["11 × 11 × 64", "11 x 11 x 64"])
def test_an_erratum_on_a_right_shape_is_a_finding(correction):
    claim = Claim(
        "conv_1", "11 × 11 × 64", quantity="output_shape", errata={"11 × 11 × 64": correction}
    )
    assert "KA203" in judged(claim)[1]


@pytest.mark.parametrize("figure", ["0M", "18K + 900", "5M - 5M + 99"])
def test_rounding_confirms_nothing_by_accident(figure):
    assert "KA206" in judged(Claim("conv_1", figure))[1]


def test_claims_of_another_kind_are_refused():
    for claims in ("x", 3, [("conv", "320")]):
        with pytest.raises(ka.ConfigError, match=r"list of kerasaudit\.Claim"):
            ka.audit(CONFIG, claims=claims)


def test_total_is_always_the_model():
    layers = [*CONFIG["config"]["layers"][:3]]
    named = {**CONFIG["config"]["layers"][3]}
    named["config"] = {**named["config"], "name": "total"}
    config = {**CONFIG, "config": {**CONFIG["config"], "layers": [*layers, named]}}
    assert judged(Claim("total", str(TOTAL)), config=config)[1] == []
