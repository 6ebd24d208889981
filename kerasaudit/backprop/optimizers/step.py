"""One step of an optimizer in NumPy: from the weights and its state before to those after."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from kerasaudit.backprop.optimizers.clipping import clipped
from kerasaudit.backprop.optimizers.constraints import constrained
from kerasaudit.backprop.optimizers.rule import Array, Config, Moment, Rule, find_rule
from kerasaudit.backprop.optimizers.schedules import learning_rate

__all__ = [
    "ACCUMULATED",
    "AVERAGE",
    "LOSS_SCALE",
    "Optimizer",
    "State",
    "initial_state",
    "with_setting",
]

# Arrays that any optimizer may hold for each weight, named as Keras names its attributes.
AVERAGE = "model_variables_moving_average"
ACCUMULATED = "accumulated_gradients"
LOSS_SCALE = "LossScaleOptimizer"


@dataclass(frozen=True, slots=True)
class State:
    """The weights and what an optimizer holds of them, between two steps.

    Args:
        weights: by path.
        slots: the optimizer's arrays, by their name and the path of the weight.
        shared: what it holds once: Nadam's "u_product", a loss scale's "dynamic_scale".
        calls: how often it has been called; of a loss scale's inner optimizer.
    """

    weights: Mapping[str, Array]
    slots: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)
    shared: Mapping[str, float] = field(default_factory=dict)
    calls: int = 0


@dataclass(frozen=True, slots=True)
class Optimizer:
    """An optimizer as its config says it is.

    Args:
        class_name: "Adam".
        config: what `get_config` gives.
        undecayed: the paths of weights that are excluded from weight decay, which no config says.
        constraints: the serialised constraints of weights, by path.
        rate: the learning rate, where it is not to be derived from the config.
        sparse: of gradients with rows that come several times, the sum of the squares of the
            rows as they come; `None`: rows are added up before anything is done with them.
        power: what βᵗ is worked out with, where it is for the bias of a moving average.
        square: what a gradient is squared with.

    >>> sgd = Optimizer("SGD", {"learning_rate": 0.5, "momentum": 0.0})
    >>> sgd.step(State({"w": np.array([3.0])}), {"w": np.array([4.0])}).weights  # 3 − 0.5 · 4
    {'w': array([1.])}
    """

    class_name: str
    config: Config
    undecayed: frozenset[str] = frozenset()
    constraints: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rate: float | None = None
    sparse: Mapping[str, Array] | None = None
    power: Callable[[float, int], float] = pow
    square: Callable[[Array], Array] = np.square

    @property
    def inner(self) -> Optimizer:
        """The optimizer that makes the update: the one inside a loss scale, or itself."""
        if self.class_name != LOSS_SCALE:
            return self
        held = self.config["inner_optimizer"]
        return replace(self, class_name=held["class_name"], config=held["config"])

    @property
    def rule(self) -> Rule:
        """The rule of the optimizer that makes the update.

        Raises:
            UnsupportedError: there is none.
        """
        return find_rule(self.inner.class_name)

    def learning_rate(self, calls: int) -> float:
        """The learning rate of the step after `calls` calls.

        Raises:
            UnsupportedError: its schedule is one that there is no formula for.
        """
        if self.rate is not None:
            return self.rate
        return learning_rate(self.inner.config["learning_rate"], calls)

    def step(self, state: State, gradients: Mapping[str, Array | None]) -> State:
        """What one call makes of a state.

        Args:
            state: before the call.
            gradients: by the path of the weight, as they are given to the optimizer: with a loss
                scale, times that. A weight whose gradient is `None` or not there is not updated.

        Raises:
            UnsupportedError: no rule derives this optimizer, its schedule or a constraint.
        """
        given = {path: g for path, g in gradients.items() if g is not None}
        if self.class_name == LOSS_SCALE:
            return self._scaled_step(state, given)
        config = self.config
        if factor := config.get("loss_scale_factor"):
            given = {path: g / factor for path, g in given.items()}
        updated = self._accumulated(state, given)
        averaged = self._averaged(state, updated)
        weights = dict(averaged.weights)
        for path in given:
            if path in self.constraints:
                weights[path] = constrained(weights[path], self.constraints[path])
        return replace(averaged, weights=weights, calls=state.calls + 1)

    def _scaled_step(self, state: State, given: Mapping[str, Array]) -> State:
        """Unscale, step, and move the scale: a gradient that overflowed halves it instead."""
        scale, counted = state.shared["dynamic_scale"], state.shared["step_counter"]
        if not all(np.isfinite(g).all() for g in given.values()):
            halved = {"dynamic_scale": 0.5 * scale, "step_counter": 0.0}
            return replace(state, shared={**state.shared, **halved})
        after = self.inner.step(state, {path: g / scale for path, g in given.items()})
        grows = counted == self.config["dynamic_growth_steps"] - 1
        moved = {
            "dynamic_scale": 2 * scale if grows else scale,
            "step_counter": 0.0 if grows else counted + 1,
        }
        return replace(after, shared={**after.shared, **moved})

    def _accumulated(self, state: State, given: Mapping[str, Array]) -> State:
        """Update, or keep the gradients for the step that makes the update of several."""
        steps = self.config.get("gradient_accumulation_steps")
        if not steps:
            return self._updated(state, given)
        kept = state.slots[ACCUMULATED]
        sums = {path: kept[path] + g for path, g in given.items()}
        if (state.calls + 1) % steps:
            return _with_slot(state, ACCUMULATED, {**kept, **sums})
        after = self._updated(state, {path: g / steps for path, g in sums.items()})
        emptied = {path: np.zeros_like(array) for path, array in kept.items()}
        return _with_slot(after, ACCUMULATED, emptied)

    def _updated(self, state: State, given: Mapping[str, Array]) -> State:
        """Clip, decay, and make each weight's own update."""
        config, rate = self.config, self.learning_rate(state.calls)
        usual = {**given}
        given = clipped(given, config)
        decay = config.get("weight_decay") or 0.0
        weights = dict(state.weights)
        slots = {name: dict(held) for name, held in state.slots.items()}
        shared: Mapping[str, float] = {}
        for path, gradient in given.items():
            # What clipping does to a gradient it does to each of its rows.
            squared = self.square(gradient)
            if self.sparse is not None and path in self.sparse:
                squared = self.sparse[path] * _ratio(gradient, usual[path]) ** 2
            held = {name: slots[name][path] for name in self.rule.slots(config)}
            update = self._update(state.calls)
            moment = Moment(gradient, squared, rate, update, held, state.shared, self.power)
            made = self.rule.derive(config, moment)
            decayed = weights[path] * (1 - (path not in self.undecayed) * decay * rate)
            weights[path] = decayed + made.change
            shared = made.shared
            for name, array in made.slots.items():
                slots[name][path] = array
        return State(weights, slots, {**state.shared, **shared}, state.calls)

    def _update(self, calls: int) -> int:
        """The number of the update, from 1: with accumulation it is several calls."""
        return calls // (self.config.get("gradient_accumulation_steps") or 1) + 1

    def _averaged(self, before: State, after: State) -> State:
        """Keep the moving average of all weights, and put it in their place when it is due."""
        if not self.config.get("use_ema"):
            return after
        done = self._update(before.calls) - 1
        momentum = self.config["ema_momentum"] if done else 0.0  # it starts from the first weights
        averages = {
            path: momentum * average + (1 - momentum) * after.weights[path]
            for path, average in before.slots[AVERAGE].items()
        }
        after = _with_slot(after, AVERAGE, averages)
        every = self.config["ema_overwrite_frequency"]
        if every and (done + 1) % every == 0:
            return replace(after, weights={**after.weights, **averages})
        return after


