"""JUnit XML: a test suite for each model, for what shows the results of tests.

A suite has a test case for the totals, for each layer that holds weights (or is not in order), for
each claim and for each budget. What is wrong is a failure, what could not be audited an error and
never skipped; only an exempt layer is skipped, with the reason. Warnings are no failures: they
stand in the output of their case. A finding that is of none of these, such as a hazard of a file,
is a case of its own. There are no times: they would differ from run to run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from xml.etree import ElementTree

from kerasaudit.finding import ERROR, Finding
from kerasaudit.reconciliation.result import (
    Audit,
    BudgetRow,
    ClaimRow,
    Failure,
    LayerRow,
)
from kerasaudit.report import wording
from kerasaudit.report.wording import count, printable
from kerasaudit.zoo import TOTAL

__all__ = ["FORMAT", "SUFFIX", "render"]

FORMAT = "junit"
SUFFIX = ".xml"

_FAILURE, _ERROR = "failure", "error"  # the two elements by which a case is not passed

# How a status that no finding explains counts.
_UNEXPLAINED = {
    "mismatch": _FAILURE,
    "unsupported": _ERROR,
    "unbuilt": _ERROR,
    "wrong": _FAILURE,
    "unjudged": _ERROR,
    "over": _FAILURE,
    "unknown": _ERROR,
}


@dataclass(slots=True)
class _Case:
    """A test case: what it is of, what it says for itself, and the findings that are its own."""

    name: str
    status: str = "ok"
    output: tuple[str, ...] = ()
    skipped: str | None = None
    findings: list[Finding] = field(default_factory=list)


def render(results: Sequence[Audit | Failure]) -> str:
    """Render results as JUnit XML.

    >>> print(render([Failure("net.py", "net.py: no such file")]), end="")
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="kerasaudit" tests="1" failures="0" errors="1">
      <testsuite name="net.py" tests="1" failures="0" errors="1" skipped="0">
        <testcase name="audit" classname="net.py">
          <error type="not audited" message="net.py: no such file">net.py: no such file</error>
        </testcase>
      </testsuite>
    </testsuites>
    """
    suites = [_failed(one) if isinstance(one, Failure) else _suite(one) for one in results]
    root = ElementTree.Element("testsuites", name="kerasaudit")
    for name in ("tests", "failures", "errors"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in suites)))
    root.extend(suites)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _failed(failure: Failure) -> ElementTree.Element:
    case = ElementTree.Element("testcase", name="audit", classname=printable(failure.target))
    kind = _ERROR if failure.code is None else _FAILURE
    _add(case, kind, failure.code or "not audited", failure.message, failure.message)
    return _counted(failure.target, [case])


def _suite(audit: Audit) -> ElementTree.Element:
    suite = _counted(audit.name, [_element(audit, case) for case in _named_apart(_cases(audit))])
    properties = ElementTree.Element("properties")
    known = {"target": audit.target, "status": audit.status, **audit.versions}
    for name, value in known.items():
        ElementTree.SubElement(properties, "property", name=printable(name), value=printable(value))
    suite.insert(0, properties)
    return suite


def _counted(name: str, cases: Sequence[ElementTree.Element]) -> ElementTree.Element:
    numbers = {
        "tests": len(cases),
        "failures": sum(case.find(_FAILURE) is not None for case in cases),
        "errors": sum(case.find(_ERROR) is not None for case in cases),
        "skipped": sum(case.find("skipped") is not None for case in cases),
    }
    suite = ElementTree.Element("testsuite", name=printable(name))
    for key, number in numbers.items():
        suite.set(key, str(number))
    suite.extend(cases)
    return suite


# -- cases --------------------------------------------------------------------------------------


def _cases(audit: Audit) -> list[_Case]:
    """The cases of an audit, every finding in exactly one of them."""
    left = list(audit.findings)
    claims = [_of_claim(claim, left) for claim in audit.claims]
    budgets = [_of_budget(audit, row, left) for row in audit.budgets]
    shown = [layer for layer in audit.layers if wording.set_apart(layer)]
    layers = [_of_layer(layer, left) for layer in shown]
    totals = _of_totals(audit, left)
    others: dict[str, _Case] = {}
    for finding in left:
        name = f"finding {finding.code} {finding.path}"
        others.setdefault(name, _Case(name)).findings.append(finding)
    return [totals, *layers, *claims, *budgets, *others.values()]


def _taken(left: list[Finding], wanted: Iterable[Finding]) -> list[Finding]:
    """The findings that a case takes for its own out of those that are left."""
    own = list(wanted)
    taken = {id(finding) for finding in own}
    left[:] = [finding for finding in left if id(finding) not in taken]
    return own


def _of_totals(audit: Audit, left: list[Finding]) -> _Case:
    """The model as a whole: not passed where its parameters are not known."""
    own = _taken(left, (finding for finding in left if finding.path == TOTAL))
    case = _Case("totals", output=_totals(audit), findings=own)
    if audit.totals.params is None and audit.status == "incomplete":
        case.status = wording.UNKNOWN
    elif audit.totals.params is None:
        case.skipped = f"how many parameters the model has is not known: {wording.coverage(audit)}"
    return case


def _of_layer(layer: LayerRow, left: list[Finding]) -> _Case:
    own = _taken(left, (finding for finding in left if finding.path == layer.path))
    sides = [("derived", layer.derived), ("keras", layer.observed), ("file", layer.stored)]
    known = [f"{name} {count(value)}" for name, value in sides if value is not None]
    output = (f"{layer.class_name}: {wording.equation(layer)}", ", ".join(known))
    exempt = layer.reason or "" if layer.status == "exempt" else None
    return _Case(f"layer {layer.path}", layer.status, output, exempt, own)


def _of_claim(claim: ClaimRow, left: list[Finding]) -> _Case:
    own = _taken(
        left,
        (
            finding
            for finding in left
            if finding.code.startswith("KA2")
            and claim.status in _UNEXPLAINED
            and (finding.path, finding.location) == (claim.subject, claim.location)
        ),
    )
    steps = (step.text for step in wording.steps_shown(claim))
    name = f"claim {claim.subject} {wording.quantity(claim.quantity)}"
    return _Case(name, claim.status, (*steps, claim.message), findings=own)


def _of_budget(audit: Audit, row: BudgetRow, left: list[Finding]) -> _Case:
    broken = wording.budget_finding(audit, row)
    own = _taken(left, [] if broken is None or not _among(left, broken) else [broken])
    name = f"budget {row.subject} {row.quantity}"
    return _Case(name, row.status, (wording.budget(row),), findings=own)


def _among(left: Sequence[Finding], wanted: Finding) -> bool:
    return any(finding is wanted for finding in left)


def _totals(audit: Audit) -> tuple[str, ...]:
    totals = audit.totals
    figures = {
        "parameters": totals.params,
        "derived": totals.derived,
        "keras": totals.observed,
        "file": totals.stored,
        "count_params()": totals.reported,
        "MACs": totals.macs,
    }
    return (
        ", ".join(f"{name} {count(value)}" for name, value in figures.items()),
        wording.coverage(audit),
    )


def _named_apart(cases: Iterable[_Case]) -> Iterator[_Case]:
    """The cases with no two names alike: readers know a case by its name from run to run."""
    taken: dict[str, int] = {}
    for case in cases:
        taken[case.name] = number = taken.get(case.name, 0) + 1
        case.name += f" ({number})" if number > 1 else ""
        yield case


# -- elements -----------------------------------------------------------------------------------


def _element(audit: Audit, case: _Case) -> ElementTree.Element:
    element = ElementTree.Element(
        "testcase", name=printable(case.name), classname=printable(audit.target)
    )
    grave = [finding for finding in case.findings if finding.severity == ERROR]
    mild = [finding for finding in case.findings if finding.severity != ERROR]
    if grave:
        kind = _ERROR if any(finding.incomplete for finding in grave) else _FAILURE
        codes = ", ".join(dict.fromkeys(finding.code for finding in grave))
        text = "\n".join(line for finding in grave for line in _lines(finding))
        _add(element, kind, codes, grave[0].message, text)
    elif case.skipped is not None:
        ElementTree.SubElement(element, "skipped", message=printable(case.skipped))
    elif not mild and case.status in _UNEXPLAINED:
        said = case.output[-1] if case.output else case.name
        _add(element, _UNEXPLAINED[case.status], case.status, said, said)
    warnings = [f"warning: {line}" for finding in mild for line in _lines(finding)]
    output = [printable(line) for line in (*case.output, *warnings) if line]
    if output:
        ElementTree.SubElement(element, "system-out").text = "\n".join(output)
    return element


def _lines(finding: Finding) -> Iterator[str]:
    yield f"{finding.code} {finding.message}"
    for name, text in wording.finding_sides(finding):
        yield f"  {name}: {text}"


def _add(case: ElementTree.Element, kind: str, type_: str, message: str, text: str) -> None:
    element = ElementTree.SubElement(case, kind, type=type_, message=printable(message))
    element.text = "\n".join(printable(line) for line in text.split("\n"))
