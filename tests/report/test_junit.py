"""JUnit XML: well formed, of the structure that Jenkins and Surefire know, and honest."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kerasaudit as ka
from kerasaudit import report
from kerasaudit.finding import Finding
from kerasaudit.reconciliation.result import Failure

# What may stand in what, and with which attributes (all texts), after the schema of Jenkins's
# xUnit plug-in, junit-10.xsd: the required attributes, then the others.
STRUCTURE = {
    "testsuites": ((), {"name", "tests", "failures", "errors", "time"}, {"testsuite"}),
    "testsuite": (
        ("name", "tests", "failures", "errors"),
        {"skipped", "time", "timestamp", "hostname", "id", "package", "file"},
        {"properties", "testcase", "system-out", "system-err", "testsuite"},
    ),
    "properties": ((), set(), {"property"}),
    "property": (("name", "value"), set(), set()),
    "testcase": (
        ("name",),
        {"classname", "time", "group"},
        {"skipped", "error", "failure", "system-out", "system-err"},
    ),
    "failure": ((), {"type", "message"}, set()),
    "error": ((), {"type", "message"}, set()),
    "skipped": ((), {"type", "message"}, set()),
    "system-out": ((), set(), set()),
}


def check(element: ElementTree.Element) -> None:
    required, others, children = STRUCTURE[element.tag]
    assert set(required) <= set(element.keys()) <= set(required) | others
    assert {child.tag for child in element} <= children
    if element.tag in ("testsuites", "testsuite"):
        cases = list(element.iter("testcase"))
        assert int(element.get("tests")) == len(cases)
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            if name in element.keys():  # noqa: SIM118 - an element is asked for its attributes
                assert int(element.get(name)) == sum(one.find(tag) is not None for one in cases)
    if element.tag == "testsuite":
        names = [case.get("name") for case in element.iter("testcase")]
        assert len(names) == len(set(names))
    for child in element:
        check(child)


def read(*results) -> ElementTree.Element:
    root = ElementTree.fromstring(report.render(results, "junit").encode())
    assert root.tag == "testsuites"
    check(root)
    return root


def verdicts(*results) -> dict[str, str]:
    """What became of each case: its element that says so, or "passed"."""
    found = {}
    for case in read(*results).iter("testcase"):
        said = [child.tag for child in case if child.tag != "system-out"]
        assert len(said) <= 1
        found[case.get("name")] = said[0] if said else "passed"
    return found


def test_a_clean_audit_passes_in_every_case(digits) -> None:
    assert verdicts(digits) == dict.fromkeys(
        [
            "totals",
            "layer conv2d",
            "layer conv2d_1",
            "layer dense",
            "claim conv2d parameters",
            "claim conv2d_1 parameters",
        ],
        "passed",
    )
    suite = read(digits).find("testsuite")
    assert suite.get("name") == "digits"
    assert {case.get("classname") for case in suite.iter("testcase")} == {digits.target}
    assert "3·3·32·64 + 64 = 18,496" in "".join(suite.itertext())


def test_what_is_wrong_fails_and_what_could_not_be_audited_is_an_error(broken) -> None:
    failure, orphan = Failure("gone.py", "gone.py: no such file"), Failure("l", "l", code="KA511")
    assert verdicts(broken) == {
        "totals": "error",
        "layer dense": "failure",
        "layer mine": "error",
        "layer after": "error",
        "claim dense parameters": "failure",
    }
    assert verdicts(failure) == {"audit": "error"}
    assert verdicts(orphan) == {"audit": "failure"}
    assert read(broken, failure).get("errors") == "4"


def test_a_failure_says_all_of_its_findings(broken) -> None:
    case = next(c for c in read(broken).iter("testcase") if c.get("name") == "layer dense")
    failure = case.find("failure")
    assert failure.get("type") == "KA101"
    assert failure.get("message") == "dense: kernel is derived as 4·3, observed (4, 2)"
    assert "  working: d·u = 4·3" in failure.text.splitlines()


def test_budgets_are_cases(audits) -> None:
    found = verdicts(audits.budgeted())
    assert found["budget total params"] == "passed"
    assert found["budget conv params"] == "failure"
    assert found["layer conv"] == "passed"
    assert verdicts(audits.unknown_macs())["budget total macs"] == "error"


def test_two_budgets_with_the_same_figures_are_two_cases() -> None:
    layers = [
        {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 4]}},
        {"class_name": "Dense", "config": {"name": "out", "units": 2}},
    ]
    config = {"class_name": "Sequential", "config": {"name": "net", "layers": layers}}
    budgets = [ka.Budget("params", 9), ka.Budget("trainable_params", 9)]  # of 4·2 + 2 = 10
    audit = ka.audit(config, budgets=budgets)
    broken = ("budget total params", "budget total trainable_params")
    told = verdicts(audit)
    assert {name for name, verdict in told.items() if verdict == "failure"} == set(broken)
    root = read(audit)
    for case, words in zip(broken, ("9 parameters", "9 trainable parameters"), strict=True):
        (element,) = (one for one in root.iter("testcase") if one.get("name") == case)
        assert words in element.find("failure").get("message")


def test_a_warning_passes_and_is_told(audits) -> None:
    mild = audits.budgeted(KA502="warning")
    assert set(verdicts(mild).values()) == {"passed"}
    case = next(c for c in read(mild).iter("testcase") if c.get("name") == "budget conv params")
    assert "warning: KA502 budget of 300 parameters" in case.find("system-out").text


def test_an_exempt_layer_is_skipped_with_its_reason(audits) -> None:
    mine = {"module": "m", "registered_name": "m>Mine", **audits.layer("Mine", name="mine")}
    first = audits.layer("InputLayer", name="x", batch_shape=[None, 4])
    audit = ka.audit(audits.sequential("net", first, mine), exempt={"mine": "seen by hand"})
    assert audit.ok
    case = next(c for c in read(audit).iter("testcase") if c.get("name") == "layer mine")
    assert case.find("skipped").get("message") == "seen by hand"
    assert verdicts(audit)["totals"] == "skipped"  # the count is not known: no pass


def test_a_hazard_is_a_case_of_its_own(digits) -> None:
    twice = tuple(Finding("KA301", "file", f"it runs {what}", False) for what in ("a", "b"))
    audit = replace(digits, status="findings", findings=twice)
    assert verdicts(audit)["finding KA301 file"] == "failure"
    text = report.render([audit], "junit")
    assert "it runs a" in text
    assert "it runs b" in text


def test_every_finding_stands_in_exactly_one_case(broken, audits) -> None:
    for audit in (broken, audits.budgeted(), audits.unknown_macs()):
        bodies = [
            element.text
            for tag in ("failure", "error")
            for element in read(audit).iter(tag)
            if element.get("type").startswith("KA")
        ]
        lines = "\n".join(bodies).splitlines()
        for finding in audit.findings:
            assert lines.count(f"{finding.code} {finding.message}") == 1


@pytest.mark.parametrize(
    ("status", "expected"), [("mismatch", "failure"), ("unsupported", "error"), ("ok", "passed")]
)
def test_a_status_without_a_finding_is_no_pass(status, expected, digits) -> None:
    rows = tuple(replace(row, status=status) for row in digits.layers)
    assert verdicts(replace(digits, layers=rows))["layer dense"] == expected


@given(st.text(), st.text())
def test_no_text_breaks_the_document(name: str, message: str) -> None:
    root = read(Failure(name, message), Failure(name, message, code="KA511"))
    assert len(list(root.iter("testcase"))) == 2


def test_characters_that_xml_cannot_hold_are_escapes(hostile, audits) -> None:
    text = report.render([hostile], "junit")
    assert "\x1b" not in text
    names = [case.get("name") for case in read(hostile).iter("testcase")]
    assert f"layer {audits.SCRIPT}" in names
    assert r"layer \x1b[31mred\x07" in names
