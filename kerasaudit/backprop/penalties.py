"""Regularisers: what they add to the loss, and its derivative."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from kerasaudit.backprop.rule import Array
from kerasaudit.errors import UnsupportedError

__all__ = ["penalty"]


def penalty(config: Mapping[str, Any], w: Array, where: str) -> tuple[float, Array]:
    """What a regulariser makes of an array, and its derivative by each element.

    Args:
        config: the regulariser, serialised.
        w: the array.
        where: what it is, for the error.

    Raises:
        UnsupportedError: no derivative is derived of it.

    λ₁ · |−3| + λ₂ · (−3)²; by w it is −λ₁ + 2 · λ₂ · w:

    >>> value, slope = penalty({"class_name": "L1L2", "config": {"l1": 0.5, "l2": 0.25}},
    ...                        np.array([-3.0]), "w")
    >>> value, slope.tolist()
    (3.75, [-2.0])
    """
    name, options = config.get("class_name"), config.get("config") or {}
    if name in ("L1", "L2", "L1L2"):
        # Keras holds a factor in float32 whatever the dtype of the weight.
        l1, l2 = (float(np.float32(options.get(key) or 0.0)) for key in ("l1", "l2"))
        value = l1 * np.abs(w).sum() + l2 * (w**2).sum()
        return float(value), l1 * np.sign(w) + 2 * l2 * w
    if name == "OrthogonalRegularizer":
        factor = float(np.float32(options.get("factor", 0.01)))
        if options.get("mode", "rows") == "rows":
            return _orthogonal(w, factor)
        value, slope = _orthogonal(w.T, factor)
        return value, slope.T
    raise UnsupportedError(f"{where}: no derivative is derived of the regulariser {name!r}")


def _orthogonal(w: Array, factor: float) -> tuple[float, Array]:
    """factor/2 · Σ_{a≠b} |u_a · u_b| / pairs, for the rows u of w at length 1."""
    length = np.sqrt(np.maximum((w**2).sum(axis=1, keepdims=True), np.finfo(np.float64).tiny))
    u = w / length
    products = u @ u.T
    np.fill_diagonal(products, 0.0)
    scale = factor / 2 / (len(w) * (len(w) - 1) / 2)
    by_u = scale * 2 * np.sign(products) @ u
    slope = (by_u - u * (by_u * u).sum(axis=1, keepdims=True)) / length
    return float(scale * np.abs(products).sum()), slope
