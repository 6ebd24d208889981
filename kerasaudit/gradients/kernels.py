"""How the weights of a live model fall into kernels: its layers' rules asked for the unit axes.

Each layer is derived by itself, from its own config and the shapes it was built with, so that a
subclassed model, whose graph no config holds, has kernels all the same. A layer without a rule is
looked into: the layers that it holds may have one. Where none applies, a weight is one kernel, and
the reason is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kerasaudit.derivation.rule import derive
from kerasaudit.derivation.weight import Weight
from kerasaudit.errors import ConfigError, KerasAuditError, TargetError, one_line
from kerasaudit.gradients.inventory import Inventory, WeightEntry
from kerasaudit.observation.live import HeldLayer, held_layers
from kerasaudit.pairing import pair_by_name
from kerasaudit.pattern import fits

__all__ = ["Survey", "take_inventory"]


@dataclass(frozen=True, slots=True)
class Survey:
    """The inventory of a live model, and the variables behind its recorded weights.

    `places` finds a recorded weight by the identity of its Keras variable, or of the backend's own
    variable behind it.
    """

    inventory: Inventory
    variables: tuple[Any, ...]
    places: dict[int, int]

    def place(self, variable: Any) -> int | None:
        """The position of a variable among the recorded weights; `None` if it is not there."""
        found = self.places.get(id(variable))
        if found is None and hasattr(variable, "_value"):
            found = self.places.get(id(variable._value))  # noqa: SLF001 - without autocast
        return found


def take_inventory(model: Any, layers: str | Sequence[str] | None = None) -> Survey:
    """Survey a built Keras model.

    Args:
        model: a live Keras model.
        layers: the paths of the layers to record, or patterns of them ("encoder/*"); `None`: all.

    Raises:
        TargetError: the model holds no weights yet.
        ConfigError: a pattern of `layers` matches no layer.
    """
    held = list(held_layers(model))
    if not held:
        state = "holds no weights" if model.built else "is not built: it has no weights yet"
        raise TargetError(f"model {model.name!r} {state}, so there are no gradients to record")
    chosen = _chosen(held, layers)
    trainable = {id(variable) for variable in model.trainable_variables}
    entries: list[WeightEntry] = []
    variables: list[Any] = []
    places: dict[int, int] = {}
    for one in held:
        units = dict(_units(one))
        for name, variable in one.variables:
            weight, undivided = units.get(id(variable), (None, "no rule derives it"))
            status = _status(one, variable, weight, trainable, one.path in chosen)
            entries.append(_entry(one, name, variable, weight, status, undivided))
            if status == "recorded":
                places[id(variable)] = places[id(variable._value)] = len(variables)  # noqa: SLF001
                variables.append(variable)
    return Survey(Inventory(tuple(entries)), tuple(variables), places)


def _chosen(held: list[HeldLayer], layers: str | Sequence[str] | None) -> set[str]:
    paths = [one.path for one in held]
    if layers is None:
        return set(paths)
    patterns = [layers] if isinstance(layers, str) else list(layers)
    chosen: set[str] = set()
    for pattern in patterns:
        matched = [p for p in paths if fits(p, str(pattern))]
        if not matched:
            raise ConfigError(
                f"layers: no layer with weights has the path {pattern!r}; there are "
                f"{', '.join(paths)}"
            )
        chosen.update(matched)
    return chosen


def _status(
    held: HeldLayer, variable: Any, weight: Weight | None, trainable: set[int], chosen: bool
) -> str:
    if id(variable) not in trainable:
        learnt = weight is None or weight.trainable
        frozen = held.layer is None or not held.layer.trainable or learnt
        return "frozen" if frozen else "statistic"
    if not chosen:
        return "excluded"
    return "overwritten" if getattr(variable, "overwrite_with_gradient", False) else "recorded"


def _entry(
    held: HeldLayer,
    name: str,
    variable: Any,
    weight: Weight | None,
    status: str,
    undivided: str | None,
) -> WeightEntry:
    shape = tuple(int(extent) for extent in variable.shape)
    axes = weight.axes if weight else ()
    return WeightEntry(
        layer=held.path,
        weight=name,
        class_name="Model" if held.layer is None else type(held.layer).__name__,
        shape=shape,
        dtype=str(variable.dtype),
        axes_shape=tuple(axis.extent for axis in axes) if weight else shape,
        unit=weight.unit if weight else (),
        unit_axes=tuple(i for i, axis in enumerate(axes) if axis.symbol in weight.unit)
        if weight
        else (),
        status=status,
        undivided=None if weight else undivided,
    )


# -- units from rules ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Held:
    name: str
    variable: Any


def _units(held: HeldLayer) -> Iterator[tuple[int, tuple[Weight | None, str | None]]]:
    """By a variable's identity: the derived weight that it is, or `None` with the reason."""
    if held.layer is None:
        return
    named = [_Held(name, variable) for name, variable in held.variables]
    try:
        derived = _derived(held.layer)
    except KerasAuditError as error:
        yield from _units_of_parts(held.layer, str(error))
    else:
        yield from _matched(derived, named)


def _units_of_parts(
    layer: Any, reason: str
) -> Iterator[tuple[int, tuple[Weight | None, str | None]]]:
    """The same for a layer without a rule: by the layers it holds, each with its own variables."""
    for part in layer._flatten_layers():  # noqa: SLF001 - there is no public walk
        derived, why = ((), reason) if part is layer else _derived_or_why(part)
        direct = [
            _Held(variable.name, variable)
            for group in (part._trainable_variables, part._non_trainable_variables)  # noqa: SLF001
            for variable in group
        ]
        if why is None:
            yield from _matched(derived, direct)
        else:
            for one in direct:
                yield id(one.variable), (None, why)


def _derived_or_why(layer: Any) -> tuple[tuple[Weight, ...], str | None]:
    try:
        return _derived(layer), None
    except KerasAuditError as error:
        return (), str(error)


def _matched(
    derived: tuple[Weight, ...], held: list[_Held]
) -> Iterator[tuple[int, tuple[Weight | None, str | None]]]:
    for weight, one in pair_by_name(derived, held):
        if one is None:
            continue
        if weight is not None and weight.shape == tuple(one.variable.shape):
            yield id(one.variable), (weight, None)
        else:
            yield (
                id(one.variable),
                (None, f"its rule derives no weight of shape {one.variable.shape}"),
            )


def _derived(layer: Any) -> tuple[Weight, ...]:
    """The weights that a built layer's rule derives from its own config and build shapes."""
    from keras import saving

    try:
        config = saving.serialize_keras_object(layer)
        build = layer.get_build_config() or {}
    except Exception as error:  # a user's layer may raise anything
        described = one_line(f"get_config() raised {type(error).__name__}: {error}", 200)
        raise TargetError(f"layer {layer.name!r}: {described}") from error
    shape = build.get("input_shape", build.get("shapes_dict"))
    return derive(config, shape).weights
