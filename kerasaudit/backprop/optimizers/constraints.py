"""Constraints: what a weight is changed to after its update, from the constraint's config."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from kerasaudit.backprop.optimizers.rule import Array
from kerasaudit.errors import UnsupportedError

__all__ = ["constrained"]

_EPSILON = 1e-7  # keras.config.epsilon(), as it is unless somebody sets it


def _non_negative(weight: Array, _: Mapping[str, Any]) -> Array:
    return np.maximum(weight, 0.0)


def _unit_norm(weight: Array, config: Mapping[str, Any]) -> Array:
    return weight / (_EPSILON + _norms(weight, config))


def _max_norm(weight: Array, config: Mapping[str, Any]) -> Array:
    norms = _norms(weight, config)
    desired: Array = np.clip(norms, 0.0, config["max_value"])
    return weight * desired / (_EPSILON + norms)


def _min_max_norm(weight: Array, config: Mapping[str, Any]) -> Array:
    norms, rate = _norms(weight, config), config["rate"]
    within = np.clip(norms, config["min_value"], config["max_value"])
    desired: Array = rate * within + (1 - rate) * norms
    return weight * desired / (_EPSILON + norms)


def _norms(weight: Array, config: Mapping[str, Any]) -> Array:
    axis = config["axis"]
    axes = tuple(axis) if isinstance(axis, list | tuple) else axis
    norms: Array = np.sqrt(np.sum(weight**2, axis=axes, keepdims=True))
    return norms


_CONSTRAINTS: Mapping[str, Callable[[Array, Mapping[str, Any]], Array]] = {
    "NonNeg": _non_negative,
    "UnitNorm": _unit_norm,
    "MaxNorm": _max_norm,
    "MinMaxNorm": _min_max_norm,
}


def constrained(weight: Array, constraint: Mapping[str, Any]) -> Array:
    """The weight under a serialised constraint.

    Raises:
        UnsupportedError: there is no formula for the constraint.

    >>> constrained(np.array([-1.0, 2.0]), {"class_name": "NonNeg", "config": {}}).tolist()
    [0.0, 2.0]
    """
    name = str(constraint.get("class_name"))
    if name not in _CONSTRAINTS:
        raise UnsupportedError(
            f"constraint: expected one of {', '.join(_CONSTRAINTS)}, received {name!r}"
        )
    return _CONSTRAINTS[name](weight, constraint["config"])
