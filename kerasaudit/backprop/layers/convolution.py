"""Convolutions: plain, grouped, dilated, of one to three spatial axes.

Indices, written for two axes: n example, x y position of the window, i j offset within it, c input
channel, k kernel. p is the padded input, s the stride, d the dilation:

    y_nxyk       = b_k + Σ_ijc p_n,(sx+di),(sy+dj),c · K_ijck
    ∂L/∂K_ijck   = Σ_nxy p_n,(sx+di),(sy+dj),c · g_nxyk
    ∂L/∂b_k      = Σ_nxy g_nxyk
    ∂L/∂p_n,u,v,c = Σ_ijk g_nxyk · K_ijck over the x, y with sx + di = u, sy + dj = v

With groups, c and k run within each group.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np

from kerasaudit.backprop.activate import activated
from kerasaudit.backprop.contraction import contract, per_last
from kerasaudit.backprop.rule import Applied, Array, Gradients, Mode, applied, gradient
from kerasaudit.backprop.windows import Sliding, channels_first, channels_last, slide
from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import Window, derive_layer

_POSITIONS, _OFFSETS = "xyz", "ijl"


@gradient("Conv1D", "Conv2D", "Conv3D")
def convolution(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """A plain or grouped convolution, then the layer's bias and activation."""
    groups = layer.integer("groups", 1)
    linear = _convolved(layer, inputs[0], weights["kernel"], groups)
    return finished(layer, weights, linear)


