"""A whole model run forward and backward in NumPy: `kerasaudit.backprop`.

The calls are those of the derived architecture, in its order, nested and shared models included.
Where a tensor or a weight is used several times, its derivatives add up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from kerasaudit.backprop.losses import aligned, known_loss, loss, takes_logits
from kerasaudit.backprop.penalties import penalty
from kerasaudit.backprop.rule import Applied, Array, Mode, apply_layer
from kerasaudit.derivation.architecture import Architecture, Call, Source, derive_architecture
from kerasaudit.derivation.graph import read_graph
from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.memory import compute_dtype
from kerasaudit.derivation.shape import Shape
from kerasaudit.errors import ConfigError, ShapeError, TargetError
from kerasaudit.observation.live import observe
from kerasaudit.observation.trained import (
    Compiled,
    HeldWeight,
    OutputLoss,
    compiled,
    held_weights,
)

__all__ = [
    "AppliedCall",
    "Backprop",
    "ByPath",
    "Logits",
    "Network",
    "Prepared",
    "Run",
    "backprop",
    "forward",
    "logits_behind",
    "prepare",
    "read_network",
]


@dataclass(frozen=True, slots=True)
class AppliedCall:
    """One call of a layer as it was run: where its inputs came from, and both its passes.

    `number` counts the layer's calls in the order in which they are made.
    """

    path: str
    number: int
    layer: LayerConfig
    inputs: tuple[Source, ...]
    applied: Applied


class ByPath(dict[str, Array]):
    """Arrays by the weights' paths in Keras ("model/conv2d/kernel").

    They are also found by the layer's path and the weight's name within it ("conv2d/kernel").
    """

    def __init__(self, arrays: Mapping[str, Array], others: Mapping[str, str]) -> None:
        super().__init__(arrays)
        self._others = others

    def __missing__(self, key: str) -> Array:
        other = self._others.get(key)
        if other is None or other not in self:
            raise KeyError(key)
        return self[other]


@dataclass(frozen=True, slots=True)
class Backprop:
    """The derived pass over one batch.

    `loss` includes the regularisers' terms. `gradients` are by the weights' paths, trainable ones
    only. `values` are what each call gave, by (layer path, call number); `calls` are in order.
    `by_output` is the derivative of the loss by each prediction, `by_input` by each input.
    `updates` are what the pass gives weights that no gradient updates, by their paths.
    """

    loss: float
    predictions: tuple[Array, ...]
    gradients: Mapping[str, Array]
    values: Mapping[tuple[str, int], tuple[Array, ...]]
    calls: tuple[AppliedCall, ...]
    by_output: tuple[Array | None, ...]
    by_input: tuple[Array | None, ...]
    updates: Mapping[str, Array]


@dataclass(frozen=True)
class Network:
    """A live model as the derivation reads it: its architecture and its weights' values.

    `paths` has a path for each variable, by its identity.
    """

    name: str
    architecture: Architecture
    layers: Mapping[str, LayerConfig]
    input_names: tuple[str, ...]
    weights: tuple[HeldWeight, ...]
    paths: Mapping[int, str]

    @cached_property
    def identities(self) -> dict[str, dict[str, int]]:
        """For each layer its weights' names, and which variables they are."""
        found: dict[str, dict[str, int]] = {}
        for weight in self.weights:
            found.setdefault(weight.layer, {})[weight.name] = weight.identity
        return found

    @cached_property
    def by_layer(self) -> dict[str, str]:
        """The path of each variable by the layer that holds it and its name there."""
        return {f"{one.layer}/{one.name}": self.paths[one.identity] for one in self.weights}


