"""SARIF 2.1.0: every finding for what gathers those of many tools, such as code scanning.

The rules are all kinds of finding that there are, a result is one finding. Its place is the file
of the model, or the line of the builder or claim, relative to the repository (`SRCROOT`); what is
in no file there has its target as its place. A target that could not be audited is a notification
of the run, which then did not succeed.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import quote

from kerasaudit.finding import Kind
from kerasaudit.location import Location
from kerasaudit.reconciliation.findings import every_kind
from kerasaudit.reconciliation.result import Audit, Failure
from kerasaudit.report.issues import Issue, issues
from kerasaudit.report.json import dumps
from kerasaudit.report.wording import printable
from kerasaudit.version import __version__
from kerasaudit.zoo import TOTAL

__all__ = ["ALSO", "FORMAT", "SUFFIX", "render"]

FORMAT = "sarif"
SUFFIX = ".sarif"
ALSO = ".sarif.json"

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_ROOT = "SRCROOT"

_OF_NO_LAYER = (TOTAL, "file")  # the paths of findings that are of the model or file as a whole

# What a kind of finding is about, by how its code begins.
_TAGS = {
    "KA1": "counts",
    "KA2": "claims",
    "KA3": "security",
    "KA4": "gradients",
    "KA5": "budgets",
}


def render(results: Sequence[Audit | Failure]) -> str:
    """Render results as SARIF.

    >>> import json
    >>> run = json.loads(render([Failure("net.py", "net.py: no such file")]))["runs"][0]
    >>> run["results"], run["invocations"][0]["executionSuccessful"]
    ([], False)
    """
    found = list(issues(results))
    told = [issue for issue in found if issue.code is None]
    kinds = every_kind()
    driver = {
        "name": "kerasaudit",
        "version": __version__,
        "rules": [_rule(kind) for _, kind in sorted(kinds.items())],
    }
    invocation: dict[str, Any] = {"executionSuccessful": not told}
    if told:
        invocation["toolExecutionNotifications"] = [_notification(issue) for issue in told]
    run = {
        "tool": {"driver": driver},
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The root of the repository."}}},
        "invocations": [invocation],
        "results": list(_results(found, sorted(kinds))),
        "columnKind": "unicodeCodePoints",
    }
    return dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})


def _rule(kind: Kind) -> dict[str, Any]:
    return {
        "id": kind.code,
        "shortDescription": {"text": kind.title},
        "fullDescription": {"text": f"{kind.what} {kind.why}"},
        "help": {"text": kind.documentation},
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": [_TAGS[kind.code[:3]]]},
    }


def _results(found: Iterable[Issue], rules: Sequence[str]) -> Iterator[dict[str, Any]]:
    """A result for each finding; those of one kind in one place are told apart by their order."""
    seen: Counter[tuple[str, ...]] = Counter()
    for issue in found:
        if issue.code is None:
            continue
        identity = (issue.code, issue.target, issue.model or "", issue.path or "")
        seen[identity] += 1
        yield {
            "ruleId": issue.code,
            "ruleIndex": rules.index(issue.code),
            "level": issue.severity,
            "message": {"text": "\n".join(issue.lines)},
            "locations": [_location(issue)],
            "partialFingerprints": {"kerasaudit/v1": _fingerprint(*identity, str(seen[identity]))},
        }


def _notification(issue: Issue) -> dict[str, Any]:
    return {
        "level": issue.severity,
        "message": {"text": printable(issue.message)},
        "locations": [_location(issue)],
    }


def _location(issue: Issue) -> dict[str, Any]:
    """Where a finding is: a place in a file, and of what model and layer."""
    place: dict[str, Any] = {"physicalLocation": _place(issue)}
    layer = None if issue.path in _OF_NO_LAYER else issue.path
    names = [printable(name) for name in (issue.model, layer) if name is not None]
    if names:
        place["logicalLocations"] = [{"name": names[-1], "fullyQualifiedName": "::".join(names)}]
    return place


def _place(issue: Issue) -> dict[str, Any]:
    if issue.location is None:
        return {"artifactLocation": {"uri": _uri(issue.target)}, "region": {"startLine": 1}}
    return {
        "artifactLocation": {"uri": _quoted(issue.location.file), "uriBaseId": _ROOT},
        "region": {"startLine": _line(issue.location)},
    }


def _line(location: Location) -> int:
    """The line, the first for a whole file: GitHub takes no result without one."""
    return location.line or 1


def _uri(target: str) -> str:
    """A target as a reference: a URL as it is, any other escaped, so that no colon makes it one."""
    return _quoted(target, ":/?#[]@!$&'()*+,;=%~") if "://" in target else _quoted(target)


def _quoted(text: str, safe: str = "/") -> str:
    return quote(text, safe, errors="backslashreplace")


def _fingerprint(*identity: str) -> str:
    """What a finding is known by from run to run: no figure and no line is part of it."""
    return hashlib.sha256("\0".join(identity).encode(errors="backslashreplace")).hexdigest()[:32]
