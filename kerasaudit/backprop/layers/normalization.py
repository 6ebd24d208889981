"""Normalisation: x̂ = (x − μ) / √(σ² + ε), then γ · x̂ + β.

μ and σ² are the mean and variance over the axes R, m elements of each. With h = g · γ,

    ∂L/∂γ = Σ g · x̂,  ∂L/∂β = Σ g  (over the axes that share one γ and β)
    ∂L/∂x = (h − mean_R(h) − x̂ · mean_R(h · x̂)) / √(σ² + ε)

Where μ and σ² are given (batch normalisation in inference) they do not depend on x, and
∂L/∂x = h / √(σ² + ε).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from kerasaudit.backprop.layers.merging import summed_to
from kerasaudit.backprop.rule import Applied, Array, Gradients, Mode, applied, gradient
from kerasaudit.derivation.layer import LayerConfig

_Normalized = tuple[Array, Callable[[Array], Array]]


@gradient("BatchNormalization")
def batch_normalization(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """Each channel by the batch's own statistics in training, else by the moving ones.

    A layer that is frozen takes the moving ones in training too.
    """
    if layer.boolean("renorm", False):
        layer.unsupported("no gradient is derived of batch renormalisation")
    (x,) = inputs
    axis = layer.axis("axis", -1, x.shape)
    shape = tuple(extent if i == axis else 1 for i, extent in enumerate(x.shape))
    epsilon = float(layer.get("epsilon", 1e-3))
    training = bool(layer.call.get("training", mode.training)) and layer.trainable
    if not training:
        mean, variance = (weights[f"moving_{name}"].reshape(shape) for name in ("mean", "variance"))
        scale = 1 / np.sqrt(variance + epsilon)
        return _scaled(weights, ((x - mean) * scale, lambda h: h * scale), shape, {})
    axes = tuple(i for i in range(x.ndim) if i != axis)
    momentum = float(layer.get("momentum", 0.99))
    statistics = {"moving_mean": x.mean(axis=axes), "moving_variance": x.var(axis=axes)}
    updates = {
        name: momentum * weights[name] + (1 - momentum) * value
        for name, value in statistics.items()
    }
    return _scaled(weights, _standardized(x, axes, epsilon), shape, updates)


@gradient("LayerNormalization")
def layer_normalization(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """Each example, at each position of the other axes, by its own statistics."""
    if layer.boolean("rms_scaling", False):
        layer.unsupported("no gradient is derived of rms_scaling")
    (x,) = inputs
    axes = tuple(sorted(layer.axes("axis", -1, x.shape)))
    shape = tuple(extent if i in axes else 1 for i, extent in enumerate(x.shape))
    epsilon = float(layer.get("epsilon", 1e-3))
    return _scaled(weights, _standardized(x, axes, epsilon), shape, {})


@gradient("GroupNormalization")
def group_normalization(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """Each example's groups of channels by their own statistics."""
    (x,) = inputs
    axis = layer.axis("axis", -1, x.shape)
    groups = int(layer.get("groups", 32))
    groups = x.shape[axis] if groups == -1 else groups
    split = (*x.shape[:axis], groups, x.shape[axis] // groups, *x.shape[axis + 1 :])
    axes = tuple(i for i in range(1, len(split)) if i != axis)
    epsilon = float(layer.get("epsilon", 1e-3))
    inside, back = _standardized(x.reshape(split), axes, epsilon)
    shape = tuple(extent if i == axis else 1 for i, extent in enumerate(x.shape))
    normalized = (inside.reshape(x.shape), lambda h: back(h.reshape(split)).reshape(x.shape))
    return _scaled(weights, normalized, shape, {})


@gradient("RMSNormalization")
def rms_normalization(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """x̂ = x / √(mean(x²) + ε): ∂L/∂x = (h − x̂ · mean(h · x̂)) / √(mean(x²) + ε)."""
    (x,) = inputs
    axes = layer.axes("axis", -1, x.shape)
    scale = 1 / np.sqrt((x**2).mean(axis=axes, keepdims=True) + float(layer.get("epsilon", 1e-6)))
    normalized = x * scale

    def back(h: Array) -> Array:
        found: Array = scale * (h - normalized * (h * normalized).mean(axis=axes, keepdims=True))
        return found

    shape = tuple(extent if i in axes else 1 for i, extent in enumerate(x.shape))
    return _scaled({"gamma": weights["scale"]}, (normalized, back), shape, {}, gamma="scale")


@gradient("UnitNormalization")
def unit_normalization(
    layer: LayerConfig, weights: Mapping[str, Array], inputs: tuple[Array, ...], mode: Mode
) -> Applied:
    """y = x / ‖x‖: ∂L/∂x = (g − y · Σ g·y) / ‖x‖."""
    (x,) = inputs
    axes = layer.axes("axis", -1, x.shape)
    scale = 1 / np.sqrt(np.maximum((x**2).sum(axis=axes, keepdims=True), 1e-12))
    y = x * scale

    def backward(g: Array) -> Gradients:
        return Gradients((scale * (g - y * (g * y).sum(axis=axes, keepdims=True)),))

    return applied(y, backward)


def _standardized(x: Array, axes: tuple[int, ...], epsilon: float) -> _Normalized:
    """x̂ by the statistics over the axes, and what takes the derivative by it back to x."""
    mean = x.mean(axis=axes, keepdims=True)
    scale = 1 / np.sqrt(x.var(axis=axes, keepdims=True) + epsilon)
    normalized = (x - mean) * scale

    def back(h: Array) -> Array:
        along = (h * normalized).mean(axis=axes, keepdims=True)
        found: Array = scale * (h - h.mean(axis=axes, keepdims=True) - normalized * along)
        return found

    return normalized, back


def _scaled(
    weights: Mapping[str, Array],
    normalized: _Normalized,
    shape: tuple[int, ...],
    updates: Mapping[str, Array],
    gamma: str = "gamma",
) -> Applied:
    """γ · x̂ + β, where the layer has them; `shape` is theirs, at the input's rank."""
    inside, back = normalized
    scale, shift = weights.get("gamma"), weights.get("beta")
    y = inside if scale is None else inside * scale.reshape(shape)
    y = y if shift is None else y + shift.reshape(shape)

    def backward(gradients: tuple[Array, ...]) -> Gradients:
        (g,) = gradients
        found = {}
        if scale is not None:
            found[gamma] = summed_to(g * inside, shape).reshape(scale.shape)
        if shift is not None:
            found["beta"] = summed_to(g, shape).reshape(shift.shape)
        return Gradients((back(g if scale is None else g * scale.reshape(shape)),), found)

    return Applied((y,), backward, updates)
