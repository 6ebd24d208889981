"""Recording on PyTorch: hooks that run beside an eager training step.

The outermost optimizer's `apply` is shadowed. What is computed stays on the device of the weights,
in rings of plain tensors: nothing waits for the device before the rings are read. What the host
knows by itself (which call it is, whether an update was made) it keeps by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from keras import Model, ops

from kerasaudit.gradients.backends.recording import (
    Count,
    Recording,
    refuse_clipped_multi_optimizer,
)
from kerasaudit.gradients.backends.torch_norms import NO_FLOAT64, change, computed
from kerasaudit.gradients.batch import Batch, loss_function, untouched
from kerasaudit.gradients.block import STEP_STATUSES, Block
from kerasaudit.gradients.figures import Tensors
from kerasaudit.gradients.hooks import inner_optimizer, loss_scale_of
from kerasaudit.gradients.plan import Plan
from kerasaudit.gradients.ring import FLOATS, INTEGERS, Reader, Rows, Trace, Traces
from kerasaudit.gradients.statistics import HISTOGRAM_BINS, OF_UPDATE

__all__ = ["TrainingRecording", "one_pass"]

_OK, _OVERFLOW, _ACCUMULATED = range(len(STEP_STATUSES))
_AFTER = frozenset(OF_UPDATE) - {"weight_l2", "weight_std"}  # what an update is needed for


# -- rings --------------------------------------------------------------------------------------


class _Stream:
    """The ring of one optimizer at one tap, in tensors on the device of the weights."""

    def __init__(self, plan: Plan, optimizer: str, tap: str, capacity: int, traces: Traces) -> None:
        inventory = plan.inventory
        device = plan.survey.variables[0].value.device
        dtype = getattr(torch, inventory.dtype)
        wide = torch.float32 if device.type in NO_FLOAT64 else torch.float64
        self.plan = plan
        self.tap = tap
        self.reader = Reader(plan, optimizer, tap, capacity, traces)
        self.written = 0
        self.integers = np.zeros((capacity, len(INTEGERS)), "int64")
        self.floats = torch.zeros((capacity, len(FLOATS)), dtype=wide, device=device)
        self.tabled = plan.tabled(tap)
        width = len(self.tabled) * inventory.kernels
        self.values = torch.zeros((capacity, width), dtype=dtype, device=device)
        self.histogram: Any = None
        if "histogram" in plan.of_tap(tap):
            shape = (capacity, inventory.kernels * HISTOGRAM_BINS)
            self.histogram = torch.zeros(shape, dtype=torch.int32, device=device)
        self.elements: dict[int, tuple[Any, Any]] = {}
        for place in plan.elements if tap == "raw" else ():
            entry = inventory.recorded[place]
            zeros = torch.zeros((capacity, entry.kernels * entry.size), dtype=dtype, device=device)
            self.elements[place] = (zeros, zeros.clone())

    def write_elements(self, tensors: Sequence[Tensors], scale: Any) -> None:
        """Write the elements of a step: of what the optimizer may change, so before it does."""
        position = self.written % self.reader.capacity
        for place, (gradients, values) in self.elements.items():
            gradient = tensors[place].gradient
            if gradient is not None:
                row = gradient.reshape(-1).to(gradients.dtype)
                gradients[position] = row if scale is None else row / scale
                value: Any = tensors[place].before
                values[position] = value.reshape(-1)

    def write(self, integers: Sequence[int], floats: Any, found: Mapping[str, Any]) -> None:
        """Write one step."""
        position = self.written % self.reader.capacity
        self.integers[position] = integers
        self.floats[position] = floats
        if self.tabled:
            self.values[position] = torch.cat([found[name] for name in self.tabled])
        if self.histogram is not None:
            self.histogram[position] = found["histogram"].reshape(-1)
        self.written += 1

    def drain(self, epoch: int) -> list[Block]:
        """The blocks written since the last time."""
        fresh = self.reader.fresh(self.written)
        if not len(fresh):
            return []
        rows = Rows(
            integers=self.integers[fresh],
            floats=_rows(self.floats, fresh),
            values=_rows(self.values, fresh),
            histogram=None if self.histogram is None else _rows(self.histogram, fresh),
            elements={
                place: (_rows(gradients, fresh), _rows(values, fresh))
                for place, (gradients, values) in self.elements.items()
            },
        )
        return list(self.reader.blocks(rows, epoch))


def _rows(ring: Any, numbers: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    rows: np.ndarray[Any, Any] = ring[torch.as_tensor(numbers, device=ring.device)].cpu().numpy()
    return rows


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
        self.calls = self.skipped = self.updates = 0
        self.first = 0
        self.rebase()
        # Of the step that is under way.
        self.inner_called = False
        self.variables: Sequence[Any] = ()
        self.learning_rate: Any = None

    @property
    def iterations(self) -> int:
        """How often the optimizer that updates was called; reading it waits for the device."""
        return int(self.inner._iterations.value)  # noqa: SLF001 - `iterations` counts updates

    def rebase(self) -> None:
        """Take the iterations of now as those before the first step."""
        self.first = self.iterations - self.calls + self.skipped
        for stream in self.streams.values():
            stream.reader.first_step = self.first

    def status(self) -> int:
        """What became of the call that has just returned."""
        if self.scaled and not self.inner_called:
            return _OVERFLOW
        steps = self.inner.gradient_accumulation_steps
        if steps and (self.first + self.calls - self.skipped + 1) % steps:
            return _ACCUMULATED
        return _OK


# -- hooks --------------------------------------------------------------------------------------


class TrainingRecording(Recording):
    """Hooks on one model's optimizers and loss."""

    def __init__(self, model: Model, plan: Plan) -> None:
        super().__init__(model, plan)
        self.hooked: list[_Hooked] = []

    def _hook(self) -> None:
        refuse_clipped_multi_optimizer(self.plan, self.optimizers)
        self.hooked = [
            _Hooked(name, optimizer, self.plan, self.per_execution())
            for name, optimizer in self.optimizers.items()
        ]
        for hooked in self.hooked:
            self.hooks.set(hooked.optimizer, "apply", self._around_apply(hooked))
            if hooked.scaled:
                self.hooks.set(hooked.inner, "apply", self._around_inner(hooked))
            if "clipped" in self.plan.taps:
                self._hook_clipping(hooked)
        self.hooks.set(self.model, "compute_loss", self._around_loss(self.model.compute_loss))

    def rebase(self) -> None:
        """Take the optimizers' iterations of now as those before the first step."""
        for hooked in self.hooked:
            hooked.rebase()

    def _around_loss(self, compute_loss: Callable[..., Any]) -> Callable[..., Any]:
        """Keep the last loss for the step that it belongs to."""

        @torch.compiler.disable
        def note(loss: Any) -> None:
            # An evaluation takes no gradient: its loss is of no step.
            if isinstance(loss, torch.Tensor) and loss.requires_grad and not loss.shape:
                self.loss = loss.detach()

        def compute_loss_and_note(*args: Any, **kwargs: Any) -> Any:
            loss = compute_loss(*args, **kwargs)
            note(loss)
            return loss

        return compute_loss_and_note

    def _around_apply(self, hooked: _Hooked) -> Callable[..., Any]:
        apply = hooked.optimizer.apply

        @torch.compiler.disable
        @torch.no_grad()
        def begin(grads: list[Any], variables: Any) -> _Step | None:
            hooked.inner_called = False
            due = hooked.calls % self.plan.every == 0
            if due or "clipped" in self.plan.taps:
                hooked.learning_rate = _learning_rate(hooked.optimizer)
            return _Step(self, hooked, grads, variables) if due else None

        @torch.compiler.disable
        @torch.no_grad()
        def finish(step: _Step | None) -> None:
            status = hooked.status()
            if step is not None:
                step.finish(status)
            hooked.calls += 1
            hooked.skipped += status == _OVERFLOW

        def apply_and_record(grads: Any, trainable_variables: Any = None) -> Any:
            grads = list(grads)
            if not grads:
                return apply(grads, trainable_variables)
            step = begin(grads, trainable_variables)
            result = apply(grads, trainable_variables)
            finish(step)
            return result

        return apply_and_record

    def _around_inner(self, hooked: _Hooked) -> Callable[..., Any]:
        apply = hooked.inner.apply

        @torch.compiler.disable
        def note() -> None:
            hooked.inner_called = True

        def apply_and_note(grads: Any, trainable_variables: Any = None) -> Any:
            note()
            return apply(grads, trainable_variables)

        return apply_and_note

    def _hook_clipping(self, hooked: _Hooked) -> None:
        inner = hooked.inner
        apply, clip = inner._backend_apply_gradients, inner._clip_gradients  # noqa: SLF001 - Keras gives it no public name

        @torch.compiler.disable
        def note(variables: Any) -> None:
            hooked.variables = list(variables)

        @torch.compiler.disable
        @torch.no_grad()
        def record(clipped: Sequence[Any]) -> None:
            if hooked.updates % self.plan.every == 0:
                self._write_clipped(hooked, clipped)
            hooked.updates += 1

        def with_variables_noted(grads: Any, trainable_variables: Any) -> Any:
            note(trainable_variables)
            return apply(grads, trainable_variables)

        def clip_and_record(grads: Any) -> Any:
            clipped = clip(grads)
            record(clipped)
            return clipped

        self.hooks.set(inner, "_backend_apply_gradients", with_variables_noted)
        self.hooks.set(inner, "_clip_gradients", clip_and_record)

    def _write_clipped(self, hooked: _Hooked, clipped: Sequence[Any]) -> None:
        plan = self.plan
        tensors = self.tensors(clipped, hooked.variables)
        inventory = plan.inventory
        names = plan.of_tap("clipped")
        found = computed(names, inventory.recorded, tensors, inventory.dtype)
        trace = _trace(hooked, tensors, None)
        numbers = _floats(hooked.streams["clipped"], hooked.learning_rate, None, None)
        hooked.streams["clipped"].write((hooked.calls, _OK, trace), numbers, found)

    def tensors(self, grads: Sequence[Any], variables: Sequence[Any]) -> list[Tensors]:
        """The gradients by recorded weight, dense."""
        found: dict[int, Any] = {}
        for gradient, variable in zip(grads, variables, strict=True):
            place = self.plan.survey.place(variable)
            if place is not None and gradient is not None:
                found[place] = _dense(gradient)
        return [Tensors(found.get(place)) for place in range(len(self.plan.survey.variables))]

    # -- the host's side ------------------------------------------------------------------------

    def _drain(self, epoch: int) -> list[Block]:
        return [b for h in self.hooked for s in h.streams.values() for b in s.drain(epoch)]

    def _readers(self) -> list[Reader]:
        return [stream.reader for hooked in self.hooked for stream in hooked.streams.values()]

    def counts(self) -> list[Count]:
        """What every optimizer has done."""
        return [
            Count(hooked.name, hooked.iterations - hooked.first, hooked.calls, hooked.skipped)
            for hooked in self.hooked
        ]


