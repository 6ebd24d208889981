"""A lock as a file: JSON with one line for each layer and each total, written and read strictly.

The form of schema version 1, in this order; a key in brackets is left out where it says nothing:

    schema_version, rules, target, name, class_name, input_shapes, output_shapes, outputs, totals,
    layers: [{path, class_name, [kind: its class_name], [config: {}], [names: {}], [takes: not
    known], output_shape, [weights: []], [params: 0], [trainable: as params], [non_trainable: 0],
    [logical: as params], [adapter: 0], [macs: 0], [backward_macs: 0], [bytes: 0],
    activation_elements, activation_bytes, [calls: 1]}]

A weight is `[name, shape, dtype, trainable]`, without the last where it is trained. What a call
takes is a list of names of layers, `[name, 1]` for a layer's second output, `0` for the model's
first input; `takes` has such a list for each call, and `outputs` one for the model. A config
has the values that are not the defaults of Keras's class, null for a default that it lacks, under
dotted keys, a dot or a backslash in one after a backslash. What is not known is null.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from kerasaudit.config import DEFAULT_LIMITS, Limits
from kerasaudit.derivation.shape import is_shape
from kerasaudit.errors import MalformedError, TargetError, one_line
from kerasaudit.observation.config_json import refuse_large
from kerasaudit.reconciliation.comparison import Taken
from kerasaudit.reconciliation.fingerprint import Key, default_fingerprint
from kerasaudit.reconciliation.lock.content import (
    LAYER_TALLIES,
    TOTALS,
    Lock,
    LockedLayer,
    LockedWeight,
)

__all__ = ["SCHEMA_VERSION", "parse", "read_lock", "render"]

# Raised when a lock says something else or in another way. Older ones stay readable: what they do
# not hold is not compared.
SCHEMA_VERSION = 1

_LARGEST = 10**60  # no figure of any model is larger, and a text of any length is none
_NESTED = 8  # so deeply may the shapes of several outputs be nested


# -- writing --------------------------------------------------------------------------------------


def render(lock: Lock) -> str:
    """The text of a lock: the same for the same model, a line for each layer.

    >>> totals = dict.fromkeys(TOTALS)
    >>> render(Lock(1, "net", "net", "Sequential", (), (), None, totals, ())).splitlines()[3]
    ' "target": "net",'
    """
    head = {
        "schema_version": SCHEMA_VERSION,
        "rules": lock.rules,
        "target": lock.target,
        "name": lock.name,
        "class_name": lock.class_name,
        "input_shapes": lock.input_shapes,
        "output_shapes": lock.output_shapes,
        "outputs": _written_takes(lock.outputs),
    }
    lines = [f" {_json(name)}: {_json(value)}," for name, value in head.items()]
    totals = [f"  {_json(name)}: {_json(lock.totals[name])}" for name in TOTALS]
    layers = [f"  {_json(dict(_written(layer)))}" for layer in lock.layers]
    body = [*lines, ' "totals": {', ",\n".join(totals), " },", ' "layers": [']
    return "\n".join(["{", *body, *([",\n".join(layers)] if layers else []), " ]", "}", ""])


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    # Half a surrogate pair, out of another JSON, is no text: here it is its own escape in JSON.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _written(layer: LockedLayer) -> Iterator[tuple[str, Any]]:
    yield "path", layer.path
    yield "class_name", layer.class_name
    if layer.kind != layer.class_name:
        yield "kind", layer.kind
    config = dict(_not_default(layer.kind, layer.config))
    for name, mapping in (("config", config), ("names", layer.names)):
        if mapping:
            yield name, {_dotted(key): value for key, value in sorted(mapping.items())}
    if layer.takes is not None:
        yield "takes", _written_takes(layer.takes)
    yield "output_shape", layer.output_shape
    if layer.weights:
        yield "weights", [_written_weight(weight) for weight in layer.weights]
    implied = _implied(layer.tallies["params"])
    for name in LAYER_TALLIES:
        value = layer.tallies[name]
        if name not in implied or value != implied[name]:
            yield name, value


def _not_default(kind: str, config: Mapping[Key, Any]) -> Iterator[tuple[Key, Any]]:
    """What differs from the class's defaults, by its key; `None` for a default that it lacks."""
    defaults = default_fingerprint(kind).values
    for key in {**defaults, **config}:
        value = config.get(key)
        if value != defaults.get(key):
            yield key, value


