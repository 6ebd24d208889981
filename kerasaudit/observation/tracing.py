"""The calls of a live model, seen by calling it on symbols: no data is run and nothing trained.

A Sequential or Functional config lists its calls; a subclassed model or layer has them in its
Python code only. So the model is called on `KerasTensor`s, and `keras.layers.Layer.__call__` and
the `keras.ops` functions report their shapes meanwhile. The code of a layer that holds layers is
run on the symbols as well; where it cannot take them (it calls TensorFlow itself), Keras traces it
with the backend's own symbols, and what it computes beside its layers stays unknown.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from kerasaudit.errors import one_line
from kerasaudit.observation.tree import HasRule, Member, inner_variables, members, serialised
from kerasaudit.observation.unallocated import without_allocation
from kerasaudit.trace import Trace, TracedCall, TracedLayer, TracedOperation

__all__ = ["call_on_symbols", "input_shapes", "trace"]

_SWITCHES = (bool, int, float, str)

# What a call leaves behind on a layer, and what is put back.
_TRACKS = ("built", "_called", "_build_shapes_dict")


def trace(model: Any, given: Any, has_rule: HasRule) -> Trace:
    """Trace a built model, and leave it as it was.

    `given` are the shapes to call it on; `None` takes those it was built with.
    """
    rows = list(members(model, has_rule))
    layers = tuple(_layer(member, rows) for member in rows)
    shapes = given if given is not None else input_shapes(model)
    trainable = bool(model.trainable)
    if shapes is None:
        error = "its input shape is not recorded: give input_shape"
        return Trace(layers, error=error, trainable=trainable)
    try:
        calls = _calls(model, shapes, rows)
    except Exception as error:  # noqa: BLE001 - the model's own code may raise anything
        described = one_line(f"{type(error).__name__}: {error}", 300)
        return Trace(layers, error=f"calling it on symbols raised {described}", trainable=trainable)
    return Trace(layers, tuple(calls), trainable=trainable)


def input_shapes(model: Any) -> Any:
    """The shapes that a built model was built with, batch unknown; `None` where none is recorded.

    They are one shape, a structure of them, or {argument: shape} where the call takes several.
    """
    import keras

    if isinstance(inputs := getattr(model, "_inputs_struct", None), keras.KerasTensor):
        return tuple(inputs.shape)
    if inputs is not None:
        return keras.tree.map_structure(lambda tensor: tuple(tensor.shape), inputs)
    recorded = _build_shapes(model)
    if recorded is None:
        return None
    return keras.tree.map_shape_structure(lambda shape: (None, *shape[1:]), recorded)


def call_on_symbols(model: Any, shapes: Any, attempt: Callable[[], object] = lambda: None) -> Any:
    """Call a model on symbols of these shapes; a dict that names its arguments is passed so.

    It is called in the backend's own symbolic stage: code that takes the value of a weight which
    has none yet (`self.scale * 2`) would have it drawn otherwise, however large it is. `attempt` is
    called first, each time: Torch tries a second time if the first fails.
    """
    from keras.src import backend

    outputs: list[Any] = []

    def call() -> None:
        attempt()
        outputs.append(_called(model, shapes))

    backend.compute_output_spec(call)
    return outputs[-1]


def _called(model: Any, shapes: Any) -> Any:
    import keras

    structure = _tuples(shapes)
    symbols = keras.tree.map_shape_structure(keras.KerasTensor, structure)
    if isinstance(symbols, dict):
        names = inspect.signature(model.call).parameters
        named = {str(key).removesuffix("_shape"): value for key, value in symbols.items()}
        if set(named) <= set(names):
            return model(**named)
    return model(symbols)


def _tuples(shapes: Any) -> Any:
    """Shapes as Keras wants them: each a tuple, in lists and dicts."""
    if isinstance(shapes, Mapping):
        return {key: _tuples(value) for key, value in shapes.items()}
    if all(extent is None or isinstance(extent, int) for extent in shapes):
        return tuple(shapes)
    return [_tuples(shape) for shape in shapes]


def _layer(member: Member, rows: list[Member]) -> TracedLayer:
    own = 0
    if member.holds_layers:
        inside = {id(variable) for variable in inner_variables(member, rows)}
        own = sum(id(variable) not in inside for variable in member.layer.weights)
    return TracedLayer(
        path=member.path,
        config=serialised(member.layer),
        holds_layers=member.holds_layers,
        own_weights=own,
        build_shapes=_build_shapes(member.layer),
    )


def _build_shapes(layer: Any) -> Any:
    """The shapes that a layer was built with, as Keras records them for saving."""
    try:
        recorded = layer.get_build_config() or {}
    except Exception:  # noqa: BLE001 - a user's get_build_config may raise anything
        return None
    shapes = recorded.get("shapes_dict", recorded.get("input_shape"))
    return shapes or None


# -- what is seen ----------------------------------------------------------------------------


@dataclass(slots=True)
class _Running:
    """A layer in the middle of its call: its own code's operations, `None` if they are not seen."""

    path: str
    layer: Any
    holds_layers: bool
    operations: list[TracedOperation] | None = field(default_factory=list)


