"""How far an update in a weight's own dtype may be from the derived one, by round-off alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from kerasaudit.backprop.optimizers.rule import Array
from kerasaudit.backprop.optimizers.step import Optimizer, State, with_setting

__all__ = ["EPSILONS", "tolerances"]

# The distance from 1 to the next number of each dtype.
EPSILONS: Mapping[str, float] = {
    "float64": 2.0**-52,
    "float32": 2.0**-23,
    "float16": 2.0**-10,
    "bfloat16": 2.0**-7,
}
# Keras holds the hyperparameters of a float64 model in float32 where it casts a Python number.
_COARSEST_CONSTANT = "float32"
_SAFETY = 2.0


def tolerances(
    optimizer: Optimizer,
    state: State,
    gradients: Mapping[str, Array | None],
    dtypes: Mapping[str, str],
    *,
    relative_to_largest: bool = False,
) -> State:
    """The tolerance of every element of every weight and slot after a step.

    Nothing is guessed: every input of the step (gradients, slots, hyperparameters) is moved by the
    resolution of the dtype, one after the other, and what that moves the result by is added up.
    So an element whose denominator nearly vanishes, or a sign that hangs in the balance, is given
    as much as it may be out by, and all others no more than their few last bits.

    Args:
        optimizer: the optimizer.
        state: before the step.
        gradients: as the optimizer is given them.
        dtypes: the dtype of each weight, by path.
        relative_to_largest: the gradients themselves are of another's making, and may be out by
            the resolution of their largest element.
    """
    derived = optimizer.step(state, gradients)
    moved = [
        optimizer_moved.step(state_moved, gradients_moved)
        for optimizer_moved, state_moved, gradients_moved in _moved(
            optimizer, state, gradients, dtypes, relative_to_largest
        )
    ]
    weights = {
        path: _added_up(
            weight,
            [other.weights[path] for other in moved],
            EPSILONS[dtypes[path]] * (np.abs(state.weights[path]) + np.abs(weight)),
        )
        for path, weight in derived.weights.items()
    }
    slots = {
        name: {
            path: _added_up(
                array,
                [other.slots[name][path] for other in moved],
                EPSILONS[dtypes[path]] * (np.abs(state.slots[name][path]) + np.abs(array)),
            )
            for path, array in held.items()
        }
        for name, held in derived.slots.items()
    }
    shared = {
        name: 16 * EPSILONS[_COARSEST_CONSTANT] * abs(value)
        for name, value in derived.shared.items()
    }
    return State(weights, slots, shared)


def _added_up(derived: Array, moved: list[Array], resolution: Array) -> Array:
    with np.errstate(invalid="ignore"):
        total = sum((np.abs(other - derived) for other in moved), np.zeros_like(derived))
    # An element that a last bit makes undefined can be anything.
    total = np.where(np.isfinite(derived) & ~np.isfinite(total), np.inf, total)
    return _SAFETY * total + 2 * resolution


_Step = tuple[Optimizer, State, Mapping[str, "Array | None"]]


def _moved(
    optimizer: Optimizer,
    state: State,
    gradients: Mapping[str, Array | None],
    dtypes: Mapping[str, str],
    relative_to_largest: bool,
) -> Iterator[_Step]:
    """The step with one input after the other moved by the resolution of its dtype."""
    for way in (1, -1):  # where a difference nearly vanishes, one way says little of the other
        yield optimizer, state, _moved_gradients(gradients, dtypes, relative_to_largest, way)
        for name, held in state.slots.items():
            # v + (1 − β)·(g² − v), as some have it, is out by the last bit of a v that goes.
            arrays = {path: a * (1 + 4 * way * EPSILONS[dtypes[path]]) for path, a in held.items()}
            yield optimizer, replace(state, slots={**state.slots, name: arrays}), gradients
    for name, value in state.shared.items():
        if name == "u_product":
            moved = value * (1 + EPSILONS[_COARSEST_CONSTANT])
            yield optimizer, replace(state, shared={**state.shared, name: moved}), gradients
    used = [dtypes[path] for path, gradient in gradients.items() if gradient is not None]
    coarsest = max([_COARSEST_CONSTANT, *used], key=EPSILONS.__getitem__)
    # Moved with the gradient, its square would only scale with it: ḡ² would be taken off as before.
    array_dtype = max(used, key=EPSILONS.__getitem__, default="float64")
    for way in (1, -1):
        yield (
            replace(optimizer, square=_moved_square(way * EPSILONS[array_dtype])),
            state,
            gradients,
        )
    # βᵗ of a rounded β is out by t roundings, and 1 − βᵗ magnifies that.
    yield (
        replace(optimizer, power=_moved_power(optimizer.power, EPSILONS[coarsest])),
        state,
        gradients,
    )
    rate = optimizer.learning_rate(state.calls)
    yield replace(optimizer, rate=_coarser(rate, coarsest)), state, gradients
    decay = optimizer.inner.config.get("weight_decay")
    if decay and rate:  # 1 − λ·α may itself be rounded before the weight is multiplied by it
        rounded = decay + EPSILONS[coarsest] / (2 * rate)
        yield with_setting(optimizer, "weight_decay", rounded), state, gradients
    for name, value in optimizer.inner.config.items():
        if name != "learning_rate" and isinstance(value, float) and value:
            yield with_setting(optimizer, name, _coarser(value, coarsest)), state, gradients


def _moved_square(resolution: float) -> Callable[[Array], Array]:
    return lambda gradient: gradient**2 * (1 + resolution)


def _moved_power(
    power: Callable[[float, int], float], resolution: float
) -> Callable[[float, int], float]:
    return lambda base, exponent: power(base, exponent) * (1 - resolution * (exponent + 1))


def _moved_gradients(
    gradients: Mapping[str, Array | None],
    dtypes: Mapping[str, str],
    relative_to_largest: bool,
    way: int,
) -> Mapping[str, Array | None]:
    moved: dict[str, Array | None] = {}
    for path, gradient in gradients.items():
        if gradient is None or not gradient.size:
            moved[path] = gradient
            continue
        moved[path] = gradient * (1 + way * EPSILONS[dtypes[path]])
        if relative_to_largest:
            largest = float(np.max(np.abs(gradient)))
            signs = np.where(gradient < 0, -1.0, 1.0)
            moved[path] = gradient + way * signs * 16 * EPSILONS[dtypes[path]] * largest
    return moved


def _coarser(value: float, dtype: str) -> float:
    """A constant moved by what holding it in a dtype may move it: float16 has few small numbers."""
    smallest = 2.0**-24 if dtype == "float16" else 0.0
    return value + max(EPSILONS[dtype] * abs(value), smallest) * (1 if value >= 0 else -1)