def _implied(params: int | None) -> dict[str, int | None]:
    """What a tally is where a layer does not state it: most layers hold nothing, and most once."""
    nothing = dict.fromkeys(("non_trainable", "adapter", "macs", "backward_macs", "bytes"), 0)
    return {"params": 0, "trainable": params, "logical": params, "calls": 1, **nothing}


def _written_weight(weight: LockedWeight) -> list[Any]:
    told = [weight.name, weight.shape, weight.dtype]
    return told if weight.trainable is True else [*told, weight.trainable]


def _written_takes(calls: Iterable[Iterable[Taken]] | None) -> list[list[Any]] | None:
    return None if calls is None else [[_written_source(one) for one in call] for call in calls]


def _written_source(source: Taken) -> Any:
    path, output = source
    if path is None:
        return output
    return [path, output] if output else path


def _dotted(key: Key) -> str:
    return ".".join(part.replace("\\", "\\\\").replace(".", "\\.") for part in key)


def _parted(text: str) -> Key:
    parts, escaped = [""], False
    for character in text:
        if character == "." and not escaped:
            parts.append("")
        elif character == "\\" and not escaped:
            escaped = True
            continue
        else:
            parts[-1] += character
        escaped = False
    return tuple(parts)


# -- reading --------------------------------------------------------------------------------------


def read_lock(path: Path, limits: Limits = DEFAULT_LIMITS) -> Lock:
    """The lock in a file.

    Raises:
        TargetError: it cannot be read, or a newer kerasaudit wrote it; `MalformedError` if it is no
            lock, `LimitError` if it is larger than the limits allow.

    >>> read_lock(Path("gone/net.json"))
    Traceback (most recent call last):
    kerasaudit.errors.TargetError: gone/net.json: cannot be read: No such file or directory
    """
    if path.exists() and not path.is_file():  # a folder, or a pipe that would be waited for
        raise TargetError(f"{path.as_posix()}: expected a file, received something else")
    try:
        with path.open("rb") as stream:
            data = stream.read(limits.config_bytes + 1)
    except OSError as error:
        raise TargetError(
            f"{path.as_posix()}: cannot be read: {error.strerror or error}"
        ) from error
    return parse(data, path.as_posix(), limits)


def parse(data: bytes, place: str, limits: Limits = DEFAULT_LIMITS) -> Lock:
    """The lock that a text stands for.

    Args:
        data: the text.
        place: what an error calls it.
        limits: how large it may be.

    Raises:
        TargetError: as `read_lock`.

    >>> parse(b'{"schema_version": 999}', "audits/net.json")
    Traceback (most recent call last):
    kerasaudit.errors.TargetError: audits/net.json: expected a lock of schema version 1, received \
999: a newer kerasaudit wrote it
    """
    return _Reading(place).lock(_value(data, place, limits))


def _value(data: bytes, place: str, limits: Limits) -> Any:
    refuse_large(data, place, "a lock", limits)
    try:
        return json.loads(
            data.decode("utf-8-sig"),
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
        )
    except RecursionError:
        raise MalformedError(f"{place}: expected a lock, received JSON nested too deep") from None
    except ValueError as error:  # no JSON, no UTF-8, a number of 5,000 digits, a key twice
        raise MalformedError(f"{place}: expected a lock as JSON, but {error}") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return found


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


