"""The figures of a model as grids in inline SVG, with the paths of each element drawn through them.

The grids stand in the order of the layers, from the input to the output; a map of several channels
has a grid for each, one under another. What won a maximum is marked. Of each element's paths, every
stretch between two figures is drawn once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from kerasaudit.backprop.lesson import Grid, Lesson
from kerasaudit.backprop.paths.explanation import Explanation
from kerasaudit.report.explanation.wording import figure

__all__ = ["diagram", "is_drawn"]

_WIDE, _HIGH = 36, 26  # of a cell
_GAP = 58  # between grids side by side
_BETWEEN = 14  # and one under another
_TOP, _EDGE = 44, 10
_MOST = 700  # so many figures are drawn at most
_MOST_AXES = 2


@dataclass(frozen=True, slots=True)
class _Placed:
    """A grid with the place of each of its figures: the cell's upper left corner."""

    grid: Grid
    left: int
    rows: int
    columns: int
    corners: tuple[tuple[int, int], ...]

    @property
    def width(self) -> int:
        return self.columns * _WIDE


def is_drawn(lesson: Lesson) -> bool:
    """Whether the figures are few enough to be drawn."""
    small = sum(len(grid.values) for grid in lesson.grids) <= _MOST
    return small and all(len(grid.shape) <= _MOST_AXES + 1 for grid in lesson.grids)


def diagram(lesson: Lesson) -> str:
    """All grids, and for each element a group of class e0, e1, … with its paths."""
    placed, width, height = _placed(lesson.grids)
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    parts = [
        f'<svg class="grids" role="img" aria-labelledby="grids-title grids-text" {size}>',
        '<title id="grids-title">Every figure from the input to the output</title>',
        f'<desc id="grids-text">{escape(_words(lesson))}</desc>',
    ]
    parts += [part for one in placed for part in _cells(one)]
    parts += [_paths(number, one, placed) for number, one in enumerate(lesson.explanations)]
    parts += [part for one in placed for part in _figures(one)]  # above the paths, to be read
    return "".join([*parts, "</svg>"])


def _words(lesson: Lesson) -> str:
    names = ", ".join(f"{one.name} ({'×'.join(map(str, one.shape))})" for one in lesson.grids)
    return f"Grids of {names}; the same figures stand in the tables below."


# -- places ---------------------------------------------------------------------------------------


def _placed(grids: Sequence[Grid]) -> tuple[list[_Placed], int, int]:
    """Where every grid stands, and the size of it all."""
    tallest = max(_height(grid) for grid in grids)
    left, found = _EDGE, []
    for grid in grids:
        found.append(_place(grid, left, _TOP + (tallest - _height(grid)) // 2))
        left += found[-1].width + _GAP
    return found, left - _GAP + _EDGE, _TOP + tallest + _EDGE


def _extents(grid: Grid) -> tuple[int, int, int]:
    """Rows, columns and channels; a row of units stands upright, one under another."""
    shape = grid.shape
    if len(shape) == 1:
        return shape[0], 1, 1
    if len(shape) == _MOST_AXES:
        return shape[0], 1, shape[1]
    return shape[0], shape[1], shape[2]


def _height(grid: Grid) -> int:
    rows, _, channels = _extents(grid)
    return channels * rows * _HIGH + (channels - 1) * _BETWEEN


def _place(grid: Grid, left: int, top: int) -> _Placed:
    rows, columns, channels = _extents(grid)
    corners = []
    for at in range(len(grid.values)):
        place, channel = divmod(at, channels)
        row, column = divmod(place, columns)
        down = top + channel * (rows * _HIGH + _BETWEEN) + row * _HIGH
        corners.append((left + column * _WIDE, down))
    return _Placed(grid, left, rows, columns, tuple(corners))


# -- grids ----------------------------------------------------------------------------------------


def _cells(placed: _Placed) -> Iterator[str]:
    """The cells, those that won marked, and the windows around them."""
    grid = placed.grid
    for at, (x, y) in enumerate(placed.corners):
        won = ' class="won"' if at in grid.winners else ""
        yield f'<rect{won} x="{x}" y="{y}" width="{_WIDE}" height="{_HIGH}"/>'
    if grid.block is not None and len(grid.block) == _MOST_AXES:
        yield _windows(placed, grid.block)


def _figures(placed: _Placed) -> Iterator[str]:
    """What stands in the cells, and the name above them."""
    grid = placed.grid
    middle = placed.left + placed.width // 2
    top = min(down for _, down in placed.corners)
    yield f'<text class="title" x="{middle}" y="{top - 10}">{grid.name}</text>'
    for at, (value, (x, y)) in enumerate(zip(grid.values, placed.corners, strict=True)):
        won = ' class="won"' if at in grid.winners else ""
        yield f'<text{won} x="{x + _WIDE // 2}" y="{y + 17}">{_short(value)}</text>'


def _windows(placed: _Placed, block: tuple[int, ...]) -> str:
    """A frame around each window that a maximum is taken over."""
    rows, columns, channels = _extents(placed.grid)
    wide, high = block[1] * _WIDE, block[0] * _HIGH
    frames = []
    for channel in range(channels):
        for row in range(0, rows - block[0] + 1, block[0]):
            for column in range(0, columns - block[1] + 1, block[1]):
                x, y = placed.corners[(row * columns + column) * channels + channel]
                frames.append(f"M{x} {y}h{wide}v{high}h-{wide}z")
    return f'<path class="window" d="{"".join(frames)}"/>'


def _short(value: float) -> str:
    """Two decimals, or as many figures as a cell takes."""
    written = f"{value:.2f}" if abs(value) < 100 else f"{value:.2g}"
    return ("0.00" if float(written) == 0 else written).replace("-", "−")


# -- paths ----------------------------------------------------------------------------------------


def _paths(number: int, found: Explanation, placed: Sequence[_Placed]) -> str:
    """The stretches of an element's paths in the example that is drawn, and the cells they meet."""
    lines: dict[str, None] = {}
    ends: dict[tuple[int, int], None] = {}
    for chain in found.chains:
        if chain.example != 0:
            continue
        points = [
            one.corners[position]
            for one, position in zip(reversed(placed), chain.positions, strict=False)
        ]
        if chain.source >= 0:
            end = placed[len(placed) - 1 - len(points)].corners[chain.source]
            points.append(end)
            ends[end] = None
        for (ax, ay), (bx, by) in pairwise(points):
            lines[f"M{bx + _WIDE} {by + _HIGH // 2}L{ax} {ay + _HIGH // 2}"] = None
        for x, y in points[:-1]:
            ends.setdefault((x, y), None)
    frames = "".join(f"M{x} {y}h{_WIDE}v{_HIGH}h-{_WIDE}z" for x, y in ends)
    told = escape(f"∂L/∂{found.symbol} = {figure(found.gradient)}")
    return (
        f'<g class="pane e{number}"><title>{told}</title><path class="met" d="{frames}"/>'
        f'<path class="way" d="{"".join(lines)}"/></g>'
    )
