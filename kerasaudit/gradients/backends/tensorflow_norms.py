"""Norms on TensorFlow, in as little time as there can be.

Norms are what every step takes. Of a small weight it is the number of operations that tells, and
float32 elements summed in float64 need no scaling to be exact; of a large one it is the memory
passed over, of which float64 takes twice as much.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from kerasaudit.gradients.figures import Part, scaled_norms

__all__ = ["norms"]

# Elements, from which on scaling is quicker (measured on CPU: both take about 0.1 ms there).
_LARGE = 2**17


def norms(parts: Sequence[Part]) -> tuple[Any, Any]:
    """L2 norm and largest magnitude of every kernel: what `figures.scaled_norms` gives."""
    pairs = [_pair(part) for part in parts]
    l2 = tf.concat([one for one, _ in pairs], 0)
    largest = tf.concat([one for _, one in pairs], 0)
    # A reduction to the largest may pass over a NaN, a sum never does.
    return l2, tf.where(tf.math.is_nan(l2), l2, largest)


def _pair(part: Part) -> tuple[Any, Any]:
    if not part.present:
        return part.unknown(), part.unknown()
    if part.dtype != "float32" or math.prod(part.entry.axes_shape) >= _LARGE:
        return scaled_norms([part])
    magnitude = tf.abs(part.value)
    if part.entry.size == 1:  # biases, gammas: both figures are the magnitude itself
        figure = tf.reshape(magnitude, (part.entry.kernels,))
        return figure, figure
    # XLA has no Euclidean norm, which would be one operation less.
    squares = part.reduced(tf.reduce_sum, tf.square(tf.cast(part.value, "float64")))
    return tf.cast(tf.sqrt(squares), "float32"), part.reduced(tf.reduce_max, magnitude)
