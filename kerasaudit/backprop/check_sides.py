"""The sides of a gradient check: for every weight what is derived, taped, and can be probed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kerasaudit.backprop.check_kinds import finding
from kerasaudit.backprop.network import Backprop, Prepared, prepare
from kerasaudit.backprop.rule import Array
from kerasaudit.backprop.taped import Copy, Taped, draws_at_random, dtypes_of, float64_copy, on_tape
from kerasaudit.backprop.tolerances import FLOOR, within
from kerasaudit.errors import KerasAuditError, TargetError, UnsupportedError
from kerasaudit.finding import Finding
from kerasaudit.gradients.inventory import WeightEntry
from kerasaudit.gradients.kernels import take_inventory
from kerasaudit.observation.trained import value_of

__all__ = ["Sides", "Slot", "take_sides"]


@dataclass(frozen=True, slots=True)
class Slot:
    """A weight or an input that is checked, with every side's derivative by it.

    `exact` is the tape's on a copy in float64. `loss` gives the loss by other values of it. `scale`
    is what differences are measured by. A side that is not there is `None`.
    """

    layer: str
    weight: str
    path: str | None
    dtype: str
    value: Array
    derived: Array | None
    tape: Array
    exact: Array | None
    loss: Callable[[Array], float] | None
    entry: WeightEntry | None
    scale: float

    @property
    def best(self) -> Array:
        """The derivative to hold against finite differences."""
        return next(g for g in (self.derived, self.exact, self.tape) if g is not None)

    @property
    def places(self) -> Array:
        """The flat index of each element, a row for each kernel."""
        places = np.arange(self.value.size)
        if self.entry is None:
            return places.reshape(1, -1)
        axes = (*self.entry.unit_axes, *self.entry.reduced_axes)
        apart = places.reshape(self.entry.axes_shape).transpose(axes)
        return apart.reshape(self.entry.kernels, -1)


@dataclass(frozen=True, slots=True)
class Sides:
    """All slots, the tape's pass, and what the finite differences are taken of.

    `forward` are findings: where the derived predictions are not the model's, its gradients are
    not compared either.
    """

    slots: tuple[Slot, ...]
    tape: Taped
    reason: str | None
    differences: str | None
    tolerance: float
    forward: tuple[Finding, ...]


def take_sides(
    model: Any,
    x: Any,
    y: Any,
    loss: Any,
    sample_weight: Any,
    *,
    training: bool,
    make: Callable[[], Any] | None = None,
    name: str,
) -> Sides:
    """Run every side on a batch.

    Args:
        model: a built model.
        x: input.
        y: targets.
        loss: the loss, or `None` for the compiled one.
        sample_weight: weights of examples.
        training: as in training.
        make: makes the copy in float64; the inputs are then checked as well.
        name: what is checked.

    Raises:
        TargetError: the model cannot be run on this batch, or its loss there is not finite.
        UnsupportedError: no two passes are alike, for it draws at random.
    """
    tape = on_tape(model, x, y, loss, sample_weight, training=training)
    if not np.isfinite(tape.loss):
        raise TargetError(
            f"model {model.name!r}: expected a finite loss of this batch, received {tape.loss}: "
            "gradients of it cannot be compared"
        )
    if training and draws_at_random(model, x, y, loss, sample_weight, tape.loss):
        raise UnsupportedError(
            f"model {model.name!r}: expected the same loss of every pass in training, received "
            "others: it draws at random (dropout, noise); set its rates to 0"
        )
    prepared, derived, reason = None, None, None
    try:
        prepared = prepare(model, x, y, loss, sample_weight, training=training)
        derived = prepared.derive()
    except KerasAuditError as error:
        reason = str(error)
    tolerance = within(dtypes_of(model, prepared.losses if prepared else None))
    forward = () if derived is None else tuple(_forward(name, derived, tape, tolerance))
    if forward:
        derived, reason = None, "the derived forward pass is another one"
    copy = float64_copy(model, x, y, loss, sample_weight, training=training, make=make)
    gather = _Gather(model, tape, prepared, derived, copy)
    slots = list(gather.weights())
    if make is not None:
        slots += gather.inputs(x)
    return Sides(
        slots=tuple(_scaled(slots)),
        tape=tape,
        reason=reason,
        differences="model" if copy else "derivation" if derived else None,
        tolerance=tolerance,
        forward=forward,
    )


def _forward(name: str, derived: Backprop, tape: Taped, tolerance: float) -> Iterator[Finding]:
    """Whether the derived forward pass is the model's own."""
    pairs = [(np.asarray(derived.loss), np.asarray(tape.loss))]
    pairs += zip(derived.predictions, tape.predictions, strict=True)
    for number, (ours, theirs) in enumerate(pairs):
        what = f"output {number - 1}" if number else "the loss"
        if ours.shape != theirs.shape:
            message = f"{what}: {theirs.shape} in Keras and {ours.shape} as derived"
            yield finding("KA433", name, message)
            continue
        apart = np.abs(ours - theirs)
        largest = max(float(np.abs(ours).max(initial=0.0)), 1e-6)
        if apart.size and not apart.max() <= tolerance * largest:
            place = np.unravel_index(int(apart.argmax()), apart.shape)
            message = f"{what}: {theirs[place]:.6g} in Keras and {ours[place]:.6g} as derived"
            yield finding("KA433", name, message)


