"""Lion: the sign of the gradient and its moving average, whatever their size."""

from __future__ import annotations

import numpy as np

from kerasaudit.backprop.optimizers.rule import Change, Config, Moment, optimizer

__all__ = ["lion"]


@optimizer(
    "Lion",
    formula="w − α·sign(β₁·m + (1 − β₁)·g); m = β₂·m + (1 − β₂)·g",
    slots=lambda _: {"momentums": 0.0},
)
def lion(config: Config, moment: Moment) -> Change:
    """It is w − α·sign(β₁·m + (1 − β₁)·g), and only then m' = β₂·m + (1 − β₂)·g."""
    beta_1, beta_2 = config["beta_1"], config["beta_2"]
    momentum = moment.slots["momentums"]
    towards = np.sign(beta_1 * momentum + (1 - beta_1) * moment.gradient)
    return Change(
        -moment.learning_rate * towards,
        {"momentums": beta_2 * momentum + (1 - beta_2) * moment.gradient},
    )
