"""What a reviewer needs of a drift: one line for each layer, and one for the model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from kerasaudit.errors import one_line
from kerasaudit.reconciliation.differences import (
    ConnectionChange,
    LayerChange,
    TallyChange,
    WeightChange,
)

__all__ = ["connection_line", "layer_line", "tallies_line", "told", "value"]

_MOST = 6  # so many things that changed are told of one layer
_LONGEST = 60
_WORDS = {"params": "params", "macs": "MACs", "backward_macs": "backward MACs"}
_BEFORE_OTHERS = ("params", "macs")


def value(item: Any) -> str:
    """A value as a line has it; "none" where there is none.

    >>> value(64), value(18496), value("relu"), value((3, 3)), value(None)
    ('64', '18,496', 'relu', '[3, 3]', 'none')
    """
    if item is None:
        return "none"
    if isinstance(item, int) and not isinstance(item, bool):
        return f"{item:,}"
    return one_line(item if isinstance(item, str) else json.dumps(item), _LONGEST)


def told(name: str, old: Any, new: Any, otherwise: str = "unknown") -> str:
    """What was and what is; figures with their difference.

    >>> told("params", 18496, 27744), told("macs", 5, None)
    ('params 18,496 → 27,744 (+9,248)', 'macs 5 → unknown')
    """
    figures = all(isinstance(one, int) and not isinstance(one, bool) for one in (old, new))
    difference = f" ({new - old:+,})" if figures else ""
    before, after = (otherwise if one is None else value(one) for one in (old, new))
    return f"{name} {before} → {after}{difference}"


def layer_line(change: LayerChange) -> str:
    """A layer that is not the locked one.

    >>> layer_line(LayerChange("added", None, "pool", None, "MaxPooling2D", None, 2, None, 0,
    ...     None, (None, 7, 7, 64)))
    'pool: new, MaxPooling2D with 0 params'
    """
    name = one_line(change.path, _LONGEST)
    if change.kind in ("added", "removed"):
        word, params = (
            ("new", change.new_params) if change.kind == "added" else ("gone", change.old_params)
        )
        shown = "unknown" if params is None else value(params)
        return f"{name}: {word}, {one_line(change.class_name, _LONGEST)} with {shown} params"
    if change.old_path != change.new_path:
        name = f"{one_line(change.old_path, _LONGEST)}, now {name}"
    parts = list(_parts(change))
    rest = len(parts) - _MOST
    shown = ", ".join([*parts[:_MOST], *([f"{rest:,} more"] if rest > 0 else [])])
    return f"{name}: {shown or change.kind}"


def _parts(change: LayerChange) -> Iterator[str]:
    if change.old_class_name != change.new_class_name:
        yield told("class", change.old_class_name, change.new_class_name)
    for one in change.config:
        yield _of_config(one.key, one.old, one.new)
    for tally in change.tallies:
        if tally.name == "calls":
            yield told("calls", tally.old, tally.new)
    if not change.config:
        for weight in change.weights:
            yield _of_weight(weight)
    if change.moved:
        yield told("place", (change.old_position or 0) + 1, (change.new_position or 0) + 1)
    yield from _figures(change)


def _of_config(key: str, old: Any, new: Any) -> str:
    """A config value: its numbers are settings, not figures that are subtracted."""
    return f"{one_line(key, _LONGEST)} {value(old)} → {value(new)}"


def _of_weight(weight: WeightChange) -> str:
    """What a weight was and is: its shape, and its dtype or training where that is what changed."""
    name = one_line(weight.name, _LONGEST)
    if None in (weight.old_name, weight.new_name):
        gone = weight.new_name is None
        return f"{name} {'gone' if gone else 'new'} {value(weight.old_shape or weight.new_shape)}"
    for word, old, new in (
        ("", weight.old_shape, weight.new_shape),
        (" dtype", weight.old_dtype, weight.new_dtype),
        (" trainable", weight.old_trainable, weight.new_trainable),
    ):
        if old != new:
            return f"{name}{word} {value(old)} → {value(new)}"
    return f"{name} changed"


def _figures(change: LayerChange) -> Iterator[str]:
    if change.old_params != change.new_params:
        yield told("params", change.old_params, change.new_params)
    named = {tally.name: tally for tally in change.tallies if tally.name != "calls"}
    if "macs" in named:
        yield told("MACs", named["macs"].old, named["macs"].new)
    if change.old_output_shape != change.new_output_shape and not change.config:
        yield told("output shape", change.old_output_shape, change.new_output_shape)
    if change.old_params == change.new_params and "macs" not in named:
        for tally in named.values():
            yield told(_word(tally.name), tally.old, tally.new)


def _word(name: str) -> str:
    return _WORDS.get(name, name.replace("_", " "))


def connection_line(change: ConnectionChange) -> str:
    """A layer that takes its inputs from others."""
    name = "the model's outputs" if change.new_path is None else one_line(change.new_path, _LONGEST)
    old, new = (one_line(", ".join(side) or "nothing", 200) for side in (change.old, change.new))
    verb = "were" if change.new_path is None else "took"
    return f"{name} {verb} {old}, now {new}"


def tallies_line(tallies: Sequence[TallyChange]) -> str:
    """The totals that changed, parameters and MACs first; the others where neither did."""
    first = [one for name in _BEFORE_OTHERS for one in tallies if one.name == name]
    shown = first or list(tallies)
    parts = [told(_word(one.name), one.old, one.new) for one in shown[:_MOST]]
    rest = len(shown) - _MOST
    return ", ".join([*parts, *([f"{rest:,} more"] if rest > 0 else [])])