def backprop(
    model: Any,
    x: Any,
    y: Any,
    loss: Any = None,
    sample_weight: Any = None,
    *,
    training: bool = False,
    masks: Mapping[str, Any] | None = None,
) -> Backprop:
    """Derive the gradient of every trainable weight by the chain rule, in NumPy and float64.

    No backend takes part: the model's config says what it computes, and its weights are read.

    Args:
        model: a built Sequential or Functional Keras model.
        x: input, as `fit` takes it: an array, or a list or dict of arrays, batch axis first.
        y: targets, likewise.
        loss: a loss, by name or as an object, or a list or dict of them; `None`: the one that the
            model was compiled with.
        sample_weight: a weight for each example, or a list or dict of them for several outputs.
        training: batch normalisation takes the batch's own statistics, as a training step does.
        masks: what each dropout keeps, by layer path, as zeros and ones; a dropout without one
            does nothing.

    Raises:
        UnsupportedError: no gradient is derived of a layer, a loss or a regulariser; it is named.
        ConfigError: no loss is known.
        ShapeError: the batch does not fit the model.
        TargetError: the model is not built, or its config holds no graph.

    A dense unit without bias, o = w · x, and the loss (o − t)²: ∂L/∂w = 2 · (o − t) · x.

    >>> import keras
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(
    ...     1, use_bias=False, kernel_initializer="ones", name="out")])
    >>> found = backprop(model, np.array([[3.0, 4.0]]), np.array([[2.0]]), loss="mse")
    >>> list(found.gradients) == [model.weights[0].path]
    True
    >>> found.loss, found.gradients["out/kernel"].tolist()  # 2 · (7 − 2) · (3, 4)
    (25.0, [[30.0], [40.0]])
    """
    return prepare(model, x, y, loss, sample_weight, training=training, masks=masks).derive()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A model, a batch and a loss, read and checked: ready to be derived."""

    network: Network
    x: Any
    losses: Compiled
    targets: Sequence[Any]
    sample_weights: Sequence[Any]
    mode: Mode

    def derive(self) -> Backprop:
        """Both passes."""
        run = forward(self.network, self.x, self.mode)
        return _backward(self.network, run, self.losses, self.targets, self.sample_weights)

    def with_weight(self, identity: int, value: Array) -> Prepared:
        """The same with another value of one variable."""
        changed = tuple(
            replace(one, value=value) if one.identity == identity else one
            for one in self.network.weights
        )
        return replace(self, network=replace(self.network, weights=changed))


def prepare(
    model: Any,
    x: Any,
    y: Any,
    loss: Any = None,
    sample_weight: Any = None,
    *,
    training: bool = False,
    masks: Mapping[str, Any] | None = None,
) -> Prepared:
    """Read what `backprop` is given; it says what the arguments are and what is raised."""
    network = read_network(model)
    losses = compiled(model, loss)
    for one in losses.losses:
        if one is not None:
            known_loss(one.config)
    mode = Mode(training, {path: np.asarray(mask) for path, mask in (masks or {}).items()})
    known = tuple(network.layers)
    for path in mode.masks:
        if not any(path == one or path.startswith(f"{one}/") for one in known):
            raise ConfigError(f"masks: expected paths of layers, received {path!r}")
    return Prepared(
        network,
        x,
        losses,
        _by_output(y, losses.names, "y"),
        _by_output(sample_weight, losses.names, "sample_weight", shared=True),
        mode,
    )


# -- reading ------------------------------------------------------------------------------------


def read_network(model: Any) -> Network:
    """Read a live model once; it may then be run with other values and batches.

    Raises:
        TargetError: it is not built, or its config holds no graph.
    """
    observation = observe(model)
    if observation.config is None:
        raise TargetError(f"model {model.name!r}: {observation.config_error}")
    architecture = derive_architecture(observation.config)
    if not architecture.built or architecture.outputs is None:
        raise TargetError(f"model {model.name!r}: expected a built model, received one that is not")
    weights = tuple(held_weights(model))
    return Network(
        name=model.name,
        architecture=architecture,
        layers={layer.path: layer.config for layer in architecture.layers},
        input_names=tuple(
            one.key or one.layer for one in read_graph(LayerConfig(observation.config)).inputs
        ),
        weights=weights,
        paths=_paths(weights),
    )


def _paths(weights: Sequence[HeldWeight]) -> dict[int, str]:
    """A path for each variable: Keras's own, and where two have the same, by the layer's."""
    by_path: dict[str, int] = {}
    found: dict[int, str] = {}
    for weight in weights:
        if weight.identity in found:
            continue
        path = weight.path
        if by_path.setdefault(path, weight.identity) != weight.identity:
            path = f"{weight.layer}/{weight.name}"
        found[weight.identity] = path
    return found


# -- forward ------------------------------------------------------------------------------------


@dataclass(slots=True)
class Run:
    """A forward pass: every call as it was run, and what each gave."""

    calls: list[AppliedCall] = field(default_factory=list)
    outputs: list[tuple[Array, ...]] = field(default_factory=list)
    fed: tuple[Array, ...] = ()

    def value(self, source: Source) -> Array:
        """The tensor that a source means."""
        if source.call is None:
            return self.fed[source.output]
        return self.outputs[source.call][source.output]


def forward(network: Network, x: Any, mode: Mode) -> Run:
    """Run the model forward."""
    run = Run(fed=_fed(network, x))
    times: Counter[str] = Counter()
    weights: dict[str, dict[str, Array]] = {}
    for weight in network.weights:
        weights.setdefault(weight.layer, {})[weight.name] = weight.value
    for call in network.architecture.calls:
        layer, sources = _readable(network, call)
        inputs = [run.value(source) for source in sources]
        try:
            applied = apply_layer(layer, weights.get(call.path, {}), inputs, mode.at(call.path))
        except (ValueError, IndexError) as error:  # NumPy's: what the config says does not fit
            shapes = ", ".join(str(one.shape) for one in inputs)
            raise ShapeError(f"{layer}: cannot be run on inputs of {shapes}: {error}") from error
        number = times[call.path]  # a call's own number counts within its model alone
        times[call.path] += 1
        run.calls.append(AppliedCall(call.path, number, layer, sources, applied))
        run.outputs.append(applied.outputs)
    return run


def _readable(network: Network, call: Call) -> tuple[LayerConfig, tuple[Source, ...]]:
    """A call's layer and the sources of its inputs.

    Raises:
        UnsupportedError: it takes a mask, a state or a constant, or what it takes is not known.
    """
    layer = network.layers[call.path]
    sources = call.inputs or ()
    known = tuple(source for source in sources if source is not None)
    if call.sources is None or not known or len(known) != len(sources):
        layer.unsupported("no gradient is derived of a call that takes a constant")
    if {one[:2] for one in call.sources} - {one[:2] for one in known}:
        layer.unsupported("no gradient is derived of a call that takes a mask or a state")
    return (layer.called_with(call.switches) if call.switches else layer), known


def _fed(network: Network, x: Any) -> tuple[Array, ...]:
    """The model's inputs in order, in the dtypes that it takes them in, and then in float64."""
    arrays = _by_output(x, network.input_names, "x")
    dtypes: dict[int, str] = {}
    for call in network.architecture.calls:
        for source in call.sources or ():
            if call.class_name == "InputLayer" and source.call is None:
                dtypes[source.output] = str(network.layers[call.path].get("dtype", "float32"))
    fed = tuple(
        _as_fed(network, array, network.architecture.input_shapes[number], dtypes.get(number))
        for number, array in enumerate(arrays)
    )
    lengths = {len(one) for one in fed if one.ndim}
    if len(lengths) > 1 or 0 in lengths:
        received = " and ".join(map(str, sorted(lengths)))
        raise ShapeError(
            f"model {network.name!r}: expected inputs of one length, at least one example, "
            f"received {received}"
        )
    return fed


