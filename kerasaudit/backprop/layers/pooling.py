"""Pooling: the maximum or the mean of a window, or of the whole map.

Indices as for a convolution. A maximum hands its derivative to its winner alone: of equal values
in a window to the first in row-major order, as every backend does. A global maximum divides it
among the equal ones, as the reductions of every backend do. A mean divides it among the positions
of the input under the window; padding has no share.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kerasaudit.backprop.rule import Applied, Array, Gradients, Mode, applied, gradient
from kerasaudit.backprop.windows import Sliding, channels_first, channels_last, slide
from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import derive_layer

_RANKS = (1, 2, 3)


@gradient(*(f"{kind}Pooling{rank}D" for kind in ("Max", "Average") for rank in _RANKS))
def pooling(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """The maximum or mean of each window."""
    first = layer.channels_first()
    x = channels_last(inputs[0]) if first else inputs[0]
    window = derive_layer(layer, (inputs[0].shape,)).window
    assert window is not None  # pooling has one
    pool = _maximum if layer.class_name.startswith("Max") else _mean
    inner = pool(slide(window, x.shape[1:-1]), x)
    if not first:
        return inner

    def backward(g: Array) -> Gradients:
        (by_x,) = inner.backward((channels_last(g),)).inputs
        assert by_x is not None
        return Gradients((channels_first(by_x),))

    return applied(channels_first(inner.outputs[0]), backward)


def _maximum(sliding: Sliding, x: Array) -> Applied:
    """y_nxyc = max_ij p_n,(sx+i),(sy+j),c; ∂L/∂p is g at the winner, 0 elsewhere."""
    padded = sliding.padded(x, -np.inf)
    offsets = list(sliding.offsets())
    best = padded[offsets[0][1]]
    winner = np.zeros(best.shape, np.int64)
    for number, (_, met) in enumerate(offsets):
        larger = padded[met] > best  # of equal values the first stays
        best, winner = np.where(larger, padded[met], best), np.where(larger, number, winner)

    def backward(g: Array) -> Gradients:
        found = np.zeros(padded.shape)
        for number, (_, met) in enumerate(offsets):
            found[met] += np.where(winner == number, g, 0.0)
        return Gradients((sliding.cropped(found),))

    return applied(best, backward)


def _mean(sliding: Sliding, x: Array) -> Applied:
    """y_nxyc = Σ_ij p_n,(sx+i),(sy+j),c / m_xy, where m_xy positions are no padding."""
    axes = tuple(range(x.ndim - 1, 2 * x.ndim - 3))  # those of the window
    inside = sliding.padded(np.ones((1, *x.shape[1:-1], 1)))
    count = sliding.windows(inside).sum(axis=axes)
    padded = sliding.padded(x)

    def backward(g: Array) -> Gradients:
        found, share = np.zeros(padded.shape), g / count
        for _, met in sliding.offsets():
            found[met] += share
        return Gradients((sliding.cropped(found),))

    return applied(sliding.windows(padded).sum(axis=axes) / count, backward)


@gradient(*(f"Global{kind}Pooling{rank}D" for kind in ("Max", "Average") for rank in _RANKS))
def global_pooling(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """The maximum or mean of each channel's whole map."""
    (x,) = inputs
    axes = tuple(range(2, x.ndim)) if layer.channels_first() else tuple(range(1, x.ndim - 1))
    if "Max" in layer.class_name:
        y = x.max(axis=axes, keepdims=True)
        chosen = x == y
        share = chosen / chosen.sum(axis=axes, keepdims=True)
    else:
        y = x.mean(axis=axes, keepdims=True)
        share = np.broadcast_to(np.float64(y.size / x.size), x.shape)

    def backward(g: Array) -> Gradients:
        return Gradients((g.reshape(y.shape) * share,))

    kept = layer.boolean("keepdims", False)
    return applied(y if kept else y.squeeze(axis=axes), backward)
