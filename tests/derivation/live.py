"""What live Keras makes of a layer, in the form in which it is compared with a derivation."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

import keras
from hypothesis import settings

from kerasaudit.derivation.rule import Derivation, derive
from kerasaudit.derivation.shape import compatible
from kerasaudit.errors import KerasAuditError

_SCALE = float(os.environ.get("KERASAUDIT_EXAMPLES", "1"))

# A rule for a model that a layer holds; models themselves are audited layer by layer.
MODELS = {"Sequential", "Functional"}

# Keras gives these variables no name of their own (it makes up "variable_7").
UNNAMED = {"LayerScale": ("gamma",)}


def examples(count: int) -> settings:
    """Hypothesis settings for `count` examples, times KERASAUDIT_EXAMPLES."""
    return settings(max_examples=max(1, round(count * _SCALE)))


@dataclass(frozen=True)
class Case:
    """One generated configuration: a class, its constructor's arguments, the shapes it is fed.

    `shapes` is one shape, or a list of them for a layer that takes several inputs.
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
        layer = layer_class(case)(**case.arguments)
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
    assert compatible(derivation.output_shape, tuple(output.shape)), (case, derivation, output)
    for ours, live in zip(derivation.output_shape, output.shape, strict=True):
        assert live is None or ours == live, (case, derivation, output)  # ours may know more


def _call(layer: keras.layers.Layer, shapes: Any) -> Any:
    """The layer's output on symbolic tensors; an InputLayer has one without being called."""
    if isinstance(layer, keras.layers.InputLayer):
        return layer.output
    if isinstance(shapes, list):
        return layer([keras.KerasTensor(shape) for shape in shapes])
    return layer(keras.KerasTensor(shapes))
