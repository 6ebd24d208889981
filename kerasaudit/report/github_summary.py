"""The summary of a GitHub job: a Markdown table of the models, and one of what is wrong.

It is what the command line appends to the file in `GITHUB_STEP_SUMMARY`, and short: GitHub takes a
mebibyte, and the reports of other formats hold the rest.
"""

from __future__ import annotations

from collections.abc import Sequence

from kerasaudit.finding import ERROR
from kerasaudit.reconciliation.result import Audit, Failure
from kerasaudit.report import wording
from kerasaudit.report.issues import Issue, by_gravity, issues, tally
from kerasaudit.report.markdown import code, prose, table
from kerasaudit.report.wording import MARKS, count, partition
from kerasaudit.zoo import TOTAL

__all__ = ["FORMAT", "SUFFIX", "render"]

FORMAT = "github-summary"
SUFFIX = None

_MOST = 200  # so many rows has a table


def render(results: Sequence[Audit | Failure]) -> str:
    r"""Render results as the summary of a job.

    >>> print(render([Failure("a|b.py", "no such file")]))
    ## kerasaudit: 0 models audited, 1 could not be
    <BLANKLINE>
    ### 1 error
    <BLANKLINE>
    |severity|code|where|what|
    |---|---|---|---|
    |✗ error|–|`a\|b.py`|no such file|
    <BLANKLINE>
    """
    audits, _ = partition(results)
    found = by_gravity(issues(results))
    blocks = [f"## kerasaudit: {wording.headline(results)}"]
    if audits:
        header = "|model|status|parameters|trainable|MACs|bytes|claims|budgets|"
        blocks.append(table(header, map(_model, audits[:_MOST]), right=(2, 3, 4, 5)))
        blocks += _more(len(audits), "models")
    if found:
        blocks.append(f"### {tally(found)}")
        blocks.append(table("|severity|code|where|what|", map(_issue, found[:_MOST])))
        blocks += _more(len(found), "errors and warnings")
    return "\n\n".join(blocks) + "\n"


def _more(number: int, noun: str) -> list[str]:
    rest = number - _MOST
    return [f"{rest:,} more {noun} are not listed here."] if rest > 0 else []


def _model(audit: Audit) -> list[str]:
    totals = audit.totals
    figures = (totals.params, totals.trainable, totals.macs, totals.bytes)
    return [
        code(audit.name, cell=True),
        f"{MARKS[audit.status]} {wording.status_line(audit)}",
        *map(count, figures),
        wording.claims_tally(audit.claims),
        "<br>".join(_budgets(audit)) or "none",
    ]


def _budgets(audit: Audit) -> list[str]:
    """The budgets of the model as a whole; a layer's has a row of its own where it is not kept."""
    return [
        f"{MARKS[wording.budget_status(audit, row)]} {prose(wording.budget(row))}"
        for row in audit.budgets
        if row.subject == TOTAL
    ]


def _issue(issue: Issue) -> list[str]:
    mark = MARKS["findings" if issue.severity == ERROR else issue.severity]
    details = (f"{name}: {code(text, cell=True)}" for name, text in issue.details)
    return [
        f"{mark} {issue.severity}",
        issue.code or "–",
        _where(issue),
        "<br>".join((prose(issue.message), *details)),
    ]


def _where(issue: Issue) -> str:
    if issue.location is None:
        return code(issue.target, cell=True)
    line = "" if issue.location.line is None else f":{issue.location.line}"
    return code(f"{issue.location.file}{line}", cell=True)
