"""Recording on TensorFlow: hooks that become part of the traced training step.

The outermost optimizer's `apply` is shadowed while the train function is traced, so the statistics
are computed in the same graph, from the very tensors that the optimizer is given, compiled or not.
They are written into rings of non-trainable variables that belong to nobody but the recording.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
from keras import Model

from kerasaudit.errors import UnsupportedError
from kerasaudit.gradients.backends.apart import apart
from kerasaudit.gradients.backends.recording import (
    Count,
    Recording,
    refuse_clipped_multi_optimizer,
)
from kerasaudit.gradients.backends.tensorflow_ring import Stream, new_variable, step_numbers
from kerasaudit.gradients.batch import Batch, loss_function, untouched
from kerasaudit.gradients.block import STEP_STATUSES, Block
from kerasaudit.gradients.figures import Tensors
from kerasaudit.gradients.hooks import inner_optimizer, loss_scale_of
from kerasaudit.gradients.plan import Plan
from kerasaudit.gradients.ring import Reader, Trace, Traces

__all__ = [
    "TrainingRecording",
    "combined",
    "is_first_replica",
    "one_pass",
    "value_of",
]

_OK, _OVERFLOW, _ACCUMULATED = range(len(STEP_STATUSES))
_STRATEGIES = (tf.distribute.MirroredStrategy,)


class _Hooked:
    """One optimizer with its streams."""

    def __init__(self, name: str, optimizer: Any, plan: Plan, records: int) -> None:
        self.name = name
        self.optimizer = optimizer
        self.inner = inner_optimizer(optimizer)
        self.scaled = self.inner is not optimizer
        self.calls = new_variable((), "int64")
        self.skipped = new_variable((), "int64")
        self.updates = new_variable((), "int64")
        traces = Traces()
        self.traces = traces
        self.streams = {
            tap: Stream(plan, name, tap, plan.capacity(records), traces) for tap in plan.taps
        }
        self.first = 0
        self.rebase()
        # What the clipped tap needs of the step around it; set while the step is traced.
        self.variables: Sequence[Any] = ()
        self.learning_rate: Any = None

    def rebase(self) -> None:
        # `iterations` itself counts updates, `_iterations` every call.
        self.first = int(self.inner._iterations.numpy())  # noqa: SLF001 - Keras gives it no public name
        for stream in self.streams.values():
            stream.reader.first_step = self.first


class TrainingRecording(Recording):
    """Hooks on one model's optimizers, loss and train function."""

    def __init__(self, model: Model, plan: Plan) -> None:
        super().__init__(model, plan)
        self.hooked: list[_Hooked] = []

    # -- hooks ----------------------------------------------------------------------------------

    def _hook(self) -> None:
        self._check()
        self.hooked = [
            _Hooked(name, optimizer, self.plan, self.per_execution())
            for name, optimizer in self.optimizers.items()
        ]
        for hooked in self.hooked:
            self.hooks.set(hooked.optimizer, "apply", self._around_apply(hooked))
            if "clipped" in self.plan.taps:
                clip = self._around_clip(hooked)
                self.hooks.set(hooked.inner, "_clip_gradients", clip)
                around = self._around_backend_apply(hooked)
                self.hooks.set(hooked.inner, "_backend_apply_gradients", around)
        self.hooks.set(self.model, "compute_loss", self._around_loss(self.model.compute_loss))

    def rebase(self) -> None:
        """Take the optimizers' iterations of now as those before the first step."""
        for hooked in self.hooked:
            hooked.rebase()

    def _check(self) -> None:
        refuse_clipped_multi_optimizer(self.plan, self.optimizers)
        strategy = self.model.distribute_strategy
        if strategy.num_replicas_in_sync > 1 and not isinstance(strategy, _STRATEGIES):
            raise UnsupportedError(
                "gradients are recorded under tf.distribute.MirroredStrategy, "
                f"received {type(strategy).__name__}"
            )

    def _around_apply(self, hooked: _Hooked) -> Callable[..., Any]:
        apply = hooked.optimizer.apply

        @tf.autograph.experimental.do_not_convert
        def apply_and_record(grads: Any, trainable_variables: Any = None) -> Any:
            grads = list(grads)
            if not grads:
                return apply(grads, trainable_variables)
            step = _Step(self, hooked, grads, trainable_variables)
            result = apply(grads, trainable_variables)
            step.finish()
            return result

        return apply_and_record

    def _around_backend_apply(self, hooked: _Hooked) -> Callable[..., Any]:
        original = hooked.inner._backend_apply_gradients  # noqa: SLF001 - no public name for it

        def with_variables_noted(grads: Any, trainable_variables: Any) -> Any:
            hooked.variables = list(trainable_variables)
            return original(grads, trainable_variables)

        return with_variables_noted

    def _around_clip(self, hooked: _Hooked) -> Callable[..., Any]:
        original = hooked.inner._clip_gradients  # noqa: SLF001 - no public name for it

        def clip_and_record(grads: Any) -> Any:
            clipped = original(grads)
            tensors = self.tensors(clipped, hooked.variables)
            present = tuple(one.gradient is not None for one in tensors)
            known = hooked.learning_rate is not None
            trace = hooked.traces.number(Trace(present, False, known))
            meta = step_numbers(hooked.calls, _OK, trace, hooked.learning_rate, None, None)
            self.on_record(
                hooked.updates, lambda: hooked.streams["clipped"].write(meta, tensors, None)
            )
            if is_first_replica():
                hooked.updates.assign_add(1)
            return clipped

        return clip_and_record

    # -- what hooks share -----------------------------------------------------------------------

    def tensors(self, grads: Sequence[Any], variables: Sequence[Any]) -> list[Tensors]:
        """The gradients by recorded weight, dense, summed over replicas."""
        found: dict[int, Any] = {}
        for gradient, variable in zip(grads, variables, strict=True):
            place = self.plan.survey.place(variable)
            if place is not None and gradient is not None:
                found[place] = apart(gradient)
        summed = dict(zip(found, combined(list(found.values())), strict=True))
        # Converting sums the duplicate rows of a sparse gradient, which a norm needs.
        return [
            Tensors(tf.convert_to_tensor(summed[i]) if i in summed else None)
            for i in range(len(self.plan.survey.variables))
        ]

    def on_record(self, count: tf.Variable, write: Callable[[], None]) -> None:
        """Write, if this is one of the steps to record; on one replica, as all have the same."""
        if not is_first_replica():
            return
        if self.plan.every == 1:
            write()
            return

        def written() -> Any:
            write()
            return tf.constant(0)

        tf.cond(count % self.plan.every == 0, written, lambda: tf.constant(0))

    # -- the host's side ------------------------------------------------------------------------

    def _drain(self, epoch: int) -> list[Block]:
        with tf.init_scope():  # whoever asks may be tracing something else
            return [b for h in self.hooked for s in h.streams.values() for b in s.drain(epoch)]

    def _readers(self) -> list[Reader]:
        return [stream.reader for hooked in self.hooked for stream in hooked.streams.values()]

    def counts(self) -> list[Count]:
        """What every optimizer has done."""
        with tf.init_scope():
            return [
                Count(
                    hooked.name,
                    made=int(hooked.inner._iterations.numpy()) - hooked.first,  # noqa: SLF001 - Keras gives it no public name
                    calls=int(hooked.calls.numpy()),
                    skipped=int(hooked.skipped.numpy()),
                )
                for hooked in self.hooked
            ]


