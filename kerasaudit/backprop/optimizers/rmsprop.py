"""RMSprop: the gradient divided by the root of a moving average of its square."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kerasaudit.backprop.optimizers.rule import Change, Config, Moment, optimizer

__all__ = ["rmsprop"]


def _slots(config: Config) -> Mapping[str, float]:
    wanted = {
        "velocities": True,
        "momentums": config["momentum"] > 0,
        "average_gradients": config["centered"],
    }
    return {name: 0.0 for name, held in wanted.items() if held}


@optimizer(
    "RMSprop",
    formula="v = ρ·v + (1 − ρ)·g²; w − α·g / √(v + ε) (centered: √(v − ḡ² + ε))",
    slots=_slots,
)
def rmsprop(config: Config, moment: Moment) -> Change:
    """It is v' = ρ·v + (1 − ρ)·g², and w − α·g / √(v' + ε): ε stands under the root.

    Centered, the moving average ḡ' = ρ·ḡ + (1 − ρ)·g is taken off first: √(v' − ḡ'² + ε). With
    momentum μ the quotient is added up: m' = μ·m + α·g / √(…), and w − m'.
    """
    rho, gradient = config["rho"], moment.gradient
    velocity = rho * moment.slots["velocities"] + (1 - rho) * moment.squared
    slots = {"velocities": velocity}
    below = velocity + config["epsilon"]
    if config["centered"]:
        average = rho * moment.slots["average_gradients"] + (1 - rho) * gradient
        slots["average_gradients"] = average
        below = velocity - average**2 + config["epsilon"]
    with np.errstate(invalid="ignore", divide="ignore"):
        step = moment.learning_rate * gradient / np.sqrt(below)
    if config["momentum"] > 0:
        step = config["momentum"] * moment.slots["momentums"] + step
        slots["momentums"] = step
    return Change(-step, slots)
