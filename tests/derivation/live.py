"""What live Keras makes of a layer, in the form in which it is compared with a derivation."""

from __future__ import annotations

import copy
import json
import os
from dataclasses import dataclass
from typing import Any

import keras
from hypothesis import settings

from kerasaudit.derivation.rule import Derivation, derive
from kerasaudit.derivation.seed import SEED_DTYPES
from kerasaudit.derivation.shape import compatible
from kerasaudit.errors import KerasAuditError

_SCALE = float(os.environ.get("KERASAUDIT_EXAMPLES", "1"))

# A rule for a model that a layer holds; models themselves are audited layer by layer.
MODELS = {"Sequential", "Functional"}

# Rules that refuse every config: tests/derivation/test_preprocessing.py.
FOREIGN = {"TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"}

# Layers whose output shape a config need not say.
UNKNOWN_OUTPUT = {"Lambda"}

# Keras gives these variables no name of their own (it makes up "variable_7").
UNNAMED = {"LayerScale": ("gamma",)}


def examples(count: int) -> settings:
    """Hypothesis settings for `count` examples, times KERASAUDIT_EXAMPLES."""
    return settings(max_examples=max(1, round(count * _SCALE)))


@dataclass(frozen=True)
class Case:
    """One generated configuration: a class, its constructor's arguments, the shapes it is fed.

    `shapes` is one shape, a list of them for a layer that takes several inputs, or a dict of them
    (lists of them) by the arguments of its call, the first of which is passed by its place. A layer
    that it holds stands among the arguments as its serialised config.
    """

    class_name: str
    arguments: dict[str, Any]
    shapes: Any
    module: str = "keras.layers"

    @property
    def several(self) -> bool:
        return isinstance(self.shapes, list)


def layer_class(case: Case) -> type:
    if case.module == "keras.layers":
        return getattr(keras.layers, case.class_name)
    # A private layer of keras.applications, such as "keras.src.applications.convnext".
    return getattr(__import__(case.module, fromlist=[case.class_name]), case.class_name)


def construct(case: Case) -> Any:
    """The layer itself."""
    # Keras takes the configs apart that it is given.
    given = copy.deepcopy(case.arguments)
    arguments = {key: _with_layers(value) for key, value in given.items()}
    return layer_class(case)(**arguments)


def _with_layers(value: Any) -> Any:
    """The layers that serialised configs stand for, alone or in a list; anything else as it is."""
    if isinstance(value, list):
        return [_with_layers(one) for one in value]
    serialised_layer = isinstance(value, dict) and {"class_name", "config"} <= set(value)
    return keras.saving.deserialize_keras_object(value) if serialised_layer else value


def as_json(config: dict[str, Any]) -> dict[str, Any]:
    """The config as it comes out of a file: tuples have become lists."""
    return json.loads(json.dumps(config))


def serialised(case: Case, layer: keras.layers.Layer | None) -> dict[str, Any]:
    """Keras's own config of the layer; written by hand where Keras refuses to construct it."""
    if layer is not None:
        return keras.saving.serialize_keras_object(layer)
    return {"module": case.module, "class_name": case.class_name, "config": case.arguments}


def check(case: Case, exceptions: Any = ()) -> str:
    """Assert that derivation and live Keras say the same of `case`.

    Either both raise, or they agree on everything. Returns which: "agreed" or "refused".
    """

    def excused(stricter: str) -> bool:
        return any(one.stricter == stricter and one.matches(case) for one in exceptions)

    layer = output = None
    try:
        layer = construct(case)
        config = as_json(serialised(case, layer))
        output = _call(layer, case.shapes)
    except Exception as error:  # noqa: BLE001 - ValueError, TypeError, IndexError, …
        refusal = error
        config = as_json(serialised(case, layer))
    else:
        refusal = None
    try:
        derivation, ours = derive(config, case.shapes), None
    except KerasAuditError as error:
        derivation, ours = None, error
    if ours is not None:
        assert refusal is not None or excused("kerasaudit"), f"only we refuse {case}: {ours}"
        return "refused"
    if refusal is not None:
        assert excused("keras"), f"only Keras refuses {case}: {refusal!r}; derived {derivation}"
        return "refused"
    compare(derivation, layer, output, case)
    # A config written after build holds values that build() filled in or rewrote.
    again = derive(as_json(serialised(case, layer)), case.shapes)
    assert again == derivation, case
    return "agreed"


