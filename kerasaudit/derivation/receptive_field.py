"""Receptive fields: which stretch of the input each position of a feature map depends on.

Along a path of windows of size k, dilation d and stride s, with p positions padded before the
axis, three numbers grow from the input on (size r = 1, stride j = 1, padding P = 0 there):

    e     = d·(k − 1) + 1
    r_out = r_in + (e − 1)·j_in        the receptive field
    j_out = j_in·s                     the effective stride: how far it moves per output position
    P_out = P_in + p·j_in              the effective padding: the first one starts at −P

Output position i depends on the input's positions −P + i·j … −P + i·j + r − 1, of which those
outside the input are padding. "same" pads max((⌈L/s⌉ − 1)·s + e − L, 0), half of it (rounded down)
before the axis: above stride 1 that depends on the input's extent L. "causal" pads e − 1 before.

Example: VGG-16's first convolutions of 3 and the pooling of 2 by 2: r = 1 + 2 + 2 + 1 = 6, j = 2.

Where paths meet (a residual sum, a concatenation) the field spans all of theirs, where their
strides agree; where they do not, or an alignment is unknown, there is no one figure and the field
is `None`. So it is after a layer that takes no window: a Flatten, a recurrent layer, an
up-sampling. A stride of 0 says that every position depends on the same stretch: global pooling sees
the whole input, and so does all that it gates (squeeze-and-excitation); the size is then the
input's extent.

Source: Araujo, Norris & Sim 2019, "Computing receptive fields of convolutional neural networks",
Distill, doi:10.23915/distill.00021. It is the field that the graph allows; kernels of zeros, or a
stride above the window's size, may leave positions within it unused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

from kerasaudit.derivation.architecture import Architecture, Call
from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import Window
from kerasaudit.derivation.shape import Extent, Shape, window_length

__all__ = ["ReceptiveField", "receptive_fields"]


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """Size, effective stride and effective padding for each spatial axis of the input.

    `padding` is `None` where it depends on an extent that is not known.
    """

    size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class _Reach:
    """The three numbers along one axis, and the extent of the model's input there."""

    size: int
    stride: int
    padding: Extent
    extent: Extent

    @property
    def is_whole(self) -> bool:
        """Whether every position sees the whole input."""
        return self.stride == 0 and self.padding == 0 and self.size == self.extent


# One reach an axis; none as long as no window was met: each position depends on itself alone.
_Field = tuple[_Reach, ...]


def receptive_fields(architecture: Architecture) -> tuple[ReceptiveField | None, ...]:
    """The receptive field of each call's output; `None` where it has none, or it is not known.

    >>> from kerasaudit.derivation.architecture import derive_architecture
    >>> net = {"class_name": "Sequential", "config": {"name": "net", "layers": [
    ...     {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 28, 28, 1]}},
    ...     {"class_name": "Conv2D", "config": {"name": "a", "filters": 32, "kernel_size": 3}},
    ...     {"class_name": "MaxPooling2D", "config": {"name": "b", "pool_size": 2}},
    ...     {"class_name": "Conv2D", "config": {"name": "c", "filters": 64, "kernel_size": 3}},
    ... ]}}
    >>> receptive_fields(derive_architecture(net))[-1]
    ReceptiveField(size=(8, 8), stride=(2, 2), padding=(0, 0))
    """
    configs = {layer.path: layer.config for layer in architecture.layers}
    fields: list[_Field | None] = []
    for call in architecture.calls:
        fields.append(_after(call, configs[call.path], _taken(call, fields)))
    return tuple([_figures(field) for field in fields])


def _figures(field: _Field | None) -> ReceptiveField | None:
    if not field:
        return None
    padding = tuple([reach.padding for reach in field if reach.padding is not None])
    return ReceptiveField(
        size=tuple([reach.size for reach in field]),
        stride=tuple([reach.stride for reach in field]),
        padding=padding if len(padding) == len(field) else None,
    )


def _taken(call: Call, fields: list[_Field | None]) -> list[_Field | None]:
    """The fields of what a call takes; the model's own input is where they begin."""
    if call.sources is None:
        return [None]
    return [() if source.call is None else fields[source.call] for source in call.sources]


