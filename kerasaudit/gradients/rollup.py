"""Rolls the blocks of one optimizer at one tap up into a grid, in bounded memory, in one pass.

What is kept can be merged: sums, counts, extremes. A step whose loss scale overflowed was skipped
by its optimizer: it is counted, and its gradients, which mean nothing, are left out of all figures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from kerasaudit.gradients.block import STEP_STATUSES, Block
from kerasaudit.gradients.grid import FINE, Grid, width_of

__all__ = ["QUANTILES", "Ratios", "Rollup", "measure_of"]

QUANTILES = (0.1, 0.5, 0.9)  # beside the least and the largest

_OVERFLOW = STEP_STATUSES.index("overflow")
_AT_ONCE = 4_000_000  # so many figures of a statistic are worked on at once

_Array = Any  # a NumPy array


def measure_of(block: Block) -> str | None:
    """What the sizes of a block's gradients are told by; `None` if it holds nothing of the kind."""
    return next((name for name in ("l2", "max_abs") if name in block.statistics), None)


class _Columns:
    """Accumulators whose first axis is the columns, each with the way it is merged in pairs."""

    def __init__(self, columns: int) -> None:
        self.capacity = columns
        self._held: dict[str, tuple[_Array, Callable[..., _Array], float]] = {}

    def hold(self, name: str, merge: str, shape: tuple[int, ...] = (), identity: float = 0) -> None:
        import numpy as np

        array = np.full((self.capacity, *shape), identity, dtype=np.float64)
        self._held[name] = (array, getattr(np, merge), identity)

    def has(self, name: str) -> bool:
        return name in self._held

    def add(self, name: str, columns: _Array, starts: _Array, values: _Array) -> None:
        """Put steps into columns; those of one column stand together, from `starts` on."""
        array, merge, _ = self._held[name]
        at = columns[starts]
        array[at] = merge(array[at], merge.reduceat(values, starts, axis=0))  # type: ignore[attr-defined]

    def halve(self) -> None:
        """Merge every two neighbours."""
        for array, merge, identity in self._held.values():
            half = self.capacity // 2
            array[:half] = merge(array[0::2], array[1::2])
            array[half:] = identity

    def merged(self, name: str, factor: int, count: int) -> _Array:
        """The first `count` columns, every `factor` of them made one."""
        import numpy as np

        array, merge, _ = self._held[name]
        starts = np.arange(0, count, factor)
        return merge.reduceat(array[:count], starts, axis=0)  # type: ignore[attr-defined]


