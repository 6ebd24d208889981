"""Pooling: the maximum or the mean of a window, or of the whole map.

Indices as for a convolution. A maximum hands its derivative to its winner alone: of equal values
in a window to the first in row-major order, as every backend does. A global maximum divides it
among the equal ones, as the reductions of every backend do. A mean divides it among the positions
of the input under the window; padding has no share.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np

from kerasaudit.backprop.rule import Applied, Array, Gradients, Mode, applied, gradient
from kerasaudit.backprop.windows import Sliding, channels_first, channels_last, slide
from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import derive_layer

__all__ = ["POOLING", "taken_by"]

_RANKS = (1, 2, 3)
_OF_WINDOWS = tuple(f"{kind}Pooling{rank}D" for kind in ("Max", "Average") for rank in _RANKS)
_OF_WHOLE_MAPS = tuple(f"Global{name}" for name in _OF_WINDOWS)
POOLING = frozenset((*_OF_WINDOWS, *_OF_WHOLE_MAPS))


@gradient(*_OF_WINDOWS)
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


@gradient(*_OF_WHOLE_MAPS)
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


def taken_by(layer: LayerConfig, x: Array, index: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The positions of the input that one element of a pooling's output is taken from.

    Args:
        layer: a layer of one of the classes `POOLING`.
        x: its input.
        index: of the element, the batch axis left out; so are those that are given. They come in
            row-major order; padding has none.
    """
    first = layer.channels_first()
    spatial = x.shape[2:] if first else x.shape[1:-1]
    channel = index[:1] if first else index[-1:]
    if layer.class_name in _OF_WHOLE_MAPS:
        places = list(product(*map(range, spatial)))
    else:
        window = derive_layer(layer, (x.shape,)).window
        assert window is not None  # pooling has one
        at = index[1:] if first else index[:-1]
        axes = [
            [place for offset in range(size) if 0 <= (place := start + offset) < length]
            for start, size, length in zip(
                _starts(slide(window, spatial), at), window.size, spatial, strict=True
            )
        ]
        places = list(product(*axes))
    return [(*channel, *place) if first else (*place, *channel) for place in places]


def _starts(sliding: Sliding, at: tuple[int, ...]) -> list[int]:
    """Where the window of an output position starts; before 0 is padding."""
    return [
        one * stride - before
        for one, stride, (before, _) in zip(at, sliding.window.stride, sliding.padding, strict=True)
    ]
