"""`kerasaudit.explain`: one element's gradient, path by path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasaudit.backprop.elementwise import sigmoid
from kerasaudit.backprop.losses import loss as of_loss
from kerasaudit.backprop.network import logits_behind
from kerasaudit.backprop.paths.chain import Chain, chain_of
from kerasaudit.backprop.paths.explaining import descents, explain_element
from kerasaudit.backprop.paths.explanation import Explanation
from kerasaudit.backprop.rule import Array
from kerasaudit.errors import ConfigError
from kerasaudit.observation.trained import compiled

__all__ = ["LIMIT", "checked_index", "explain"]

LIMIT = 1_000
_SMALLEST = 1e-300


def explain(
    model: Any,
    x: Any,
    y: Any,
    weight: str,
    index: Sequence[int] | int,
    loss: Any = None,
    *,
    limit: int = LIMIT,
) -> Explanation:
    """Explain the gradient of one element of a weight as the sum of its paths.

    The model is a stack of convolution (depthwise and separable ones too), pooling, padding,
    upsampling, activation, flatten and dense layers (dropout and batch normalization as in
    inference), run in float64. A path goes from the loss through one position of each layer to the
    element; its product is what the chain rule multiplies along it. What did not win a maximum, or
    was cut off by a ReLU, is on no path.

    Args:
        model: a built Keras model.
        x: input, batch axis first.
        y: targets, likewise.
        weight: the path of the weight, "conv2d/kernel".
        index: of the element, counted from 0: `(0, 0, 0, 0)`.
        loss: a loss, by name or as an object; `None`: the one it was compiled with.
        limit: list at most so many paths, the largest; `gradient` and `count` are of all of them.

    Raises:
        UnsupportedError: the model is no such stack; the message names the layer.
        ConfigError: there is no such weight or element, no loss, or `limit` is below 0.
        ShapeError: x or y do not fit.

    Two dense units, o = 2·(3·x) with x = 5, and the loss (o − t)²: ∂L/∂w¹ = 2·(o − t) · 2 · 5.

    >>> import numpy as np, keras
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, name="a"),
    ...     keras.layers.Dense(1, name="b")])
    >>> model.set_weights([np.array(one) for one in ([[3.0]], [0.0], [[2.0]], [0.0])])
    >>> found = explain(model, np.array([[5.0]]), np.array([[29.0]]), "a/kernel", (0, 0), "mse")
    >>> found.formula
    '∂L/∂w¹ = ∂L/∂ŷ · w² · x = 20'
    >>> found.numbers, found.count
    ('∂L/∂w¹ = 2 · 2 · 5 = 20', 1)
    """
    if limit < 0:
        raise ConfigError(f"limit: expected 0 paths or more, received {limit}")
    chain = chain_of(model, x)
    place = checked_index(chain, weight, index)
    value, above = loss_of(model, chain, y, loss)
    floor, _ = chain.at(weight)
    return explain_element(chain, weight, place, descents(chain, floor, above), value, limit)


def checked_index(chain: Chain, weight: str, index: Sequence[int] | int) -> tuple[int, ...]:
    """The index of an element, each part counted from 0; `ConfigError` where there is none."""
    floor, name = chain.at(weight)
    shape = chain.stages[floor].weights[name].shape
    parts = tuple(index) if isinstance(index, (tuple, list)) else (index,)
    sound = len(parts) == len(shape) and all(
        isinstance(one, (int, np.integer)) and not isinstance(one, bool) and -extent <= one < extent
        for one, extent in zip(parts, shape, strict=True)
    )
    if not sound:
        raise ConfigError(
            f"index: expected {len(shape)} integers within the shape {shape} of {weight}, "
            f"received {index!r}"
        )
    return tuple(int(one) % extent for one, extent in zip(parts, shape, strict=True))


def loss_of(model: Any, chain: Chain, y: Any, loss: Any) -> tuple[float, Array]:
    """The value of the loss and its derivative by what the model gives.

    Raises:
        ConfigError: no loss is known.
        UnsupportedError: no derivative is derived of this one.
    """
    losses = compiled(model, loss)
    (one,) = losses.losses
    if one is None:
        raise ConfigError(f"model {chain.model!r}: expected a loss of its output, received none")
    logits = logits_behind(chain.run, losses, chain.output, one, y)
    if logits is None:
        value, above = of_loss(one.config, y, chain.outputs, epsilon=losses.epsilon)
    elif not logits.undone:
        chain.run.calls[logits.call].layer.unsupported(
            "Keras computes this loss not of its output but of what its activation takes, as that "
            "of another activation; such a gradient is not explained path by path"
        )
    else:
        z = logits.values
        value, by_logits = of_loss(one.config, y, z, epsilon=losses.epsilon, logits=True)
        above = _by_output(one.config, y, chain, z, by_logits)
    return one.weight * value, one.weight * above


def _by_output(config: Any, y: Any, chain: Chain, logits: Array, by_logits: Array) -> Array:
    """∂L/∂ŷ where the loss sees the logits o, so that nothing is clipped.

    Behind a sigmoid it is ∂L/∂o over ∂ŷ/∂o = σ(o)·σ(−o), which keeps its digits where ŷ is all but
    0 or 1. Softmax mixes the logits; there it is the loss's own by shares that are hardly clipped.
    """
    if chain.stages[-1].fan_in() == 1:
        by_output: Array = by_logits / (sigmoid(logits) * sigmoid(-logits))
        return by_output
    return of_loss(config, y, chain.outputs, epsilon=_SMALLEST)[1]
