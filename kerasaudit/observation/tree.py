"""The tree of a live model's layers: which are rows of a report, and under which path."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = [
    "HasRule",
    "Member",
    "inner_variables",
    "is_container",
    "leaves",
    "members",
    "serialised",
    "sublayers",
]

# Whether a layer, by its serialised config, has a rule: one that has is derived as a whole.
HasRule = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class Member:
    """A layer of the tree. `holds_layers`: the layers inside it are members by themselves."""

    path: str
    layer: Any
    holds_layers: bool


def is_container(layer: Any) -> bool:
    """Whether a model's config lists this layer's own layers: a Sequential or Functional model."""
    import keras
    from keras.src.models.functional import Functional

    return isinstance(layer, (keras.Sequential, Functional))


def sublayers(layer: Any) -> list[Any]:
    """The layers directly inside a layer or model, each once, in the order in which it has them."""
    import keras

    if isinstance(layer, keras.Model):
        return list(layer.layers)
    return list(layer._flatten_layers(include_self=False, recursive=False))  # noqa: SLF001 - Keras gives it no public name


def holds_layers(layer: Any, has_rule: HasRule) -> bool:
    """Whether the layers inside it are looked at one by one instead of the layer as a whole.

    They are in a model, and in a layer of the user's own that has layers and no rule.
    """
    if is_container(layer):
        return True
    own = type(layer).__module__
    if own == "keras" or own.startswith("keras.") or not sublayers(layer):
        return False
    return not has_rule(serialised(layer))


def members(model: Any, has_rule: HasRule) -> Iterator[Member]:
    """Every layer in the model with its path, those that hold layers before the ones inside.

    Of two layers of one path the second is given a number; the same layer is given once a path.
    """
    around: tuple[int, ...] = (id(model),)
    stack = [("", layer, around) for layer in reversed(sublayers(model))]
    seen: dict[str, int] = {}
    while stack:
        prefix, layer, around = stack.pop()
        if id(layer) in around:  # a layer may refer to one that it is in
            continue
        path, number = prefix + layer.name, 1
        while seen.get(path, id(layer)) != id(layer):
            number += 1
            path = f"{prefix}{layer.name} ({number})"
        if path in seen:
            continue
        seen[path] = id(layer)
        holds = holds_layers(layer, has_rule)
        yield Member(path, layer, holds)
        if holds:
            inside = (*around, id(layer))
            stack += [(f"{path}/", inner, inside) for inner in reversed(sublayers(layer))]


def inner_variables(member: Member, rows: list[Member]) -> Iterator[Any]:
    """The weights of the layers inside a member, as far as they are members by themselves."""
    for row in rows:
        if row.path.startswith(f"{member.path}/"):
            yield from row.layer.weights


def leaves(model: Any) -> Iterator[tuple[str, Any]]:
    """Every layer that is not a container, with its path, in order; a path met again is skipped."""
    for member in members(model, lambda _: True):
        if not member.holds_layers:
            yield member.path, member.layer


def serialised(layer: Any) -> dict[str, Any]:
    """The layer's serialised config; what its class alone says, where it has none."""
    from keras import saving

    try:
        found: dict[str, Any] = saving.serialize_keras_object(layer)
        if isinstance(found.get("config"), dict):
            return {**found, "config": {"name": layer.name, **found["config"]}}
    except Exception:  # noqa: BLE001, S110 - a user's get_config may raise anything
        pass
    cls = type(layer)
    return {
        "module": cls.__module__,
        "class_name": cls.__name__,
        "config": {"name": layer.name},
        "registered_name": saving.get_registered_name(cls),
    }
