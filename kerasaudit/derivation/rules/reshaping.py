"""Layers that move, repeat, pad or cut values. No weights, no MACs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import Derivation, Window, rule
from kerasaudit.derivation.shape import Extent, Shape, product

_PADDING = {"ZeroPadding1D": 1, "ZeroPadding2D": 2, "ZeroPadding3D": 3}
_CROPPING = {"Cropping1D": 1, "Cropping2D": 2, "Cropping3D": 3}
_UPSAMPLING = {"UpSampling1D": 1, "UpSampling2D": 2, "UpSampling3D": 3}


@rule("Flatten")
def flatten(layer: LayerConfig, x: Shape) -> Derivation:
    """Flattens all axes after the batch axis into one. No weights.

    Example:  5×5×64 gives 1600.
    Source:   Keras flatten.py.
    """
    layer.expect_rank(x, 1, or_more=True)
    return Derivation(output_shape=(x[0], product(x[1:])), macs=0)


@rule("Reshape")
def reshape(layer: LayerConfig, x: Shape) -> Derivation:
    """Gives the axes after the batch axis a new shape; one of them may be -1. No weights.

    Example:  target_shape (-1, 64) on 5×5×64 gives 25×64.
    Limits:   the extent for -1 is unknown where the input's is.
    Source:   Keras reshape.py.
    """
    target = layer.get("target_shape")
    if not isinstance(target, (list, tuple)):
        layer.fail(f"target_shape must be a list of integers, received {target!r}")
    extents = layer.integers("target_shape", len(target), (), minimum=-1) if target else ()
    return Derivation(
        output_shape=(x[0], *filled(layer, "target_shape", extents, x[1:], x)), macs=0
    )


def filled(
    layer: LayerConfig, key: str, extents: Sequence[Extent], shape: Shape, x: Shape
) -> Shape:
    """`extents`, the value of `key`, with its -1 worked out for the elements of `shape`."""
    if extents.count(-1) > 1:
        layer.fail(f"{key} must hold -1 at most once, received {list(extents)}")
    known, total = product(e for e in extents if e != -1), product(shape)
    if total is None or known is None:
        return tuple(None if e == -1 else e for e in extents)
    if -1 in extents and known and total % known == 0:
        extents = [total // known if e == -1 else e for e in extents]
    if product(extents) != total:
        layer.shape_error(f"an input of as many elements as {key} {list(extents)}", x)
    return tuple(extents)


@rule("Permute")
def permute(layer: LayerConfig, x: Shape) -> Derivation:
    """Permutes the axes after the batch axis, counted from 1. No weights.

    Example:  dims (2, 1) on 10×64 gives 64×10.
    Source:   Keras permute.py.
    """
    dims = layer.integers("dims", len(x) - 1)
    if sorted(dims) != list(range(1, len(x))):
        layer.fail(f"dims must be a permutation of 1 to {len(x) - 1}, received {list(dims)}")
    return Derivation(output_shape=(x[0], *(x[i] for i in dims)), macs=0)


@rule("RepeatVector")
def repeat_vector(layer: LayerConfig, x: Shape) -> Derivation:
    """Repeats a vector n times along a new axis. No weights.

    Example:  n=3 on 32 features gives 3×32.
    Source:   Keras repeat_vector.py.
    """
    layer.expect_rank(x, 2)
    return Derivation(output_shape=(x[0], layer.integer("n"), x[1]), macs=0)


@rule(*_PADDING)
def zero_padding(layer: LayerConfig, x: Shape) -> Derivation:
    """Adds zeros before and after each spatial axis. No weights.

    Example:  ZeroPadding2D(3) on 224×224×3 gives 230×230×3.
    Source:   Keras zero_padding2d.py.
    """
    return _extend(layer, x, _PADDING[layer.class_name], "padding", sign=1)


@rule(*_CROPPING)
def cropping(layer: LayerConfig, x: Shape) -> Derivation:
    """Cuts values off both ends of each spatial axis. No weights.

    Example:  Cropping2D(((1, 0), (1, 0))) on 113×113×44 gives 112×112×44.
    Limits:   at least one value must be left.
    Source:   Keras cropping2d.py.
    """
    return _extend(layer, x, _CROPPING[layer.class_name], "cropping", sign=-1)


@rule(*_UPSAMPLING)
def up_sampling(layer: LayerConfig, x: Shape) -> Derivation:
    """Repeats or interpolates along each spatial axis. No weights.

    Example:  UpSampling2D(2) on 7×7×64 gives 14×14×64.
    MACs:     0: interpolation is no contraction with weights.
    Source:   Keras up_sampling2d.py.
    """
    rank = _UPSAMPLING[layer.class_name]
    one_axis = rank == 1  # UpSampling1D takes no list
    factors = (layer.integer("size", 2),) if one_axis else layer.integers("size", rank, 2)
    return _along_spatial_axes(
        layer, x, rank, lambda i, extent: None if extent is None else extent * factors[i]
    )


def _extend(layer: LayerConfig, x: Shape, rank: int, key: str, *, sign: int) -> Derivation:
    amounts = _both_ends(layer, key, rank)

    def change(i: int, extent: Extent) -> Extent:
        if extent is None:
            return None
        if sign < 0 and sum(amounts[i]) >= extent:
            layer.shape_error(f"more than {sum(amounts[i])} values on spatial axis {i}", x)
        return extent + sign * sum(amounts[i])

    window = Window(
        size=(1,) * rank,
        stride=(1,) * rank,
        dilation=(1,) * rank,
        padding="valid",
        added=tuple((sign * before, sign * after) for before, after in amounts),
    )
    return replace(_along_spatial_axes(layer, x, rank, change), window=window)


def _both_ends(layer: LayerConfig, key: str, rank: int) -> tuple[tuple[int, int], ...]:
    """`(before, after)` for each spatial axis from Keras's short forms of it."""
    value = layer.get(key, 1 if key == "padding" or rank != 2 else 0)
    if isinstance(value, int):
        value = [value] * rank if rank > 1 else [[value, value]]
    elif rank == 1 and isinstance(value, (list, tuple)):
        value = [value]
    pairs = [[v, v] if isinstance(v, int) else v for v in value] if _is_list(value) else []
    if len(pairs) != rank or not all(
        _is_list(pair) and len(pair) == 2 and all(_is_amount(v) for v in pair) for pair in pairs
    ):
        layer.fail(
            f"{key} must be a non-negative integer, or two for each of {rank} axes, "
            f"received {layer.get(key)!r}"
        )
    return tuple((pair[0], pair[1]) for pair in pairs)


def _is_list(value: object) -> bool:
    return isinstance(value, (list, tuple))


def _is_amount(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _along_spatial_axes(
    layer: LayerConfig, x: Shape, rank: int, change: Callable[[int, Extent], Extent]
) -> Derivation:
    layer.expect_rank(x, rank + 2)
    # The one-dimensional layers but ZeroPadding1D have no data_format and are channels_last.
    first = 2 if layer.channels_first() else 1
    spatial = tuple(change(i, extent) for i, extent in enumerate(x[first : first + rank]))
    return Derivation(output_shape=(*x[:first], *spatial, *x[first + rank :]), macs=0)