class _Step:
    """One recorded call of an optimizer: what is taken before it, and what is written after it."""

    def __init__(
        self, recording: TrainingRecording, hooked: _Hooked, grads: list[Any], variables: Any
    ) -> None:
        if variables is None:
            variables = hooked.optimizer._trainable_variables  # noqa: SLF001 - as Keras does
        self.recording, self.hooked = recording, hooked
        plan = self.plan = recording.plan
        scale = loss_scale_of(hooked.optimizer)
        # Copied: the step that uses it changes it in place.
        self.scale = None if scale is None else ops.convert_to_tensor(scale).clone()
        self.loss = recording.loss
        raw = hooked.streams["raw"]
        self.floats = _floats(raw, hooked.learning_rate, self.loss, self.scale)
        self.tensors = recording.tensors(grads, list(variables))
        for place, one in enumerate(self.tensors):
            if plan.before or place in plan.elements:
                value = self._value(place)
                one.before = value.clone() if plan.update else value
        names = [name for name in plan.of_tap("raw") if name not in _AFTER]
        self.found = self._computed(names, self.tensors, self.scale)
        raw.write_elements(self.tensors, self.scale)

    def finish(self, status: int) -> None:
        """After the optimizer's own work: read the weights again, and write the step."""
        plan, streams, tensors = self.plan, self.hooked.streams, self.tensors
        numbers = (self.hooked.calls, status, _trace(self.hooked, tensors, self.loss))
        if plan.update:
            for place, one in enumerate(tensors):
                one.after = self._value(place)
            names = [name for name in plan.of_tap("raw") if name in _AFTER]
            self.found |= self._computed(names, tensors, None)
        streams["raw"].write(numbers, self.floats, self.found)
        if "applied" in streams:
            changes = [Tensors(None if t.gradient is None else change(t)) for t in tensors]
            names = list(plan.of_tap("applied"))
            streams["applied"].write(numbers, self.floats, self._computed(names, changes, None))

    def _value(self, place: int) -> Any:
        return self.plan.survey.variables[place]._value.detach()  # noqa: SLF001 - no autocast

    def _computed(self, names: list[str], tensors: Sequence[Tensors], scale: Any) -> dict[str, Any]:
        inventory = self.plan.inventory
        return computed(names, inventory.recorded, tensors, inventory.dtype, scale)


