"""Architecture: the layers, calls and shapes of a model, derived from its config.

One row of weights for each layer however often it is called; a call for each application. A layer
that cannot be derived is kept with the reason, and the shapes that the config itself records
carry the derivation past it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from kerasaudit.derivation.graph import Constant, Graph, Node, Tensor, is_model, read_graph
from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import (
    Derivation,
    derive_layer,
    find_rule,
    load_rules,
    named_inputs,
)
from kerasaudit.derivation.shape import Shape, compatible, is_shape
from kerasaudit.derivation.weight import Weight
from kerasaudit.errors import ConfigError, KerasAuditError, RuleError, ShapeError, UnsupportedError

__all__ = [
    "Architecture",
    "Call",
    "Layer",
    "Problem",
    "Source",
    "derive_architecture",
    "derive_call",
]

# Models that call models twice, level upon level, make a small config call almost without end.
_MOST_CALLS = 100_000


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something could not be derived, or where a config contradicts itself.

    `kind`: "unsupported" (no rule), "config" (a value that no layer can have), "shape" (an input
    shape that does not fit), "no shape" (its input shape is not known), "declared" (the derived
    shape is not the one that the config records), "rule" (the rule itself failed), "not called".
    """

    kind: str
    message: str


class Source(NamedTuple):
    """Where a tensor comes from: output `output` of the call at `call` in `Architecture.calls`.

    Where `call` is `None`, it is the model's own input of that number. `dtype` is what the config
    records of it where it is passed on.
    """

    call: int | None
    output: int
    dtype: str | None = None


class Call(NamedTuple):
    """One application of a layer. A shape or MACs that are not known are `None`.

    `declared`: a shape is the config's word, which records it, and not derived. `sources`
    says where every tensor that it takes comes from, masks and states included; `None` where that
    is not known. `inputs` says it of each of `input_shapes`; a constant comes from nowhere.
    `switches` are the call's arguments that are no tensors.
    """

    path: str
    number: int
    class_name: str
    input_shapes: tuple[Shape | None, ...]
    output_shape: Shape | tuple[Shape, ...] | None
    macs: int | None
    declared: bool = False
    derivation: Derivation | None = None
    sources: tuple[Source, ...] | None = None
    inputs: tuple[Source | None, ...] | None = None
    switches: Mapping[str, Any] = {}


@dataclass(slots=True)
class Layer:
    """One layer: its weights once, its calls, and what stands in the way of deriving it.

    `path` joins the names of the models around it and its own: "encoder/conv1".
    """

    path: str
    config: LayerConfig
    weights: tuple[Weight, ...] | None = None
    calls: list[Call] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def note(self, kind: str, message: object) -> None:
        """Add a problem, once."""
        problem = Problem(kind, str(message))
        if problem not in self.problems:
            self.problems.append(problem)

    @property
    def derivation(self) -> Derivation | None:
        """The first call's derivation: the layer's formula, working and window."""
        return next((call.derivation for call in self.calls if call.derivation), None)

    @property
    def macs(self) -> int | None:
        """The MACs of all calls together: `None` if any is unknown or there is none."""
        known = [call.macs for call in self.calls if call.macs is not None]
        return sum(known) if self.calls and len(known) == len(self.calls) else None


@dataclass(frozen=True, slots=True)
class Architecture:
    """A model as its config describes it: layers in config order, calls in graph order.

    `outputs` says where its outputs come from; `None` where that is not known.
    """

    name: str
    class_name: str
    layers: tuple[Layer, ...]
    calls: tuple[Call, ...]
    input_shapes: tuple[Shape, ...]
    output_shapes: tuple[Shape | None, ...]
    built: bool
    outputs: tuple[Source, ...] | None = None


def derive_architecture(config: Mapping[str, Any], input_shape: object = None) -> Architecture:
    """Derive every layer of a serialised Sequential or Functional model.

    Args:
        config: `{"class_name": …, "config": {…}}`, as `model.to_json()` writes it.
        input_shape: the shape (or a list or dict of shapes) to feed in, the batch axis first,
            instead of what the config declares: needed where it declares none.

    Raises:
        ConfigError: this is no model's config, or its graph is malformed; `ShapeError` for an
            `input_shape` that the model cannot take.
        RuleError: the rules of an installed package cannot be imported.

    A layer that cannot be derived raises nothing: it is returned with its `problems`.
    """
    load_rules()  # once, and one error for all: not one at every layer
    root = LayerConfig(config)
    graph = read_graph(root)
    shapes, overridden = _root_inputs(root, graph, input_shape)
    walk = _Walk(overridden=overridden)
    if shapes is None:
        walk.list_layers(graph, "")
        output_shapes: tuple[Shape | None, ...] = ()
    else:
        output_shapes = walk.run(graph, shapes)
    frozen = not root.trainable
    for layer in walk.layers.values():
        if not layer.calls and not layer.problems:
            reason = "is never called" if shapes is not None else "has no input shape yet"
            layer.note("not called", f"{layer.config}: {reason}")
        if frozen and layer.weights:
            # What counts is the outermost model: its trainable_weights are what fit updates.
            layer.weights = tuple(replace_trainable(w, False) for w in layer.weights)
    return Architecture(
        name=root.name,
        class_name=root.class_name,
        layers=tuple(walk.layers.values()),
        calls=tuple(walk.calls),
        input_shapes=shapes or (),
        output_shapes=output_shapes,
        built=shapes is not None,
        outputs=walk.outputs,
    )


