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


EXCEPTIONS = (
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
