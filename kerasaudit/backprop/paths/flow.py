"""Counting paths and adding them up, before any of them is listed.

Down from the loss, each position receives ∂L/∂position and how many ways lead to it. Up from the
element, each receives ∂position/∂element, how many ways lead on from it to the element, and how
large the largest product along one of them is. Through every stage, Σ ∂L/∂position ·
∂position/∂element over its positions is the whole gradient, and Σ of the products of the two counts
the number of all paths.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from kerasaudit.backprop.paths.stage import Edges, Stage
from kerasaudit.backprop.rule import Array

__all__ = ["Ascent", "Descent", "Found", "ascend", "descend", "find_paths"]

_CHUNK = 1 << 20  # so many edges are held at once
_EXACT = 2.0**53  # up to here a float counts exactly; beyond, Python's integers do


@dataclass(frozen=True, slots=True)
class Descent:
    """What comes down from the loss in one example, for each stage's output.

    Stages above the loss's side are given; those below `floor` are left out.
    """

    example: int
    floor: int
    deltas: tuple[Array, ...]
    arrivals: tuple[Array, ...]


@dataclass(frozen=True, slots=True)
class Ascent:
    """What comes up from an element in one example, for each stage's output from its own on."""

    example: int
    floor: int
    met: Edges
    shares: tuple[Array, ...]
    routes: tuple[Array, ...]
    largest: tuple[Array, ...]

    @property
    def count(self) -> int:
        """How many paths there are from the loss to the element."""
        return int(sum(self.routes[-1].tolist()))


@dataclass(frozen=True, slots=True)
class Found:
    """Paths of one example, as rows: positions and factors stand in columns from the loss on.

    `positions` has a column for each stage, last to first, and `source` the input position that the
    path ends at. `factors` are ∂L/∂ŷ, the edges', and the derivative by the element; `elements` are
    where the edges' factors stand in their stages' weights, -1 for none.
    """

    example: Array
    positions: Array
    source: Array
    factors: Array
    elements: Array
    products: Array


def descend(stages: Sequence[Stage], example: int, floor: int, above: Array) -> Descent:
    """From the loss down to the output of the stage at `floor`.

    Args:
        stages: first to last.
        example: which one of the batch.
        floor: the place of the lowest stage.
        above: ∂L/∂ŷ of this example, by position.
    """
    deltas, arrivals = [above], [np.ones(len(above))]
    for stage in reversed(stages[floor + 1 :]):
        size = int(np.prod(stage.input_shape))
        delta, arrival = np.zeros(size), np.zeros(size)
        for outputs, edges in _edges(stage, example, np.flatnonzero(arrivals[-1])):
            reached = outputs[edges.row]
            delta += _added(edges.source, edges.factor * deltas[-1][reached], size)
            arrival += _added(edges.source, arrivals[-1][reached], size)
        deltas.append(delta)
        arrivals.append(arrival)
    return Descent(example, floor, tuple(deltas[::-1]), tuple(arrivals[::-1]))


def ascend(stages: Sequence[Stage], descent: Descent, weight: str, element: int) -> Ascent:
    """From an element of a weight of the stage at the descent's floor, up to the loss."""
    floor, example = descent.floor, descent.example
    met = stages[floor].met_by(example, weight, element)
    first = np.zeros(stages[floor].size)
    shares, routes, largest = first.copy(), first.copy(), first
    shares[met.row] = met.factor
    routes[met.row] = 1
    largest[met.row] = np.abs(met.factor)
    rising = [(shares, routes, largest)]
    for stage, arrival in zip(stages[floor + 1 :], descent.arrivals[1:], strict=True):
        rising.append(_risen(stage, example, np.flatnonzero(arrival), rising[-1]))
    if sum(routes := rising[-1][1]) >= _EXACT:
        counted = _counted_exactly(stages, descent, rising[0][1])
        rising = [(s, n, m) for (s, _, m), n in zip(rising, counted, strict=True)]
    columns = [tuple(column) for column in zip(*rising, strict=True)]
    return Ascent(example, floor, met, *columns)


_Rising = tuple[Array, Array, Array]


