"""A model whose calls were seen instead of read from its config: subclassed models and layers.

Each layer that has a rule is derived from its own config and the input shapes of its calls, as in
a functional config. The code of a layer that holds layers is Python: what it computes beside them
is derived from the `keras.ops` functions that it was seen to call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from kerasaudit.derivation.architecture import (
    Architecture,
    Call,
    Layer,
    Source,
    derive_call,
    replace_trainable,
)
from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import derive, derive_layer, find_rule, named_inputs
from kerasaudit.derivation.shape import Shape, compatible, is_shape, total
from kerasaudit.errors import KerasAuditError, UnsupportedError
from kerasaudit.trace import Trace, TracedCall, TracedLayer, TracedOperation

__all__ = ["OWN_CODE", "complete", "derive_traced", "has_rule"]

# The row of what the model's own code computes, beside all its layers.
OWN_CODE = "(model)"


def has_rule(serialised: Mapping[str, Any]) -> bool:
    """Whether a layer with this config is derived as a whole, by a rule for its class."""
    try:
        find_rule(LayerConfig(serialised))
    except KerasAuditError:
        return False
    return True


def derive_traced(trace: Trace, name: str, class_name: str) -> Architecture:
    """Derive every layer of a trace that has a rule; the others are kept with the reason.

    A layer that was not seen to be called is derived from the shapes that it was built with, as
    far as they are recorded; its MACs are then not known.
    """
    layers = {one.path: Layer(one.path, LayerConfig(one.config)) for one in trace.layers}
    known = {one.path: one for one in trace.layers}
    calls: list[Call] = []
    root: TracedCall | None = None
    for call in trace.calls:
        if call.path == "":
            root = call
        elif known[call.path].holds_layers:
            _enter_outer(layers[call.path], call, calls)
        else:
            _enter_whole(layers[call.path], call, calls)
    for path, layer in layers.items():
        if known[path].holds_layers:
            _judge_outer(layer, known[path])
        elif not layer.calls:
            _derive_as_built(layer, known[path])
        if layer.weights and not trace.trainable:
            layer.weights = tuple(replace_trainable(weight, False) for weight in layer.weights)
    if root is not None:
        own = Layer(OWN_CODE, LayerConfig({"class_name": class_name, "config": {"name": name}}))
        _enter_outer(own, root, calls)
        if own.macs != 0:
            own.weights = ()
            layers[OWN_CODE] = own
        else:
            calls.remove(own.calls[0])
    rows = {path: layer for path, layer in layers.items() if not _is_idle(layer, known)}
    return Architecture(
        name=name,
        class_name=class_name,
        layers=tuple(rows.values()),
        calls=tuple(call for call in calls if call.path in rows),
        input_shapes=_flat(root) if root else (),
        output_shapes=root.output_shapes if root else (),
        built=root is not None,
    )


def complete(architecture: Architecture, trace: Trace) -> Architecture:
    """Put the traced layers of a subclassed layer or model in the place of the one that has none.

    What the config itself says of the other layers stands.
    """
    traced = derive_traced(trace, architecture.name, architecture.class_name)
    outer = {one.path for one in trace.layers if one.holds_layers}
    opened = outer & {layer.path for layer in architecture.layers}

    def inside(path: str) -> str | None:
        return next((one for one in opened if path == one or path.startswith(f"{one}/")), None)

    by_path: dict[str, list[Layer]] = {}
    for layer in traced.layers:
        by_path.setdefault(inside(layer.path) or "", []).append(layer)
    layers: list[Layer] = []
    for layer in architecture.layers:
        layers += by_path.get(layer.path, []) if layer.path in opened else [layer]
    return replace(architecture, layers=tuple(layers), **_spliced(architecture, traced, inside))


def _spliced(
    architecture: Architecture, traced: Architecture, inside: Callable[[str], str | None]
) -> dict[str, Any]:
    """The calls of both, all of an opened layer where its first one stands, and the outputs."""
    seen: dict[str, list[Call]] = {}
    for call in traced.calls:
        seen.setdefault(inside(call.path) or "", []).append(call)
    calls: list[Call] = []
    moved: dict[int, int] = {}
    for position, call in enumerate(architecture.calls):
        if inside(call.path) is None:
            moved[position] = len(calls)
            calls.append(call)
        else:
            calls += seen.pop(call.path, [])
    places = {(call.path, call.number): place for place, call in enumerate(calls)}
    for position, call in enumerate(architecture.calls):
        if position not in moved and (call.path, call.number) in places:
            moved[position] = places[call.path, call.number]

    def follow(sources: tuple[Source, ...] | None) -> tuple[Source, ...] | None:
        if sources is None or any(s.call is not None and s.call not in moved for s in sources):
            return None
        return tuple(s if s.call is None else s._replace(call=moved[s.call]) for s in sources)

    return {
        "calls": tuple(call._replace(sources=follow(call.sources)) for call in calls),
        "outputs": follow(architecture.outputs),
    }


def _is_idle(layer: Layer, known: Mapping[str, TracedLayer]) -> bool:
    """Whether a row would say nothing: a Keras model that only calls its layers, an input."""
    one = known.get(layer.path)
    if one is None or not one.holds_layers or one.own_weights:
        return False
    keras_model = layer.config.class_name in ("Sequential", "Functional")
    return keras_model and (not layer.calls or layer.macs == 0)


def _enter_whole(layer: Layer, traced: TracedCall, calls: list[Call]) -> None:
    """Derive one call of a layer by its rule."""
    shapes = _inputs(layer.config, traced)
    derivation = derive_call(layer, shapes, traced.switches)
    output = derivation.output_shape if derivation else None
    seen = traced.output_shapes
    one_output = output is not None and is_shape(output) and len(seen) == 1
    # `is_shape` tells one shape from several, which the type checker cannot know.
    if one_output and not compatible(output, seen[0]):  # type: ignore[arg-type]
        layer.note(
            "declared",
            f"{layer.config}: the derived output shape is {output}, the model gives {seen[0]}",
        )
    _enter(
        layer,
        calls,
        Call(
            path=layer.path,
            number=len(layer.calls),
            class_name=layer.config.class_name,
            input_shapes=shapes,
            output_shape=output if output is not None else _one_or_all(seen),
            macs=derivation.macs if derivation else None,
            derivation=derivation,
        ),
    )


def _enter_outer(layer: Layer, traced: TracedCall, calls: list[Call]) -> None:
    """Enter one call of a layer that holds layers: the MACs are those of its own code.

    What it hands on is not entered: it is what a layer inside made, which counts there, or what
    its code made, of which only the last is seen.
    """
    operations = traced.operations
    macs = None if operations is None else total(_macs(one) for one in operations)
    _enter(
        layer,
        calls,
        Call(
            path=layer.path,
            number=len(layer.calls),
            class_name=layer.config.class_name,
            input_shapes=_flat(traced),
            output_shape=None,
            macs=macs,
        ),
    )


def _enter(layer: Layer, calls: list[Call], call: Call) -> None:
    layer.calls.append(call)
    calls.append(call)


def _judge_outer(layer: Layer, traced: TracedLayer) -> None:
    """A layer that holds layers: nothing of its own is derived by nothing, and that is whole."""
    if not traced.own_weights:
        layer.weights = ()
        return
    layer.note(
        "unsupported",
        f"{layer.config}: no rule for {layer.config.keys[0]!r}, which holds {traced.own_weights} "
        "weight(s) beside its layers; register one with @kerasaudit.rule, or exempt the layer "
        "with a reason",
    )


def _derive_as_built(layer: Layer, traced: TracedLayer) -> None:
    """Derive a layer that was not seen to be called from the shapes that it was built with."""
    if traced.build_shapes is None:
        try:
            find_rule(layer.config)
        except UnsupportedError as error:
            layer.note("unsupported", error)
            return
        layer.note("not called", f"{layer.config}: is never called, as far as can be seen")
        return
    try:
        layer.weights = derive(layer.config.serialised, traced.build_shapes).weights
    except UnsupportedError as error:
        layer.note("unsupported", error)
    except KerasAuditError as error:
        layer.note("shape", error)


def _inputs(layer: LayerConfig, call: TracedCall) -> tuple[Shape, ...]:
    """The shapes that the rule is given: by the names of the arguments where it names them."""
    passed = dict(call.arguments)
    named = [passed.get(name, passed.get(i)) for i, name in enumerate(named_inputs(layer))]
    taken = [shapes[0] for shapes in named if shapes]
    if taken and all(named[: len(taken)]):
        return tuple(taken)
    by_place = [shapes for label, shapes in call.arguments if isinstance(label, int)]
    chosen = by_place or [passed["inputs"]] if "inputs" in passed or by_place else passed.values()
    return tuple(shape for shapes in chosen for shape in shapes)


def _macs(operation: TracedOperation) -> int | None:
    """The MACs of a `keras.ops` function: `None` where it has no rule."""
    try:
        return derive_layer(LayerConfig(operation.config), operation.input_shapes).macs
    except KerasAuditError:
        return None


def _flat(call: TracedCall) -> tuple[Shape, ...]:
    return tuple(shape for _, shapes in call.arguments for shape in shapes)


def _one_or_all(shapes: tuple[Shape, ...]) -> Shape | tuple[Shape, ...]:
    return shapes[0] if len(shapes) == 1 else shapes
