"""The rows of a run's summary: its steps, its weights, what is drawn of them. All immutable."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "Bands",
    "HeatMap",
    "Pictures",
    "Plane",
    "Series",
    "SilentWeight",
    "Stream",
    "Timeline",
    "WeightSummary",
]

# One figure for each column, `None` where there is none.
Series = tuple["float | None", ...]
# A picture: rows of figures, `None` for one that is not finite.
Plane = tuple[Series, ...]


@dataclass(frozen=True, slots=True)
class Stream:
    """How many steps of one optimizer were recorded at one tap."""

    optimizer: str
    tap: str
    steps: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """The recorded steps of one optimizer, in columns of `width` steps (the last may have fewer).

    Args:
        optimizer: its name, as in a block.
        tap: the tap that its weights are summarised at.
        steps: how many were recorded, those with an overflow among them.
        width: how many recorded steps a column takes.
        first: the number of each column's first step.
        last: the number of each column's last step.
        ok, overflow, accumulated: how many steps of each status a column has.
        loss, loss_min, loss_max: mean, least and largest of the losses that were seen and finite.
        loss_nonfinite: how many losses of each column were seen and not finite.
        learning_rate: its mean over the column.
    """

    optimizer: str
    tap: str
    steps: int
    width: int
    first: tuple[int, ...]
    last: tuple[int, ...]
    ok: tuple[int, ...]
    overflow: tuple[int, ...]
    accumulated: tuple[int, ...]
    loss: Series
    loss_min: Series
    loss_max: Series
    loss_nonfinite: tuple[int, ...]
    learning_rate: Series

    @property
    def span(self) -> str:
        """The least and the largest number of a recorded step: "0 to 9,999"."""
        return f"{min(self.first):,} to {max(self.last):,}" if self.first else "none"


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Kernels × steps: a row for `per_row` kernels in order, a column as in the timeline.

    Args:
        per_row: how many kernels a row takes (the last may have fewer).
        values: the root mean square of the run's measure over a cell's kernels and steps, of the
            figures that are finite; `None` without any. Exactly 0: all of them are.
        max_abs: the largest magnitude in the cell; `None` where it was not recorded.
        non_finite: (row, column) of each cell that holds a figure that is not finite.
        rolled: what was rolled up, in words.
    """

    per_row: int
    values: tuple[Series, ...]
    max_abs: tuple[Series, ...] | None
    non_finite: tuple[tuple[int, int], ...]
    rolled: str | None


@dataclass(frozen=True, slots=True)
class Bands:
    """The distribution over a weight's kernels, by column.

    `low` and `high` are the extremes of the column; `p10`, `median` and `p90` the means, over its
    steps, of the quantiles at each step.
    """

    low: Series
    p10: Series
    median: Series
    p90: Series
    high: Series


@dataclass(frozen=True, slots=True)
class Pictures:
    """Kernels of a convolution at the last recorded step: `weight[kernel][channel]` is a plane.

    The weight is as it was before the step. `rolled` says what is not shown.
    """

    step: int
    weight: tuple[tuple[Plane, ...], ...]
    gradient: tuple[tuple[Plane, ...], ...]
    rolled: str | None


@dataclass(frozen=True, slots=True)
class WeightSummary:
    """One weight under one optimizer.

    Norms are those of the whole weight's gradient: of its L2 norm, or where l2 was not recorded of
    its largest magnitude. One that is not finite is NaN.

    Args:
        layer, weight, class_name, shape, dtype, unit, kernels, size: as in the inventory.
        optimizer: the name of the optimizer.
        steps: at how many recorded steps it had a gradient, those with an overflow left out.
        zero_steps: at how many of them the gradient was exactly 0 in every element.
        non_finite_steps: at how many it was not finite somewhere.
        dead_kernels: how many kernels had a gradient of exactly 0 at every step (where finite).
        non_finite_kernels: how many kernels had one that was not finite at some step.
        norm_first, norm_last: at the first and the last step.
        norm_min, norm_typical, norm_max: of the steps where it was finite; the typical one is the
            median over columns, each being the root mean square over its steps.
        max_abs: the largest finite magnitude of all.
        update_ratio: the mean over steps of the median over kernels; `None` if not recorded.
        update_ratio_max: the largest of any kernel.
        level: by column, the root mean square of the measure over kernels and steps.
        non_finite: by column, at how many steps the gradient was not finite somewhere.
        heat, bands: `None` where the weight is not drawn, or nothing tells its size.
        pictures: of a convolution that is recorded element by element.
    """

    layer: str
    weight: str
    class_name: str
    shape: tuple[int, ...]
    dtype: str
    unit: tuple[str, ...]
    kernels: int
    size: int
    optimizer: str
    steps: int
    zero_steps: int
    non_finite_steps: int
    dead_kernels: int
    non_finite_kernels: int
    norm_first: float | None
    norm_last: float | None
    norm_min: float | None
    norm_typical: float | None
    norm_max: float | None
    max_abs: float | None
    update_ratio: float | None
    update_ratio_max: float | None
    level: Series
    non_finite: tuple[int, ...]
    heat: HeatMap | None = None
    bands: Bands | None = None
    pictures: Pictures | None = None

    @property
    def path(self) -> str:
        """The weight's path: "encoder/conv1/kernel"."""
        return f"{self.layer}/{self.weight}"


@dataclass(frozen=True, slots=True)
class SilentWeight:
    """A weight of which no gradient was recorded, and why."""

    layer: str
    weight: str
    class_name: str
    shape: tuple[int, ...]
    status: str
    reason: str

    @property
    def path(self) -> str:
        """The weight's path: "encoder/conv1/kernel"."""
        return f"{self.layer}/{self.weight}"
