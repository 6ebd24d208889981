"""Where the data of a dataset is said to be, and how much of it is in the file."""

from __future__ import annotations

import math
from typing import NamedTuple

from kerasaudit.observation.hdf5.chunks import indexed_bytes, tree_bytes
from kerasaudit.observation.hdf5.file import Cursor, File
from kerasaudit.observation.hdf5.header import EXTERNAL_FILES, LAYOUT, Message, ObjectHeader
from kerasaudit.observation.hdf5.heaps import LocalHeap

__all__ = ["Layout", "read_layout"]

_COMPACT, _CONTIGUOUS, _CHUNKED, _VIRTUAL = 0, 1, 2, 3
_STORAGE = ("compact", "contiguous", "chunked", "virtual")


class Layout(NamedTuple):
    """The `storage`, `stored` and `external` of a `Dataset`."""

    storage: str
    stored: int | None
    external: tuple[str, ...] = ()


def read_layout(
    file: File, header: ObjectHeader, shape: tuple[int, ...], declared: int
) -> Layout | None:
    """The layout of a dataset; `None` if its header has none."""
    if LAYOUT not in header.single:
        return None
    if EXTERNAL_FILES in header.single:
        return Layout("external", None, _external(file, header.single[EXTERNAL_FILES]))
    message = header.single[LAYOUT]
    cursor = file.within("layout", message.address, message.data)
    version = cursor.one_of("version", cursor.uint(1), (1, 2, 3, 4, 5))
    stored: int | None
    if version < 3:
        kind, stored = _first_versions(file, cursor, declared)
    else:
        kind = cursor.one_of("class", cursor.uint(1), (_COMPACT, _CONTIGUOUS, _CHUNKED, _VIRTUAL))
        stored = _later_versions(file, cursor, version, kind, shape)
    # What is stored in a file is no more than the file, whatever its indexes add up to.
    return Layout(_STORAGE[kind], None if stored is None else min(stored, file.source.size))


def _first_versions(file: File, cursor: Cursor, declared: int) -> tuple[int, int]:
    rank = cursor.uint(1)
    kind = cursor.one_of("class", cursor.uint(1), (_COMPACT, _CONTIGUOUS, _CHUNKED))
    cursor.skip(5)
    address = cursor.optional_address() if kind != _COMPACT else None
    cursor.skip(4 * rank)
    if kind == _COMPACT:
        return kind, cursor.uint(4)
    if kind == _CHUNKED:
        return kind, tree_bytes(file, address, rank)
    return kind, _contiguous(file, cursor, address, declared)


def _later_versions(
    file: File, cursor: Cursor, version: int, kind: int, shape: tuple[int, ...]
) -> int | None:
    if kind == _COMPACT:
        return cursor.uint(2)
    if kind == _CONTIGUOUS:
        address = cursor.optional_address()
        return _contiguous(file, cursor, address, cursor.length())
    if kind == _VIRTUAL:
        return None
    if version == 3:
        rank = cursor.uint(1)
        return tree_bytes(file, cursor.optional_address(), rank)
    flags, rank, width = cursor.uint(1), cursor.uint(1), cursor.uint(1)
    chunk = tuple(cursor.uint(width) for _ in range(rank))
    if rank != len(shape) + 1 or not math.prod(chunk):
        raise cursor.malformed(f"chunks of {len(shape) + 1} extents above 0", f"{chunk[:33]}")
    return indexed_bytes(file, cursor, flags, shape, chunk)


def _contiguous(file: File, cursor: Cursor, address: int | None, size: int) -> int:
    """A dataset that was never written has no address."""
    if address is None:
        return 0
    if file.base + address + size > file.source.size:
        raise cursor.malformed(
            f"{size:,} bytes of data at {address:,}",
            f"the end of the file at {file.source.size - file.base:,}",
        )
    return size


def _external(file: File, message: Message) -> tuple[str, ...]:
    """The names of the files that hold the data; none of them is opened."""
    cursor = file.within("external files", message.address, message.data)
    cursor.one_of("version", cursor.uint(1), (1,))
    cursor.skip(5)
    count = cursor.uint(2)
    heap = LocalHeap(file, cursor.defined_address("their names"))
    names = []
    for _ in range(count):
        names.append(file.text(heap.name(cursor.length())))
        cursor.skip(2 * file.length_size)
    return tuple(names)
