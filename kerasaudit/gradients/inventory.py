"""The inventory of a recording: every weight of the model, how it falls into kernels, its status.

A kernel is the slice of a weight along its unit axis, which the derivation rules name: a filter, a
unit, a channel. The kernels of all recorded weights stand side by side in one vector, in the order
of the inventory: that vector is what a recorded step is made of.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any

__all__ = ["STATUSES", "Inventory", "WeightEntry"]

STATUSES: Mapping[str, str] = {
    "recorded": "its gradient is recorded",
    "frozen": "it is not trainable: the training step takes no gradient of it",
    "statistic": "it is not trained: a statistic or a counter that its layer updates itself",
    "excluded": "layers= leaves its layer out",
    "overwritten": "its 'gradient' is a new value that replaces it (a float8 scale)",
    "disconnected": "its gradient is None: the loss does not depend on it",
    "unused": "no optimizer was given a gradient of it",
}


@dataclass(frozen=True, slots=True)
class WeightEntry:
    """One weight of the model, and how it falls into kernels.

    Args:
        layer: the path of its layer, as in an audit: "encoder/conv1".
        weight: its name in the layer: "kernel", "query/kernel".
        class_name: the class of the layer.
        shape: the shape of the variable.
        dtype: the dtype of the variable.
        axes_shape: the shape with every named axis by itself (the gates of an LSTM apart).
        unit: the symbols of the unit axes; empty where the weight does not fall apart, and then
            the weight as a whole is its one kernel.
        unit_axes: their positions in `axes_shape`.
        status: one of `STATUSES`.
        undivided: why there is no unit axis, if that is for want of a rule.
    """

    layer: str
    weight: str
    class_name: str
    shape: tuple[int, ...]
    dtype: str
    axes_shape: tuple[int, ...]
    unit: tuple[str, ...]
    unit_axes: tuple[int, ...]
    status: str = "recorded"
    undivided: str | None = None

    @property
    def path(self) -> str:
        """The weight's path: "encoder/conv1/kernel"."""
        return f"{self.layer}/{self.weight}"

    @property
    def unit_shape(self) -> tuple[int, ...]:
        """The extents of the unit axes: a kernel's index counts them with the last one fastest."""
        return tuple(self.axes_shape[axis] for axis in self.unit_axes)

    @property
    def reduced_axes(self) -> tuple[int, ...]:
        """The axes within a kernel."""
        return tuple(a for a in range(len(self.axes_shape)) if a not in self.unit_axes)

    @property
    def kernels(self) -> int:
        """How many kernels the weight falls into."""
        return math.prod(self.unit_shape)

    @property
    def size(self) -> int:
        """How many elements each kernel has."""
        return math.prod(self.axes_shape[axis] for axis in self.reduced_axes)

    @property
    def reason(self) -> str | None:
        """Why no gradient of it is recorded, in words; `None` for a recorded weight."""
        return None if self.status == "recorded" else STATUSES[self.status]


@dataclass(frozen=True)
class Inventory:
    """All weights of a model in forward order, the recorded ones with their place in the vector.

    >>> dense = WeightEntry("dense", "kernel", "Dense", (4, 2), "float32", (4, 2), ("u",), (1,))
    >>> bias = WeightEntry("dense", "bias", "Dense", (2,), "float32", (2,), ("u",), (0,))
    >>> inventory = Inventory((dense, bias))
    >>> inventory.kernels, inventory.ranges, dense.size, bias.size
    (4, (slice(0, 2, None), slice(2, 4, None)), 4, 1)
    """

    weights: tuple[WeightEntry, ...]

    @cached_property
    def recorded(self) -> tuple[WeightEntry, ...]:
        """The weights whose gradients are recorded, in order."""
        return tuple(entry for entry in self.weights if entry.status == "recorded")

    @cached_property
    def ranges(self) -> tuple[slice, ...]:
        """The place of each recorded weight's kernels in the vector."""
        found, start = [], 0
        for entry in self.recorded:
            found.append(slice(start, start + entry.kernels))
            start += entry.kernels
        return tuple(found)

    @property
    def kernels(self) -> int:
        """The length of the vector: the kernels of all recorded weights."""
        return self.ranges[-1].stop if self.ranges else 0

    @property
    def dtype(self) -> str:
        """The dtype that figures are kept in: float32, or float64 where a weight has it."""
        return "float64" if any(e.dtype == "float64" for e in self.recorded) else "float32"

    def to_json(self) -> list[dict[str, Any]]:
        """The inventory as JSON has it."""
        return [asdict(entry) for entry in self.weights]

    @classmethod
    def from_json(cls, rows: list[dict[str, Any]]) -> Inventory:
        """The inventory that `to_json` wrote."""
        names = [field.name for field in fields(WeightEntry)]
        return cls(
            tuple(WeightEntry(**{name: _tuple(row[name]) for name in names}) for row in rows)
        )


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
