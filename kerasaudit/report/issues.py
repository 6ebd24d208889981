"""What is wrong, of all results in one list: what a pipeline is told, a line or a row for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from kerasaudit.finding import ERROR, WARNING
from kerasaudit.location import Location
from kerasaudit.reconciliation.result import Audit, Failure
from kerasaudit.report.wording import finding_sides, printable

__all__ = ["Issue", "by_gravity", "issues", "tally"]


class Issue(NamedTuple):
    """A finding with the model that it is of, or a target that could not be audited.

    `code` is `None` for the latter, `path` for what is of no model. `details` say more of it: its
    working, what was expected and observed, the likely cause.
    """

    target: str
    model: str | None
    path: str | None
    code: str | None
    severity: str
    incomplete: bool
    message: str
    details: tuple[tuple[str, str], ...]
    location: Location | None

    @property
    def lines(self) -> list[str]:
        """The message, and a line for each detail."""
        details = (f"{name}: {printable(text)}" for name, text in self.details)
        return [printable(self.message), *details]


def issues(results: Iterable[Audit | Failure]) -> Iterator[Issue]:
    """What is wrong, in order.

    >>> [issue.message for issue in issues([Failure("net.py", "net.py: no such file")])]
    ['net.py: no such file']
    """
    for result in results:
        if isinstance(result, Failure):
            yield Issue(
                target=result.target,
                model=None,
                path=None,
                code=result.code,
                severity=ERROR,
                incomplete=result.code is None,
                message=result.message,
                details=(),
                location=result.location,
            )
            continue
        for finding in result.findings:
            yield Issue(
                target=result.target,
                model=result.name,
                path=finding.path,
                code=finding.code,
                severity=finding.severity,
                incomplete=finding.incomplete,
                message=finding.message,
                details=tuple(finding_sides(finding)),
                location=finding.location or result.location,
            )


def by_gravity(found: Iterable[Issue]) -> list[Issue]:
    """The gravest first: errors, and of them what could not be audited.

    One of each kind goes before a second one of any, so that the first few show all kinds.
    """
    seen: set[tuple[str, str | None]] = set()
    keyed = []
    for issue in found:
        kind = (issue.severity, issue.code)
        again = kind in seen
        seen.add(kind)
        keyed.append(((issue.severity != ERROR, again, not issue.incomplete), issue))
    return [issue for _, issue in sorted(keyed, key=lambda pair: pair[0])]


def tally(found: Iterable[Issue]) -> str:
    """How many errors and warnings there are: "2 errors, 1 warning"; "" if there are none.

    >>> tally(issues([Failure("a.py", "no"), Failure("b.py", "no")]))
    '2 errors'
    """
    severities = [issue.severity for issue in found]
    counts = [(name, severities.count(name)) for name in (ERROR, WARNING)]
    return ", ".join(f"{n:,} {name}{'' if n == 1 else 's'}" for name, n in counts if n)