@gradient("DepthwiseConv1D", "DepthwiseConv2D")
def depthwise_convolution(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """Each channel with kernels of its own: a convolution of as many groups as channels."""
    return finished(layer, weights, _depthwise(layer, weights, inputs[0], "kernel"))


@gradient("SeparableConv1D", "SeparableConv2D")
def separable_convolution(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """A depthwise convolution to a, then y_n..k = Σ_q a_n..q · P_qk at each position."""
    inner = _depthwise(layer, weights, inputs[0], "depthwise_kernel")
    (a,) = inner.outputs
    pointwise = weights["pointwise_kernel"]
    mixing = pointwise.reshape(pointwise.shape[-2:])

    def backward(g: Array) -> Gradients:
        by_mixing = contract("nq,nk->qk", a.reshape(-1, a.shape[-1]), g.reshape(-1, g.shape[-1]))
        found = inner.backward((contract("...k,qk->...q", g, mixing),))
        by_pointwise = by_mixing.reshape(pointwise.shape)
        return Gradients(found.inputs, {**found.weights, "pointwise_kernel": by_pointwise})

    return finished(layer, weights, applied(contract("...q,qk->...k", a, mixing), backward))


@gradient("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose")
def transposed_convolution(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """A convolution's way back: what carries derivatives there carries values here.

    The kernel's axes are (i, j, k, c), so that the convolution from y to x has it as it is.
    """
    first = layer.channels_first()
    x = channels_last(inputs[0]) if first else inputs[0]
    kernel = weights["kernel"]
    derivation = derive_layer(layer, (inputs[0].shape,))
    made = cast("tuple[int, ...]", derivation.output_shape)
    sliding = slide(_window(layer, inputs[0]), made[2:] if first else made[1:-1])
    if sliding.positions != x.shape[1:-1]:
        layer.unsupported(f"no gradient is derived of a window that does not fit {x.shape}")
    z = sliding.cropped(_by_padded(sliding, x, kernel, 1))

    def backward(g: Array) -> Gradients:
        padded = sliding.padded(g)
        by_kernel = _by_kernel(sliding, padded, x, kernel.shape, 1)
        return Gradients((_correlate(sliding, padded, kernel, 1),), {"kernel": by_kernel})

    return finished(layer, weights, applied(z, backward))


def _depthwise(layer: LayerConfig, weights: Mapping[str, Array], x: Array, name: str) -> Applied:
    """The depthwise half, channels last; its kernel (i, j, c, m) makes the channels c · m."""
    kernel = weights[name]
    *size, channels, multiplier = kernel.shape
    grouped = kernel.reshape(*size, 1, channels * multiplier)
    linear = _convolved(layer, x, grouped, channels)

    def backward(g: Array) -> Gradients:
        found = linear.backward((g,))
        return Gradients(found.inputs, {name: found.weights["kernel"].reshape(kernel.shape)})

    return applied(linear.outputs[0], backward)


def _convolved(layer: LayerConfig, given: Array, kernel: Array, groups: int) -> Applied:
    """The convolution itself: its input as it is given, its output channels last."""
    x = channels_last(given) if layer.channels_first() else given
    sliding = slide(_window(layer, given), x.shape[1:-1])
    padded = sliding.padded(x)

    def backward(g: Array) -> Gradients:
        by_kernel = _by_kernel(sliding, padded, g, kernel.shape, groups)
        by_x = sliding.cropped(_by_padded(sliding, g, kernel, groups))
        return Gradients((by_x,), {"kernel": by_kernel})

    return applied(_correlate(sliding, padded, kernel, groups), backward)


def finished(layer: LayerConfig, weights: Mapping[str, Array], linear: Applied) -> Applied:
    """The bias, the place of the channels, and the activation, which all convolutions end with."""
    first = layer.channels_first()
    z = linear.outputs[0]
    bias = weights.get("bias")
    if bias is not None:
        z = z + bias

    def backward(g: Array) -> Gradients:
        g = channels_last(g) if first else g
        found = linear.backward((g,))
        by_x = found.inputs[0]
        if first and by_x is not None:
            by_x = channels_first(by_x)
        by_bias = {} if bias is None else {"bias": per_last(g)}
        return Gradients((by_x,), {**found.weights, **by_bias})

    return activated(layer, applied(channels_first(z) if first else z, backward))


def _window(layer: LayerConfig, x: Array) -> Window:
    """How the layer's window moves, which its rule knows."""
    window = derive_layer(layer, (x.shape,)).window
    assert window is not None  # every convolution has one
    return window


def _correlate(sliding: Sliding, padded: Array, kernel: Array, groups: int) -> Array:
    """y_nxyk = Σ_ijc p_nxycij · K_ijck."""
    at, by = _indices(sliding)
    windows = sliding.windows(padded)
    if groups == 1:
        return contract(f"n{at}c{by},{by}ck->n{at}k", windows, kernel)
    split = _in_groups(windows, len(at) + 1, groups)
    kernels = _in_groups(kernel, -1, groups)
    found = contract(f"n{at}ac{by},{by}cak->n{at}ak", split, kernels)
    return found.reshape(*found.shape[:-2], -1)


def _by_kernel(
    sliding: Sliding, padded: Array, g: Array, shape: tuple[int, ...], groups: int
) -> Array:
    """∂L/∂K_ijck = Σ_nxy p_nxycij · g_nxyk."""
    at, by = _indices(sliding)
    windows = sliding.windows(padded)
    if groups == 1:
        return contract(f"n{at}c{by},n{at}k->{by}ck", windows, g)
    split = _in_groups(windows, len(at) + 1, groups)
    found = contract(f"n{at}ac{by},n{at}ak->{by}cak", split, _in_groups(g, -1, groups))
    return found.reshape(shape)


def _by_padded(sliding: Sliding, g: Array, kernel: Array, groups: int) -> Array:
    """∂L/∂p: each offset of the window hands its share back to the positions that it met."""
    channels = kernel.shape[-2] * groups
    found = np.zeros((len(g), *sliding.extents, channels))
    split, kernels = _in_groups(g, -1, groups), _in_groups(kernel, -1, groups)
    for offset, met in sliding.offsets():
        share = np.einsum("...ak,cak->...ac", split, kernels[offset])
        found[met] += share.reshape(*g.shape[:-1], -1)
    return found


def _indices(sliding: Sliding) -> tuple[str, str]:
    rank = len(sliding.positions)
    return _POSITIONS[:rank], _OFFSETS[:rank]


def _in_groups(array: Array, axis: int, groups: int) -> Array:
    """The array with one axis divided into (groups, what each group has)."""
    axis %= array.ndim
    shape = array.shape
    return array.reshape(*shape[:axis], groups, shape[axis] // groups, *shape[axis + 1 :])
