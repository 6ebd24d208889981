"""HTML: one self-contained page of what changed, read without a network and without JavaScript."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from kerasaudit.reconciliation.differences import Diff
from kerasaudit.reconciliation.result import Failure
from kerasaudit.report import page
from kerasaudit.report.diff import wording
from kerasaudit.report.wording import printable

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["FORMAT", "SUFFIX", "fragment", "index", "render"]

FORMAT = "html"
SUFFIX = ".html"

_STYLES = ("style.css", "diff.css")
_ROWS = 2000  # so many rows of a table stand on the page


def render(results: Sequence[Diff | Failure]) -> str:
    """Render results as one page: a diff in full, or several after a table of them."""
    diffs, failures = wording.partition(results)
    title = diffs[0].name if len(diffs) == 1 else "Compared models"
    links = [f"#d{number}" for number in range(len(diffs))]
    return _page("diffs.jinja", title, diffs, failures, links)


def index(pages: Sequence[tuple[Diff | Failure, str | None]]) -> str:
    """A page over several reports.

    Args:
        pages: each result with the page that shows it, relative to this one; `None` for a failure.
    """
    diffs, failures = wording.partition([result for result, _ in pages])
    links = [quote(page) for _, page in pages if page is not None]
    return _page("diffs_index.jinja", "Compared models", diffs, failures, links)


def fragment(diff: Diff) -> str:
    """A small table for a notebook: no script, no style sheet, in the notebook's own colours."""
    return _environment().get_template("diff_fragment.jinja").render(diff=diff)


def _page(
    template: str,
    title: str,
    diffs: Sequence[Diff],
    failures: Sequence[Failure],
    links: Sequence[str],
) -> str:
    return page.page(
        _environment(),
        template,
        styles=_STYLES,
        title=printable(title),
        diffs=diffs,
        failures=failures,
        links=links,
    )


@functools.cache
def _environment() -> Environment:
    return page.environment({"told": wording, "most_rows": _ROWS})
