"""One real step of a model's optimizer, taken eagerly and watched: what it was given, what it did.

The optimizer's own code runs, on the gradients of the model's own training step; only the compiler
stays out of it, so that what passes can be read as numbers on every backend.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kerasaudit.backprop.optimizers.rule import Array, find_rule, rules
from kerasaudit.backprop.optimizers.step import (
    ACCUMULATED,
    AVERAGE,
    LOSS_SCALE,
    Optimizer,
    State,
)
from kerasaudit.errors import ConfigError, KerasAuditError, TargetError, UnsupportedError, one_line
from kerasaudit.gradients.batch import untouched
from kerasaudit.gradients.hooks import Hooks, inner_optimizer, loss_scale_of

__all__ = ["TakenStep", "take_step", "with_gradients"]


@dataclass(frozen=True, slots=True)
class TakenStep:
    """A step that was taken.

    Args:
        optimizer: as its config says it is; its rate is the one that it had.
        before, after: the weights and the optimizer's state.
        gradients: as the optimizer was given them.
        squares: of sparse gradients with rows that come several times, the sum of the squares of
            the rows as they come.
        scale: what the loss was multiplied by, and so the gradients.
        dtypes: of each weight.
        class_name: the class of the optimizer, which may be a user's own.
    """

    optimizer: Optimizer
    before: State
    after: State
    gradients: Mapping[str, Array | None]
    squares: Mapping[str, Array]
    scale: float
    dtypes: Mapping[str, str]
    class_name: str


def take_step(model: Any, x: Any, y: Any, sample_weight: Any, *, keep: bool) -> TakenStep:
    """Take one training step of a compiled model and watch its optimizer.

    Args:
        model: it is as before afterwards, unless the step is to be kept.
        x: a batch's input, as `train_on_batch` takes it.
        y: its targets.
        sample_weight: a weight for each example, or `None`.
        keep: whether the step stays taken.

    Raises:
        UnsupportedError: no rule derives what the optimizer does.
        TargetError: the step cannot be taken.
    """
    from keras.backend import standardize_dtype

    outer = model.optimizer
    _check(model, outer)
    if not outer.built:
        outer.build(model.trainable_variables)
    optimizer = _described(outer)
    before = _state(outer, optimizer)
    scale = loss_scale_of(outer)
    scale = 1.0 if scale is None else float(_numbers(scale))
    with _kept(model, optimizer, keep), _watched(model, outer) as given:
        try:
            model.train_on_batch(x, y, sample_weight=sample_weight)
        except KerasAuditError:
            raise
        except Exception as error:  # backends and users' layers raise anything
            raise TargetError(
                f"model {model.name!r}: cannot be trained on this batch: "
                + one_line(f"{type(error).__name__}: {error}")
            ) from error
        after = _state(outer, optimizer)
    if len(given) != 1:
        raise UnsupportedError(
            f"model {model.name!r}: expected its training step to call the optimizer once, "
            f"received {len(given)} calls"
        )
    variables, gradients = given[0]
    dense, squares = _dense([v.path for v in variables], gradients)
    # JAX holds float32 where float64 is asked for, unless it is told otherwise.
    dtypes = {v.path: standardize_dtype(v.value.dtype) for v in _variables(inner_optimizer(outer))}
    return TakenStep(
        optimizer,
        before,
        after,
        dense,
        squares,
        scale,
        dtypes,
        type(inner_optimizer(outer)).__name__,
    )


def _check(model: Any, outer: Any) -> None:
    strategy = getattr(model, "distribute_strategy", None)
    if strategy is not None and strategy.num_replicas_in_sync > 1:
        raise UnsupportedError(
            f"model {model.name!r}: expected one replica, received "
            f"{strategy.num_replicas_in_sync}: what they do together is not derived"
        )
    paths = [variable.path for variable in model.trainable_variables]
    if twice := sorted({path for path in paths if paths.count(path) > 1}):
        raise UnsupportedError(
            f"model {model.name!r}: expected one weight of each path, received several of "
            + ", ".join(map(repr, twice))
        )
    if any(getattr(v, "overwrite_with_gradient", False) for v in model.trainable_variables):
        raise UnsupportedError(
            f"model {model.name!r}: its float8 scales are replaced by their gradients, not updated"
        )
    find_rule(_known_class(inner_optimizer(outer)))


def _known_class(optimizer: Any) -> str:
    """The class of Keras's that an optimizer is, or that a user's own optimizer derives from."""
    for cls in type(optimizer).__mro__:
        if cls.__module__.partition(".")[0] == "keras":
            return cls.__name__ if cls.__name__ in rules() else type(optimizer).__name__
    return type(optimizer).__name__


def _described(outer: Any) -> Optimizer:
    """The optimizer by its config, with what no config says: exclusions and constraints."""
    import keras

    inner = inner_optimizer(outer)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a lambda is no config to save: none is saved
            config = inner.get_config()
        name = _known_class(inner)
        if inner is not outer:
            held = {"class_name": name, "config": config}
            name, config = LOSS_SCALE, {**outer.get_config(), "inner_optimizer": held}
    except Exception as error:  # a user's own optimizer or schedule
        raise UnsupportedError(
            f"optimizer {inner.name!r}: its config cannot be had: "
            + one_line(f"{type(error).__name__}: {error}")
        ) from error
    constraints = {
        v.path: keras.constraints.serialize(v.constraint)
        for v in _variables(inner)
        if v.constraint is not None
    }
    return Optimizer(
        name, config, undecayed=_undecayed(inner), constraints=constraints, rate=_rate(inner)
    )


def _variables(inner: Any) -> list[Any]:
    return list(inner._trainable_variables)  # noqa: SLF001 - Keras gives it no public name


def _rate(inner: Any) -> float:
    return float(_numbers(inner.learning_rate))


def _undecayed(inner: Any) -> frozenset[str]:
    """The weights that `exclude_from_weight_decay` was told of."""
    import keras

    keys = getattr(inner, "_exclude_from_weight_decay", None) or set()
    pattern = getattr(inner, "_exclude_from_weight_decay_pattern", None)
    on_tensorflow = keras.backend.backend() == "tensorflow"

    def name(variable: Any) -> str:
        # There the optimizer sees TensorFlow's own variables, whose names are whole paths.
        return str(variable.value.name if on_tensorflow else variable.name)

    return frozenset(
        v.path
        for v in _variables(inner)
        if inner._var_key(v) in keys or (pattern is not None and pattern.search(name(v)))  # noqa: SLF001 - as Keras decides it
    )


def _state(outer: Any, optimizer: Optimizer) -> State:
    """The weights and the optimizer's state as they are now."""
    inner, config = inner_optimizer(outer), optimizer.inner.config
    variables = _variables(inner)
    names = [*optimizer.rule.slots(config)]
    names += [AVERAGE] * bool(config.get("use_ema"))
    names += [ACCUMULATED] * bool(config.get("gradient_accumulation_steps"))
    slots = {}
    for name in names:
        held = _attribute(inner, name)
        slots[name] = {
            variable.path: _numbers(one)
            for variable, one in zip(variables, held, strict=True)
            if one is not None
        }
    shared = {name: float(_numbers(_attribute(inner, name))) for name in optimizer.rule.shared}
    if outer is not inner:
        shared |= {
            name: float(_numbers(getattr(outer, name)))
            for name in ("dynamic_scale", "step_counter")
        }
    calls = int(_numbers(inner._iterations))  # noqa: SLF001 - `iterations` counts updates, not calls
    return State({v.path: _numbers(v) for v in variables}, slots, shared, calls)


