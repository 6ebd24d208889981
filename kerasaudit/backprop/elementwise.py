"""Activation functions and their derivatives, as Keras defines them.

An elementwise function takes x and gives its value and its slope at each element. At a kink it
takes the slope that all backends take: relu'(0) = 0, and at any other the slope of the side that
the value there belongs to in Keras's own formula.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from kerasaudit.backprop.rule import Array

__all__ = ["ELEMENTWISE", "Elementwise", "leaky", "rectified", "sigmoid"]

Elementwise = Callable[..., tuple[Array, Array]]

_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
# NumPy has no error function; this one is the C library's, correct to the last digit.
_erf = np.frompyfunc(math.erf, 1, 1)


def sigmoid(x: Array) -> Array:
    """1 / (1 + e⁻ˣ), without overflow on either side."""
    small = np.exp(-np.abs(x))
    result: Array = np.where(x >= 0, 1.0, small) / (1.0 + small)
    return result


def rectified(
    x: Array, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> tuple[Array, Array]:
    """x above the threshold, at most `max_value`; below it a line of `negative_slope`."""
    above = x > threshold
    if not (negative_slope or max_value or threshold):
        return np.maximum(x, 0.0), above.astype(np.float64)
    value = np.where(above, x, negative_slope * (x - threshold))
    slope = np.where(above, 1.0, negative_slope)
    if max_value is None:
        return value, slope
    # relu6 is an operation of its own, flat at 6; a clipped relu is not, at its own maximum.
    cut = x >= max_value if max_value == 6 else x > max_value
    return np.minimum(value, max_value), np.where(cut, 0.0, slope)


def leaky(x: Array, negative_slope: float = 0.2) -> tuple[Array, Array]:
    """x above 0, a · x below."""
    return rectified(x, negative_slope)


def elu(x: Array, alpha: float = 1.0) -> tuple[Array, Array]:
    """x above 0, α · (eˣ − 1) below."""
    below = np.minimum(x, 0.0)
    return (
        np.where(x > 0, x, alpha * np.expm1(below)),
        np.where(x > 0, 1.0, alpha * np.exp(below)),
    )


def _selu(x: Array) -> tuple[Array, Array]:
    value, slope = elu(x, _SELU_ALPHA)
    return _SELU_SCALE * value, _SELU_SCALE * slope


def _gelu(x: Array, approximate: bool = False) -> tuple[Array, Array]:
    if approximate:
        inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
        tanh = np.tanh(inner)
        turn = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x**2)
        return 0.5 * x * (1 + tanh), 0.5 * (1 + tanh) + 0.5 * x * (1 - tanh**2) * turn
    below = 0.5 * (1 + np.asarray(_erf(x / math.sqrt(2)), np.float64))  # P(X ≤ x), X ~ N(0, 1)
    return x * below, below + x * np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


def _silu(x: Array) -> tuple[Array, Array]:
    s = sigmoid(x)
    return x * s, s + x * s * (1 - s)


def _sigmoid(x: Array) -> tuple[Array, Array]:
    s = sigmoid(x)
    return s, s * sigmoid(-x)


def _tanh(x: Array) -> tuple[Array, Array]:
    t = np.tanh(x)
    return t, 1 - t**2


def _hard_sigmoid(x: Array) -> tuple[Array, Array]:
    return np.clip(x / 6 + 0.5, 0.0, 1.0), np.where((x > -3) & (x < 3), 1 / 6, 0.0)


def _hard_silu(x: Array) -> tuple[Array, Array]:
    value, slope = _hard_sigmoid(x)
    return x * value, value + x * slope


def _hard_tanh(x: Array) -> tuple[Array, Array]:
    return np.clip(x, -1.0, 1.0), np.where(np.abs(x) <= 1, 1.0, 0.0)


def _soft_shrink(x: Array, threshold: float = 0.5) -> tuple[Array, Array]:
    outside = np.abs(x) > threshold
    return np.where(outside, x - np.sign(x) * threshold, 0.0), outside.astype(np.float64)


def _hard_shrink(x: Array, threshold: float = 0.5) -> tuple[Array, Array]:
    outside = np.abs(x) > threshold
    return np.where(outside, x, 0.0), outside.astype(np.float64)


def _tanh_shrink(x: Array) -> tuple[Array, Array]:
    t = np.tanh(x)
    return x - t, t**2


def _softplus(x: Array) -> tuple[Array, Array]:
    return np.logaddexp(0.0, x), sigmoid(x)


def _softsign(x: Array) -> tuple[Array, Array]:
    scale = 1 + np.abs(x)
    return x / scale, 1 / scale**2


def _squareplus(x: Array, b: float = 4.0) -> tuple[Array, Array]:
    root = np.sqrt(x**2 + b)
    return (x + root) / 2, (1 + x / root) / 2


def _exponential(x: Array) -> tuple[Array, Array]:
    e = np.exp(x)
    return e, e


def _linear(x: Array) -> tuple[Array, Array]:
    return x, np.ones_like(x)


def _mish(x: Array) -> tuple[Array, Array]:
    t = np.tanh(np.logaddexp(0.0, x))
    return x * t, t + x * (1 - t**2) * sigmoid(x)


def _log_sigmoid(x: Array) -> tuple[Array, Array]:
    return -np.logaddexp(0.0, -x), sigmoid(-x)


def _sparse_plus(x: Array) -> tuple[Array, Array]:
    inner = np.clip(x, -1.0, 1.0)
    return np.where(x >= 1, x, (inner + 1) ** 2 / 4), (inner + 1) / 2


def _sparse_sigmoid(x: Array) -> tuple[Array, Array]:
    return np.clip((x + 1) / 2, 0.0, 1.0), np.where(np.abs(x) < 1, 0.5, 0.0)


ELEMENTWISE: Mapping[str, Elementwise] = {
    "celu": elu,  # the same at its default α = 1
    "elu": elu,
    "exponential": _exponential,
    "gelu": _gelu,
    "hard_shrink": _hard_shrink,
    "hard_sigmoid": _hard_sigmoid,
    "hard_silu": _hard_silu,
    "hard_swish": _hard_silu,
    "hard_tanh": _hard_tanh,
    "leaky_relu": leaky,
    "linear": _linear,
    "log_sigmoid": _log_sigmoid,
    "mish": _mish,
    "relu": rectified,
    "relu6": lambda x: rectified(x, max_value=6.0),
    "selu": _selu,
    "sigmoid": _sigmoid,
    "silu": _silu,
    "soft_shrink": _soft_shrink,
    "softplus": _softplus,
    "softsign": _softsign,
    "sparse_plus": _sparse_plus,
    "sparse_sigmoid": _sparse_sigmoid,
    "squareplus": _squareplus,
    "swish": _silu,
    "tanh": _tanh,
    "tanh_shrink": _tanh_shrink,
}
