"""The terminal: the chosen element's gradient as a formula, and a line for each path.

`write` is what the command line calls. `render` is the same report as plain text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from kerasaudit.backprop.lesson import Grid, Lesson
from kerasaudit.backprop.paths.explanation import Explanation
from kerasaudit.reconciliation.result import Failure
from kerasaudit.report.console import as_text, indented, marked, plain, styled
from kerasaudit.report.console import write as write_to
from kerasaudit.report.explanation import wording
from kerasaudit.report.explanation.wording import figure
from kerasaudit.report.wording import count, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

__all__ = ["FORMAT", "SUFFIX", "render", "write"]

FORMAT = "terminal"
SUFFIX = None

_ROWS = 40  # so many paths are printed
_CELLS = 64  # a map of at most so many figures is printed whole


def render(results: Sequence[Lesson | Failure]) -> str:
    """Render results as plain text of 80 columns.

    >>> print(render([Failure("a.py::net", "a.py: no such file")]).strip())
    ✗ a.py::net: a.py: no such file
    """
    return as_text(lambda console: _print(console, results))


def write(
    results: Sequence[Lesson | Failure],
    stream: TextIO,
    *,
    width: int | None = None,
    color: bool | None = None,
) -> None:
    """Write the report of results to a text stream.

    Args:
        results: what was explained, in order.
        stream: where to; a terminal gets colour (unless NO_COLOR is set) and its own width.
        width: columns, if not the terminal's own (80 where there is none).
        color: whether to colour, if not as the stream says.
    """
    write_to(stream, lambda console: _print(console, results), width=width, color=color)


def _print(console: Console, results: Sequence[Lesson | Failure]) -> None:
    lessons, failures = wording.partition(results)
    for lesson in lessons:
        _print_lesson(console, lesson)
    for failure in failures:
        console.print(marked("failed", f"{failure.target}: {failure.message}"))


def _print_lesson(console: Console, lesson: Lesson) -> None:
    found = lesson.explanation
    head = styled(printable(lesson.name), "bold")
    console.print(head.append(f"  {wording.element(found)} = {figure(found.value)}"))
    console.print(indented(styled(wording.about(lesson), "dim"), 2))
    facts = "   ".join(f"{name} {text}" for name, text in wording.facts(lesson))
    console.print(indented(plain(facts), 2))
    console.print()
    for grid in lesson.grids:
        _print_grid(console, grid)
    console.print(indented(styled(f"∂L/∂{found.symbol} = {figure(found.gradient)}", "bold"), 2))
    console.print(indented(plain(f"the sum of {wording.listed(found)}"), 2))
    console.print()
    for line in (found.formula, found.numbers):
        console.print(indented(plain(printable(line)), 2))
        console.print()
    _print_paths(console, found)
    console.print(indented(_sums(found), 2))


def _print_grid(console: Console, grid: Grid) -> None:
    """A small map of one channel, its winners in brackets."""
    rows = [extent for extent in grid.shape if extent > 1]
    if len(grid.values) > _CELLS or len(rows) > 2:
        return
    width = rows[-1] if rows else 1
    table = _table(header=False)
    cells = [_cell(value, at in grid.winners) for at, value in enumerate(grid.values)]
    for start in range(0, len(cells), width):
        table.add_row(*cells[start : start + width])
    name = styled(str(grid.name), "bold").append(f"  {printable(grid.path or 'input')}", "dim")
    console.print(indented(name, 2))
    console.print(indented(table, 4))
    console.print()


def _cell(value: float, won: bool) -> Text:
    written = f"{value:.2f}".replace("-", "−")
    return styled(f"[{written}]", "bold green") if won else plain(f" {written} ")


def _print_paths(console: Console, found: Explanation) -> None:
    """A line for each path, its factors as products of what they are."""
    table = _table(header=True)
    table.add_column("", justify="right", style="dim")
    table.add_column("path", overflow="fold")
    table.add_column("product", justify="right", no_wrap=True)
    for number, path in enumerate(found.chains[:_ROWS], 1):
        factors = " · ".join(wording.cell(link) for link in path.links)
        table.add_row(str(number), plain(printable(factors)), plain(figure(path.product)))
    console.print(indented(table, 2))
    shown = min(_ROWS, len(found.chains))
    if found.count > shown:
        more = f"and {count(found.count - shown)} more, which are in the sum"
        console.print(indented(styled(more, "dim"), 2))
    console.print()


def _sums(found: Explanation) -> Table:
    """All paths where they pass each stage."""
    table = _table(header=True)
    table.add_column("through")
    table.add_column("layer", style="cyan", overflow="fold")
    for name in ("positions", "paths", "sum of products"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found.sums:
        figures = (count(one.positions), count(one.paths), figure(one.gradient))
        table.add_row(str(one.name), printable(one.path), *figures)
    return table


def _table(*, header: bool) -> Table:
    from rich.table import Table

    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=header)
