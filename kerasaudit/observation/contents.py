"""What a model file holds, as its readers give it: nothing of it imported, run or followed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

__all__ = ["Contents", "Dataset", "Link", "Member", "Node", "Tree"]


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive: its name as it stands there, its sizes, and what kind it is.

    `stored` is what it takes in the archive, `size` what it claims to be when unpacked.
    """

    name: str
    stored: int
    size: int
    compressed: bool = False
    link: bool = False  # a symbolic link


@dataclass(frozen=True, slots=True)
class Dataset:
    """An array in a weights file, of which only this is read.

    `dtype` is spelled as Keras spells it ("float32", "bfloat16", "string"). `declared` is the size
    in bytes that shape and dtype claim, `stored` what the file has of it (`None` where it is not
    in this file). `storage`: "contiguous", "compact", "chunked", "virtual" or "external".
    """

    path: str
    shape: tuple[int, ...]
    dtype: str
    declared: int
    stored: int | None
    storage: str = "contiguous"
    external: tuple[str, ...] = ()  # the files that its data is said to be in


@dataclass(frozen=True, slots=True)
class Link:
    """An entry of a weights file that stands for something elsewhere: "soft" or "external"."""

    path: str
    kind: str
    target: str


@dataclass(frozen=True)
class Tree:
    """The groups, datasets and links of a weights file; paths without a leading slash.

    `attributes` has those that are texts or lists of texts, by path and name.
    """

    groups: tuple[str, ...] = ()
    datasets: Mapping[str, Dataset] = field(default_factory=dict)
    links: tuple[Link, ...] = ()
    attributes: Mapping[str, Mapping[str, str | tuple[str, ...]]] = field(default_factory=dict)

    @cached_property
    def group_names(self) -> frozenset[str]:
        """The groups, to look one up."""
        return frozenset(self.groups)


class Node(NamedTuple):
    """A mapping in a config, and where it stands: "config/layers/3/config/activation"."""

    where: str
    value: Mapping[str, Any]


@dataclass(frozen=True)
class Contents:
    """What a file holds.

    `form`: "keras" (format v3, an archive or a folder), "h5" (legacy), "weights" (weights alone)
    or "json" (a config alone). `config` is the model's serialised config, `compiled` what the file
    says of its compilation. `problems` say what could not be read of it, in a line each.
    """

    name: str
    form: str
    config: Any = None
    compiled: Any = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    members: tuple[Member, ...] = ()
    tree: Tree | None = None
    problems: tuple[str, ...] = ()

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """Every mapping in the config and in the compilation, wherever it stands."""
        return tuple(
            node
            for where, root in (("config", self.config), ("compile_config", self.compiled))
            for node in _mappings(where, root)
        )


def _mappings(where: str, root: Any) -> Iterator[Node]:
    """Every mapping in nested lists and mappings, in order, without recursion."""
    stack = [(where, root)]
    while stack:
        path, value = stack.pop()
        if isinstance(value, dict):
            yield Node(path, value)
            stack += [(f"{path}/{key}", value[key]) for key in reversed(value)]
        elif isinstance(value, list):
            stack += [(f"{path}/{place}", value[place]) for place in reversed(range(len(value)))]
