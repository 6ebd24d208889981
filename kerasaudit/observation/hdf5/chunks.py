"""How many bytes of a dataset in chunks a file has, by each kind of index of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from kerasaudit.observation.hdf5.b_trees import CHUNK, leaves, records
from kerasaudit.observation.hdf5.file import Cursor, File

__all__ = ["indexed_bytes", "tree_bytes"]

_CHUNKS, _FILTERED_CHUNKS = 10, 11  # the types of B-trees of version 2
_SINGLE_IS_FILTERED = 2

# What an index is asked with: a cursor at its fields, the bytes of a chunk, how many chunks there
# can be, and along how many extents.
_Index = Callable[[File, Cursor, int, int, int], int]


def tree_bytes(file: File, address: int | None, rank: int) -> int:
    """What a B-tree of version 1 has; `rank` counts the element's size as an extent."""
    if address is None:
        return 0
    total = 0
    for key, _ in leaves(file, address, CHUNK, 8 + 8 * rank):
        total += int.from_bytes(key[:4], "little")
    return total


def indexed_bytes(
    file: File, cursor: Cursor, flags: int, shape: tuple[int, ...], chunk: tuple[int, ...]
) -> int:
    """What the index of a layout of version 4 has; the cursor stands at the index's type."""
    kind = cursor.one_of("an index of type", cursor.uint(1), (1, *_INDEXES))
    size = math.prod(chunk)
    if kind == 1:
        filtered = bool(flags & _SINGLE_IS_FILTERED)
        if filtered:
            size = cursor.length()
            cursor.skip(4)
        return size if cursor.optional_address() is not None else 0
    # The last extent of a chunk is its element's size.
    count = math.prod(-(-extent // part) for extent, part in zip(shape, chunk, strict=False))
    return _INDEXES[kind](file, cursor, size, count, len(shape))


def _implicit(file: File, cursor: Cursor, size: int, count: int, rank: int) -> int:
    """All chunks one after another, or none yet."""
    return size * count if cursor.optional_address() is not None else 0


def _fixed_array(file: File, cursor: Cursor, size: int, count: int, rank: int) -> int:
    """An entry for each chunk there can be, allocated or not."""
    cursor.skip(1)  # what the header says too
    address = cursor.optional_address()
    if address is None:
        return 0
    header = file.at("fixed array", address, 12 + file.length_size + file.offset_size)
    header.expect(b"FAHD", (0,))
    filtered = header.one_of("client", header.uint(1), (0, 1))
    entry, page_bits, entries = header.uint(1), header.uint(1), header.length()
    block = header.optional_address()
    if block is None:
        return 0
    if entry < file.offset_size + (5 if filtered else 0) or page_bits > 32:
        raise header.malformed("entries with an address", f"{entry} bytes, {page_bits} page bits")
    body = file.at("fixed array's entries", block, 6 + file.offset_size)
    body.expect(b"FADB", (0,))
    body.skip(1 + file.offset_size)
    entries_left = _allocated_pages(body, entries, 1 << page_bits, entry)
    return sum(
        _entry_bytes(file, body, entry, filtered, size)
        for count in entries_left
        for _ in range(count)
    )


def _allocated_pages(body: Cursor, entries: int, on_page: int, entry: int) -> Iterator[int]:
    """How many entries come next, the cursor at the first of them, page by page."""
    if entries <= on_page:  # so few are not divided into pages
        yield entries
        return
    pages = -(-entries // on_page)
    written = body.take((pages + 7) // 8)
    body.skip(4)
    for page in range(pages):
        count = min(on_page, entries - page * on_page)
        if written[page // 8] & (0x80 >> page % 8):
            yield count
        else:
            body.skip(count * entry)
        body.skip(4)


def _entry_bytes(file: File, body: Cursor, entry: int, filtered: int, size: int) -> int:
    address = body.optional_address()
    if filtered:
        size = body.uint(entry - file.offset_size - 4)
        body.skip(4)
    return size if address is not None else 0


def _extensible_array(file: File, cursor: Cursor, size: int, count: int, rank: int) -> int:
    """Its entries up to the last that was ever set, by its header, as if none were compressed."""
    cursor.skip(5)  # what the header says too
    address = cursor.optional_address()
    if address is None:
        return 0
    header = file.at("extensible array", address, 12 + 6 * file.length_size + file.offset_size)
    header.expect(b"EAHD", (0,))
    header.skip(7 + 4 * file.length_size)
    return header.length() * size


def _tree(file: File, cursor: Cursor, size: int, count: int, rank: int) -> int:
    """A B-tree of version 2, which has a record for each chunk that is there."""
    cursor.skip(6)  # what the header says too
    address = cursor.optional_address()
    if address is None:
        return 0
    # Its address, its place along each extent, and if it is filtered its size and a mask of 4.
    fixed = file.offset_size + 8 * rank
    return sum(
        int.from_bytes(record[file.offset_size : len(record) - 8 * rank - 4], "little")
        if len(record) > fixed + 4
        else size
        for record in records(file, address, (_CHUNKS, _FILTERED_CHUNKS))
    )


_INDEXES: dict[int, _Index] = {
    2: _implicit,
    3: _fixed_array,
    4: _extensible_array,
    5: _tree,
}
