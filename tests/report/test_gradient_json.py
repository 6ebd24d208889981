"""JSON of a run: every field, strictness, null for what there is not and what is not finite."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace

from kerasaudit import report
from kerasaudit.gradients.diagnosis.rule import GradientFinding
from kerasaudit.gradients.rows import HeatMap, Timeline, WeightSummary
from kerasaudit.gradients.summary import RunSummary
from kerasaudit.reconciliation.result import Failure


def load(*results):
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(report.render(results, "json"), parse_constant=refuse)


def names(kind) -> set[str]:
    return {field.name for field in fields(kind)}


def test_every_field_of_the_result_is_there(trained) -> None:
    document = load(trained, Failure("gone", "no such run"))
    assert document["schema_version"] == 1
    assert document["errors"] == [{"target": "gone", "message": "no such run"}]
    (run,) = document["runs"]
    assert run.keys() == names(RunSummary) - {"kernel_frames"}
    assert run["timelines"][0].keys() == names(Timeline)
    weight = run["weights"][0]
    assert weight.keys() == names(WeightSummary)
    assert weight["heat"].keys() == names(HeatMap)
    assert (weight["layer"], weight["weight"], weight["kernels"]) == ("conv2d", "kernel", 32)
    assert len(weight["heat"]["values"]) == 32
    assert [row["status"] for row in run["silent"]] == ["frozen", "frozen", "disconnected"]


def test_findings_with_their_evidence(trained) -> None:
    finding = load(trained)["runs"][0]["findings"][0]
    assert finding.keys() == names(GradientFinding)
    assert (finding["layer"], finding["kernel"], finding["step"]) == ("conv2d", 21, 0)
    assert finding["evidence"] == {"first": 2, "max_abs": 0.0, "steps": 900}


def test_what_is_not_finite_is_null_and_named(runs) -> None:
    plain = runs.plain()
    weight = replace(plain.weights[0], norm_first=math.nan, norm_last=-math.inf)
    row = load(replace(plain, weights=(weight,)))["runs"][0]["weights"][0]
    assert (row["norm_first"], row["norm_last"], row["update_ratio"]) == (None, None, None)
    assert row["non_finite_figures"] == {"norm_first": "nan", "norm_last": "-inf"}


def test_cells_that_are_not_finite_are_listed(trained) -> None:
    heat = load(trained)["runs"][0]["weights"][0]["heat"]
    assert heat["non_finite"] == [[row, 611 // 12] for row in range(32)]
    assert heat["values"][21] == [0] * 75


def test_one_line_for_each_weight_and_finding(trained) -> None:
    lines = report.render([trained], "json").splitlines()
    assert sum(line.startswith('    {"layer":') for line in lines) == 6 + 3
    assert sum(line.startswith('    {"code":') for line in lines) == 2
    assert len(lines) < 60


def test_names_come_back_as_they_were(runs) -> None:
    run = load(runs.hostile())["runs"][0]
    assert [row["layer"] for row in run["weights"]] == list(runs.HOSTILE)
    assert run["findings"][0]["evidence"][runs.SCRIPT] == runs.ESCAPE