@dataclass(frozen=True, slots=True)
class _Gather:
    model: Any
    tape: Taped
    prepared: Prepared | None
    derived: Backprop | None
    copy: Copy | None

    def weights(self) -> Iterator[Slot]:
        """A slot for each trainable weight."""
        variables = self.model.trainable_variables
        if not variables:
            return
        survey = take_inventory(self.model)
        exact = None if self.copy is None else self.copy.taped()
        for position, variable in enumerate(variables):
            place = survey.place(variable)
            if place is None:
                continue  # a float8 scale: its "gradient" is a new value
            entry = survey.inventory.recorded[place]
            value = value_of(variable)
            yield Slot(
                layer=entry.layer,
                weight=entry.weight,
                path=variable.path,
                dtype=str(variable.dtype),
                value=value,
                derived=self._derived(variable),
                tape=_or_zeros(self.tape.gradients[position], value),
                exact=None if exact is None else _or_zeros(exact.gradients[position], value),
                loss=self._loss(position, variable),
                entry=entry,
                scale=0.0,
            )

    def inputs(self, x: Any) -> Iterator[Slot]:
        """A slot for each input that is no index."""
        from keras import tree

        exact = None if self.copy is None else self.copy.taped()
        for number, given in enumerate(tree.flatten(x)):
            value = np.asarray(given)
            if value.dtype.kind != "f":
                continue
            value = value.astype(np.float64)
            derived = None if self.derived is None else self.derived.by_input[number]
            copy = self.copy
            yield Slot(
                layer="(input)",
                weight=str(number),
                path=None,
                dtype=str(np.asarray(given).dtype),
                value=value,
                derived=None if self.derived is None else _or_zeros(derived, value),
                tape=_or_zeros(self.tape.by_inputs[number], value),
                exact=None if exact is None else _or_zeros(exact.by_inputs[number], value),
                loss=None if copy is None else _of_input(copy, number),
                entry=None,
                scale=0.0,
            )

    def _derived(self, variable: Any) -> Array | None:
        if self.prepared is None or self.derived is None:
            return None
        return self.derived.gradients[self.prepared.network.paths[id(variable)]]

    def _loss(self, position: int, variable: Any) -> Callable[[Array], float] | None:
        """The loss by a weight: of the copy, or where there is none as it is derived."""
        copy, prepared = self.copy, self.prepared
        if copy is not None:
            return lambda values: copy.value(position, values)
        if prepared is None or self.derived is None:
            return None
        return lambda values: prepared.with_weight(id(variable), values).derive().loss


def _of_input(copy: Copy, number: int) -> Callable[[Array], float]:
    return lambda values: copy.value(number, values, of_input=True)


def _or_zeros(g: Array | None, value: Array) -> Array:
    """A derivative that is not there is 0: the loss does not depend on the weight."""
    return np.zeros(value.shape) if g is None else g


def _scaled(slots: list[Slot]) -> Iterator[Slot]:
    """The slots with what their differences are measured by."""
    sizes = [float(np.abs(slot.best).max(initial=0.0)) for slot in slots]
    largest = max(sizes, default=0.0)
    for slot, size in zip(slots, sizes, strict=True):
        yield replace(slot, scale=max(size, FLOOR * largest, 1e-30))
