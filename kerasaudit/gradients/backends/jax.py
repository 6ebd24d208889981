"""Recording on JAX: hooks that become part of the traced training step, whose state carries rings.

A step of Keras on JAX is a function of its state, and nothing may be written beside it. So the
rings travel with the state, next to the variables of the metrics: they are put there where the
train function is called and taken off where it returns, so that neither the model, its metrics and
logs nor a training step of the user's own ever sees them. Like all of the state they are donated:
XLA updates them in place, and the host copies what it reads.

The outermost optimizer's `stateless_apply` is shadowed: that of a `LossScaleOptimizer` never calls
`apply`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, NamedTuple

import jax
import jax.extend.core
import keras
import numpy as np
from jax import numpy as jnp
from keras import Model, StatelessScope, ops

from kerasaudit.errors import UnsupportedError
from kerasaudit.gradients.backends.recording import (
    Count,
    Recording,
    refuse_clipped_multi_optimizer,
)
from kerasaudit.gradients.batch import Batch, loss_function
from kerasaudit.gradients.block import STEP_STATUSES, Block
from kerasaudit.gradients.figures import Tensors, figures
from kerasaudit.gradients.hooks import inner_optimizer, loss_scale_of
from kerasaudit.gradients.plan import Plan
from kerasaudit.gradients.ring import FLOATS, INTEGERS, Reader, Rows, Trace, Traces
from kerasaudit.gradients.statistics import HISTOGRAM_BINS

__all__ = ["TrainingRecording", "one_pass"]

Ring = dict[str, Any]

_OK, _OVERFLOW, _ACCUMULATED = range(len(STEP_STATUSES))


class _Carried(NamedTuple):
    """The last part of a training's state: the metrics' variables, and the rings beside them."""

    metrics: Any
    rings: dict[str, Ring]


class _Stream:
    """The ring of one optimizer at one tap, as arrays that are handed from step to step."""

    def __init__(self, plan: Plan, optimizer: str, tap: str, capacity: int, traces: Traces) -> None:
        self.plan = plan
        self.reader = Reader(plan, optimizer, tap, capacity, traces)
        self.statistics = plan.of_tap(tap)
        self.keeps_histogram = "histogram" in self.statistics
        self.elements = plan.elements if tap == "raw" else ()

    def empty(self) -> Ring:
        """The ring before the first step."""
        inventory, rows = self.plan.inventory, self.reader.capacity
        ring: Ring = {
            "integers": jnp.zeros((rows, len(INTEGERS)), "int32"),
            "floats": jnp.zeros((rows, len(FLOATS)), _float()),
            "values": jnp.zeros(
                (rows, len(self.plan.tabled(self.reader.tap)) * inventory.kernels), self.dtype
            ),
        }
        if self.keeps_histogram:
            ring["histogram"] = jnp.zeros((rows, inventory.kernels * HISTOGRAM_BINS), "int32")
        for place in self.elements:
            entry = inventory.recorded[place]
            for part in ("gradient", "value"):
                shape = (rows, entry.kernels * entry.size)
                ring[f"{part} {place}"] = jnp.zeros(shape, self.dtype)
        return ring

    @property
    def dtype(self) -> str:
        """The dtype of figures."""
        return self.plan.inventory.dtype if _wide() else "float32"

    def written(
        self, ring: Ring, number: Any, meta: Ring, tensors: Sequence[Tensors], scale: Any
    ) -> Ring:
        """The ring with the `number`-th recorded step in it."""
        plan, rows = self.plan, dict(meta)
        made = figures(self.statistics, plan.inventory.recorded, tensors, self.dtype, scale)
        rows["values"] = made.values
        if self.keeps_histogram:
            rows["histogram"] = made.histogram
        for place in self.elements:
            of_weight = tensors[place]
            if of_weight.gradient is None:
                continue
            gradient = jnp.asarray(of_weight.gradient, self.dtype)
            rows[f"gradient {place}"] = gradient if scale is None else gradient / scale
            rows[f"value {place}"] = of_weight.before
        position = number % self.reader.capacity
        return {**ring, **{name: _put(ring[name], position, row) for name, row in rows.items()}}

    def drain(self, ring: Ring, written: int, epoch: int) -> list[Block]:
        """The blocks written since the last time."""
        fresh = self.reader.fresh(written)
        if not len(fresh):
            return []
        # Indexing copies: the array itself may be a view of memory that the next step reuses.
        read = {name: np.asarray(array)[fresh] for name, array in ring.items()}
        rows = Rows(
            integers=read["integers"],
            floats=read["floats"],
            values=read["values"],
            histogram=read.get("histogram"),
            elements={
                place: (read[f"gradient {place}"], read[f"value {place}"])
                for place in self.elements
            },
        )
        return list(self.reader.blocks(rows, epoch))


def _wide() -> bool:
    """Whether JAX was told to have float64 at all."""
    return bool(jax.config.jax_enable_x64)


def _float() -> str:
    return "float64" if _wide() else "float32"


def _put(ring: Any, position: Any, row: Any) -> Any:
    row = jnp.reshape(jnp.asarray(row, ring.dtype), (1, -1))
    return jax.lax.dynamic_update_slice_in_dim(ring, row, position, axis=0)


class _Hooked:
    """One optimizer with its streams."""

    def __init__(self, name: str, optimizer: Any, plan: Plan, records: int) -> None:
        self.name = name
        self.optimizer = optimizer
        self.inner = inner_optimizer(optimizer)
        self.scaled = self.inner is not optimizer
        self.traces = Traces()
        self.streams = {
            tap: _Stream(plan, name, tap, plan.capacity(records), self.traces) for tap in plan.taps
        }
        self.first = 0
        # As they were when the rings were last read.
        self.calls = self.skipped = self.updates = 0
        # What the clipped tap has of the step around it; set while the step is traced.
        self.tapping = False
        self.variables: Sequence[Any] = ()
        self.clipped: dict[int, Any] = {}

    def empty(self) -> Ring:
        """The rings before the first step, with the counts of calls, skipped calls and updates."""
        rings = {tap: stream.empty() for tap, stream in self.streams.items()}
        return {"counts": jnp.zeros((3,), "int32"), **rings}

    def rebase(self, iterations: int) -> None:
        """Take these iterations as those before the first step."""
        self.first = iterations
        for stream in self.streams.values():
            stream.reader.first_step = iterations


class TrainingRecording(Recording):
    """Hooks on one model's optimizers, loss, training step and train function."""

    def __init__(self, model: Model, plan: Plan) -> None:
        super().__init__(model, plan)
        self.hooked: list[_Hooked] = []
        self.rings: dict[str, Ring] = {}
        self.places = {id(variable): i for i, variable in enumerate(plan.survey.variables)}
        self._carrying: Any = None
        # While a step is traced, or run eagerly: the rings as they are by then, and its trace.
        self._step_rings: dict[str, Ring] | None = None
        self._step_trace: Any = None
        self._broken = False

    # -- hooks ----------------------------------------------------------------------------------

    def _hook(self) -> None:
        self._check()
        self.hooked = [
            _Hooked(name, optimizer, self.plan, self.per_execution())
            for name, optimizer in self.optimizers.items()
        ]
        self.rings = {hooked.name: hooked.empty() for hooked in self.hooked}
        self.rebase()
        for hooked in self.hooked:
            around = self._around_apply(hooked)
            self.hooks.set(hooked.optimizer, "stateless_apply", around)
            if "clipped" in self.plan.taps:
                self._hook_clipping(hooked)
        model = self.model
        self.hooks.set(model, "compute_loss", self._around_loss(model.compute_loss))
        self.hooks.set(model, "train_step", self._around_train_step(model.train_step))
        make = self._around_make(model.make_train_function)
        self.hooks.set(model, "make_train_function", make)

    def _check(self) -> None:
        refuse_clipped_multi_optimizer(self.plan, self.optimizers)
        distribution = keras.distribution.distribution()
        if distribution is not None:
            raise UnsupportedError(
                "gradients are not recorded under keras.distribution on JAX, received "
                f"{type(distribution).__name__}; record on one device, or on TensorFlow under "
                "tf.distribute.MirroredStrategy"
            )
        if getattr(keras.config, "is_nnx_enabled", bool)():
            raise UnsupportedError(
                "gradients are not recorded with Flax NNX; unset KERAS_NNX_ENABLED to record"
            )

    def remove(self) -> None:
        """Put everything back as it was; what was recorded can still be drained."""
        super().remove()
        if self._carrying is not None and self.model.train_function is self._carrying:
            self.model.train_function = None  # somebody had it made anew: it is made again
        self._carrying = None

    def rebase(self) -> None:
        """Take the optimizers' iterations of now as those before the first step."""
        for hooked in self.hooked:
            hooked.rebase(self._iterations(hooked) or 0)

    # -- the state ------------------------------------------------------------------------------

    def _around_make(self, make: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(make)
        def make_and_carry(force: bool = False) -> None:
            make(force=force)
            if self.model.train_function is not self._carrying:
                self._carrying = self._around_train_function(self.model.train_function)
                self.model.train_function = self._carrying

        return make_and_carry

    def _around_train_function(self, train_function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(train_function)
        def train_and_carry(state: Any, iterator: Any) -> Any:
            *others, metrics = state
            carried = (*others, _Carried(metrics, self.rings))
            logs, (*others, last) = train_function(carried, iterator)
            self.rings = last.rings
            return logs, (*others, last.metrics)

        return train_and_carry

    def _around_train_step(self, train_step: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(train_step)
        def train_step_and_record(state: Any, data: Any) -> Any:
            *others, last = state
            if not isinstance(last, _Carried):
                return train_step(state, data)
            self._step_rings, self._step_trace, self.loss = dict(last.rings), _trace(), None
            try:
                logs, (*others, metrics) = train_step((*others, last.metrics), data)
                return logs, (*others, _Carried(metrics, self._step_rings))
            finally:
                self._step_rings = self._step_trace = self.loss = None

        return train_step_and_record

    def _around_loss(self, compute_loss: Callable[..., Any]) -> Callable[..., Any]:
        """Keep the last loss for the step that it belongs to.

        It is computed while it is differentiated, and its tracer means nothing outside of that. A
        rule for its derivative is given the value itself, as the training step has it.
        """

        @jax.custom_jvp
        def noted(loss: Any) -> Any:
            return loss

        @noted.defjvp
        def _(primals: Any, tangents: Any) -> Any:
            self.loss = primals[0]
            return primals[0], tangents[0]

        def compute_loss_and_note(*args: Any, **kwargs: Any) -> Any:
            loss = compute_loss(*args, **kwargs)
            recording = self._step_rings is not None and isinstance(loss, jax.Array)
            return noted(loss) if recording else loss

        return compute_loss_and_note

    # -- the optimizer --------------------------------------------------------------------------

    def _around_apply(self, hooked: _Hooked) -> Callable[..., Any]:
        stateless_apply = hooked.optimizer.stateless_apply

        @wraps(stateless_apply)
        def apply_and_record(optimizer_variables: Any, grads: Any, trainable_variables: Any) -> Any:
            rings = self._step_rings
            # In a trace within the step (a scan, a function compiled by itself) nothing can be
            # handed out to the step's state; the step is missed, and the counts will say so.
            if rings is None or _trace() != self._step_trace:
                return stateless_apply(optimizer_variables, grads, trainable_variables)
            step = _Step(self, hooked, optimizer_variables, list(grads), trainable_variables)
            hooked.tapping, hooked.clipped = True, {}
            try:
                weights, variables = stateless_apply(
                    optimizer_variables, grads, trainable_variables
                )
            finally:
                hooked.tapping = False
            if hooked.scaled and "clipped" in self.plan.taps:
                variables = step.take_clipped(list(variables))
            rings[hooked.name] = step.finish(rings[hooked.name], weights, variables)
            return weights, variables

        return apply_and_record

    def _hook_clipping(self, hooked: _Hooked) -> None:
        inner, outer = hooked.inner, hooked.optimizer
        apply, clip = inner._backend_apply_gradients, inner._clip_gradients  # noqa: SLF001 - Keras gives it no public name

        def with_variables_noted(grads: Any, trainable_variables: Any) -> Any:
            hooked.variables = list(trainable_variables)
            return apply(grads, trainable_variables)

        def clip_and_note(grads: Any) -> Any:
            clipped = clip(grads)
            if hooked.tapping:
                hooked.clipped = self.by_place(clipped, hooked.variables)
            return clipped

        self.hooks.set(inner, "_backend_apply_gradients", with_variables_noted)
        self.hooks.set(inner, "_clip_gradients", clip_and_note)
        if hooked.scaled:
            self._hook_branches(hooked, outer)

    def _hook_branches(self, hooked: _Hooked, outer: Any) -> None:
        """Hand the clipped gradients out of the branch that a loss scale puts the update into.

        They are appended to the optimizer's variables, zeros in the other branch;
        `_Step.take_clipped` takes them off.
        """
        names = ("_stateless_handle_finite_grads", "_stateless_handle_non_finite_grads")
        finite, non_finite = (getattr(outer, name) for name in names)
        dtype = hooked.streams["clipped"].dtype

        def finite_and_clipped(optimizer_variables: Any, grads: Any, weights: Any) -> Any:
            weights, variables = finite(optimizer_variables, grads, weights)
            if not hooked.tapping:
                return weights, variables
            clipped = hooked.clipped
            given = self.by_place(grads, outer._trainable_variables)  # noqa: SLF001 - Keras gives it no public name
            extra = [jnp.asarray(clipped[place], dtype) for place in sorted(given)]
            return weights, [*variables, *extra]

        def non_finite_and_zeros(optimizer_variables: Any, weights: Any) -> Any:
            weights, variables = non_finite(optimizer_variables, weights)
            if not hooked.tapping:
                return weights, variables
            shapes = [self.plan.survey.variables[place].shape for place in sorted(hooked.clipped)]
            return weights, [*variables, *(jnp.zeros(shape, dtype) for shape in shapes)]

        self.hooks.set(outer, names[0], finite_and_clipped)
        self.hooks.set(outer, names[1], non_finite_and_zeros)

    def by_place(self, tensors: Sequence[Any], variables: Sequence[Any]) -> dict[int, Any]:
        """Tensors of variables by recorded weight, those that there are."""
        pairs = ((self.places.get(id(v)), t) for t, v in zip(tensors, variables, strict=True))
        return {p: t for p, t in pairs if p is not None and t is not None}

    # -- the host's side ------------------------------------------------------------------------

    def _drain(self, epoch: int) -> list[Block]:
        if any(array.is_deleted() for array in jax.tree.leaves(self.rings)):
            self._broken = True  # an execution failed after it was given its state
            return []
        blocks: list[Block] = []
        for hooked in self.hooked:
            ring = self.rings[hooked.name]
            hooked.calls, hooked.skipped, hooked.updates = map(int, np.asarray(ring["counts"]))
            for tap, stream in hooked.streams.items():
                passed = hooked.updates if tap == "clipped" else hooked.calls
                blocks += stream.drain(ring[tap], -(-passed // self.plan.every), epoch)
        return blocks

    def _readers(self) -> list[Reader]:
        return [stream.reader for hooked in self.hooked for stream in hooked.streams.values()]

    def counts(self) -> list[Count]:
        """What every optimizer has done."""
        found = []
        for hooked in self.hooked:
            now = self._iterations(hooked)
            made = hooked.calls - hooked.skipped if now is None else now - hooked.first
            found.append(Count(hooked.name, made, hooked.calls, hooked.skipped))
        return found

    def losses(self) -> list[str]:
        """In words, what was lost before it was read."""
        lost = "the steps since the rings were last read were lost with a step that failed"
        return [*super().losses(), *([lost] if self._broken else [])]

    def _iterations(self, hooked: _Hooked) -> int | None:
        """An optimizer's count of calls; `None` where its variables are gone."""
        variable = hooked.inner._iterations  # noqa: SLF001 - `iterations` counts updates
        value = variable._value  # noqa: SLF001 - `None` while the training has it in its state
        if value is None:
            state = (getattr(self.model, "_jax_state", None) or {}).get("optimizer_variables")
            held = map(id, self.model.optimizer.variables)
            value = dict(zip(held, state or (), strict=False)).get(id(variable))
        return None if value is None or value.is_deleted() else int(value)


class _Step:
    """One call of an optimizer: what is read before it, and what is written after it."""

    def __init__(
        self,
        recording: TrainingRecording,
        hooked: _Hooked,
        optimizer_variables: Sequence[Any],
        grads: list[Any],
        weights: Sequence[Any],
    ) -> None:
        optimizer, plan = hooked.optimizer, recording.plan
        self.recording, self.hooked, self.plan = recording, hooked, plan
        with StatelessScope(list(zip(optimizer.variables, optimizer_variables, strict=True))):
            scale = loss_scale_of(optimizer)
            self.scale = None if scale is None else ops.convert_to_tensor(scale)
            self.learning_rate = _learning_rate(optimizer)
            self.iterations = hooked.inner._iterations.value  # noqa: SLF001 - Keras gives it no public name
        self.loss = recording.loss if _belongs(recording.loss, weights) else None
        self.variables = optimizer._trainable_variables  # noqa: SLF001 - as Keras does
        given, before = (recording.by_place(each, self.variables) for each in (grads, weights))
        self.tensors = [
            Tensors(
                _dense(given.get(place)),
                before.get(place) if plan.before or place in plan.elements else None,
            )
            for place in range(len(plan.survey.variables))
        ]

    def take_clipped(self, variables: list[Any]) -> list[Any]:
        """The optimizer's variables without the clipped gradients that a branch appended."""
        own = len(self.hooked.optimizer.variables)
        self.hooked.clipped = dict(zip(sorted(self.hooked.clipped), variables[own:], strict=True))
        return variables[:own]

    def finish(self, ring: Ring, weights: Sequence[Any], variables: Sequence[Any]) -> Ring:
        """The ring with this step in it, by the weights and variables that it made."""
        if self.plan.update:
            after = self.recording.by_place(weights, self.variables)
            for place, one in enumerate(self.tensors):
                one.after = after.get(place)
        status = self._status(variables)
        counts = ring["counts"]
        numbers = jnp.stack([jnp.ones_like(status), status == _OVERFLOW, status == _OK])
        ring = {**ring, "counts": counts + numbers.astype("int32")}
        return self._written(ring, status, calls=counts[0], updates=counts[2])

    def _written(self, ring: Ring, status: Any, calls: Any, updates: Any) -> Ring:
        ring, tensors, every = dict(ring), self.tensors, self.plan.every
        written = {"raw": (tensors, self.scale)}
        if "applied" in self.plan.taps:
            written["applied"] = ([_change(one) for one in tensors], None)
        due = True if every == 1 else calls % every == 0
        for tap, (row, scale) in written.items():
            meta = self._meta(tensors, calls, status, self.loss, self.scale)
            ring[tap] = self._put(tap, ring[tap], due, calls // every, meta, row, scale)
        if "clipped" in self.plan.taps:
            clipped = [Tensors(self.hooked.clipped.get(p)) for p in range(len(tensors))]
            meta = self._meta(clipped, calls, jnp.zeros_like(status), None, None)
            # A micro-step of an accumulation clips as well, and throws it away.
            due = (status == _OK) & (updates % every == 0)
            ring["clipped"] = self._put(
                "clipped", ring["clipped"], due, updates // every, meta, clipped, None
            )
        return ring

    def _put(
        self, tap: str, ring: Ring, due: Any, number: Any, meta: Ring, row: Any, scale: Any
    ) -> Ring:
        stream = self.hooked.streams[tap]
        if due is True:
            return stream.written(ring, number, meta, row, scale)
        put: Ring = jax.lax.cond(
            due, lambda old: stream.written(old, number, meta, row, scale), lambda old: old, ring
        )
        return put

    def _meta(self, tensors: list[Tensors], calls: Any, status: Any, loss: Any, scale: Any) -> Ring:
        """The numbers of the step in the order of `INTEGERS` and `FLOATS`."""
        present = tuple(one.gradient is not None for one in tensors)
        known = self.learning_rate is not None
        trace = self.hooked.traces.number(Trace(present, loss is not None, known))
        floats = [
            float("nan") if self.learning_rate is None else self.learning_rate,
            float("nan") if loss is None else loss,
            1.0 if scale is None else scale,
        ]
        return {
            "integers": jnp.stack([calls, status, jnp.full_like(calls, trace)]),
            "floats": jnp.stack([jnp.asarray(one, _float()) for one in floats]),
        }

    def _status(self, variables: Sequence[Any]) -> Any:
        inner, before = self.hooked.inner, self.iterations
        status = jnp.full((), _OK, "int32")
        steps = inner.gradient_accumulation_steps
        if steps:
            status = jnp.where((before + 1) % steps == 0, status, _ACCUMULATED)
        if self.hooked.scaled:
            # On an overflow the inner optimizer is not called: its iterations stand still.
            held = [id(variable) for variable in self.hooked.optimizer.variables]
            now = variables[held.index(id(inner._iterations))]  # noqa: SLF001 - Keras gives it no public name
            status = jnp.where(now == before, _OVERFLOW, status)
        return status.astype("int32")


def _trace() -> Any:
    """What tells one trace from another."""
    public = getattr(jax.extend.core, "get_opaque_trace_state", None)
    return public() if public else jax.core.get_opaque_trace_state()  # where JAX had it before


def _belongs(value: Any, others: Sequence[Any]) -> bool:
    """Whether a scalar is of the same trace as others, so that it may be computed with."""
    if value is None or value.shape != ():
        return False
    if not isinstance(value, jax.core.Tracer):
        return True
    traces = [one._trace for one in others if isinstance(one, jax.core.Tracer)]  # noqa: SLF001 - JAX gives it no public name
    return any(value._trace is trace for trace in traces)  # noqa: SLF001 - no public name for it


def _dense(gradient: Any) -> Any:
    """A gradient as an array; converting sums the duplicate rows of a sparse one."""
    return gradient.todense() if hasattr(gradient, "todense") else gradient


def _change(of_weight: Tensors) -> Tensors:
    before: Any = of_weight.before
    return Tensors(None if of_weight.gradient is None else of_weight.after - before)


def _learning_rate(optimizer: Any) -> Any | None:
    try:
        return ops.convert_to_tensor(optimizer.learning_rate)
    except AttributeError:  # a MultiOptimizer has none of its own
        return None


def one_pass(model: Model, plan: Plan, batch: Batch, loss: Any) -> Block:
    """One backward pass, as a block of one step; nothing is updated."""
    of_batch = loss_function(model, loss)
    optimizer = getattr(model, "optimizer", None) if model.compiled else None
    scale = None if optimizer is None else loss_scale_of(optimizer)
    scale = None if scale is None else ops.convert_to_tensor(scale)
    variables = plan.survey.variables

    def value_and_scaled(values: list[Any]) -> tuple[Any, Any]:
        # Whatever the pass writes (statistics, seeds, metrics) is dropped with the scope.
        mapping = list(zip(variables, values, strict=True))
        with StatelessScope(mapping, collect_losses=True):
            has_mode = model._call_has_training_arg  # noqa: SLF001 - Keras gives it no public name
            predicted = model(batch.x, training=True) if has_mode else model(batch.x)
            value = of_batch(batch, predicted)
        # In half precision small gradients are lost unless the loss is scaled, as in training.
        return (value if scale is None else value * scale.astype(value.dtype)), value

    values = [variable._value for variable in variables]  # noqa: SLF001 - without autocast
    grads, value = jax.grad(value_and_scaled, has_aux=True)(values)
    stream = _Stream(plan, "tape", "raw", 1, Traces())
    tensors = [Tensors(_dense(g), before=v) for g, v in zip(grads, values, strict=True)]
    trace = stream.reader.traces.number(Trace((True,) * len(tensors), True, False))
    floats = [float("nan"), value, 1.0 if scale is None else scale]
    finite = all(bool(jnp.isfinite(one.gradient).all()) for one in tensors)
    status = _OK if scale is None or finite else _OVERFLOW
    meta = {
        "integers": jnp.array([0, status, trace], "int32"),
        "floats": jnp.stack([jnp.asarray(one, _float()) for one in floats]),
    }
    ring = stream.written(stream.empty(), 0, meta, tensors, scale)
    return stream.drain(ring, 1, -1)[0]
