"""Nadam: Adam with Nesterov's look ahead, and a momentum that grows with the steps."""

from __future__ import annotations

import numpy as np

from kerasaudit.backprop.optimizers.rule import Change, Config, Moment, optimizer

__all__ = ["nadam"]


@optimizer(
    "Nadam",
    formula="uₜ = β₁·(1 − 0.96ᵗ/2); m, v as Adam's; "
    "w − α·(uₜ₊₁·m / (1 − Πu·uₜ₊₁) + (1 − uₜ)·g / (1 − Πu)) / (√(v / (1 − β₂ᵗ)) + ε)",
    slots=lambda _: {"momentums": 0.0, "velocities": 0.0},
    shared={"u_product": 1.0},
)
def nadam(config: Config, moment: Moment) -> Change:
    """Adam's m' and v', with uₜ = β₁·(1 − 0.96ᵗ / 2) and Πu = u₁·u₂·…·uₜ for the bias.

    m̂ = uₜ₊₁·m' / (1 − Πu·uₜ₊₁) + (1 − uₜ)·g / (1 − Πu), v̂ = v' / (1 − β₂ᵗ), and
    w − α·m̂ / (√v̂ + ε). Πu is held once for all weights.
    """
    beta_1, beta_2, time = config["beta_1"], config["beta_2"], moment.update
    now = beta_1 * (1 - 0.5 * 0.96**time)
    ahead = beta_1 * (1 - 0.5 * 0.96 ** (time + 1))
    product = moment.shared["u_product"] * now
    momentum = beta_1 * moment.slots["momentums"] + (1 - beta_1) * moment.gradient
    velocity = beta_2 * moment.slots["velocities"] + (1 - beta_2) * moment.squared
    unbiased = ahead * momentum / (1 - product * ahead)
    unbiased += (1 - now) * moment.gradient / (1 - product)
    root = np.sqrt(velocity / (1 - moment.power(beta_2, time)))
    return Change(
        -moment.learning_rate * unbiased / (root + config["epsilon"]),
        {"momentums": momentum, "velocities": velocity},
        {"u_product": product},
    )
