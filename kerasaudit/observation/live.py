"""A Keras model in memory: what it is and what it holds.

With `tree`, `tracing` and `unallocated` beside it, the only module of the two sides that touches
Keras.
"""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from kerasaudit.backend import importing
from kerasaudit.errors import TargetError, one_line
from kerasaudit.observation.failures import first_sentence, innermost_layer, whole_tracebacks
from kerasaudit.observation.observed import (
    Observation,
    ObservedLayer,
    ObservedState,
    ObservedWeight,
)
from kerasaudit.observation.tracing import call_on_symbols, trace
from kerasaudit.observation.tree import (
    HasRule,
    Member,
    inner_variables,
    is_container,
    leaves,
    members,
)
from kerasaudit.observation.unallocated import without_allocation

__all__ = [
    "LEFTOVER",
    "HeldLayer",
    "build",
    "held_layers",
    "is_live_model",
    "named_weights",
    "observe",
    "observe_builder",
]


LEFTOVER = "(model)"  # the path under which weights of the model itself are listed


@dataclass(frozen=True, slots=True)
class HeldLayer:
    """A layer of a live model by its path, with its variables by their names within it.

    `layer` is `None` for what the model itself holds outside every layer.
    """

    path: str
    layer: Any
    variables: tuple[tuple[str, Any], ...]


def is_live_model(value: object) -> bool:
    """Whether `value` is a Keras model. Keras is not imported to find out."""
    keras = sys.modules.get("keras")
    return keras is not None and isinstance(value, keras.Model)


def build(function: Callable[..., Any], name: str, arguments: Mapping[str, Any]) -> Any:
    """Call a builder; layers are named as in a new process, and the caller's names go on after.

    Raises:
        TargetError: it raises, or returns something else than a Keras model.
    """
    with importing(f"building {name!r}"):
        import keras
    try:
        # What a builder prints is no result: standard output is the report's.
        with _fresh_layer_names(), contextlib.redirect_stdout(sys.stderr):
            model = function(**arguments)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # also SystemExit, and what pytest.skip() raises
        raise TargetError(
            f"{name}: the builder raised {type(error).__name__}: {error}{_place(error)}"
        ) from error
    if not isinstance(model, keras.Model):
        raise TargetError(
            f"{name}: the builder must return a Keras model, received {type(model).__name__}"
        )
    return model


def _place(error: BaseException) -> str:
    """Where in the builder's own file the error came from."""
    trace, last = error.__traceback__, None
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if "site-packages" not in file and file != __file__:
            last = (file.replace("\\", "/").rpartition("/")[2], trace.tb_lineno)
        trace = trace.tb_next
    return f" ({last[0]}, line {last[1]})" if last else ""


@contextmanager
def _fresh_layer_names() -> Iterator[None]:
    """Start Keras's counters of automatic names ("conv2d_1") anew, and put them back after.

    Reports must not depend on what else was built in the process. There is no public way to
    set the counters back, so Keras's own state is exchanged.
    """
    from keras.src.backend.common import global_state

    before = global_state.get_global_attribute("object_name_uids")
    global_state.set_global_attribute("object_name_uids", None)
    try:
        yield
    finally:
        global_state.set_global_attribute("object_name_uids", before)


def observe(
    model: Any, input_shape: Any = None, has_rule: HasRule = lambda _: False
) -> Observation:
    """Observe a live model: its config, and every layer's weights as they are. Nothing is run.

    Args:
        model: a Keras model. It is left as it was.
        input_shape: the shapes to trace it with, instead of those that it was built with.
        has_rule: whether a layer of the user's own that holds layers is derived as a whole;
            the layers inside it are rows of their own otherwise.

    Raises:
        TargetError: a model that is not built cannot be copied, or not be built with
            `input_shape`.
    """
    if input_shape is None or _is_built(model):
        return _observe(model, input_shape, has_rule)
    with without_allocation():
        copy = _copy(model)
        _build_on_symbols(copy, input_shape)
        return _observe(copy, input_shape, has_rule)


