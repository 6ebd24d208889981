"""Heat maps and kernels as small images: the colours, and which colour a figure has.

The colours are the same in light and dark, and told apart by those who see few of them: from blue
to yellow, black for exactly 0, magenta for what is not finite.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from kerasaudit.gradients.rows import HeatMap, Pictures, Plane, Series, WeightSummary
from kerasaudit.gradients.summary import RunSummary
from kerasaudit.report.png import Color, data_uri

__all__ = ["DEAD", "NON_FINITE", "Image", "Shades", "kernels", "shades_of"]

DEAD, NON_FINITE = "#000000", "#ff4fe1"

# Cividis, without its darkest colours, which are too near to black.
_SEQUENTIAL = (
    *("#173a74", "#3b496c", "#575d6d", "#707173", "#8a8678"),
    *("#a59c74", "#c3b369", "#e1cc55", "#fee838"),
)
# Blue is below 0, red above, and white is 0.
_DIVERGING = (
    *("#2166ac", "#4393c3", "#92c5de", "#d1e5f0", "#f7f7f7"),
    *("#fddbc7", "#f4a582", "#d6604d", "#b2182b"),
)

_EMPTY, _ZERO, _BAD, _FIRST = range(4)  # the places in a palette, the last that of the first shade
_FEW, _MANY = 13, 61  # shades: with the few, a palette has 16 colours
_MANY_CELLS = 110_000  # with more cells, a run's heat maps have the few

_ACROSS = 8  # kernels side by side in a picture


@dataclass(frozen=True, slots=True)
class Image:
    """An image as a page has it."""

    uri: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Shades:
    """The colours of a run's heat maps: `colors` between the powers of ten `low` and `high`."""

    low: float
    high: float
    colors: tuple[str, ...]

    def map(self, heat: HeatMap) -> Image:
        """The image of kernels × steps."""
        bad = set(heat.non_finite)
        rows = [
            [self._place(value, (r, c) in bad) for c, value in enumerate(row)]
            for r, row in enumerate(heat.values)
        ]
        return self._image(rows)

    def overview(self, weights: Sequence[WeightSummary]) -> Image:
        """The image of weights × steps."""
        width = max(len(weight.level) for weight in weights)
        rows = []
        for weight in weights:
            pairs = zip(weight.level, weight.non_finite, strict=True)
            row = [self._place(value, bad > 0) for value, bad in pairs]
            rows.append(row + [_EMPTY] * (width - len(row)))
        return self._image(rows)

    def _image(self, rows: list[list[int]]) -> Image:
        palette = [(0, 0, 0), *map(_rgb, (DEAD, NON_FINITE, *self.colors))]
        return Image(data_uri(rows, palette), len(rows[0]), len(rows))

    def _place(self, value: float | None, bad: bool) -> int:
        if bad:
            return _BAD
        if value is None:
            return _EMPTY
        if value == 0:
            return _ZERO
        share = (math.log10(value) - self.low) / (self.high - self.low)
        last = len(self.colors) - 1
        return _FIRST + max(0, min(last, math.floor(share * len(self.colors))))


def shades_of(run: RunSummary) -> Shades | None:
    """The shades of a run, fewer where there are many cells; `None` where nothing has a size."""
    if run.scale is None:
        return None
    heats = [weight.heat for weight in run.weights if weight.heat is not None]
    cells = sum(len(heat.values) * len(heat.values[0]) for heat in heats)
    number = _FEW if cells > _MANY_CELLS else _MANY
    return Shades(*run.scale, _shades(_SEQUENTIAL, number))


def kernels(pictures: Pictures) -> list[tuple[Image, float, Image, float]]:
    """For each input channel: the weight and the gradient, each with the magnitude of its scale.

    Kernels stand in rows of eight, a pixel apart. A scale is the same for all channels.
    """
    top = [_top(side) for side in (pictures.weight, pictures.gradient)]
    found = []
    for channel in range(len(pictures.weight[0])):
        one, other = (
            _sheet([kernel[channel] for kernel in side], top[number])
            for number, side in enumerate((pictures.weight, pictures.gradient))
        )
        found.append((one, top[0], other, top[1]))
    return found


def _top(side: Iterable[Iterable[Plane]]) -> float:
    planes = chain.from_iterable(side)
    values = (abs(v) for plane in planes for row in plane for v in row if v is not None)
    return max(values, default=0.0)


def _sheet(planes: Sequence[Plane], top: float) -> Image:
    height, width = len(planes[0]), len(planes[0][0])
    across = min(_ACROSS, len(planes))
    down = math.ceil(len(planes) / across)
    rows = [[_EMPTY] * (across * (width + 1) - 1) for _ in range(down * (height + 1) - 1)]
    for number, plane in enumerate(planes):
        left, above = number % across * (width + 1), number // across * (height + 1)
        for y, row in enumerate(plane):
            rows[above + y][left : left + width] = _signed(row, top)
    palette = [(0, 0, 0), *map(_rgb, (DEAD, NON_FINITE, *_shades(_DIVERGING, _MANY)))]
    return Image(data_uri(rows, palette), len(rows[0]), len(rows))


def _signed(row: Series, top: float) -> list[int]:
    middle = (_MANY - 1) // 2
    return [
        _BAD if value is None else _FIRST + middle + round(value / top * middle if top else 0)
        for value in row
    ]


def _shades(anchors: Sequence[str], number: int) -> tuple[str, ...]:
    """So many colours at equal steps from the first anchor to the last."""
    colors = [_rgb(anchor) for anchor in anchors]
    found = []
    for place in range(number):
        at = place / (number - 1) * (len(colors) - 1)
        low = min(int(at), len(colors) - 2)
        pairs = zip(colors[low], colors[low + 1], strict=True)
        found.append("#" + "".join(f"{round(a + (b - a) * (at - low)):02x}" for a, b in pairs))
    return tuple(found)


def _rgb(color: str) -> Color:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
