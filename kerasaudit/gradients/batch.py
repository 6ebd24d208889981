"""One batch for one backward pass, its loss, and a model that is left as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kerasaudit.errors import ConfigError, TargetError, one_line

__all__ = ["Batch", "check_loss", "check_model", "loss_function", "make_batch", "untouched"]


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as the backend's tensors: structures of them, or `None` without sample weights."""

    x: Any
    y: Any
    sample_weight: Any | None


def make_batch(x: Any, y: Any, sample_weight: Any) -> Batch:
    """The batch as tensors of the backend.

    Raises:
        TargetError: these are no arrays, or not of one length.
    """
    from keras import ops, tree

    def tensors(structure: Any) -> Any:
        return tree.map_structure(ops.convert_to_tensor, structure)

    try:
        weights = None if sample_weight is None else tensors(sample_weight)
        batch = Batch(tensors(x), tensors(y), weights)
        lengths = {
            name: sorted({int(one.shape[0]) for one in tree.flatten(part) if len(one.shape)})
            for name, part in (("x", batch.x), ("y", batch.y), ("sample_weight", weights))
            if part is not None
        }
    except Exception as error:  # each backend refuses in its own way
        raise TargetError(
            f"a batch: expected arrays of numbers, received x {type(x).__name__}, "
            f"y {type(y).__name__}: {one_line(error, 200)}"
        ) from error
    if (
        len({length for each in lengths.values() for length in each}) != 1
        or [0] in lengths.values()
    ):
        raise TargetError(
            "a batch: expected arrays of one length, at least 1, received "
            + ", ".join(
                f"{name} of {' and '.join(map(str, n)) or 0}" for name, n in lengths.items()
            )
        )
    return batch


def check_model(model: Any) -> None:
    """`TargetError` for what is no Keras model."""
    import keras

    if not isinstance(model, keras.Model):
        raise TargetError(f"expected a Keras model, received {type(model).__name__}")


def check_loss(loss: Any) -> None:
    """`ConfigError` for the name of a loss that Keras does not know."""
    import keras

    if isinstance(loss, str):
        try:
            keras.losses.get(loss)
        except ValueError as error:
            raise ConfigError(
                f"loss: expected the name of a loss of Keras's, received {loss!r}"
            ) from error


def loss_function(model: Any, loss: Any) -> Callable[[Batch, Any], Any]:
    """The loss of a batch and its predictions, regularisers' and added losses included."""
    from keras import ops
    from keras.src.trainers.compile_utils import CompileLoss

    if loss is None:
        return lambda batch, predicted: model._compute_loss(  # noqa: SLF001 - as train_step does
            x=batch.x,
            y=batch.y,
            y_pred=predicted,
            sample_weight=batch.sample_weight,
            training=True,
        )
    # What compile makes of a name, a function, a list or a dict; made twice, it takes no `None`.
    names = getattr(model, "output_names", None)
    made = isinstance(loss, CompileLoss)
    compiled = loss if made else CompileLoss(loss, output_names=names)

    def of_batch(batch: Batch, predicted: Any) -> Any:
        total = compiled(batch.y, predicted, batch.sample_weight)
        for term in model.losses:
            total = ops.add(total, ops.sum(term))
        return total

    return of_batch


@contextmanager
def untouched(model: Any) -> Iterator[None]:
    """Put back whatever a forward pass writes: statistics, seeds, metrics."""
    from keras import ops

    written = [*model.non_trainable_variables, *model.metrics_variables]
    before = [ops.copy(variable.value) for variable in written]
    try:
        yield
    finally:
        for variable, value in zip(written, before, strict=True):
            variable.assign(value)
