"""What the hazards share: how a finding names its place, and how a name of the file is shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kerasaudit.errors import one_line
from kerasaudit.finding import Finding, Kind
from kerasaudit.observation.contents import Node

__all__ = ["class_of", "in_file", "in_node", "layer_path", "quoted", "texts"]

_LONGEST_NAME = 200
_LONGEST_PLACE = 100


def in_file(kind: Kind, message: str) -> Finding:
    """A finding of the file as a whole."""
    return Finding(kind.code, "file", one_line(message, 1000), kind.incomplete)


def in_node(kind: Kind, node: Node, message: str) -> Finding:
    """A finding of one place in the config."""
    line = one_line(f"{message} (at {_place(node)})", 1000)
    return Finding(kind.code, layer_path(node), line, kind.incomplete)


def layer_path(node: Node) -> str:
    """The path of the layer that a node is of, "encoder/conv1"; "file" if it is of none.

    A wrapper is one layer with what it wraps: the way in ends there.
    """
    names: list[str] = []
    for each in reversed([node, *node.around]):
        if each.keys == ("config",):
            continue
        listed = each.keys[:-1] in {("layers",), ("config",)} and isinstance(each.keys[-1], int)
        if not listed:
            break
        names.append(one_line(_name(each.value), _LONGEST_NAME))
    return one_line("/".join(names)) if names else "file"


def _name(layer: Any) -> str:
    inner = layer.get("config")
    name = layer.get("name", inner.get("name") if isinstance(inner, dict) else None)
    return name if isinstance(name, str) else "(unnamed)"


def _place(node: Node) -> str:
    where = node.where
    return where if len(where) <= _LONGEST_PLACE else f"…{where[-_LONGEST_PLACE:]}"


def quoted(text: object) -> str:
    r"""A name out of the file, in quotes, short and with nothing in it that a terminal obeys.

    >>> quoted("two\u202elines")
    "'two\\x202elines'"
    """
    return f"'{one_line(text, _LONGEST_NAME)}'"


def class_of(node: Node) -> str | None:
    """The class that a node is an object of; `None` where it is plain data."""
    name = node.value.get("class_name")
    return name if isinstance(name, str) else None


def texts(node: Node) -> Iterator[tuple[str, str]]:
    """The texts that a node holds, in lists too, each with its key."""
    for key, value in node.value.items():
        if isinstance(value, str):
            yield key, value
        elif isinstance(value, list):
            stack = [iter(value)]
            while stack:
                inner = next(stack[-1], stack)
                if inner is stack:
                    stack.pop()
                elif isinstance(inner, str):
                    yield key, inner
                elif isinstance(inner, list):
                    stack.append(iter(inner))
