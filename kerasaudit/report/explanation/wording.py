"""How the reports of an explained gradient write its facts, paths and figures."""

from __future__ import annotations

from collections.abc import Iterable

from kerasaudit.backprop.lesson import Lesson
from kerasaudit.backprop.paths.explanation import Explanation
from kerasaudit.backprop.paths.formula import Link, figure
from kerasaudit.reconciliation.result import Failure
from kerasaudit.report.wording import printable

__all__ = [
    "about",
    "cell",
    "element",
    "facts",
    "figure",
    "headings",
    "listed",
    "partition",
    "sides",
]


def partition(results: Iterable[Lesson | Failure]) -> tuple[list[Lesson], list[Failure]]:
    """The lessons and the failures, each in order."""
    lessons: list[Lesson] = []
    failures: list[Failure] = []
    for result in results:
        if isinstance(result, Failure):
            failures.append(result)
        else:
            lessons.append(result)
    return lessons, failures


def about(lesson: Lesson) -> str:
    """What the model is, and where it is from."""
    return " · ".join(printable(part) for part in (lesson.summary, lesson.target) if part)


def facts(lesson: Lesson) -> list[tuple[str, str]]:
    """What is said of the model on this input as a whole."""
    found = [("loss", f"{printable(lesson.loss_name)} L = {figure(lesson.loss)}")]
    output = lesson.grids[-1]
    if len(output.values) == 1:
        found.append(("output", f"ŷ = {figure(output.values[0])}"))
    if lesson.examples == 1:
        found.append(("target", f"y = {_flat(lesson.y)}"))
    else:
        count = f"{lesson.examples:,}"
        found.append(("examples", f"{count} (the figures of the first, the gradient of all)"))
    return found


def _flat(y: object) -> str:
    while isinstance(y, list) and len(y) == 1:
        y = y[0]
    return figure(y) if isinstance(y, (int, float)) else printable(y)


def element(explanation: Explanation) -> str:
    """The element as the command line takes it: "conv2d/kernel[0,0,0,0]"."""
    return f"{explanation.weight}[{','.join(map(str, explanation.index))}]"


def listed(explanation: Explanation) -> str:
    """How many paths there are, and how many of them are listed."""
    number = explanation.count
    words = "1 path" if number == 1 else f"{number:,} paths"
    if explanation.complete:
        return words
    return f"{words}, of which the {len(explanation.chains):,} largest are listed"


def headings(explanation: Explanation) -> list[str]:
    """The factors of every path in order: "∂L/∂ŷ", "∂ŷ/∂o" and so on."""
    if not explanation.chains:
        return []
    return [f"∂{link.of.name}/∂{link.by.name}" for link in explanation.chains[0].links]


def sides(link: Link) -> str:
    """What a factor is: a weight's element, a pixel, or where a maximum was won."""
    if link.equals is not None:
        return str(link.equals)
    return f"{link.by} won" if link.selects else ""


def cell(link: Link) -> str:
    """A factor in a column of text: what it is, with its figure."""
    name = sides(link)
    return f"{figure(link.value)} ({name})" if name else figure(link.value)
