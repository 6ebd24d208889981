"""HTML: one self-contained page of what happened to every kernel, read without JavaScript."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING
from urllib.parse import quote

from kerasaudit.gradients.rows import WeightSummary
from kerasaudit.gradients.summary import RunSummary
from kerasaudit.reconciliation.result import Failure
from kerasaudit.report import page
from kerasaudit.report.gradients import charts, images, wording
from kerasaudit.report.wording import printable

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

__all__ = ["FORMAT", "SUFFIX", "index", "render"]

FORMAT = "html"
SUFFIX = ".html"

_STYLES = ("style.css", "gradients.css")
_FIGURE = r"^[-+]?\d+(\.\d+)?(e[-+]?\d+)?$"

_OPEN = 6  # so many layers are all open; of more, those with findings
_FINDINGS = 100  # so many findings stand on the page
_ROWS = 1500  # and so many weights in its table


def render(results: Sequence[RunSummary | Failure]) -> str:
    """Render results as one page: a run in full, or several after a table of them."""
    runs, failures = wording.partition(results)
    title = runs[0].name if len(runs) == 1 else "Recorded gradients"
    links = [f"#r{number}" for number in range(len(runs))]
    return _page("gradients.jinja", title, runs, failures, links)


def index(pages: Sequence[tuple[RunSummary | Failure, str | None]]) -> str:
    """A page over several reports.

    Args:
        pages: each result with the page that shows it, relative to this one; `None` for a failure.
    """
    runs, failures = wording.partition([result for result, _ in pages])
    links = [quote(page) for _, page in pages if page is not None]
    return _page("gradients_index.jinja", "Recorded gradients", runs, failures, links)


def _page(
    template: str,
    title: str,
    runs: Sequence[RunSummary],
    failures: Sequence[Failure],
    links: Sequence[str],
) -> str:
    return page.page(
        _environment(),
        template,
        styles=_STYLES,
        figure=_FIGURE,
        title=printable(title),
        runs=runs,
        failures=failures,
        links=links,
    )


@functools.cache
def _environment() -> Environment:
    return page.environment(
        {
            "told": wording,
            "images": images,
            "distribution": charts.distribution,
            "loss_chart": charts.loss,
            "rate_chart": charts.learning_rate,
            "spark": _spark,
            "layers_of": _layers,
            "opened": _opened,
            "most_findings": _FINDINGS,
            "most_rows": _ROWS,
        }
    )


def _spark(weight: WeightSummary) -> Markup:
    from markupsafe import Markup

    return Markup(charts.spark(weight.level, weight.non_finite))  # noqa: S704


def _layers(run: RunSummary) -> list[tuple[str, str, list[WeightSummary]]]:
    """The layers that have something drawn: path, class, weights."""
    drawn = [weight for weight in run.weights if weight.heat or weight.pictures]
    groups = groupby(drawn, key=lambda weight: (weight.layer, weight.class_name))
    return [(layer, class_name, list(weights)) for (layer, class_name), weights in groups]


def _opened(run: RunSummary, layers: Iterable[tuple[str, str, list[WeightSummary]]]) -> set[str]:
    """The layers that are open from the start."""
    names = [name for name, _, _ in layers]
    if len(names) <= _OPEN:
        return set(names)
    found = [getattr(finding, "layer", None) for finding in run.findings]
    return set(list(dict.fromkeys(name for name in found if name in set(names)))[:_OPEN])
