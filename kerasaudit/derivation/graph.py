"""A model's config as a graph of calls: Sequential and Functional read into one form.

Nothing here recurses, so neither depth nor length of a config is bounded by the stack, and every
step is linear in the size of the config.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, NamedTuple

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.shape import Shape, array_shape, is_shape
from kerasaudit.errors import ConfigError

__all__ = ["Constant", "Graph", "Node", "Tensor", "is_model", "read_graph"]

_ENTRY = "(input)"

_Inbound = list[Any] | tuple[Any, ...]


class Tensor(NamedTuple):
    """A reference to an output of a call; `declared` is the shape that the config records.

    `dtype` is the dtype that it records, as a Functional config does of everything that is passed.
    """

    layer: str
    call: int
    output: int
    declared: Shape | None = None
    key: str | None = None
    dtype: str | None = None


class Constant(NamedTuple):
    """A number or an array among the operands of an operation: only its shape matters."""

    shape: Shape


class Node(NamedTuple):
    """One call: layer `layer`, the `call`-th time, on `arguments` in the order they are passed.

    `waits_for` holds every tensor that the call takes, masks and states included. `named` is what
    stands first in each argument of a call that takes several, by its position or its name;
    `switches` are the named arguments that are true, false, numbers or words.
    """

    layer: str
    call: int
    arguments: tuple[Tensor | Constant, ...]
    waits_for: tuple[Tensor, ...]
    named: tuple[tuple[int | str, Tensor | Constant], ...] = ()
    switches: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Graph:
    """The layers of one model in config order, and its calls in an order that can be executed.

    The input of a Sequential model is bound to no InputLayer: `inputs` then names the entry itself,
    and `declared_input` is the shape that the config gives it, if any.
    """

    model: LayerConfig
    layers: dict[str, LayerConfig]
    nodes: tuple[Node, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    declared_input: Shape | None = None

    @property
    def entry(self) -> str | None:
        """The name that stands for the input of a Sequential model; `None` for a Functional one."""
        return _ENTRY if self.inputs and self.inputs[0].layer == _ENTRY else None

    @cached_property
    def recorded(self) -> dict[tuple[str, int], dict[int, Shape]]:
        """The shapes that the config records of each call's outputs, where they are taken."""
        found: dict[tuple[str, int], dict[int, Shape]] = {}
        for node in self.nodes:
            for tensor in node.waits_for:
                if tensor.declared is not None:
                    outputs = found.setdefault((tensor.layer, tensor.call), {})
                    outputs[tensor.output] = tensor.declared
        return found


def is_model(layer: LayerConfig) -> bool:
    """Whether a serialised layer is a model whose config holds its graph."""
    config = layer.config
    if not isinstance(config.get("layers"), (list, tuple)):
        return False
    return "input_layers" in config or layer.class_name == "Sequential"


def read_graph(model: LayerConfig) -> Graph:
    """Read the config of a Sequential or Functional model.

    Raises:
        ConfigError: it is neither, or it is malformed: layers of one name, a call that refers to
            a layer or call that is not there, calls in a circle.
    """
    if not is_model(model):
        raise ConfigError(
            f"{model}: expected the config of a Sequential or Functional model (with 'layers'), "
            f"received the keys {sorted(map(str, model.config))[:8]}"
        )
    return _read_functional(model) if "input_layers" in model.config else _read_sequential(model)


def _read_layers(model: LayerConfig) -> list[LayerConfig]:
    entries = model.config["layers"]
    layers = []
    for position, entry in enumerate(entries):
        if not isinstance(entry, Mapping):
            model.fail(f"layers[{position}] must be a mapping, received {entry!r}")
        layer = LayerConfig(entry)
        if not layer.name:
            model.fail(f"layers[{position}] ({layer.class_name}) must have a name, received none")
        layers.append(layer)
    return layers


def _read_sequential(model: LayerConfig) -> Graph:
    layers: dict[str, LayerConfig] = {}
    calls: dict[str, int] = {}
    nodes = []
    current = Tensor(_ENTRY, 0, 0)
    for layer in _read_layers(model):
        # Keras refuses two layers of one name, so a name met again is the same layer again.
        if layers.setdefault(layer.name, layer).config != layer.config:
            model.fail(f"layer names must be unique, received two different {layer.name!r}")
        build = layer.serialised.get("build_config")
        recorded = build.get("input_shape") if isinstance(build, Mapping) else None
        declared = tuple(recorded) if recorded and is_shape(recorded) else None
        taken = Tensor(current.layer, current.call, current.output, declared)
        call = calls.get(layer.name, 0)
        calls[layer.name] = call + 1
        nodes.append(Node(layer.name, call, (taken,), (taken,)))
        current = Tensor(layer.name, call, 0)
    return Graph(
        model=model,
        layers=layers,
        nodes=tuple(nodes),
        inputs=(Tensor(_ENTRY, 0, 0),),
        outputs=(current,),
        declared_input=_sequential_input(model, layers),
    )