def _trace(hooked: _Hooked, tensors: Sequence[Tensors], loss: Any) -> int:
    present = tuple(one.gradient is not None for one in tensors)
    return hooked.traces.number(Trace(present, loss is not None, hooked.learning_rate is not None))


def _floats(stream: _Stream, learning_rate: Any, loss: Any, scale: Any) -> Any:
    """The numbers of a step in the order of `FLOATS`, copied: all of them change in place."""
    row = stream.floats.new_empty((len(FLOATS),))
    numbers = (learning_rate, loss, 1.0 if scale is None else scale)
    for position, number in enumerate(numbers):
        row[position] = torch.nan if number is None else number
    return row


def _dense(gradient: Any) -> Any:
    """A gradient as a plain tensor; converting sums the duplicate rows of a sparse one."""
    gradient = gradient.detach()
    return gradient.to_dense() if gradient.is_sparse else gradient


def _learning_rate(optimizer: Any) -> Any | None:
    try:
        return ops.convert_to_tensor(optimizer.learning_rate).detach()
    except AttributeError:  # a MultiOptimizer has none of its own
        return None


# -- one pass -----------------------------------------------------------------------------------


def one_pass(model: Model, plan: Plan, batch: Batch, loss: Any) -> Block:
    """One backward pass, as a block of one step; nothing is updated, no `.grad` is touched."""
    of_batch = loss_function(model, loss)
    optimizer = getattr(model, "optimizer", None) if model.compiled else None
    scale = None if optimizer is None else loss_scale_of(optimizer)
    scale = None if scale is None else ops.convert_to_tensor(scale).detach()
    values = [variable._value for variable in plan.survey.variables]  # noqa: SLF001 - Keras gives it no public name
    with untouched(model), _in_training(model), torch.enable_grad():
        has_mode = model._call_has_training_arg  # noqa: SLF001 - Keras gives it no public name
        predicted = model(batch.x, training=True) if has_mode else model(batch.x)
        value = of_batch(batch, predicted)
        # In half precision small gradients are lost unless the loss is scaled, as in training.
        scaled = value if scale is None else value * scale.to(value.dtype)
        grads = torch.autograd.grad(scaled, values, allow_unused=True)
    stream = _Stream(plan, "tape", "raw", 1, Traces())
    tensors = [
        Tensors(None if g is None else _dense(g), before=v.detach())
        for g, v in zip(grads, values, strict=True)
    ]
    present = tuple(one.gradient is not None for one in tensors)
    trace = stream.reader.traces.number(Trace(present, True, False))
    inventory = plan.inventory
    with torch.no_grad():
        names = plan.of_tap("raw")
        found = computed(names, inventory.recorded, tensors, inventory.dtype, scale)
        stream.write_elements(tensors, scale)
        finite = all(
            bool(torch.isfinite(t.gradient).all()) for t in tensors if t.gradient is not None
        )
        status = _OK if scale is None or finite else _OVERFLOW
        stream.write((0, status, trace), _floats(stream, None, value.detach(), scale), found)
    return stream.drain(-1)[0]


@contextmanager
def _in_training(model: Any) -> Iterator[None]:
    """Training mode for plain PyTorch modules in a model; buffers and generators put back."""
    layers = model._flatten_layers()  # noqa: SLF001 - PyTorch does not know of layers in lists
    modules = list(dict.fromkeys(module for layer in layers for module in layer.modules()))
    was = [module.training for module in modules]
    held = [buffer for module in modules for buffer in module.buffers(recurse=False)]
    buffers = [(buffer, buffer.clone()) for buffer in held]
    devices = {one.device for one in model.parameters() if one.device.type == "cuda"}
    model.train()
    try:
        # Dropout without a seed of its own draws from the generator that all share.
        with torch.random.fork_rng(devices=list(devices)):
            yield
    finally:
        for module, mode in zip(modules, was, strict=True):
            module.training = mode
        with torch.no_grad():
            for buffer, value in buffers:
                buffer.copy_(value)
