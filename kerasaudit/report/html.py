"""HTML: one self-contained page, read without a network and without JavaScript."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from kerasaudit.reconciliation.result import Audit, Failure
from kerasaudit.report import liveness, page, svg, wording
from kerasaudit.report.diff import wording as diff_wording
from kerasaudit.report.wording import partition, printable

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["FORMAT", "SUFFIX", "fragment", "index", "render"]

FORMAT = "html"
SUFFIX = ".html"

# What a page has besides its style sheet where findings are only warnings.
_MILD = (
    "section.findings.mild{border-color:var(--warn);background:none}"
    "section.findings.mild .part,.findings .mild .code{color:var(--warn)}"
)
_DRIFT_ROWS = 2000  # so many rows of a drift stand on the page


def render(results: Sequence[Audit | Failure]) -> str:
    """Render results as one page: an audit in full, or several after a table of them."""
    audits, failures = partition(results)
    title = audits[0].name if len(audits) == 1 else "kerasaudit"
    if len(results) == 1 and not audits:
        title = failures[0].target
    drifted = any(audit.drift is not None and audit.drift.differs for audit in audits)
    return page.page(
        _environment(),
        "audits.jinja",
        styles=("style.css", "diff.css") if drifted else ("style.css",),
        title=printable(title),
        audits=audits,
        failures=failures,
        links=[f"#a{number}" for number in range(len(audits))],
        rules=_MILD if any(map(wording.has_warnings, audits)) else "",
    )


def index(pages: Sequence[tuple[Audit | Failure, str | None]]) -> str:
    """A page over several reports.

    Args:
        pages: each result with the page that shows it, relative to this one; `None` for a failure.
    """
    audits, failures = partition([result for result, _ in pages])
    links = [quote(page) for _, page in pages if page is not None]
    return page.page(
        _environment(),
        "index.jinja",
        title="Audited models",
        audits=audits,
        failures=failures,
        links=links,
    )


def fragment(audit: Audit) -> str:
    """A small table for a notebook: no script, no style sheet, in the notebook's own colours."""
    return _environment().get_template("fragment.jinja").render(audit=audit)


@functools.cache
def _environment() -> Environment:
    from markupsafe import Markup

    return page.environment(
        {
            "segments": svg.segments,
            "bar": lambda stretches, number: Markup(svg.bar(stretches, number)),  # noqa: S704
            "liveness": lambda audit, number: Markup(liveness.area(audit, number)),  # noqa: S704
            "peak": liveness.peak,
            "told": diff_wording,
            "most_rows": _DRIFT_ROWS,
        },
        {"set_apart": wording.set_apart},
    )
