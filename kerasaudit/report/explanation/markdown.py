"""Markdown: the chosen element's formula and its largest paths, for notebooks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kerasaudit.backprop.lesson import Lesson
from kerasaudit.reconciliation.result import Failure
from kerasaudit.report.explanation.wording import (
    about,
    cell,
    element,
    facts,
    figure,
    headings,
    listed,
    partition,
)
from kerasaudit.report.markdown import code, prose, table
from kerasaudit.report.wording import printable

__all__ = ["FORMAT", "SUFFIX", "render"]

FORMAT = "markdown"
SUFFIX = ".md"

_ROWS = 50  # so many paths stand in the table


def render(results: Sequence[Lesson | Failure]) -> str:
    """Render results as Markdown, a section for each."""
    lessons, failures = partition(results)
    blocks = ["\n\n".join(_lesson(lesson)) for lesson in lessons]
    if failures:
        lines = (f"- {code(f.target)}: {prose(f.message)}" for f in failures)
        blocks.append("## Not explained\n\n" + "\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def _lesson(lesson: Lesson) -> Iterator[str]:
    found = lesson.explanation
    yield f"## {code(f'∂L/∂{found.symbol}')} of {code(lesson.name)}"
    yield prose(about(lesson))
    yield table(
        "|element|value|gradient|paths|",
        [(code(element(found)), figure(found.value), figure(found.gradient), listed(found))],
    )
    yield " · ".join(f"{name} {prose(text)}" for name, text in facts(lesson))
    yield f"```text\n{printable(found.formula)}\n\n{printable(found.numbers)}\n```"
    columns = headings(found)
    rows = [
        (str(number), *(cell(link) for link in path.links), figure(path.product))
        for number, path in enumerate(found.chains[:_ROWS], 1)
    ]
    yield table(
        "|" + "|".join(["path", *columns, "product"]) + "|",
        [tuple(map(prose, row)) for row in rows],
        right=tuple(range(len(columns) + 2)),
    )
    if found.count > len(rows):
        yield f"{found.count - len(rows):,} more paths are in the sum."