def replace_trainable(weight: Weight, trainable: bool) -> Weight:
    """The weight with `trainable` in effect."""
    return weight.in_effect(trainable=trainable, dtype=weight.dtype or "float32")


def _root_inputs(
    root: LayerConfig, graph: Graph, given: object
) -> tuple[tuple[Shape, ...] | None, bool]:
    """The shapes to feed in, and whether they are other than the config's own."""
    if graph.entry is not None:
        declared: tuple[Shape | None, ...] = (graph.declared_input,)
    else:
        declared = tuple(graph.layers[tensor.layer].declared_shape() for tensor in graph.inputs)
    if given is None:
        known = tuple(shape for shape in declared if shape is not None)
        return (known if len(known) == len(declared) else None), False
    shapes = _given_shapes(root, graph, given)
    for shape, expected in zip(shapes, declared, strict=True):
        if expected is not None and not compatible(shape, expected):
            raise ShapeError(
                f"{root}: expected an input shape that fits {expected}, received {shape}"
            )
    return shapes, shapes != declared


def _given_shapes(root: LayerConfig, graph: Graph, given: object) -> tuple[Shape, ...]:
    names = [tensor.key or tensor.layer for tensor in graph.inputs]
    if isinstance(given, Mapping):
        if set(given) != set(names):
            received = sorted(map(str, given))
            raise ShapeError(f"{root}: expected input shapes for {names}, received {received}")
        shapes = [given[name] for name in names]
    else:
        shapes = (
            [given] if is_shape(given) else list(given) if isinstance(given, (list, tuple)) else []
        )
    if len(shapes) != len(graph.inputs) or not all(map(_is_input_shape, shapes)):
        raise ShapeError(
            f"{root}: expected {len(graph.inputs)} input shape(s) with the batch axis first, "
            f"received {given!r}"
        )
    return tuple(tuple(shape) for shape in shapes)


def _is_input_shape(shape: Any) -> bool:
    return is_shape(shape) and bool(shape) and all(e is None or e >= 0 for e in shape)


# What is known of a tensor: its shape, and where it comes from.
_Value = tuple[Shape | None, Source | None]

_UNKNOWN: _Value = (None, None)


@dataclass(slots=True)
class _Frame:
    """A model in the middle of being walked: its graph, what its calls gave, which are to come.

    `made_by` is the call that it stands for in the model around it.
    """

    graph: Graph
    prefix: str
    made_by: tuple[str, int]
    values: dict[tuple[str, int], tuple[_Value, ...]]
    to_come: Iterator[Node]

    def value(self, tensor: Tensor) -> _Value:
        outputs = self.values.get((tensor.layer, tensor.call), ())
        return outputs[tensor.output] if tensor.output < len(outputs) else _UNKNOWN

    def outputs(self) -> tuple[Shape | None, ...]:
        for tensor in self.graph.outputs:
            given = self.values.get((tensor.layer, tensor.call), ())
            if all(shape is not None for shape, _ in given) and tensor.output >= len(given):
                raise ConfigError(
                    f"{self.graph.model}: expected one of {len(given)} output(s) of "
                    f"{tensor.layer!r}, received number {tensor.output}"
                )
        return tuple(self.value(tensor)[0] for tensor in self.graph.outputs)

    def sources(self, tensors: Sequence[Tensor]) -> tuple[Source, ...] | None:
        """Where the tensors come from; `None` where that is not known of one."""
        return _recorded(tensors, [self.value(tensor)[1] for tensor in tensors])


def _recorded(
    tensors: Sequence[Tensor], origins: Sequence[Source | None]
) -> tuple[Source, ...] | None:
    """The origins, with the dtypes that the config records; `None` where one is not known."""
    found = []
    for tensor, origin in zip(tensors, origins, strict=True):
        if origin is None:
            return None
        dtype = tensor.dtype
        found.append(Source(origin.call, origin.output, dtype) if dtype else origin)
    return tuple(found)


