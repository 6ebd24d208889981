"""What a model file holds, as its readers give it: nothing of it imported, run or followed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
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
    """A mapping in a config, the mapping around it, and the keys and places that lead here from it.

    Where a node stands is put together when it is asked for: held for each, it would take more
    room than a file that nests and repeats long keys should be given.
    """

    parent: Node | None
    keys: tuple[str | int, ...]
    value: Mapping[str, Any]

    @property
    def around(self) -> Iterator[Node]:
        """The mappings around this one, from the next to the outermost."""
        node = self.parent
        while node is not None:
            yield node
            node = node.parent

    @property
    def steps(self) -> tuple[str | int, ...]:
        """What leads here from the file: `("config", "config", "layers", 3)`."""
        found = [self.keys, *(node.keys for node in self.around)]
        return tuple(key for keys in reversed(found) for key in keys)

    @property
    def where(self) -> str:
        """Where it stands: "config/config/layers/3/config/activation"."""
        return "/".join(map(str, self.steps))


@dataclass(frozen=True)
class Contents:
    """What a file holds.

    `form`: "keras" (format v3, an archive or a folder), "h5" (legacy), "weights" (weights alone)
    or "json" (a config alone). `config` is the model's serialised config, `compiled` what the file
    says of its compilation. `problems` say what could not be read of it, in a line each.
    `with_rules` are the classes of their own for which whoever audits has written rules.
    """

    name: str
    form: str
    config: Any = None
    compiled: Any = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    members: tuple[Member, ...] = ()
    tree: Tree | None = None
    problems: tuple[str, ...] = ()
    with_rules: frozenset[str] = frozenset()

    @property
    def nodes(self) -> Iterator[Node]:
        """Every mapping in the config and in the compilation, wherever it stands, one at a time."""
        yield from _mappings("config", self.config)
        yield from _mappings("compile_config", self.compiled)


_Entry = tuple[Node | None, tuple[str | int, ...], Any]  # the parent, the keys, the value


def _mappings(name: str, root: Any) -> Iterator[Node]:
    """Every mapping in nested lists and mappings, in order, without recursion."""
    stack: list[Iterator[_Entry]] = [iter([(None, (name,), root)])]
    while stack:
        following = next(stack[-1], None)
        if following is None:
            stack.pop()
            continue
        parent, keys, value = following
        if isinstance(value, dict):
            node = Node(parent, keys, value)
            yield node
            stack.append(_entries(node, (), value.items()))
        elif isinstance(value, list):
            stack.append(_entries(parent, keys, enumerate(value)))


def _entries(
    parent: Node | None, keys: tuple[str | int, ...], entries: Iterable[tuple[str | int, Any]]
) -> Iterator[_Entry]:
    """The lists and mappings among the entries of one of them."""
    return (
        (parent, (*keys, key), value) for key, value in entries if isinstance(value, (dict, list))
    )