@dataclass(slots=True)
class _Witness:
    """Notes the calls of the members of a tree, in the order in which they end."""

    paths: dict[int, list[Member]]
    calls: list[TracedCall] = field(default_factory=list)
    running: list[_Running] = field(default_factory=list)
    reason: Exception | None = None  # what a layer's code first raised: Keras wraps it up

    def member(self, layer: Any) -> Member | None:
        """The member that is called now, if its call is a row's: none is inside a whole layer."""
        if not self.running or not self.running[-1].holds_layers:
            return None
        around = self.running[-1].path
        known = self.paths.get(id(layer), [])
        here = [one for one in known if one.path.rpartition("/")[0] == around]
        return next(iter([*here, *known]), None)

    def call(self, original: Callable[..., Any], layer: Any, args: Any, kwargs: Any) -> Any:
        """Call a layer, and note its shapes."""
        member = self.member(layer)
        if member is None:
            return original(layer, *args, **kwargs)
        _refuse_to_build(layer)
        running = _Running(member.path, layer, member.holds_layers)
        position = len(self.calls)
        self.running.append(running)
        try:
            outputs = original(layer, *args, **kwargs)
        finally:
            self.running.pop()
        self._enter(position, running, args, kwargs, outputs)
        return outputs

    def root(self, model: Any, shapes: Any) -> None:
        """Call the model itself."""
        running = _Running("", model, True)
        self.running.append(running)
        try:
            outputs = call_on_symbols(model, shapes, self.calls.clear)
        finally:
            self.running.pop()
        self._enter(0, running, (), {}, outputs)

    def _enter(
        self, position: int, running: _Running, args: Any, kwargs: Any, outputs: Any
    ) -> None:
        labelled: list[tuple[int | str, Any]] = [*enumerate(args), *kwargs.items()]
        arguments = [(label, _shapes_in(value)) for label, value in labelled]
        operations = None if running.operations is None else tuple(running.operations)
        self.calls.insert(
            position if running.holds_layers else len(self.calls),
            TracedCall(
                path=running.path,
                arguments=tuple((label, shapes) for label, shapes in arguments if shapes),
                output_shapes=_shapes_in(outputs),
                operations=operations,
                switches={k: v for k, v in kwargs.items() if isinstance(v, _SWITCHES)},
            ),
        )

    def symbolic(self, original: Callable[..., Any], layer: Any, args: Any, kwargs: Any) -> Any:
        """A layer's call on symbols: the code of one that holds layers is run on them."""
        running = self.running[-1] if self.running else None
        if running is None or running.layer is not layer or not running.holds_layers:
            return original(layer, *args, **kwargs)
        noted = len(self.calls)
        try:
            return layer.call(*args, **kwargs)
        except Exception as error:
            import keras

            self.reason = self.reason or error
            # The other backends trace with numbers in the place of what is not known.
            if keras.backend.backend() != "tensorflow":
                raise
            del self.calls[noted:]
            running.operations = None
            return original(layer, *args, **kwargs)

    def operation(self, original: Callable[..., Any], op: Any, args: Any, kwargs: Any) -> Any:
        """A `keras.ops` function called on symbols by the code of the layer that is running."""
        running = self.running[-1] if self.running else None
        outputs = original(op, *args, **kwargs)
        if running is not None and running.operations is not None and _is_code(running, op):
            shapes = _operands((*args, *kwargs.values()))
            running.operations.append(TracedOperation(serialised(op), shapes))
        return outputs


