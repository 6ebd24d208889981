"""One layer of two models: which config values, weights and figures of it are not the same."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from kerasaudit.reconciliation.differences import (
    LayerChange,
    TallyChange,
    ValueChange,
    WeightChange,
)
from kerasaudit.reconciliation.fingerprint import Fingerprint, Key
from kerasaudit.reconciliation.result import LayerRow, WeightRow

__all__ = ["ComparedLayer", "added", "changed", "form", "params_of", "removed", "tally_change"]

# A layer's figures, beside its parameters, which are `trainable` and `non_trainable`.
_TALLIES = (
    "trainable",
    "non_trainable",
    "logical",
    "adapter",
    "bytes",
    "macs",
    "backward_macs",
    "activation_elements",
    "activation_bytes",
    "calls",
)


class ComparedLayer(NamedTuple):
    """A layer as it is compared: its row in the audit, and what its config says."""

    row: LayerRow
    config: Fingerprint


def added(layer: ComparedLayer, position: int) -> LayerChange:
    """A layer that the new model alone has."""
    return _change("added", None, None, layer, position)


def removed(layer: ComparedLayer, position: int) -> LayerChange:
    """A layer that the old model alone has."""
    return _change("removed", layer, position, None, None)


def changed(
    old: ComparedLayer, old_position: int, new: ComparedLayer, new_position: int, *, moved: bool
) -> LayerChange | None:
    """What became of a layer that both have; `None` where nothing did."""
    values = tuple(_value_changes(old.config.values, new.config.values))
    names = tuple(_value_changes(old.config.names, new.config.names))
    weights = tuple(_weight_changes(old.row.weights, new.row.weights))
    tallies = tuple(_tally_changes(old.row, new.row))
    shapes = (old.row.output_shape, new.row.output_shape)
    reshaped = None not in shapes and shapes[0] != shapes[1]
    if values or weights or tallies or reshaped or old.config.kind != new.config.kind:
        kind = "changed"
    elif names or old.row.path != new.row.path:
        kind = "renamed"
    elif moved:
        kind = "moved"
    else:
        return None
    return _change(
        kind,
        old,
        old_position,
        new,
        new_position,
        moved=moved,
        config=(*values, *names),
        weights=weights,
        tallies=tallies,
    )


def _change(
    kind: str,
    old: ComparedLayer | None,
    old_position: int | None,
    new: ComparedLayer | None,
    new_position: int | None,
    **changes: Any,
) -> LayerChange:
    one, other = (side.row if side else None for side in (old, new))
    return LayerChange(
        kind=kind,
        old_path=one.path if one else None,
        new_path=other.path if other else None,
        old_class_name=one.class_name if one else None,
        new_class_name=other.class_name if other else None,
        old_position=old_position,
        new_position=new_position,
        old_params=params_of(one) if one else None,
        new_params=params_of(other) if other else None,
        old_output_shape=one.output_shape if one else None,
        new_output_shape=other.output_shape if other else None,
        **changes,
    )


def params_of(row: LayerRow) -> int | None:
    """Its parameters: by arithmetic, or as far as that is not known, as they are held."""
    known = (one for one in (row.derived, row.observed, row.stored) if one is not None)
    return next(known, None)


def _value_changes(old: Mapping[Key, Any], new: Mapping[Key, Any]) -> Iterator[ValueChange]:
    """The values that differ, in the order of the old config, then those that are new in it."""
    for key in dict.fromkeys((*old, *new)):
        before, after = old.get(key), new.get(key)
        if before != after:
            yield ValueChange(".".join(key), before, after)


# -- weights --------------------------------------------------------------------------------------


def form(weight: WeightRow) -> tuple[Any, ...]:
    """What a weight is, whatever the layers that it is in are called."""
    return _last(weight), _shape(weight), weight.dtype, weight.trainable


def _last(weight: WeightRow) -> str:
    return weight.name.rpartition("/")[2]


def _shape(weight: WeightRow) -> tuple[int, ...] | None:
    """The shape that the model or its file holds; the derived one where neither is at hand."""
    held = (weight.observed_shape, weight.stored_shape, weight.shape)
    return next((shape for shape in held if shape is not None), None)


def _weight_changes(old: Sequence[WeightRow], new: Sequence[WeightRow]) -> Iterator[WeightChange]:
    for one, other in _paired(old, new):
        if one is None or other is None or form(one) != form(other):
            yield WeightChange(
                old_name=one.name if one else None,
                new_name=other.name if other else None,
                old_shape=_shape(one) if one else None,
                new_shape=_shape(other) if other else None,
                old_dtype=one.dtype if one else None,
                new_dtype=other.dtype if other else None,
                old_trainable=one.trainable if one else None,
                new_trainable=other.trainable if other else None,
            )


def _paired(
    old: Sequence[WeightRow], new: Sequence[WeightRow]
) -> Iterator[tuple[WeightRow | None, WeightRow | None]]:
    """The weights of one name; then, since layers in it may be renamed, those of one last name."""
    matched: dict[int, int] = {}
    for name in (lambda weight: weight.name, _last):
        taken = set(matched.values())
        waiting: dict[str, deque[int]] = {}
        for place, weight in enumerate(new):
            if place not in taken:
                waiting.setdefault(name(weight), deque()).append(place)
        for place, weight in enumerate(old):
            if place not in matched and waiting.get(name(weight)):
                matched[place] = waiting[name(weight)].popleft()
    for place, weight in enumerate(old):
        yield weight, new[matched[place]] if place in matched else None
    for place in sorted(set(range(len(new))) - set(matched.values())):
        yield None, new[place]


# -- figures --------------------------------------------------------------------------------------


def tally_change(name: str, old: Any, new: Any) -> TallyChange:
    """A tally of both sides."""
    return TallyChange(name, old, new, None if old is None or new is None else new - old)


def _tally_changes(old: LayerRow, new: LayerRow) -> Iterator[TallyChange]:
    for name in _TALLIES:
        change = tally_change(name, getattr(old, name), getattr(new, name))
        if change.changed:
            yield change