def observe_builder(
    function: Callable[..., Any],
    name: str,
    arguments: Mapping[str, Any],
    input_shape: Any,
    has_rule: HasRule,
) -> Observation:
    """Build a model and observe it, without a weight in memory where Keras can build it so.

    It cannot where a value is needed while building: a stateful RNN's states, weights that are
    loaded. Such a model is built as it is, and the observation says which layer it was.
    """

    def build_and_observe() -> Observation:
        model = build(function, name, arguments)
        if input_shape is not None and not _is_built(model):
            _build_on_symbols(model, input_shape)
        return _observe(model, input_shape, has_rule)

    with importing(f"building {name!r}"):
        import keras  # noqa: F401 - imported here so that its absence is one clear line
    try:
        with without_allocation(), whole_tracebacks():
            return build_and_observe()
    except Exception as error:  # noqa: BLE001 - whatever it is, the real build says whether it stands
        cause = error.__cause__ or error
        layer = innermost_layer(cause)
    where = f"layer {layer.name!r} ({type(layer).__name__})" if layer is not None else "the builder"
    note = f"{name}: built with its weights in memory, for {where} needs values"
    return replace(build_and_observe(), notes=(f"{note}: {first_sentence(cause)}",))


def _observe(model: Any, input_shape: Any, has_rule: HasRule) -> Observation:
    import keras

    config, config_error = _config(model)
    built = _is_built(model)
    rows = list(members(model, has_rule))
    layers = _observe_layers(model, rows)
    claimed = {w.identity for layer in layers.values() for w in layer.weights or ()}
    held = _held(model)
    own = tuple(_observe_weight(v, v.path, held) for v in model.weights if id(v) not in claimed)
    hidden = any(row.holds_layers and not is_container(row.layer) for row in rows)
    return Observation(
        name=model.name,
        class_name=type(model).__name__,
        config=config,
        config_error=config_error,
        layers=layers,
        own=own,
        params=int(model.count_params()) if built else None,
        built=built,
        output_shapes=_output_shapes(model),
        versions={"keras": keras.__version__, "backend": _backend_version(keras)},
        state=_observe_state(model),
        trace=trace(model, input_shape, has_rule) if built and (hidden or not config) else None,
    )


def _observe_state(model: Any) -> ObservedState:
    """Count what is no weight: each variable once, as Keras's summary() counts."""
    seeds = [
        generator.state
        for layer in model._flatten_layers()  # noqa: SLF001 - Keras gives it no public name
        for generator in layer._seed_generators  # noqa: SLF001 - Keras gives it no public name
    ]
    optimizer = getattr(model, "optimizer", None)
    slots = list(optimizer.variables) if optimizer is not None else []
    counted = slots if optimizer is not None and optimizer.built else []
    return ObservedState(
        seeds=_elements(seeds),
        recurrent=_elements(list(_kept_states(model))),
        metrics=_elements(model.metrics_variables),
        optimizer=_elements(slots),
        summary_total=_elements([*model.weights, *counted]),
    )


def _kept_states(model: Any) -> Iterator[Any]:
    """What stateful recurrent layers keep between batches: no list of Keras's holds it."""
    import keras

    for layer in model._flatten_layers():  # noqa: SLF001 - Keras gives it no public name
        if getattr(layer, "stateful", False) and isinstance(layer, keras.layers.RNN):
            states = keras.tree.flatten(layer.states)
            yield from (state for state in states if isinstance(state, keras.Variable))


def _elements(variables: list[Any]) -> int:
    return sum(math.prod(one.shape) for one in {id(one): one for one in variables}.values())


