"""Norms on TensorFlow, in as little time as there can be.

Norms are what every step takes. Of a small weight it is the number of operations that tells, and
float32 elements summed in float64 need no scaling to be exact. Of a large one it is the memory
passed over: its squares are made once and both figures taken from them, and should any of them
leave float32, all large weights are done again with scaling.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from kerasaudit.gradients.figures import Part, scaled_norms

__all__ = ["norms"]

# Elements, from which on passing over memory costs more than operations (measured on CPU: both
# take about 0.1 ms there).
_LARGE = 2**17

# The largest square of a kernel for which float32 squares lose nothing that a float32 norm shows:
# what is lost below 1e-38 is no part in 1e7 of a sum above 1e-24, for 1e7 elements; and as many
# squares below 1e30 add up to a float32.
_SQUARES = (1e-24, 1e30)

# How many rows a product adds up.
_ROWS = 256

# The largest of many rows is taken of so many at a time, and of what that leaves, which is less
# than two thirds of the time: rows one after the other would each be another page of memory.
_FOLD = 8
_FOLDS = 3


def norms(parts: Sequence[Part]) -> tuple[Any, Any]:
    """L2 norm and largest magnitude of every kernel: what `figures.scaled_norms` gives."""
    found: dict[int, tuple[Any, Any]] = {}
    large = [place for place, part in enumerate(parts) if _is_large(part)]
    if large:
        found.update(zip(large, _of_large([parts[place] for place in large]), strict=True))
    pairs = [found.get(place) or _pair(part) for place, part in enumerate(parts)]
    # Of biases and gammas both figures are the magnitude itself: taken of all of them at once.
    l2 = tf.abs(tf.concat([one for one, _ in pairs], 0))
    largest = tf.abs(tf.concat([one for _, one in pairs], 0))
    # A reduction to the largest may pass over a NaN, a sum never does.
    return l2, tf.where(tf.math.is_nan(l2), l2, largest)


def _is_large(part: Part) -> bool:
    size = math.prod(part.entry.axes_shape)
    return part.present and part.dtype == "float32" and size >= _LARGE and part.entry.size > 1


def _pair(part: Part) -> tuple[Any, Any]:
    if not part.present:
        return part.unknown(), part.unknown()
    if part.dtype != "float32":
        return scaled_norms([part])
    if part.entry.size == 1:
        flat = len(part.value.shape) == 1
        figure = part.value if flat else tf.reshape(part.value, (part.entry.kernels,))
        return figure, figure
    # XLA has no Euclidean norm, which would be one operation less.
    squares = part.reduced(tf.reduce_sum, tf.square(tf.cast(part.value, "float64")))
    largest = part.reduced(tf.reduce_max, tf.abs(part.value))
    return tf.cast(tf.sqrt(squares), "float32"), largest


def _of_large(parts: Sequence[Part]) -> list[tuple[Any, Any]]:
    """The pair of each weight: from the squares where those are floats, else with scaling."""
    squares = [tf.square(part.value) for part in parts]
    sums = tf.concat([_summed(p, s) for p, s in zip(parts, squares, strict=True)], 0)
    tops = tf.concat([_largest(p, s) for p, s in zip(parts, squares, strict=True)], 0)
    least, most = _SQUARES
    # A NaN compares as false, and a square of 0 may be that of 1e-30: both are done with scaling.
    fits = tf.reduce_all((tops >= least) & (tops <= most))
    # In binary, the root of a rounded square is the magnitude itself.
    l2, largest = tf.cond(
        fits, lambda: (tf.sqrt(sums), tf.sqrt(tops)), lambda: tuple(scaled_norms(parts))
    )
    sizes = [part.entry.kernels for part in parts]
    return list(zip(tf.split(l2, sizes), tf.split(largest, sizes), strict=True))


def _summed(part: Part, squares: Any) -> Any:
    """The sum of each kernel's squares: as a product with ones, which CPUs do twice as fast.

    A product adds up one after the other and so rounds more often than a sum in pairs: it is of
    few rows at a time.
    """
    entry = part.entry
    rows = next(rows for rows in range(_ROWS, 0, -1) if entry.size % rows == 0)
    if not _is_of_rows(part) or rows < _ROWS // 16:
        return part.reduced(tf.reduce_sum, squares)
    summed = tf.linalg.matmul(tf.ones((1, rows)), tf.reshape(squares, (rows, -1)))
    return tf.reduce_sum(tf.reshape(summed, (entry.size // rows, entry.kernels)), 0)


def _largest(part: Part, squares: Any) -> Any:
    """The largest of each kernel's squares: of a few rows at a time, and of what that leaves."""
    if not _is_of_rows(part):
        return part.reduced(tf.reduce_max, squares)
    rows = part.entry.size
    for _ in range(_FOLDS):
        fold = math.gcd(rows, _FOLD)
        if fold > 1:
            rows //= fold
            squares = tf.reduce_max(tf.reshape(squares, (fold, rows * part.entry.kernels)), 0)
    return tf.reduce_max(tf.reshape(squares, (rows, part.entry.kernels)), 0)


def _is_of_rows(part: Part) -> bool:
    """Whether an element of each kernel follows that of the one before, on a CPU.

    A GPU may multiply with ten bits (TF32), and is no faster for rows.
    """
    entry = part.entry
    first = len(entry.axes_shape) - len(entry.unit_axes)
    last = tuple(entry.unit_axes) == tuple(range(first, len(entry.axes_shape)))
    return last and not _has_gpu()


@functools.cache
def _has_gpu() -> bool:
    return bool(tf.config.list_logical_devices("GPU"))
