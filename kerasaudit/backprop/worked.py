"""A builder's example worked through on both sides: the figures that its claims speak of.

With `kerasaudit.observation`, a module of the derived side that touches Keras: it is what the
derived figures are held against.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from kerasaudit.backprop.example import assign, batch_of, parse_element, variables_of
from kerasaudit.backprop.layers.pooling import POOLING, taken_by
from kerasaudit.backprop.network import (
    AppliedCall,
    Backprop,
    forward,
    prepare,
)
from kerasaudit.backprop.one_step import take_step
from kerasaudit.backprop.optimizers.round_off import EPSILONS
from kerasaudit.backprop.rule import Array, Mode, apply_layer
from kerasaudit.backprop.taped import Taped, draws_at_random, dtypes_of, on_tape, wrapped
from kerasaudit.backprop.tolerances import within
from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.errors import ConfigError, TargetError, UnsupportedError, one_line
from kerasaudit.gradients.batch import check_loss
from kerasaudit.gradients.hooks import Hooks
from kerasaudit.observation.trained import value_of
from kerasaudit.observation.tree import leaves
from kerasaudit.zoo import OF_A_WINDOW, Example

__all__ = ["Element", "Figures", "Worked"]

# What an example's decimals lose where a model holds them in float32, relative to the largest: a
# few times what one of them does.
_HELD = 4 * EPSILONS["float32"]


@dataclass(frozen=True, slots=True)
class Element:
    """An element of a weight or of a layer's output: its index counts from 0, without a batch."""

    path: str
    index: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """What each side has for an element, and what round-off can do to either.

    They are one, or of a pooling's window one for each of its inputs, in row-major order.
    """

    derived: tuple[float, ...]
    observed: tuple[float, ...]
    derived_slack: float
    observed_slack: float


