"""What the check of an optimizer's step can find: its kinds of finding, by code."""

from __future__ import annotations

from collections.abc import Mapping

from kerasaudit.finding import Kind

__all__ = ["KINDS", "RATE", "STATE", "UPDATE"]

UPDATE = Kind(
    "KA440",
    "a weight is not updated as its optimizer's formula says",
    "One real step changed the weight by something else than the formula of its optimizer makes "
    "of the gradients, the hyperparameters in the config and the state before the step. What "
    "round-off in the weight's dtype can do is allowed for, element by element.",
    "The training is not the one that the config describes, and nobody else can repeat it.",
    "'dense/kernel': expected a change of -0.001 at [0, 2] (Adam), received -0.0003162; explained "
    "by bias correction left out.",
    "Look at the term that the line names, in a subclass of the optimizer first; where none is "
    "named, at what else assigns to the weight: a callback, a layer, a custom train_step.",
)
STATE = Kind(
    "KA441",
    "an optimizer's state is not what its formula makes of it",
    "A moving average, a momentum, an accumulator, a counter or a loss scale has another value "
    "after the step than the formula makes of the value before.",
    "The next steps are made from it: they go wrong even where this one is right.",
    "momentums of 'dense/kernel': expected 0.02 at [0, 2], received 0.2; explained by beta_1 = 0 "
    "instead of 0.9.",
    "Look at the term that the line names, in a subclass of the optimizer first.",
)
RATE = Kind(
    "KA442",
    "the learning rate is not what its schedule says",
    "The learning rate that the optimizer had at the step is not the one that the formula of its "
    "schedule gives for the number of the step.",
    "Every weight moves by too much or too little, from this step on or at this step alone.",
    "'adam': expected a learning rate of 0.0005 at step 100 (CosineDecay), received 0.001.",
    "Look at a subclass of the schedule, and at what sets iterations: steps are counted from 0.",
)

KINDS: Mapping[str, Kind] = {kind.code: kind for kind in (UPDATE, STATE, RATE)}
