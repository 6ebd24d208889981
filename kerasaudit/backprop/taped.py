"""What the backend's own tape says of a model, and a copy of the model in float64.

With `kerasaudit.observation`, the module of the derived side that touches Keras: it is what the
derived gradients are held against.
"""

from __future__ import annotations

import copy as copying
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerasaudit.backprop.rule import Array
from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import named_inputs
from kerasaudit.errors import TargetError, one_line
from kerasaudit.gradients.batch import Batch, loss_function, untouched
from kerasaudit.observation.trained import Compiled, value_of
from kerasaudit.observation.tree import serialised

__all__ = ["Copy", "Taped", "draws_at_random", "dtypes_of", "float64_copy", "on_tape", "wrapped"]

_FLOATS = ("float16", "bfloat16", "float32", "float64", "mixed_float16", "mixed_bfloat16")


@dataclass(frozen=True, slots=True)
class Taped:
    """A pass under the tape: derivatives by the trainable variables in order, and by the inputs.

    A derivative that is not there is `None`.
    """

    loss: float
    predictions: tuple[Array, ...]
    gradients: tuple[Array | None, ...]
    by_inputs: tuple[Array | None, ...]


def on_tape(
    model: Any, x: Any, y: Any, loss: Any, sample_weight: Any = None, *, training: bool = False
) -> Taped:
    """One pass forward and backward, with nothing of the model changed.

    Raises:
        TargetError: the model cannot be run on this batch.
    """
    from keras import backend, ops, tree

    of_batch = loss_function(model, loss)
    targets = tree.map_structure(ops.convert_to_tensor, y)
    weights = None
    if sample_weight is not None:
        weights = tree.map_structure(ops.convert_to_tensor, sample_weight)
    has_mode = model._call_has_training_arg  # noqa: SLF001 - Keras gives it no public name

    def run(inputs: list[Any]) -> tuple[Any, Any]:
        given = tree.pack_sequence_as(x, inputs)
        predicted = model(given, training=training) if has_mode else model(given)
        return of_batch(Batch(given, targets, weights), predicted), predicted

    inputs = [ops.convert_to_tensor(one) for one in tree.flatten(x)]
    differentiate = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[backend.backend()]
    try:
        with untouched(model):
            value, predicted, grads = differentiate(run, model.trainable_variables, inputs)
    except Exception as error:  # backends and users' layers raise anything
        described = one_line(f"{type(error).__name__}: {error}")
        raise TargetError(
            f"model {model.name!r}: cannot be run on this batch: {described}"
        ) from error
    figure = value_of(value)
    if figure.shape != ():
        raise TargetError(
            f"model {model.name!r}: expected one figure of its loss, received an array of "
            f"{figure.shape}: no reduction makes one of it"
        )
    found = [None if g is None else value_of(g) for g in grads]
    count = len(model.trainable_variables)
    return Taped(
        float(figure),
        tuple(value_of(one) for one in tree.flatten(predicted)),
        tuple(found[:count]),
        tuple(found[count:]),
    )


def draws_at_random(
    model: Any, x: Any, y: Any, loss: Any, sample_weight: Any, before: float
) -> bool:
    """Whether a pass in training has another loss with other random numbers."""
    layers = model._flatten_layers()  # noqa: SLF001 - Keras gives it no public name
    generators = [one for layer in layers for one in layer._seed_generators]  # noqa: SLF001 - nor to these
    with untouched(model):
        for generator in generators:
            generator.state.assign(generator.state + 1)
        return bool(generators) and (
            on_tape(model, x, y, loss, sample_weight, training=True).loss != before
        )


_Run = Callable[[list[Any]], tuple[Any, Any]]


def _tensorflow(run: _Run, variables: Sequence[Any], inputs: list[Any]) -> tuple[Any, Any, Any]:
    import tensorflow as tf

    with tf.GradientTape() as tape:
        for one in inputs:
            if one.dtype.is_floating:
                tape.watch(one)
        value, predicted = run(inputs)
    grads = tape.gradient(value, [*variables, *inputs])
    dense = [None if g is None else tf.convert_to_tensor(g) for g in grads]
    return value, predicted, dense