class _Step:
    """One call of an optimizer: what is read before it, and what is written after it."""

    def __init__(
        self, recording: TrainingRecording, hooked: _Hooked, grads: list[Any], variables: Any
    ) -> None:
        if variables is None:
            variables = hooked.optimizer._trainable_variables  # noqa: SLF001 - as Keras does
        self.recording, self.hooked, plan = recording, hooked, recording.plan
        scale = loss_scale_of(hooked.optimizer)
        self.scale = None if scale is None else tf.convert_to_tensor(scale)
        self.learning_rate = _learning_rate(hooked.optimizer)
        hooked.learning_rate = self.learning_rate
        self.loss = _usable(recording.loss)
        if self.loss is not None:
            self.loss = combined([tf.cast(self.loss, "float64")])[0]
        self.iterations = tf.convert_to_tensor(hooked.inner._iterations)  # noqa: SLF001 - Keras gives it no public name
        self.tensors = recording.tensors(grads, list(variables))
        self.read = [plan.before or place in plan.elements for place in range(len(self.tensors))]
        for one, variable, read in zip(self.tensors, plan.survey.variables, self.read, strict=True):
            one.before = tf.identity(value_of(variable)) if read else None

    def finish(self) -> None:
        """After the optimizer's own work: read the weights again, and write the step."""
        hooked, plan = self.hooked, self.recording.plan
        if plan.update:
            for one, variable in zip(self.tensors, plan.survey.variables, strict=True):
                one.after = tf.identity(value_of(variable))
        status = self._status()
        present = tuple(one.gradient is not None for one in self.tensors)
        trace = hooked.traces.number(
            Trace(present, self.loss is not None, self.learning_rate is not None)
        )
        meta = step_numbers(hooked.calls, status, trace, self.learning_rate, self.loss, self.scale)
        self.recording.on_record(hooked.calls, lambda: self._write(meta))
        if is_first_replica():
            hooked.calls.assign_add(1)
            if hooked.scaled:
                hooked.skipped.assign_add(tf.cast(status == _OVERFLOW, "int64"))

    def _write(self, meta: Any) -> None:
        streams = self.hooked.streams
        streams["raw"].write(meta, self.tensors, self.scale)
        if "applied" in streams:
            changes = [
                Tensors(None if one.gradient is None else tf.subtract(one.after, one.before))
                for one in self.tensors
            ]
            streams["applied"].write(meta, changes, None)

    def _status(self) -> Any:
        inner = self.hooked.inner
        status = tf.constant(_OK, "int64")
        steps = inner.gradient_accumulation_steps
        if steps:
            last = (self.iterations + 1) % steps == 0
            status = tf.where(last, status, tf.constant(_ACCUMULATED, "int64"))
        if self.hooked.scaled:
            # On an overflow the inner optimizer is not called: its iterations stand still.
            now = tf.convert_to_tensor(inner._iterations)  # noqa: SLF001 - Keras gives it no public name
            overflow = tf.constant(_OVERFLOW, "int64")
            status = tf.where(now == self.iterations, overflow, status)
        return status


