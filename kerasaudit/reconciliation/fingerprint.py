"""What a layer's config says, flat and in one form, so that two of them can be held together.

Versions of Keras write the same layer in other words: a dtype as a name or as a policy, a class
with its module or without, an input shape under one key or another, a value that is not set as null
or not at all, a value that a later version brought not at all. Here they are the same:
`keras_defaults.json` holds what Keras's own classes take for a value that they are not given.
"""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from kerasaudit.derivation.layer import LayerConfig, automatic_name
from kerasaudit.derivation.memory import policy_name
from kerasaudit.errors import ConfigError, one_line

__all__ = ["Fingerprint", "Key", "default_fingerprint", "fingerprint", "unnumbered"]

Key = tuple[str, ...]

_ANY = "*"
_AUTOMATIC_MODEL = re.compile(r"(functional|sequential|model)(_\d+)?")
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_RENAMED_KEYS = {"batch_input_shape": "batch_shape"}  # as Keras 2 called it


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The values of a config by their keys, and the names that it gives to layers in it.

    The name of the layer itself is in neither: it is the end of its path.
    """

    kind: str
    values: Mapping[Key, Any]
    names: Mapping[Key, str]


def fingerprint(layer: LayerConfig) -> Fingerprint:
    """The config of a layer in one form, on a stack of its own however deep it is nested.

    >>> held = {"class_name": "Mine", "config": {"name": "mine", "units": 4}}
    >>> found = fingerprint(LayerConfig({"class_name": "TimeDistributed", "config": {
    ...     "name": "each", "layer": held, "note": None}}))
    >>> {".".join(key): value for key, value in sorted(found.values.items())}
    {'dtype': 'float32', 'layer.class_name': 'Mine', 'layer.units': 4, 'trainable': True}
    >>> found.names
    {('layer', 'name'): 'mine'}
    """
    # A legacy file does not say whether "Add" is the operation or the layer: here they are one.
    return _read(layer.keys[0].removeprefix("keras.ops."), layer.config)


def default_fingerprint(kind: str) -> Fingerprint:
    """What a layer of a class has where its config says nothing.

    >>> default_fingerprint("Flatten").values[("data_format",)]
    'channels_last'
    """
    return _read(kind, {})


def _read(kind: str, config: Mapping[Any, Any]) -> Fingerprint:
    values: dict[Key, Any] = {}
    names: dict[Key, str] = {}
    stack = _entries((), config, {**_EVERY_LAYER, **_defaults().get(kind, {})})
    while stack:
        key, value = stack.pop()
        value = _FORMS.get(key[-1], _same)(value)
        if key == ("name",):
            continue
        if isinstance(value, Mapping):
            stack += _inside(key, value)
        elif isinstance(value, (list, tuple)) and any(isinstance(i, _NESTED) for i in value):
            stack += [((*key, str(place)), item) for place, item in enumerate(value)][::-1]
        elif len(key) > 1 and key[-1] == "name" and isinstance(value, str):
            names[key] = value
        else:
            values[key] = _leaf(value)
    return Fingerprint(kind, values, names)


_NESTED = (Mapping, list, tuple)
_EVERY_LAYER: Mapping[str, Any] = {"trainable": True, "dtype": "float32"}


def _entries(
    key: Key, config: Mapping[Any, Any], taken: Mapping[str, Any] | None = None
) -> list[tuple[Key, Any]]:
    """The values of a mapping, the last first; `taken` are those for what it does not say."""
    given = {_RENAMED_KEYS.get(str(name), str(name)): value for name, value in config.items()}
    said = {name: value for name, value in given.items() if value is not None}
    return [((*key, name), value) for name, value in {**(taken or {}), **said}.items()][::-1]


@functools.cache
def _defaults() -> Mapping[str, Mapping[str, Any]]:
    text = files("kerasaudit.reconciliation").joinpath("keras_defaults.json").read_text("utf-8")
    found: Mapping[str, Mapping[str, Any]] = json.loads(text)
    return found


def _inside(key: Key, value: Mapping[Any, Any]) -> list[tuple[Key, Any]]:
    """What a mapping holds: of a serialised object its class and its config, and nothing else.

    What stands beside them (how it was built, an identity within the file) follows from those.
    """
    config = value.get("config")
    if not isinstance(config, Mapping):
        return _entries(key, value)
    try:
        kind = LayerConfig(value).keys[0]
    except ConfigError:
        return _entries(key, value)
    known = _defaults().get(kind)
    taken = {**_EVERY_LAYER, **known} if known is not None else None
    return [*_entries(key, config, taken), ((*key, "class_name"), kind)]


def _dtype(value: Any) -> Any:
    """The name of a dtype policy, where it has one."""
    if not isinstance(value, Mapping):
        return value
    named = policy_name(LayerConfig({"class_name": "Layer", "config": {"dtype": value}}))
    return value if named is None else named


def _leaf(value: Any) -> Any:
    """A value that is no longer taken apart: JSON has it, and it can be compared and hashed."""
    if isinstance(value, (list, tuple)):
        return tuple(_scalar(item) for item in value)
    return _scalar(value)


def _axis(value: Any) -> Any:
    """One axis, which Keras 2 wrote as a list of one."""
    return value[0] if isinstance(value, (list, tuple)) and len(value) == 1 else value


def _scalar(value: Any) -> Any:
    if isinstance(value, float):
        if not math.isfinite(value):
            return str(value)  # it would not equal itself, and JSON has no word for it
        return int(value) if value.is_integer() else value
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return one_line(_ADDRESS.sub("", repr(value)))


def _same(value: Any) -> Any:
    return value


# Values that have several forms, by their keys.
_FORMS = {"axis": _axis, "dtype": _dtype}


def unnumbered(path: str, class_name: str) -> str:
    """A path in which each name that Keras gave of itself is "*".

    >>> unnumbered("encoder/conv2d_5", "Conv2D"), unnumbered("functional_1/stem", "Conv2D")
    ('encoder/*', '*/stem')
    """
    *models, name = path.split("/")
    words = {automatic_name(class_name), "input"} if class_name == "InputLayer" else None
    if any(_counts_on(name, word) for word in words or {automatic_name(class_name)}):
        name = _ANY
    return "/".join([*_blanked(models), name])


def _blanked(models: Iterable[str]) -> Iterable[str]:
    return (_ANY if _AUTOMATIC_MODEL.fullmatch(model) else model for model in models)


def _counts_on(name: str, word: str) -> bool:
    rest = name.removeprefix(word)
    return name.startswith(word) and (not rest or (rest[0] == "_" and rest[1:].isdigit()))
