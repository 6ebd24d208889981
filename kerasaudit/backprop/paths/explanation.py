"""The gradient of one element as the sum of its paths: the result of `kerasaudit.explain`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kerasaudit.backprop.paths import formula
from kerasaudit.backprop.paths.formula import ChainPath, Expansion, Link, expand, figure
from kerasaudit.backprop.paths.notation import Name, Symbol

if TYPE_CHECKING:
    import pandas

__all__ = ["Explanation", "StageSum"]


@dataclass(frozen=True, slots=True)
class StageSum:
    """All paths where they pass one stage: their number and the sum of their products.

    `positions` of its output are on a path, in all examples together.
    """

    name: Name
    path: str
    positions: int
    paths: int
    gradient: float


@dataclass(frozen=True)
class Explanation:
    """∂L/∂element as the sum over every path from the loss to the element.

    `gradient` is the sum over all `count` paths, also where only the `limit` largest are listed.
    `symbol` is the element as on paper, `index` as in NumPy.
    """

    model: str
    weight: str
    index: tuple[int, ...]
    symbol: Symbol
    value: float
    loss: float
    gradient: float
    count: int
    limit: int
    chains: tuple[ChainPath, ...]
    sums: tuple[StageSum, ...]
    _columns: tuple[tuple[str, list[Any]], ...] = field(repr=False, default=())
    _passages: tuple[tuple[str, list[Any]], ...] = field(repr=False, default=())

    @property
    def complete(self) -> bool:
        """Whether every path is listed."""
        return len(self.chains) == self.count

    @property
    def paths(self) -> pandas.DataFrame:
        """A row for each path, the largest first, its factors in columns, "product" last.

        Beside a factor ("∂y²/∂p¹") stands the index of the weight's element that it is ("K²"), and
        then where the path goes on ("p¹"), last of all the input ("x"). Indices are tuples that
        count from 0, as NumPy's do, without the batch axis; "example" counts along that.
        """
        import pandas

        return pandas.DataFrame(dict(self._columns))

    @property
    def stages(self) -> pandas.DataFrame:
        """A row for each stage, from the loss on: its positions and paths, and their whole sum."""
        import pandas

        return pandas.DataFrame(
            {
                "stage": [str(one.name) for one in self.sums],
                "layer": [one.path for one in self.sums],
                "positions": [one.positions for one in self.sums],
                "paths": [one.paths for one in self.sums],
                "gradient": [one.gradient for one in self.sums],
            }
        )

    @property
    def passages(self) -> pandas.DataFrame:
        """A row for each position that a path passes: its paths together.

        "down" is ∂L/∂position, "up" ∂position/∂element, and "gradient" their product, the sum over
        the paths through that position.
        """
        import pandas

        return pandas.DataFrame(dict(self._passages))

    @property
    def expansion(self) -> Expansion:
        """The listed paths as a formula, what they share pulled out."""
        return expand(self.chains)

    @property
    def formula(self) -> str:
        """The sum in symbols, in as far as its paths are listed."""
        return self._written(lambda link: str(link.equals or link))

    @property
    def numbers(self) -> str:
        """The same in numbers."""
        return self._written(lambda link: _bracketed(link.value))

    def _written(self, write: Callable[[Link], str]) -> str:
        if not self.count:
            return f"∂L/∂{self.symbol} = 0"
        total = formula.text(self.expansion, write)
        rest = "" if self.complete else f" + {self.count - len(self.chains):,} more paths"
        return f"∂L/∂{self.symbol} = {total}{rest} = {figure(self.gradient)}"

    def __str__(self) -> str:
        paths = "1 path" if self.count == 1 else f"{self.count:,} paths"
        return f"∂L/∂{self.symbol} = {figure(self.gradient)}, the sum of {paths}"


def _bracketed(value: float) -> str:
    written = figure(value)
    return f"({written})" if value < 0 else written