def _enter(graph: Graph, prefix: str, made_by: tuple[str, int], inputs: list[_Value]) -> _Frame:
    """The frame of a model that is called on `inputs`."""
    if graph.entry is not None:
        fed = {(graph.entry, 0): inputs[0] if inputs else _UNKNOWN}
    else:
        # An InputLayer is fed under call -1; its own call, 0, checks the shape against its config.
        fed = dict.fromkeys(((tensor.layer, -1) for tensor in graph.inputs), _UNKNOWN)
        fed.update(zip(fed, inputs, strict=False))
    frame = _Frame(graph, prefix, made_by, {}, iter(graph.nodes))
    frame.values.update({key: (value,) for key, value in fed.items()})
    return frame


@dataclass(slots=True)
class _Walk:
    """Walks the calls of a model and of the models in it, on a stack of its own."""

    overridden: bool
    layers: dict[str, Layer] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    graphs: dict[str, Graph] = field(default_factory=dict)
    outputs: tuple[Source, ...] | None = None

    def list_layers(self, graph: Graph, prefix: str) -> None:
        """Enter the rows of a model, nested models' rows in their place, in config order."""
        stack = [(prefix + name, layer) for name, layer in reversed(graph.layers.items())]
        while stack:
            path, layer = stack.pop()
            if path in self.layers or path in self.graphs:
                raise ConfigError(
                    f"{layer}: expected paths that are unique, received {path!r} twice"
                )
            if not is_model(layer):
                self.layers[path] = Layer(path, layer)
                continue
            inner = self.graphs[path] = read_graph(layer)
            stack += [(f"{path}/{name}", child) for name, child in reversed(inner.layers.items())]

    def run(self, graph: Graph, shapes: tuple[Shape, ...]) -> tuple[Shape | None, ...]:
        self.list_layers(graph, "")
        inputs: list[_Value] = [(shape, Source(None, i)) for i, shape in enumerate(shapes)]
        stack, to_make = [_enter(graph, "", ("", 0), inputs)], len(graph.nodes)
        while True:
            if to_make > _MOST_CALLS:
                raise ConfigError(
                    f"{graph.model}: its layers are called over {_MOST_CALLS:,} times"
                )
            frame = stack[-1]
            inner = self._advance(frame)
            if inner is not None:
                stack.append(inner)
                to_make += len(inner.graph.nodes)
                continue
            stack.pop()
            sources = frame.sources(frame.graph.outputs)
            if not stack:
                self.outputs = sources
                return frame.outputs()
            origins = sources or (None,) * len(frame.graph.outputs)
            stack[-1].values[frame.made_by] = tuple(zip(frame.outputs(), origins, strict=True))

    def _advance(self, frame: _Frame) -> _Frame | None:
        """Derive the calls up to the next one of a model, whose frame it is; `None` at the end."""
        for node in frame.to_come:
            path = frame.prefix + node.layer
            made = (node.layer, node.call)
            inner = self.graphs.get(path)
            if inner is not None:
                shapes, origins, _ = self._taken(frame, node, node.arguments, None)
                values = list(zip(shapes, origins, strict=True))
                return _enter(inner, f"{path}/", made, self._named(inner, node, values))
            frame.values[made] = self._apply(frame, node, self.layers[path])
        return None

    @staticmethod
    def _named(inner: Graph, node: Node, values: list[_Value]) -> list[_Value]:
        """The values in the order of the inner model's inputs, by name where they have names."""
        arguments = zip(node.arguments, values, strict=False)
        by_name = {a.key: value for a, value in arguments if isinstance(a, Tensor) and a.key}
        names = [tensor.key or tensor.layer for tensor in inner.inputs]
        if by_name and all(name in by_name for name in names):
            return [by_name[name] for name in names]
        return values

    def _taken(
        self,
        frame: _Frame,
        node: Node,
        inputs: tuple[Tensor | Constant, ...],
        layer: Layer | None,
    ) -> tuple[list[Shape | None], list[Source | None], bool]:
        """The shape of each input, its origin, and whether one is the config's word, not derived.

        A nested model is called without a `layer`: it has no row, and its InputLayer speaks for it.
        """
        shapes: list[Shape | None] = []
        origins: list[Source | None] = []
        declared = False
        for argument in inputs:
            if isinstance(argument, Constant):
                shapes.append(argument.shape)
                origins.append(None)
                continue
            shape, origin = frame.value(argument)
            recorded = argument.declared
            if recorded is not None and recorded != shape and not self.overridden:
                if shape is None:
                    shape, declared = recorded, True
                elif layer is not None and not compatible(shape, recorded):
                    layer.note(
                        "declared",
                        f"{layer.config}: the derived input shape is {shape}, "
                        f"the config records {recorded}",
                    )
            shapes.append(shape)
            origins.append(origin)
        if not node.arguments:
            shape, origin = frame.value(Tensor(node.layer, -1, 0))
            shapes.append(shape)
            origins.append(origin)
        return shapes, origins, declared

    @staticmethod
    def _inputs(node: Node, layer: Layer) -> tuple[Tensor | Constant, ...]:
        """What a call takes: by the names of its arguments, where the layer's rule names them."""
        names = named_inputs(layer.config) if node.named else ()
        if not names:
            return node.arguments
        passed = dict(node.named)
        inputs = tuple(passed.get(name, passed.get(i)) for i, name in enumerate(names))
        taken = tuple(one for one in inputs if one is not None)
        # The last ones may be left out; where one between is, nothing can be told by its place.
        return taken if taken and inputs[: len(taken)] == taken else node.arguments

    def _apply(self, frame: _Frame, node: Node, layer: Layer) -> tuple[_Value, ...]:
        """Derive one call and enter it; return its outputs."""
        inputs = self._inputs(node, layer) if node.named else node.arguments
        taken, origins, declared = self._taken(frame, node, inputs, layer)
        shapes = tuple(taken)
        derivation = derive_call(layer, shapes, node.switches)
        output = derivation.output_shape if derivation else None
        recorded = self._recorded_output(frame, node) if output is None else None
        tensors = node.waits_for or (Tensor(node.layer, -1, 0),)
        inputs_from: tuple[Source | None, ...] | None
        if not node.named and node.arguments == node.waits_for:  # as it mostly is
            sources = inputs_from = _recorded(tensors, origins)
        else:
            sources, inputs_from = frame.sources(tensors), tuple(origins)
        call = Call(
            layer.path,
            node.call,
            layer.config.class_name,
            shapes,
            recorded if output is None else output,
            derivation.macs if derivation else None,
            declared or recorded is not None,
            derivation,
            sources,
            inputs_from,
            node.switches,
        )
        number = len(self.calls)
        layer.calls.append(call)
        self.calls.append(call)
        if output and isinstance(output[0], tuple):
            return tuple([(shape, Source(number, i)) for i, shape in enumerate(output)])
        return ((cast("Shape | None", output), Source(number, 0)),)

    def _recorded_output(self, frame: _Frame, node: Node) -> Shape | tuple[Shape, ...] | None:
        """What the config records of the outputs of a call that no rule gives a shape to."""
        if self.overridden:
            return None
        recorded = frame.graph.recorded.get(node[:2], {})
        shapes = tuple(recorded[i] for i in range(len(recorded)) if i in recorded)
        if not shapes or len(shapes) != len(recorded):
            return None  # an output that nothing takes is recorded nowhere
        return shapes[0] if len(shapes) == 1 else shapes


