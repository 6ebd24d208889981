"""A model as a file holds it: the stored weights, layer by layer, under the paths of the config.

Files do not name weights by layer. In format v3 a weight is found by the group that Keras gives
its layer (`layout`) and a number; in legacy files by the layer's name. Where a file has no config
that lists layers, its groups are the layers, by the names that are stored with them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kerasaudit.observation.config_json import looks_like_config
from kerasaudit.observation.contents import Contents, Dataset, Tree
from kerasaudit.observation.layout import groups_of_layers, is_model, layer_entries, name_of
from kerasaudit.observation.observed import (
    Observation,
    ObservedLayer,
    ObservedState,
    ObservedWeight,
)

__all__ = ["observe_contents"]

_NO_WEIGHTS = ("idf_weights",)  # a look-up layer's: Keras counts them as no weights either
_TOP_LEVEL = "top_level_model_weights"  # a legacy file's group of what the model itself holds
_BARE = {"opaque16": "bfloat16"}  # how legacy files hold what HDF5 has no type for, unnamed
_UNKNOWN = "unknown"  # the class of a layer that only weights are known of


def observe_contents(contents: Contents, against: Observation | None = None) -> Observation:
    """What a file holds, as an observation; nothing is derived here.

    Args:
        contents: the file's.
        against: another model, whose config the weights are laid out by instead of the file's.
    """
    config = contents.config if against is None else against.config
    graph = config if looks_like_config(config) else None
    known = (against.layers or {}) if against and graph is None else {}
    held = _held(contents, graph, known) if contents.tree is not None else None
    own_config = contents.config if isinstance(contents.config, dict) else {}
    class_name = str(own_config.get("class_name") or "weights")
    observation = Observation(
        name=name_of(own_config) or (against.name if against else ""),
        class_name=class_name if against is None else against.class_name,
        config=graph,
        config_error=None if graph else _without_graph(contents, class_name),
        layers=None if held is None else held.layers,
        own=() if held is None else tuple(held.own),
        stored=True,
        versions=_versions(contents),
        state=None if held is None else held.state(),
    )
    if against is None:
        return observation
    trace, outputs = against.trace, against.output_shapes
    return replace(observation, trace=trace, output_shapes=outputs)


def _without_graph(contents: Contents, class_name: str) -> str:
    if contents.config is None:
        return "the file holds weights and no config: name what they are of with --against"
    return f"{class_name} is a subclassed model: its config holds no graph"


def _versions(contents: Contents) -> dict[str, str]:
    """What the file says that it was written by: nothing depends on it."""
    keras = contents.metadata.get("keras_version")
    backend = contents.metadata.get("backend")
    written = [f"Keras {keras}"] if isinstance(keras, str) else []
    written += [str(backend)] if isinstance(backend, str) else []
    return {"written by": ", ".join(written)[:80]} if written else {}


@dataclass(slots=True)
class _Held:
    """The weights of a file by layer, those of the model itself, and what is no weight."""

    classes: dict[str, str] = field(default_factory=dict)
    own: list[ObservedWeight] = field(default_factory=list)
    optimizer: int = 0
    weights: dict[str, list[ObservedWeight]] = field(default_factory=dict)
    number: int = 0

    @property
    def layers(self) -> dict[str, ObservedLayer]:
        return {
            path: ObservedLayer(path, class_name, tuple(self.weights.get(path, ())), None)
            for path, class_name in self.classes.items()
        }

    def state(self) -> ObservedState:
        return ObservedState(
            seeds=None, recurrent=None, metrics=None, optimizer=self.optimizer, summary_total=None
        )

    def enter(self, path: str, class_name: str) -> None:
        self.classes.setdefault(path, class_name)

    def add(self, path: str, name: str, dataset: Dataset) -> None:
        self.weights.setdefault(path, []).append(self._weight(name, dataset))

    def add_own(self, name: str, dataset: Dataset) -> None:
        self.own.append(self._weight(name, dataset))

    def _weight(self, name: str, dataset: Dataset) -> ObservedWeight:
        self.number += 1
        return ObservedWeight(
            name=name,
            path=dataset.path,
            shape=dataset.shape,
            dtype=dataset.dtype,
            trainable=None,
            identity=self.number,
        )


def _held(
    contents: Contents, graph: Mapping[str, Any] | None, known: Mapping[str, ObservedLayer]
) -> _Held:
    tree = contents.tree
    assert tree is not None
    base = "model_weights" if contents.form == "h5" else ""
    if "layer_names" in _attributes(tree, base) or contents.form == "h5":
        return _legacy(tree, base, graph)
    return _version_3(tree, graph, known)


def _attributes(tree: Tree, path: str) -> Mapping[str, str | tuple[str, ...]]:
    return tree.attributes.get(path, {})


# -- format v3 -----------------------------------------------------------------------------------


def _version_3(
    tree: Tree, graph: Mapping[str, Any] | None, known: Mapping[str, ObservedLayer]
) -> _Held:
    """By groups; `known` are the layers of a model whose config has no graph to tell them by."""
    held = _Held()
    for path, one in known.items():
        held.enter(path, one.class_name)
    paths: dict[str, str] = {}
    for path, class_name, group in groups_of_layers(graph) if graph else ():
        held.enter(path, class_name)
        paths[group] = path
    for dataset in sorted(tree.datasets.values(), key=_place):
        holder, _, key = dataset.path.rpartition("/")
        group = holder.removesuffix("vars").rstrip("/")
        if group == "optimizer" or group.startswith("optimizer/"):
            held.optimizer += _elements(dataset)
        elif group.startswith("metrics/"):
            continue  # tf-keras saves what its metrics have summed up
        elif not group:
            held.add_own(key, dataset)
        elif key not in _NO_WEIGHTS:
            layer = _layer_of(group, paths)
            if layer is None:
                names = _named(tree, "", group) or group
                path = _layer_of(names, known) or names
                held.enter(path, _UNKNOWN)
                held.add(path, f"{names}/{key}"[len(path) + 1 :], dataset)
            else:
                within = _named(tree, layer, group)
                held.add(paths[layer], f"{within}/{key}" if within else key, dataset)
    return held


def _place(dataset: Dataset) -> tuple[str, int, str]:
    """Group by group, and within one by number: "10" comes after "2"."""
    group, _, key = dataset.path.rpartition("/")
    return group, int(key) if key.isascii() and key.isdigit() and len(key) < 10 else 0, key


def _layer_of(group: str, paths: Mapping[str, Any]) -> str | None:
    """The group of the layer that a group belongs to."""
    while group and group not in paths:
        group = group.rpartition("/")[0]
    return group or None


def _named(tree: Tree, outer: str, group: str) -> str:
    """The names of the layers from `outer` (left out) down to `group`, as stored with them.

    Attributes that hold layers have names of their own ("cells"), which are not the layers'. Keras
    stores the layers' names since 3.6; before, the attributes' have to do.
    """
    names, path = [], outer
    for part in group[len(outer) :].strip("/").split("/"):
        if not part:
            continue
        path = f"{path}/{part}" if path else part
        name = _attributes(tree, f"{path}/vars").get("name")
        if isinstance(name, str):
            names.append(name)
        elif f"{path}/vars" in tree.group_names:
            names.append(part.lstrip("_"))
    return "/".join(names)


def _elements(dataset: Dataset) -> int:
    count = 1
    for extent in dataset.shape:
        count *= extent
    return count


# -- legacy HDF5 ---------------------------------------------------------------------------------


def _legacy(tree: Tree, base: str, graph: Mapping[str, Any] | None) -> _Held:
    """Groups by the layers' names, of which each lists its weights: those trained come first."""
    held = _Held()
    inner = _inner_layers(graph)
    for path, class_name, _ in groups_of_layers(graph) if graph else ():
        held.enter(path, class_name)
    prefix = f"{base}/" if base else ""
    for dataset in tree.datasets.values():
        if dataset.path.startswith("optimizer_weights/"):
            held.optimizer += _elements(dataset)
    for layer in _layer_names(tree, base):
        group = f"{prefix}{layer}"
        listed = dict.fromkeys(_weight_names(tree, group))
        names = [name for name in listed if f"{group}/{name}" in tree.datasets]
        paths = _inner_paths(names, layer, inner.get(layer, []))
        for name in names:
            found = tree.datasets[f"{group}/{name}"]
            found = replace(found, dtype=_BARE.get(found.dtype, found.dtype))
            if layer == _TOP_LEVEL:
                held.add_own(_plain(name), found)
            else:
                held.enter(paths[name], _UNKNOWN)
                held.add(paths[name], _within(_plain(name), paths[name]), found)
    return held