class Rollup:
    """One optimizer at one tap: heat maps, distributions and figures of all its weights.

    Attributes:
        steps: how many recorded steps there were, those with an overflow among them.
        measure: what sizes are told by: "l2", "max_abs", or `None`.
        present: for each recorded weight, at how many steps it had a gradient.
    """

    def __init__(self, grid: Grid, measure: str | None, *, max_abs: bool) -> None:
        import numpy as np

        self.grid, self.measure, self.has_max_abs = grid, measure, max_abs
        self.steps, self._fine = 0, 1
        weights = len(grid.kernels)
        self._starts = np.array(grid.starts, dtype=np.intp)
        self._first_rows = np.array(grid.first_rows, dtype=np.intp)
        self._ends = np.cumsum(np.array(grid.kernels, dtype=np.intp))
        self._begins = self._ends - np.array(grid.kernels, dtype=np.intp)
        self.present = np.zeros(weights, dtype=np.int64)
        self.zero_steps = np.zeros(weights, dtype=np.int64)
        self.nonfinite_steps = np.zeros(weights, dtype=np.int64)
        self.norm_first = np.full(weights, np.nan)
        self.norm_last = np.full(weights, np.nan)
        self.norm_min = np.full(weights, np.inf)
        self.norm_max = np.full(weights, -np.inf)
        self.kernel_max = np.zeros(sum(grid.kernels))
        self.kernel_finite = np.zeros(sum(grid.kernels), dtype=bool)
        self.kernel_nonfinite = np.zeros(sum(grid.kernels), dtype=bool)
        self.time = _timeline(FINE * grid.columns)
        self.cells = _cells(FINE * grid.columns, len(grid.starts), weights)

    def add(self, block: Block) -> None:
        """Take in the next steps."""
        for part in _pieces(block):
            self._add(part)

    def _add(self, block: Block) -> None:
        import numpy as np

        ordinals = np.arange(self.steps, self.steps + len(block))
        self.steps += len(block)
        fine, _ = width_of(self.steps, self.grid.columns)
        while self._fine < fine:
            self.time.halve()
            self.cells.halve()
            self._fine *= 2
        columns = ordinals // self._fine
        _add_times(self.time, block, columns)
        kept = np.asarray(block.status) != _OVERFLOW
        if self.measure is not None and kept.any() and self.grid.starts:
            part = block if kept.all() else block.take(kept)
            with np.errstate(over="ignore"):  # a square beyond float64 is told as not finite
                self._add_figures(part, columns[kept])
        self.present += np.asarray(block.present, dtype=bool) * int(kept.sum())

    def _add_figures(self, block: Block, columns: _Array) -> None:
        import numpy as np

        present = np.asarray(block.present, dtype=bool)
        sizes, largest, bad = self._figures(block, present)
        squares = np.add.reduceat(np.square(sizes, dtype=np.float64), self._starts, axis=1)
        peaks = np.maximum.reduceat(largest, self._starts, axis=1)
        known = np.repeat(present, self.grid.kernels)
        if bad is None:
            counts = np.add.reduceat(known.astype(np.float64), self._starts)[None, :]
            wrong = np.zeros((1, len(self._starts)))
            bad_rows = np.zeros((1, len(present)), dtype=bool)
            self.kernel_finite |= known
        else:
            counts = np.add.reduceat((known & ~bad).astype(np.float64), self._starts, axis=1)
            wrong = np.add.reduceat(bad.astype(np.float64), self._starts, axis=1)
            bad_rows = np.add.reduceat(wrong, self._first_rows, axis=1) > 0
            self.kernel_nonfinite |= bad.any(axis=0)
            self.kernel_finite |= known & ~bad.all(axis=0)
        np.maximum(self.kernel_max, largest.max(axis=0), out=self.kernel_max)
        norms = self._norms(squares, peaks)
        tops = np.maximum.reduceat(peaks, self._first_rows, axis=1)
        self._add_norms(norms, tops, bad_rows, present)
        starts = _starts(columns)
        whole = np.broadcast_to(present & ~bad_rows, norms.shape)
        steps = len(block)
        for name, values in (
            ("squares", squares),
            ("peaks", peaks),
            ("counts", np.broadcast_to(counts, (steps, counts.shape[1]))),
            ("wrong", np.broadcast_to(wrong, (steps, wrong.shape[1]))),
            ("norm_squares", np.where(whole, np.square(norms), 0.0)),
            ("norm_counts", whole.astype(np.float64)),
            ("bad_steps", np.broadcast_to(bad_rows, norms.shape).astype(np.float64)),
        ):
            self.cells.add(name, columns, starts, values)
        self._add_quantiles(sizes, bad, present, columns, starts)

    def _figures(self, block: Block, present: _Array) -> tuple[_Array, _Array, _Array | None]:
        """Sizes and largest magnitudes, 0 where there is none; which figures are not finite."""
        import numpy as np

        assert self.measure is not None
        sizes = np.asarray(block.of(self.measure))
        largest = np.asarray(block.of("max_abs")) if self.has_max_abs else sizes
        finite = np.isfinite(sizes) & np.isfinite(largest)
        if finite.all() and present.all():
            return sizes, largest, None
        known = np.repeat(present, self.grid.kernels)
        usable = finite & known
        bad = ~finite & known
        sizes, largest = np.where(usable, sizes, 0), np.where(usable, largest, 0)
        return sizes, largest, bad if bad.any() else None

    def _norms(self, squares: _Array, peaks: _Array) -> _Array:
        """The size of each weight's whole gradient: (steps, weights)."""
        import numpy as np

        if self.measure == "l2":
            return np.sqrt(np.add.reduceat(squares, self._first_rows, axis=1))
        return np.maximum.reduceat(peaks, self._first_rows, axis=1)

    def _add_norms(self, norms: _Array, tops: _Array, bad: _Array, present: _Array) -> None:
        import numpy as np

        bad = np.broadcast_to(bad, norms.shape) & present
        whole = ~bad & present
        new = present & (self.present == 0)
        told = np.where(bad, np.nan, norms)
        self.norm_first[new] = told[0, new]
        self.norm_last[present] = told[-1, present]
        least = np.where(whole, norms, np.inf).min(axis=0)
        most = np.where(whole, norms, -np.inf).max(axis=0)
        np.minimum(self.norm_min, least, out=self.norm_min)
        np.maximum(self.norm_max, most, out=self.norm_max)
        self.zero_steps += (whole & (norms == 0) & (tops == 0)).sum(axis=0)
        self.nonfinite_steps += bad.sum(axis=0)

    def _add_quantiles(
        self, sizes: _Array, bad: _Array | None, present: _Array, columns: _Array, starts: _Array
    ) -> None:
        """The distribution over the kernels of each weight, at each step."""
        import numpy as np

        shape = (len(sizes), len(present), len(QUANTILES))
        inner, lowest = np.zeros(shape), np.full(shape[:2], np.inf)
        highest, counts = np.full(shape[:2], -np.inf), np.zeros(shape[:2])
        for weight in np.flatnonzero(present):
            place = slice(self._begins[weight], self._ends[weight])
            figures = sizes[:, place]
            if bad is not None and bad[:, place].any():
                figures = np.where(bad[:, place], np.nan, figures)
            figures = np.sort(figures, axis=1)  # NaN stands last
            some: Any = slice(None)
            last: Any = np.intp(figures.shape[1] - 1)
            if np.isnan(figures[:, -1]).any():
                last = figures.shape[1] - 1 - np.isnan(figures).sum(axis=1)
                some = np.flatnonzero(last >= 0)
                figures, last = figures[some], last[some]
            rows = np.arange(len(figures))
            lowest[some, weight] = figures[:, 0]
            highest[some, weight] = figures[rows, last]
            counts[some, weight] = 1
            for number, quantile in enumerate(QUANTILES):
                at = quantile * last
                low = np.floor(at).astype(np.intp)
                one = figures[rows, low].astype(np.float64)
                other = figures[rows, np.minimum(low + 1, last)]
                inner[some, weight, number] = one + (other - one) * (at - low)
        self.cells.add("inner", columns, starts, inner)
        self.cells.add("lowest", columns, starts, lowest)
        self.cells.add("highest", columns, starts, highest)
        self.cells.add("distributions", columns, starts, counts)

    # -- what it comes to -------------------------------------------------------------------------

    @property
    def width(self) -> int:
        """How many recorded steps a column takes."""
        fine, factor = width_of(self.steps, self.grid.columns)
        return fine * factor

    def column(self, name: str) -> _Array:
        """An accumulator in its columns as they are at the end."""
        fine, factor = width_of(self.steps, self.grid.columns)
        held = self.time if self.time.has(name) else self.cells
        return held.merged(name, factor, math.ceil(self.steps / fine))


