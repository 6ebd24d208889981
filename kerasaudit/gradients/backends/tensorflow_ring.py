"""The ring of a TensorFlow recording: variables that a step writes a row of, and the host reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from kerasaudit.gradients.backends.tensorflow_norms import norms
from kerasaudit.gradients.block import Block
from kerasaudit.gradients.figures import Tensors, figures
from kerasaudit.gradients.plan import Plan
from kerasaudit.gradients.ring import FLOATS, INTEGERS, Reader, Rows, Traces
from kerasaudit.gradients.statistics import HISTOGRAM_BINS

__all__ = ["Stream", "new_variable", "step_numbers"]


class Stream:
    """The ring of one optimizer at one tap, in variables of its own.

    The numbers of a step stand in one float64 row, exact for call numbers below 2⁵³: TensorFlow
    has no scatter for integers on every device.
    """

    def __init__(self, plan: Plan, optimizer: str, tap: str, capacity: int, traces: Traces) -> None:
        kernels = plan.inventory.kernels
        self.plan = plan
        self.reader = Reader(plan, optimizer, tap, capacity, traces)
        self.written = new_variable((), "int64")
        self.meta = new_variable((capacity, len(INTEGERS) + len(FLOATS)), "float64")
        dtype = plan.inventory.dtype
        self.values = new_variable((capacity, len(plan.tabled(tap)) * kernels), dtype)
        self.histogram = None
        if "histogram" in plan.of_tap(tap):
            self.histogram = new_variable((capacity, kernels * HISTOGRAM_BINS), "float64")
        self.elements: dict[int, tuple[tf.Variable, tf.Variable]] = {}
        for place in plan.elements if tap == "raw" else ():
            entry = plan.inventory.recorded[place]
            shape = (capacity, entry.kernels * entry.size)
            self.elements[place] = (new_variable(shape, dtype), new_variable(shape, dtype))

    def write(self, meta: Any, tensors: Sequence[Tensors], scale: Any) -> None:
        """Write one step; in a graph, the operations that do."""
        plan, position = self.plan, self.written % self.reader.capacity
        made = figures(
            plan.of_tap(self.reader.tap),
            plan.inventory.recorded,
            tensors,
            plan.inventory.dtype,
            scale,
            norms,
        )
        _put(self.meta, position, meta)
        _put(self.values, position, made.values)
        if self.histogram is not None and made.histogram is not None:
            _put(self.histogram, position, made.histogram)
        for place, (gradient_ring, value_ring) in self.elements.items():
            of_weight = tensors[place]
            if of_weight.gradient is None:
                continue
            gradient = tf.cast(of_weight.gradient, gradient_ring.dtype)
            if scale is not None:
                gradient /= tf.cast(scale, gradient.dtype)
            _put(gradient_ring, position, gradient)
            _put(value_ring, position, of_weight.before)
        self.written.assign_add(1)

    def drain(self, epoch: int) -> list[Block]:
        """The blocks written since the last time."""
        fresh = self.reader.fresh(int(self.written.numpy()))
        if not len(fresh):
            return []
        meta = _rows(self.meta, fresh)
        integers = meta[:, : len(INTEGERS)].astype("int64")
        rows = Rows(
            integers=integers,
            floats=meta[:, len(INTEGERS) :],
            values=_rows(self.values, fresh),
            histogram=None
            if self.histogram is None
            else _rows(self.histogram, fresh).astype("int32"),
            elements={
                place: (_rows(gradient, fresh), _rows(value, fresh))
                for place, (gradient, value) in self.elements.items()
            },
        )
        return list(self.reader.blocks(rows, epoch))


def new_variable(shape: tuple[int, ...], dtype: str) -> tf.Variable:
    """A variable of zeros that nothing trains and nobody tracks."""
    return tf.Variable(tf.zeros(shape, dtype), trainable=False)


def _put(ring: tf.Variable, position: Any, row: Any) -> None:
    values = tf.reshape(tf.cast(row, ring.dtype), (1, -1))
    ring.scatter_update(tf.IndexedSlices(values, tf.reshape(position, (1,))))


def _rows(ring: tf.Variable, numbers: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    rows: np.ndarray[Any, Any] = tf.gather(ring, numbers).numpy()
    return rows


def step_numbers(
    call: Any, status: Any, trace: int, learning_rate: Any, loss: Any, scale: Any
) -> Any:
    """The numbers of a step in the order of `INTEGERS` and `FLOATS`."""
    unknown = float("nan")
    row = [
        call,
        status,
        trace,
        unknown if learning_rate is None else learning_rate,
        unknown if loss is None else loss,
        1.0 if scale is None else scale,
    ]
    return tf.stack([tf.cast(one, "float64") for one in row])