def _as_fed(network: Network, given: Any, shape: Shape, dtype: str | None) -> Array:
    try:
        array = np.asarray(given)
    except ValueError as error:  # rows of unequal lengths
        raise ShapeError(
            f"model {network.name!r}: expected numbers of shape {shape}, received "
            f"{type(given).__name__}: {error}"
        ) from error
    if array.dtype.name == "bfloat16":
        array = array.astype(np.float32)  # NumPy itself takes it for no number
    if array.ndim == len(shape) - 1 and shape[-1] == 1:
        array = array[..., None]  # Keras adds a missing last axis of 1, and takes one away
    elif array.ndim == len(shape) + 1 and array.shape[-1] == 1:
        array = array[..., 0]
    fits = len(array.shape) == len(shape) and all(
        e is None or e == n for e, n in zip(shape, array.shape, strict=True)
    )
    if not fits or array.dtype.kind not in "fiub":
        raise ShapeError(
            f"model {network.name!r}: expected numbers of shape {shape}, received "
            f"{array.dtype} of {array.shape}"
        )
    kind = dtype or "float32"
    if kind.startswith(("int", "uint", "bool")):
        return array.astype(np.int64)
    if kind in ("float32", "float16"):
        array = array.astype(kind)  # what the model is fed is rounded so before it is used
    return array.astype(np.float64)