def _sequential_input(model: LayerConfig, layers: Mapping[str, LayerConfig]) -> Shape | None:
    first = next(iter(layers.values()), None)
    if first is not None:
        # Where the first layer is itself a model, its own input shape holds, as in Keras.
        nested = is_model(first)
        inner = first.config.get("build_input_shape") if nested else first.declared_shape()
        if inner is not None and is_shape(inner):
            return tuple(inner)
    recorded = model.get("build_input_shape")
    return tuple(recorded) if recorded is not None and is_shape(recorded) else None


def _read_functional(model: LayerConfig) -> Graph:
    layers: dict[str, LayerConfig] = {}
    nodes: list[Node] = []
    listed = _read_layers(model)
    made_by = [_inbound(layer) for layer in listed]
    from_one = _counted_from_one(listed, made_by)
    for layer, inbound in zip(listed, made_by, strict=True):
        if layer.name in layers:
            model.fail(f"layer names must be unique, received {layer.name!r} twice")
        layers[layer.name] = layer
        if not inbound and layer.class_name == "InputLayer":
            nodes.append(Node(layer.name, 0, (), ()))
        for call, data in enumerate(inbound):
            is_old = isinstance(data, (list, tuple))
            node = _from_keras_2(layer, data, from_one) if is_old else data
            nodes.append(_read_node(layer, call, node))
    inputs = _read_ends(model, layers, "input_layers", from_one)
    outputs = _read_ends(model, layers, "output_layers", from_one)
    made = {node[:2] for node in nodes}
    for tensor in outputs:
        if tensor[:2] not in made:
            model.fail(
                f"output_layers must name calls that are made, received {tensor.layer!r}, "
                f"call {tensor.call}"
            )
    if not outputs:
        model.fail("output_layers must name at least one output, received none")
    return Graph(model, layers, _ordered(model, layers, nodes), inputs, outputs)


def _read_node(layer: LayerConfig, call: int, data: Any) -> Node:
    if not isinstance(data, (dict, Mapping)):
        layer.fail(f"inbound_nodes[{call}] must be a mapping or a list, received {data!r}")
    arguments = data.get("args") or []
    named = data.get("kwargs") or {}
    if not isinstance(arguments, (list, tuple)) or not isinstance(named, (dict, Mapping)):
        layer.fail(f"inbound_nodes[{call}] must hold a list 'args' and a mapping 'kwargs'")
    given = {name: value for name, value in named.items() if value is not None} if named else {}
    if len(arguments) == 1 and not given:
        taken = _nothing_but_tensors(layer, arguments[0])
        if taken is not None:
            return Node(layer.name, call, taken, taken)
    by_place = [_leaves(layer, argument) for argument in arguments]
    by_name = {name: _leaves(layer, value) for name, value in given.items()}
    leaves = list(chain.from_iterable(by_place))
    others = list(chain.from_iterable(by_name.values()))
    firsts = _firsts(by_place, by_name) if others or len(by_place) > 1 else ()
    tensors = _tensors(leaves)
    waits_for = tuple(tensors + _tensors(others))
    if not tensors:
        # Called as layer(inputs=x, mask=m): a mask is waited for, but it is no input.
        leaves = by_name.get("inputs", []) if "inputs" in named else others
    if not layer.is_operation and len(tensors) != len(leaves):
        # A layer may take an array among its inputs; a number is an argument of another kind.
        leaves = [item for item in leaves if isinstance(item, Tensor) or item.shape]
    switches = {key: one for key, one in named.items() if isinstance(one, (int, float, str))}
    return Node(layer.name, call, tuple(leaves), waits_for, firsts, switches)


def _nothing_but_tensors(layer: LayerConfig, argument: Any) -> tuple[Tensor, ...] | None:
    """The tensors of an argument that is one, or a list of them, as most are; `None` of another."""
    tensors = []
    for item in argument if isinstance(argument, list) else (argument,):
        tensor = _read_tensor(layer, item, None) if isinstance(item, dict) else None
        if tensor is None:
            return None
        tensors.append(tensor)
    return tuple(tensors)