def _copy(model: Any) -> Any:
    """Another model of the same config and names, for the user's own must stay unbuilt."""
    import keras

    try:
        with _fresh_layer_names():
            if isinstance(model, keras.Sequential):
                copy = keras.models.clone_model(model, clone_function=_made_again)
            else:
                copy = _made_again(model)
    except Exception as error:
        described = first_sentence(error)
        raise TargetError(
            f"{model.name}: the model is not built, and cannot be copied from its config to build "
            f"it with input_shape ({described}); call it once, or name its builder"
        ) from error
    copy.name, copy.trainable = model.name, model.trainable
    pairs = zip(members(model, lambda _: False), members(copy, lambda _: False), strict=False)
    for ours, theirs in list(pairs):
        if type(ours.layer) is type(theirs.layer):
            theirs.layer.name, theirs.layer.trainable = ours.layer.name, ours.layer.trainable
    return copy


def _made_again(layer: Any) -> Any:
    """Another layer made with the same arguments."""
    from keras.src.utils.python_utils import is_default

    # Keras keeps the arguments of a constructor that takes plain values. A config has more in it
    # (trainable, dtype), which a user's constructor need not take.
    arguments = getattr(layer, "_auto_config", None)
    if arguments is not None and is_default(layer.get_config):
        return type(layer)(**arguments.config)
    return type(layer).from_config(layer.get_config())


def _build_on_symbols(model: Any, input_shape: Any) -> None:
    """Build a model of our own by calling it on symbols; one with a graph may be derived unbuilt.

    Raises:
        TargetError: a subclassed model cannot take them.
    """
    try:
        call_on_symbols(model, input_shape)
    except Exception as error:
        if not is_container(model):
            described = one_line(f"{type(error).__name__}: {error}", 300)
            raise TargetError(
                f"{model.name}: cannot be built with input_shape {input_shape}: {described}"
            ) from error


@dataclass(frozen=True, slots=True)
class _Held:
    """Which variables training updates, and which it never would, by their identities."""

    trainable: frozenset[int]
    statistics: frozenset[int]


def _held(model: Any) -> _Held:
    # Keras keeps a layer's variables on two lists as they were made; freezing moves none.
    layers = model._flatten_layers()  # noqa: SLF001 - Keras gives it no public name
    return _Held(
        frozenset(id(v) for v in model.trainable_weights),
        frozenset(id(v) for layer in layers for v in layer._non_trainable_variables),  # noqa: SLF001 - Keras gives it no public name
    )


def _observe_layers(model: Any, rows: list[Member]) -> dict[str, ObservedLayer]:
    """The layers that hold weights as rows of their own: all but Sequential and Functional ones."""
    held = _held(model)
    layers: dict[str, ObservedLayer] = {}
    for row in rows:
        if not row.holds_layers:
            layers[row.path] = _observe_layer(row.path, row.layer, held)
        elif not is_container(row.layer):
            inside = {id(variable) for variable in inner_variables(row, rows)}
            own = tuple(
                _observe_weight(variable, name, held)
                for name, variable in named_weights(row.layer)
                if id(variable) not in inside
            )
            # Its count_params() is that of the layers inside as well, so it is not this row's.
            layers[row.path] = ObservedLayer(row.path, type(row.layer).__name__, own, None)
    return layers


def _is_built(model: Any) -> bool:
    # Keras calls a Sequential without an input shape built once it has been asked for.
    return bool(model.built) and _has_graph_or_weights(model)


def _has_graph_or_weights(model: Any) -> bool:
    return getattr(model, "_functional", True) is not None or bool(model.weights)


def _config(model: Any) -> tuple[dict[str, Any] | None, str | None]:
    """The model's serialised config without its compilation, or why it cannot be had."""
    from keras import saving

    try:
        inner = model.get_config()
        serialised = saving.serialize_keras_object(inner)
    except Exception as error:  # noqa: BLE001 - a user's layer may raise anything
        return None, one_line(f"get_config() raised {type(error).__name__}: {error}", 300)
    if not isinstance(inner.get("layers"), (list, tuple)):
        return None, f"{type(model).__name__} is a subclassed model: its config holds no graph"
    _restore_repeated_layers(model, serialised)
    return {
        "module": type(model).__module__,
        "class_name": "Sequential" if "input_layers" not in inner else "Functional",
        "config": serialised,
        "registered_name": None,
    }, None


