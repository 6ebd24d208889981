"""SARIF 2.1.0: its required structure, written out from the standard, and what GitHub asks for."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kerasaudit as ka
from kerasaudit import report
from kerasaudit.finding import Finding
from kerasaudit.location import Location
from kerasaudit.reconciliation.findings import every_kind
from kerasaudit.reconciliation.result import Failure


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    monkeypatch.chdir(tmp_path)


def read(*results) -> dict[str, Any]:
    log = json.loads(report.render(results, "sarif"))
    assert set(log) == {"$schema", "version", "runs"}  # 3.13 of the standard
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    check_run(run)
    return run


def check_run(run: dict[str, Any]) -> None:
    driver = run["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("kerasaudit", ka.__version__)
    check_rules(driver["rules"])
    (invocation,) = run["invocations"]
    assert isinstance(invocation["executionSuccessful"], bool)  # 3.20.14: required
    for notification in invocation.get("toolExecutionNotifications", ()):
        check_message(notification["message"])
        check_locations(notification["locations"], run)
    for result in run["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("none", "note", "warning", "error")
        check_message(result["message"])
        check_locations(result["locations"], run)
        (fingerprint,) = result["partialFingerprints"].values()
        assert re.fullmatch(r"[0-9a-f]{32}", fingerprint)
    fingerprints = [str(result["partialFingerprints"]) for result in run["results"]]
    assert len(fingerprints) == len(set(fingerprints))


def check_rules(rules: list[dict[str, Any]]) -> None:
    assert [rule["id"] for rule in rules] == sorted({rule["id"] for rule in rules})
    for rule in rules:
        # GitHub asks for all of these; 1024 characters is the most that it shows.
        for name in ("shortDescription", "fullDescription"):
            check_message(rule[name])
            assert len(rule[name]["text"]) <= 1024
        check_message(rule["help"])
        assert rule["defaultConfiguration"]["level"] == "error"
        assert rule["properties"]["tags"]


def check_message(message: dict[str, Any]) -> None:
    assert message.keys() == {"text"}
    assert isinstance(message["text"], str)


def check_locations(locations: list[dict[str, Any]], run: dict[str, Any]) -> None:
    (location,) = locations
    physical = location["physicalLocation"]
    artifact = physical["artifactLocation"]
    assert artifact.get("uriBaseId", "SRCROOT") in run["originalUriBaseIds"]
    parts = urlsplit(artifact["uri"])
    assert artifact["uri"].isascii()
    assert "\\" not in artifact["uri"]
    if "uriBaseId" in artifact:  # 3.4.4: relative, and inside
        assert not parts.scheme
        assert not parts.path.startswith("/")
        assert ".." not in parts.path.split("/")
    assert physical["region"]["startLine"] >= 1  # GitHub takes no result without one
    for logical in location.get("logicalLocations", ()):
        assert logical["fullyQualifiedName"].endswith(logical["name"])


def finding(code: str, path: str = "conv2d", **fields) -> Finding:
    return Finding(code, path, f"{path} is wrong", False, **fields)


def test_every_kind_of_finding_is_a_rule() -> None:
    rules = {rule["id"]: rule for rule in read()["tool"]["driver"]["rules"]}
    assert rules.keys() == every_kind().keys()
    assert rules["KA301"]["properties"]["tags"] == ["security"]
    assert rules["KA501"]["shortDescription"]["text"] == "a model is over its budget"


def test_a_clean_audit_has_no_results(digits) -> None:
    run = read(digits)
    assert run["results"] == []
    assert run["invocations"] == [{"executionSuccessful": True}]


def test_a_result_has_its_rule_level_message_and_place(audits) -> None:
    (result,) = read(audits.budgeted())["results"]
    assert (result["ruleId"], result["level"]) == ("KA502", "error")
    assert result["message"]["text"].splitlines() == [
        # 320 - 300 = 20, and 20 / 300 = 6.7 %
        "budget of 300 parameters (a file): layer 'conv' has 320, 20 over it (6.7%)",
        "expected: 300",
        "observed: 320",
        "difference: +20",
    ]
    (place,) = result["locations"]
    assert place == {
        "physicalLocation": {
            "artifactLocation": {"uri": "models/net.py", "uriBaseId": "SRCROOT"},
            "region": {"startLine": 12},
        },
        "logicalLocations": [{"name": "conv", "fullyQualifiedName": "net::conv"}],
    }
    (mild,) = read(audits.budgeted(KA502="warning"))["results"]
    assert mild == result | {"level": "warning"}


def test_a_hazard_stands_at_its_file(tmp_path) -> None:
    net = {
        "class_name": "Sequential",
        "config": {
            "name": "net",
            "layers": [
                {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 4]}},
                {"class_name": "Lambda", "config": {"name": "f", "function": "abs"}},
            ],
        },
    }
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b" / "net.json").write_text(json.dumps(net), encoding="utf-8")
    results = read(ka.audit(str(tmp_path / "a b" / "net.json")))["results"]
    hazard = next(one for one in results if one["ruleId"] == "KA301")
    artifact = hazard["locations"][0]["physicalLocation"]["artifactLocation"]
    assert artifact == {"uri": "a%20b/net.json", "uriBaseId": "SRCROOT"}


@pytest.mark.parametrize(
    ("target", "uri"),
    [
        ("zoo:lenet5", "zoo%3Alenet5"),
        ("package.net:build", "package.net%3Abuild"),
        ("https://example.org/a%20b.keras?v=1", "https://example.org/a%20b.keras?v=1"),
    ],
)
def test_what_is_in_no_file_has_its_target_as_its_place(target, uri, digits) -> None:
    audit = replace(digits, target=target, status="findings", findings=(finding("KA106"),))
    (result,) = read(audit)["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"] == {"uri": uri}


def test_what_could_not_be_audited_is_a_notification(digits) -> None:
    failure = Failure("gone.py", "gone.py: no such file", location=Location("gone.py"))
    run = read(digits, failure)
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    (notification,) = invocation["toolExecutionNotifications"]
    assert notification["message"]["text"] == "gone.py: no such file"
    assert run["results"] == []


def test_a_finding_beside_the_audits_is_a_result() -> None:
    (result,) = read(Failure("net.lock", "net.lock: no model", code="KA501"))["results"]
    assert (result["ruleId"], result["message"]["text"]) == ("KA501", "net.lock: no model")


def test_a_fingerprint_outlives_figures_and_lines_and_knows_places_apart(digits) -> None:
    def fingerprints(*found: Finding) -> list[str]:
        audit = replace(digits, status="findings", findings=found)
        return [one["partialFingerprints"]["kerasaudit/v1"] for one in read(audit)["results"]]

    (before,) = fingerprints(finding("KA201", observed="1", location=Location("a.py", 3)))
    (after,) = fingerprints(finding("KA201", observed="2", location=Location("a.py", 9)))
    assert before == after
    others = fingerprints(
        finding("KA201"), finding("KA201"), finding("KA202"), finding("KA201", "dense")
    )
    assert others[0] == before
    assert len(set(others)) == 4


@given(st.text(), st.text(min_size=1).filter(lambda text: not text.startswith("/")))
def test_no_text_breaks_the_document(message: str, target: str) -> None:
    run = read(Failure(target, message, code="KA501"), Failure(target, message))
    (result,) = run["results"]
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert unquote(uri) == target or "://" in target
