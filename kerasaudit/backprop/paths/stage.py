"""Stages: what a stack of layers is taken apart into, each with its local derivatives.

A position is an index into one example's array as it lies in memory, counted from 0. The local
derivatives of a stage are edges: from a position of its output to each position of its input that
feeds it. What feeds it with the derivative 0 whatever the weights are (what did not win a maximum,
what a ReLU cuts off) has no edge: no path leads on there.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar, NamedTuple, TypeVar

import numpy as np

from kerasaudit.backprop.rule import Array
from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import Derivation
from kerasaudit.errors import UnsupportedError

__all__ = ["NOWHERE", "Applied", "Edges", "Stage", "family", "find_family"]

_FAMILIES = "kerasaudit.backprop.paths.layers"

NOWHERE = -1  # the input position of a bias: it meets no input


class Edges(NamedTuple):
    """Local derivatives: `factor` is that of the output at `row` by the input at `source`.

    `row` counts among the outputs that were asked for. `element` is where in the stage's weight the
    factor stands, `None` where it is no weight's element.
    """

    row: Array
    source: Array
    factor: Array
    element: Array | None = None


class Applied(NamedTuple):
    """One call of a layer whose activation is apart: what it was fed, holds and gave."""

    path: str
    layer: LayerConfig
    derivation: Derivation
    weights: Mapping[str, Array]
    inputs: Array
    outputs: Array


class Stage(ABC):
    """One step of the forward pass over a batch.

    `kind` is what it is called by on paper (see `notation`); `weight` names the weight whose
    elements are its factors. `selects` says that of several inputs one is taken, as it is.
    """

    kind: ClassVar[str]
    weight: ClassVar[str | None] = None
    selects: bool = False

    def __init__(self, applied: Applied) -> None:
        self.path = applied.path
        self.layer = applied.layer
        self.weights = applied.weights
        self.inputs = applied.inputs
        self.outputs = applied.outputs

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one example's input."""
        return tuple(self.inputs.shape[1:])

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of one example's output."""
        return tuple(self.outputs.shape[1:])

    @property
    def size(self) -> int:
        """How many positions the output has."""
        return int(np.prod(self.output_shape))

    @abstractmethod
    def edges(self, example: int, outputs: Array) -> Edges:
        """The local derivatives at positions of an example's output."""

    @abstractmethod
    def fan_in(self) -> int:
        """How many edges an output position has at most."""

    def met_by(self, example: int, weight: str, element: int) -> Edges:
        """The outputs that an element of a weight meets, and their derivatives by it.

        `row` are the positions of the outputs, no two alike; `source` is the position of the input
        that is the factor, `NOWHERE` where that is no input.
        """
        self.layer.unsupported(f"the gradient of {weight!r} is not explained path by path")


Family = Callable[[Applied], Stage | tuple[Stage, ...] | None]
_Family = TypeVar("_Family", bound=Family)

_families: dict[str, Family] = {}


def family(*classes: str) -> Callable[[_Family], _Family]:
    """Register what makes a stage of a layer of `classes`.

    It returns `None` for a layer that passes on what it takes as it is, and several stages for one
    that computes its output in several steps.
    """

    def register(function: _Family) -> _Family:
        _families.update(dict.fromkeys(classes, function))
        return function

    return register


@functools.cache
def _load() -> None:
    package = importlib.import_module(_FAMILIES)
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{_FAMILIES}.{module.name}")


def find_family(layer: LayerConfig) -> Family:
    """What makes a stage of exactly this layer's class.

    Raises:
        UnsupportedError: nothing does.
    """
    _load()
    for key in layer.keys:
        if key in _families:
            return _families[key]
    raise UnsupportedError(
        f"{layer}: a gradient is explained path by path through stacks of convolution, pooling, "
        "padding, upsampling, activation, scaling, batch normalization, flatten and dense layers, "
        f"received {layer.keys[0]!r}"
    )