def _jax(run: _Run, variables: Sequence[Any], inputs: list[Any]) -> tuple[Any, Any, Any]:
    import jax
    from jax import numpy as jnp
    from keras import StatelessScope

    smooth = [i for i, one in enumerate(inputs) if jnp.issubdtype(one.dtype, jnp.floating)]

    def of_values(values: list[Any], floats: list[Any]) -> tuple[Any, tuple[Any, Any]]:
        given = list(inputs)
        for i, one in zip(smooth, floats, strict=True):
            given[i] = one
        with StatelessScope(list(zip(variables, values, strict=True)), collect_losses=True):
            value, predicted = run(given)
        return value, (value, predicted)

    values = [variable._value for variable in variables]  # noqa: SLF001 - without autocast
    differentiated = jax.grad(of_values, argnums=(0, 1), has_aux=True)
    (grads, by_floats), (value, predicted) = differentiated(values, [inputs[i] for i in smooth])
    by_inputs: list[Any] = [None] * len(inputs)
    for i, g in zip(smooth, by_floats, strict=True):
        by_inputs[i] = g
    return value, predicted, [*grads, *by_inputs]


def _torch(run: _Run, variables: Sequence[Any], inputs: list[Any]) -> tuple[Any, Any, Any]:
    import torch

    given = [
        one.detach().requires_grad_() if one.dtype.is_floating_point else one for one in inputs
    ]
    asked = [variable._value for variable in variables]  # noqa: SLF001 - without autocast
    smooth = [i for i, one in enumerate(given) if one.requires_grad]
    with torch.enable_grad():
        value, predicted = run(given)
        found = torch.autograd.grad(value, [*asked, *(given[i] for i in smooth)], allow_unused=True)
    by_inputs: list[Any] = [None] * len(inputs)
    for i, g in zip(smooth, found[len(asked) :], strict=True):
        by_inputs[i] = g
    return value, predicted, [*found[: len(asked)], *by_inputs]


# -- in float64 ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of a model that computes in float64, and the loss in the same."""

    model: Any
    loss: Any
    x: Any
    y: Any
    sample_weight: Any
    training: bool

    def taped(self) -> Taped:
        """A pass of the copy under the tape."""
        with _floatx64():
            return on_tape(
                self.model,
                self.x,
                self.y,
                self.loss,
                self.sample_weight,
                training=self.training,
            )

    def value(self, position: int, values: Array, *, of_input: bool = False) -> float:
        """The loss with other values of a trainable variable, or of an input."""
        from keras import tree

        x = tree.flatten(self.x)
        variable = None if of_input else self.model.trainable_variables[position]
        before = None if variable is None else value_of(variable)
        if variable is None:
            x[position] = values
        else:
            variable.assign(values)
        try:
            return self._run(tree.pack_sequence_as(self.x, x))
        finally:
            if variable is not None:
                variable.assign(before)

    def is_exact(self) -> bool:
        """Whether the loss is computed in float64 from end to end.

        On PyTorch Keras divides by the batch's length in float32: a finite difference of that is
        noise.
        """
        from keras import backend

        if backend.backend() != "torch":
            return True
        with _floatx64():
            predicted = self._predicted(self.x)
            alone = float(value_of(self.loss(self.y, predicted, self.sample_weight)))
        return alone != np.float32(alone)

    def _predicted(self, x: Any) -> Any:
        has_mode = self.model._call_has_training_arg  # noqa: SLF001 - Keras gives it no public name
        return self.model(x, training=self.training) if has_mode else self.model(x)

    def _run(self, x: Any) -> float:
        with _floatx64(), untouched(self.model):
            of_batch = loss_function(self.model, self.loss)
            batch = Batch(x, self.y, self.sample_weight)
            return float(value_of(of_batch(batch, self._predicted(x))))


def float64_copy(
    model: Any,
    x: Any,
    y: Any,
    loss: Any,
    sample_weight: Any,
    *,
    training: bool,
    make: Callable[[], Any] | None = None,
) -> Copy | None:
    """The model in float64, on the same batch; `None` where none can be made.

    `make` makes it, where it is not to be made from the model. A layer that cannot be made again
    from its config, and a backend without float64, cannot be copied.
    """
    import keras

    if _array_of_float64().dtype != np.float64:
        return None  # JAX has no float64 unless it is told so when it starts
    try:
        with _floatx64():
            if make is None:
                clone = keras.models.clone_model(model, clone_function=_made_in_float64)
            else:
                clone = make()
            if not _take_over(model, clone):
                return None
            fed = _in_float64(x)
            losses = _losses_in_float64(model, loss)
            targets, weights = _in_float64(y), _in_float64(sample_weight)
            copy = Copy(clone, losses, fed, targets, weights, training)
            exact = copy.is_exact()
    except Exception:  # noqa: BLE001 - users' layers raise anything; the caller does without
        return None
    return copy if exact else None


