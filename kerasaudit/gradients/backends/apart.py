"""Reading a tensor of a TensorFlow graph without changing what the graph computes.

TensorFlow's graph optimizer rearranges chains of products and of sums, `(a · b) · lr` into
`a · (b · lr)`, where nothing else reads the links of the chain. Somebody who reads a gradient that
is such a link keeps the chain as it is, and the training differs in the last bit from one that
nobody reads. So a link is not read: it is computed once more, from what the chain is made of.
"""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

__all__ = ["apart"]

_LINKS = ("Mul", "Add", "AddV2", "AddN")
# What the optimizer removes where it changes nothing, and so sees through.
_TRANSPARENT = ("Identity", "Reshape", "StopGradient", "PreventGradient", "Snapshot")
_LONGEST = 16


def apart(tensor: Any) -> Any:
    """The tensor, or an equal one where reading it would change how it is used elsewhere.

    An eager tensor is a value already, and is returned as it is.
    """
    if tf.executing_eagerly() or not isinstance(tensor, tf.Tensor):
        return tensor
    return _copied(tensor, readers=0, left=_LONGEST)


def _copied(tensor: Any, readers: int, left: int) -> Any:
    """A copy of a link with no more than `readers`; anything else as it is."""
    source = tensor
    while source.op.type in _TRANSPARENT and len(source.consumers()) <= readers:
        source, readers = source.op.inputs[0], 1
    link = source.op.type in _LINKS and len(source.consumers()) <= readers
    if not link or not left or not _known(source) or not all(map(_known, source.op.inputs)):
        return tensor
    inputs = [_copied(one, readers=1, left=left - 1) for one in source.op.inputs]
    return tf.reshape(_combined(source.op.type, inputs, source.shape.rank + 1), tensor.shape)


def _known(tensor: Any) -> bool:
    return bool(tensor.shape.is_fully_defined()) and math.prod(tensor.shape) > 0


def _combined(kind: str, inputs: list[Any], rank: int) -> Any:
    """The same operation on the same numbers, one axis up: nothing merges the two."""
    raised = [tf.reshape(one, [1] * (rank - one.shape.rank) + list(one.shape)) for one in inputs]
    if kind == "Mul":
        return tf.multiply(*raised)
    return tf.add_n(raised) if kind == "AddN" else tf.add(*raised)