def initial_state(optimizer: Optimizer, weights: Mapping[str, Any]) -> State:
    """The state of an optimizer that has not been called yet, for these weights."""
    config = optimizer.inner.config
    starts = dict(optimizer.rule.slots(config))
    starts |= {AVERAGE: 0.0} if config.get("use_ema") else {}
    starts |= {ACCUMULATED: 0.0} if config.get("gradient_accumulation_steps") else {}
    arrays = {path: np.asarray(array, dtype=np.float64) for path, array in weights.items()}
    slots = {
        name: {path: np.full_like(array, start) for path, array in arrays.items()}
        for name, start in starts.items()
    }
    shared = dict(optimizer.rule.shared)
    if optimizer.class_name == LOSS_SCALE:
        shared |= {"dynamic_scale": float(optimizer.config["initial_scale"]), "step_counter": 0.0}
    return State(arrays, slots, shared)


def with_setting(optimizer: Optimizer, name: str, value: object) -> Optimizer:
    """The optimizer (the one inside a loss scale) with one setting of its config changed."""
    if optimizer.class_name != LOSS_SCALE:
        return replace(optimizer, config={**optimizer.config, name: value})
    held = optimizer.config["inner_optimizer"]
    changed = {**held, "config": {**held["config"], name: value}}
    return replace(optimizer, config={**optimizer.config, "inner_optimizer": changed})


def _with_slot(state: State, name: str, arrays: Mapping[str, Array]) -> State:
    return replace(state, slots={**state.slots, name: dict(arrays)})


def _ratio(clipped_gradient: Array, gradient: Array) -> Array:
    """What clipping multiplied a gradient by, element by element."""
    ratio = np.ones_like(gradient)
    np.divide(clipped_gradient, gradient, out=ratio, where=gradient != 0)
    return ratio
