"""Sums of products by named indices: `numpy.einsum` as every layer here writes it."""

from __future__ import annotations

import numpy as np

from kerasaudit.backprop.rule import Array

__all__ = ["contract", "per_last"]


def contract(indices: str, *operands: Array) -> Array:
    """The sum over every index that the result does not bear.

    >>> contract("nd,du->nu", np.ones((2, 3)), np.ones((3, 1))).tolist()
    [[3.0], [3.0]]
    """
    found: Array = np.einsum(indices, *operands, optimize=True)
    return found


def per_last(g: Array) -> Array:
    """The sum over every axis but the last: what a bias is given.

    >>> per_last(np.ones((2, 3, 4))).tolist()
    [6.0, 6.0, 6.0, 6.0]
    """
    found: Array = g.sum(axis=tuple(range(g.ndim - 1)))
    return found