def derive_call(
    layer: Layer, shapes: tuple[Shape | None, ...], switches: Mapping[str, Any]
) -> Derivation | None:
    """The derivation of one call; `None` where the layer now has a problem instead."""
    try:
        if None in shapes:
            find_rule(layer.config)  # a class without a rule is that, whatever its input
            layer.note("no shape", f"{layer.config}: its input shape is not known")
            return None
        if not all(shapes) and not layer.config.is_operation:
            raise ShapeError(f"{layer.config}: expected shapes with a batch axis, received ()")
        config = layer.config.called_with(switches) if switches else layer.config
        derivation = derive_layer(config, shapes)
    except UnsupportedError as error:
        if layer.config.is_operation:
            layer.weights = ()  # an operation holds none; its shape is the config's word
        else:
            layer.note("unsupported", error)
        return None
    except KerasAuditError as error:
        layer.note(_kind(error), error)
        return None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a user's rule may raise anything; the audit goes on
        layer.note("rule", f"{layer.config}: its rule raised {type(error).__name__}: {error}")
        return None
    if layer.weights is None:
        layer.weights = derivation.weights
    elif layer.weights != derivation.weights:
        layer.note("shape", f"{layer.config}: shared, but its calls need different weights")
    return derivation


def _kind(error: KerasAuditError) -> str:
    kinds = {ShapeError: "shape", RuleError: "rule"}
    return next((kind for cls, kind in kinds.items() if isinstance(error, cls)), "config")
