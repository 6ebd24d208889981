"""Adam and AdamW: moving averages of the gradient and of its square, freed of their bias."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kerasaudit.backprop.optimizers.rule import Change, Config, Moment, optimizer

__all__ = ["adam"]


def _slots(config: Config) -> Mapping[str, float]:
    names = ["momentums", "velocities", *["velocity_hats"] * bool(config["amsgrad"])]
    return dict.fromkeys(names, 0.0)


@optimizer(
    "Adam",
    "AdamW",
    formula="m = β₁·m + (1 − β₁)·g; v = β₂·v + (1 − β₂)·g²; "
    "w − α·√(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + ε)",
    slots=_slots,
)
def adam(config: Config, moment: Moment) -> Change:
    """It is m' = β₁·m + (1 − β₁)·g, v' = β₂·v + (1 − β₂)·g², and w − α̂·m' / (√v' + ε).

    The bias of both averages, which start from 0, is taken off in the rate:
    α̂ = α·√(1 − β₂ᵗ) / (1 − β₁ᵗ). So ε stands outside the root, and is added to a √v' that still has
    its bias ("epsilon hat" in the paper). With amsgrad v̂' = max(v̂, v') stands for v'. AdamW is the
    same with a weight decay of its own, which is taken off before.
    """
    beta_1, beta_2 = config["beta_1"], config["beta_2"]
    momentum = beta_1 * moment.slots["momentums"] + (1 - beta_1) * moment.gradient
    velocity = beta_2 * moment.slots["velocities"] + (1 - beta_2) * moment.squared
    slots = {"momentums": momentum, "velocities": velocity}
    if config["amsgrad"]:
        velocity = np.maximum(moment.slots["velocity_hats"], velocity)
        slots["velocity_hats"] = velocity
    biases = [moment.power(beta, moment.update) for beta in (beta_1, beta_2)]
    rate = moment.learning_rate * np.sqrt(1 - biases[1]) / (1 - biases[0])
    return Change(-rate * momentum / (np.sqrt(velocity) + config["epsilon"]), slots)