def dtypes_of(model: Any, losses: Compiled | None) -> set[str]:
    """The dtypes that a model's layers and its losses compute in."""
    from keras import config

    layers = model._flatten_layers()  # noqa: SLF001 - Keras gives it no public name
    found = {str(one.compute_dtype) for one in layers if one.weights}
    known = [one for one in (losses.losses if losses else ()) if one is not None]
    return found | ({one.dtype for one in known} or {str(config.floatx())})


@contextmanager
def _floatx64() -> Iterator[None]:
    from keras import config

    # The policy is made of floatx once, by the first layer of the process: layers that another
    # layer makes for itself take that one.
    before, policy = config.floatx(), config.dtype_policy()
    config.set_floatx("float64")
    config.set_dtype_policy("float64")
    try:
        yield
    finally:
        config.set_floatx(before)
        config.set_dtype_policy(policy)


def _made_in_float64(layer: Any) -> Any:
    config = copying.deepcopy(layer.get_config())
    stack: list[Any] = [config]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            if _is_float_policy(item.get("dtype")):
                item["dtype"] = "float64"
            stack += item.values()
        elif isinstance(item, (list, tuple)):
            stack += item
    return type(layer).from_config(config)


def _is_float_policy(dtype: Any) -> bool:
    if isinstance(dtype, Mapping):
        dtype = (dtype.get("config") or {}).get("name")
    return isinstance(dtype, str) and dtype in _FLOATS


def _take_over(model: Any, clone: Any) -> bool:
    """Give the copy the model's values; whether it has the same weights, in float64."""
    if [v.shape for v in clone.weights] != [v.shape for v in model.weights]:
        return False
    for theirs, ours in zip(model.weights, clone.weights, strict=True):
        ours.assign(value_of(theirs) if "float" in str(ours.dtype) else theirs)
        ours.trainable = theirs.trainable
    same = len(clone.trainable_variables) == len(model.trainable_variables)
    return same and all(_kept(v) for v in clone.trainable_variables)


def _array_of_float64() -> Array:
    from keras import ops

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(ops.convert_to_numpy(ops.zeros((), dtype="float64")))


def _kept(variable: Any) -> bool:
    from keras import ops

    return np.asarray(ops.convert_to_numpy(variable)).dtype == np.float64


def _in_float64(structure: Any) -> Any:
    from keras import tree

    def one(array: Any) -> Any:
        array = np.asarray(array)
        return array.astype(np.float64) if array.dtype.kind == "f" else array

    return None if structure is None else tree.map_structure(one, structure)


def _losses_in_float64(model: Any, loss: Any) -> Any:
    """The loss, or what the model was compiled with, computed in float64."""
    import keras
    from keras.src.trainers.compile_utils import CompileLoss

    weights = None
    if loss is None:
        held = model._compile_loss  # noqa: SLF001 - Keras gives it no public name
        loss, weights = held._user_loss, held._user_loss_weights  # noqa: SLF001 - no public names

    def one(found: Any) -> Any:
        if not isinstance(found, keras.losses.Loss):
            return found  # a name or a function is computed in Keras's own float
        changed = copying.copy(found)
        changed._dtype_policy = keras.dtype_policies.get("float64")  # noqa: SLF001 - it has no setter
        changed._dtype = "float64"  # noqa: SLF001 - it has no setter
        return changed

    names = getattr(model, "output_names", None)
    return CompileLoss(keras.tree.map_structure(one, loss), weights, output_names=names)


def wrapped(layer: Any, x: Any, *, float64: bool = False) -> Any:
    """A layer as a model of its own, built on inputs like `x`.

    Args:
        layer: a Keras layer. It is built if it is not yet.
        x: an array, or a list or dict of them: by the arguments of the layer's call, where it
            takes several that have names.
        float64: make a copy of the layer that computes in float64 instead.
    """
    import keras

    def symbol(array: Any) -> Any:
        array = np.asarray(array)
        dtype = "float64" if float64 and array.dtype.kind == "f" else str(array.dtype)
        return keras.Input(batch_shape=array.shape, dtype=dtype)

    symbols = keras.tree.map_structure(symbol, x)
    names = named_inputs(LayerConfig(serialised(layer)))
    called = _made_in_float64(layer) if float64 else layer
    if names and isinstance(symbols, (list, tuple)):
        made = called(*symbols)
    elif names and isinstance(symbols, dict):
        made = called(**symbols)
    else:
        made = called(symbols)
    return keras.Model(symbols, keras.tree.flatten(made), name=f"check_of_{layer.name}")