def _risen(stage: Stage, example: int, reached: Array, below: _Rising) -> _Rising:
    """Shares, routes and largest products, one stage up."""
    shares, routes, largest = (np.zeros(stage.size) for _ in range(3))
    for outputs, edges in _edges(stage, example, reached):
        onto = outputs[edges.row]
        shares += _added(onto, edges.factor * below[0][edges.source], stage.size)
        routes += _added(onto, below[1][edges.source], stage.size)
        np.maximum.at(largest, onto, np.abs(edges.factor) * below[2][edges.source])
    return shares, routes, largest


def _counted_exactly(stages: Sequence[Stage], descent: Descent, first: Array) -> list[Array]:
    """The routes again, in integers without a bound."""
    counted = [np.array([int(one) for one in first.tolist()], dtype=object)]
    for stage, arrival in zip(stages[descent.floor + 1 :], descent.arrivals[1:], strict=True):
        routes = np.zeros(stage.size, dtype=object)
        for outputs, edges in _edges(stage, descent.example, np.flatnonzero(arrival)):
            np.add.at(routes, outputs[edges.row], counted[-1][edges.source])
        counted.append(routes)
    return counted


def _edges(stage: Stage, example: int, outputs: Array) -> Iterator[tuple[Array, Edges]]:
    """The edges of outputs, some outputs at a time."""
    step = max(1, _CHUNK // stage.fan_in())
    for start in range(0, len(outputs), step):
        part = outputs[start : start + step]
        yield part, stage.edges(example, part)


def _added(places: Array, values: Array, size: int) -> Array:
    total: Array = np.bincount(places, values, size)
    return total


# -- listing --------------------------------------------------------------------------------------


def find_paths(stages: Sequence[Stage], descent: Descent, ascent: Ascent, limit: int) -> Found:
    """The paths of one example, of more than `limit` the largest so many.

    A path that has been followed part of the way is kept if its largest completion is among the
    `limit` largest, which the ascent knows. So no path that belongs in the list is ever dropped.
    """
    (outputs,) = np.nonzero(ascent.routes[-1])
    paths = _Partial(
        positions=outputs[:, None],
        factors=descent.deltas[-1][outputs][:, None],
        elements=np.empty((len(outputs), 0), dtype=int),
        products=descent.deltas[-1][outputs],
    )
    paths = paths.kept(ascent.largest[-1], limit)
    above = zip(reversed(stages[ascent.floor + 1 :]), _below(ascent), strict=True)
    for stage, (routes, largest) in above:
        paths = paths.followed(stage, ascent.example, routes).kept(largest, limit)
    place = np.full(stages[ascent.floor].size, -1)
    place[ascent.met.row] = np.arange(len(ascent.met.row))
    last = place[paths.positions[:, -1]]
    factor = ascent.met.factor[last]
    return Found(
        example=np.full(len(last), ascent.example),
        positions=paths.positions,
        source=ascent.met.source[last],
        factors=np.column_stack([paths.factors, factor]),
        elements=paths.elements,
        products=paths.products * factor,
    )


def _below(ascent: Ascent) -> list[tuple[Array, Array]]:
    return list(zip(ascent.routes[:-1], ascent.largest[:-1], strict=True))[::-1]


@dataclass(frozen=True, slots=True)
class _Partial:
    """Paths followed from the loss down to some stage, a row each."""

    positions: Array
    factors: Array
    elements: Array
    products: Array

    def followed(self, stage: Stage, example: int, routes: Array) -> _Partial:
        """One stage further down, wherever a way leads on to the element."""
        edges = stage.edges(example, self.positions[:, -1])
        on = np.flatnonzero(routes[edges.source])
        row, factor = edges.row[on], edges.factor[on]
        element = np.full(len(on), -1) if edges.element is None else edges.element[on]
        return _Partial(
            np.column_stack([self.positions[row], edges.source[on]]),
            np.column_stack([self.factors[row], factor]),
            np.column_stack([self.elements[row], element]),
            self.products[row] * factor,
        )

    def kept(self, largest: Array, limit: int) -> _Partial:
        """Those whose largest completions are the largest, in the order that they have."""
        if len(self.products) <= limit:
            return self
        bounds = np.abs(self.products) * largest[self.positions[:, -1]]
        keep = np.sort(np.argsort(-bounds, kind="stable")[:limit])
        return _Partial(
            self.positions[keep], self.factors[keep], self.elements[keep], self.products[keep]
        )
