"""How far apart two gradients may be: one table, by the dtype that a model computes in."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["BY_DTYPE", "DIFFERENCES", "FLOOR", "within"]

# Relative to the largest derivative in the weight. In float64 not only the last digits count: Keras
# on TensorFlow holds constants (gelu's √2, attention's 1/√d, factors of regularisers) in float32.
BY_DTYPE: Mapping[str, float] = {
    "float64": 1e-6,
    "float32": 1e-3,
    "bfloat16": 1e-1,
    "float16": 5e-2,
}

# The same for central finite differences, which are taken in float64.
DIFFERENCES = 1e-5

# A weight whose derivatives are all below so much of the model's largest is measured by that: what
# is left of large terms that cancel is rounding.
FLOOR = 1e-3


def within(dtypes: set[str]) -> float:
    """The tolerance for a model that computes in these dtypes: that of the coarsest.

    >>> within({"float32", "float16"})
    0.05
    """
    return max((BY_DTYPE.get(dtype, BY_DTYPE["float32"]) for dtype in dtypes), default=1e-3)
