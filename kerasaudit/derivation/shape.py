"""Arithmetic on shapes with unknown extents (`None`), shared by the rules.

A shape is a tuple with the batch axis first. `None` stands for "not known" and stays so through
every function here: an unknown extent never becomes a number.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

__all__ = [
    "Extent",
    "Shape",
    "array_shape",
    "broadcast",
    "compatible",
    "is_shape",
    "product",
    "repeated",
    "total",
    "transposed_length",
    "window_length",
]

Extent = int | None
Shape = tuple[Extent, ...]


LARGEST = 2**63 - 1  # no array of any library has a longer extent


def is_shape(value: object) -> bool:
    """Whether `value` is one shape (flat, of extents that an array can have), not several.

    >>> is_shape((None, 28, 28, 1)), is_shape([(None, 4), (None, 4)])
    (True, False)
    """
    if not isinstance(value, (tuple, list)):
        return False
    for item in value:
        # A bool is no extent.
        if item is not None and (type(item) is not int or not 0 <= item <= LARGEST):
            return False
    return True


def array_shape(value: Any) -> tuple[int, ...]:
    """The shape of an array that a config writes as nested lists: () for a number.

    >>> array_shape([[1, 2, 3], [4, 5, 6]]), array_shape(0.5)
    ((2, 3), ())
    """
    shape: list[int] = []
    while isinstance(value, (list, tuple)):
        shape.append(len(value))
        value = value[0] if value else None
    return tuple(shape)


def product(extents: Iterable[Extent]) -> Extent:
    """The product of the extents: `None` if any is unknown, 1 for none.

    >>> product((26, 26, 32)), product((None, 26))
    (21632, None)
    """
    result = 1
    for extent in extents:
        if extent is None:
            return None
        result *= extent
    return result


def total(figures: Iterable[int | None]) -> int | None:
    """The sum of the figures: `None` if any is unknown, 0 for none.

    >>> total((3, 4)), total((3, None))
    (7, None)
    """
    result = 0
    for figure in figures:
        if figure is None:
            return None
        result += figure
    return result


def repeated(figure: int | None, times: Extent) -> int | None:
    """The figure as often as `times` says: of nothing, any number of times is nothing.

    >>> repeated(12, 5), repeated(12, None), repeated(0, None)
    (60, None, 0)
    """
    return 0 if figure == 0 else product((figure, times))


def window_length(length: Extent, size: int, stride: int, dilation: int, padding: str) -> Extent:
    """How many positions a window takes along an axis of `length` (Dumoulin & Visin 2016, §2, §5).

    valid: ⌊(L − d·(k − 1) − 1) / s⌋ + 1, which is below 1 where the window does not fit;
    same, causal: ⌈L / s⌉.

    >>> window_length(28, 3, 1, 1, "valid"), window_length(28, 3, 2, 1, "same")
    (26, 14)
    """
    if length is None:
        return None
    if padding == "valid":
        return (length - dilation * (size - 1) - 1) // stride + 1
    return -(-length // stride)


def transposed_length(
    length: Extent, size: int, stride: int, dilation: int, padding: str, output_padding: Extent
) -> Extent:
    """The length that a transposed convolution gives (Dumoulin & Visin 2016, §4), as in Keras.

    With the effective size e = d·(k − 1) + 1: valid L·s + max(e − s, 0), same L·s; where
    `output_padding` o is given, (L − 1)·s + e − 2p + o with p = 0 (valid) or ⌊e / 2⌋ (same).

    >>> transposed_length(14, 3, 2, 1, "same", None), transposed_length(14, 3, 2, 1, "valid", None)
    (28, 29)
    """
    if length is None:
        return None
    effective = dilation * (size - 1) + 1
    if output_padding is None:
        return length * stride + (max(effective - stride, 0) if padding == "valid" else 0)
    trimmed = 2 * (effective // 2) if padding == "same" else 0
    return (length - 1) * stride + effective - trimmed + output_padding


def broadcast(shapes: Sequence[Shape]) -> Shape | None:
    """The shape that the shapes broadcast to, aligned at the last axis; `None` if they do not.

    >>> broadcast([(None, 7, 7, 64), (None, 1, 1, 64)])
    (None, 7, 7, 64)
    """
    if shapes and shapes.count(shapes[0]) == len(shapes):  # equal, as they mostly are
        return shapes[0]
    result: list[Extent] = []
    rank = max((len(shape) for shape in shapes), default=0)
    for axis in range(-rank, 0):
        known = {shape[axis] for shape in shapes if len(shape) >= -axis and shape[axis] != 1}
        numbers = {extent for extent in known if extent is not None}
        if len(numbers) > 1:
            return None
        result.append(numbers.pop() if numbers else None if known else 1)
    return tuple(result)


def compatible(one: Shape, other: Shape) -> bool:
    """Whether two shapes can be the same: equal rank, and equal wherever both are known."""
    if one == other:  # by far the most often
        return True
    return len(one) == len(other) and all(
        a is None or b is None or a == b for a, b in zip(one, other, strict=True)
    )