def _attribute(inner: Any, name: str) -> Any:
    for attribute in (name, f"_{name}"):
        if hasattr(inner, attribute):
            return getattr(inner, attribute)
    raise UnsupportedError(
        f"optimizer {inner.name!r}: expected it to hold its {name} as {_known_class(inner)} does, "
        "received nothing of that name"
    )


def _numbers(value: Any) -> Array:
    from keras import ops

    if isinstance(value, int | float):
        return np.array(value, dtype=np.float64)
    array: Array = np.array(ops.convert_to_numpy(value), dtype=np.float64)  # a copy, in any case
    return array


def _dense(
    paths: Sequence[str], gradients: Sequence[Any]
) -> tuple[dict[str, Array | None], dict[str, Array]]:
    """The gradients as arrays; and of the sparse ones, the squares of their rows added up."""
    dense: dict[str, Array | None] = {}
    squares: dict[str, Array] = {}
    for path, gradient in zip(paths, gradients, strict=True):
        if gradient is None or not hasattr(gradient, "dense_shape"):
            dense[path] = None if gradient is None else _numbers(gradient)
            continue
        rows, indices = _numbers(gradient.values), _numbers(gradient.indices).astype(np.int64)
        shape = tuple(_numbers(gradient.dense_shape).astype(np.int64))
        whole, squared = np.zeros(shape), np.zeros(shape)
        np.add.at(whole, indices, rows)
        np.add.at(squared, indices, rows**2)
        dense[path] = whole
        if len(np.unique(indices)) < len(indices):
            squares[path] = squared
    return dense, squares