def _plain(name: str) -> str:
    """A weight's name without the number that TensorFlow gives it: "dense/kernel:0"."""
    return re.sub(r":\d+$", "", name)


def _layer_names(tree: Tree, base: str) -> list[str]:
    names = _texts(tree, base, "layer_names")
    prefix = f"{base}/" if base else ""
    if f"{prefix}{_TOP_LEVEL}" in tree.group_names:
        names = [*names, _TOP_LEVEL]
    return list(dict.fromkeys(names))


def _weight_names(tree: Tree, group: str) -> list[str]:
    return _texts(tree, group, "weight_names")


def _texts(tree: Tree, path: str, key: str) -> list[str]:
    """A list of texts in an attribute, or in several (key0, key1, …) where one cannot hold it."""
    attributes = _attributes(tree, path)
    parts = [attributes[key]] if key in attributes else []
    while f"{key}{len(parts)}" in attributes and key not in attributes:
        parts.append(attributes[f"{key}{len(parts)}"])
    return [name for part in parts for name in ((part,) if isinstance(part, str) else part)]


def _inner_layers(graph: Mapping[str, Any] | None) -> dict[str, list[str]]:
    """The paths of the layers within each model that the model holds."""
    models = {name_of(e) for e in layer_entries(graph) if is_model(e)} if graph else set()
    found: dict[str, list[str]] = {}
    for path, _, _ in groups_of_layers(graph) if graph else ():
        outer = path.partition("/")[0]
        if outer in models:
            found.setdefault(outer, []).append(path)
    return found