def _after(call: Call, config: LayerConfig, taken: list[_Field | None]) -> _Field | None:
    """The field of a call's output."""
    joined = _joined(taken)
    if joined is None:
        return None
    if joined and all(reach.is_whole for reach in joined):
        return joined  # whatever the layer does with it
    window = call.derivation.window if call.derivation else None
    if window is None or window.transposed or _broadcasts(call):
        return None
    if not window.size:
        return joined
    return _through(joined, window, _lengths(call, config))


def _lengths(call: Call, config: LayerConfig) -> Shape:
    """The extents of the spatial axes of what a layer with a window takes."""
    shape = call.input_shapes[0] or ()
    return shape[2:] if config.channels_first() else shape[1:-1]


def _broadcasts(call: Call) -> bool:
    """Whether one position of an input meets several of another's."""
    output = call.output_shape or ()
    return len(call.input_shapes) > 1 and any(
        one == 1 != other
        for shape in call.input_shapes
        if shape is not None and len(shape) == len(output)
        for one, other in zip(shape[1:-1], output[1:-1], strict=True)
    )


# -- windows ------------------------------------------------------------------------------------


def _through(field: _Field, window: Window, lengths: Shape) -> _Field | None:
    rank = len(window.size)
    if len(lengths) != rank or len(field) not in (0, rank):
        return None
    before = field or tuple([_Reach(1, 1, 0, length) for length in lengths])
    return tuple([_step(before[i], window, i, lengths[i]) for i in range(rank)])


def _step(reach: _Reach, window: Window, axis: int, length: Extent) -> _Reach:
    """The recurrence along one axis."""
    span = window.dilation[axis] * (window.size[axis] - 1) + 1
    padded = _padded_before(window, axis, span, length)
    padding = None
    if reach.padding is not None and padded is not None:
        padding = reach.padding + padded * reach.stride
    moved = _Reach(
        size=reach.size + (span - 1) * reach.stride,
        stride=reach.stride * window.stride[axis],
        padding=padding,
        extent=reach.extent,
    )
    return _standing(moved) if window.stride[axis] == 0 else moved


def _padded_before(window: Window, axis: int, span: int, length: Extent) -> Extent:
    """How many positions the layer adds before the axis."""
    if window.added:
        return window.added[axis][0]
    if window.padding == "causal":
        return span - 1
    if window.padding == "valid":
        return 0
    stride = window.stride[axis]
    if stride == 1:
        return (span - 1) // 2
    positions = window_length(length, window.size[axis], stride, window.dilation[axis], "same")
    if length is None or positions is None:
        return None
    return max((positions - 1) * stride + span - length, 0) // 2


def _standing(reach: _Reach) -> _Reach:
    """A window that stands still: the whole input, where it covers that."""
    padding, extent = reach.padding, reach.extent
    if padding is None or extent is None:
        return reach
    if padding >= 0 and reach.size - padding >= extent:
        return _Reach(size=extent, stride=0, padding=0, extent=extent)
    return reach


# -- where paths meet -----------------------------------------------------------------------------


def _joined(fields: Iterable[_Field | None]) -> _Field | None:
    """The field that spans several; `None` where one is not known or they do not go together."""
    return reduce(_union, fields)


def _union(one: _Field | None, other: _Field | None) -> _Field | None:
    if one is None or other is None:
        return None
    if not one and not other:
        return ()
    one = one or tuple([_Reach(1, 1, 0, reach.extent) for reach in other])
    other = other or tuple([_Reach(1, 1, 0, reach.extent) for reach in one])
    if len(one) != len(other):
        return None
    reaches = [_span(a, b) for a, b in zip(one, other, strict=True)]
    known = tuple([reach for reach in reaches if reach is not None])
    return known if len(known) == len(reaches) else None


def _span(one: _Reach, other: _Reach) -> _Reach | None:
    """What two fields take together along one axis."""
    if one.extent != other.extent:
        return None
    if one.is_whole or other.is_whole:
        return one if one.is_whole else other
    if one.stride != other.stride or one.padding is None or other.padding is None:
        return None
    padding = max(one.padding, other.padding)
    end = max(one.size - one.padding, other.size - other.padding)
    return _Reach(end + padding, one.stride, padding, one.extent)
