"""Rules: for a layer class, a bare function from its config and input shape to its derivation."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from kerasaudit.derivation.layer import LayerConfig, automatic_name
from kerasaudit.derivation.shape import Shape, is_shape
from kerasaudit.derivation.weight import Weight
from kerasaudit.errors import RuleError, UnsupportedError

__all__ = [
    "POINTWISE",
    "Derivation",
    "Rule",
    "Window",
    "derive",
    "derive_layer",
    "derive_part",
    "find_rule",
    "key_of",
    "load_rules",
    "named_inputs",
    "registered_rules",
    "rule",
]

_BUILT_IN = "kerasaudit.derivation.rules"
_ENTRY_POINTS = "kerasaudit.rules"


@dataclass(frozen=True, slots=True)
class Window:
    """How a layer's window moves over its input, per spatial axis: what receptive fields need.

    `padding` is "valid", "same" or "causal"; `added` are the positions that a layer puts before
    and after each axis as it is told (negative: that it cuts off). A stride of 0 is a window that
    stands still, as global pooling's does. A `transposed` window scatters onto the output instead.
    A window of no axes (`POINTWISE`) takes for each output position the same one of the input.
    """

    size: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: str
    transposed: bool = False
    added: tuple[tuple[int, int], ...] = ()


POINTWISE = Window((), (), (), "valid")


@dataclass(frozen=True, slots=True)
class Derivation:
    """What the arithmetic says of one layer, applied to one input.

    `output_shape` and `macs` are `None` where they are not known. `output_shape` is a tuple of
    shapes for a layer with several outputs. `macs` counts multiply-accumulates of contractions,
    per example: no bias, no element-wise work. `activation_macs` are those of them in which no
    weight takes part (attention's score products). `state` is what the layer holds besides its
    weights and Keras does not count: the state of random generators. `window` is `None` where an
    output position does not take a window of the input, or the rule does not say. `inner_macs` are
    those MACs whose operand the layer itself makes (a separable convolution's pointwise half):
    training the layer needs their gradient by that operand even where nothing before it is trained.
    `None` where the rule does not say.
    """

    weights: tuple[Weight, ...] = ()
    output_shape: Shape | tuple[Shape, ...] | None = None
    macs: int | None = None
    window: Window | None = None
    activation_macs: int | None = 0
    state: tuple[Weight, ...] = ()
    inner_macs: int | None = None

    @property
    def params(self) -> int:
        """How many elements all weights have together."""
        return sum(weight.count for weight in self.weights)

    @property
    def trainable_params(self) -> int:
        """How many of them the optimizer updates, frozen layers taken into account."""
        return sum(weight.count for weight in self.weights if weight.trainable)

    @property
    def non_trainable_params(self) -> int:
        """The others: frozen weights and statistics."""
        return self.params - self.trainable_params

    @property
    def logical_params(self) -> int:
        """The parameters of the float layer that a quantised or adapted one stands for."""
        return sum(weight.logical for weight in self.weights)

    @property
    def adapter_params(self) -> int:
        """How many of them LoRA adds beside what it freezes."""
        return sum(weight.count for weight in self.weights if weight.role == "adapter")

    @property
    def formula(self) -> str:
        """The sum of the weights in symbols, such as "kh·kw·C_in·K + K"; "" without weights."""
        return " + ".join(weight.formula for weight in self.weights)

    @property
    def working(self) -> str:
        """The same sum in numbers, such as "3·3·1·32 + 32"; "" without weights."""
        return " + ".join(weight.working for weight in self.weights)


RuleFunction = Callable[[LayerConfig, Any], Derivation]
_Function = TypeVar("_Function", bound=RuleFunction)


@dataclass(frozen=True, slots=True)
class Rule:
    """A registered rule: its function, the classes that it derives, and whose it is.

    `inputs` names the arguments of the layer's call whose shapes the function is given.
    """

    function: RuleFunction
    keys: tuple[str, ...]
    several_inputs: bool
    built_in: bool
    inputs: tuple[str, ...] = ()

    @property
    def documentation(self) -> str:
        """The function's docstring: what `kerasaudit explain` prints."""
        return inspect.getdoc(self.function) or ""


_built_in_rules: dict[str, Rule] = {}
_user_rules: dict[str, Rule] = {}


def rule(
    *classes: str | type, several_inputs: bool = False, inputs: Sequence[str] = ()
) -> Callable[[_Function], _Function]:
    """Register the decorated function as the rule of `classes`.

    A rule is a bare function `(layer, x) -> Derivation`. `layer` is a `LayerConfig`; `x` is the
    input shape with the batch axis first, or a tuple of shapes if `several_inputs`. `inputs` names
    the arguments of a call that takes several (`("query", "value", "key")`): `x` is then a tuple
    of their shapes in that order, `None` for one that is not passed. The function's docstring is
    its documentation. A class of your own is given itself, by its registered name
    ("package>MyLayer"), or by its module and name ("package.module.MyLayer"); a rule of yours for
    a class of Keras's ("Dense") is preferred to the built-in one.

    Raises:
        RuleError: one of `classes` has such a rule already.

    A scale for each channel, `C` weights:

    >>> from kerasaudit import Axis, Derivation, Weight, derive, rule
    >>> @rule("example>ChannelScale")
    ... def channel_scale(layer, x):
    ...     scale = Weight("scale", Axis("C", layer.extent(x, -1)), unit="C")
    ...     return Derivation(weights=(scale,), output_shape=x, macs=0)
    >>> config = {"module": "example", "class_name": "ChannelScale", "config": {},
    ...           "registered_name": "example>ChannelScale"}
    >>> derive(config, (None, 28, 28, 16)).params
    16
    """
    if not classes:
        raise RuleError("@rule needs at least one layer class, received none")
    keys = tuple(key_of(cls) for cls in classes)

    def register(function: _Function) -> _Function:
        built_in = (function.__module__ or "").startswith(_BUILT_IN + ".")
        registry = _built_in_rules if built_in else _user_rules
        entry = Rule(function, keys, several_inputs, built_in, tuple(inputs))
        for key in keys:
            if key in registry:
                raise RuleError(
                    f"@rule: {key!r} has a rule already "
                    f"({registry[key].function.__module__}.{registry[key].function.__qualname__})"
                )
        registry.update(dict.fromkeys(keys, entry))
        return function

    return register


def key_of(cls: str | type) -> str:
    """The name under which a rule is registered for a class, or for the name of one."""
    if isinstance(cls, str):
        return cls
    if not isinstance(cls, type):
        raise RuleError(f"@rule: expected a layer class or its name, received {cls!r}")
    own = cls.__module__ == "keras" or cls.__module__.startswith("keras.")
    return cls.__name__ if own else f"{cls.__module__}.{cls.__name__}"


def registered_rules() -> dict[str, Rule]:
    """Every rule in force by class name, the user's before the built-in ones."""
    load_rules()
    return {**_built_in_rules, **_user_rules}


def classes_with_user_rules() -> frozenset[str]:
    """The classes that the user's own rules, and those of installed packages, are for."""
    load_rules()
    return frozenset(_user_rules)


@functools.cache  # but for an error, which it raises again: a rule is looked up at every layer
def load_rules() -> None:
    """Load the built-in rules and those of installed packages (entry points "kerasaudit.rules").

    Raises:
        RuleError: a package's rules cannot be imported. Without them its layers would seem to
            have none, so no rule is looked up until it is mended or uninstalled.
    """
    _load_built_in_rules()
    failures = _load_packages()
    if failures:
        raise RuleError("; ".join(failures))


@functools.cache
def _load_built_in_rules() -> None:
    package = importlib.import_module(_BUILT_IN)
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{_BUILT_IN}.{module.name}")


@functools.cache
def _load_packages() -> tuple[str, ...]:
    """Import what the installed packages name as their rules; the reasons of those that fail."""
    from importlib import metadata  # slow to import, and rules are looked up late

    failures = []
    for entry in metadata.entry_points(group=_ENTRY_POINTS):
        try:
            entry.load()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - other people's code may raise anything
            package = entry.dist.name if entry.dist else entry.name
            failures.append(
                f"package {package!r}: its rules ({entry.value}) cannot be imported: "
                f"{type(error).__name__}: {error}"
            )
    return tuple(failures)


def find_rule(layer: LayerConfig) -> Rule:
    """The rule for exactly this layer's class.

    Raises:
        UnsupportedError: there is none; the message says how to register one.
        RuleError: the rules of an installed package cannot be imported.
    """
    load_rules()
    for key in layer.keys:
        found = _user_rules.get(key) or _built_in_rules.get(key)
        if found is not None:
            return found
    raise UnsupportedError(
        f"{layer}: no rule for {layer.keys[0]!r}; register one with @kerasaudit.rule, "
        "or exempt the layer with a reason"
    )


def named_inputs(layer: LayerConfig) -> tuple[str, ...]:
    """The names of the inputs that the layer's rule asks for; () without one, or without names."""
    try:
        return find_rule(layer).inputs
    except UnsupportedError:
        return ()


def derive(
    config: Mapping[str, Any], input_shape: object, call: Mapping[str, Any] | None = None
) -> Derivation:
    """Derive one layer from its config and input shape, with no Keras installed.

    Args:
        config: a serialised Keras layer, `{"class_name": …, "config": {…}}`, as
            `keras.saving.serialize_keras_object(layer)` gives it.
        input_shape: the shape of the input with the batch axis first and `None` where an
            extent is unknown; a list or a dict of shapes for several inputs, by the names of the
            call's arguments where it takes several ({"query": …, "value": …}).
        call: what it is called with besides tensors, such as `{"reverse": True}`.

    Raises:
        ConfigError: a value that no layer can have (`units=-1`); `ShapeError`, a subclass, for
            an input shape that does not fit.
        UnsupportedError: no rule derives this class, or not in this state.

    >>> conv = {"class_name": "Conv2D", "config": {"filters": 64, "kernel_size": [3, 3]}}
    >>> d = derive(conv, (None, 13, 13, 32))
    >>> d.params, d.output_shape, d.macs
    (18496, (None, 11, 11, 64), 2230272)
    >>> print(f"{d.formula} = {d.working} = {d.params:,}")
    kh·kw·C_in·K + K = 3·3·32·64 + 64 = 18,496
    """
    layer = LayerConfig(config).called_with(call or {})
    entry = find_rule(layer)  # a class without a rule is that, whatever its input
    return derive_layer(layer, _input_shapes(layer, entry, input_shape))


def derive_part(layer: LayerConfig, part: Mapping[str, Any], *shapes: Shape) -> Derivation:
    """Derive a layer that another one holds, its weights named within that one: "query/kernel".

    Args:
        layer: the layer that holds it, which gives it its dtype where it has none.
        part: its serialised config, `{"class_name": …, "config": {"name": "query", …}}`. One
            without a name has the one that Keras would give it first ("lstm_cell").
        shapes: what it is fed.

    >>> from kerasaudit import LayerConfig
    >>> outer = LayerConfig({"class_name": "Pair", "config": {"name": "pair"}})
    >>> inner = {"class_name": "Dense", "config": {"name": "first", "units": 2}}
    >>> [weight.name for weight in derive_part(outer, inner, (None, 3)).weights]
    ['first/kernel', 'first/bias']
    """
    inner = LayerConfig(part)
    if "dtype" not in inner.config and "dtype" in layer.config:
        config = {**inner.config, "dtype": layer.config["dtype"]}
        inner = LayerConfig({**inner.serialised, "config": config})
    derivation = derive_layer(inner, shapes)
    name = inner.name or automatic_name(inner.class_name)
    return replace(
        derivation,
        weights=tuple([weight.within(name) for weight in derivation.weights]),
        state=tuple([weight.within(name) for weight in derivation.state]),
    )


def derive_layer(layer: LayerConfig, shapes: tuple[Shape | None, ...]) -> Derivation:
    """`derive` for a config that is read already, and input shapes that are known to be shapes.

    For a rule with named `inputs` a shape is `None` where the argument is not passed.
    """
    entry = find_rule(layer)
    if entry.inputs:
        if not 0 < len(shapes) <= len(entry.inputs) or shapes[0] is None:
            names = ", ".join(entry.inputs)
            layer.shape_error(f"the shapes of its inputs ({names})", list(shapes))
        missing = (None,) * (len(entry.inputs) - len(shapes))
        derivation = entry.function(layer, (*shapes, *missing))
    elif entry.several_inputs:
        derivation = entry.function(layer, shapes)
    elif len(shapes) == 1:
        derivation = entry.function(layer, shapes[0])
    else:
        layer.shape_error("one input", f"{len(shapes)}: {list(shapes)}")
    if not entry.built_in:
        _check_result(layer, entry, derivation)
    dtype, mode = layer.storage
    if mode is not None or layer.get("lora_rank") is not None:
        # Imported here: what it changes are derivations.
        from kerasaudit.derivation.stored import as_stored

        derivation = as_stored(layer, derivation, shapes)
    if not derivation.weights:
        return derivation
    trainable = layer.trainable
    weights = [w.in_effect(trainable=trainable, dtype=dtype) for w in derivation.weights]
    return Derivation(
        tuple(weights),
        derivation.output_shape,
        derivation.macs,
        derivation.window,
        derivation.activation_macs,
        derivation.state,
        derivation.inner_macs,
    )


def _first(shapes: Any) -> Any:
    """What stands first in an argument that takes several tensors (the states of an RNN)."""
    while isinstance(shapes, (list, tuple)) and shapes and not is_shape(shapes):
        shapes = shapes[0]
    return shapes


def _check_result(layer: LayerConfig, entry: Rule, derivation: object) -> None:
    """Hold what a user's rule returns to what a rule must return."""
    if not isinstance(derivation, Derivation):
        raise RuleError(
            f"{layer}: its rule {entry.function.__qualname__} must return a Derivation, "
            f"received {type(derivation).__name__}"
        )
    macs = derivation.macs
    if macs is not None and (type(macs) is not int or macs < 0):
        raise RuleError(
            f"{layer}: its rule {entry.function.__qualname__} must return macs that are None or a "
            f"non-negative integer, received {macs!r}"
        )
    shape = derivation.output_shape
    several = isinstance(shape, tuple) and all(one is None or is_shape(one) for one in shape)
    if not (shape is None or is_shape(shape) or several):
        raise RuleError(
            f"{layer}: its rule {entry.function.__qualname__} must return an output_shape that is "
            f"None, a shape or a tuple of shapes, received {shape!r}"
        )


def _input_shapes(layer: LayerConfig, entry: Rule, input_shape: object) -> tuple[Shape | None, ...]:
    """The shapes that a user gave for a layer's inputs, each with the batch axis first."""
    shapes: Sequence[Any]
    if entry.inputs and isinstance(input_shape, Mapping):
        # Keras records them in a build_config as "query_shape".
        given = {str(k).removesuffix("_shape"): _first(shape) for k, shape in input_shape.items()}
        if set(given) - set(entry.inputs) or not all(map(is_shape, given.values())):
            layer.shape_error(f"shapes for {', '.join(entry.inputs)}", input_shape)
        named = [given.get(name) for name in entry.inputs]
        return tuple([None if shape is None else tuple(shape) for shape in named])
    if is_shape(input_shape):
        shapes = (input_shape,)
    else:
        if isinstance(input_shape, Mapping):
            shapes = [input_shape[key] for key in sorted(input_shape, key=str)]
        else:
            shapes = input_shape if isinstance(input_shape, (list, tuple)) else ()
        if not shapes or not all(map(is_shape, shapes)):
            expected = "an input shape (a tuple of extents and None, or several)"
            layer.shape_error(expected, input_shape)
    if not all(shapes) and not layer.is_operation:  # an operation may take a number
        layer.shape_error("an input shape with the batch axis first", ())
    return tuple([tuple(shape) for shape in shapes])
