"""Merging: several inputs made one, element by element, side by side, or by a product.

Inputs of unequal extents are broadcast, so a derivative is summed where one element served many.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from kerasaudit.backprop.rule import Applied, Array, Gradients, Mode, applied, gradient
from kerasaudit.derivation.layer import LayerConfig

# Takes the inputs; gives the output, and what ∂y/∂x is of each input.
_Merge = Callable[[tuple[Array, ...]], tuple[Array, list[Array]]]


def summed_to(g: Array, shape: tuple[int, ...]) -> Array:
    """The derivative by an array of such a shape that was broadcast: summed where it served many.

    >>> summed_to(np.ones((4, 3)), (1, 3)).tolist()
    [[4.0, 4.0, 4.0]]
    """
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    many = tuple(i for i, extent in enumerate(shape) if extent == 1 and g.shape[i] != 1)
    result: Array = g.sum(axis=many, keepdims=True) if many else g
    return result


def _sum(inputs: tuple[Array, ...]) -> tuple[Array, list[Array]]:
    y = np.sum(np.broadcast_arrays(*inputs), axis=0)
    return y, [np.ones(())] * len(inputs)


def _difference(inputs: tuple[Array, ...]) -> tuple[Array, list[Array]]:
    return inputs[0] - inputs[1], [np.ones(()), -np.ones(())]


def _average(inputs: tuple[Array, ...]) -> tuple[Array, list[Array]]:
    y, _ = _sum(inputs)
    return y / len(inputs), [np.full((), 1 / len(inputs))] * len(inputs)


def _product(inputs: tuple[Array, ...]) -> tuple[Array, list[Array]]:
    """∂y/∂x_i is the product of the others: no division, for an input may be 0."""
    before, factors = [np.ones(())], []
    for one in inputs:
        before.append(before[-1] * one)
    after = np.ones(())
    for one, product in zip(reversed(inputs), reversed(before[:-1]), strict=True):
        factors.append(product * after)
        after = after * one
    return before[-1], factors[::-1]


def _extreme(better: Callable[[Array, Array], Array]) -> _Merge:
    """The largest or smallest: of equal inputs the first is taken, as by a chain of pairs."""

    def merge(inputs: tuple[Array, ...]) -> tuple[Array, list[Array]]:
        y, factors = inputs[0], [np.ones(())]
        for one in inputs[1:]:
            kept = better(y, one)
            factors = [np.where(kept, factor, 0.0) for factor in factors]
            factors.append(np.where(kept, 0.0, 1.0))
            y = np.where(kept, y, one)
        return y, factors

    return merge


_MERGES: Mapping[str, _Merge] = {
    "Add": _sum,
    "Subtract": _difference,
    "Multiply": _product,
    "Average": _average,
    "Maximum": _extreme(np.greater_equal),
    "Minimum": _extreme(np.less_equal),
}


@gradient(*_MERGES, *(f"keras.ops.{name}" for name in _MERGES if name != "Average"))
def merge(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """y = x₁ + x₂ + … and the like: ∂L/∂x_i = g · ∂y/∂x_i."""
    aligned = inputs if layer.is_operation else _aligned(inputs)
    y, factors = _MERGES[layer.class_name](aligned)

    def backward(g: Array) -> Gradients:
        return Gradients(
            tuple(
                summed_to(g * factor, one.shape).reshape(given.shape)
                for factor, one, given in zip(factors, aligned, inputs, strict=True)
            )
        )

    return applied(y, backward)


def _aligned(inputs: tuple[Array, ...]) -> tuple[Array, ...]:
    """Inputs of unequal rank as a merging layer aligns them: axes of 1 after the batch axis."""
    rank = max(one.ndim for one in inputs)
    return tuple(
        one.reshape(one.shape[0], *(1,) * (rank - one.ndim), *one.shape[1:]) for one in inputs
    )


@gradient("Concatenate")
def concatenate(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """The inputs side by side along an axis: each takes its own part of g."""
    axis = layer.axis("axis", -1, inputs[0].shape)
    ends = np.cumsum([one.shape[axis] for one in inputs])[:-1]

    def backward(g: Array) -> Gradients:
        return Gradients(tuple(np.split(g, ends, axis=axis)))

    return applied(np.concatenate(inputs, axis=axis), backward)