class Worked:
    """An example worked through: forward at once, the rest when it is asked for.

    Args:
        build: gives the live model, a fresh one each time.
        example: what to work it through on.

    Raises:
        ConfigError: the example does not fit the model, or leaves out what each build draws anew.
        TargetError: the model cannot be built.
        UnsupportedError: nothing is derived of one of its layers.
    """

    def __init__(self, build: Callable[[], Any], example: Example) -> None:
        check_loss(example.loss)
        self._build = build
        self._example = example
        self._x, self._y = batch_of(example)
        self._model = self._fresh()
        self._check_drawn()
        self._variables = variables_of(self._model)
        self._layers = dict(leaves(self._model))
        self._found: dict[tuple[str, Element], Figures] = {}
        self._prepared = prepare(self._model, self._x, self._y, example.loss)
        self._forward = forward(self._prepared.network, self._x, Mode())

    def _fresh(self) -> Any:
        model = self._build()
        assign(model, self._example.weights)
        return model

    def _check_drawn(self) -> None:
        """Weights that the example leaves out must be the same in every build."""
        ours = variables_of(self._model)
        left = [path for path in ours if path not in self._example.weights]
        if not left:
            return
        theirs = variables_of(self._build())
        for path in left:
            if not np.array_equal(value_of(ours[path]), value_of(theirs[path])):
                raise ConfigError(
                    f"example: expected values for {path!r}, as each build draws others, "
                    "received none"
                )

    # -- what a claim may speak of ---------------------------------------------------------------

    def find(self, quantity: str, subject: str) -> Element:
        """The element that a claim of such a quantity speaks of.

        Raises:
            ConfigError: there is none; the message says what there is.
            UnsupportedError: the layer's input or output is not one tensor.
        """
        path, index = parse_element(subject)
        if quantity in ("gradient", "update"):
            shape = tuple(self._known(self._variables, path, "weight").shape)
            return Element(path, _within(subject, index, shape))
        self._known(self._layers, path, "layer")
        call = self._call(path)
        if quantity in OF_A_WINDOW and call.layer.class_name not in POOLING:
            raise ConfigError(f"expected a pooling layer, {path!r} is {call.layer.class_name}")
        if quantity == "net_input" and "activation" not in vars(self._layers[path]):
            raise ConfigError(
                f"expected a layer with an activation, {path!r} is {call.layer.class_name}"
            )
        return Element(path, _within(subject, index, call.applied.outputs[0].shape[1:]))

    def _known(self, held: dict[str, Any], path: str, what: str) -> Any:
        if path not in held:
            near = ", ".join(list(held)[:8])
            raise ConfigError(f"no {what} has the path {path!r}; the model has {near}")
        return held[path]

    def _call(self, path: str) -> AppliedCall:
        """The one call of a layer."""
        calls = [call for call in self._forward.calls if call.path == path]
        if len(calls) != 1 or len(calls[0].applied.outputs) != 1 or len(calls[0].inputs) != 1:
            raise UnsupportedError(
                f"layer {path!r}: expected one call with one input and output, received "
                f"{len(calls)} calls"
            )
        if len(self._x) != 1:
            raise UnsupportedError(f"expected an example of 1 input, received {len(self._x)}")
        return calls[0]

    # -- figures ---------------------------------------------------------------------------------

    def figures(self, quantity: str, element: Element) -> Figures:
        """Both sides' figures for an element.

        Raises:
            UnsupportedError: nothing is derived of a layer, or the weight is not trained.
            TargetError: the model cannot be run on the example.
        """
        sides = {
            "gradient": self._gradient,
            "update": self._update,
            "window": self._window,
            "routing": self._routing,
            "output": self._output,
            "net_input": self._net_input,
        }
        key = (quantity, element)
        if key not in self._found:
            self._found[key] = sides[quantity](element)
        return self._found[key]

    def _gradient(self, element: Element) -> Figures:
        derived = self._derived.gradients[self._trained(element.path)]
        taped = self._taped.gradients[self._position(element.path)]
        observed = np.zeros(derived.shape) if taped is None else taped
        return self._at(derived, observed, [element.index])

    def _update(self, element: Element) -> Figures:
        self._position(element.path)
        index = element.index
        before, derived, observed = (side[element.path] for side in self._step)
        held = _largest(before) * EPSILONS.get(str(self._variables[element.path].dtype), _HELD)
        moved = self._tolerance * _largest(derived - before)
        return Figures(
            (float(derived[index]),),
            (float(observed[index]),),
            _HELD * max(_largest(before), _largest(derived)),
            moved + 8 * held,
        )

    def _window(self, element: Element) -> Figures:
        """The inputs that a pooling's output is taken from."""
        call = self._call(element.path)
        derived = self._forward.value(call.inputs[0])
        observed, _ = self._seen(element.path)
        return self._several(derived, observed, taken_by(call.layer, derived, element.index))

    def _routing(self, element: Element) -> Figures:
        """∂p/∂y by every input y that the output p is taken from."""
        call, at = self._call(element.path), (0, *element.index)
        fed = self._forward.value(call.inputs[0])
        unit = np.zeros(call.applied.outputs[0].shape)
        unit[at] = 1.0
        (derived,) = call.applied.backward((unit,)).inputs
        seen, _ = self._seen(element.path)
        taped = on_tape(
            wrapped(self._layers[element.path], seen),
            seen,
            np.zeros(unit.shape),
            lambda _, given: given[(slice(None), *element.index)],
        )
        (observed,) = taped.by_inputs
        assert derived is not None  # a pooling depends on its input
        assert observed is not None
        return self._several(derived, observed, taken_by(call.layer, fed, element.index))

    def _output(self, element: Element) -> Figures:
        derived = self._call(element.path).applied.outputs[0]
        _, observed = self._seen(element.path)
        return self._several(derived, observed, [element.index])

    def _net_input(self, element: Element) -> Figures:
        """What a layer computes before its activation."""
        call = self._call(element.path)
        plain = {**call.layer.config, "activation": "linear"}
        layer = LayerConfig({**call.layer.serialised, "config": plain})
        weights = self._prepared.network.weights
        own = {one.name: one.value for one in weights if one.layer == element.path}
        fed = self._forward.value(call.inputs[0])
        derived = apply_layer(layer, own, (fed,), Mode()).outputs[0]
        _, observed = self._seen(element.path, without_activation=True)
        return self._several(derived, observed, [element.index])

    def _several(self, derived: Array, observed: Array, places: list[tuple[int, ...]]) -> Figures:
        """The figures of the example at these places, the batch axis left out."""
        return self._at(derived, observed, [(0, *place) for place in places])

    def _at(self, derived: Array, observed: Array, places: list[tuple[int, ...]]) -> Figures:
        scale = _largest(derived)
        return Figures(
            tuple(float(derived[place]) for place in places),
            tuple(float(observed[place]) for place in places),
            _HELD * scale,
            self._tolerance * scale,
        )

    def _trained(self, path: str) -> str:
        """The path by which the derived gradients have a weight."""
        self._position(path)
        return self._prepared.network.paths[id(self._variables[path])]

    def _position(self, path: str) -> int:
        identities = [id(variable) for variable in self._model.trainable_variables]
        identity = id(self._variables[path])
        if identity not in identities:
            raise UnsupportedError(f"weight {path!r} is not trained")
        return identities.index(identity)

    # -- the sides -------------------------------------------------------------------------------

    @cached_property
    def _derived(self) -> Backprop:
        return self._prepared.derive()

    @cached_property
    def _taped(self) -> Taped:
        return on_tape(self._model, self._x, self._y, self._example.loss)

    @cached_property
    def _tolerance(self) -> float:
        return within(dtypes_of(self._model, self._prepared.losses))

    @cached_property
    def _step(self) -> tuple[dict[str, Array], dict[str, Array], dict[str, Array]]:
        """The weights before a step of gradient descent; after it as derived; and as taken."""
        import keras

        rate = self._example.learning_rate
        if rate is None:
            raise UnsupportedError("the example gives no learning_rate to update with")
        x, y, loss = self._x, self._y, self._example.loss
        model = self._fresh()
        if draws_at_random(model, x, y, loss, None, on_tape(model, x, y, loss, training=True).loss):
            raise UnsupportedError("a step in training draws at random: no two are alike")
        model.compile(optimizer=keras.optimizers.SGD(learning_rate=rate), loss=loss)
        prepared = prepare(model, x, y, loss, training=True)
        gradients = prepared.derive().gradients
        taken = take_step(model, x, y, None, keep=False)
        given = {path: taken.scale * g for path, g in gradients.items()}
        # The rate is the example's own decimal, not what Keras holds of it in float32.
        after = replace(taken.optimizer, rate=rate).step(taken.before, given)
        paths = {path: variable.path for path, variable in variables_of(model).items()}
        before, derived, observed = (
            {path: state.weights[own] for path, own in paths.items() if own in state.weights}
            for state in (taken.before, after, taken.after)
        )
        return before, derived, observed

    def _seen(self, path: str, *, without_activation: bool = False) -> tuple[Array, Array]:
        """What a live layer is fed in a pass of its model, and what it gives."""
        layer = self._layers[path]
        seen: list[tuple[Array, Array]] = []
        call = layer.call

        def watched(fed: Any, *args: Any, **kwargs: Any) -> Any:
            given = call(fed, *args, **kwargs)
            seen.append((value_of(fed), value_of(given)))
            return given

        with _hooks() as hooks:
            hooks.set(layer, "call", watched)
            if without_activation:
                hooks.set(layer, "activation", _identity)
            try:
                self._model(self._x)
            except Exception as error:  # backends and users' layers raise anything
                raise TargetError(
                    f"model {self._model.name!r}: cannot be run on the example: "
                    + one_line(f"{type(error).__name__}: {error}")
                ) from error
        if len(seen) != 1:
            raise UnsupportedError(
                f"layer {path!r}: expected one call in a pass of the live model, received "
                f"{len(seen)}"
            )
        return seen[0]


def _identity(x: Any) -> Any:
    return x


@contextmanager
def _hooks() -> Iterator[Hooks]:
    hooks = Hooks()
    try:
        yield hooks
    finally:
        hooks.remove()


def _within(subject: str, index: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """The index, if it is one of such an array, counted from 0."""
    fits = len(index) == len(shape)
    if not fits or not all(0 <= one < extent for one, extent in zip(index, shape, strict=True)):
        raise ConfigError(
            f"expected an index of {len(shape)} integers from 0 within the shape {shape}, "
            f"received {subject!r}"
        )
    return index


def _largest(values: Array) -> float:
    return float(np.abs(values).max(initial=0.0))
