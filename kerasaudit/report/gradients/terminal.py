"""The terminal: the findings of a run first, then its facts and a line for each weight.

`write` is what the command line calls. `render` is the same report as plain text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from kerasaudit.finding import Finding
from kerasaudit.gradients.rows import WeightSummary
from kerasaudit.gradients.summary import RunSummary
from kerasaudit.reconciliation.result import Failure
from kerasaudit.report.console import STYLES, as_text, indented, marked, plain, styled
from kerasaudit.report.console import write as write_to
from kerasaudit.report.gradients import wording
from kerasaudit.report.gradients.wording import figure, partition
from kerasaudit.report.wording import MARKS, count, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["FORMAT", "SUFFIX", "render", "write"]

FORMAT = "terminal"
SUFFIX = None

_WIDE = 120  # from so many columns on, a weight's line has all of its figures
_NARROW = 64  # and with fewer than so many it has several lines
_FEWEST_BARS, _MOST_BARS = 8, 48
_NAME = 30  # so much of a name is not broken for the columns beside it


def render(results: Sequence[RunSummary | Failure]) -> str:
    """Render results as plain text of 80 columns.

    >>> print(render([Failure("runs/a", "runs/a: no such run")]).strip())
    ✗ runs/a: no such run
    """
    return as_text(lambda console: _print(console, results, reasons=True))


def write(
    results: Sequence[RunSummary | Failure],
    stream: TextIO,
    *,
    width: int | None = None,
    color: bool | None = None,
    reasons: bool = True,
) -> None:
    """Write the report of results to a text stream.

    Args:
        results: what was recorded, in order.
        stream: where to; a terminal gets colour (unless NO_COLOR is set) and its own width.
        width: columns, if not the terminal's own (80 where there is none).
        color: whether to colour, if not as the stream says.
        reasons: whether to say why a run could not be read, or only which.
    """
    write_to(stream, lambda console: _print(console, results, reasons), width=width, color=color)


def _print(console: Console, results: Sequence[RunSummary | Failure], reasons: bool) -> None:
    runs, failures = partition(results)
    for run in runs:
        _print_run(console, run)
    for failure in failures:
        message = failure.message if reasons else "not read"
        told = message.startswith(failure.target)
        console.print(marked("failed", message if told else f"{failure.target}: {message}"))


def _print_run(console: Console, run: RunSummary) -> None:
    head = styled(f"{printable(run.name)}  ", "bold")
    head.append(f"{MARKS[run.status]} {wording.status_line(run)}", STYLES[run.status])
    console.print(head)
    about = wording.about(run)
    if about:
        console.print(indented(styled(about, "dim"), 2))
    console.print()
    for finding in run.findings:
        _print_finding(console, finding)
    _print_facts(console, run)
    if run.weights and console.width >= _NARROW:
        console.print(indented(_weights(console, run), 2))
        console.print()
    elif run.weights:
        _print_narrow(console, run)
    _print_silent(console, run)
    notes = wording.messages(run)
    for note in notes:
        console.print(indented(styled(printable(note), "dim"), 2))
    if notes:
        console.print()


def _print_finding(console: Console, finding: Finding) -> None:
    line = styled(finding.code, "bold red").append(f" {printable(finding.message)}")
    console.print(indented(line, 2))
    figures = "   ".join(f"{name} {value}" for name, value in wording.evidence(finding))
    if figures:
        console.print(indented(styled(figures, "dim"), 8))
    if wording.advice(finding):
        console.print(indented(plain(f"→ {printable(wording.advice(finding))}"), 8))
    console.print()


def _print_facts(console: Console, run: RunSummary) -> None:
    table = _grid()
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in wording.facts(run):
        table.add_row(name, text)
    console.print(indented(table, 2))
    console.print()


def _weights(console: Console, run: RunSummary) -> Table:
    """A line for each weight; figures are never cut, the name is broken first."""
    wide = console.width >= _WIDE
    table = _grid(header=True)
    longest = max(len(printable(wording.name_of(w, run))) for w in run.weights)
    table.add_column("weight", overflow="fold", min_width=min(longest, _NAME if wide else 12))
    if wide:
        table.add_column("class", no_wrap=True, style="cyan")
    for name in ("kernels", "first", *(("median",) if wide else ()), "last", "max abs"):
        table.add_column(name, justify="right", no_wrap=True)
    updates = wide and any(weight.update_ratio is not None for weight in run.weights)
    if updates:
        table.add_column("update", justify="right", no_wrap=True)
    table.add_column("trend", no_wrap=True)
    table.add_column("", overflow="fold", style="bold yellow")
    bars = max(_FEWEST_BARS, min(_MOST_BARS, console.width - (150 if wide else 70)))
    for weight in run.weights:
        cells = [printable(wording.name_of(weight, run))]
        cells += [printable(weight.class_name)] if wide else []
        cells += [count(weight.kernels), figure(weight.norm_first)]
        cells += [figure(weight.norm_typical)] if wide else []
        cells += [figure(weight.norm_last), figure(weight.max_abs)]
        cells += [figure(weight.update_ratio)] if updates else []
        trend = wording.spark(weight.level, weight.non_finite, bars)
        table.add_row(*map(plain, [*cells, trend, _marks(weight)]))
    return table


def _print_narrow(console: Console, run: RunSummary) -> None:
    """Each weight on lines of its own."""
    for weight in run.weights:
        console.print(indented(styled(printable(wording.name_of(weight, run)), "bold"), 2))
        trend = wording.spark(weight.level, weight.non_finite, _FEWEST_BARS)
        ends = f"{figure(weight.norm_first)} → {figure(weight.norm_last)}"
        line = plain(f"{count(weight.kernels)} kernels, {ends}, ")
        line.append(f"max {figure(weight.max_abs)}  {trend}")
        console.print(indented(line.append(f"  {_marks(weight)}", "bold yellow"), 4))
    console.print()


def _marks(weight: WeightSummary) -> str:
    """What is amiss, in few words."""
    parts = []
    if weight.dead_kernels:
        parts.append(f"{weight.dead_kernels:,} always 0")
    if weight.non_finite_steps:
        parts.append(f"not finite ×{weight.non_finite_steps:,}")
    return ", ".join(parts)


def _print_silent(console: Console, run: RunSummary) -> None:
    if not run.silent:
        return
    console.print(indented(styled("No gradient", "bold"), 2))
    by_reason: dict[tuple[str, str], list[str]] = {}
    for weight in run.silent:
        by_reason.setdefault((weight.status, weight.reason), []).append(weight.path)
    for (status, reason), paths in by_reason.items():
        line = styled("" if status == "recorded" else f"{status} ", "bold yellow")
        line.append(f"{reason}: ", "dim")
        line.append(", ".join(map(printable, paths)))
        console.print(indented(line, 4))
    console.print()


def _grid(*, header: bool = False) -> Table:
    from rich.table import Table

    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=header)
