"""Reshaping: elements move, and their derivatives move back. No sums but where one is repeated."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kerasaudit.backprop.rule import Applied, Array, Gradients, Mode, applied, gradient
from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import derive_layer


@gradient("InputLayer", "Identity")
def identity(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """y = x."""
    return applied(inputs[0], lambda g: Gradients((g,)))


@gradient("Flatten")
def flatten(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """The elements of each example in row-major order; channels-first input is turned first."""
    (x,) = inputs
    turned = np.moveaxis(x, 1, -1) if layer.channels_first() and x.ndim > 1 else x

    def backward(g: Array) -> Gradients:
        g = g.reshape(turned.shape)
        return Gradients((np.moveaxis(g, -1, 1) if turned is not x else g,))

    return applied(turned.reshape(len(x), -1), backward)


@gradient("Reshape")
def reshape(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """The elements of each example in another shape, in the same order."""
    (x,) = inputs
    shape = (len(x), *layer.get("target_shape", ()))
    return applied(x.reshape(shape), lambda g: Gradients((g.reshape(x.shape),)))


@gradient("Permute")
def permute(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """The axes of each example in another order, which counts from 1."""
    order = (0, *layer.get("dims", ()))
    back = np.argsort(order)
    return applied(inputs[0].transpose(order), lambda g: Gradients((g.transpose(back),)))


@gradient("RepeatVector")
def repeat_vector(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """y_ntd = x_nd for every t: ∂L/∂x_nd = Σ_t g_ntd."""
    times = layer.integer("n")
    y = np.repeat(inputs[0][:, None, :], times, axis=1)
    return applied(y, lambda g: Gradients((g.sum(axis=1),)))


_RANKS = (1, 2, 3)


@gradient(*(f"{kind}{rank}D" for kind in ("ZeroPadding", "Cropping") for rank in _RANKS))
def padding(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """Zeros put around each spatial axis, or values cut off: what was cut off has no derivative."""
    (x,) = inputs
    window = derive_layer(layer, (x.shape,)).window
    assert window is not None  # its rule says what is added
    first = 2 if layer.channels_first() else 1
    around = [(0, 0)] * x.ndim
    around[first : first + len(window.added)] = window.added
    added = [(max(before, 0), max(after, 0)) for before, after in around]

    def cut(array: Array, sign: int) -> Array:
        parts = [
            slice(max(-sign * before, 0), extent - max(-sign * after, 0))
            for (before, after), extent in zip(around, array.shape, strict=True)
        ]
        return array[tuple(parts)]

    def backward(g: Array) -> Gradients:
        removed = [(max(-before, 0), max(-after, 0)) for before, after in around]
        return Gradients((cut(np.pad(g, removed), -1),))

    return applied(cut(np.pad(x, added), 1), backward)


@gradient(*(f"UpSampling{rank}D" for rank in _RANKS))
def up_sampling(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """y = A · x along each spatial axis, where A repeats or interpolates: ∂L/∂x = Aᵀ · g."""
    (x,) = inputs
    rank = x.ndim - 2
    factors = layer.integers("size", rank, 2)
    kind = str(layer.get("interpolation", "nearest")).lower()
    if kind not in ("nearest", "bilinear"):
        layer.unsupported(f"no gradient is derived of the interpolation {kind!r}")
    first = 2 if layer.channels_first() else 1
    axes = range(first, first + rank)
    matrices = [
        _stretching(x.shape[axis], factor, kind) for axis, factor in zip(axes, factors, strict=True)
    ]

    def along(array: Array, *, back: bool) -> Array:
        for axis, matrix in zip(axes, matrices, strict=True):
            turned = matrix.T if back else matrix
            array = np.moveaxis(np.tensordot(turned, array, axes=(1, axis)), 0, axis)
        return array

    return applied(along(x, back=False), lambda g: Gradients((along(g, back=True),)))


def _stretching(length: int, factor: int, kind: str) -> Array:
    """The matrix that makes `length · factor` values of `length`.

    Bilinear values lie between the centres of the two pixels next to them; beyond the outermost
    centres they are those pixels'.
    """
    places = np.arange(length * factor)
    if kind == "nearest":
        return np.eye(length)[places // factor]
    source = (places + 0.5) / factor - 0.5
    low = np.floor(source).astype(np.int64)
    share = (source - low)[:, None]
    left, right = (np.clip(low + i, 0, length - 1) for i in (0, 1))
    found: Array = np.eye(length)[left] * (1 - share) + np.eye(length)[right] * share
    return found