def compare(derivation: Derivation, layer: Any, output: Any, case: object) -> None:
    unnamed = UNNAMED.get(type(layer).__name__)
    prefix = f"{layer.name}/"
    names = unnamed or tuple(weight.path.removeprefix(prefix) for weight in layer.weights)
    assert tuple(weight.name for weight in derivation.weights) == names, case
    updated = {id(weight) for weight in layer.trainable_weights}
    for ours, live in zip(derivation.weights, layer.weights, strict=True):
        assert ours.shape == tuple(live.shape), (case, ours)
        assert keras.backend.standardize_dtype(ours.dtype) == live.dtype, (case, ours)
        assert ours.trainable == (id(live) in updated), (case, ours)
    assert derivation.params == layer.count_params(), case
    if output is None:  # an abstract layer, which cannot be called
        assert (derivation.output_shape, derivation.macs) == (None, None), case
        return
    if derivation.output_shape is None:
        assert type(layer).__name__ in UNKNOWN_OUTPUT, case
        return
    shapes, outputs = _shapes(derivation), keras.tree.flatten(output)
    assert len(shapes) == len(outputs), (case, derivation, output)
    for shape, one in zip(shapes, outputs, strict=True):
        assert compatible(shape, tuple(one.shape)), (case, derivation, output)
        for ours, live in zip(shape, one.shape, strict=True):
            assert live is None or ours == live, (case, derivation, output)  # ours may know more


def compare_state(derivation: Derivation, layer: Any, case: object) -> None:
    """The random generators' states, which Keras has in `variables` alone, and an RNN's states."""
    weights = {id(weight) for weight in layer.weights}
    seeds = [variable for variable in layer.variables if id(variable) not in weights]
    kept = keras.tree.flatten(getattr(layer, "states", None) or ())
    ours = {
        which: [one for one in derivation.state if one.name.endswith(which)]
        for which in ("seed_generator/seed_generator_state", "rnn_state")
    }
    assert [len(found) for found in ours.values()] == [len(seeds), len(kept)], case
    assert len(derivation.state) == len(seeds) + len(kept), case
    for one, live in zip([w for found in ours.values() for w in found], seeds + kept, strict=True):
        dtype = SEED_DTYPES[keras.backend.backend()] if one.dtype == "seed" else one.dtype
        assert (one.shape, dtype) == (tuple(live.shape), live.dtype), (case, one)
        assert one.name.rpartition("/")[2] == live.path.rpartition("/")[2], (case, one)


def _shapes(derivation: Derivation) -> tuple[Any, ...]:
    shape = derivation.output_shape
    return shape if shape and isinstance(shape[0], tuple) else (shape,)


def _call(layer: keras.layers.Layer, shapes: Any) -> Any:
    """The layer's output on symbolic tensors; an InputLayer has one without being called."""
    if isinstance(layer, keras.layers.InputLayer):
        return layer.output
    if type(layer) is keras.layers.Wrapper:
        return layer.build(shapes)
    if isinstance(shapes, dict):
        (_, first), *others = shapes.items()
        return layer(_tensors(first), **{name: _tensors(shape) for name, shape in others})
    return layer(_tensors(shapes))


def _tensors(shapes: Any) -> Any:
    if isinstance(shapes, list):
        return [_tensors(shape) for shape in shapes]
    return keras.KerasTensor(shapes)
