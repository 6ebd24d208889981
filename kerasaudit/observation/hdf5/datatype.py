"""The datatypes of HDF5, spelled as Keras spells its own."""

from __future__ import annotations

from dataclasses import dataclass

from kerasaudit.observation.hdf5.file import Cursor, File
from kerasaudit.observation.hdf5.header import DATATYPE, Message, referred_header

__all__ = ["Datatype", "read_datatype"]

_INTEGER, _FLOAT, _STRING, _BITS, _OPAQUE, _ENUM, _VARIABLE = 0, 1, 3, 4, 5, 8, 9
_OTHER = {2: "time", 6: "compound", 7: "reference", 10: "array", 11: "complex"}
# Bits, bits of the exponent and of the mantissa.
_FLOATS = {
    (8, 4, 3): "float8_e4m3fn",
    (8, 5, 2): "float8_e5m2",
    (16, 5, 10): "float16",
    (16, 8, 7): "bfloat16",
    (32, 8, 23): "float32",
    (64, 11, 52): "float64",
}


@dataclass(frozen=True, slots=True)
class Datatype:
    """What an element is: its name, its size in the file, and whether and how it is a text.

    `text` is "" for what is none, "variable", or how texts of a fixed size end: "nul" (at the
    first), "nuls" (filled up with them), "spaces" (filled up with these).
    """

    name: str
    size: int
    text: str = ""
    opaque: bool = False


def read_datatype(file: File, message: Message) -> Datatype:
    """The datatype of a message, or of the committed datatype that it refers to."""
    if message.shared:
        header = referred_header(file, message)
        cursor = file.within("committed datatype", header.address, b"")
        if DATATYPE not in header.single or header.single[DATATYPE].shared:
            raise cursor.malformed("a datatype", "none")
        message = header.single[DATATYPE]
    return _datatype(file.within("datatype", message.address, message.data))


def _datatype(cursor: Cursor) -> Datatype:
    start = cursor.uint(1)
    version, kind = start >> 4, start & 0xF
    cursor.one_of("version", version, (1, 2, 3, 4, 5))
    bits, size = cursor.uint(3), cursor.uint(4)
    if size == 0:
        raise cursor.malformed("elements of at least one byte", "0")
    if kind == _STRING:
        endings = ("nul", "nuls", "spaces")
        ending = cursor.one_of("padding", bits & 0xF, (0, 1, 2))
        return Datatype("string", size, endings[ending])
    if kind == _VARIABLE:
        text = bits & 0xF == 1
        return Datatype("string" if text else "vlen", size, "variable" if text else "")
    if kind == _OPAQUE:
        return Datatype(f"opaque{8 * size}", size, opaque=True)
    if kind == _ENUM:
        return Datatype(_enum(cursor, version, bits & 0xFFFF), size)
    name = _number(cursor, kind, bits, size)
    if name is None:
        cursor.one_of("class", kind, tuple(_OTHER))
        name = _OTHER[kind]
    return Datatype(name, size)


def _number(cursor: Cursor, kind: int, bits: int, size: int) -> str | None:
    """The name of an integer, a float or bits; `None` for what is none of them."""
    if kind not in (_INTEGER, _FLOAT, _BITS):
        return None
    cursor.skip(2)  # where in the element it begins
    precision = cursor.uint(2)
    if kind == _FLOAT:
        cursor.skip(1)
        exponent = cursor.uint(1)
        cursor.skip(1)
        return _FLOATS.get((precision, exponent, cursor.uint(1)), f"float{8 * size}")
    signed = kind == _INTEGER and bits & 8
    return f"{'int' if signed else 'uint'}{precision}"


def _enum(cursor: Cursor, version: int, count: int) -> str:
    """A boolean, as NumPy's are stored, or the integer that stands for the names."""
    start, bits, size = cursor.uint(1), cursor.uint(3), cursor.uint(4)
    base = _number(cursor, start & 0xF, bits, size) if start & 0xF == _INTEGER else None
    if base is None:
        raise cursor.malformed("an enumeration of integers", f"class {start & 0xF}")
    if count != 2 or size != 1:
        return base
    names = []
    for _ in range(count):
        name = cursor.until_nul()
        if version < 3:
            cursor.skip(-(len(name) + 1) % 8)
        names.append(name)
    return "bool" if names == [b"FALSE", b"TRUE"] else base
