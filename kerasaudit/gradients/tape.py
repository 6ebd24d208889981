"""RecordingTape: a drop-in tf.GradientTape that records what it returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import tensorflow as tf
from tensorflow.python.ops import control_flow_util

from kerasaudit.gradients.backends.recording import Count, Recording
from kerasaudit.gradients.backends.tensorflow import combined, is_first_replica, value_of
from kerasaudit.gradients.backends.tensorflow_ring import Stream, step_numbers
from kerasaudit.gradients.block import Block
from kerasaudit.gradients.figures import Tensors
from kerasaudit.gradients.hooks import loss_scale_of
from kerasaudit.gradients.plan import Plan
from kerasaudit.gradients.ring import Reader, Trace, Traces

if TYPE_CHECKING:
    from kerasaudit.gradients.recorder import GradientRecorder

__all__ = ["RecordingTape", "TapeRecording"]

# A compiled loop cannot have its ring read in the middle, so it is given more room.
_MOST_STEPS = 4096


class RecordingTape(tf.GradientTape):
    """A `tf.GradientTape` for training loops of your own, eager or in a `tf.function`.

    `gradient` returns exactly what the plain tape returns, and records the gradients of the
    model's weights among the sources, each call as one step. A persistent tape records each of its
    calls. The recorder's rings are read when they are full, and when its results are asked for;
    inside a compiled function (`jit_compile=True`) nothing can be read, so call
    `recorder.flush()` between the calls of such a function: a step that was lost all the same is a
    finding, and the record is then incomplete.

    Args:
        model: the model whose weights are recorded.
        recorder: a `GradientRecorder`, which is not given to `fit` at the same time.
        persistent, watch_accessed_variables: as of `tf.GradientTape`.
        optimizer: the optimizer whose `scale_loss` made the target, if one did: the gradients are
            recorded with its loss scale divided out.

    >>> import keras, tensorflow as tf
    >>> from kerasaudit import GradientRecorder, RecordingTape
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="out")])
    >>> recorder = GradientRecorder()
    >>> with RecordingTape(model, recorder) as tape:
    ...     loss = tf.reduce_sum(model(tf.constant([[3.0, 4.0]])))
    >>> grads = tape.gradient(loss, model.trainable_variables)
    >>> recorder.kernels[["weight", "l2", "max_abs"]].values.tolist()
    [['kernel', 5.0, 4.0], ['bias', 1.0, 1.0]]
    """

    def __init__(
        self,
        model: Any,
        recorder: GradientRecorder,
        persistent: bool = False,
        watch_accessed_variables: bool = True,
        *,
        optimizer: Any = None,
    ) -> None:
        super().__init__(persistent, watch_accessed_variables)
        with tf.init_scope():
            self._model_recording: TapeRecording = recorder.for_tape(model)
        self._scaling_optimizer = optimizer

    @tf.autograph.experimental.do_not_convert
    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: Any = tf.UnconnectedGradients.NONE,
    ) -> Any:
        """The gradients that `tf.GradientTape.gradient` returns; they are recorded as well."""
        scale = None if self._scaling_optimizer is None else loss_scale_of(self._scaling_optimizer)
        result = super().gradient(target, sources, output_gradients, unconnected_gradients)
        self._model_recording.record(
            target, tf.nest.flatten(sources), tf.nest.flatten(result), scale
        )
        return result


class TapeRecording(Recording):
    """The ring of a training loop that is not Keras's."""

    of_fit = False

    def __init__(self, model: Any, plan: Plan, recorder: GradientRecorder) -> None:
        super().__init__(model, plan)
        self.recorder = recorder
        self.calls = tf.Variable(0, dtype="int64", trainable=False)
        self.drained = tf.Variable(0, dtype="int64", trainable=False)
        self.stream = Stream(plan, "tape", "raw", plan.capacity(most=_MOST_STEPS), Traces())

    def record(self, target: Any, sources: Sequence[Any], grads: Sequence[Any], scale: Any) -> None:
        """Record one call; in a graph, the operations that do."""
        found: dict[int, Any] = {}
        for source, gradient in zip(sources, grads, strict=True):
            place = self.plan.survey.place(source)
            if place is not None and gradient is not None:
                found[place] = gradient
        if not found:
            return
        loss = target if hasattr(target, "shape") and target.shape.rank == 0 else None
        tensors = dict(zip(found, combined(list(found.values())), strict=True))
        row = [
            # A persistent or an outer tape may be recording this: it is none of its business.
            Tensors(
                tf.stop_gradient(tf.convert_to_tensor(tensors[i])) if i in tensors else None,
                before=tf.stop_gradient(value_of(variable)) if self._reads(i) else None,
            )
            for i, variable in enumerate(self.plan.survey.variables)
        ]
        scale = None if scale is None else tf.stop_gradient(tf.convert_to_tensor(scale))
        if loss is not None:
            (loss,) = combined([tf.stop_gradient(tf.cast(loss, "float64"))])
        if loss is not None and scale is not None:
            loss /= tf.cast(scale, "float64")
        if is_first_replica():
            self._write(row, loss, scale)

    def _reads(self, place: int) -> bool:
        return self.plan.before or place in self.plan.elements

    def _write(self, row: list[Tensors], loss: Any, scale: Any) -> None:
        present = tuple(one.gradient is not None for one in row)
        trace = self.stream.reader.traces.number(Trace(present, loss is not None, False))
        meta = step_numbers(self.calls, 0, trace, None, loss, scale)
        # The write comes after: nothing may be overwritten while it is read.
        with tf.control_dependencies(self._make_room()):
            if self.plan.every == 1:
                self.stream.write(meta, row, scale)
            else:
                tf.cond(
                    self.calls % self.plan.every == 0,
                    lambda: self._written(meta, row, scale),
                    lambda: tf.constant(0),
                )
        self.calls.assign_add(1)

    def _written(self, meta: Any, row: list[Tensors], scale: Any) -> Any:
        self.stream.write(meta, row, scale)
        return tf.constant(0)

    def _make_room(self) -> list[Any]:
        """Have the ring read if it is full: at once, or by the graph where it can call Python."""
        if tf.executing_eagerly():
            if self.stream.written - self.drained >= self.stream.reader.capacity:
                self.recorder.flush()
            return []
        if control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph()):
            return []
        written = tf.identity(self.stream.written)

        def read() -> Any:
            return tf.numpy_function(self._read_from_graph, [written], tf.int64)

        full = written - self.drained >= self.stream.reader.capacity
        return [tf.cond(full, read, lambda: written)]

    def _read_from_graph(self, written: Any) -> Any:
        self.recorder.flush()
        return written

    # -- what a recording is asked ----------------------------------------------------------------

    def install(self) -> None:
        """Nothing is hooked: the loop calls the tape."""

    def remove(self) -> None:
        """Nothing was hooked."""

    @property
    def installed(self) -> bool:
        """Whether the model's weights are those that are recorded."""
        held = {id(variable) for variable in self.model.trainable_variables}
        return all(id(variable) in held for variable in self.plan.survey.variables)

    @property
    def replaced(self) -> bool:
        """There are no optimizers that it is tied to."""
        return False

    def rebase(self) -> None:
        """Steps are counted by the calls of the tape, from 0."""

    def _hook(self) -> None:
        """Nothing is hooked."""

    def _drain(self, epoch: int) -> list[Block]:
        with tf.init_scope():  # whoever asks may be tracing something else
            blocks = self.stream.drain(epoch)
            self.drained.assign(self.stream.reader.read)
        return blocks

    def _readers(self) -> list[Reader]:
        return [self.stream.reader]

    def counts(self) -> list[Count]:
        """The calls of the tape; there is no optimizer to hold them against."""
        with tf.init_scope():
            calls = int(self.calls.numpy())
        return [Count("tape", made=calls, calls=calls, skipped=0)]
