"""B-trees of both versions: the records that they hold, each node visited once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kerasaudit.observation.hdf5.file import Cursor, File

__all__ = ["CHUNK", "GROUP", "leaves", "records"]

GROUP, CHUNK = 0, 1  # the types of version 1
_SMALLEST = 8  # bytes of a record of any type
_PREFIX = 10  # bytes of a node of version 2 that are no records: signature, version, type, checksum


def leaves(file: File, address: int, kind: int, key_size: int) -> Iterator[tuple[bytes, int]]:
    """The keys and children of the last level of a B-tree of version 1, in order."""
    stack: list[tuple[int, int | None]] = [(address, None)]
    seen: set[int] = set()
    while stack:
        address, level = stack.pop()
        cursor = file.at("B-tree node", address, 8 + 2 * file.offset_size + 5 * 8)
        entries, level = _node(cursor, file, kind, key_size, level)
        if address in seen:
            raise cursor.malformed("a node of its own", "one that is there twice")
        seen.add(address)
        if level == 0:
            yield from entries
        else:
            stack += [(child, level - 1) for _, child in reversed(entries)]


def _node(
    cursor: Cursor, file: File, kind: int, key_size: int, expected: int | None
) -> tuple[list[tuple[bytes, int]], int]:
    """The entries of a node, and its level, which is known of all but the root."""
    signature = cursor.take(4)
    if signature != b"TREE":
        raise cursor.malformed("the signature TREE", repr(signature))
    cursor.one_of("type", cursor.uint(1), (kind,))
    level = cursor.uint(1)
    if expected is not None:
        cursor.one_of("level", level, (expected,))
    count = cursor.uint(2)
    cursor.skip(2 * file.offset_size)
    return [(cursor.take(key_size), cursor.defined_address("a child")) for _ in range(count)], level


@dataclass(frozen=True, slots=True)
class _Shape:
    """How a B-tree of version 2 lays out its nodes; `counts` are widths by height above leaves."""

    kind: int
    node_size: int
    record_size: int
    count_size: int
    counts: tuple[int, ...]


def records(file: File, address: int, kinds: tuple[int, ...]) -> Iterator[bytes]:
    """The records of a B-tree of version 2, of one of the given types; not in order."""
    cursor = file.at("B-tree", address, 22 + file.offset_size + file.length_size)
    cursor.expect(b"BTHD", (0,))
    kind = cursor.one_of("type", cursor.uint(1), kinds)
    node_size, record_size, depth = cursor.uint(4), cursor.uint(2), cursor.uint(2)
    cursor.skip(2)
    root, count = cursor.optional_address(), cursor.uint(2)
    if root is None or count == 0:
        return
    shape = _shape(file, cursor, (kind, node_size, record_size), depth)
    stack, seen = [(root, count, depth)], set[int]()
    while stack:
        address, count, height = stack.pop()
        node = file.at("B-tree node", address, 6 + count * record_size)
        if address in seen:
            raise node.malformed("a node of its own", "one that is there twice")
        seen.add(address)
        node.expect(b"BTIN" if height else b"BTLF", (0,))
        node.one_of("type", node.uint(1), (kind,))
        if count > (node_size - _PREFIX) // record_size:
            raise node.malformed(f"records in {node_size:,} bytes", f"{count:,}")
        for _ in range(count):
            yield node.take(record_size)
        if height:
            stack += _children(node, shape, count, height)


def _children(
    node: Cursor, shape: _Shape, count: int, height: int
) -> Iterator[tuple[int, int, int]]:
    for _ in range(count + 1):
        child = node.defined_address("a child")
        held = node.uint(shape.count_size)
        node.skip(shape.counts[height - 1])
        yield child, held, height - 1


def _shape(file: File, cursor: Cursor, sizes: tuple[int, int, int], depth: int) -> _Shape:
    """The widths of the counts in the nodes follow from how many records can be below them."""
    kind, node_size, record_size = sizes
    if record_size < _SMALLEST or node_size < _PREFIX + record_size or depth > 32:
        raise cursor.malformed(
            "nodes that hold records, at most 32 levels deep",
            f"nodes of {node_size:,} bytes, records of {record_size:,}, depth {depth:,}",
        )
    most = (node_size - _PREFIX) // record_size
    count_size = _width(most)
    below, counts = most, [0]
    for _ in range(depth):
        pointer = file.offset_size + count_size + counts[-1]
        most = max(0, node_size - _PREFIX - pointer) // (record_size + pointer)
        below = (most + 1) * below + most
        counts.append(_width(below))
    return _Shape(kind, node_size, record_size, count_size, tuple(counts))


def _width(limit: int) -> int:
    """How many bytes a number up to `limit` is stored in."""
    return max(1, (limit.bit_length() + 7) // 8)
