"""Charts of a run as inline SVG: what is measured over steps, and how it lies over kernels.

A chart is stretched to its place, so it holds no text: labels stand beside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from kerasaudit.gradients.rows import Bands, Series, Timeline
from kerasaudit.report.gradients.wording import figure, power

__all__ = ["Chart", "distribution", "learning_rate", "loss", "spark"]

_DX = 10  # from one column to the next
_HEIGHT = 120
_SPARK = 18
_DECADES = 8  # with more, not each has a line
_LOG = 50  # a loss that falls by such a factor is drawn on a logarithmic scale

_Points = list[tuple[int, int]]  # column, height


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart with the labels of its upper and lower end."""

    svg: str
    top: str
    bottom: str


@dataclass(frozen=True, slots=True)
class _Scale:
    """From figures to heights; on a logarithmic one, what is not above 0 lies on the ground."""

    low: float
    high: float
    height: int = _HEIGHT
    log: bool = True

    def __call__(self, value: float) -> int:
        if self.log and value <= 0:
            return self.height
        at = math.log10(value) if self.log else value
        share = (self.high - at) / (self.high - self.low)
        return round(max(0.0, min(1.0, share)) * self.height)

    @property
    def lines(self) -> str:
        """A line at each power of ten within."""
        if not self.log:
            return ""
        low, high = int(self.low), int(self.high)
        each = max(1, math.ceil((high - low) / _DECADES))
        return "".join(f"M0 {self(10.0**n)}H{{width}}" for n in range(low + 1, high, each))


def distribution(bands: Bands, describe: str) -> Chart | None:
    """Bands from least to largest and from the 10 % to the 90 % quantile, and the median."""
    every = (bands.low, bands.p10, bands.median, bands.p90, bands.high)
    scale = _decades(value for series in every for value in series)
    if scale is None:
        return None
    shapes = [
        ("outer", _area(bands.low, bands.high, scale)),
        ("inner", _area(bands.p10, bands.p90, scale)),
        ("line", _line(bands.median, scale)),
    ]
    return _chart(shapes, scale, len(bands.low), describe)


def loss(line: Timeline, describe: str) -> Chart | None:
    """The loss of each column: its mean, between its least and its largest."""
    known = [v for series in (line.loss_min, line.loss_max) for v in series if v is not None]
    if not known:
        return None
    low, high = min(known), max(known)
    scale = _decades(known) if low > 0 and high / low >= _LOG else _linear(low, high)
    assert scale is not None
    shapes = [
        ("outer", _area(line.loss_min, line.loss_max, scale)),
        ("line", _line(line.loss, scale)),
        ("bad", _ticks(line.loss_nonfinite)),
    ]
    return _chart(shapes, scale, len(line.loss), describe)


def learning_rate(line: Timeline, describe: str) -> Chart | None:
    """The learning rate of each column."""
    known = [value for value in line.learning_rate if value is not None]
    if not known:
        return None
    scale = _linear(0.0, max(known))
    return _chart([("line", _line(line.learning_rate, scale))], scale, len(line.first), describe)


def spark(level: Series, bad: Sequence[int]) -> str:
    """A small chart of a weight for a table whose figures say the same."""
    positive = [math.log10(value) for value in level if value]
    low, high = (min(positive), max(positive)) if positive else (0.0, 0.0)
    scale = _Scale(low, high if high > low else low + 1, _SPARK)
    parts = [f'<path class="line" d="{_line(level, scale)}"/>']
    if any(bad):
        parts.append(f'<path class="bad" d="{_ticks(bad, _SPARK)}"/>')
    width = _width(len(level))
    return (
        f'<svg class="spark" aria-hidden="true" viewBox="0 0 {width} {_SPARK}" '
        f'preserveAspectRatio="none">{"".join(parts)}</svg>'
    )


def _decades(values: Iterable[float | None]) -> _Scale | None:
    """The whole powers of ten around the figures; `None` where none is above 0."""
    positive = [math.log10(value) for value in values if value is not None and value > 0]
    if not positive:
        return None
    low, high = math.floor(min(positive)), math.ceil(max(positive))
    return _Scale(low, max(high, low + 1))


def _linear(low: float, high: float) -> _Scale:
    half = 0.0 if high > low else abs(low) / 2 or 0.5  # a figure that stays lies in the middle
    return _Scale(low - half, high + half, log=False)


def _chart(shapes: Iterable[tuple[str, str]], scale: _Scale, columns: int, describe: str) -> Chart:
    from markupsafe import escape

    width = _width(columns)
    drawn = [("rule", scale.lines.replace("{width}", str(width))), *shapes]
    paths = "".join(f'<path class="{name}" d="{d}"/>' for name, d in drawn if d)
    svg = (
        f'<svg role="img" aria-label="{escape(describe)}" viewBox="0 0 {width} {_HEIGHT}" '
        f'preserveAspectRatio="none">{paths}</svg>'
    )
    label = power if scale.log else figure
    return Chart(svg, label(scale.high), label(scale.low))


def _width(columns: int) -> int:
    return max(columns - 1, 1) * _DX


def _line(series: Series, scale: _Scale) -> str:
    return "".join(_path(run) for run in _runs([(v,) for v in series], scale))


def _area(low: Series, high: Series, scale: _Scale) -> str:
    """Along the upper side and back along the lower."""
    parts = []
    for both in _runs(list(zip(low, high, strict=True)), scale):
        half = len(both) // 2
        parts.append(f"{_path([*both[half:], *reversed(both[:half])])}z")
    return "".join(parts)


def _runs(rows: Sequence[tuple[float | None, ...]], scale: _Scale) -> Iterable[_Points]:
    """The points of neighbouring columns that have figures, one series after the other."""
    known = [(i, row) for i, row in enumerate(rows) if None not in row]
    for _, group in groupby(enumerate(known), key=lambda pair: pair[1][0] - pair[0]):
        run = [item for _, item in group]
        if len(run) == 1:  # one column alone is as wide as a column
            run = _widened(run[0], len(rows))
        yield [
            (column * _DX, scale(figures[side]))  # type: ignore[arg-type]
            for side in range(len(run[0][1]))
            for column, figures in run
        ]


def _widened(
    item: tuple[int, tuple[float | None, ...]], columns: int
) -> list[tuple[int, tuple[float | None, ...]]]:
    column, figures = item
    first = max(0, min(column, columns - 2))
    return [(first, figures), (first + 1, figures)]


def _path(points: _Points) -> str:
    """A path in steps from each point to the next, which are short to write."""
    (x, y), *_ = points
    steps = "".join(
        f"{_signed(b[0] - a[0], first=number == 0)}{_signed(b[1] - a[1])}"
        for number, (a, b) in enumerate(pairwise(points))
    )
    return f"M{x} {y}l{steps}"


def _signed(value: int, *, first: bool = False) -> str:
    return f"{value}" if first or value < 0 else f" {value}"


def _ticks(counts: Sequence[int], height: int = _HEIGHT) -> str:
    """An upright line at each column that counts something."""
    return "".join(f"M{i * _DX} 0V{height}" for i, number in enumerate(counts) if number)
