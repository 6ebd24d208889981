"""A weight is a product of named axes.

From that one statement come the shape, the count, the formula, its working, and the unit axis
along which the weight falls into kernels.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from kerasaudit.errors import RuleError

__all__ = ["Axis", "Dimension", "Weight"]


@dataclass(frozen=True, slots=True)
class Axis:
    """One named extent, such as `Axis("C_in", 32)`.

    `labels` names the positions where they have names (the gates i, f, c, o of an LSTM).
    Axes multiply into one dimension where a weight packs several into it:

    >>> (Axis("gate", 4, ("i", "f", "c", "o")) * Axis("u", 20)).extent
    80
    """

    symbol: str
    extent: int
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if type(self.extent) is not int or self.extent < 0:  # a bool is no extent
            raise RuleError(
                f"axis {self.symbol!r}: extent must be a non-negative integer, "
                f"received {self.extent!r}"
            )
        if self.labels and len(self.labels) != self.extent:
            raise RuleError(
                f"axis {self.symbol!r}: expected {self.extent} labels, received {len(self.labels)}"
            )

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Itself: an axis is a dimension of one."""
        return (self,)

    def renamed(self, symbols: Mapping[str, str]) -> Axis:
        """The same axis under another symbol, each word of it replaced that has another.

        >>> Axis("⌈y·z/2⌉", 12).renamed({"y": "h", "z": "d"}).symbol
        '⌈h·d/2⌉'
        """
        symbol = re.sub(r"\w+", lambda word: symbols.get(word[0], word[0]), self.symbol)
        return replace(self, symbol=symbol)

    def __mul__(self, other: Axis | Dimension) -> Dimension:
        return Dimension((self, *other.axes))


@dataclass(frozen=True, slots=True)
class Dimension:
    """One dimension of a stored weight that packs several axes, slowest first."""

    axes: tuple[Axis, ...]

    @property
    def extent(self) -> int:
        """The product of the axes' extents."""
        return math.prod([axis.extent for axis in self.axes])

    def __mul__(self, other: Axis | Dimension) -> Dimension:
        return Dimension((*self.axes, *other.axes))