def value_of(variable: Any) -> Any:
    """A variable's own value, whatever autocast is in force."""
    return variable._value if hasattr(variable, "_value") else variable  # noqa: SLF001 - Keras gives it no public name


def _learning_rate(optimizer: Any) -> Any | None:
    try:
        return tf.identity(tf.convert_to_tensor(optimizer.learning_rate))
    except AttributeError:  # a MultiOptimizer has none of its own
        return None


def _usable(loss: Any) -> Any | None:
    """The loss, if it is a tensor of this graph or of one around it."""
    if loss is None or not hasattr(loss, "shape"):
        return None
    if tf.executing_eagerly():
        return loss if hasattr(loss, "numpy") else None
    if hasattr(loss, "numpy"):
        return None  # an eager tensor of some step before: it would become a constant
    graph = tf.compat.v1.get_default_graph()
    while graph is not None:
        if loss.graph is graph:
            return loss
        graph = getattr(graph, "outer_graph", None)
    return None


def is_first_replica() -> bool:
    """Whether this is the replica that writes: after `combined` all of them have the same."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return True
    return int(tf.get_static_value(context.replica_id_in_sync_group)) == 0


def combined(tensors: list[Any]) -> list[Any]:
    """Per-replica tensors summed over the replicas: gradients are added before norms are taken."""
    context = tf.distribute.get_replica_context()
    if not tensors or context is None or context.num_replicas_in_sync == 1:
        return tensors
    summed: list[Any] = context.all_reduce(tf.distribute.ReduceOp.SUM, tensors)
    return summed


def one_pass(model: Model, plan: Plan, batch: Batch, loss: Any) -> Block:
    """One backward pass under a plain tape, as a block of one step; nothing is updated."""
    of_batch = loss_function(model, loss)
    optimizer = getattr(model, "optimizer", None) if model.compiled else None
    scale = None if optimizer is None else loss_scale_of(optimizer)
    variables = plan.survey.variables
    with untouched(model):
        with tf.GradientTape() as tape:
            predicted = _called(model, batch.x)
            value = of_batch(batch, predicted)
            # In half precision small gradients are lost unless the loss is scaled, as in training.
            scaled = value if scale is None else value * tf.cast(scale, value.dtype)
        grads = tape.gradient(scaled, variables)
    stream = Stream(plan, "tape", "raw", 1, Traces())
    tensors = [
        Tensors(None if g is None else tf.convert_to_tensor(g), before=value_of(v))
        for g, v in zip(grads, variables, strict=True)
    ]
    present = tuple(one.gradient is not None for one in tensors)
    trace = stream.reader.traces.number(Trace(present, True, False))
    scale = None if scale is None else tf.convert_to_tensor(scale)
    status = _OK if scale is None or _all_finite(grads) else _OVERFLOW
    stream.write(step_numbers(0, status, trace, None, value, scale), tensors, scale)
    return stream.drain(-1)[0]


def _all_finite(grads: Sequence[Any]) -> bool:
    known = (tf.convert_to_tensor(one) for one in grads if one is not None)
    return all(bool(tf.reduce_all(tf.math.is_finite(one))) for one in known)


def _called(model: Model, x: Any) -> Any:
    return model(x, training=True) if model._call_has_training_arg else model(x)  # noqa: SLF001 - Keras gives it no public name
