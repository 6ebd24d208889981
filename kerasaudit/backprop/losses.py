"""Losses: their values as Keras defines them, and their derivatives by the predictions.

Each loss makes a value for every position of the predictions but the last axis; the values are
weighted and reduced as Keras does it. Probabilities are clipped to [ε, 1 − ε], and what is
clipped away has no derivative; where a loss sees the logits themselves nothing is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerasaudit.backprop.activate import softmax
from kerasaudit.backprop.elementwise import sigmoid
from kerasaudit.backprop.layers.merging import summed_to
from kerasaudit.backprop.rule import Array
from kerasaudit.errors import ShapeError, UnsupportedError

__all__ = ["EPSILON", "aligned", "known_loss", "loss", "takes_logits"]

EPSILON = 1e-7  # keras.config.epsilon(), where nobody changed it


@dataclass(frozen=True, slots=True)
class _Values:
    """A loss's values, and what takes the derivative by them back to the predictions.

    `mask`: where a value counts at all; `None`: everywhere.
    """

    values: Array
    back: Callable[[Array], Array]
    mask: Array | None = None


_Function = Callable[[Array, Array, Mapping[str, Any], float], _Values]


def loss(
    config: str | Mapping[str, Any],
    y: Any,
    predicted: Any,
    sample_weight: Any = None,
    *,
    epsilon: float = EPSILON,
    logits: bool = False,
) -> tuple[float, Array]:
    """One loss over a batch, and its derivative by each prediction.

    Args:
        config: its name ("mse", "binary_crossentropy") or serialised config.
        y: targets.
        predicted: predictions.
        sample_weight: weights that fit the loss's values.
        epsilon: what probabilities are kept away from 0 and 1.
        logits: the predictions are what goes into the last sigmoid or softmax, whatever the config
            says.

    Raises:
        UnsupportedError: no derivative is derived of this loss.
        ShapeError: `y`, `predicted` and `sample_weight` do not fit each other.

    (1 − 3)² and (2 − 2)², of which the mean over a batch of two is 2; ∂L/∂ŷ = 2 · (ŷ − y) / 2:

    >>> value, by_prediction = loss("mse", [[3.0], [2.0]], [[1.0], [2.0]])
    >>> value, by_prediction.tolist()
    (2.0, [[-2.0], [0.0]])
    """
    name, options = known_loss(config)
    if logits:
        options = {**options, "from_logits": True}
    given = np.asarray(predicted, np.float64)
    try:
        targets, p = aligned(_targets(y, given), given)
        with np.errstate(over="ignore", under="ignore"):
            made = _LOSSES[name](targets, p, options, epsilon)
        value, by_values = _reduced(made, sample_weight, options.get("reduction", _MEAN))
        by_p = summed_to(made.back(by_values), p.shape)
    except (TypeError, ValueError, IndexError) as error:
        weights = "" if sample_weight is None else f" with weights {np.shape(sample_weight)}"
        raise ShapeError(
            f"loss {name}: expected targets and weights that fit predictions {given.shape}, "
            f"received {_described(y)}{weights}: {error}"
        ) from error
    return value, by_p.reshape(given.shape)


def _targets(y: Any, predicted: Array) -> Array:
    """The targets as numbers, one for each example."""
    if y is None:
        raise ValueError("there are no targets")
    targets = np.asarray(y, np.float64)
    if targets.shape[:1] != predicted.shape[:1]:
        raise ValueError("there must be as many targets as examples")
    return targets


def _described(y: Any) -> str:
    try:
        return "none" if y is None else str(np.shape(y))
    except ValueError:  # rows of unequal lengths
        return type(y).__name__


def known_loss(config: str | Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """A loss's class name and its options.

    Raises:
        UnsupportedError: no derivative is derived of it.
    """
    if isinstance(config, str):
        name, options = config, {}
    else:
        name, options = str(config.get("class_name")), dict(config.get("config") or {})
    name = _NAMES.get(name.lower(), name)
    if name not in _LOSSES:
        raise UnsupportedError(f"loss {name!r}: no derivative is derived of it")
    return name, options


def takes_logits(config: str | Mapping[str, Any]) -> bool:
    """Whether a loss looks for the logits behind the probabilities that it is given."""
    return known_loss(config)[0] in (
        "BinaryCrossentropy",
        "CategoricalCrossentropy",
        "SparseCategoricalCrossentropy",
    )


# -- reduction ----------------------------------------------------------------------------------

_MEAN = "sum_over_batch_size"


def _reduced(made: _Values, sample_weight: Any, reduction: str | None) -> tuple[float, Array]:
    """The reduced loss, and its derivative by each value."""
    if reduction not in (_MEAN, "mean", "sum", "mean_with_sample_weight"):
        if made.values.shape != ():
            raise UnsupportedError(f"loss: reduction {reduction!r} gives no single figure")
        reduction = "sum"
    values, weights = made.values, _weights(made, sample_weight, reduction)
    shape = values.shape
    if weights is not None:
        values, weights = aligned(values, weights)
    weighted = values if weights is None else values * weights
    if reduction == "sum" or weighted.shape == ():
        divisor = 1.0
    elif reduction == "mean_with_sample_weight" and weights is not None:
        divisor = float(weights.sum())
    else:
        divisor = float(weighted.size)
    scale = 0.0 if divisor == 0 else 1 / divisor
    factor = np.full(weighted.shape, scale) if weights is None else weights * scale
    by_values = summed_to(np.broadcast_to(factor, weighted.shape), values.shape).reshape(shape)
    return float(weighted.sum() * scale), by_values


def _weights(made: _Values, sample_weight: Any, reduction: str) -> Array | None:
    """The sample weights, with what the loss itself leaves out at 0."""
    weights = None if sample_weight is None else np.asarray(sample_weight, np.float64)
    if made.mask is None:
        return weights
    mask = made.mask.astype(np.float64)
    if reduction in (_MEAN, "mean") and mask.any():
        mask *= mask.size / mask.sum()  # so that the mean is over those that count
    if weights is None:
        return mask
    mask, weights = aligned(mask, weights)
    return weights * mask


def aligned(one: Array, other: Array) -> tuple[Array, Array]:
    """Two arrays whose ranks differ by a last axis of 1, at one rank, as Keras brings them to.

    >>> y, predicted = aligned(np.zeros(4), np.zeros((4, 1)))
    >>> y.shape, predicted.shape
    ((4, 1), (4, 1))
    """
    if one.ndim == other.ndim + 1 and one.shape[-1] == 1:
        return (one, other[..., None]) if other.ndim == 1 else (one[..., 0], other)
    if other.ndim == one.ndim + 1 and other.shape[-1] == 1:
        return (one[..., None], other) if one.ndim == 1 else (one, other[..., 0])
    return one, other


# -- one value for each element, averaged over the last axis ------------------------------------


def _averaged(value: Array, slope: Array) -> _Values:
    """The mean of f over the last axis, with f′ at each element."""
    count = value.shape[-1]
    return _Values(value.mean(axis=-1), lambda g: g[..., None] * slope / count)


def _on_difference(y: Array, p: Array, of: Callable[[Array], tuple[Array, Array]]) -> _Values:
    """The mean of f(p − y) over the last axis; one prediction may serve many targets."""
    return _averaged(*of(p - y))


def _squared(y: Array, p: Array, options: Mapping[str, Any], epsilon: float) -> _Values:
    return _on_difference(y, p, lambda d: (d**2, 2 * d))


def _absolute(y: Array, p: Array, options: Mapping[str, Any], epsilon: float) -> _Values:
    return _on_difference(y, p, lambda d: (np.abs(d), np.sign(d)))


def _huber(y: Array, p: Array, options: Mapping[str, Any], epsilon: float) -> _Values:
    delta = float(options.get("delta", 1.0))

    def of(d: Array) -> tuple[Array, Array]:
        size = np.abs(d)
        value = np.where(size <= delta, d**2 / 2, delta * size - delta**2 / 2)
        return value, np.clip(d, -delta, delta)

    return _on_difference(y, p, of)


def _log_cosh(y: Array, p: Array, options: Mapping[str, Any], epsilon: float) -> _Values:
    return _on_difference(y, p, lambda d: (d + np.logaddexp(0.0, -2 * d) - np.log(2.0), np.tanh(d)))


def _percentage(y: Array, p: Array, options: Mapping[str, Any], epsilon: float) -> _Values:
    scale = 100 / np.maximum(np.abs(y), epsilon)
    return _on_difference(y, p, lambda d: (np.abs(d) * scale, np.sign(d) * scale))


def _hinge(y: Array, p: Array, options: Mapping[str, Any], epsilon: float) -> _Values:
    y = _signs(y)
    distance = 1 - y * p
    return _averaged(np.maximum(distance, 0.0), np.where(distance > 0, -y, 0.0))


def _squared_hinge(y: Array, p: Array, options: Mapping[str, Any], epsilon: float) -> _Values:
    y = _signs(y)
    distance = np.maximum(1 - y * p, 0.0)
    return _averaged(distance**2, -2 * distance * y)


def _signs(y: Array) -> Array:
    """Labels of 0 and 1 as −1 and 1; others as they are."""
    return 2 * y - 1 if np.isin(y, (0, 1)).all() else y


def _poisson(y: Array, p: Array, options: Mapping[str, Any], epsilon: float) -> _Values:
    return _averaged(p - y * np.log(p + epsilon), 1 - y / (p + epsilon))


def _divergence(y: Array, p: Array, options: Mapping[str, Any], epsilon: float) -> _Values:
    y, q = np.clip(y, epsilon, 1), np.clip(p, epsilon, 1)
    inside = (p >= epsilon) & (p <= 1)
    value = (y * np.log(y / q)).sum(axis=-1)
    return _Values(value, lambda g: g[..., None] * np.where(inside, -y / q, 0.0))


# -- cross-entropies ----------------------------------------------------------------------------


def _clipped(p: Array, epsilon: float) -> tuple[Array, Array]:
    """Probabilities within [ε, 1 − ε], and where they were so before."""
    return np.clip(p, epsilon, 1 - epsilon), (p >= epsilon) & (p <= 1 - epsilon)


def _binary(y: Array, p: Array, options: Mapping[str, Any], epsilon: float) -> _Values:
    """−(y · log p + (1 − y) · log(1 − p)); by a logit z its derivative is σ(z) − y."""
    if options.get("axis", -1) not in (-1, p.ndim - 1):
        raise UnsupportedError("loss BinaryCrossentropy: only axis -1 is derived")
    smoothing = float(options.get("label_smoothing") or 0.0)
    y = y * (1 - smoothing) + smoothing / 2
    if y.shape != p.shape:
        raise ValueError("targets must have the shape of predictions")
    if options.get("from_logits"):
        return _averaged(np.maximum(p, 0) - p * y + np.log1p(np.exp(-np.abs(p))), sigmoid(p) - y)
    q, inside = _clipped(p, epsilon)
    slope = np.where(inside, (1 - y) / (1 - q) - y / q, 0.0)
    return _averaged(-(y * np.log(q) + (1 - y) * np.log(1 - q)), slope)


def _categorical(y: Array, p: Array, options: Mapping[str, Any], epsilon: float) -> _Values:
    """−Σᵢ yᵢ · log pᵢ over the classes, p scaled to sum to 1; by logits its slope is p · Σy − y."""
    axis = int(options.get("axis", -1))
    smoothing = float(options.get("label_smoothing") or 0.0)
    y = y * (1 - smoothing) + smoothing / y.shape[-1]
    if y.shape != p.shape:
        raise ValueError("targets must have the shape of predictions")
    if options.get("from_logits"):
        return _from_logits(y, p, axis)
    total = p.sum(axis=axis, keepdims=True)
    scaled = p / total
    q, inside = _clipped(scaled, epsilon)

    def back(g: Array) -> Array:
        by_scaled = np.expand_dims(g, axis) * np.where(inside, -y / q, 0.0)
        by_p: Array = (by_scaled - (by_scaled * scaled).sum(axis=axis, keepdims=True)) / total
        return by_p

    return _Values(-(y * np.log(q)).sum(axis=axis), back)


def _sparse(y: Array, p: Array, options: Mapping[str, Any], epsilon: float) -> _Values:
    """−log p_c for the class c that y names, p scaled to sum to 1 after it is clipped."""
    if options.get("axis", -1) not in (-1, p.ndim - 1):
        raise UnsupportedError("loss SparseCategoricalCrossentropy: only axis -1 is derived")
    y = y[..., 0] if y.ndim == p.ndim and y.shape[-1] == 1 else y
    if y.shape != p.shape[:-1]:
        raise ValueError("targets must name one class for each position")
    ignored = options.get("ignore_class")
    counts = None if ignored is None else y != ignored
    classes = np.where(True if counts is None else counts, y, 0).astype(np.int64)
    if classes.size and not (classes.min() >= 0 and classes.max() < p.shape[-1]):
        raise ValueError(f"targets must name classes from 0 to {p.shape[-1] - 1}")
    one_hot = np.eye(p.shape[-1])[classes]
    if options.get("from_logits"):
        made = _from_logits(one_hot, p, -1)
    else:
        q, inside = _clipped(p, epsilon)
        scaled = _from_logits(one_hot, np.log(q), -1)
        made = _Values(scaled.values, lambda g: np.where(inside, scaled.back(g) / q, 0.0))
    if counts is None:
        return made
    return _Values(made.values * counts, lambda g: made.back(g * counts), counts)


def _from_logits(y: Array, z: Array, axis: int) -> _Values:
    # TensorFlow's own slope is p − y, which is the derivative only where the targets sum to 1.
    shifted = z - z.max(axis=axis, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
    slope = softmax(z, axis) * y.sum(axis=axis, keepdims=True) - y
    return _Values(-(y * logs).sum(axis=axis), lambda g: np.expand_dims(g, axis) * slope)


_LOSSES: Mapping[str, _Function] = {
    "BinaryCrossentropy": _binary,
    "CategoricalCrossentropy": _categorical,
    "SparseCategoricalCrossentropy": _sparse,
    "MeanSquaredError": _squared,
    "MeanAbsoluteError": _absolute,
    "MeanAbsolutePercentageError": _percentage,
    "Huber": _huber,
    "LogCosh": _log_cosh,
    "Hinge": _hinge,
    "SquaredHinge": _squared_hinge,
    "Poisson": _poisson,
    "KLDivergence": _divergence,
}

# What Keras calls them besides, in lower case.
_NAMES = {
    "bce": "BinaryCrossentropy",
    "mse": "MeanSquaredError",
    "mae": "MeanAbsoluteError",
    "mape": "MeanAbsolutePercentageError",
    "kld": "KLDivergence",
    "binary_crossentropy": "BinaryCrossentropy",
    "categorical_crossentropy": "CategoricalCrossentropy",
    "sparse_categorical_crossentropy": "SparseCategoricalCrossentropy",
    "mean_squared_error": "MeanSquaredError",
    "mean_absolute_error": "MeanAbsoluteError",
    "mean_absolute_percentage_error": "MeanAbsolutePercentageError",
    "huber": "Huber",
    "log_cosh": "LogCosh",
    "logcosh": "LogCosh",
    "hinge": "Hinge",
    "squared_hinge": "SquaredHinge",
    "poisson": "Poisson",
    "kl_divergence": "KLDivergence",
    "kullback_leibler_divergence": "KLDivergence",
}