def _timeline(capacity: int) -> _Columns:
    import numpy as np

    held = _Columns(capacity)
    for name in ("first_step", "loss_min"):
        held.hold(name, "minimum", identity=np.inf)
    for name in ("last_step", "loss_max"):
        held.hold(name, "maximum", identity=-np.inf)
    for name in (*STEP_STATUSES, "loss_sum", "loss_count", "loss_nonfinite", "rate_sum"):
        held.hold(name, "add")
    held.hold("rate_count", "add")
    return held


def _cells(capacity: int, rows: int, weights: int) -> _Columns:
    import numpy as np

    held = _Columns(capacity)
    for name in ("squares", "counts", "wrong"):
        held.hold(name, "add", (rows,))
    held.hold("peaks", "maximum", (rows,))
    for name in ("norm_squares", "norm_counts", "bad_steps", "distributions"):
        held.hold(name, "add", (weights,))
    held.hold("inner", "add", (weights, len(QUANTILES)))
    held.hold("lowest", "minimum", (weights,), np.inf)
    held.hold("highest", "maximum", (weights,), -np.inf)
    return held


def _add_times(time: _Columns, block: Block, columns: _Array) -> None:
    """What holds of a step as a whole: its number, status, loss and learning rate."""
    import numpy as np

    starts = _starts(columns)
    steps = np.asarray(block.steps, dtype=np.float64)
    status = np.asarray(block.status)
    loss = np.asarray(block.loss, dtype=np.float64)
    seen = np.asarray(block.loss_known, dtype=bool)
    finite = seen & np.isfinite(loss)
    rate = np.asarray(block.learning_rate, dtype=np.float64)
    known = np.isfinite(rate)
    values = {
        "first_step": steps,
        "last_step": steps,
        "loss_min": np.where(finite, loss, np.inf),
        "loss_max": np.where(finite, loss, -np.inf),
        "loss_sum": np.where(finite, loss, 0.0),
        "loss_count": finite.astype(np.float64),
        "loss_nonfinite": (seen & ~finite).astype(np.float64),
        "rate_sum": np.where(known, rate, 0.0),
        "rate_count": known.astype(np.float64),
    }
    values |= {n: (status == i).astype(np.float64) for i, n in enumerate(STEP_STATUSES)}
    for name, figures in values.items():
        time.add(name, columns, starts, figures)