def _tensors(leaves: list[Tensor | Constant]) -> list[Tensor]:
    return [item for item in leaves if isinstance(item, Tensor)]


def _inbound(layer: LayerConfig) -> _Inbound:
    """The calls of a layer as the config writes them."""
    inbound = layer.serialised.get("inbound_nodes") or []
    if not isinstance(inbound, (list, tuple)):
        layer.fail(f"inbound_nodes must be a list, received {inbound!r}")
    return inbound


def _counted_from_one(layers: list[LayerConfig], made_by: list[_Inbound]) -> Set[str]:
    """The models of which Keras 2 counts the calls from 1, for the first was that of making it.

    They are those that have an input of their own; Keras 3, whose calls are mappings, does not.
    """
    if not any(isinstance(data, (list, tuple)) for inbound in made_by for data in inbound):
        return frozenset()
    firsts = {layer.name: layer.config.get("layers") for layer in layers}
    return {
        name
        for name, inner in firsts.items()
        if isinstance(inner, (list, tuple)) and inner and isinstance(inner[0], Mapping)
        if inner[0].get("class_name") == "InputLayer"
    }


def _from_keras_2(layer: LayerConfig, data: Any, from_one: Set[str]) -> dict[str, Any]:
    """A call as Keras 3 writes it, of Keras 2's `[[name, call, output, {argument: …}], …]`.

    An operation ("tf.math.multiply") has a single entry in no list, and constants among them.
    """
    items = [data] if data and isinstance(data[0], str) else data
    arguments: list[Any] = []
    named: dict[str, Any] = {}
    for item in items:
        if not isinstance(item, (list, tuple)) or len(item) < 3:
            layer.fail(f"expected a tensor [layer, call, output], received {item!r}")
        if item[0] == "_CONSTANT_VALUE":
            arguments.append(item[2])
        else:
            arguments.append(_reference(item[:3], from_one))
        more = item[3] if len(item) > 3 and isinstance(item[3], Mapping) else {}
        named |= {str(key): _reference(value, from_one) for key, value in more.items()}
    return {"args": arguments if len(arguments) < 2 else [arguments], "kwargs": named}


def _reference(value: Any, from_one: Set[str]) -> Any:
    """A tensor of Keras 2, or a list of them, as Keras 3 writes it; anything else as it is."""
    if isinstance(value, (list, tuple)) and value and all(map(is_single_tensor, value)):
        return [_reference(one, from_one) for one in value]
    if not is_single_tensor(value):
        return value
    name, call, output = value
    if name in from_one and _is_index(call) and call:
        call -= 1
    history = {"keras_history": [name, call, output]}
    return {"class_name": "__keras_tensor__", "config": history}


def _firsts(
    by_place: list[list[Tensor | Constant]], by_name: Mapping[str, list[Tensor | Constant]]
) -> tuple[tuple[int | str, Tensor | Constant], ...]:
    """What stands first in each argument, by its position or its name."""
    labelled: list[tuple[int | str, list[Tensor | Constant]]]
    labelled = [*enumerate(by_place), *by_name.items()]
    return tuple([(label, leaves[0]) for label, leaves in labelled if leaves])


def _leaves(layer: LayerConfig, structure: Any) -> list[Tensor | Constant]:
    """The tensors and constants in nested lists and dicts, in order, without recursion."""
    found: list[Tensor | Constant] = []
    stack: list[tuple[str | None, Any]] = [(None, structure)]
    while stack:
        key, item = stack.pop()
        if isinstance(item, (dict, Mapping)):  # dict first: Mapping alone is slow to ask for
            tensor = _read_tensor(layer, item, key)
            if tensor is not None:
                found.append(tensor)
                continue
            marker = item.get("class_name")
            config = item.get("config")
            if marker in ("__tensor__", "__numpy__") and isinstance(config, (dict, Mapping)):
                found.append(Constant(array_shape(config.get("value"))))
            elif marker is None:
                stack.extend((str(k), item[k]) for k in sorted(item, key=str, reverse=True))
        elif layer.is_operation and _is_array(item):
            found.append(Constant(array_shape(item)))
        elif isinstance(item, (list, tuple)):
            stack += [(key, child) for child in reversed(item)]
        elif isinstance(item, (int, float)) and (layer.is_operation or not isinstance(item, bool)):
            found.append(Constant(()))
    return found


def _is_array(value: Any) -> bool:
    """Whether `value` is an array as an operation takes one: nested lists of numbers alone."""
    stack = list(value) if isinstance(value, (list, tuple)) else []
    alone = bool(stack)
    while stack and alone:
        item = stack.pop()
        if isinstance(item, (list, tuple)):
            stack += item
        else:
            alone = isinstance(item, (int, float))
    return alone


