"""Makes the parts of a summary out of what was rolled up: arrays become plain, rounded figures.

Figures have five significant digits, so that the last bits of a sum, which differ from one
processor to another, do not reach a report.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kerasaudit.gradients import grid as grids
from kerasaudit.gradients.columns import known_statuses
from kerasaudit.gradients.inventory import STATUSES, Inventory, WeightEntry
from kerasaudit.gradients.pictures import CHANNELS, KERNELS, Latest
from kerasaudit.gradients.rollup import Ratios, Rollup
from kerasaudit.gradients.rows import (
    Bands,
    HeatMap,
    Pictures,
    Plane,
    Series,
    SilentWeight,
    Timeline,
    WeightSummary,
)

__all__ = ["Parts", "assemble"]

_Array = Any  # a NumPy array

# Colours tell apart what lies between these shares of all cells; what lies beyond has the last one.
_ENDS = (0.005, 0.995)


@dataclass(frozen=True, slots=True)
class Parts:
    """What `assemble` makes of a summary."""

    measure: str | None
    timelines: tuple[Timeline, ...]
    weights: tuple[WeightSummary, ...]
    silent: tuple[SilentWeight, ...]
    scale: tuple[float, float] | None
    rolled: tuple[str, ...]
    drawing: tuple[str, ...]


def assemble(
    inventory: Inventory,
    rollups: Mapping[str, tuple[str, Rollup]],
    ratios: Mapping[str, Ratios],
    latest: Latest,
    drawn: Collection[int],
) -> Parts:
    """The parts of a summary: `rollups` and `ratios` by optimizer, `drawn` has heat maps."""
    weights: list[tuple[int, WeightSummary]] = []
    for optimizer, (_, rollup) in rollups.items():
        assembled = _Assembled(optimizer, rollup, ratios.get(optimizer), latest, drawn)
        for position, entry in enumerate(inventory.recorded):
            if rollup.present[position]:
                weights.append((position, assembled.weight(position, entry)))
    weights.sort(key=lambda pair: (pair[0], pair[1].optimizer))
    summaries = tuple(weight for _, weight in weights)
    timelines = tuple(_timeline(name, tap, rollup) for name, (tap, rollup) in rollups.items())
    measures = [rollup.measure for _, rollup in rollups.values() if rollup.measure]
    return Parts(
        measure=measures[0] if measures else None,
        timelines=timelines,
        weights=summaries,
        silent=_silent(inventory, {position for position, _ in weights}, bool(timelines)),
        scale=_scale(summaries),
        rolled=tuple(_rolled(timelines)),
        drawing=tuple(_drawing(summaries, measures)),
    )


# -- a weight -------------------------------------------------------------------------------------


class _Assembled:
    """The weights of one optimizer, out of its roll-up."""

    def __init__(
        self,
        optimizer: str,
        rollup: Rollup,
        ratios: Ratios | None,
        latest: Latest,
        drawn: Collection[int],
    ) -> None:
        import numpy as np

        self._optimizer, self._rollup, self._ratios = optimizer, rollup, ratios
        self._latest, self._drawn = latest, drawn
        column = rollup.column
        self._squares, self._counts = column("squares"), column("counts")
        self._wrong, self._peaks = column("wrong"), column("peaks")
        self._bad_steps = column("bad_steps")
        with np.errstate(invalid="ignore", divide="ignore"):
            self._values = np.sqrt(self._squares / self._counts)
            self._norms = np.sqrt(column("norm_squares") / column("norm_counts"))
            self._inner = column("inner") / column("distributions")[..., None]
        self._lowest, self._highest = column("lowest"), column("highest")

    def weight(self, position: int, entry: WeightEntry) -> WeightSummary:
        """One weight, which has a gradient."""
        import numpy as np

        rollup, rows = self._rollup, self._rollup.grid.rows_of(position)
        ratio = self._ratios.of(position) if self._ratios else None
        told = rollup.measure is not None
        norms = self._norms[:, position]
        norms = norms[np.isfinite(norms)]
        with np.errstate(invalid="ignore", divide="ignore"):
            squares, counts = (a[:, rows].sum(axis=1) for a in (self._squares, self._counts))
            level = np.sqrt(squares / counts)
        kernels = _kernels_of(rollup, position)
        bad = rollup.kernel_nonfinite[kernels]
        peaks = rollup.kernel_max[kernels]
        dead = rollup.kernel_finite[kernels] & (peaks == 0)
        return WeightSummary(
            layer=entry.layer,
            weight=entry.weight,
            class_name=entry.class_name,
            shape=entry.shape,
            dtype=entry.dtype,
            unit=entry.unit,
            kernels=entry.kernels,
            size=entry.size,
            optimizer=self._optimizer,
            steps=int(rollup.present[position]),
            zero_steps=int(rollup.zero_steps[position]),
            non_finite_steps=int(rollup.nonfinite_steps[position]),
            dead_kernels=int(dead.sum()),
            non_finite_kernels=int(bad.sum()),
            norm_first=_figure(rollup.norm_first[position]) if told else None,
            norm_last=_figure(rollup.norm_last[position]) if told else None,
            norm_min=_finite(rollup.norm_min[position]),
            norm_typical=_figure(np.median(norms)) if len(norms) else None,
            norm_max=_finite(rollup.norm_max[position]),
            max_abs=_figure(peaks.max()) if rollup.has_max_abs else None,
            update_ratio=None if ratio is None else _figure(ratio[0]),
            update_ratio_max=None if ratio is None else _finite(ratio[1]),
            level=_series(level),
            non_finite=tuple(int(n) for n in self._bad_steps[:, position]),
            heat=self._heat(rows, position, entry) if told and position in self._drawn else None,
            bands=self._bands(position) if told and position in self._drawn else None,
            pictures=self._pictures(position, entry),
        )

    def _heat(self, rows: slice, position: int, entry: WeightEntry) -> HeatMap:
        import numpy as np

        per_row = self._rollup.grid.per_row[position]
        values = self._values[:, rows].T
        peaks = np.where(self._counts[:, rows] > 0, self._peaks[:, rows], np.nan).T
        bad = (self._wrong[:, rows].T > 0) | np.isinf(values)
        return HeatMap(
            per_row=per_row,
            values=tuple(_series(row) for row in values),
            max_abs=tuple(_series(r) for r in peaks) if self._rollup.has_max_abs else None,
            non_finite=tuple((int(row), int(column)) for row, column in np.argwhere(bad)),
            rolled=grids.words(entry.kernels, "kernels", len(values), per_row, "rows"),
        )

    def _bands(self, position: int) -> Bands:
        p10, median, p90 = (_series(self._inner[:, position, place]) for place in range(3))
        low, high = _series(self._lowest[:, position]), _series(self._highest[:, position])
        return Bands(low, p10, median, p90, high)

    def _pictures(self, position: int, entry: WeightEntry) -> Pictures | None:
        found = self._latest.found.get(position)
        if found is None or found[3] != self._optimizer:
            return None
        step, weight, gradient, _ = found
        channels = entry.axes_shape[-2] if len(entry.unit_axes) == 1 else 1
        parts = [
            f"{shown:,} of {there:,} {noun}"
            for shown, there, noun in (
                (min(KERNELS, entry.kernels), entry.kernels, "kernels"),
                (min(CHANNELS, channels), channels, "input channels"),
            )
            if shown < there
        ]
        return Pictures(step, _planes(weight), _planes(gradient), ", ".join(parts) or None)


def _kernels_of(rollup: Rollup, position: int) -> slice:
    before = sum(rollup.grid.kernels[:position])
    return slice(before, before + rollup.grid.kernels[position])


def _planes(array: _Array) -> tuple[tuple[Plane, ...], ...]:
    return tuple(
        tuple(tuple(_series(row) for row in plane) for plane in kernel) for kernel in array
    )


# -- the run --------------------------------------------------------------------------------------


def _timeline(optimizer: str, tap: str, rollup: Rollup) -> Timeline:
    import numpy as np

    column = rollup.column
    with np.errstate(invalid="ignore", divide="ignore"):
        loss = column("loss_sum") / column("loss_count")
        rate = column("rate_sum") / column("rate_count")

    def counts(name: str) -> tuple[int, ...]:
        return tuple(int(number) for number in column(name))

    return Timeline(
        optimizer=optimizer,
        tap=tap,
        steps=rollup.steps,
        width=rollup.width,
        first=counts("first_step"),
        last=counts("last_step"),
        ok=counts("ok"),
        overflow=counts("overflow"),
        accumulated=counts("accumulated"),
        loss=_series(loss),
        loss_min=_series(column("loss_min")),
        loss_max=_series(column("loss_max")),
        loss_nonfinite=counts("loss_nonfinite"),
        learning_rate=_series(rate),
    )


def _silent(inventory: Inventory, seen: set[int], any_step: bool) -> tuple[SilentWeight, ...]:
    recorded = [place in seen for place in range(len(inventory.recorded))]
    statuses = known_statuses(inventory, recorded if any_step else None)
    places = iter(recorded)
    rows = []
    for entry, status in zip(inventory.weights, statuses, strict=True):
        if entry.status == "recorded" and next(places):
            continue
        reason = "no step was recorded" if status == "recorded" else STATUSES[status]
        rows.append(
            SilentWeight(entry.layer, entry.weight, entry.class_name, entry.shape, status, reason)
        )
    return tuple(rows)


def _scale(weights: Iterable[WeightSummary]) -> tuple[float, float] | None:
    """The powers of ten between which colours change, in halves, at least one apart."""
    maps = [weight.heat for weight in weights if weight.heat is not None]
    cells = sorted(v for heat in maps for row in heat.values for v in row if v and v > 0)
    if not cells:
        return None
    low, high = (math.log10(cells[int(end * (len(cells) - 1))]) for end in _ENDS)
    floor, ceiling = math.floor(low * 2) / 2, math.ceil(high * 2) / 2
    return floor, max(ceiling, floor + 1)


def _rolled(timelines: Iterable[Timeline]) -> Iterable[str]:
    """What was rolled up of the steps, a sentence each."""
    for line in timelines:
        text = grids.words(line.steps, "recorded steps", len(line.first), line.width, "columns")
        of = "" if line.optimizer in ("optimizer", "tape") else f"{line.optimizer}: "
        if text:
            yield f"{of}{text}."
        overflows = sum(line.overflow)
        if overflows:
            noun = "step" if overflows == 1 else "steps"
            yield (
                f"{of}{overflows:,} {noun} with an overflow of the loss scale, which the optimizer "
                "skipped, left out of all figures."
            )


def _drawing(weights: tuple[WeightSummary, ...], measures: list[str]) -> Iterable[str]:
    """What the heat maps and distributions show, and what they leave out, a sentence each."""
    heats = [weight.heat for weight in weights if weight.heat is not None]
    together = [heat for heat in heats if heat.per_row > 1]
    if together:
        most = max(heat.per_row for heat in together)
        yield (
            f"{len(together):,} of {len(heats):,} heat maps have up to {most:,} kernels in a row."
        )
    if heats:
        yield (
            f"A cell is the root mean square of {measures[0]} over its kernels and steps; "
            "quantiles over kernels are averaged over the steps of a column, extremes are kept."
        )
    if heats and len(heats) < len(weights):
        yield (
            f"{len(heats):,} of {len(weights):,} weights have heat maps: those with findings, "
            "then the largest."
        )
    if weights:
        yield "Figures that were rolled up have 5 significant digits."


# -- figures --------------------------------------------------------------------------------------


def _figure(value: Any) -> float:
    return float(f"{float(value):.5g}")


def _finite(value: Any) -> float | None:
    return _figure(value) if math.isfinite(value) else None


def _series(values: Iterable[Any]) -> Series:
    return tuple(_finite(value) for value in values)