def _starts(columns: _Array) -> _Array:
    """Where each column begins among steps in order."""
    import numpy as np

    return np.flatnonzero(np.diff(columns, prepend=columns[0] - 1))


def _pieces(block: Block) -> Iterator[Block]:
    stride = max(1, _AT_ONCE // max(block.values.shape[-1], 1))
    for start in range(0, len(block), stride):
        yield block if len(block) <= stride else block.take(slice(start, start + stride))


class Ratios:
    """The update-to-weight ratio: of each weight's kernels the median, its mean over the steps."""

    def __init__(self, grid: Grid) -> None:
        import numpy as np

        self._grid = grid
        self._sum = np.zeros(len(grid.kernels))
        self._count = np.zeros(len(grid.kernels))
        self._max = np.full(len(grid.kernels), -np.inf)

    def add(self, block: Block) -> None:
        """Take in the next steps, if the block has the figure."""
        import numpy as np

        kept = np.asarray(block.status) != _OVERFLOW
        ratios = np.asarray(block.of("update_ratio"), dtype=np.float64)[kept]
        begin = 0
        for weight, kernels in enumerate(self._grid.kernels):
            figures = ratios[:, begin : begin + kernels]
            begin += kernels
            finite = np.isfinite(figures)
            whole = finite.all(axis=1)
            if block.present[weight] and whole.any():
                self._sum[weight] += np.median(figures[whole], axis=1).sum()
                self._count[weight] += whole.sum()
            if block.present[weight] and finite.any():
                self._max[weight] = max(self._max[weight], figures[finite].max())

    def of(self, weight: int) -> tuple[float, float] | None:
        """The mean over steps of the median, and the largest; `None` where none was recorded."""
        if not self._count[weight]:
            return None
        return float(self._sum[weight] / self._count[weight]), float(self._max[weight])
