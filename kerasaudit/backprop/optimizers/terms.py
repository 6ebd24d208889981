"""What would explain an update: the step again with one term left out, doubled or changed.

Each function here knows one term of an update and what is commonly done wrong with it. None is
tried where it would change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from kerasaudit.backprop.optimizers.clipping import CLIPPINGS
from kerasaudit.backprop.optimizers.rule import Array
from kerasaudit.backprop.optimizers.schedules import learning_rate
from kerasaudit.backprop.optimizers.step import (
    ACCUMULATED,
    LOSS_SCALE,
    Optimizer,
    State,
    with_setting,
)
from kerasaudit.errors import UnsupportedError

__all__ = ["Variation", "variations"]

Gradients = Mapping[str, "Array | None"]


@dataclass(frozen=True, slots=True)
class Variation:
    """A step that is not the derived one, in one term.

    Args:
        text: the term and what is done with it: "weight decay applied twice".
        optimizer, state, gradients: the step that has it so.
        finish: what is done with the state afterwards, where the step alone cannot say it.
    """

    text: str
    optimizer: Optimizer
    state: State
    gradients: Gradients
    finish: Callable[[State], State] | None = None

    def step(self) -> State:
        """The state after it."""
        after = self.optimizer.step(self.state, self.gradients)
        return after if self.finish is None else self.finish(after)


def variations(
    optimizer: Optimizer, state: State, gradients: Gradients, squares: Mapping[str, Array]
) -> Iterator[Variation]:
    """Every step that differs from the derived one in one term of those that the optimizer has.

    Args:
        optimizer: the optimizer.
        state: before the step.
        gradients: as the optimizer is given them.
        squares: of sparse gradients, the squares of their rows added up.
    """
    for term in (
        _whole_update,
        _momentum,
        _moving_averages,
        _epsilon,
        _decay,
        _clipping,
        _schedule,
        _accumulation,
        _unscaling,
        _average_of_weights,
        _constraint,
    ):
        yield from term(optimizer, state, gradients)
    if squares:
        yield Variation(
            "rows of a sparse gradient that come several times squared one by one",
            replace(optimizer, sparse=squares),
            state,
            gradients,
        )


def _whole_update(optimizer: Optimizer, state: State, gradients: Gradients) -> Iterator[Variation]:
    def back(_: State) -> State:
        return state

    def mirrored(after: State) -> State:
        weights = {path: 2 * state.weights[path] - w for path, w in after.weights.items()}
        return replace(after, weights=weights)

    yield Variation("no update made at all", optimizer, state, gradients, back)
    yield Variation("the sign of the change turned round", optimizer, state, gradients, mirrored)
    turned = {path: None if g is None else -g for path, g in gradients.items()}
    yield Variation("the sign of the gradient turned round", optimizer, state, turned)


def _momentum(optimizer: Optimizer, state: State, gradients: Gradients) -> Iterator[Variation]:
    config = optimizer.inner.config
    if not config.get("momentum"):
        return
    without = with_setting(optimizer, "momentum", 0.0)
    yield Variation("momentum left out", without, state, gradients)
    if "nesterov" in config:
        other = "left out" if config["nesterov"] else "put in"
        toggled = with_setting(optimizer, "nesterov", not config["nesterov"])
        yield Variation(f"Nesterov's look ahead {other}", toggled, state, gradients)


def _moving_averages(
    optimizer: Optimizer, state: State, gradients: Gradients
) -> Iterator[Variation]:
    config = optimizer.inner.config
    for name, text in (("amsgrad", "the maximum of amsgrad"), ("centered", "the centering")):
        if config.get(name):
            without = with_setting(optimizer, name, False)
            yield Variation(f"{text} left out", without, state, gradients)
    if optimizer.inner.class_name not in ("Adam", "AdamW", "Nadam"):
        return
    unbiased = replace(optimizer, power=lambda _base, _exponent: 0.0)
    product = {name: 0.0 for name in state.shared if name == "u_product"}
    whole = replace(state, shared={**state.shared, **product})
    yield Variation("bias correction left out", unbiased, whole, gradients)
    later = replace(optimizer, power=lambda base, exponent: float(base ** (exponent + 1)))
    yield Variation("bias correction of the step after", later, state, gradients)
    earlier = replace(optimizer, power=lambda base, exponent: float(base ** (exponent - 1)))
    if state.calls:
        yield Variation("bias correction of the step before", earlier, state, gradients)


def _epsilon(optimizer: Optimizer, state: State, gradients: Gradients) -> Iterator[Variation]:
    if optimizer.inner.config.get("epsilon"):
        without = with_setting(optimizer, "epsilon", 0.0)
        yield Variation("epsilon left out", without, state, gradients)


def _decay(optimizer: Optimizer, state: State, gradients: Gradients) -> Iterator[Variation]:
    decay = optimizer.inner.config.get("weight_decay")
    if not decay:
        return
    rate = optimizer.learning_rate(state.calls)
    without = with_setting(optimizer, "weight_decay", None)
    decayed = {
        path: weight * (1 - (path not in optimizer.undecayed) * decay * rate)
        for path, weight in state.weights.items()
    }
    scale = _scale(optimizer, state)

    def decay_after(after: State) -> State:
        weights = {
            path: weight * (1 - (path not in optimizer.undecayed) * decay * rate)
            for path, weight in after.weights.items()
        }
        return replace(after, weights=weights)

    yield Variation("weight decay left out", without, state, gradients)
    yield Variation(
        "weight decay applied twice", optimizer, replace(state, weights=decayed), gradients
    )
    if optimizer.undecayed:
        everywhere = replace(optimizer, undecayed=frozenset())
        text = "weight decay applied to a weight that is excluded from it"
        yield Variation(text, everywhere, state, gradients)
    if rate:
        unscaled = with_setting(optimizer, "weight_decay", decay / rate)
        text = "weight decay not multiplied by the learning rate"
        yield Variation(text, unscaled, state, gradients)
    coupled = {
        path: None
        if g is None
        else g + scale * (path not in optimizer.undecayed) * decay * state.weights[path]
        for path, g in gradients.items()
    }
    text = "weight decay added to the gradient, as L2 regularisation is"
    yield Variation(text, without, state, coupled)
    text = "weight decay applied after the update instead of before"
    yield Variation(text, without, state, gradients, decay_after)


def _clipping(optimizer: Optimizer, state: State, gradients: Gradients) -> Iterator[Variation]:
    config = optimizer.inner.config
    for kind in CLIPPINGS:
        limit = config.get(kind)
        if not limit:
            continue
        without = with_setting(optimizer, kind, None)
        yield Variation(f"clipping ({kind}) left out", without, state, gradients)
        for other in CLIPPINGS:
            if other != kind:
                changed = with_setting(without, other, limit)
                yield Variation(f"clipping by {other} instead of {kind}", changed, state, gradients)


def _schedule(optimizer: Optimizer, state: State, gradients: Gradients) -> Iterator[Variation]:
    configured = optimizer.inner.config["learning_rate"]
    if not isinstance(configured, Mapping):
        return
    calls = state.calls
    for step, text in (
        (calls, "at this step, which the optimizer does not have"),
        (0, "at its first step"),
        (calls - 1, "of the step before"),
        (calls + 1, "of the step after"),
    ):
        if step < 0:
            continue
        try:
            rate = learning_rate(configured, step)
        except UnsupportedError:
            return
        at_step = replace(optimizer, rate=rate)
        yield Variation(f"the schedule's learning rate {text}", at_step, state, gradients)


def _accumulation(optimizer: Optimizer, state: State, gradients: Gradients) -> Iterator[Variation]:
    steps = optimizer.inner.config.get("gradient_accumulation_steps")
    if not steps:
        return
    if (state.calls + 1) % steps:
        at_once = with_setting(optimizer, "gradient_accumulation_steps", None)
        text = "an update before all gradients are accumulated"
        yield Variation(text, at_once, state, gradients)
        return
    kept = state.slots[ACCUMULATED]
    summed = {path: steps * array for path, array in kept.items()}
    several = {path: None if g is None else steps * g for path, g in gradients.items()}
    text = "accumulated gradients added up and not averaged"
    yield Variation(text, optimizer, _with_kept(state, summed), several)
    empty = {path: np.zeros_like(array) for path, array in kept.items()}
    text = "the last gradient alone, and not those accumulated"
    yield Variation(text, optimizer, _with_kept(state, empty), several)


def _with_kept(state: State, arrays: Mapping[str, Array]) -> State:
    return replace(state, slots={**state.slots, ACCUMULATED: arrays})


def _unscaling(optimizer: Optimizer, state: State, gradients: Gradients) -> Iterator[Variation]:
    scale = _scale(optimizer, state)
    if scale == 1:
        return
    scaled = {path: None if g is None else g * scale for path, g in gradients.items()}
    yield Variation("the loss scale not taken off the gradient", optimizer, state, scaled)
    twice = {path: None if g is None else g / scale for path, g in gradients.items()}
    yield Variation("the loss scale taken off the gradient twice", optimizer, state, twice)


def _scale(optimizer: Optimizer, state: State) -> float:
    if optimizer.class_name == LOSS_SCALE:
        return state.shared["dynamic_scale"]
    return float(optimizer.config.get("loss_scale_factor") or 1.0)


def _average_of_weights(
    optimizer: Optimizer, state: State, gradients: Gradients
) -> Iterator[Variation]:
    config = optimizer.inner.config
    if not config.get("use_ema"):
        return
    never = with_setting(optimizer, "ema_overwrite_frequency", None)
    yield Variation("weights not overwritten by their average", never, state, gradients)
    always = with_setting(optimizer, "ema_overwrite_frequency", 1)
    yield Variation("weights overwritten by their average", always, state, gradients)


def _constraint(optimizer: Optimizer, state: State, gradients: Gradients) -> Iterator[Variation]:
    if optimizer.constraints:
        without = replace(optimizer, constraints={})
        yield Variation("the constraint left out", without, state, gradients)
