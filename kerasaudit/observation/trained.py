"""What a live model is trained with: its variables' values, regularisers, and its losses.

Nothing is run. With `live`, one of the modules that touch Keras.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerasaudit.errors import ConfigError, UnsupportedError
from kerasaudit.observation.live import named_weights
from kerasaudit.observation.tree import leaves

__all__ = ["Compiled", "HeldWeight", "OutputLoss", "compiled", "held_weights", "value_of"]


@dataclass(frozen=True, slots=True)
class HeldWeight:
    """A variable of a layer: its name within the layer, and what training makes of it.

    `identity` is the same for a variable that several layers hold. `regularizer` is serialised.
    """

    layer: str
    name: str
    path: str
    identity: int
    value: np.ndarray[Any, Any]
    trainable: bool
    regularizer: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class OutputLoss:
    """The loss of one output: serialised, in which dtype it is computed, and its weight."""

    config: Mapping[str, Any]
    dtype: str
    weight: float


@dataclass(frozen=True, slots=True)
class Compiled:
    """A loss for each output in their order (`None`: it has none), the outputs' names, and ε."""

    losses: tuple[OutputLoss | None, ...]
    names: tuple[str, ...]
    epsilon: float
    backend: str


def held_weights(model: Any) -> Iterator[HeldWeight]:
    """Every variable of every layer, a shared one under each layer that holds it.

    Raises:
        UnsupportedError: the model holds trainable weights outside its layers.
    """
    trained = {id(variable) for variable in model.trainable_weights}
    seen: set[int] = set()
    for path, layer in leaves(model):
        for name, variable in named_weights(layer):
            seen.add(id(variable))
            yield HeldWeight(
                layer=path,
                name=name,
                path=variable.path,
                identity=id(variable),
                value=value_of(variable),
                trainable=id(variable) in trained,
                regularizer=_regularizer(variable),
            )
    outside = sorted(v.path for v in model.trainable_weights if id(v) not in seen)
    if outside:
        raise UnsupportedError(
            f"model {model.name!r}: no gradient is derived of weights outside its layers: "
            f"{', '.join(outside)}"
        )


def value_of(variable: Any) -> np.ndarray[Any, Any]:
    """A variable or tensor of any backend as a NumPy array in float64.

    >>> import keras
    >>> value_of(keras.ops.ones((2,), "float16"))
    array([1., 1.])
    """
    from keras import ops

    return np.asarray(ops.convert_to_numpy(variable)).astype(np.float64)


def _regularizer(variable: Any) -> Mapping[str, Any] | None:
    from keras import regularizers

    held = getattr(variable, "regularizer", None)
    if held is None:
        return None
    serialised = regularizers.serialize(held)
    if not isinstance(serialised, Mapping):
        raise UnsupportedError(f"weight {variable.path!r}: its regulariser cannot be serialised")
    return serialised


def compiled(model: Any, loss: Any = None) -> Compiled:
    """The losses of a model's outputs: those given, or those that it was compiled with.

    Raises:
        ConfigError: no loss is known, or the losses do not fit the outputs.
        UnsupportedError: a loss is a function of the user's own.
    """
    from keras import backend, config

    weights = None
    if loss is None:
        held = getattr(model, "_compile_loss", None)
        if held is None:
            raise ConfigError(
                f"model {model.name!r}: expected a loss, received none, and the model is not "
                "compiled with one"
            )
        loss, weights = held._user_loss, held._user_loss_weights  # noqa: SLF001 - no public name for them
    names = tuple(_keys(model))
    losses = _each(loss, names, "loss")
    factors = _each(weights, names, "loss_weights")
    return Compiled(
        losses=tuple(
            None if one is None else _output_loss(one, 1.0 if factor is None else factor)
            for one, factor in zip(losses, factors, strict=True)
        ),
        names=names,
        epsilon=float(config.epsilon()),
        backend=backend.backend(),
    )


def _each(given: Any, names: Sequence[str], what: str) -> list[Any]:
    """What is given for each output: one for all, a list, or a dict by the outputs' names."""
    if isinstance(given, Mapping):
        unknown = sorted(set(map(str, given)) - set(names))
        if unknown:
            raise ConfigError(f"{what}: expected outputs among {names}, received {unknown}")
        return [given.get(name) for name in names]
    if isinstance(given, (list, tuple)):
        if len(given) != len(names):
            raise ConfigError(f"{what}: expected {len(names)} of them, received {len(given)}")
        return list(given)
    return [given] * len(names)


def _keys(model: Any) -> list[str]:
    """By what an output is called: the keys of a dict of outputs, or the layers' names."""
    from keras import tree

    structure = getattr(model, "_outputs_struct", None)
    if isinstance(structure, dict):
        return [str(path[0]) for path, _ in tree.flatten_with_path(structure)]
    return list(getattr(model, "output_names", None) or [model.layers[-1].name])


def _output_loss(loss: Any, weight: Any) -> OutputLoss:
    import keras

    try:
        found = keras.losses.get(loss) if isinstance(loss, (str, dict)) else loss
    except ValueError as error:
        raise ConfigError(
            f"loss: expected the name of a loss of Keras's, received {loss!r}"
        ) from error
    own = getattr(found, "__module__", "") if callable(found) else ""
    if isinstance(found, keras.losses.Loss):
        own, dtype = type(found).__module__, found.dtype
        # Some of Keras's losses leave out of their config what they were given: Huber its delta.
        options = {**found.get_config(), **getattr(found, "_fn_kwargs", {})}
        config: Mapping[str, Any] = {"class_name": type(found).__name__, "config": options}
    else:
        dtype = keras.config.floatx()
        config = {"class_name": getattr(found, "__name__", repr(found)), "config": {}}
    if not own.startswith("keras."):
        raise UnsupportedError(f"loss {config['class_name']!r}: no derivative is derived of it")
    return OutputLoss(config, dtype, float(weight))