def _read_tensor(layer: LayerConfig, item: Mapping[str, Any], key: str | None) -> Tensor | None:
    """The tensor that a mapping stands for; `None` where it stands for something else."""
    config = item.get("config")
    if item.get("class_name") != "__keras_tensor__" or not isinstance(config, (dict, Mapping)):
        return None
    shape = config.get("shape")
    declared = tuple(shape) if shape is not None and is_shape(shape) else None
    return _tensor(layer, config.get("keras_history"), declared, key, config.get("dtype"))


def _tensor(
    layer: LayerConfig,
    history: Any,
    declared: Shape | None = None,
    key: str | None = None,
    dtype: Any = None,
) -> Tensor:
    if is_single_tensor(history):
        name, call, output = history
        if _is_index(call) and _is_index(output):
            recorded = dtype if isinstance(dtype, str) else None
            return Tensor(name, call, output, declared, key, recorded)
    layer.fail(f"expected a tensor [layer, call, output], received {history!r}")


def _is_index(value: Any) -> bool:
    return type(value) is int and value >= 0  # a bool is no index


def _read_ends(
    model: LayerConfig, layers: Mapping[str, LayerConfig], key: str, from_one: Set[str]
) -> tuple[Tensor, ...]:
    """The model's inputs or outputs: a tensor, or lists and dicts of them, in Keras's order."""
    found: list[Tensor] = []
    stack: list[tuple[str | None, Any]] = [(None, model.config.get(key))]
    while stack:
        name, item = stack.pop()
        if is_single_tensor(item):
            tensor = _tensor(model, item, key=name)
            if tensor.layer not in layers:
                model.fail(f"{key} must name its layers, received {tensor.layer!r}")
            # A nested functional model counts its calls from 1 here, for it was called once when
            # it was made; everywhere else calls count from 0. Keras 2 counts so everywhere.
            nested = tensor.layer in from_one or "input_layers" in layers[tensor.layer].config
            call = tensor.call - 1 if nested and tensor.call else tensor.call
            found.append(Tensor(tensor.layer, call, tensor.output, None, name))
        elif isinstance(item, (list, tuple)):
            stack.extend((name, child) for child in reversed(item))
        elif isinstance(item, Mapping):
            stack.extend((str(k), item[k]) for k in sorted(item, key=str, reverse=True))
        else:
            model.fail(f"{key} must hold [layer, call, output], received {item!r}")
    return tuple(found)


def is_single_tensor(item: Any) -> bool:
    """Whether `item` is one `[layer, call, output]`."""
    return isinstance(item, (list, tuple)) and len(item) == 3 and isinstance(item[0], str)


def _ordered(
    model: LayerConfig, layers: Mapping[str, LayerConfig], nodes: list[Node]
) -> tuple[Node, ...]:
    """The calls in an order in which each comes after those it takes its inputs from (Kahn)."""
    if _is_ordered(nodes):
        return tuple(nodes)
    by_key = {node[:2]: node for node in nodes}
    waiting: dict[tuple[str, int], int] = {}
    followers: dict[tuple[str, int], list[Node]] = {}
    for node in nodes:
        sources = {tensor[:2] for tensor in node.waits_for}  # (layer, call)
        for source in sources:
            if source not in by_key:
                known = "call" if source[0] in layers else "layer"
                model.fail(
                    f"layer {node.layer!r} takes its input from {source[0]!r}, call {source[1]}, "
                    f"but there is no such {known}"
                )
            followers.setdefault(source, []).append(node)
        waiting[node[:2]] = len(sources)
    ready = deque(node for node in nodes if not waiting[node[:2]])
    ordered = []
    while ready:
        node = ready.popleft()
        ordered.append(node)
        for follower in followers.get(node[:2], ()):
            waiting[follower[:2]] -= 1
            if not waiting[follower[:2]]:
                ready.append(follower)
    if len(ordered) != len(nodes):
        stuck = sorted({node.layer for node in nodes} - {node.layer for node in ordered})
        model.fail(f"its calls must not go in a circle, received one through {stuck[:5]}")
    return tuple(ordered)


def _is_ordered(nodes: list[Node]) -> bool:
    """Whether each call comes after those it takes its inputs from already, as Keras lists them."""
    seen: set[tuple[str, int]] = set()
    for node in nodes:
        for tensor in node.waits_for:
            if tensor[:2] not in seen:
                return False
        seen.add(node[:2])
    return True
