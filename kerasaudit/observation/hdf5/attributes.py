"""The texts among an object's attributes; what is no text is passed over."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from kerasaudit.observation.hdf5.b_trees import records
from kerasaudit.observation.hdf5.dataspace import read_shape
from kerasaudit.observation.hdf5.datatype import Datatype, read_datatype
from kerasaudit.observation.hdf5.file import Cursor, File
from kerasaudit.observation.hdf5.fractal_heap import FractalHeap
from kerasaudit.observation.hdf5.header import (
    ATTRIBUTE,
    ATTRIBUTE_INFO,
    Message,
    ObjectHeader,
)
from kerasaudit.observation.hdf5.heaps import GlobalHeaps

__all__ = ["Value", "read_attributes"]

Value = str | tuple[str, ...]
_BY_NAME = 8  # the type of the B-tree of attributes by the hashes of their names
_SHARED = 2


class _Attribute(NamedTuple):
    name: bytes
    datatype: Message
    dataspace: Message
    values: Cursor


def read_attributes(file: File, heaps: GlobalHeaps, header: ObjectHeader) -> dict[str, Value]:
    """The attributes of an object that are texts or lists of texts, by their names."""
    found: dict[str, Value] = {}
    for message in _messages(file, header):
        attribute = _attribute(file, message)
        value = _value(file, heaps, attribute)
        if value is None:
            continue
        name = file.text(attribute.name)
        if name in found:
            raise attribute.values.malformed("one attribute of a name", f"two of {name!r}")
        found[name] = value
    return found


def _messages(file: File, header: ObjectHeader) -> Iterator[Message]:
    """The attributes in the header, and those that are too many or too large for it."""
    yield from header.repeated.get(ATTRIBUTE, ())
    if ATTRIBUTE_INFO not in header.single:
        return
    message = header.single[ATTRIBUTE_INFO]
    cursor = file.within("attribute info", message.address, message.data)
    cursor.one_of("version", cursor.uint(1), (0,))
    if cursor.uint(1) & 1:
        cursor.skip(2)  # the last number in the order of creation
    heap_address, tree = cursor.optional_address(), cursor.optional_address()
    if heap_address is None or tree is None:
        return
    heap = FractalHeap(file, heap_address)
    for record in records(file, tree, (_BY_NAME,)):
        part = file.within("attribute record", tree, record)
        item = part.take(heap.id_size)
        yield Message(heap_address, bool(part.uint(1) & _SHARED), heap.item(item))


def _attribute(file: File, message: Message) -> _Attribute:
    cursor = file.within("attribute", message.address, message.data)
    if message.shared:
        raise cursor.malformed("an attribute of its own", "a shared one")
    version = cursor.one_of("version", cursor.uint(1), (1, 2, 3))
    flags = cursor.uint(1) if version > 1 else cursor.uint(1) & 0
    sizes = cursor.uint(2), cursor.uint(2), cursor.uint(2)
    if version == 3:
        cursor.skip(1)  # the encoding of the name
    parts = []
    for size in sizes:
        parts.append(cursor.take(size))
        cursor.skip(-size % 8 if version == 1 else 0)
    name, datatype, dataspace = parts
    return _Attribute(
        name.partition(b"\0")[0],
        Message(message.address, bool(flags & 1), datatype),
        Message(message.address, bool(flags & 2), dataspace),
        cursor,
    )


def _value(file: File, heaps: GlobalHeaps, attribute: _Attribute) -> Value | None:
    """The texts of an attribute; an empty list is one of texts, of whatever type it is stored."""
    shape = read_shape(file, attribute.dataspace)
    if shape is None:
        return None
    count = math.prod(shape)
    if count == 0:
        return ()
    datatype = read_datatype(file, attribute.datatype)
    if not datatype.text:
        return None
    if count * datatype.size > attribute.values.left:
        raise attribute.values.malformed(
            f"{count * datatype.size:,} bytes of values", f"{attribute.values.left:,}"
        )
    texts = _texts(file, heaps, attribute.values, datatype, count)
    return tuple(texts) if shape else next(texts)


def _texts(
    file: File, heaps: GlobalHeaps, values: Cursor, datatype: Datatype, count: int
) -> Iterator[str]:
    for _ in range(count):
        if datatype.text == "variable":
            yield file.text(_of_any_length(heaps, values, datatype))
        else:
            yield file.text(_of_fixed_length(values.take(datatype.size), datatype.text))


def _of_any_length(heaps: GlobalHeaps, values: Cursor, datatype: Datatype) -> bytes:
    start = values.place
    length, address, index = values.uint(4), values.optional_address(), values.uint(4)
    values.skip(datatype.size - (values.place - start))
    if not length or not address:
        return b""
    data = heaps.item(address, index)
    if len(data) < length:
        raise values.malformed(f"a text of {length:,} bytes", f"{len(data):,}")
    return data[:length].partition(b"\0")[0]


def _of_fixed_length(data: bytes, ending: str) -> bytes:
    if ending == "nul":
        return data.partition(b"\0")[0]
    return data.rstrip(b" " if ending == "spaces" else b"\0")