def _by_output(given: Any, names: Sequence[str], what: str, *, shared: bool = False) -> list[Any]:
    """What is given for each input or output: alone, as a list, or as a dict by their names."""
    if isinstance(given, Mapping):
        if set(given) - set(names):
            raise ShapeError(
                f"{what}: expected a mapping with keys among {list(names)}, received {list(given)}"
            )
        return [given.get(name) for name in names]
    if given is None or (shared and not isinstance(given, (list, tuple))):
        return [given] * len(names)
    if len(names) == 1 and not (isinstance(given, (list, tuple)) and len(given) == 1):
        return [given]
    if not isinstance(given, (list, tuple)) or len(given) != len(names):
        received = len(given) if isinstance(given, (list, tuple)) else type(given).__name__
        raise ShapeError(f"{what}: expected {len(names)} arrays, received {received}")
    return list(given)


# -- backward -----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Sums:
    """Derivatives added up by what they are derivatives of."""

    tensors: dict[tuple[int | None, int], Array] = field(default_factory=dict)
    before: dict[int, Array] = field(default_factory=dict)
    weights: dict[int, Array] = field(default_factory=dict)

    def add(self, source: Source, g: Array) -> None:
        """Add the derivative by a tensor."""
        key = (source.call, source.output)
        self.tensors[key] = self.tensors[key] + g if key in self.tensors else g

    def of_weight(self, weight: HeldWeight) -> Array:
        """The derivative by a weight: zeros where the loss does not depend on it."""
        return self.weights.get(weight.identity, np.zeros(weight.value.shape))

    def add_weight(self, identity: int, g: Array) -> None:
        """Add the derivative by a weight."""
        self.weights[identity] = self.weights[identity] + g if identity in self.weights else g


def _backward(
    network: Network,
    run: Run,
    losses: Compiled,
    targets: Sequence[Any],
    sample_weights: Sequence[Any],
) -> Backprop:
    sums = _Sums()
    outputs = network.architecture.outputs or ()
    total = 0.0
    by_output: list[Array | None] = []
    for source, one, target, weight in zip(
        outputs, losses.losses, targets, sample_weights, strict=True
    ):
        if one is None:
            by_output.append(None)
            continue
        value, g = _of_output(run, sums, losses, source, one, target, weight)
        total += value
        by_output.append(g)
    for number in range(len(run.calls) - 1, -1, -1):
        total += _through(network, run, sums, number)
    total += _penalties(network, sums)
    found = {
        network.paths[weight.identity]: sums.of_weight(weight)
        for weight in network.weights
        if weight.trainable
    }
    return Backprop(
        loss=total,
        predictions=tuple(run.value(source) for source in outputs),
        gradients=ByPath(found, network.by_layer),
        values={(call.path, call.number): call.applied.outputs for call in run.calls},
        calls=tuple(run.calls),
        by_output=tuple(by_output),
        by_input=tuple(sums.tensors.get((None, i)) for i in range(len(run.fed))),
        updates=ByPath(_updates(network, run), network.by_layer),
    )


def _of_output(
    run: Run,
    sums: _Sums,
    losses: Compiled,
    source: Source,
    one: OutputLoss,
    target: Any,
    weight: Any,
) -> tuple[float, Array]:
    """The loss of one output; its derivative is entered where the loss looks at."""
    predicted = run.value(source)
    value, g = loss(one.config, target, predicted, weight, epsilon=losses.epsilon)
    logits = logits_behind(run, losses, source, one, target)
    if logits is None:
        sums.add(source, one.weight * g)
        return one.weight * value, one.weight * g
    value, by_logits = loss(
        one.config, target, logits.values, weight, epsilon=losses.epsilon, logits=True
    )
    sums.before[logits.call] = sums.before.get(logits.call, 0.0) + one.weight * by_logits
    return one.weight * value, one.weight * g


