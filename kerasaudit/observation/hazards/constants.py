"""KA319: arrays of numbers written out in the config."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kerasaudit.finding import Finding, Kind
from kerasaudit.observation.contents import Contents, Node
from kerasaudit.observation.hazards.hazard import class_of, in_node

__all__ = ["KINDS", "found_in"]

KIND = Kind(
    "KA319",
    "a huge array in the config",
    "A constant of over 100,000 elements is written out in the config, element by element.",
    "Numbers in JSON take a multiple of the memory when they are read, and weights that are held "
    "in the config are counted and compared by nobody.",
    "a constant of over 100,000 elements is written out.",
    "Ask why it is not a weight; load the file where memory is limited.",
)
KINDS = (KIND,)

_MOST = 100_000


def found_in(node: Node, contents: Contents) -> Iterator[Finding]:
    """A tensor or array with too many elements; they are counted no further."""
    if class_of(node) in {"__tensor__", "__numpy__"}:
        inner = node.value.get("config")
        if isinstance(inner, dict) and _has_more(inner.get("value")):
            yield in_node(KIND, node, f"a constant of over {_MOST:,} elements is written out")


def _has_more(value: Any) -> bool:
    count, stack = 0, [iter((value,))]
    while stack and count <= _MOST:
        inner = next(stack[-1], stack)
        if inner is stack:
            stack.pop()
        elif isinstance(inner, list):
            stack.append(iter(inner))
        else:
            count += 1
    return count > _MOST
