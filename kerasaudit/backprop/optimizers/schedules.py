"""Learning-rate schedules: the rate at a step, from the schedule's config."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from kerasaudit.errors import UnsupportedError

__all__ = ["SCHEDULES", "learning_rate", "scale"]


def _exponential(config: Mapping[str, Any], step: int) -> float:
    """α₀·r^(step / n); in a staircase the exponent is rounded down."""
    power = step / config["decay_steps"]
    power = math.floor(power) if config["staircase"] else power
    return float(config["initial_learning_rate"] * config["decay_rate"] ** power)


def _piecewise(config: Mapping[str, Any], step: int) -> float:
    """The value of the first boundary that the step does not pass; a boundary is still before."""
    passed = sum(step > int(boundary) for boundary in config["boundaries"])
    return float(config["values"][passed])


def _polynomial(config: Mapping[str, Any], step: int) -> float:
    """(α₀ − α₁)·(1 − step / n)^p + α₁; in a cycle n is raised to the next multiple."""
    first, last, whole = (
        config["initial_learning_rate"],
        config["end_learning_rate"],
        config["decay_steps"],
    )
    if config["cycle"]:
        whole = whole * (math.ceil(step / whole) if step else 1)
    share = min(step, whole) / whole
    return float((first - last) * (1 - share) ** config["power"] + last)


def _inverse_time(config: Mapping[str, Any], step: int) -> float:
    """α₀ / (1 + r·step / n); in a staircase the quotient is rounded down."""
    share = step / config["decay_steps"]
    share = math.floor(share) if config["staircase"] else share
    return float(config["initial_learning_rate"] / (1 + config["decay_rate"] * share))


def _cosine(config: Mapping[str, Any], step: int) -> float:
    """α₀·((1 − a)·(1 + cos(π·step / n)) / 2 + a), after a warm-up in a straight line if any."""
    first, target = config["initial_learning_rate"], config["warmup_target"]
    if target is not None:
        warmup = config["warmup_steps"]
        if step < warmup:
            return float((target - first) * step / warmup + first)
        first, step = target, step - warmup
    share = min(step, config["decay_steps"]) / config["decay_steps"]
    return float(first * _half_wave(share, config["alpha"]))


def _cosine_restarts(config: Mapping[str, Any], step: int) -> float:
    """The same, begun anew: each period t_mul times as long and m_mul times as high."""
    share, longer = step / config["first_decay_steps"], config["t_mul"]
    if longer == 1:
        restarts = math.floor(share)
        share -= restarts
    else:
        restarts = math.floor(math.log(1 - share * (1 - longer)) / math.log(longer))
        share = (share - (1 - longer**restarts) / (1 - longer)) / longer**restarts
    height = config["m_mul"] ** restarts
    return float(config["initial_learning_rate"] * _half_wave(share, config["alpha"], height))


def _half_wave(share: float, floor: float, height: float = 1.0) -> float:
    return (1 - floor) * 0.5 * height * (1 + math.cos(math.pi * share)) + floor


SCHEDULES: Mapping[str, Callable[[Mapping[str, Any], int], float]] = {
    "ExponentialDecay": _exponential,
    "PiecewiseConstantDecay": _piecewise,
    "PolynomialDecay": _polynomial,
    "InverseTimeDecay": _inverse_time,
    "CosineDecay": _cosine,
    "CosineDecayRestarts": _cosine_restarts,
}


def learning_rate(configured: Any, step: int) -> float:
    """The learning rate at a step, counted from 0, of a number or a serialised schedule.

    Raises:
        UnsupportedError: it is a schedule that there is no formula for.

    >>> halved = {"initial_learning_rate": 0.8, "decay_steps": 10, "decay_rate": 0.5,
    ...           "staircase": True}
    >>> [learning_rate({"class_name": "ExponentialDecay", "config": halved}, n) for n in (9, 10)]
    [0.8, 0.4]
    """
    if isinstance(configured, int | float):
        return float(configured)
    held = configured if isinstance(configured, Mapping) else {}
    name = str(held.get("class_name", type(configured).__name__))
    if name not in SCHEDULES:
        raise UnsupportedError(
            f"learning rate: expected a number or one of {', '.join(SCHEDULES)}, received {name}"
        )
    return SCHEDULES[name](configured["config"], step)


def scale(configured: Mapping[str, Any]) -> float:
    """The largest rate that a schedule's config names: what its round-off is in proportion to."""
    config = configured["config"]
    named = ("initial_learning_rate", "end_learning_rate", "warmup_target")
    rates = [config.get(name) for name in named] + list(config.get("values", ()))
    return max((abs(float(rate)) for rate in rates if rate is not None), default=0.0)
