"""JSON: the contract's fields, strictness, null for what is not known."""

from __future__ import annotations

import json
from dataclasses import fields, replace

from kerasaudit import report
from kerasaudit.finding import Finding
from kerasaudit.reconciliation.result import Audit, Failure, LayerRow, WeightRow


def load(*results):
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(report.render(results, "json"), parse_constant=refuse)


def test_the_documented_fields(digits) -> None:
    document = load(digits, Failure("gone.py", "no such file"))
    assert document["schema_version"] == 1
    assert document["errors"] == [{"target": "gone.py", "code": None, "message": "no such file"}]
    (audit,) = document["audits"]
    assert (audit["target"], audit["name"]) == ("models/cnn_coding.py::digits", "digits")
    assert audit["status"] == "ok"
    totals = audit["totals"]
    assert totals["params"] == totals["derived"] == 320 + 18496 + 16010
    assert totals["macs"] == 26 * 26 * 288 + 11 * 11 * 18432 + 1600 * 10
    conv = audit["layers"][3]
    assert conv["path"] == "conv2d_1"
    assert f"{conv['formula']} = {conv['working']}" == "kh·kw·C_in·K + K = 3·3·32·64 + 64"
    assert (conv["derived"], conv["trainable"], conv["non_trainable"]) == (18496, 18496, 0)
    assert conv["output_shape"] == [None, 11, 11, 64]
    assert (conv["bytes"], conv["activation_elements"]) == (18496 * 4, 11 * 11 * 64)
    assert (conv["receptive_field"], conv["effective_stride"]) == ([8, 8], [2, 2])
    assert totals["bytes_by_dtype"] == {"float32": totals["bytes"]} == {"float32": 34826 * 4}
    assert totals["peak_activation_bytes"] == (26 * 26 * 32 + 13 * 13 * 32) * 4
    assert audit["calls"][2]["live_bytes"] == totals["peak_activation_bytes"]
    kernel = conv["weights"][0]
    assert (kernel["name"], kernel["shape"], kernel["dtype"]) == (
        "kernel",
        [3, 3, 32, 64],
        "float32",
    )
    assert kernel["trainable"] is True
    assert [(a["symbol"], a["extent"]) for a in kernel["axes"]][-1] == ("K", 64)


def test_every_field_of_the_result_is_there(digits) -> None:
    audit = load(digits)["audits"][0]
    assert audit.keys() == {field.name for field in fields(Audit)} - {"location"}
    assert audit["layers"][1].keys() == {field.name for field in fields(LayerRow)}
    weight = {field.name for field in fields(WeightRow)} - {"layer"}
    assert audit["layers"][1]["weights"][0].keys() == weight


def test_what_is_not_known_is_null(digits, broken) -> None:
    totals = load(digits)["audits"][0]["totals"]
    assert totals["observed"] is None
    assert totals["stored"] is None
    audit = load(broken)["audits"][0]
    mine = audit["layers"][2]
    unknown = ("derived", "observed", "trainable", "non_trainable", "macs", "output_shape")
    unknown += ("bytes", "activation_elements", "activation_bytes", "backward_macs")
    assert [mine[name] for name in (*unknown, "receptive_field")] == [None] * 11
    totals = audit["totals"]
    assert [totals[name] for name in ("params", "bytes", "peak_activation_bytes")] == [None] * 3


def test_claims_and_findings(broken) -> None:
    audit = load(broken)["audits"][0]
    (claim,) = audit["claims"]
    assert (claim["subject"], claim["status"]) == ("dense", "wrong")
    assert [step["status"] for step in claim["steps"]] == ["false", "ok"]
    finding = audit["findings"][0]
    assert finding.keys() == {field.name for field in fields(Finding)} - {"location"}
    assert (finding["code"], finding["path"], finding["difference"]) == ("KA101", "dense", -4)


def test_one_line_for_each_layer_and_weight(digits) -> None:
    lines = report.render([digits], "json").splitlines()
    assert sum('"class_name": "Conv2D", "status"' in line for line in lines) == 2
    assert sum('{"name": "kernel"' in line for line in lines) == 3
    assert len(lines) < 70


def test_names_come_back_as_they_were(hostile, audits) -> None:
    assert [row["path"] for row in load(hostile)["audits"][0]["layers"]] == ["x", *audits.HOSTILE]


def test_an_absolute_target_inside_the_working_directory(digits, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    inside = replace(digits, target=f"{tmp_path}/a/net.py::build")
    assert load(inside)["audits"][0]["target"] == "a/net.py::build"
