"""Activations: what the calls of a model hand on, and how much of it is alive at once.

The policy, which is that of a plain forward pass, one example at a time:

- Every output of a call is a tensor of its own. No two share memory: neither a Flatten and its
  input nor an activation that could work in place. An InputLayer alone makes nothing: the model's
  own hands in the input, which is counted there; one in a nested model hands on what it is given,
  and counts 0.
- A tensor lives from the call that makes it to the last one that takes it. A model's inputs live
  from the start, its outputs to the end, and what nothing takes for the one call that makes it.
- While a call runs, what it takes and what it makes are both alive. What it computes within itself
  (an attention's scores, an LSTM's gates, a convolution's workspace) is not counted.
- Calls run in the order in which the config lists them. A runtime that orders or fuses them
  otherwise needs other memory; training keeps about the sum, for the backward pass.
- Elements are those of the shape without the batch axis. The dtype is the one that the config
  records of the tensor where it is passed on, else the one that its layer computes in.

An extent or dtype that is not known makes `None` of every figure that depends on it.

Example: 4 features, Dense(8), Dense(2) in float32: tensors of 4, 8 and 2 elements. While the first
Dense runs 4 + 8 are alive, while the second does 8 + 2: the peak is 12 elements, 48 bytes, the sum
14 elements, 56 bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate

from kerasaudit.derivation.architecture import Architecture, Call, Source
from kerasaudit.derivation.memory import compute_dtype, dtype_bytes
from kerasaudit.derivation.shape import Shape, product, total

__all__ = ["Activation", "Activations", "activations"]

_Key = tuple[int | None, int]  # the call that makes a tensor, and which of its outputs it is


@dataclass(frozen=True, slots=True)
class Activation:
    """What one call hands on, and what is alive while it runs; per example, `None` if not known."""

    elements: int | None
    bytes: int | None
    live_bytes: int | None


@dataclass(frozen=True, slots=True)
class Activations:
    """The activations of a model, call by call, and the most bytes that are alive at once."""

    calls: tuple[Activation, ...]
    peak_bytes: int | None

    @property
    def elements(self) -> int | None:
        """The sum over the calls."""
        return total(call.elements for call in self.calls)

    @property
    def bytes(self) -> int | None:
        """The sum over the calls."""
        return total(call.bytes for call in self.calls)


def activations(architecture: Architecture) -> Activations:
    """The activations of a model's calls, in their order.

    >>> from kerasaudit.derivation.architecture import derive_architecture
    >>> net = {"class_name": "Sequential", "config": {"name": "net", "layers": [
    ...     {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 4]}},
    ...     {"class_name": "Dense", "config": {"name": "a", "units": 8}},
    ...     {"class_name": "Dense", "config": {"name": "b", "units": 2}},
    ... ]}}
    >>> result = activations(derive_architecture(net))
    >>> [call.live_bytes for call in result.calls], result.peak_bytes, result.elements
    ([16, 48, 40], 48, 14)
    """
    tensors = _Tensors(architecture)
    live = _live(architecture, tensors)
    figures = []
    for number, call in enumerate(architecture.calls):
        made = tensors.made_by(number, call)
        figures.append(
            Activation(
                elements=total(tensors.elements[key] for key in made),
                bytes=total(tensors.bytes(key) for key in made),
                live_bytes=live[number],
            )
        )
    known = [size for size in live if size is not None]
    peak = max(known, default=None) if len(known) == len(live) else None
    return Activations(tuple(figures), peak)


class _Tensors:
    """Every tensor of a model: its elements, its dtype, and what an InputLayer hands on."""

    def __init__(self, architecture: Architecture) -> None:
        self.elements: dict[_Key, int | None] = {}
        self._dtypes: dict[_Key, str | None] = {}
        self._same: dict[_Key, _Key] = {}  # what an InputLayer hands on → what it was given
        self._handed_in: dict[int, _Key] = {}  # the model's inputs, by the call that stands for one
        configs = {layer.path: layer.config for layer in architecture.layers}
        dtypes = {path: compute_dtype(config) for path, config in configs.items()}
        for number, shape in enumerate(architecture.input_shapes):
            self._enter((None, number), shape, "float32")
        for number, call in enumerate(architecture.calls):
            if call.class_name == "InputLayer" and call.sources:
                given = self.key(call.sources[0])
                self._same[number, 0] = given
                if given not in self._handed_in.values() and given[0] is None:
                    self._handed_in[number] = given
                    self._enter(given, call.output_shape, dtypes[call.path])
                continue
            for output, made in enumerate(_outputs(call)):
                self._enter((number, output), made, dtypes[call.path])
            for source in call.sources or ():
                if source.dtype is not None:
                    self._dtypes[self.key(source)] = source.dtype

    def _enter(self, key: _Key, shape: object, dtype: str | None) -> None:
        known = isinstance(shape, tuple) and not any(isinstance(one, tuple) for one in shape)
        self.elements[key] = product(shape[1:]) if known and isinstance(shape, tuple) else None
        self._dtypes[key] = dtype

    def key(self, source: Source) -> _Key:
        """The tensor that a source means, whichever InputLayers it came through."""
        key = (source.call, source.output)
        return self._same.get(key, key)

    def made_by(self, number: int, call: Call) -> list[_Key]:
        """The tensors that a call adds."""
        if (number, 0) not in self._same:
            return [(number, output) for output, _ in enumerate(_outputs(call))]
        return [self._handed_in[number]] if number in self._handed_in else []

    def bytes(self, key: _Key) -> int | None:
        """The bytes of one tensor, per example."""
        elements, size = self.elements[key], dtype_bytes(self._dtypes[key])
        return None if elements is None or size is None else elements * size


def _outputs(call: Call) -> tuple[Shape | None, ...]:
    """The shapes of a call's outputs, one by one."""
    shape = call.output_shape
    if isinstance(shape, tuple) and shape and isinstance(shape[0], tuple):
        return tuple([one for one in shape if isinstance(one, tuple)])
    return (shape,)  # type: ignore[return-value]  # it is one shape, or not known


def _live(architecture: Architecture, tensors: _Tensors) -> list[int | None]:
    """The bytes that are alive while each call runs; `None` where those of one tensor are not."""
    calls = architecture.calls
    if architecture.outputs is None or any(call.sources is None for call in calls):
        return [None] * len(calls)
    last = _last_uses(architecture, tensors)
    sizes = [0] * (len(calls) + 1)  # what comes alive at each call, less what is dead by then
    unknown = [0] * (len(calls) + 1)
    for key, end in last.items():
        begin, size = key[0] or 0, tensors.bytes(key)
        changes, amount = (unknown, 1) if size is None else (sizes, size)
        changes[begin] += amount
        changes[end + 1] -= amount
    return [
        None if holes else alive
        for alive, holes in zip(accumulate(sizes[:-1]), accumulate(unknown[:-1]), strict=True)
    ]


def _last_uses(architecture: Architecture, tensors: _Tensors) -> dict[_Key, int]:
    """For each tensor the number of the last call in which it is alive."""
    last = {key: key[0] or 0 for key in tensors.elements}
    for number, call in enumerate(architecture.calls):
        for source in call.sources or ():
            last[tensors.key(source)] = number
    end = len(architecture.calls) - 1
    last.update(dict.fromkeys(_keys(tensors, architecture.outputs or ()), end))
    return last


def _keys(tensors: _Tensors, sources: Iterable[Source]) -> list[_Key]:
    return [tensors.key(source) for source in sources]
