"""The tree of an HDF5 file, walked from its root with every object visited once."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from kerasaudit.errors import LimitError, MalformedError
from kerasaudit.observation.contents import Dataset, Link, Tree
from kerasaudit.observation.hdf5.attributes import Value, read_attributes
from kerasaudit.observation.hdf5.dataspace import read_shape
from kerasaudit.observation.hdf5.datatype import read_datatype
from kerasaudit.observation.hdf5.file import File
from kerasaudit.observation.hdf5.header import (
    DATASPACE,
    DATATYPE,
    ObjectHeader,
    read_header,
)
from kerasaudit.observation.hdf5.heaps import GlobalHeaps
from kerasaudit.observation.hdf5.layout import read_layout
from kerasaudit.observation.hdf5.links import is_group, read_links
from kerasaudit.observation.hdf5.superblock import open_file
from kerasaudit.observation.source import Source

__all__ = ["read_tree"]


def read_tree(source: Source) -> Tree:
    """Read what an HDF5 file holds, in order of the names. No link is followed out of it.

    An object that several hard links lead to is listed under the first path only.

    Raises:
        MalformedError: it is no HDF5 file, or not as the format says.
        LimitError: its budget is spent.
    """
    file, root = open_file(source)
    walk = _Walk(file, GlobalHeaps(file))
    walk.from_root(root)
    return Tree(tuple(walk.groups), walk.datasets, tuple(walk.links), walk.attributes)


@dataclass
class _Walk:
    """What has been found so far, and what is still to be looked at: paths, addresses, depths."""

    file: File
    heaps: GlobalHeaps
    groups: list[str] = field(default_factory=list)
    datasets: dict[str, Dataset] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    attributes: dict[str, dict[str, Value]] = field(default_factory=dict)
    _waiting: list[tuple[str, int, int]] = field(default_factory=list)
    _paths: set[str] = field(default_factory=set)

    def from_root(self, root: int) -> None:
        """Visit every object that hard links lead to."""
        self._waiting.append(("", root, 0))
        seen: set[int] = set()
        while self._waiting:
            path, address, depth = self._waiting.pop()
            if address not in seen:
                seen.add(address)
                self._visit(path, read_header(self.file, address), depth)

    def _visit(self, path: str, header: ObjectHeader, depth: int) -> None:
        if is_group(header):
            if depth:
                self.groups.append(path)
            self._visit_members(path, header, depth)
        elif not depth or DATATYPE not in header.single:
            kinds = "a group, a dataset or a datatype" if depth else "a group"
            cursor = self.file.within(f"object {path!r}", header.address, b"")
            raise cursor.malformed(kinds, "something else")
        elif DATASPACE not in header.single:  # a committed datatype, which holds nothing
            return
        attributes = read_attributes(self.file, self.heaps, header)
        if attributes:
            self.attributes[path] = attributes
        if not is_group(header):
            self.datasets[path] = self._dataset(path, header, attributes)

    def _visit_members(self, path: str, header: ObjectHeader, depth: int) -> None:
        limits, name = self.file.budget.limits, self.file.budget.name
        entries = read_links(self.file, header, path)
        if entries and depth >= limits.depth:
            raise LimitError(
                f"{name}: expected groups nested at most {limits.depth} deep (depth), received "
                f"more at {path!r}"
            )
        members = []
        for entry in entries:
            if entry.path in self._paths:  # as two names do that differ in separators alone
                raise MalformedError(
                    f"{name}: expected paths of one meaning, received {entry.path!r} twice"
                )
            self._paths.add(entry.path)
            if entry.kind == "hard":
                members.append((entry.path, entry.address, depth + 1))
            else:
                self.links.append(Link(entry.path, entry.kind, entry.target))
        self._waiting += reversed(members)

    def _dataset(self, path: str, header: ObjectHeader, attributes: dict[str, Value]) -> Dataset:
        shape = read_shape(self.file, header.single[DATASPACE])
        shape = (0,) if shape is None else shape  # a dataset that is declared to hold nothing
        datatype = read_datatype(self.file, header.single[DATATYPE])
        declared = math.prod(shape) * datatype.size
        layout = read_layout(self.file, header, shape, declared)
        if layout is None:
            cursor = self.file.within(f"dataset {path!r}", header.address, b"")
            raise cursor.malformed("a layout of its data", "none")
        said = attributes.get("dtype")
        # Keras stores what NumPy has no name for as bytes, and says in an attribute what they are.
        named = datatype.opaque and isinstance(said, str)
        dtype = str(said) if named else datatype.name
        return Dataset(path, shape, dtype, declared, layout.stored, layout.storage, layout.external)
