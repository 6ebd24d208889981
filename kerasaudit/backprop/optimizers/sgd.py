"""SGD: plain, with momentum, with Nesterov's momentum."""

from __future__ import annotations

from collections.abc import Mapping

from kerasaudit.backprop.optimizers.rule import Change, Config, Moment, optimizer

__all__ = ["sgd"]


def _slots(config: Config) -> Mapping[str, float]:
    return {"momentums": 0.0} if config["momentum"] else {}


@optimizer(
    "SGD",
    formula="w − α·g; with momentum: m = μ·m − α·g, w + m (Nesterov: w + μ·m − α·g)",
    slots=_slots,
)
def sgd(config: Config, moment: Moment) -> Change:
    """It is w − α·g.

    With momentum μ: m' = μ·m − α·g, and w + m'; Nesterov's looks one step ahead: w + μ·m' − α·g.
    """
    step = -moment.learning_rate * moment.gradient
    if not config["momentum"]:
        return Change(step)
    momentum = config["momentum"] * moment.slots["momentums"] + step
    change = config["momentum"] * momentum + step if config["nesterov"] else momentum
    return Change(change, {"momentums": momentum})
