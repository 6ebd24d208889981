"""What is computed of each kernel's gradient: written once, in keras.ops, for every backend.

A gradient of shape `axes_shape` is reduced over the axes within a kernel, so that a figure for each
kernel is left. Everything is computed in float32 (float64 for a float64 gradient), whatever the
training computes in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from kerasaudit.gradients.inventory import WeightEntry
from kerasaudit.gradients.statistics import HISTOGRAM_BINS, HISTOGRAM_EDGES

__all__ = ["Figures", "Norms", "Part", "Tensors", "figures", "scaled_norms"]


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one step: `values` (statistics, kernels), `histogram` (kernels, bins)."""

    values: Any
    histogram: Any | None


@dataclass(slots=True)
class Tensors:
    """What one weight contributes: its gradient, and its value before and after the update.

    Each has the variable's shape, or is `None` where it is not to be had.
    """

    gradient: Any | None
    before: Any | None = None
    after: Any | None = None


def figures(
    names: Sequence[str],
    entries: Sequence[WeightEntry],
    tensors: Sequence[Tensors],
    dtype: str,
    scale: Any | None = None,
    norms: Norms | None = None,
) -> Figures:
    """Compute statistics of every kernel of every weight, in the order of the entries.

    Args:
        names: statistics; a figure that cannot be had of a weight is NaN.
        entries: the recorded weights.
        tensors: what there is of each.
        dtype: the dtype to compute in, "float32" or "float64".
        scale: the loss scale that the gradients still carry: they are divided by it.
        norms: a backend's own quicker way to what `scaled_norms` computes.
    """
    from keras import ops

    norms = norms or scaled_norms
    weights = [_Weight(entry, t, dtype, scale) for entry, t in zip(entries, tensors, strict=True)]
    rows = {}
    if {"l2", "max_abs"} & set(names):
        rows["l2"], rows["max_abs"] = norms([w.gradient for w in weights])
    for name in names:
        if name not in rows and name != "histogram":
            rows[name] = _row(name, weights, norms)
    values = [rows[name] for name in names if name != "histogram"]
    histogram = None
    if "histogram" in names:
        histogram = ops.concatenate([_histogram(w.gradient) for w in weights], axis=0)
    return Figures(ops.stack(values) if values else ops.zeros((0, 0), dtype), histogram)


class Part:
    """A tensor of one weight with its named axes apart; reductions leave a figure a kernel."""

    def __init__(
        self, entry: WeightEntry, tensor: Any | None, dtype: str, scale: Any = None
    ) -> None:
        from keras import ops

        self.entry = entry
        self.dtype = dtype
        self.present = tensor is not None
        self.value: Any = None
        if tensor is not None:
            # Cast first: a float16 gradient divided by its loss scale would lose its small values.
            value = ops.cast(tensor, dtype)
            if scale is not None:
                value = ops.divide(value, ops.cast(scale, dtype))
            if tuple(value.shape) != entry.axes_shape:
                value = ops.reshape(value, entry.axes_shape)
            self.value = value

    def reduced(self, function: Any, value: Any) -> Any:
        """`value` reduced within each kernel, as a vector."""
        from keras import ops

        figure = value if self.entry.size == 1 else function(value, axis=self.entry.reduced_axes)
        if tuple(figure.shape) == (self.entry.kernels,):
            return figure  # one operation less, of hundreds a step
        return ops.reshape(figure, (self.entry.kernels,))

    def spread(self, vector: Any) -> Any:
        """A figure for each kernel, in a shape that broadcasts with the tensor."""
        from keras import ops

        extents = self.entry.axes_shape
        kept = [n if a in self.entry.unit_axes else 1 for a, n in enumerate(extents)]
        return ops.reshape(vector, kept)

    def unknown(self) -> Any:
        """NaN for every kernel."""
        from keras import ops

        return ops.full((self.entry.kernels,), float("nan"), dtype=self.dtype)


class _Weight:
    """One weight in a step."""

    def __init__(self, entry: WeightEntry, tensors: Tensors, dtype: str, scale: Any) -> None:
        self.entry = entry
        self.gradient = Part(entry, tensors.gradient, dtype, scale)
        self.before = Part(entry, tensors.before, dtype)
        self.after = Part(entry, tensors.after, dtype)
        self.update = Part(entry, None, dtype)
        if self.before.present and self.after.present:
            self.update.present = True
            self.update.value = self.after.value - self.before.value


