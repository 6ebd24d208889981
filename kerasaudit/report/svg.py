"""Charts as inline SVG with text alternatives: where the parameters of a model are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kerasaudit.reconciliation.result import LayerRow
from kerasaudit.report.wording import held, printable, share

__all__ = ["Segment", "bar", "segments"]

# A layer with at least this share of the parameters has a segment of its own. The layers between
# two of those are drawn together as a run, which is parted where it comes to the second share. So
# many runs below the third share are too narrow to see.
_OWN_SHARE = 0.04
_RUN_SHARE = 0.10
_NARROW_SHARE = 0.01
_MANY = 3

HUES = 7  # classes h0 … h6 of the style sheet; runs are "others"
_WIDTH = 1000


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the bar: one large layer, or a run of small ones. `hue` names its colour."""

    label: str
    params: int
    share: float
    hue: str


def segments(layers: Iterable[LayerRow]) -> tuple[Segment, ...]:
    """The stretches of the bar in graph order; none where no layer is known to hold anything.

    A layer counts with what is derived, or else observed. One of which neither is known has no
    stretch: the figures beside the bar say that the total is not whole. Where runs of small layers
    are many and too narrow to see, they stand together at the end.
    """
    held = [(layer.path, params) for layer in layers if (params := _params(layer))]
    total = sum(params for _, params in held)
    runs = _runs(held, total)
    narrow = [run for run in runs if _sum(run) < _NARROW_SHARE * total]
    if len(narrow) >= _MANY:
        runs = [run for run in runs if run not in narrow]
    else:
        narrow = []
    found: list[Segment] = []
    for run in runs:
        own = len(run) == 1 and run[0][1] >= _OWN_SHARE * total
        hue = f"h{sum(segment.hue != 'others' for segment in found) % HUES}" if own else "others"
        ends = f"{printable(run[0][0])} … {printable(run[-1][0])}"
        label = printable(run[0][0]) if len(run) == 1 else f"{len(run)} layers, {ends}"
        found.append(Segment(label, _sum(run), _sum(run) / total, hue))
    if narrow:
        rest = [layer for run in narrow for layer in run]
        label = f"{len(rest)} small layers between them"
        found.append(Segment(label, _sum(rest), _sum(rest) / total, "others"))
    return tuple(found)


_Run = list[tuple[str, int]]  # the paths and parameters of neighbouring layers


def _runs(held: _Run, total: int) -> list[_Run]:
    """The layers parted into large ones, each by itself, and runs of small ones."""
    runs: list[_Run] = []
    run: _Run = []
    for path, params in held:
        large = params >= _OWN_SHARE * total
        if run and (large or _sum(run) >= _RUN_SHARE * total):
            runs.append(run)
            run = []
        run.append((path, params))
        if large:
            runs.append(run)
            run = []
    return [*runs, run] if run else runs


def _sum(run: _Run) -> int:
    return sum(params for _, params in run)


def _params(layer: LayerRow) -> int:
    return layer.derived if layer.derived is not None else held(layer) or 0


def bar(stretches: Sequence[Segment], number: int = 0) -> str:
    """A bar of the stretches, as wide as its place. `number` keeps ids apart on one page.

    >>> bar([Segment("dense", 10, 1.0, "h0")])[:52]
    '<svg class="bar" role="img" aria-labelledby="b0 d0" '
    """
    from markupsafe import escape

    opening = f'<svg class="bar" role="img" aria-labelledby="b{number} d{number}"'
    parts = [
        f'{opening} viewBox="0 0 {_WIDTH} 30" preserveAspectRatio="none">',
        f'<title id="b{number}">Where the parameters are, in graph order</title>',
        f'<desc id="d{number}">{escape("; ".join(map(_words, stretches)))}</desc>',
    ]
    left = 0.0
    for stretch in stretches:
        width = stretch.share * _WIDTH
        # A hair of ground between neighbours, as long as the stretch is wide enough to spare it.
        drawn = width - 1.5 if width > 4 else width
        parts.append(
            f'<rect class="{stretch.hue}" x="{left:.1f}" width="{drawn:.1f}" height="30">'
            f"<title>{escape(_words(stretch))}</title></rect>"
        )
        left += width
    return "".join([*parts, "</svg>"])


def _words(stretch: Segment) -> str:
    return f"{stretch.label}: {stretch.params:,} ({share(stretch.share)})"
