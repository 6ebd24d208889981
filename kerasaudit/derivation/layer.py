"""A layer's config as a rule reads it: every value checked before it enters the arithmetic."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NoReturn, cast

from kerasaudit.derivation.shape import LARGEST, Shape, is_shape
from kerasaudit.errors import ConfigError, ShapeError, UnsupportedError

__all__ = ["LayerConfig", "automatic_name"]

_REQUIRED = object()

# The names of dtypes and of policies, with the dtype in which each holds weights.
_VARIABLE_DTYPES = {
    "mixed_float16": "float32",
    "mixed_bfloat16": "float32",
    **{
        name: name
        for name in (
            *("float16", "float32", "float64", "bfloat16", "float8_e4m3fn", "float8_e5m2"),
            *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
            *("complex64", "complex128", "bool", "string"),
        )
    },
}


_POLICIES = (
    "DTypePolicy",
    "QuantizedDTypePolicy",
    "QuantizedFloat8DTypePolicy",
    "Int4DTypePolicy",
    "GPTQDTypePolicy",
    "AWQDTypePolicy",
)

# The class whose name in Keras's code, which a legacy file gives, is not the one of its rule.
_IN_CODE = {"GroupedQueryAttention": "GroupQueryAttention"}


class LayerConfig:
    """A serialised layer, `{"class_name": …, "config": {…}}`, read with checks.

    Every reader takes Keras's own default for a value that the config leaves out, and raises
    `ConfigError` (which names the layer, the value, what was expected and what was received)
    for one that no layer can have. A user's rule reads its config in the same way.

    >>> layer = LayerConfig({"class_name": "Dense", "config": {"name": "out", "units": 10}})
    >>> layer.integer("units"), layer.boolean("use_bias", True)
    (10, True)
    """

    __slots__ = ("call", "class_name", "config", "is_operation", "keys", "name", "serialised")

    def __init__(self, serialised: Mapping[str, Any]) -> None:
        mapping = isinstance(serialised, (dict, Mapping))  # dict first: Mapping alone is slow
        class_name = serialised.get("class_name") if mapping else None
        if not isinstance(class_name, str) or not class_name:
            raise ConfigError(
                "a layer config must be a mapping with the keys 'class_name' and 'config', "
                f"received {_short(serialised)}"
            )
        config = serialised.get("config")
        if not isinstance(config, (dict, Mapping)):
            raise ConfigError(
                f"layer of class {class_name}: 'config' must be a mapping, received "
                f"{_short(config)}"
            )
        self.class_name: str = class_name
        self.config: Mapping[str, Any] = config
        self.serialised: Mapping[str, Any] = serialised
        name = serialised.get("name", config.get("name"))
        self.name: str = name if isinstance(name, str) else ""
        self.keys: tuple[str, ...] = self._keys()
        # Whether this is a `keras.ops` node: it has no weights of its own and no layer object.
        self.is_operation: bool = self.keys[0].startswith("keras.ops.")
        # The arguments of the call that are no tensors: ReversibleEmbedding's `reverse=True`.
        self.call: Mapping[str, Any] = {}

    def called_with(self, arguments: Mapping[str, Any]) -> LayerConfig:
        """The same layer in a call with such arguments besides its tensors.

        >>> layer = LayerConfig({"class_name": "ReversibleEmbedding", "config": {}})
        >>> layer.called_with({"reverse": True}).call
        {'reverse': True}
        """
        called = object.__new__(LayerConfig)  # what it is was checked when `self` was read
        for slot in LayerConfig.__slots__:
            setattr(called, slot, getattr(self, slot))
        called.call = arguments
        return called

    # -- identity ---------------------------------------------------------------------------

    def _keys(self) -> tuple[str, ...]:
        """The names under which a rule for this layer may be registered, the most exact first.

        A class of Keras's own is known by its name ("Conv2D"), an operation by "keras.ops.Add",
        any other class by its registered name ("package>Name") or by its module and name.
        """
        module = self.serialised.get("module")
        registered = self.serialised.get("registered_name")
        if isinstance(module, str) and (module == "keras" or module.startswith("keras.")):
            operation = module.startswith("keras.src.ops.")
            return (f"keras.ops.{self.class_name}" if operation else self.class_name,)
        if not isinstance(module, str) and not isinstance(registered, str):
            name = self.class_name  # written by hand, by Keras 2 or into a legacy file
            return (_IN_CODE.get(name, name),)
        names = [registered] if isinstance(registered, str) and ">" in registered else []
        # Keras writes no module for a class that was defined in a script or a notebook.
        names.append(f"{module if isinstance(module, str) else '__main__'}.{self.class_name}")
        return tuple(names)

    def __str__(self) -> str:
        return f"layer {self.name!r} ({self.class_name})" if self.name else self.class_name

    def fail(self, message: str) -> NoReturn:
        """Raise `ConfigError` with the layer's name before `message`."""
        raise ConfigError(f"{self}: {message}")

    def unsupported(self, message: str) -> NoReturn:
        """Raise `UnsupportedError`: the layer is in a state that no rule describes."""
        raise UnsupportedError(f"{self}: {message}")

    def shape_error(self, expected: str, received: object) -> NoReturn:
        """Raise `ShapeError` with the layer's name, what was expected and what was received."""
        raise ShapeError(f"{self}: expected {expected}, received {received}")

    # -- values -----------------------------------------------------------------------------

    def get(self, key: str, default: Any = None) -> Any:
        """The raw value, or `default` where the config leaves it out or says `None`."""
        value = self.config.get(key)
        return default if value is None else value

    def _refuse(self, key: str, expected: str, value: Any) -> NoReturn:
        received = "nothing" if value is _REQUIRED else _short(value)
        self.fail(f"{key} must be {expected}, received {received}")

    def integer(self, key: str, default: Any = _REQUIRED, minimum: int = 1) -> int:
        """An integer of at least `minimum` (a bool is none)."""
        value = self.config.get(key, default)
        if not _is_integer(value) or not minimum <= value <= LARGEST:
            self._refuse(key, _integer_words(minimum, value), value)
        return int(value)

    def boolean(self, key: str, default: bool) -> bool:
        """True or False; a null is false, as it is to Keras."""
        value = self.config.get(key, default)
        if value is None:
            return False
        if not isinstance(value, bool):
            self.fail(f"{key} must be true or false, received {_short(value)}")
        return value

    def choice(self, key: str, default: str, *others: str) -> str:
        """One of `default` and `others`, in either case, as Keras reads it."""
        value = self.get(key, default)
        if value == default or value in others:  # as Keras itself writes it
            return str(value)
        lower = value.lower() if isinstance(value, str) else value
        if lower not in (default, *others):
            choices = ", ".join(repr(choice) for choice in (default, *others))
            self.fail(f"{key} must be one of {choices}, received {_short(value)}")
        return str(lower)

    def integers(
        self, key: str, rank: int, default: Any = _REQUIRED, minimum: int = 1
    ) -> tuple[int, ...]:
        """`rank` integers, or one integer that stands for all of them."""
        value = self.get(key, default)
        values = tuple(value) if isinstance(value, (list, tuple)) else (value,) * rank
        if len(values) == rank:
            for number in values:
                if not _is_integer(number) or not minimum <= number <= LARGEST:
                    break
            else:
                return values
        self._refuse(key, f"{_integer_words(minimum, value)} or {rank} of them", value)

    def axes(self, key: str, default: int | tuple[int, ...], x: Shape) -> tuple[int, ...]:
        """One axis or several, counted from either end of shape `x`, as non-negative indices."""
        value = self.get(key, default)
        values = tuple(value) if isinstance(value, (list, tuple)) else (value,)
        rank = len(x)
        for axis in values:
            if not _is_integer(axis) or not -rank <= axis < rank:
                self.fail(
                    f"{key} must lie within the rank of the input {x}, received {_short(value)}"
                )
        return tuple([axis % rank for axis in values])

    def axis(self, key: str, default: int, x: Shape) -> int:
        """One axis of shape `x`; Keras 2 wrote it as a list of one."""
        axes = self.axes(key, default, x)
        if len(axes) != 1:
            self.fail(f"{key} must be one axis, received {_short(self.get(key))}")
        return axes[0]

    def part(self, key: str) -> Mapping[str, Any]:
        """The serialised layer that this one holds under `key`."""
        value = self.get(key)
        if not isinstance(value, (dict, Mapping)) or "class_name" not in value:
            expected = "a serialised layer (a mapping with 'class_name' and 'config')"
            self._refuse(key, expected, value)
        return value

    # -- inputs -----------------------------------------------------------------------------

    def expect_rank(self, x: Shape, rank: int, *, or_more: bool = False) -> None:
        """Raise `ShapeError` unless shape `x` (the batch axis included) has `rank` axes."""
        if len(x) != rank and not (or_more and len(x) > rank):
            more = " or more" if or_more else ""
            self.shape_error(f"an input of rank {rank}{more} (batch axis included)", x)

    def extent(self, x: Shape, axis: int) -> int:
        """The extent of `x` along `axis`: a weight depends on it, so it must be known."""
        extent = x[axis]
        if extent is None:
            self.shape_error(f"a known extent on axis {axis}, which shapes a weight", x)
        return extent

    def channels_first(self) -> bool:
        """Whether `data_format` puts the channels before the spatial axes."""
        return self.choice("data_format", "channels_last", "channels_first") == "channels_first"

    def declared_shape(self) -> Shape | None:
        """The input shape that an InputLayer (in Keras 2, any first layer) declares, or `None`."""
        for key in ("batch_shape", "batch_input_shape"):
            value = self.get(key)
            if value is not None:
                if not is_shape(value):
                    self.fail(
                        f"{key} must be a list of integers and null, received {_short(value)}"
                    )
                return tuple(value)
        return None

    # -- what every layer has -----------------------------------------------------------------

    @property
    def trainable(self) -> bool:
        """The layer's own `trainable`, True where the config does not say."""
        return self.boolean("trainable", True)

    @property
    def variable_dtype(self) -> str:
        """The dtype in which the layer holds its weights: float32 under "mixed_float16".

        Under a quantised policy ("int8_from_float32") it is that of what is not quantised.
        """
        return self.storage[0]

    @property
    def quantization(self) -> str | None:
        """The mode in which its kernels are quantised ("int8", "int4/128"), or `None`."""
        return self.storage[1]

    @property
    def storage(self) -> tuple[str, str | None]:
        """`variable_dtype` and `quantization`, which one policy says, at one reading of it."""
        policy, mode = self.get("dtype", "float32"), None
        if isinstance(policy, (dict, Mapping)):
            class_name, inner = policy.get("class_name"), policy.get("config")
            inner = inner if isinstance(inner, (dict, Mapping)) else {}
            if class_name not in _POLICIES:
                self.unsupported(f"dtype policy {_short(class_name)} is not derived")
            policy = inner.get("name")
            if class_name != "DTypePolicy":
                policy, mode = inner.get("source_name"), inner.get("mode")
        elif isinstance(policy, str) and "_from_" in policy:
            mode, _, policy = policy.partition("_from_")
        dtype = _VARIABLE_DTYPES.get(policy) if isinstance(policy, str) else None
        if dtype is None or not (mode is None or isinstance(mode, str)):
            written = self.get("dtype")
            self.fail(f"dtype must name a dtype or a dtype policy, received {_short(written)}")
        return dtype, mode


def automatic_name(class_name: str) -> str:
    """The name that Keras gives the first layer of a class that is given none (utils/naming.py).

    >>> automatic_name("LSTMCell"), automatic_name("ConvLSTM2D")
    ('lstm_cell', 'conv_lstm2d')
    """
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", class_name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _integer_words(minimum: int, value: object) -> str:
    if _is_integer(value) and cast("int", value) > LARGEST:
        return "an integer below 2^63"
    return {0: "a non-negative integer", 1: "a positive integer"}.get(
        minimum, f"an integer of at least {minimum}"
    )


def _short(value: object, limit: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
