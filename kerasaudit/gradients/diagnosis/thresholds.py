"""Thresholds: what a user gives for them, checked against the diagnoses' own."""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Iterable, Mapping
from dataclasses import Field, field, fields
from typing import Any, NoReturn

from kerasaudit.errors import ConfigError
from kerasaudit.gradients.diagnosis.rule import Rule

__all__ = ["at_least", "resolve"]


def at_least(least: int, default: int) -> Any:
    """A whole-number threshold that cannot be smaller than `least`."""
    return field(default=default, metadata={"least": least})


def resolve(given: object, rules: Mapping[str, Rule]) -> dict[str, Any]:
    """The thresholds of every diagnosis by name; one that is switched off is left out.

    Args:
        given: `{"vanishing": {"absolute": 1e-8}}`, or `None`. `{"vanishing": None}` switches a
            diagnosis off.
        rules: the diagnoses there are.

    Raises:
        ConfigError: no diagnosis or threshold has that name, or a value is of the wrong type.
    """
    if given is None:
        given = {}
    if not isinstance(given, Mapping):
        _wrong("thresholds", "a mapping from a diagnosis to its thresholds", given)
    for name in given:
        _known("thresholds", "a diagnosis", name, rules)
    return {
        name: _thresholds(rule, given.get(name, {}))
        for name, rule in rules.items()
        if given.get(name, {}) is not None
    }


def _thresholds(rule: Rule, given: object) -> Any:
    where = f"thresholds[{rule.name!r}]"
    if not isinstance(given, Mapping):
        _wrong(where, "a mapping from a threshold to its value, or None (switched off)", given)
    known = {entry.name: entry for entry in fields(rule.thresholds)}
    for name in given:
        _known(where, f"a threshold of {rule.name!r}", name, known)
    values = {name: _value(where, known[name], value) for name, value in given.items()}
    made = rule.thresholds(**values)
    k, n = getattr(made, "k", 1), getattr(made, "n", 1)
    if k > n:
        _wrong(where, "k of the last n steps, k at most n", f"k={k}, n={n}")
    return made


def _value(where: str, entry: Field[Any], value: Any) -> Any:
    """One value, of the type that the threshold's default has."""
    where = f"{where}[{entry.name!r}]"
    default = entry.default
    if isinstance(default, bool):
        if not isinstance(value, bool):
            _wrong(where, "True or False", value)
        return value
    if isinstance(default, tuple):
        if not isinstance(value, (tuple, list)) or not all(isinstance(v, str) for v in value):
            _wrong(where, "a list of names", value)
        return tuple(value)
    if isinstance(default, int):
        least = entry.metadata.get("least", 0)
        whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        if not whole or value < least:
            _wrong(where, f"a whole number of at least {least}", value)
        return int(value)
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not number or math.isnan(value) or value < 0:
        _wrong(where, "a number of at least 0", value)
    return float(value)


def _known(where: str, what: str, name: object, known: Iterable[str]) -> None:
    names = list(known)
    if name in names:
        return
    near = difflib.get_close_matches(str(name), names, n=3)
    hint = f"; did you mean {', '.join(near)}?" if near else ""
    _wrong(where, f"{what} ({', '.join(names)})", name, hint)


def _wrong(where: str, expected: str, received: object, hint: str = "") -> NoReturn:
    raise ConfigError(f"{where}: expected {expected}, received {received!r}{hint}")
