"""The terminal: what each layer was and is, then the tallies that changed; no figure is cut.

`write` is what the command line calls. `render` is the same report as plain text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from kerasaudit.reconciliation.differences import Diff, LayerChange
from kerasaudit.reconciliation.result import Failure
from kerasaudit.report.console import as_text, indented, marked, plain, styled
from kerasaudit.report.console import write as write_to
from kerasaudit.report.diff import wording
from kerasaudit.report.diff.wording import MARKS, STATUS_MARKS, Detail, partition
from kerasaudit.report.wording import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

__all__ = ["FORMAT", "SUFFIX", "print_diff", "render", "write"]

FORMAT = "terminal"
SUFFIX = None

_NO_FIGURES = ("renamed", "moved")
_STYLES = {"added": "green", "removed": "bold red", "changed": "bold yellow"}
_STATUS_STYLES = {"equal": "green", "different": "bold yellow", "incomplete": "bold yellow"}


def render(results: Sequence[Diff | Failure]) -> str:
    """Render results as plain text of 80 columns.

    >>> print(render([Failure("old.json", "old.json: no such file")]).strip())
    ✗ old.json: no such file
    """
    return as_text(lambda console: _print(console, results, reasons=True))


def write(
    results: Sequence[Diff | Failure],
    stream: TextIO,
    *,
    width: int | None = None,
    color: bool | None = None,
    reasons: bool = True,
) -> None:
    """Write the report of results to a text stream.

    Args:
        results: what was compared.
        stream: where to; a terminal gets colour (unless NO_COLOR is set) and its own width.
        width: columns, if not the terminal's own (80 where there is none).
        color: whether to colour, if not as the stream says.
        reasons: whether to say why a target could not be audited, or only which.
    """
    write_to(stream, lambda console: _print(console, results, reasons), width=width, color=color)


def _print(console: Console, results: Sequence[Diff | Failure], reasons: bool) -> None:
    diffs, failures = partition(results)
    for diff in diffs:
        print_diff(console, diff)
    for failure in failures:
        message = failure.message if reasons else "not audited"
        told = message.startswith(failure.target)
        console.print(marked("failed", message if told else f"{failure.target}: {message}"))


def print_diff(console: Console, diff: Diff) -> None:
    """Print one diff on a console."""
    head = styled(f"{printable(diff.name)}  ", "bold")
    line = f"{STATUS_MARKS[diff.status]} {wording.status_line(diff)}"
    console.print(head.append(line, _STATUS_STYLES[diff.status]))
    for name, side in (("old", diff.old), ("new", diff.new)):
        text = f"{name}  {printable(side.target)} · {wording.side_line(side)}"
        console.print(indented(styled(text, "dim"), 2))
        for reason in wording.reasons(side):
            console.print(indented(styled(reason, "bold yellow"), 7))
    console.print()
    _print_layers(console, diff.layers)
    if diff.connections:
        console.print(indented(styled("Fed by other layers", "bold"), 2))
        _print_details(console, list(map(wording.fed, diff.connections)))
        console.print()
    _print_totals(console, diff)
    console.print(indented(styled(wording.unchanged_line(diff), "dim"), 2))


def _print_layers(console: Console, changes: Sequence[LayerChange]) -> None:
    """A line for each layer, what of it changed below; figures in columns where they fit."""
    figures = {id(one): wording.params(one) for one in changes if one.kind not in _NO_FIGURES}
    widths = [max(map(len, column)) for column in zip(*figures.values(), strict=True)]
    names = [_name(change) for change in changes]
    room = console.width - 9 - sum(widths)
    column = min(max((name.cell_len for name in names), default=0), room)
    for change, name in zip(changes, names, strict=True):
        if id(change) in figures:
            padded = zip(figures[id(change)], widths, strict=True)
            before, after, difference = (f"{text:>{width}}" for text, width in padded)
            space = " " * (column + 2 - min(name.cell_len, column))
            right = f"{space}{before} → {after}  {difference}"
            if name.cell_len <= column:
                name.append(right)
            else:
                name.append(f"\n{' ' * column}{right}")
        console.print(indented(name, 2))
        _print_details(console, wording.details(change))
    if changes:
        console.print()


def _name(change: LayerChange) -> Text:
    style = _STYLES.get(change.kind, "")
    name = styled(f"{MARKS[change.kind]} ", style)
    name.append(wording.layer_name(change), "bold").append("  ")
    return name.append(printable(change.class_name), "cyan")


def _print_details(console: Console, details: Sequence[Detail]) -> None:
    """What was and what is, beside its name; below it where a line does not hold them."""
    column = min(max((len(one.name) for one in details), default=0), 32)
    for one in details:
        line = f"{one.name:<{column}}  {one.old} → {one.new}"
        if 6 + len(line) <= console.width:
            console.print(indented(plain(line), 6))
            continue
        console.print(indented(plain(one.name), 6))
        console.print(indented(plain(f"{one.old} → {one.new}"), 8))


def _print_totals(console: Console, diff: Diff) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("total", overflow="fold")
    for name in ("before", "after", "difference"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in wording.totals_shown(diff):
        figures = map(wording.figure, (one.old, one.new))
        table.add_row(*map(plain, (wording.tally(one), *figures, wording.difference(one))))
    console.print(indented(table, 2))
    console.print()