def _inner_paths(names: list[str], layer: str, inner: list[str]) -> dict[str, str]:
    """The layers that weights belong to: within a model, those whose names stand in theirs.

    Keras 3 writes the names of the models around a layer that are built with it ("inner/dense/
    kernel"), Keras 2 none: of several that fit, the one of which most is named, then the outermost
    that has no weight of this name yet.
    """
    by_layer: dict[str, list[str]] = {}
    for path in inner:
        by_layer.setdefault(path.rpartition("/")[2], []).append(path)
    fitting = {name: _fitting(_plain(name), by_layer) for name in names}
    found: dict[str, str] = {}
    taken: set[tuple[str, str]] = set()
    for name in sorted(names, key=lambda one: -max((n for n, _ in fitting[one]), default=0)):
        ranked = sorted(fitting[name], key=lambda fit: (-fit[0], fit[1].count("/")))
        free = [path for _, path in ranked if (path, _within(_plain(name), path)) not in taken]
        found[name] = next(iter(free), layer)
        taken.add((found[name], _within(_plain(name), found[name])))
    return found


def _fitting(name: str, by_layer: Mapping[str, list[str]]) -> list[tuple[int, str]]:
    """The layers of which some names at the end of their path stand in a weight's: how much."""
    found = []
    for path in (
        path for part in dict.fromkeys(name.split("/")) for path in by_layer.get(part, ())
    ):
        parts = path.split("/")
        tails = ("/".join(parts[start:]) for start in range(len(parts)))
        longest = next((len(tail) for tail in tails if f"/{tail}/" in f"/{name}"), 0)
        if longest:
            found.append((longest, path))
    return found


def _within(name: str, path: str) -> str:
    """A weight's name within its layer: "query/kernel" of "mha/query/kernel"."""
    layer = path.rpartition("/")[2]
    _, _, inner = f"/{name}".partition(f"/{layer}/")
    return inner or name  # a layer that was built by itself bears no name of what holds it