_Given = list[tuple[list[Any], list[Any]]]


@contextmanager
def _watched(model: Any, outer: Any) -> Iterator[_Given]:
    """Run the model eagerly, and note what its optimizer is given."""
    given: _Given = []
    hooks = Hooks()
    before = model.run_eagerly, model.jit_compile, model.train_function
    inner = inner_optimizer(outer)

    def noting(apply: Callable[..., Any]) -> Callable[..., Any]:
        def apply_and_note(grads: Any, trainable_variables: Any = None) -> Any:
            grads = list(grads)
            variables = trainable_variables or _variables(inner)
            given.append((list(variables), grads))
            return apply(grads, trainable_variables)

        return apply_and_note

    def noting_stateless(apply: Callable[..., Any]) -> Callable[..., Any]:
        def apply_and_note(optimizer_variables: Any, grads: Any, trainable_variables: Any) -> Any:
            given.append((_variables(inner), list(grads)))
            return apply(optimizer_variables, grads, trainable_variables)

        return apply_and_note

    try:
        import keras

        if keras.backend.backend() == "jax":
            hooks.set(outer, "stateless_apply", noting_stateless(outer.stateless_apply))
        else:
            hooks.set(outer, "apply", noting(outer.apply))
        model.run_eagerly, model.jit_compile = True, False
        model.make_train_function(force=True)
        yield given
    finally:
        hooks.remove()
        model.run_eagerly, model.jit_compile, model.train_function = before


@contextmanager
def _kept(model: Any, optimizer: Optimizer, keep: bool) -> Iterator[None]:
    """Put everything back that a training step writes, unless the step is to be kept."""
    from keras import ops

    if keep:
        yield
        return
    # Of an optimizer inside a loss scale, Keras leaves Nadam's product out of its variables.
    inner = inner_optimizer(model.optimizer)
    own = [_attribute(inner, name) for name in optimizer.rule.shared]
    written = [*model.trainable_variables, *model.optimizer.variables, *own]
    values = [ops.copy(variable.value) for variable in written]
    metrics = {id(variable) for variable in model.metrics_variables}
    try:
        with untouched(model):
            yield
    finally:
        for variable, value in zip(written, values, strict=True):
            variable.assign(value)
        for metric in model.metrics:
            if any(id(variable) not in metrics for variable in metric.variables):
                metric.reset_state()  # the step was its first: it had counted nothing


def with_gradients(taken: TakenStep, gradients: Mapping[str, Any]) -> TakenStep:
    """The step with gradients of another's making, in place of those that were given.

    Raises:
        ConfigError: they are not of the same weights, or not of their shapes.
    """
    wanted = {path for path, gradient in taken.gradients.items() if gradient is not None}
    if set(gradients) != wanted:
        odd = sorted(set(gradients) ^ wanted)
        raise ConfigError(
            f"gradients: expected one for each of {len(wanted)} weights, by path; "
            f"on one side only: {', '.join(map(repr, odd[:5]))}"
        )
    given: dict[str, Array | None] = dict(taken.gradients)
    for path, gradient in gradients.items():
        array = np.asarray(gradient, dtype=np.float64)
        if array.shape != taken.before.weights[path].shape:
            raise ConfigError(
                f"gradients: {path!r}: expected shape {taken.before.weights[path].shape}, "
                f"received {array.shape}"
            )
        given[path] = array * taken.scale
    return replace(taken, gradients=given)
