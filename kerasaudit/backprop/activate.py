"""The activation that a layer applies to what it computes: found in its config, and applied."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from kerasaudit.backprop.elementwise import ELEMENTWISE
from kerasaudit.backprop.rule import Applied, Array, Mode, apply_layer
from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import derive_layer

__all__ = ["Activated", "activated", "activation", "softmax", "softmax_back"]

# An activation takes x and gives its value, and what takes the derivative by that back to x.
Activated = tuple[Array, Callable[[Array], Array]]


def activation(layer: LayerConfig, x: Array, key: str = "activation") -> Activated:
    """The activation that a layer's config names under `key`, applied to `x`.

    Raises:
        UnsupportedError: a function of the user's own, or one that is not known.
    """
    named = layer.get(key, "linear")
    if isinstance(named, Mapping) and isinstance(named.get("config"), Mapping):
        # A layer as an activation: LeakyReLU(negative_slope=0.1).
        own = LayerConfig(named)
        if derive_layer(own, (x.shape,)).weights:
            layer.unsupported(
                f"no gradient is derived of the {key} {own.class_name}: it has weights"
            )
        inner = apply_layer(own, {}, (x,), Mode())
        return inner.outputs[0], lambda g: _only(inner.backward((g,)).inputs)
    name = named.get("config") if isinstance(named, Mapping) else named
    if isinstance(name, str) and name in ELEMENTWISE:
        if name == "linear":
            return x, lambda g: g
        value, slope = ELEMENTWISE[name](x)
        return value, lambda g: g * slope
    if isinstance(name, str) and name in _ALONG_AN_AXIS:
        return _ALONG_AN_AXIS[name](x)
    layer.unsupported(f"no gradient is derived of the {key} {name!r}")


def activated(layer: LayerConfig, linear: Applied, key: str = "activation") -> Applied:
    """A layer's outputs after its activation, from those before it."""
    value, back = activation(layer, linear.outputs[0], key)
    name = _name(layer.get(key))
    return Applied(
        (value,),
        lambda gradients: linear.backward((back(gradients[0]),)),
        updates=linear.updates,
        before=(name, linear) if name in ("sigmoid", "softmax") else None,
    )


def softmax(x: Array, axis: int | tuple[int, ...] = -1) -> Array:
    """e^x over its sum along the axes."""
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    result: Array = powers / powers.sum(axis=axis, keepdims=True)
    return result


def softmax_back(p: Array, g: Array, axis: int | tuple[int, ...] = -1) -> Array:
    """∂L/∂xᵢ = pᵢ · (gᵢ − Σⱼ gⱼ · pⱼ), for p = softmax(x)."""
    result: Array = p * (g - (g * p).sum(axis=axis, keepdims=True))
    return result


def _name(named: Any) -> str | None:
    name = named.get("config") if isinstance(named, Mapping) else named
    return name if isinstance(name, str) else None


def _only(inputs: tuple[Array | None, ...]) -> Array:
    assert inputs[0] is not None  # an activation takes no index
    return inputs[0]


def _softmax(x: Array) -> Activated:
    p = softmax(x)
    return p, lambda g: softmax_back(p, g)


def _log_softmax(x: Array) -> Activated:
    shifted = x - x.max(axis=-1, keepdims=True)
    value = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return value, lambda g: g - np.exp(value) * g.sum(axis=-1, keepdims=True)


def _glu(x: Array) -> Activated:
    """a · σ(b) for the halves a, b of the last axis."""
    a, b = np.split(x, 2, axis=-1)
    gate, slope = ELEMENTWISE["sigmoid"](b)
    return a * gate, lambda g: np.concatenate([g * gate, g * a * slope], axis=-1)


def _sparsemax(x: Array) -> Activated:
    """The projection onto the simplex (Martins & Astudillo 2016): max(x − τ, 0), summing to 1."""
    ordered = -np.sort(-x, axis=-1)
    sums = ordered.cumsum(axis=-1)
    ranks = np.arange(1, x.shape[-1] + 1)
    support = (1 + ranks * ordered > sums).sum(axis=-1, keepdims=True)
    tau = (np.take_along_axis(sums, support - 1, axis=-1) - 1) / support
    inside = x > tau

    def back(g: Array) -> Array:
        mean = (g * inside).sum(axis=-1, keepdims=True) / inside.sum(axis=-1, keepdims=True)
        return np.where(inside, g - mean, 0.0)

    return np.maximum(x - tau, 0.0), back


_ALONG_AN_AXIS: Mapping[str, Callable[[Array], Activated]] = {
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "glu": _glu,
    "sparsemax": _sparsemax,
}
