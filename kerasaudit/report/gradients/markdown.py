"""Markdown: a section for each run with pipe tables, for pull requests and notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kerasaudit.finding import Finding
from kerasaudit.gradients.rows import SilentWeight, WeightSummary
from kerasaudit.gradients.summary import RunSummary
from kerasaudit.reconciliation.result import Failure
from kerasaudit.report.gradients import wording
from kerasaudit.report.gradients.wording import figure, partition
from kerasaudit.report.markdown import code, prose, table
from kerasaudit.report.wording import MARKS, count, shape

__all__ = ["FORMAT", "SUFFIX", "render"]

FORMAT = "markdown"
SUFFIX = ".md"

_BARS = 24  # characters of a trend


def render(results: Sequence[RunSummary | Failure]) -> str:
    """Render results as Markdown.

    >>> print(render([Failure("a|b", "no such run")]))
    ## Not read
    <BLANKLINE>
    - `a|b`: no such run
    <BLANKLINE>
    """
    runs, failures = partition(results)
    blocks = ["\n\n".join(_run(run)) for run in runs]
    if failures:
        lines = (f"- {code(f.target)}: {prose(f.message)}" for f in failures)
        blocks.append("## Not read\n\n" + "\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def _run(run: RunSummary) -> Iterable[str]:
    yield f"## {MARKS[run.status]} {code(run.name)}"
    about = wording.about(run)
    yield " · ".join([*([prose(about)] if about else []), f"**{wording.status_line(run)}**"])
    if run.findings:
        yield "### Findings"
        yield "\n".join(_finding(finding) for finding in run.findings)
    yield table("|run||", ([prose(name), prose(text)] for name, text in wording.facts(run)))
    if run.weights:
        yield "### Weights"
        header = "|weight|class|kernels|first|median|last|max abs|update|always 0|not finite|trend|"
        rows = (_weight(weight, run) for weight in run.weights)
        yield table(header, rows, right=range(2, 10))
    if run.silent:
        yield "### No gradient"
        yield table("|weight|class|shape|status|why|", map(_silent, run.silent))
    notes = wording.messages(run)
    if notes:
        yield "\n".join(f"- {prose(note)}" for note in notes)
    versions = ", ".join(f"{name} {value}" for name, value in sorted(run.versions.items()))
    if versions:
        yield f"<sub>{prose(versions)}</sub>"


def _weight(weight: WeightSummary, run: RunSummary) -> list[str]:
    trend = wording.spark(weight.level, weight.non_finite, _BARS)
    return [
        code(wording.name_of(weight, run), cell=True),
        code(weight.class_name, cell=True),
        count(weight.kernels),
        figure(weight.norm_first),
        figure(weight.norm_typical),
        figure(weight.norm_last),
        figure(weight.max_abs),
        figure(weight.update_ratio),
        count(weight.dead_kernels),
        count(weight.non_finite_steps),
        code(trend, cell=True),
    ]


def _silent(weight: SilentWeight) -> list[str]:
    names = [code(weight.path, cell=True), code(weight.class_name, cell=True)]
    return [*names, prose(shape(weight.shape)), weight.status, prose(weight.reason)]


def _finding(finding: Finding) -> str:
    name = getattr(finding, "name", "")
    label = f" {prose(name)}" if name else ""
    lines = [f"- **{finding.code}**{label}: {prose(finding.message)}"]
    figures = wording.evidence(finding)
    if figures:
        lines.append("  " + ", ".join(f"{prose(name)} {prose(value)}" for name, value in figures))
    if wording.advice(finding):
        lines.append(f"  → {prose(wording.advice(finding))}")
    return "  \n".join(lines)
