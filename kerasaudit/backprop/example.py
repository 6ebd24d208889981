"""A builder's example: its batch, its weights' values put into a model, its elements named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from kerasaudit.backprop.rule import Array
from kerasaudit.errors import ConfigError, ShapeError
from kerasaudit.observation.live import held_layers
from kerasaudit.zoo import Example

__all__ = ["assign", "batch_of", "parse_element", "variables_of"]


def batch_of(example: Example) -> tuple[Array, Array]:
    """The example's x and y.

    Raises:
        ConfigError: one of them is no array of numbers.
    """
    return _numbers(example.x, "x"), _numbers(example.y, "y")


def _numbers(given: Any, what: str) -> Array:
    try:
        return np.asarray(given, dtype=float)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"example: expected {what} to be an array of numbers: {error}") from error


def variables_of(model: Any) -> dict[str, Any]:
    """The variables of a live model by the path of their layer and their name within it."""
    return {
        f"{layer.path}/{name}": variable
        for layer in held_layers(model)
        for name, variable in layer.variables
    }


def assign(model: Any, values: Mapping[str, Any]) -> None:
    """Put an example's values into a live model's weights.

    Raises:
        ConfigError: there is no such weight, or a value is no array of numbers.
        ShapeError: a value is not of its weight's shape.
    """
    held = variables_of(model)
    for path, value in values.items():
        if path not in held:
            raise ConfigError(f"example: expected weights of {', '.join(held)}, received {path!r}")
        array = _numbers(value, path)
        if array.shape != tuple(held[path].shape):
            raise ShapeError(
                f"example: expected {path} of shape {tuple(held[path].shape)}, "
                f"received {array.shape}"
            )
        held[path].assign(array)


def parse_element(text: str) -> tuple[str, tuple[int, ...]]:
    """The path and index of an element.

    Raises:
        ConfigError: the text is no path with an index.

    >>> parse_element("conv2d/kernel[0,0,0,0]")
    ('conv2d/kernel', (0, 0, 0, 0))
    """
    match = re.fullmatch(r"(.+)\[\s*(-?\d+(?:\s*,\s*-?\d+)*)\s*\]", text.strip())
    if match is None:
        raise ConfigError(
            "expected a path with an index that counts from 0, such as "
            f"'conv2d/kernel[0,0,0,0]', received {text!r}"
        )
    return match[1], tuple(int(part) for part in match[2].split(","))
