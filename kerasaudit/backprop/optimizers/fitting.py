"""The value of a hyperparameter that would explain an update, found from the update itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from kerasaudit.backprop.optimizers.rule import Array
from kerasaudit.backprop.optimizers.step import Optimizer, State, with_setting
from kerasaudit.backprop.optimizers.terms import Variation

__all__ = ["Target", "at", "fitted"]

# A weight, or one of the optimizer's arrays for it: the slot's name, or None, and the path.
Target = tuple[str | None, str]

# In the order in which they are thought of: what people set first comes first.
_SETTINGS = (
    "weight_decay",
    "momentum",
    "beta_1",
    "beta_2",
    "rho",
    "epsilon",
    "clipnorm",
    "global_clipnorm",
    "clipvalue",
    "ema_momentum",
)
_ITERATIONS = 12


def at(state: State, target: Target) -> Array:
    """The array of a state that is meant."""
    slot, path = target
    return state.weights[path] if slot is None else state.slots[slot][path]


def fitted(
    optimizer: Optimizer,
    state: State,
    gradients: Mapping[str, Array | None],
    observed: State,
    targets: Sequence[Target],
    tolerances: State,
) -> Iterator[Variation]:
    """Steps with one hyperparameter changed to the value that fits the targets best.

    One number can be found from a single element, and that would explain nothing: there must be
    two at least.
    """
    weights = [_weights(at(tolerances, target)) for target in targets]
    if sum(int(np.count_nonzero(weight)) for weight in weights) < 2:
        return

    def residual(after: State) -> Array:
        parts = [
            ((at(observed, target) - at(after, target)) * weight).ravel()
            for target, weight in zip(targets, weights, strict=True)
        ]
        return np.concatenate(parts)

    config, rate = optimizer.inner.config, optimizer.learning_rate(state.calls)
    settings: dict[str, tuple[float, Callable[[float], Optimizer]]] = {
        "learning rate": (rate, lambda value: replace(optimizer, rate=value))
    }
    for name in _SETTINGS:
        if name in config and (config[name] or name == "weight_decay"):
            changed = _changing(optimizer, name)
            settings[name] = (float(config[name] or 0.0), changed)
    for name, (value, changed) in settings.items():

        def of_value(tried: float, changed: Callable[[float], Optimizer] = changed) -> Array:
            return residual(changed(tried).step(state, gradients))

        found = _best(of_value, value)
        if found is not None:
            text = f"{name} = {_apart(found, value)} instead of {value:.4g}"
            yield Variation(text, changed(found), state, gradients)


def _changing(optimizer: Optimizer, name: str) -> Callable[[float], Optimizer]:
    return lambda value: with_setting(optimizer, name, value)


def _apart(found: float, value: float) -> str:
    """A value in four digits, or in more where four would not tell it from the other."""
    return f"{found:.4g}" if f"{found:.4g}" != f"{value:.4g}" else f"{found:.9g}"


def _weights(tolerance: Array) -> Array:
    """What an element counts: the less, the less it is known; nothing where it may be anything."""
    weights = np.zeros_like(tolerance)
    np.divide(1.0, tolerance, out=weights, where=np.isfinite(tolerance) & (tolerance > 0))
    return weights


def _best(residual: Callable[[float], Array], value: float) -> float | None:
    """The value with the least squares, by Gauss and Newton in one dimension, from a few starts."""
    best, least = None, np.inf
    for start in (value, 0.1 * value, 10 * value, 0.5, 0.999):
        tried = start
        for _ in range(_ITERATIONS):
            now = residual(tried)
            moved = 1e-6 * max(abs(tried), 1e-6)
            slope = (residual(tried + moved) - now) / moved
            with np.errstate(all="ignore"):
                square, steepness = float(now @ now), float(slope @ slope)
                step = -float(slope @ now) / steepness if steepness else 0.0
            if not np.isfinite(square):
                break
            if square < least:
                best, least = tried, square
            if not np.isfinite(step) or abs(step) <= 1e-9 * abs(tried):
                break
            tried += step
    return best
