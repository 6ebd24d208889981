"""Finite differences: the slope of the loss in one direction, and whether it has a corner there.

A central difference (L(w + hd) − L(w − hd)) / 2h is off by h² · L‴ / 6 and by the rounding of L
over h. Where it does not agree with a gradient, a smaller step tells whether a corner (a maximum
that changes its winner, a ReLU that turns on) lay within the step. One that lies on the point
itself shows in slopes to its left and to its right that stay apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kerasaudit.backprop.rule import Array

__all__ = ["Slope", "slope"]

_STEPS = (1e-4, 1e-5, 1e-6, 1e-7)


@dataclass(frozen=True, slots=True)
class Slope:
    """A slope by finite differences at a step; `corner`: the loss has one at the point itself."""

    step: float
    central: float
    corner: bool


def slope(
    value: Callable[[Array], float],
    at: Array,
    direction: Array,
    expected: float,
    tolerance: float,
) -> Slope:
    """The slope of `value` at `at` along `direction`, by the largest step that agrees.

    Args:
        value: the loss by the array.
        at: where.
        direction: of length 1.
        expected: the slope that a gradient gives.
        tolerance: by how much the two may differ.

    |w| at 0 has a corner, which no step resolves:

    >>> found = slope(lambda w: float(abs(w[0])), np.zeros(1), np.ones(1), 1.0, 1e-5)
    >>> found.corner, found.central
    (True, 0.0)
    """
    middle = value(at)
    found = Slope(_STEPS[0], np.nan, corner=False)
    for step in _STEPS:
        after, before = value(at + step * direction), value(at - step * direction)
        central = (after - before) / (2 * step)
        left, right = (middle - before) / step, (after - middle) / step
        noise = 1e-14 * (abs(middle) + abs(after)) / step
        if np.isnan(found.central) or abs(central - expected) < abs(found.central - expected):
            found = Slope(step, central, corner=False)
        if abs(central - expected) <= tolerance + noise:
            return Slope(step, central, corner=False)
    # Smooth, the slopes to both sides differ by h · L″ alone, which is nothing at the last step.
    return Slope(found.step, found.central, corner=abs(left - right) > 10 * tolerance + noise)
