"""Markdown: a section for each audit with pipe tables, for pull requests and notebooks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from kerasaudit.finding import WARNING, Finding
from kerasaudit.reconciliation.budget import QUANTITIES
from kerasaudit.reconciliation.result import (
    Audit,
    BudgetRow,
    ClaimRow,
    Failure,
    LayerRow,
    StepRow,
    Totals,
)
from kerasaudit.report import wording
from kerasaudit.report.wording import MARKS, STATUS_WORDS, count, partition, printable, shape
from kerasaudit.zoo import TOTAL

__all__ = ["FORMAT", "SUFFIX", "code", "prose", "render", "table"]

FORMAT = "markdown"
SUFFIX = ".md"

# What Markdown or HTML would read as markup in prose. Names stand in code spans (`code`).
_MARKUP = str.maketrans(
    {
        "\\": "\\\\",
        "`": "\\`",
        "*": "\\*",
        "[": "\\[",
        "]": "\\]",
        "~": "\\~",
        "#": "\\#",
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        "|": "&#124;",
    }
)


def render(results: Sequence[Audit | Failure]) -> str:
    """Render results as Markdown.

    >>> print(render([Failure("a|b.py", "no such file")]))
    ## Not audited
    <BLANKLINE>
    - `a|b.py`: no such file
    <BLANKLINE>
    """
    audits, failures = partition(results)
    blocks = ["\n\n".join(_audit(audit)) for audit in audits]
    unaudited = [f"- {code(f.target)}: {prose(f.message)}" for f in failures if f.code is None]
    beside = [f"- {f.code} {prose(f.message)}" for f in failures if f.code is not None]
    for title, lines in (("Not audited", unaudited), ("Beside the models", beside)):
        blocks += [f"## {title}\n\n" + "\n".join(lines)] if lines else []
    return "\n\n".join(blocks) + "\n"


def _audit(audit: Audit) -> Iterable[str]:
    yield f"## {MARKS[audit.status]} {code(audit.name)}"
    about = [code(audit.target), f"**{wording.status_line(audit)}**"]
    if audit.source:
        about.append(prose(audit.source))
    yield " · ".join(about)
    if audit.findings:
        yield "### Findings"
        yield "\n".join(_finding(finding) for finding in audit.findings)
    yield _totals(audit)
    if audit.budgets:
        yield "### Budgets"
        rows = (_budget(audit, row) for row in audit.budgets)
        yield table("|budget|on|taken|limit|status|", rows, right=(2, 3))
    if audit.claims:
        yield f"### Claims: {wording.claims_tally(audit.claims)}"
        yield table("|claim|working|claimed|derived|observed|status|", map(_claim, audit.claims))
    yield "### Layers"
    yield table(
        f"|layer|class|working|derived|{wording.holder(audit)}|MACs|bytes|activations"
        "|receptive field|output shape|status|",
        map(_layer, audit.layers),
        right=(3, 4, 5, 6, 7),
    )
    versions = ", ".join(f"{name} {value}" for name, value in sorted(audit.versions.items()))
    yield f"<sub>{prose(versions)}</sub>"
    if audit.drift is not None and audit.drift.differs:
        from kerasaudit.report.diff.markdown import sections  # which is made of what is here

        yield f"## {code(audit.name)}: drift from the lock"
        yield from sections(audit.drift)


def _totals(audit: Audit) -> str:
    totals = audit.totals
    rows = [
        ("parameters, derived", count(totals.derived)),
        (f"parameters, {wording.holder(audit)}", _held(totals)),
        ("count_params()", "–" if totals.reported is None else count(totals.reported)),
        ("trainable", count(totals.trainable)),
        ("non-trainable", count(totals.non_trainable)),
        *((f"{name}, {note}", count(figure)) for name, figure, note in wording.kinds(totals)),
        ("MACs", count(totals.macs)),
        ("MACs of the backward pass", count(totals.backward_macs)),
        (f"bytes {wording.memory(totals)}", count(totals.bytes)),
        ("activations, elements per example", count(totals.activation_elements)),
        ("activations, bytes per example", count(totals.activation_bytes)),
        ("activations, bytes alive at once", count(totals.peak_activation_bytes)),
        ("coverage", wording.coverage(audit)),
    ]
    return table("|total||", ([prose(name), value] for name, value in rows), right=(1,))


def _held(row: LayerRow | Totals) -> str:
    held = wording.held(row)
    return "–" if held is None else count(held)


def _layer(layer: LayerRow) -> list[str]:
    working = wording.equation(layer)
    return [
        code(layer.path, cell=True),
        code(layer.class_name, cell=True),
        working if working == wording.UNKNOWN or not working else code(working, cell=True),
        count(layer.derived),
        _held(layer),
        count(layer.macs),
        count(layer.bytes),
        count(layer.activation_elements),
        wording.field(layer),
        prose(shape(layer.output_shape)),
        f"{MARKS[layer.status]} {STATUS_WORDS[layer.status]}",
    ]


def _budget(audit: Audit, row: BudgetRow) -> list[str]:
    status = wording.budget_status(audit, row)
    words = STATUS_WORDS[row.status]
    return [
        QUANTITIES[row.quantity],
        "the model" if row.subject == TOTAL else code(row.subject, cell=True),
        count(row.actual),
        count(row.limit),
        f"{MARKS[status]} {words}{', a warning' if status == WARNING else ''}",
    ]


def _claim(claim: ClaimRow) -> list[str]:
    return [
        f"{code(claim.subject, cell=True)} {wording.quantity(claim.quantity)}",
        "<br>".join(map(_step, wording.steps_shown(claim))),
        prose(claim.claimed or wording.UNKNOWN),
        prose(claim.derived or wording.UNKNOWN),
        prose(claim.observed or wording.UNKNOWN),
        f"{MARKS[claim.status]} {STATUS_WORDS[claim.status]}",
    ]


def _step(step: StepRow) -> str:
    if step.status == "ok":
        return f"{MARKS['ok']} {prose(step.text)}"
    return f"{MARKS['false']} ~~{prose(step.text)}~~ {prose(wording.step_note(step))}"


def _finding(finding: Finding) -> str:
    grade = " (warning)" if finding.severity == WARNING else ""
    lines = [f"- **{finding.code}**{grade} {prose(finding.message)}"]
    if finding.working:
        lines.append(f"  working: {code(f'{finding.formula} = {finding.working}')}")
    if finding.expected is not None or finding.observed is not None:
        sides = f"expected {finding.expected or '–'}, observed {finding.observed or '–'}"
        lines.append(f"  {prose(sides)}")
    if finding.cause:
        lines.append(f"  cause: {prose(finding.cause)}")
    return "  \n".join(lines)


def table(header: str, rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> str:
    """A pipe table; `right` are the columns of figures."""
    columns = header.count("|") - 1
    rule = "|".join("--:" if number in right else "---" for number in range(columns))
    lines = [header, f"|{rule}|"]
    lines += ["|" + "|".join(row) + "|" for row in rows]
    return "\n".join(lines)


def prose(value: object) -> str:
    """A text in which nothing is markup."""
    return printable(value).translate(_MARKUP)


def code(value: object, *, cell: bool = False) -> str:
    r"""A code span, in which nothing is markup: fenced by more backticks than it holds.

    In a table a pipe parts cells even inside code, unless it is escaped.

    >>> print(code("conv2d_1"), code("a`b"), code("a|b", cell=True))
    `conv2d_1` `` a`b `` `a\|b`
    """
    text = printable(value)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence, space = "`" * (longest + 1), " " if longest else ""
    text = text.replace("|", "\\|") if cell else text
    return f"{fence}{space}{text or ' '}{space}{fence}"
