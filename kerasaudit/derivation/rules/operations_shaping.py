"""`keras.ops` calls that move, repeat, pad, cut or join values. No weights, no MACs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import Derivation, rule
from kerasaudit.derivation.rules.merging import joined
from kerasaudit.derivation.rules.reshaping import filled
from kerasaudit.derivation.shape import Extent, Shape, broadcast, compatible, product

_BOUNDS = ("start", "stop", "step")

# A config of a few bytes may ask for pieces without end.
_MOST_PIECES = 100_000


@rule("keras.ops.Reshape")
def reshape_operation(layer: LayerConfig, x: Shape) -> Derivation:
    """Gives a tensor a new shape, the batch axis included; one extent of it may be -1.

    Example:  (-1, 3, 8) of (None, 4, 6) is (None, 3, 8).
    Limits:   an extent that is itself a tensor is unknown, as is the one for -1 where the
              operand's number of elements is.
    Source:   Keras ops/numpy.py, ops/operation_utils.py (compute_reshape_output_shape).
    """
    newshape = layer.get("newshape", layer.get("shape"))
    if not isinstance(newshape, (list, tuple)):
        newshape = [newshape]
    extents = _extents(layer, "newshape", newshape, minimum=-1)
    return Derivation(output_shape=filled(layer, "newshape", extents, x, x), macs=0)


def _extents(layer: LayerConfig, key: str, values: Sequence[Any], minimum: int) -> list[Extent]:
    """The extents that a config lists; one that is itself a tensor is unknown."""
    extents = [value if type(value) is int else None for value in values]
    if any(extent is not None and extent < minimum for extent in extents):
        layer.fail(f"{key} must hold integers of at least {minimum}, received {list(values)!r}")
    return extents


@rule("keras.ops.Transpose")
def transpose(layer: LayerConfig, x: Shape) -> Derivation:
    """Puts the axes in another order; in reverse, where none is said.

    Source:   Keras ops/numpy.py.
    """
    if layer.get("axes") is None:
        return Derivation(output_shape=x[::-1], macs=0)
    axes = layer.axes("axes", (), x)
    if sorted(axes) != list(range(len(x))):
        layer.fail(f"axes must be a permutation of {len(x)} axes, received {layer.get('axes')!r}")
    return Derivation(output_shape=tuple(x[axis] for axis in axes), macs=0)


@rule("keras.ops.Swapaxes")
def swap_axes(layer: LayerConfig, x: Shape) -> Derivation:
    """Exchanges two axes, the others staying where they are.

    Source:   Keras ops/numpy.py.
    """
    order = list(x)
    one, other = layer.axis("axis1", 0, x), layer.axis("axis2", 0, x)
    order[one], order[other] = order[other], order[one]
    return Derivation(output_shape=tuple(order), macs=0)


@rule("keras.ops.Moveaxis")
def move_axis(layer: LayerConfig, x: Shape) -> Derivation:
    """Moves axes to other places; the others keep their order.

    Source:   Keras ops/numpy.py.
    """
    sources, places = layer.axes("source", (), x), layer.axes("destination", (), x)
    if len(sources) != len(set(sources)) or len(sources) != len(set(places)):
        layer.fail(f"source and destination must name as many axes, received {sources}, {places}")
    moved = dict(zip(places, sources, strict=False))
    others = iter(axis for axis in range(len(x)) if axis not in sources)
    order = [moved[i] if i in moved else next(others) for i in range(len(x))]
    return Derivation(output_shape=tuple(x[axis] for axis in order), macs=0)


@rule("keras.ops.ExpandDims")
def expand_dims(layer: LayerConfig, x: Shape) -> Derivation:
    """Adds axes of extent 1, at `axis` of the result.

    Source:   Keras ops/numpy.py, ops/operation_utils.py (compute_expand_dims_output_shape).
    """
    axis = layer.get("axis", len(x))
    added = len(axis) if isinstance(axis, (list, tuple)) else 1
    places = layer.axes("axis", len(x), (1,) * (len(x) + added))
    if len(set(places)) != added:
        layer.fail(f"axis must name each axis once, received {axis!r}")
    rest = iter(x)
    extents = [1 if i in places else next(rest) for i in range(len(x) + added)]
    return Derivation(output_shape=tuple(extents), macs=0)


@rule("keras.ops.Squeeze")
def squeeze(layer: LayerConfig, x: Shape) -> Derivation:
    """Takes axes of extent 1 away: those of `axis`, or all of them.

    Limits:   without `axis`, an unknown extent is taken to be other than 1, as Keras does.
    Source:   Keras ops/numpy.py.
    """
    if layer.get("axis") is None:
        return Derivation(output_shape=tuple(extent for extent in x if extent != 1), macs=0)
    axes = layer.axes("axis", (), x)
    if any(x[axis] != 1 for axis in axes):
        layer.shape_error(f"an extent of 1 on axes {list(axes)}", x)
    kept = tuple(extent for i, extent in enumerate(x) if i not in axes)
    return Derivation(output_shape=kept, macs=0)


@rule("keras.ops.Ravel")
def ravel(layer: LayerConfig, x: Shape) -> Derivation:
    """All values in a row, the batch axis included.

    Source:   Keras ops/numpy.py.
    """
    return Derivation(output_shape=(product(x),), macs=0)


@rule("keras.ops.Concatenate", several_inputs=True)
def concatenate_operation(layer: LayerConfig, x: tuple[Shape, ...]) -> Derivation:
    """Joins tensors along `axis`.

    Source:   Keras ops/numpy.py.
    """
    return joined(layer, x)


@rule("keras.ops.Stack", several_inputs=True)
def stack(layer: LayerConfig, x: tuple[Shape, ...]) -> Derivation:
    """Joins tensors of one shape along a new axis.

    Source:   Keras ops/numpy.py.
    """
    if not all(compatible(x[0], shape) for shape in x):
        layer.shape_error("tensors of one shape", list(x))
    axis = layer.axis("axis", 0, (1, *x[0]))
    return Derivation(output_shape=(*x[0][:axis], len(x), *x[0][axis:]), macs=0)


@rule("keras.ops.Split")
def split(layer: LayerConfig, x: Shape) -> Derivation:
    """Cuts a tensor along `axis`, into as many equal parts, or at indices.

    Source:   Keras ops/numpy.py.
    """
    axis, extent = layer.axis("axis", 0, x), x[layer.axis("axis", 0, x)]
    sections = layer.get("indices_or_sections")
    lengths: list[Extent]
    if isinstance(sections, (list, tuple)):
        ends = [*layer.integers("indices_or_sections", len(sections), minimum=0), extent]
        starts = [0, *ends[:-1]]
        pairs = zip(starts, ends, strict=True)
        lengths = [None if b is None or a is None else max(b - a, 0) for a, b in pairs]
    else:
        parts = _pieces(layer, layer.integer("indices_or_sections"))
        if extent is not None and extent % parts:
            layer.shape_error(f"an extent on axis {axis} that {parts} divides", x)
        lengths = [None if extent is None else extent // parts] * parts
    shapes = tuple((*x[:axis], length, *x[axis + 1 :]) for length in lengths)
    return Derivation(output_shape=shapes, macs=0)


@rule("keras.ops.Unstack")
def unstack(layer: LayerConfig, x: Shape) -> Derivation:
    """Cuts a tensor into one for each index of `axis`, which is gone from them.

    Source:   Keras ops/core.py.
    """
    axis = layer.axis("axis", 0, x)
    number = layer.extent(x, axis) if layer.get("num") is None else layer.integer("num")
    piece = (*x[:axis], *x[axis + 1 :])
    return Derivation(output_shape=(piece,) * _pieces(layer, number), macs=0)


def _pieces(layer: LayerConfig, number: int) -> int:
    if number > _MOST_PIECES:
        layer.unsupported(f"more than {_MOST_PIECES:,} pieces are not derived")
    return number


@rule("keras.ops.Repeat")
def repeat(layer: LayerConfig, x: Shape) -> Derivation:
    """Repeats each value along `axis`; without one, all values in a row.

    Source:   Keras ops/numpy.py.
    """
    if layer.get("axis") is None:
        return Derivation(output_shape=(_repeated(layer, product(x)),), macs=0)
    axis = layer.axis("axis", 0, x)
    return Derivation(output_shape=(*x[:axis], _repeated(layer, x[axis]), *x[axis + 1 :]), macs=0)


def _repeated(layer: LayerConfig, extent: Extent) -> Extent:
    repeats = layer.get("repeats")
    count = len(repeats) if isinstance(repeats, (list, tuple)) else 1
    times = layer.integers("repeats", count, minimum=0)
    if count > 1:
        if extent not in (None, count):
            layer.shape_error(f"an extent of {count}, one for each repetition", extent)
        return sum(times)
    return None if extent is None else extent * sum(times)


@rule("keras.ops.Tile")
def tile(layer: LayerConfig, x: Shape) -> Derivation:
    """Repeats a tensor as a whole along its last axes; more repetitions than axes add axes.

    Source:   Keras ops/numpy.py.
    """
    repeats = layer.get("repeats")
    count = len(repeats) if isinstance(repeats, (list, tuple)) else 1
    times = layer.integers("repeats", count, minimum=0)
    rank = max(len(x), count)
    padded: Shape = ((1,) * (rank - len(x))) + x
    factors = (1,) * (rank - count) + times
    pairs = zip(padded, factors, strict=True)
    return Derivation(output_shape=tuple(product(pair) for pair in pairs), macs=0)


@rule("keras.ops.BroadcastTo")
def broadcast_to(layer: LayerConfig, x: Shape) -> Derivation:
    """Repeats a tensor along axes of 1, up to `shape`.

    Source:   Keras ops/numpy.py.
    """
    shape = layer.get("shape")
    if not isinstance(shape, (list, tuple)):
        layer.fail(f"shape must be a list of extents, received {shape!r}")
    extents = tuple(_extents(layer, "shape", shape, minimum=0))
    if broadcast([x, extents]) is None:
        layer.shape_error(f"a shape that broadcasts to {extents}", x)
    return Derivation(output_shape=extents, macs=0)


@rule("keras.ops.Pad", several_inputs=True)
def pad(layer: LayerConfig, x: tuple[Shape, ...]) -> Derivation:
    """Adds values before and after each axis.

    Source:   Keras ops/numpy.py.
    """
    widths = layer.get("pad_width")
    pairs = list(widths) if isinstance(widths, (list, tuple)) else [(widths, widths)]
    if len(pairs) == 2 and not isinstance(pairs[0], (list, tuple)):
        pairs = [pairs]  # before and after, the same for every axis
    if len(pairs) == 1:
        pairs *= len(x[0])
    if len(pairs) != len(x[0]) or not all(map(_is_pair, pairs)):
        layer.fail(f"pad_width must be two integers for each of {len(x[0])} axes")
    output_shape = tuple(
        None if extent is None else extent + pair[0] + pair[1]
        for extent, pair in zip(x[0], pairs, strict=True)
    )
    return Derivation(output_shape=output_shape, macs=0)


def _is_pair(pair: Any) -> bool:
    return (
        isinstance(pair, (list, tuple))
        and len(pair) == 2
        and all(type(amount) is int and amount >= 0 for amount in pair)
    )


@rule("keras.ops.OneHot")
def one_hot(layer: LayerConfig, x: Shape) -> Derivation:
    """Integers to vectors of num_classes, along a new axis.

    Source:   Keras ops/nn.py.
    """
    axis = layer.axis("axis", -1, (1, *x))
    return Derivation(output_shape=(*x[:axis], layer.integer("num_classes"), *x[axis:]), macs=0)


@rule("keras.ops.TopK")
def top_k(layer: LayerConfig, x: Shape) -> Derivation:
    """The k largest values along the last axis, and their indices.

    Source:   Keras ops/math.py.
    """
    if not x:
        layer.shape_error("a tensor of rank 1 or more", x)
    shape = (*x[:-1], layer.integer("k"))
    return Derivation(output_shape=(shape, shape), macs=0)


@rule("keras.ops.GetItem", several_inputs=True)
def get_item(layer: LayerConfig, x: tuple[Shape, ...]) -> Derivation:
    """Indexing: `x[:, 1:3, None, ..., 0]`.

    Output:   an index takes its axis away, a slice shortens it, None adds one of 1, and ... stands
              for as many whole axes as are left.
    Limits:   the key is among the call's arguments, so a node called more than once is not
              derived. A slice of an unknown extent is unknown, where Keras keeps it whole.
    Source:   Keras ops/numpy.py.
    """
    key = _argument(layer, 1, "key")
    key = list(key) if isinstance(key, (list, tuple)) else [key]
    whole = {"class_name": "__ellipsis__"}
    if not any(_marker(part) == "__ellipsis__" for part in key):
        key = [*key, whole]
    consuming = sum(part is not None and _marker(part) != "__ellipsis__" for part in key)
    if consuming > len(x[0]):
        layer.shape_error(f"a tensor of rank {consuming} or more", x[0])
    rest, extents = iter(x[0]), list[Extent]()
    for part in key:
        if part is None:
            extents.append(1)
        elif _marker(part) == "__ellipsis__":
            extents += [next(rest) for _ in range(len(x[0]) - consuming)]
        elif isinstance(part, Mapping) and _marker(part) == "__slice__":
            extents.append(_sliced(layer, next(rest), part.get("config")))
        elif type(part) is int:
            next(rest)
        else:
            layer.unsupported(f"a key of {type(part).__name__} is not derived")
    return Derivation(output_shape=tuple(extents), macs=0)


@rule("keras.ops.Take", several_inputs=True)
def take(layer: LayerConfig, x: tuple[Shape, ...]) -> Derivation:
    """The values at `indices` along an axis, or of all in a row: a look-up.

    Output:   the axes of the indices in the place of the axis.
    Example:  a table of 10×3 at (None, 4) indices along axis 0 gives (None, 4, 3).
    Source:   Keras ops/numpy.py.
    """
    if len(x) != 2:
        layer.shape_error("a tensor and indices", list(x))
    table, indices = x
    if layer.get("axis") is None:
        return Derivation(output_shape=indices, macs=0)
    axis = layer.axis("axis", 0, table)
    return Derivation(output_shape=(*table[:axis], *indices, *table[axis + 1 :]), macs=0)


@rule("keras.ops.Slice", several_inputs=True)
def slice_operation(layer: LayerConfig, x: tuple[Shape, ...]) -> Derivation:
    """A block of `shape` from where start_indices say; -1 is all that follows.

    Limits:   what -1 stands for is known where the start is a number in the config.
    Source:   Keras ops/core.py.
    """
    shape = layer.integers("shape", len(x[0]), minimum=-1)
    starts = _argument(layer, 1, "start_indices") if -1 in shape else ()
    known = list(starts) if isinstance(starts, (list, tuple)) else []
    known += [None] * (len(shape) - len(known))
    extents = list[Extent]()
    for extent, wanted, start in zip(x[0], shape, known, strict=False):
        counted = extent is not None and type(start) is int and start >= 0
        rest = max(extent - start, 0) if counted else None
        extents.append(rest if wanted == -1 else wanted)
    return Derivation(output_shape=tuple(extents), macs=0)


@rule("keras.ops.Resize")
def resize(layer: LayerConfig, x: Shape) -> Derivation:
    """Images at another height and width, by interpolation.

    Example:  size (4, 5) on 8×8×3 gives 4×5×3.
    Source:   Keras ops/image.py.
    """
    if len(x) not in (3, 4):
        layer.shape_error("an image or a batch of images (rank 3 or 4)", x)
    size = layer.integers("size", 2)
    channels = () if layer.channels_first() else x[-1:]
    return Derivation(output_shape=(*x[: -2 - len(channels)], *size, *channels), macs=0)


def _argument(layer: LayerConfig, position: int, name: str) -> Any:
    """What the one call of an operation was given besides its tensor."""
    nodes = layer.serialised.get("inbound_nodes")
    if not isinstance(nodes, (list, tuple)) or len(nodes) != 1 or not isinstance(nodes[0], Mapping):
        layer.unsupported(f"its {name} is told by one call of it, no more and no less")
    arguments, named = nodes[0].get("args"), nodes[0].get("kwargs")
    if isinstance(arguments, (list, tuple)) and len(arguments) > position:
        return arguments[position]
    if isinstance(named, Mapping) and name in named:
        return named[name]
    layer.fail(f"its call must have a tensor and its {name}")


def _marker(part: Any) -> Any:
    return part.get("class_name") if isinstance(part, Mapping) else None


def _sliced(layer: LayerConfig, extent: Extent, bounds: Any) -> Extent:
    values = [bounds.get(name) if isinstance(bounds, Mapping) else "" for name in _BOUNDS]
    if not all(value is None or type(value) is int for value in values) or values[2] == 0:
        layer.fail(f"a slice must have integers and a step other than 0, received {bounds!r}")
    if extent is None:
        return None
    start, stop, step = slice(*values).indices(extent)
    return max(0, -((start - stop) // step))  # as len(range(…)), which overflows at 2⁶³
