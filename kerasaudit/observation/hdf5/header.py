"""Object headers: the messages that say what an object of an HDF5 file is, in both versions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from kerasaudit.errors import LimitError
from kerasaudit.observation.hdf5.file import Cursor, File

__all__ = [
    "ATTRIBUTE",
    "ATTRIBUTE_INFO",
    "DATASPACE",
    "DATATYPE",
    "EXTERNAL_FILES",
    "LAYOUT",
    "LINK",
    "LINK_INFO",
    "SYMBOL_TABLE",
    "Message",
    "ObjectHeader",
    "read_header",
    "referred_header",
]

DATASPACE, LINK_INFO, DATATYPE, LINK, EXTERNAL_FILES, LAYOUT = 0x1, 0x2, 0x3, 0x6, 0x7, 0x8
ATTRIBUTE, _CONTINUATION, SYMBOL_TABLE, ATTRIBUTE_INFO = 0xC, 0x10, 0x11, 0x15
_SINGLE = (DATASPACE, LINK_INFO, DATATYPE, EXTERNAL_FILES, LAYOUT, SYMBOL_TABLE, ATTRIBUTE_INFO)
_REPEATED = (LINK, ATTRIBUTE)
_MOST = 65_535  # messages: the first version's count of them has two bytes
# What h5py writes for a dataset of a weight, so that one read is enough for most.
_GUESS = 16 + 256


class Message(NamedTuple):
    """A message's bytes, and whether they only refer to where it is."""

    address: int
    shared: bool
    data: bytes


@dataclass(slots=True)
class ObjectHeader:
    """The messages of an object, by their types: of those that are looked at."""

    address: int
    single: dict[int, Message] = field(default_factory=dict)
    repeated: dict[int, list[Message]] = field(default_factory=dict)


class _Block(NamedTuple):
    """A part of an object header that holds messages: `order` bytes follow each one's flags."""

    version: int
    order: int
    address: int
    data: bytes


def read_header(file: File, address: int) -> ObjectHeader:
    """The object header at an address, with its continuations.

    Raises:
        MalformedError: it is none, or not as the format says.
    """
    found = ObjectHeader(address)
    blocks, seen, kept, size = [_first_block(file, address)], {address}, 0, 0
    while blocks:
        block = blocks.pop(0)
        size += len(block.data)
        if size > file.budget.limits.attribute_bytes:
            raise LimitError(
                f"{file.budget.name}: expected object headers of at most "
                f"{file.budget.limits.attribute_bytes:,} bytes (attribute_bytes), received more at "
                f"{address:,}"
            )
        cursor = file.within("object header", block.address, block.data)
        for kind, message in _messages(cursor, block):
            if kind == _CONTINUATION:
                blocks.append(_continuation(file, block, message, seen))
            kept += _keep(found, kind, message, cursor)
            if kept > _MOST:
                raise cursor.malformed(f"at most {_MOST:,} messages", "more")
    return found


def referred_header(file: File, message: Message) -> ObjectHeader:
    """The object header that a shared message refers to: a committed datatype's."""
    cursor = file.within("shared message", message.address, message.data)
    version = cursor.one_of("version", cursor.uint(1), (1, 2, 3))
    kind = cursor.uint(1)
    if version == 3 and kind != 2:
        raise cursor.malformed("a message in another object", f"one in a shared heap ({kind})")
    if version == 1:
        cursor.skip(6)
    return read_header(file, cursor.defined_address("the message"))


def _first_block(file: File, address: int) -> _Block:
    cursor = file.at("object header", address, _GUESS)
    start = cursor.take(4)
    if start != b"OHDR":
        if start[0] != 1:
            raise cursor.malformed("version 1, or OHDR", repr(start))
        cursor.skip(4)
        size = cursor.uint(4)
        cursor.skip(4)
        return _Block(1, 0, address, cursor.take(size))
    cursor.one_of("version", cursor.uint(1), (2,))
    flags = cursor.uint(1)
    cursor.skip((16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0))
    size = cursor.uint(1 << (flags & 3))
    return _Block(2, 2 if flags & 4 else 0, address, cursor.take(size))


def _continuation(file: File, block: _Block, message: Message, seen: set[int]) -> _Block:
    cursor = file.within("continuation", message.address, message.data)
    address = cursor.defined_address("the next block")
    size = cursor.length()
    if address in seen:
        raise cursor.malformed("a block of its own", f"the one at {address:,} again")
    seen.add(address)
    data = file.read(address, size)
    if block.version == 2:
        if data[:4] != b"OCHK" or size < 8:
            raise cursor.malformed(f"OCHK at {address:,}", repr(data[:4]))
        data = data[4:-4]  # the signature, and the checksum
    return block._replace(address=address, data=data)


def _messages(cursor: Cursor, block: _Block) -> Iterator[tuple[int, Message]]:
    """The messages of a block. Less than a message's prefix may be left over at its end."""
    first = block.version == 1
    prefix = 8 if first else 4 + block.order
    while cursor.left >= prefix:
        kind = cursor.uint(2 if first else 1)
        size = cursor.uint(2)
        flags = cursor.uint(1)
        cursor.skip(3 if first else block.order)
        yield kind, Message(block.address, bool(flags & 2), cursor.take(size))


def _keep(found: ObjectHeader, kind: int, message: Message, cursor: Cursor) -> int:
    """Keep a message if it is of a type that is looked at; how many were kept."""
    if kind in _REPEATED:
        found.repeated.setdefault(kind, []).append(message)
        return 1
    if kind not in _SINGLE:
        return 0
    if kind in found.single:
        raise cursor.malformed(f"one message of type {kind}", "two")
    found.single[kind] = message
    return 1
