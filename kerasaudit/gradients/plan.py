"""The plan of a recording: what is recorded, of which weights, how often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kerasaudit.errors import ConfigError
from kerasaudit.gradients.block import TAPS
from kerasaudit.gradients.inventory import Inventory
from kerasaudit.gradients.kernels import Survey, take_inventory
from kerasaudit.gradients.statistics import HISTOGRAM_BINS, OF_UPDATE, checked

__all__ = ["Plan", "make_plan"]

# A ring is small, because a compiled step may copy it: at most so many bytes, but room for so many
# steps in any case, and no more than so many where steps are small.
_RING_BYTES = 2**20
_LEAST_STEPS = 8
_MOST_STEPS = 64


@dataclass(frozen=True, slots=True)
class Plan:
    """What is recorded.

    Args:
        survey: the model's inventory and the variables behind it.
        statistics: what is computed of each kernel (see `statistics.STATISTICS`).
        taps: where it is taken (see `block.TAPS`); "raw" is always among them.
        every: one step in so many is recorded, the first one of a training included.
        elements: positions of the recorded weights that are kept element by element.
    """

    survey: Survey
    statistics: tuple[str, ...]
    taps: tuple[str, ...] = ("raw",)
    every: int = 1
    elements: tuple[int, ...] = ()

    @property
    def inventory(self) -> Inventory:
        """The weights, and how they fall into kernels."""
        return self.survey.inventory

    def of_tap(self, tap: str) -> tuple[str, ...]:
        """The statistics at a tap: those around the update stand with the raw gradient alone.

        Of a change of weights there is no histogram: its decades are those of gradients.
        """
        without = {"raw": set(), "clipped": {*OF_UPDATE}, "applied": {*OF_UPDATE, "histogram"}}
        return tuple(name for name in self.statistics if name not in without[tap])

    def tabled(self, tap: str) -> tuple[str, ...]:
        """Of these, the ones that are one figure a kernel: all but the histogram."""
        return tuple(name for name in self.of_tap(tap) if name != "histogram")

    @property
    def update(self) -> bool:
        """Whether weights are read around the update."""
        of_update = set(self.statistics) & set(OF_UPDATE)
        return bool(of_update - {"weight_l2", "weight_std"}) or "applied" in self.taps

    @property
    def before(self) -> bool:
        """Whether weights are read before the update."""
        return self.update or bool({"weight_l2", "weight_std"} & set(self.statistics))

    def capacity(self, records: int = 1, most: int = _MOST_STEPS) -> int:
        """How many steps a ring holds, where `records` are made between two looks at it.

        `most` bounds it where steps are small.
        """
        figure = 8 if self.inventory.dtype == "float64" else 4
        row = figure * max(len(self.tabled("raw")), 1) * self.inventory.kernels
        if "histogram" in self.statistics:
            row += 4 * HISTOGRAM_BINS * self.inventory.kernels
        for place in self.elements:
            entry = self.inventory.recorded[place]
            row += 2 * figure * entry.kernels * entry.size
        fitting = _RING_BYTES // max(row, 1)
        return max(min(fitting, most), _LEAST_STEPS, 4 * records)


def make_plan(
    model: Any,
    *,
    layers: str | Sequence[str] | None,
    statistics: Sequence[str],
    taps: Sequence[str] = ("raw",),
    every: int = 1,
    elements: str | Sequence[str] = (),
) -> Plan:
    """Check what is asked for against a live model.

    Raises:
        ConfigError: an unknown statistic, tap, layer or weight, or an `every` that is none.
        TargetError: the model has no weights yet, or none that is trained.
    """
    survey = take_inventory(model, layers)
    if not survey.variables:
        raise ConfigError(
            f"model {model.name!r}: expected at least one trainable weight to record, received "
            + ", ".join(sorted({f"{e.path} ({e.status})" for e in survey.inventory.weights}))
        )
    if isinstance(every, bool) or not isinstance(every, int) or every < 1:
        raise ConfigError(f"every: expected a number of steps of at least 1, received {every!r}")
    chosen = (taps,) if isinstance(taps, str) else tuple(taps)
    for tap in chosen:
        if tap not in TAPS:
            raise ConfigError(f"taps: expected some of {', '.join(TAPS)}, received {tap!r}")
    return Plan(
        survey=survey,
        statistics=checked(statistics),
        taps=tuple(tap for tap in TAPS if tap in {"raw", *chosen}),
        every=every,
        elements=_places(survey.inventory, elements),
    )


def _places(inventory: Inventory, elements: str | Sequence[str]) -> tuple[int, ...]:
    names = (elements,) if isinstance(elements, str) else tuple(elements)
    paths = [entry.path for entry in inventory.recorded]
    for name in names:
        if name not in paths:
            raise ConfigError(
                f"elements: expected paths of recorded weights, such as {paths[0]!r}, "
                f"received {name!r}"
            )
    return tuple(sorted(paths.index(name) for name in set(names)))