class _Reading:
    """Reads the values of one lock; whatever is not as it must be raises, and says where it is."""

    def __init__(self, place: str) -> None:
        self.place = place

    def refuse(self, where: str, expected: str, received: Any) -> NoReturn:
        shown = one_line(json.dumps(received, ensure_ascii=False), 60)
        at = f"{where}: " if where else ""
        raise MalformedError(f"{self.place}: {at}expected {expected}, received {shown}")

    def lock(self, value: Any) -> Lock:
        if not isinstance(value, dict) or "schema_version" not in value:
            self.refuse("", "a lock (an object with schema_version)", value)
        version = value["schema_version"]
        if type(version) is not int or version < 1:
            self.refuse("schema_version", f"an integer from 1 to {SCHEMA_VERSION}", version)
        if version > SCHEMA_VERSION:
            shown = one_line(f"{version}", 20)
            raise TargetError(
                f"{self.place}: expected a lock of schema version {SCHEMA_VERSION}, received "
                f"{shown}: a newer kerasaudit wrote it"
            )
        texts = ("target", "name", "class_name")
        rest = ("rules", "input_shapes", "output_shapes", "outputs", "totals", "layers")
        self.keys("", value, {"schema_version", *texts, *rest})
        layers = self.items("layers", value["layers"])
        return Lock(
            rules=self.figure("rules", value["rules"], known=True),
            **{name: self.text(name, value[name]) for name in texts},
            input_shapes=self.shapes("input_shapes", value["input_shapes"]),
            output_shapes=self.shapes("output_shapes", value["output_shapes"]),
            outputs=self.takes("outputs", value["outputs"]),
            totals=self.totals(value["totals"]),
            layers=tuple(self.layer(f"layers[{i}]", one) for i, one in enumerate(layers)),
        )

    def totals(self, value: Any) -> dict[str, Any]:
        self.keys("totals", value, set(TOTALS))
        read: dict[str, Callable[[str, Any], Any]] = {
            "coverage": self.share,
            "bytes_by_dtype": self.by_dtype,
            "layers": partial(self.figure, known=True),
            "layers_derived": partial(self.figure, known=True),
            "layers_unsupported": partial(self.figure, known=True),
            "layers_exempt": partial(self.figure, known=True),
            "derived_partly": partial(self.figure, known=True),
        }
        return {name: read.get(name, self.figure)(f"totals.{name}", value[name]) for name in TOTALS}

    def layer(self, where: str, value: Any) -> LockedLayer:
        implied = _implied(None).keys()
        stated = set(LAYER_TALLIES) - implied
        optional = {"kind", "config", "names", "takes", "weights", *implied}
        self.keys(where, value, {"path", "class_name", "output_shape", *stated}, optional)
        class_name = self.text(f"{where}.class_name", value["class_name"])
        kind = self.text(f"{where}.kind", value.get("kind", class_name))
        weights = self.items(f"{where}.weights", value.get("weights", []))
        takes = value.get("takes")
        return LockedLayer(
            path=self.text(f"{where}.path", value["path"]),
            class_name=class_name,
            kind=kind,
            config=self.config(f"{where}.config", value.get("config", {}), kind),
            names=self.mapping(f"{where}.names", value.get("names", {}), self.text),
            takes=self.takes(f"{where}.takes", takes),
            output_shape=self.shape(f"{where}.output_shape", value["output_shape"]),
            weights=tuple(
                self.weight(f"{where}.weights[{i}]", one) for i, one in enumerate(weights)
            ),
            tallies=self.tallies(where, value),
        )

    def tallies(self, where: str, value: Mapping[str, Any]) -> dict[str, int | None]:
        params = self.figure(f"{where}.params", value.get("params", 0))
        implied = _implied(params)
        return {
            name: self.figure(f"{where}.{name}", value[name], known=name == "calls")
            if name in value
            else implied[name]
            for name in LAYER_TALLIES
        }

    def weight(self, where: str, value: Any) -> LockedWeight:
        if not isinstance(value, list) or len(value) not in (3, 4):
            self.refuse(where, "[name, shape, dtype] or [name, shape, dtype, trainable]", value)
        name, shape, dtype, trainable = [*value, True][:4]
        if trainable is not None and not isinstance(trainable, bool):
            self.refuse(f"{where}[3]", "true, false or null", trainable)
        if shape is not None and (not is_shape(shape) or None in shape):
            self.refuse(f"{where}[1]", "a shape without unknown extents, or null", shape)
        return LockedWeight(
            name=self.text(f"{where}[0]", name),
            shape=None if shape is None else tuple(shape),
            dtype=None if dtype is None else self.text(f"{where}[2]", dtype),
            trainable=trainable,
        )

    # -- single values ------------------------------------------------------------------------

    def keys(
        self, where: str, value: Any, required: set[str], optional: Iterable[str] = ()
    ) -> None:
        if not isinstance(value, dict):
            self.refuse(where, "an object", value)
        dot = f"{where}." if where else ""
        for name in sorted(required - value.keys()):
            raise MalformedError(f"{self.place}: {dot}{name}: expected a value, received nothing")
        for name in sorted(value.keys() - required - set(optional)):
            raise MalformedError(
                f"{self.place}: {dot}{one_line(name, 60)}: a lock of schema version "
                f"{SCHEMA_VERSION} has no such key"
            )

    def items(self, where: str, value: Any) -> list[Any]:
        if not isinstance(value, list):
            self.refuse(where, "a list", value)
        return value

    def text(self, where: str, value: Any) -> str:
        if not isinstance(value, str):
            self.refuse(where, "a text", value)
        return value

    def figure(self, where: str, value: Any, *, known: bool = False) -> Any:
        if (known or value is not None) and (type(value) is not int or not 0 <= value < _LARGEST):
            self.refuse(where, f"a count{'' if known else ' or null'}", value)
        return value

    def share(self, where: str, value: Any) -> float | None:
        if value is not None and not (type(value) in (int, float) and 0 <= value <= 1):
            self.refuse(where, "a share from 0 to 1, or null", value)
        return None if value is None else float(value)

    def by_dtype(self, where: str, value: Any) -> dict[str, Any] | None:
        if value is None:
            return None
        if not isinstance(value, dict):
            self.refuse(where, "an object of bytes by dtype, or null", value)
        return {name: self.figure(f"{where}.{name}", one) for name, one in value.items()}

    def shape(self, where: str, value: Any, depth: int = 0) -> Any:
        """A shape, several of them, or `None`."""
        if value is None:
            return None
        if is_shape(value):
            return tuple(value)
        if not isinstance(value, list) or depth > _NESTED:
            self.refuse(where, "a shape, shapes, or null", value)
        return tuple(self.shape(where, one, depth + 1) for one in value)

    def shapes(self, where: str, value: Any) -> tuple[Any, ...]:
        return tuple(self.shape(where, one) for one in self.items(where, value))

    def mapping(self, where: str, value: Any, read: Callable[[str, Any], Any]) -> dict[Key, Any]:
        if not isinstance(value, dict):
            self.refuse(where, "an object", value)
        return {_parted(name): read(f"{where}.{name}", one) for name, one in value.items()}

    def config(self, where: str, value: Any, kind: str) -> dict[Key, Any]:
        """The values of a config: those that the lock states, and the defaults of the class."""
        stated = self.mapping(where, value, self.setting)
        values = {**default_fingerprint(kind).values, **stated}
        return {key: one for key, one in values.items() if one is not None}

    def setting(self, where: str, value: Any) -> Any:
        """A value of a config: a scalar, or a flat list of them."""
        items = value if isinstance(value, list) else [value]
        if any(isinstance(one, (list, dict)) for one in items):
            self.refuse(where, "a value or a flat list of values", value)
        return tuple(value) if isinstance(value, list) else value

    def takes(self, where: str, value: Any) -> tuple[tuple[Taken, ...], ...] | None:
        if value is None:
            return None
        return tuple(
            tuple(self.source(where, one) for one in self.items(where, call))
            for call in self.items(where, value)
        )

    def source(self, where: str, value: Any) -> Taken:
        if isinstance(value, str):
            return value, 0
        if type(value) is int:
            return None, int(self.figure(where, value, known=True))
        if not isinstance(value, list) or len(value) != 2:
            self.refuse(where, "a layer, [layer, output] or the number of an input", value)
        return self.text(where, value[0]), int(self.figure(where, value[1], known=True))
