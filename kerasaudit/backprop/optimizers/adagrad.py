"""Adagrad: the gradient divided by the root of the sum of all its squares so far."""

from __future__ import annotations

import numpy as np

from kerasaudit.backprop.optimizers.rule import Change, Config, Moment, optimizer

__all__ = ["adagrad"]


@optimizer(
    "Adagrad",
    formula="a = a + g²; w − α·g / √(a + ε)",
    slots=lambda config: {"accumulators": config["initial_accumulator_value"]},
)
def adagrad(config: Config, moment: Moment) -> Change:
    """It is a' = a + g², and w − α·g / √(a' + ε): ε stands under the root."""
    accumulated = moment.slots["accumulators"] + moment.squared
    step = moment.learning_rate * moment.gradient / np.sqrt(accumulated + config["epsilon"])
    return Change(-step, {"accumulators": accumulated})
