"""Explaining one element: its paths counted, summed and listed, and named as on paper."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from kerasaudit.backprop.paths.chain import Chain
from kerasaudit.backprop.paths.explanation import Explanation, StageSum
from kerasaudit.backprop.paths.flow import Ascent, Descent, Found, ascend, descend, find_paths
from kerasaudit.backprop.paths.formula import ChainPath, Link
from kerasaudit.backprop.paths.notation import INPUT, LOSS, Name, Symbol, symbol, weight_name
from kerasaudit.backprop.paths.stage import NOWHERE, Stage
from kerasaudit.backprop.rule import Array

__all__ = ["descents", "explain_element"]

_ALIKE = 9  # products that agree in so many digits stand in the order of their positions


def descents(chain: Chain, floor: int, above: Array) -> tuple[Descent, ...]:
    """What comes down from the loss to a stage, in each example.

    Args:
        chain: the model, run.
        floor: the place of the stage.
        above: ∂L/∂ŷ, of the shape of the model's output.
    """
    rows = above.reshape(len(above), -1)
    return tuple(descend(chain.stages, n, floor, row) for n, row in enumerate(rows))


def explain_element(
    chain: Chain,
    weight: str,
    index: tuple[int, ...],
    down: tuple[Descent, ...],
    loss: float,
    limit: int,
) -> Explanation:
    """Explain the gradient of one element of a weight.

    Args:
        chain: the model, run.
        weight: the path of the weight.
        index: of the element.
        down: what comes down to the stage that holds it.
        loss: the value of the loss.
        limit: so many paths are listed.
    """
    floor, name = chain.at(weight)
    values = chain.stages[floor].weights[name]
    element = int(np.ravel_multi_index(index, values.shape)) if index else 0
    up = tuple(ascend(chain.stages, one, name, element) for one in down)
    found = _largest(
        [find_paths(chain.stages, *pair, limit) for pair in zip(down, up, strict=True)], limit
    )
    naming = _Naming(chain, floor, name, element)
    return Explanation(
        model=chain.model,
        weight=weight,
        index=index,
        symbol=naming.symbol,
        value=float(values.ravel()[element]),
        loss=loss,
        gradient=sum(_gradient(*pair) for pair in zip(down, up, strict=True)),
        count=sum(one.count for one in up),
        limit=limit,
        chains=naming.chains(found),
        sums=_sums(chain, down, up),
        _columns=naming.columns(found),
        _passages=_passages(chain, down, up),
    )


def _gradient(down: Descent, up: Ascent) -> float:
    return float(down.deltas[0] @ up.shares[0])


def _largest(parts: list[Found], limit: int) -> Found:
    """The paths of all examples, the largest first."""
    arrays = [
        np.concatenate([getattr(part, column) for part in parts]) for column in Found.__slots__
    ]
    whole = Found(*arrays)
    rounded = [float(f"{abs(product):.{_ALIKE}g}") for product in whole.products.tolist()]
    order = np.argsort([-one for one in rounded], kind="stable")[:limit]
    return Found(*(array[order] for array in arrays))


def _sums(chain: Chain, down: tuple[Descent, ...], up: tuple[Ascent, ...]) -> tuple[StageSum, ...]:
    floor = down[0].floor
    found = []
    for place in range(len(chain.stages) - 1, floor - 1, -1):
        at = place - floor
        counts = [_counts(one, other, at) for one, other in zip(down, up, strict=True)]
        found.append(
            StageSum(
                chain.names[place],
                chain.stages[place].path,
                sum(int(np.count_nonzero(one)) for one in counts),
                sum(int(sum(one.tolist())) for one in counts),
                float(sum(d.deltas[at] @ u.shares[at] for d, u in zip(down, up, strict=True))),
            )
        )
    return tuple(found)


def _counts(down: Descent, up: Ascent, at: int) -> Array:
    """How many paths pass each position of a stage."""
    arrivals, routes = down.arrivals[at], up.routes[at]
    if routes.dtype == object or (arrivals @ routes) >= 2.0**53:
        arrivals = np.array([int(one) for one in arrivals.tolist()], dtype=object)
        routes = np.array([int(one) for one in routes.tolist()], dtype=object)
    counts: Array = arrivals * routes
    return counts


def _passages(
    chain: Chain, down: tuple[Descent, ...], up: tuple[Ascent, ...]
) -> tuple[tuple[str, list[Any]], ...]:
    rows: list[tuple[Any, ...]] = []
    for at in range(len(down[0].deltas) - 1, -1, -1):
        for one, other in zip(down, up, strict=True):
            rows += _passed(chain, one, other, at)
    names = ("stage", "layer", "example", "position", "value", "down", "up", "paths", "gradient")
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    return tuple((name, list(column)) for name, column in zip(names, columns, strict=True))


def _passed(chain: Chain, down: Descent, up: Ascent, at: int) -> Iterator[tuple[Any, ...]]:
    """The positions of a stage that a path passes, in one example."""
    place = down.floor + at
    stage = chain.stages[place]
    counts = _counts(down, up, at)
    values = stage.outputs[down.example].ravel()
    for position in np.flatnonzero(counts).tolist():
        above, below = float(down.deltas[at][position]), float(up.shares[at][position])
        where = (down.example, _index(position, stage.output_shape), float(values[position]))
        figures = (above, below, int(counts[position]), above * below)
        yield (str(chain.names[place]), stage.path, *where, *figures)


def _index(position: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(at) for at in np.unravel_index(position, shape))


class _Naming:
    """Writes paths that were found as links between symbols, and as columns of a table."""

    def __init__(self, chain: Chain, floor: int, weight: str, element: int) -> None:
        self.stages = chain.stages[floor:][::-1]  # from the loss on, as paths go
        self.names = chain.names[floor:][::-1]
        self.plain = chain.plain[floor:][::-1]
        own = self.stages[-1]
        self.weight = weight_name(own, weight, self.plain[-1])
        self.symbol = symbol(self.weight, own.weights[weight].shape, element)
        # What is fed in is named as where it comes from, in the shape that it has there.
        self.input = chain.names[floor - 1] if floor else INPUT
        fed = chain.stages[floor - 1].outputs if floor else chain.inputs
        self.fed = tuple(fed.shape[1:])

    def chains(self, found: Found) -> tuple[ChainPath, ...]:
        return tuple(self._chain(found, row) for row in range(len(found.products)))

    def _chain(self, found: Found, row: int) -> ChainPath:
        positions = tuple(found.positions[row].tolist())
        values = found.factors[row].tolist()
        source = int(found.source[row])
        passed = [
            symbol(name, stage.output_shape, position)
            for name, stage, position in zip(self.names, self.stages, positions, strict=True)
        ]
        links = [Link(LOSS, passed[0], values[0])]
        for place, stage in enumerate(self.stages[:-1]):
            element = int(found.elements[row, place])
            equals = None if element < 0 else self._element(stage, place, element)
            value = values[place + 1]
            links.append(Link(passed[place], passed[place + 1], value, equals, stage.selects))
        fed = None
        if source != NOWHERE:
            fed = symbol(self.input, self.fed, source)
        links.append(Link(passed[-1], self.symbol, values[-1], fed))
        product = float(found.products[row])
        return ChainPath(int(found.example[row]), tuple(links), product, positions, source)

    def _element(self, stage: Stage, place: int, element: int) -> Symbol:
        assert stage.weight is not None  # only weights have elements
        name = weight_name(stage, stage.weight, self.plain[place])
        return symbol(name, stage.weights[stage.weight].shape, element)

    def columns(self, found: Found) -> tuple[tuple[str, list[Any]], ...]:
        columns: list[tuple[str, list[Any]]] = [("example", found.example.tolist())]
        above: Name = LOSS.name
        for place, (stage, name) in enumerate(zip(self.stages, self.names, strict=True)):
            columns.append((f"∂{above}/∂{name}", found.factors[:, place].tolist()))
            held = self.stages[place - 1].weight if place else None
            if held is not None:
                stage_above = self.stages[place - 1]
                title = weight_name(stage_above, held, self.plain[place - 1])
                shape = stage_above.weights[held].shape
                elements = found.elements[:, place - 1].tolist()
                columns.append((str(title), [_index(one, shape) for one in elements]))
            if stage.size > 1:
                shape = stage.output_shape
                at = [_index(one, shape) for one in found.positions[:, place].tolist()]
                columns.append((str(name), at))
            above = name
        columns.append((f"∂{above}/∂{self.weight}", found.factors[:, -1].tolist()))
        sources = found.source.tolist()
        if any(source != NOWHERE for source in sources):
            columns.append((str(self.input), [_index(one, self.fed) for one in sources]))
        return (*columns, ("product", found.products.tolist()))