@dataclass(frozen=True, slots=True, init=False)
class Weight:
    """A weight as a product of named axes, in the order in which Keras stores them.

    Args:
        name: the name that Keras gives the variable, such as "kernel"; in a layer made of others
            its path within the layer, such as "query/kernel".
        axes: an `Axis` (or a product of axes) for each dimension; none for a scalar.
        unit: the symbol of the axis (or the symbols of the axes) along which the weight
            falls into kernels: a convolution's filters, a dense layer's units. `None`: the
            weight does not fall apart.
        trainable: whether the optimizer updates it in a layer that is not frozen.
        dtype: the dtype if it is not the layer's own variable dtype; "int" is the backend's
            default integer, as in Keras, and "seed" the integer that it keeps seeds in.
        role: "parameter"; "adapter" for what LoRA adds beside a frozen kernel; "quantization" for
            what only says how others are stored (scales, zero points).
        stands_for: how many parameters it holds where it packs several into an element.

    >>> kernel = Weight("kernel", Axis("kh", 3), Axis("kw", 3), Axis("C_in", 32), Axis("K", 64),
    ...                 unit="K")
    >>> kernel.shape, kernel.count
    ((3, 3, 32, 64), 18432)
    >>> kernel.formula, kernel.working
    ('kh·kw·C_in·K', '3·3·32·64')
    """

    name: str
    dimensions: tuple[Axis | Dimension, ...]
    unit: tuple[str, ...]
    trainable: bool
    dtype: str | None
    role: str
    stands_for: int | None

    def __init__(
        self,
        name: str,
        *axes: Axis | Dimension,
        unit: str | Iterable[str] | None = None,
        trainable: bool = True,
        dtype: str | None = None,
        role: str = "parameter",
        stands_for: int | None = None,
    ) -> None:
        units = () if unit is None else (unit,) if isinstance(unit, str) else tuple(unit)
        self._set(name, axes, units, trainable, dtype, role, stands_for)
        for axis in axes:
            if not isinstance(axis, (Axis, Dimension)):
                raise RuleError(f"weight {name!r}: expected axes, received {axes!r}")
        if units:
            symbols = [axis.symbol for axis in self.axes]
            for symbol in units:
                if symbol not in symbols:
                    raise RuleError(
                        f"weight {name!r}: the unit axis must be one of its axes "
                        f"({', '.join(symbols) or 'none'}), received {symbol!r}"
                    )

    def _set(
        self,
        name: str,
        dimensions: tuple[Axis | Dimension, ...],
        unit: tuple[str, ...],
        trainable: bool,
        dtype: str | None,
        role: str,
        stands_for: int | None,
    ) -> None:
        _put_name(self, name)
        _put_dimensions(self, dimensions)
        _put_unit(self, unit)
        _put_trainable(self, trainable)
        _put_dtype(self, dtype)
        _put_role(self, role)
        _put_stands_for(self, stands_for)

    def within(self, part: str) -> Weight:
        """The same weight as one of a layer that holds `part`: "query/kernel".

        >>> Weight("kernel", Axis("u", 3)).within("query").name
        'query/kernel'
        """
        return self._as(f"{part}/{self.name}", self.trainable, self.dtype)

    def renamed(self, symbols: Mapping[str, str], unit: Iterable[str]) -> Weight:
        """The same weight with other symbols for its axes, and other unit axes.

        >>> Weight("kernel", Axis("c", 512), Axis("d", 8)).renamed({"d": "h"}, unit="h").formula
        'c·h'
        """
        dimensions = tuple(
            axis.renamed(symbols)
            if isinstance(axis, Axis)
            else Dimension(tuple(part.renamed(symbols) for part in axis.axes))
            for axis in self.dimensions
        )
        return Weight(
            self.name,
            *dimensions,
            unit=unit,
            trainable=self.trainable,
            dtype=self.dtype,
            role=self.role,
            stands_for=self.stands_for,
        )

    @property
    def axes(self) -> tuple[Axis, ...]:
        """All axes in order, those packed into one dimension side by side."""
        return tuple([axis for dimension in self.dimensions for axis in dimension.axes])

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the stored variable."""
        return tuple([dimension.extent for dimension in self.dimensions])

    @property
    def count(self) -> int:
        """How many elements: the product of the extents, 1 for a scalar."""
        return math.prod([dimension.extent for dimension in self.dimensions])

    @property
    def logical(self) -> int:
        """How many parameters of the float layer it holds: 0 for adapters and scales."""
        if self.role != "parameter":
            return 0
        return self.count if self.stands_for is None else self.stands_for

    @property
    def formula(self) -> str:
        """The product in symbols, "1" for a scalar."""
        return "·".join(axis.symbol for axis in self.axes) or "1"

    @property
    def working(self) -> str:
        """The product in numbers, "1" for a scalar."""
        return "·".join(str(axis.extent) for axis in self.axes) or "1"

    def in_effect(self, *, trainable: bool, dtype: str) -> Weight:
        """The same weight in a layer: frozen with it, of its dtype unless it has its own."""
        return self._as(self.name, self.trainable and trainable, self.dtype or dtype)

    def frozen(self) -> Weight:
        """The same weight, which the optimizer does not update."""
        return self._as(self.name, False, self.dtype)

    def _as(self, name: str, trainable: bool, dtype: str | None) -> Weight:
        weight = object.__new__(Weight)  # its axes were checked when `self` was made
        weight._set(name, self.dimensions, self.unit, trainable, dtype, self.role, self.stands_for)
        return weight


# A frozen dataclass is filled past its own `__setattr__`. Its slots are asked for once, for a model
# has tens of thousands of weights.
_put_name = Weight.__dict__["name"].__set__
_put_dimensions = Weight.__dict__["dimensions"].__set__
_put_unit = Weight.__dict__["unit"].__set__
_put_trainable = Weight.__dict__["trainable"].__set__
_put_dtype = Weight.__dict__["dtype"].__set__
_put_role = Weight.__dict__["role"].__set__
_put_stands_for = Weight.__dict__["stands_for"].__set__