Norms = Callable[[Sequence[Part]], tuple[Any, Any]]


def scaled_norms(parts: Sequence[Part]) -> tuple[Any, Any]:
    """L2 norm and largest magnitude of every kernel, exact from the smallest float to the largest.

    The squares of float32 elements leave float32 below 1e-19 and above 1e19, so each kernel is
    divided by its largest magnitude first: l2 = m · √Σ (g / m)².
    """
    import numpy as np
    from keras import ops

    limits = np.finfo(parts[0].dtype)
    largest, units, sums = [], [], []
    for part in parts:
        if not part.present:
            largest.append(part.unknown())
            units.append(part.unknown())
            sums.append(part.unknown())
            continue
        magnitude = ops.abs(part.value)
        top = part.reduced(ops.max, magnitude)
        if part.entry.size == 1:  # biases, gammas: both figures are the magnitude itself
            largest.append(top)
            units.append(top)
            sums.append(ops.ones_like(top))
            continue
        # Never 0 or infinite: 0 / tiny is 0, and inf / max stays infinite, as it should.
        unit = ops.clip(top, float(limits.tiny), float(limits.max))
        ratio = ops.divide(magnitude, part.spread(unit))
        largest.append(top)
        units.append(unit)
        sums.append(part.reduced(ops.sum, ops.square(ratio)))
    total = ops.concatenate(sums)
    l2 = ops.multiply(ops.concatenate(units), ops.sqrt(total))
    top = ops.concatenate(largest)
    # A reduction to the largest may pass over a NaN, a sum never does.
    return l2, ops.where(ops.isnan(total), ops.full_like(top, float("nan")), top)


def _row(name: str, weights: Sequence[_Weight], norms: Norms) -> Any:
    """One statistic of every kernel, as one vector."""
    from keras import ops

    if name == "weight_l2":
        return norms([weight.before for weight in weights])[0]
    if name == "update_l2":
        return norms([weight.update for weight in weights])[0]
    if name == "update_ratio":
        of_weight = norms([weight.before for weight in weights])[0]
        of_update = norms([weight.update for weight in weights])[0]
        nothing = ops.logical_and(ops.equal(of_update, 0), ops.equal(of_weight, 0))
        return ops.where(nothing, ops.zeros_like(of_update), ops.divide(of_update, of_weight))
    if name == "weight_std":
        return ops.concatenate([_one("std", weight.before) for weight in weights])
    return ops.concatenate([_one(name, weight.gradient) for weight in weights])


def _one(name: str, part: Part) -> Any:
    """One statistic of one weight's kernels."""
    from keras import ops

    if not part.present:
        return part.unknown()
    if name in ("min", "max"):
        extreme = part.reduced(ops.min if name == "min" else ops.max, part.value)
        missing = part.reduced(ops.max, ops.cast(ops.isnan(part.value), part.dtype))
        return ops.where(missing > 0, ops.full_like(extreme, float("nan")), extreme)
    if name == "mean_abs":
        return part.reduced(ops.mean, ops.abs(part.value))
    if name == "zero_fraction":
        return part.reduced(ops.mean, ops.cast(ops.equal(part.value, 0), part.dtype))
    mean = part.reduced(ops.mean, part.value)
    if name == "mean":
        return mean
    deviation = ops.square(ops.subtract(part.value, part.spread(mean)))
    return ops.sqrt(part.reduced(ops.mean, deviation))


def _histogram(part: Part) -> Any:
    """Elements of every kernel by magnitude: (kernels, bins), counted as integers."""
    from keras import ops

    if not part.present:
        return ops.zeros((part.entry.kernels, HISTOGRAM_BINS), "int32")

    def counted(mask: Any) -> Any:
        counts = part.reduced(ops.sum, ops.cast(mask, "int32"))
        return ops.cast(counts, "int32")

    magnitude = ops.abs(part.value)
    finite = ops.isfinite(magnitude)
    zero = counted(ops.equal(magnitude, 0))
    unusable = counted(ops.logical_not(finite))
    above = [
        counted(ops.logical_and(finite, ops.greater_equal(magnitude, edge)))
        for edge in HISTOGRAM_EDGES
    ]
    below = ops.subtract(ops.subtract(part.entry.size, zero), ops.add(above[0], unusable))
    decades = [ops.subtract(above[i], above[i + 1]) for i in range(len(above) - 1)]
    return ops.stack([zero, below, *decades, above[-1], unusable], axis=-1)
