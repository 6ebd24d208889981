"""Where Keras and kerasaudit refuse different things, on purpose. Each entry says why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.derivation.live import Case


@dataclass(frozen=True)
class Exemption:
    """`stricter` names the side that refuses what the other takes, for cases that `applies` to."""

    stricter: str
    classes: tuple[str, ...]
    applies: Callable[[dict[str, Any], Any], bool]
    reason: str

    def matches(self, case: Case) -> bool:
        return case.class_name in self.classes and self.applies(case.arguments, case.shapes)


def repeats_an_axis(arguments, shape):
    axis = arguments.get("axis", -1)
    return isinstance(axis, list) and len({i % len(shape) for i in axis}) < len(axis)


def differs_behind_unknown(arguments, shapes):
    """Some axis, counted from the end, is None in one input and holds two extents in others."""
    for axis in range(-max(map(len, shapes)) + 1, 0):
        column = [shape[axis] for shape in shapes if len(shape) - 1 >= -axis]
        if None in column and len(set(column) - {None, 1}) > 1:
            return True
    return False


def has_no_steps_of_features(arguments, shapes):
    sequence = shapes["sequences"] if isinstance(shapes, dict) else shapes
    return len(sequence) != 3


def is_no_step_of_features(arguments, shapes):
    return len(shapes["inputs"]) != 2


def keeps_and_returns_states(arguments, shapes):
    held = arguments["layer"]["config"]
    return held.get("stateful") and held.get("return_state")


def has_axes_that_the_equation_has_not(arguments, shape):
    taken = arguments["equation"].split(",")[0]
    return "..." not in taken and len(shape) > len(taken)


def has_no_two_sequences_of_one_rank(arguments, shapes):
    ranks = [len(shape) for shape in shapes.values()]
    return min(ranks) < 3 or len(set(ranks)) > 1


def has_axes_between_batch_and_sequence(arguments, shapes):
    return any(len(shape) > 3 for shape in shapes.values())


def is_no_image(arguments, shape):
    return len(shape) not in (3, 4)


def drops_no_share(arguments, shapes):
    return not 0 <= arguments.get("dropout", 0) <= 1


EXCEPTIONS = (
    Exemption(
        "kerasaudit",
        ("EinsumDense",),
        has_axes_that_the_equation_has_not,
        "Keras reads axes beyond the equation's as if it ended in '...'; run, the einsum fails",
    ),
    Exemption(
        "kerasaudit",
        ("MultiHeadAttention",),
        has_no_two_sequences_of_one_rank,
        "Keras takes any ranks symbolically; run, the softmax or the score product fails",
    ),
    Exemption(
        "kerasaudit",
        ("GroupQueryAttention",),
        has_axes_between_batch_and_sequence,
        "Keras takes any rank symbolically; its equations are of rank 3, so that it fails when run",
    ),
    Exemption(
        "kerasaudit",
        ("Resizing",),
        is_no_image,
        "Keras 3.15 resizes one axis to two symbolically; run, it is an IndexError",
    ),
    Exemption(
        "kerasaudit",
        ("Attention", "AdditiveAttention"),
        drops_no_share,
        "these two keep any number as their dropout, which is a share; above 1 training fails",
    ),
    Exemption(
        "keras",
        ("Bidirectional",),
        keeps_and_returns_states,
        "Keras 3.15's Bidirectional.compute_mask multiplies a generator: a TypeError on every call",
    ),
    Exemption(
        "kerasaudit",
        ("SimpleRNNCell", "LSTMCell", "GRUCell", "StackedRNNCells"),
        is_no_step_of_features,
        "Keras's cells broadcast a step of more axes against their states, example by step",
    ),
    Exemption(
        "kerasaudit",
        ("RNN",),
        has_no_steps_of_features,
        "Keras's RNN takes any rank symbolically, whatever its cell can take; run, it fails",
    ),
    Exemption(
        "kerasaudit",
        tuple(f"Adaptive{kind}Pooling{rank}D" for kind in ("Average", "Max") for rank in (1, 2, 3)),
        lambda arguments, shape: True,
        "Keras's adaptive pooling takes any rank symbolically; run, it fails or makes a shape up",
    ),
    Exemption(
        "kerasaudit",
        ("RandomCrop",),
        lambda arguments, shape: isinstance(shape, tuple) and len(shape) == 2,
        "Keras takes an image of rank 2 symbolically; run, it says that an image has rank 3 or 4",
    ),
    Exemption(
        "kerasaudit",
        ("Normalization",),
        repeats_an_axis,
        "an axis named twice fails in Keras where statistics are adapted, and means nothing here",
    ),
    Exemption(
        "kerasaudit",
        ("Add", "Multiply", "Average", "Maximum", "Minimum"),
        differs_behind_unknown,
        "Keras forgets an extent once it has met None, so it takes inputs that cannot be merged",
    ),
)
