"""HTML: one self-contained page that works a model through, every element selectable.

Every element is on the page; which one is shown is chosen by radio buttons and style rules alone,
so it reads without JavaScript.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from kerasaudit.backprop.lesson import Lesson, Values
from kerasaudit.backprop.paths.notation import Symbol
from kerasaudit.reconciliation.result import Failure
from kerasaudit.report import page
from kerasaudit.report.explanation import diagram, mathml, wording
from kerasaudit.report.wording import printable

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

__all__ = ["FORMAT", "SUFFIX", "index", "render"]

FORMAT = "html"
SUFFIX = ".html"

_STYLES = ("style.css", "explanation.css")
_LONGEST = 1_000_000  # characters of a page, if it can be helped
_ROWS = 200  # so many paths stand in an element's table
_COLUMNS = 12  # an axis of at most so many elements is a row of the chooser


def render(results: Sequence[Lesson | Failure]) -> str:
    """Render results as one page. Of several lessons, only the first is worked through."""
    lessons, failures = wording.partition(results)
    if not lessons:
        return _page([], [], failures)
    whole, *others = lessons
    for lesson in _narrowed(whole):
        left_out = len(whole.explanations) - len(lesson.explanations)
        text = _page([lesson], others, failures, left_out)
        if len(text) <= _LONGEST:
            break
    return text


def _page(
    lessons: Sequence[Lesson],
    others: Sequence[Lesson],
    failures: Sequence[Failure],
    left_out: int = 0,
) -> str:
    return page.page(
        _environment(),
        "explanation.jinja",
        styles=_STYLES,
        rules=_rules(max((len(lesson.explanations) for lesson in lessons), default=0)),
        title=printable(lessons[0].name if lessons else "Not explained"),
        lessons=lessons,
        others=others,
        failures=failures,
        left_out=left_out,
    )


def _narrowed(lesson: Lesson) -> Iterator[Lesson]:
    """The lesson with every element, with those of the chosen weight, with ever fewer around it."""
    yield lesson
    kept = [one for one in lesson.explanations if one.weight == lesson.explanation.weight]
    while True:
        chosen = kept.index(lesson.explanation)
        yield replace(lesson, explanations=tuple(kept), chosen=chosen)
        if len(kept) == 1:
            return
        half = len(kept) // 2
        first = min(max(chosen - half // 2, 0), len(kept) - half)
        kept = kept[first : first + half]


def index(pages: Sequence[tuple[Lesson | Failure, str | None]]) -> str:
    """A page over several reports.

    Args:
        pages: each result with the page that shows it, relative to this one; `None` for a failure.
    """
    lessons, failures = wording.partition([result for result, _ in pages])
    links = [quote(page) for _, page in pages if page is not None]
    return page.page(
        _environment(),
        "explanation_index.jinja",
        styles=_STYLES,
        title="Explained gradients",
        lessons=lessons,
        links=links,
        failures=failures,
    )


def _rules(elements: int) -> str:
    """Show the pane of the element that is chosen, and no other."""
    shown = ",".join(f"main:has(#e{n}:checked) .e{n}" for n in range(elements))
    if not shown:
        return ""
    return f"@supports selector(:has(*)){{.pane{{display:none}}{shown}{{display:block}}}}\n"


@functools.cache
def _environment() -> Environment:
    return page.environment(
        {
            "told": wording,
            "diagram": lambda lesson: _own(diagram.diagram(lesson)),
            "is_drawn": diagram.is_drawn,
            "derivation": lambda found: _own(mathml.derivation(found)),
            "update": lambda found: _own(mathml.update(found)),
            "symbol": _symbol,
            "chooser": _chooser,
            "rows_of": _rows,
            "most_rows": _ROWS,
        }
    )


def _own(markup: str) -> Markup:
    from markupsafe import Markup

    return Markup(markup)  # noqa: S704 - it is written from figures and our own letters


def _symbol(value: Symbol) -> Markup:
    """A symbol in running text."""
    above = f"<sup>{value.name.number or ''}{'′' * value.name.primes}</sup>"
    below = f"<sub>{value.below}</sub>" if value.below else ""
    return _own(f"<i>{value.name.letter}</i>{above.replace('<sup></sup>', '')}{below}")


def _chooser(lesson: Lesson) -> list[tuple[Values, int, list[int]]]:
    """Each weight with its columns in the chooser and the places of its elements."""
    found = []
    for weight in lesson.weights:
        places = [n for n, one in enumerate(lesson.explanations) if one.weight == weight.path]
        if places:
            extents = [extent for extent in weight.shape if extent > 1]
            whole = len(places) == len(weight.values) and extents and extents[-1] <= _COLUMNS
            upright = whole and len(extents) == 1
            found.append((weight, 1 if upright else extents[-1] if whole else 1, places))
    return found


def _rows(values: Sequence[float], shape: Sequence[int]) -> list[Sequence[float]]:
    """The figures of an array in rows along its last axis of several."""
    extents = [extent for extent in shape if extent > 1]
    width = extents[-1] if extents else 1
    return [values[at : at + width] for at in range(0, len(values), width)]