@dataclass(frozen=True, slots=True)
class Logits:
    """What the sigmoid or softmax of a call is computed of, where a loss is computed of it too.

    `undone`: the loss takes them for what that activation takes them for, so that it is the loss
    of the predictions.
    """

    call: int
    values: Array
    undone: bool


def logits_behind(
    run: Run, losses: Compiled, source: Source, one: OutputLoss, target: Any
) -> Logits | None:
    """The logits behind a prediction, where Keras computes the loss from them.

    On TensorFlow a sigmoid or softmax leaves them on its output, on which a cross-entropy looks for
    them, so that nothing is clipped. It finds them behind layers that hand on what they are given,
    and takes those of a softmax as it takes those of a sigmoid. A change of dtype or of shape on
    the way loses them.
    """
    predicted = run.value(source)
    if (
        losses.backend != "tensorflow"
        or not takes_logits(one.config)
        or aligned(np.asarray(target), predicted)[1].shape != predicted.shape
    ):
        return None
    while source.call is not None:
        call = run.calls[source.call]
        if compute_dtype(call.layer) != one.dtype:
            return None
        if call.applied.before is not None:
            kind, linear = call.applied.before
            binary = known_loss(one.config)[0] == "BinaryCrossentropy"
            undone = kind == ("sigmoid" if binary else "softmax")
            return Logits(source.call, linear.outputs[0], undone)
        if run.value(call.inputs[0]) is not predicted:
            return None
        source = call.inputs[0]
    return None


def _through(network: Network, run: Run, sums: _Sums, number: int) -> float:
    """Carry the derivatives by a call's outputs on to its inputs and weights.

    Returns what the call itself adds to the loss.
    """
    call = run.calls[number]
    applied = call.applied
    by_outputs = [sums.tensors.get((number, i)) for i in range(len(applied.outputs))]
    activity = _activity(call, by_outputs)
    passes = []
    if any(g is not None for g in by_outputs):
        full = tuple(
            np.zeros(value.shape) if g is None else g
            for g, value in zip(by_outputs, applied.outputs, strict=True)
        )
        passes.append(applied.backward(full))
    if number in sums.before and applied.before is not None:
        passes.append(applied.before[1].backward((sums.before[number],)))
    held = network.identities.get(call.path, {})
    for found in passes:
        for name, g in found.weights.items():
            sums.add_weight(held[name], g)
        for source, by_input in zip(call.inputs, found.inputs, strict=True):
            if by_input is not None:
                sums.add(source, by_input)
    return activity


def _activity(call: AppliedCall, by_outputs: list[Array | None]) -> float:
    """What a regulariser of a call's outputs adds to the loss, divided by the batch's length."""
    layer = call.layer
    config = layer.get("activity_regularizer")
    if config is None and layer.class_name == "ActivityRegularization":
        config = {"class_name": "L1L2", "config": layer.config}
    if config is None:
        return 0.0
    total = 0.0
    for i, output in enumerate(call.applied.outputs):
        value, slope = penalty(config, output, f"{layer}: activity")
        share, slope = value / len(output), slope / len(output)
        held = by_outputs[i]
        by_outputs[i] = slope if held is None else held + slope
        total += share
    return total


def _penalties(network: Network, sums: _Sums) -> float:
    """What the regularisers of weights add to the loss, their derivatives entered."""
    total, seen = 0.0, set()
    for weight in network.weights:
        if weight.regularizer is None or not weight.trainable or weight.identity in seen:
            continue
        seen.add(weight.identity)
        value, slope = penalty(weight.regularizer, weight.value, f"weight {weight.path!r}")
        total += value
        sums.add_weight(weight.identity, slope)
    return total


def _updates(network: Network, run: Run) -> dict[str, Array]:
    found: dict[str, Array] = {}
    for call in run.calls:
        if call.applied.updates:
            held = network.identities[call.path]
            for name, value in call.applied.updates.items():
                found[network.paths[held[name]]] = value
    return found
