"""What an optimizer's rule is: from the state of one weight and its gradient to its change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from kerasaudit.errors import RuleError, UnsupportedError

__all__ = ["Array", "Change", "Config", "Moment", "Rule", "find_rule", "optimizer", "rules"]

Array: TypeAlias = NDArray[np.float64]
Config: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Moment:
    """What a rule is told of one weight at one update.

    Args:
        gradient: as it is after unscaling, accumulation and clipping.
        squared: its square, element by element. It is told apart because a sparse gradient has
            rows that come several times, and not everybody adds them up before squaring.
        learning_rate: α, at this step.
        update: t, the number of this update, from 1.
        slots: the weight's own arrays in the optimizer, by name.
        shared: what the optimizer holds once for all weights.
        power: what βᵗ is worked out with, where it is for the bias of a moving average.
    """

    gradient: Array
    squared: Array
    learning_rate: float
    update: int
    slots: Mapping[str, Array]
    shared: Mapping[str, float]
    power: Callable[[float, int], float] = pow


@dataclass(frozen=True, slots=True)
class Change:
    """What a rule makes of it: what is added to the weight, and the slots as they are after."""

    change: Array
    slots: Mapping[str, Array] = field(default_factory=dict)
    shared: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rule:
    """A registered optimizer.

    Args:
        name: its class: "Adam".
        formula: its update in symbols.
        derive: the update of one weight.
        slots: the arrays that it holds for each weight, by name, with the value they start from.
        shared: what it holds once, likewise.
    """

    name: str
    formula: str
    derive: Callable[[Config, Moment], Change]
    slots: Callable[[Config], Mapping[str, float]]
    shared: Mapping[str, float]


_rules: dict[str, Rule] = {}

_Derive: TypeAlias = Callable[[Config, Moment], Change]


def optimizer(
    *names: str,
    formula: str,
    slots: Callable[[Config], Mapping[str, float]],
    shared: Mapping[str, float] | None = None,
) -> Callable[[_Derive], _Derive]:
    """Register the decorated function as the rule of the optimizers of these classes.

    Raises:
        RuleError: one of them has a rule already.
    """

    def register(derive: _Derive) -> _Derive:
        for name in names:
            if name in _rules:
                raise RuleError(f"optimizer: {name!r} has a rule already")
            _rules[name] = Rule(name, formula, derive, slots, dict(shared or {}))
        return derive

    return register


def find_rule(name: str) -> Rule:
    """The rule of an optimizer, by its class.

    Raises:
        UnsupportedError: there is none.
    """
    if name not in _rules:
        raise UnsupportedError(
            f"optimizer {name!r}: no rule derives its update; expected one of "
            + ", ".join(sorted(_rules))
        )
    return _rules[name]


def rules() -> dict[str, Rule]:
    """All optimizers that have a rule, by class."""
    return dict(sorted(_rules.items()))
