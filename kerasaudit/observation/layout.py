"""Where Keras puts a layer's weights in a file: the layout of format v3, read off the config.

Keras walks the model and gives each layer a group named by its class in snake case, counted up
within its model: "layers/conv2d", "layers/conv2d_1", and "layers/functional/layers/dense" within
a nested model. The variables of a layer stand in its group's "vars" under "0", "1", …: those that
training updates first, then the others, each in the order in which they were made.
Source: Keras saving_lib.py (`_save_state`, `_save_container_state`), naming.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["groups_of_layers", "layer_entries", "snake_case"]

# The classes whose name in a config is not the one in their code, which groups are called by.
_IN_CODE = {"GroupQueryAttention": "GroupedQueryAttention"}
_SEPARATORS = (re.compile(r"(.)([A-Z][a-z]+)"), re.compile(r"([a-z])([A-Z])"))


def snake_case(class_name: str) -> str:
    """The name of a class as Keras writes it in lower case.

    >>> [snake_case(name) for name in ("Conv2D", "ReLU", "GlobalAveragePooling1D", "TFSMLayer")]
    ['conv2d', 're_lu', 'global_average_pooling1d', 'tfsm_layer']
    """
    name = re.sub(r"\W+", "", class_name)
    for separator in _SEPARATORS:
        name = separator.sub(r"\1_\2", name)
    return name.lower()


def layer_entries(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The entries of a model's config that stand for layer objects: `keras.ops` nodes do not.

    A layer that a Sequential calls several times is listed as often, and is one object.
    """
    found: dict[str, Mapping[str, Any]] = {}
    inner = config.get("config")
    entries = inner.get("layers") if isinstance(inner, Mapping) else None
    for place, entry in enumerate(entries if isinstance(entries, list) else ()):
        if not isinstance(entry, Mapping) or not isinstance(entry.get("class_name"), str):
            continue
        module = entry.get("module")
        if not (isinstance(module, str) and module.startswith("keras.src.ops.")):
            found.setdefault(name_of(entry) or f"#{place}", entry)
    return list(found.values())


def name_of(entry: Mapping[str, Any]) -> str:
    """The name of a layer in its entry; "" where it has none."""
    inner = entry.get("config")
    name = entry.get("name", inner.get("name") if isinstance(inner, Mapping) else None)
    return name if isinstance(name, str) else ""


def is_model(entry: Mapping[str, Any]) -> bool:
    """Whether an entry is a model whose config holds its layers."""
    inner = entry.get("config")
    if not isinstance(inner, Mapping) or not isinstance(inner.get("layers"), list):
        return False
    return "input_layers" in inner or entry.get("class_name") == "Sequential"


def groups_of_layers(config: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The path, class and group of every layer that is no model, in config order.

    Paths join the names of the models around a layer and its own, as everywhere: "encoder/conv1".

    >>> inner = {"class_name": "Sequential", "config": {"name": "inner", "layers": [
    ...     {"class_name": "Dense", "config": {"name": "a"}}]}}
    >>> model = {"class_name": "Sequential", "config": {"layers": [
    ...     {"class_name": "Dense", "config": {"name": "b"}}, inner,
    ...     {"class_name": "Dense", "config": {"name": "c"}}]}}
    >>> for path, _, group in groups_of_layers(model):
    ...     print(path, group)
    b layers/dense
    inner/a layers/sequential/layers/dense
    c layers/dense_1
    """
    stack = _children(config, "", "")
    while stack:
        path, group, entry = stack.pop()
        if is_model(entry):
            stack += _children(entry, f"{path}/", f"{group}/")
        else:
            yield path, entry["class_name"], group


def _children(
    model: Mapping[str, Any], path: str, group: str
) -> list[tuple[str, str, Mapping[str, Any]]]:
    """The layers of a model with their paths and groups, the last one first."""
    used: dict[str, int] = {}
    found = []
    for entry in layer_entries(model):
        class_name = entry["class_name"]
        name = snake_case(_IN_CODE.get(class_name, class_name))
        number = used[name] = used.get(name, -1) + 1
        suffix = f"_{number}" if number else ""
        found.append((f"{path}{name_of(entry)}", f"{group}layers/{name}{suffix}", entry))
    return found[::-1]
