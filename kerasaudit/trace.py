"""A trace: the layers and calls that were seen while a model was called on symbols.

It passes from the observation, which makes it, to the derivation, which reads it as it reads a
config: neither side knows the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Trace", "TracedCall", "TracedLayer", "TracedOperation"]

_Shape = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class TracedLayer:
    """A layer of the real tree: its path, its serialised config, and the shapes it was built with.

    `holds_layers` tells a layer whose inner layers are listed by themselves; `own_weights` is then
    how many weights it holds besides theirs. `build_shapes` is `None` where Keras records none.
    """

    path: str
    config: Mapping[str, Any]
    holds_layers: bool = False
    own_weights: int = 0
    build_shapes: Any = None


@dataclass(frozen=True, slots=True)
class TracedOperation:
    """A `keras.ops` function called by the code of a layer: its config, its operands' shapes."""

    config: Mapping[str, Any]
    input_shapes: tuple[_Shape, ...]


@dataclass(frozen=True, slots=True)
class TracedCall:
    """One call of a layer.

    `arguments` holds the shapes in each argument that has any, by its position or its name.
    `operations` are those that the code of a layer with layers inside called by itself: `None`
    where they could not be seen. `switches` are the named arguments that are true, false, numbers
    or words.
    """

    path: str
    arguments: tuple[tuple[int | str, tuple[_Shape, ...]], ...]
    output_shapes: tuple[_Shape, ...]
    operations: tuple[TracedOperation, ...] | None = ()
    switches: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trace:
    """What was seen of a model. `error` says why its calls were not: `calls` is then empty.

    The model's own call bears the path "". `trainable` is the model's own.
    """

    layers: tuple[TracedLayer, ...]
    calls: tuple[TracedCall, ...] = ()
    error: str | None = None
    trainable: bool = True