def _is_code(running: _Running, op: Any) -> bool:
    """Whether an operation is what the layer computes: Keras itself converts a model's inputs."""
    if not running.holds_layers:
        return False
    inner = getattr(running.layer, "_functional", None)  # what a Sequential model is built as
    graph = getattr(inner or running.layer, "_operations", None)
    return graph is None or any(op is one for one in graph)


def _refuse_to_build(layer: Any) -> None:
    """A traced model stays as it was: a layer that its own call never reached is not built."""
    from keras.src.utils import python_utils

    if not layer.built and not python_utils.is_default(layer.build):
        raise ValueError(f"layer {layer.name!r} is not built")


def _shapes_in(structure: Any) -> tuple[tuple[int | None, ...], ...]:
    """The shapes of the tensors in nested lists and dicts."""
    import keras

    return tuple(
        _shape(leaf)
        for leaf in keras.tree.flatten(structure)
        if isinstance(leaf, keras.KerasTensor) or keras.ops.is_tensor(leaf)
    )


def _operands(structure: Any) -> tuple[tuple[int | None, ...], ...]:
    """The shapes of an operation's operands: tensors, variables, arrays and numbers."""
    import keras

    return tuple(
        _shape(leaf)
        for leaf in keras.tree.flatten(structure)
        if hasattr(leaf, "shape") or (isinstance(leaf, (int, float)) and not isinstance(leaf, bool))
    )


def _shape(value: Any) -> tuple[int | None, ...]:
    """The shape of a tensor, an array or a number; what is no number in it is not known."""
    extents = getattr(value, "shape", ())
    return tuple(extent if isinstance(extent, int) else None for extent in extents)


def _calls(model: Any, shapes: Any, rows: list[Member]) -> list[TracedCall]:
    paths: dict[int, list[Member]] = {}
    for row in rows:
        paths.setdefault(id(row.layer), []).append(row)
    witness = _Witness(paths)
    layers = [model, *(row.layer for row in rows)]
    with without_allocation(), _as_it_was(layers), _watched(witness), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            witness.root(model, shapes)
        except Exception as error:  # noqa: BLE001 - the model's own code may raise anything
            raise witness.reason or error from None
    return witness.calls


@contextmanager
def _as_it_was(layers: list[Any]) -> Iterator[None]:
    """Put back what a call leaves on the layers, on those inside them too."""
    from keras.src.backend.common import global_state

    every = {id(inner): inner for layer in layers for inner in layer._flatten_layers()}  # noqa: SLF001 - Keras gives it no public name
    before = [(one, {key: one.__dict__.get(key) for key in _TRACKS}) for one in every.values()]
    losses = [(one, list(one._losses)) for one in every.values() if one._losses]  # noqa: SLF001 - Keras gives it no public name
    names = global_state.get_global_attribute("object_name_uids")
    global_state.set_global_attribute("object_name_uids", None)
    try:
        yield
    finally:
        global_state.set_global_attribute("object_name_uids", names)
        for layer, values in before:
            layer.__dict__.update(values)
        for layer, held in losses:
            layer._losses[:] = held  # noqa: SLF001 - Keras gives it no public name


@contextmanager
def _watched(witness: _Witness) -> Iterator[None]:
    """Let the layers' and operations' calls be noted, and let them leave no nodes behind."""
    from keras.src.layers import layer as layer_module
    from keras.src.ops import operation as operation_module

    layer_class: Any = layer_module.Layer
    operation_class: Any = operation_module.Operation
    call, on_symbols = layer_class.__call__, layer_class.symbolic_call
    operate, node = operation_class.symbolic_call, operation_module.Node

    def no_node(*args: Any, **kwargs: Any) -> None:
        """Stand for Keras's Node, which ties layers to the symbols they were called on."""

    modules: tuple[Any, ...] = (layer_module, operation_module)
    layer_class.__call__ = lambda self, *a, **k: witness.call(call, self, a, k)
    layer_class.symbolic_call = lambda self, *a, **k: witness.symbolic(on_symbols, self, a, k)
    operation_class.symbolic_call = lambda self, *a, **k: witness.operation(operate, self, a, k)
    for module in modules:
        module.Node = no_node
    try:
        yield
    finally:
        for module in modules:
            module.Node = node
        layer_class.__call__, layer_class.symbolic_call = call, on_symbols
        operation_class.symbolic_call = operate
