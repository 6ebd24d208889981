"""Annotations of a GitHub workflow: a command for each error and warning, and a last line of words.

A command names the file and the line of the builder or claim that it is about, where there is one
in the repository. GitHub shows the first ten errors and the first ten warnings of a step, so the
gravest come first; the last line says how many there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kerasaudit.finding import SEVERITIES
from kerasaudit.reconciliation.result import Audit, Failure
from kerasaudit.report.issues import Issue, by_gravity, issues, tally
from kerasaudit.report.wording import headline, printable

__all__ = ["FORMAT", "SUFFIX", "render"]

FORMAT = "github"
SUFFIX = None

_SHOWN = 10  # so many annotations of each severity does GitHub show of one step

# What GitHub reads as its escapes in a message, and besides in a property. A severity is the name
# of its command.
_IN_MESSAGE = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_IN_PROPERTY = {**_IN_MESSAGE, ":": "%3A", ",": "%2C"}


def render(results: Sequence[Audit | Failure]) -> str:
    """Render results as workflow commands.

    >>> print(render([Failure("net.py", "net.py: no such file")]), end="")
    ::error title=not audited::net.py: no such file
    kerasaudit: 0 models audited, 1 could not be; 1 error
    """
    found = by_gravity(issues(results))
    return "".join(f"{line}\n" for line in (*map(_command, found), _last(results, found)))


def _last(results: Sequence[Audit | Failure], found: Sequence[Issue]) -> str:
    line = f"kerasaudit: {headline(results)}"
    if not found:
        return line
    line = f"{line}; {tally(found)}"
    most = max(sum(issue.severity == one for issue in found) for one in SEVERITIES)
    return f"{line}, of which GitHub shows the first {_SHOWN} of each" if most > _SHOWN else line


def _command(issue: Issue) -> str:
    place = issue.location
    properties = {
        "file": None if place is None else printable(place.file),
        "line": None if place is None or place.line is None else str(place.line),
        "title": _title(issue),
    }
    listed = ",".join(
        f"{name}={_escaped(value, _IN_PROPERTY)}"
        for name, value in properties.items()
        if value is not None
    )
    message = _escaped("\n".join(issue.lines), _IN_MESSAGE)
    return f"::{issue.severity} {listed}::{message}"


def _title(issue: Issue) -> str:
    return " ".join(map(printable, filter(None, (issue.code or "not audited", issue.model))))


def _escaped(text: str, escapes: Mapping[str, str]) -> str:
    return "".join(escapes.get(c, c) for c in text)
