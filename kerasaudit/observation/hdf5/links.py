"""The members of a group, in each of the three ways in which HDF5 keeps them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kerasaudit.observation.hdf5.b_trees import GROUP, leaves, records
from kerasaudit.observation.hdf5.file import Cursor, File
from kerasaudit.observation.hdf5.fractal_heap import FractalHeap
from kerasaudit.observation.hdf5.header import (
    LINK,
    LINK_INFO,
    SYMBOL_TABLE,
    Message,
    ObjectHeader,
)
from kerasaudit.observation.hdf5.heaps import LocalHeap

__all__ = ["Entry", "is_group", "read_links"]

_HARD, _SOFT, _EXTERNAL = 0, 1, 64
_CACHED_SOFT = 2  # what a symbol table says of an entry that is a soft link
_LONGEST = 65_535  # bytes of a name
_BY_NAME = 5  # the type of the B-tree of links by the hashes of their names


class Entry(NamedTuple):
    """A member of a group: a hard link to an object, or another `kind` of link and its target."""

    path: str
    address: int
    kind: str = "hard"
    target: str = ""


class _Raw(NamedTuple):
    """An entry as it stands in the file."""

    name: bytes
    address: int
    kind: str = "hard"
    target: bytes = b""


def is_group(header: ObjectHeader) -> bool:
    """Whether an object is a group."""
    return SYMBOL_TABLE in header.single or LINK_INFO in header.single


def read_links(file: File, header: ObjectHeader, group: str) -> list[Entry]:
    """What the group of a path holds, ordered by path. Names may have any characters in them."""
    entries: list[Entry] = []
    for raw in _entries(file, header):
        file.budget.enter()
        if not 0 < len(raw.name) <= _LONGEST:
            cursor = file.within(f"group {group!r}", header.address, b"")
            raise cursor.malformed(f"names of 1 to {_LONGEST:,} bytes", f"one of {len(raw.name):,}")
        name = raw.name.decode("utf-8", "backslashreplace")
        path = f"{group}/{name}" if group else name
        file.keep(path)
        target = file.text(raw.target) if raw.target else ""
        entries.append(Entry(path, raw.address, raw.kind, target))
    return sorted(entries)


def _entries(file: File, header: ObjectHeader) -> Iterator[_Raw]:
    """A group of the newer form may hold no symbol table: HDF5 looks at one only without it."""
    if LINK_INFO not in header.single:
        yield from _symbols(file, header.single[SYMBOL_TABLE])
        return
    for message in header.repeated.get(LINK, ()):
        yield _link(file, file.within("link", message.address, message.data))
    yield from _dense(file, header.single[LINK_INFO])


def _symbols(file: File, message: Message) -> Iterator[_Raw]:
    cursor = file.within("symbol table", message.address, message.data)
    tree = cursor.defined_address("its B-tree")
    heap = LocalHeap(file, cursor.defined_address("its names"))
    for _, address in leaves(file, tree, GROUP, file.length_size):
        node = file.at("symbol table node", address, 8 + 4 * (2 * file.offset_size + 24))
        node.expect(b"SNOD", (1,))
        node.skip(1)
        for _ in range(node.uint(2)):
            yield _symbol(node, heap)


def _symbol(node: Cursor, heap: LocalHeap) -> _Raw:
    name = heap.name(node.offset())
    address = node.optional_address()
    cached = node.uint(4)
    node.skip(4)
    scratch = node.take(16)
    if cached == _CACHED_SOFT:
        return _Raw(name, 0, "soft", heap.name(int.from_bytes(scratch[:4], "little")))
    if address is None:
        raise node.malformed("the address of each member", "none")
    return _Raw(name, address)


def _dense(file: File, message: Message) -> Iterator[_Raw]:
    cursor = file.within("link info", message.address, message.data)
    cursor.one_of("version", cursor.uint(1), (0,))
    if cursor.uint(1) & 1:
        cursor.skip(8)  # the last number in the order of creation
    heap_address, tree = cursor.optional_address(), cursor.optional_address()
    if heap_address is None or tree is None:
        return
    heap = FractalHeap(file, heap_address)
    for record in records(file, tree, (_BY_NAME,)):
        yield _link(file, file.within("link", heap_address, heap.item(record[4:])))


def _link(file: File, cursor: Cursor) -> _Raw:
    cursor.one_of("version", cursor.uint(1), (1,))
    flags = cursor.uint(1)
    kind = cursor.uint(1) if flags & 8 else _HARD
    cursor.skip((8 if flags & 4 else 0) + (1 if flags & 16 else 0))
    name = cursor.take(cursor.uint(1 << (flags & 3)))
    if kind == _HARD:
        return _Raw(name, cursor.defined_address("each member"))
    value = file.within(cursor.what, cursor.address, cursor.take(cursor.uint(2)))
    if kind == _SOFT:
        return _Raw(name, 0, "soft", value.take(value.left))
    if kind == _EXTERNAL:
        value.skip(1)
        return _Raw(name, 0, "external", value.until_nul() + b":" + value.until_nul())
    # A type of the user's own leads wherever a program that has registered it takes it to be.
    return _Raw(name, 0, "external", b"a link of type %d" % kind)