def _restore_repeated_layers(model: Any, config: dict[str, Any]) -> None:
    """List a layer that a Sequential model calls twice twice: Keras's get_config lists it once."""
    import keras

    stack = [(model, config)]
    while stack:
        container, inner = stack.pop()
        _name_entries(container, inner["layers"])
        entries = {entry["name"]: entry for entry in inner["layers"] if "name" in entry}
        if isinstance(container, keras.Sequential):
            called = [layer.name for layer in container.layers]
            first = [entry for entry in inner["layers"] if entry["class_name"] == "InputLayer"]
            if len(set(called)) < len(called) and set(called) <= set(entries):
                inner["layers"] = [*first, *(entries[name] for name in called)]
        stack += [
            (layer, entries[layer.name]["config"])
            for layer in container.layers
            if is_container(layer)
            and layer.name in entries
            and isinstance(entries[layer.name]["config"].get("layers"), list)
        ]


def _name_entries(container: Any, entries: list[dict[str, Any]]) -> None:
    """Put each layer's name beside its config: a config that Keras makes by itself may lack it."""
    layers = list({id(layer): layer for layer in container._layers}.values())  # noqa: SLF001 - Keras gives it no public name
    same = [type(layer).__name__ for layer in layers] == [e["class_name"] for e in entries]
    for position, entry in enumerate(entries):
        inner = entry["config"].get("name") if isinstance(entry["config"], dict) else None
        name = layers[position].name if same and inner is None else inner
        if isinstance(name, str):
            entry.setdefault("name", name)


def held_layers(model: Any) -> Iterator[HeldLayer]:
    """Every layer that holds weights, in order, and last what the model holds by itself.

    A variable that several layers hold is given once, under the first.
    """
    seen: set[int] = set()
    for path, layer in leaves(model):
        own = tuple((name, v) for name, v in named_weights(layer) if id(v) not in seen)
        seen.update(id(variable) for _, variable in own)
        if own:
            yield HeldLayer(path, layer, own)
    left = tuple((v.path, v) for v in model.weights if id(v) not in seen)
    if left:
        yield HeldLayer(LEFTOVER, None, left)


def _observe_layer(path: str, layer: Any, held: _Held) -> ObservedLayer:
    if not layer.built and not layer.weights:
        # Layers without weights may never be marked as built; count_params refuses them.
        stateless = _without_weights(layer)
        return ObservedLayer(path, type(layer).__name__, () if stateless else None, None)
    weights = tuple(_observe_weight(v, name, held) for name, v in named_weights(layer))
    return ObservedLayer(path, type(layer).__name__, weights, int(layer.count_params()))


def _without_weights(layer: Any) -> bool:
    """Whether a layer that was called in a built graph has simply nothing to build."""
    return bool(getattr(layer, "_inbound_nodes", ()))


def named_weights(layer: Any) -> Iterator[tuple[str, Any]]:
    """A layer's variables, each named within the layer: "kernel", "query/kernel"."""
    for variable in layer.weights:
        # The first part of the path that is the layer: one inside may have its name as well.
        _, _, inner = f"/{variable.path}".partition(f"/{layer.name}/")
        yield inner or variable.name, variable


def _observe_weight(variable: Any, name: str, held: _Held) -> ObservedWeight:
    return ObservedWeight(
        name=name,
        path=variable.path,
        shape=tuple(int(extent) for extent in variable.shape),
        dtype=str(variable.dtype),
        trainable=id(variable) in held.trainable,
        identity=id(variable),
        statistic=id(variable) in held.statistics,
    )


def _output_shapes(model: Any) -> tuple[tuple[int | None, ...], ...] | None:
    try:
        return tuple(tuple(tensor.shape) for tensor in model.outputs)
    except (AttributeError, TypeError, ValueError):  # a subclassed or unbuilt model has no outputs
        return None


def _backend_version(keras: Any) -> str:
    name = keras.backend.backend()
    module = sys.modules.get(name)
    return f"{name} {getattr(module, '__version__', '')}".strip()
