"""Gradients: for a layer class, a function from its config, weights and inputs to both passes.

A gradient computes a layer's outputs in NumPy and hands back what carries the loss's derivative by
the outputs on to the inputs and the weights. No automatic differentiation takes part.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from kerasaudit.derivation.layer import LayerConfig, automatic_name
from kerasaudit.derivation.rule import key_of
from kerasaudit.errors import RuleError, UnsupportedError

__all__ = [
    "Applied",
    "Array",
    "Backward",
    "GradientFunction",
    "Gradients",
    "Mode",
    "applied",
    "apply_layer",
    "apply_part",
    "find_gradient",
    "gradient",
    "registered_gradients",
]

_BUILT_IN = "kerasaudit.backprop.layers"

Array = NDArray[Any]  # float64; int64 for what indexes


@dataclass(frozen=True, slots=True)
class Mode:
    """How a model is run.

    `training`: batch normalisation takes the batch's own statistics. `masks`: what each dropout
    kept, by layer path, as zeros and ones that fit the layer's input; a dropout without one does
    nothing, as in inference. `path`: the layer that is being run.
    """

    training: bool = False
    masks: Mapping[str, Array] = field(default_factory=dict)
    path: str = ""

    @property
    def mask(self) -> Array | None:
        """What this layer's dropout keeps, if that is given."""
        return self.masks.get(self.path)

    def at(self, path: str) -> Mode:
        """The same mode, for the layer of that path."""
        return Mode(self.training, self.masks, path)


@dataclass(frozen=True, slots=True)
class Gradients:
    """The derivatives of the loss by a layer's inputs and, by name, by its weights.

    An input that nothing depends on smoothly, such as an index, has `None`.
    """

    inputs: tuple[Array | None, ...]
    weights: Mapping[str, Array] = field(default_factory=dict)


Backward = Callable[[tuple[Array, ...]], Gradients]


@dataclass(frozen=True, slots=True)
class Applied:
    """One call of a layer: its outputs, and the pass backward through it.

    `backward` takes the derivative of the loss by each output (zeros where there is none).
    `updates` are the values that the call gives weights which no gradient updates, such as moving
    averages. `before`: the call without the sigmoid or softmax that it ends with, by name, which a
    loss may want to see. A layer that hands on what it is given puts out that very array.
    """

    outputs: tuple[Array, ...]
    backward: Backward
    updates: Mapping[str, Array] = field(default_factory=dict)
    before: tuple[str, Applied] | None = None


GradientFunction = Callable[[LayerConfig, Mapping[str, Array], tuple[Array, ...], Mode], Applied]
_Function = TypeVar("_Function", bound=GradientFunction)

_built_in: dict[str, GradientFunction] = {}
_of_users: dict[str, GradientFunction] = {}


def applied(output: Array, backward: Callable[[Array], Gradients]) -> Applied:
    """An `Applied` of a layer with one output."""
    return Applied((output,), lambda gradients: backward(gradients[0]))


def gradient(*classes: str | type) -> Callable[[_Function], _Function]:
    """Register the decorated function as the gradient of `classes`.

    It takes `(layer, weights, inputs, mode)`: a `LayerConfig`, the weights by the names that the
    layer's rule gives them, a tuple of arrays, and a `Mode`; and returns an `Applied`. Classes are
    given as to `kerasaudit.rule`.

    Raises:
        RuleError: one of `classes` has such a gradient already.
    """
    keys = tuple(key_of(cls) for cls in classes)

    def register(function: _Function) -> _Function:
        built_in = function.__module__.startswith(_BUILT_IN + ".")
        registry = _built_in if built_in else _of_users
        for key in keys:
            if key in registry:
                raise RuleError(
                    f"@gradient: {key!r} has a gradient already "
                    f"({registry[key].__module__}.{registry[key].__qualname__})"
                )
        registry.update(dict.fromkeys(keys, function))
        return function

    return register


@functools.cache
def _load() -> None:
    package = importlib.import_module(_BUILT_IN)
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{_BUILT_IN}.{module.name}")


def registered_gradients() -> dict[str, GradientFunction]:
    """Every gradient in force by class name, the user's before the built-in ones."""
    _load()
    return {**_built_in, **_of_users}


def find_gradient(layer: LayerConfig) -> GradientFunction:
    """The gradient of exactly this layer's class.

    Raises:
        UnsupportedError: there is none.
    """
    _load()
    for key in layer.keys:
        found = _of_users.get(key) or _built_in.get(key)
        if found is not None:
            return found
    raise UnsupportedError(f"{layer}: no gradient is derived for {layer.keys[0]!r}")


def apply_layer(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: Sequence[Array], mode: Mode
) -> Applied:
    """Run a layer forward.

    Raises:
        UnsupportedError: no gradient is derived of its class, or not in this state.
    """
    function = find_gradient(layer)
    if layer.quantization is not None:
        layer.unsupported("no gradient is derived of quantised weights")
    if layer.get("lora_rank") is not None:
        layer.unsupported("no gradient is derived of LoRA adapters")
    with np.errstate(over="ignore", under="ignore"):  # exp saturates, as it does in a backend
        return function(layer, weights, tuple(inputs), mode)


def apply_part(
    part: Mapping[str, Any], weights: Mapping[str, Array], inputs: Sequence[Array], mode: Mode
) -> Applied:
    """Run a layer that another one holds, whose weights are named within that one.

    Args:
        part: the held layer's serialised config.
        weights: the weights of the holding layer, by names such as "query/kernel".
        inputs: what the held layer is fed.
        mode: the holding layer's.
    """
    layer = LayerConfig(part)
    if layer.get("activity_regularizer") is not None:
        layer.unsupported("no gradient is derived of an activity regulariser within a layer")
    name = layer.name or automatic_name(layer.class_name)
    prefix = f"{name}/"
    own = {key[len(prefix) :]: value for key, value in weights.items() if key.startswith(prefix)}
    inner = apply_layer(layer, own, inputs, mode.at(f"{mode.path}/{name}"))

    def backward(gradients: tuple[Array, ...]) -> Gradients:
        found = inner.backward(gradients)
        return Gradients(found.inputs, {prefix + key: one for key, one in found.weights.items()})

    updates = {prefix + key: value for key, value in inner.updates.items()}
    return Applied(inner.outputs, backward, updates)
