"""A `.weights.npz` file: the headers of its arrays, of which nothing is unpickled."""

from __future__ import annotations

import math
import re
import struct

from kerasaudit.errors import MalformedError
from kerasaudit.observation.contents import Dataset, Tree
from kerasaudit.observation.source import Source
from kerasaudit.observation.zip_archive import ZipArchive

__all__ = ["read_arrays"]

_MAGIC = b"\x93NUMPY"
_HEADER = 64 * 1024
_SHAPE = re.compile(r"'shape': ?\(((?:\d{1,20}, ?)*(?:\d{1,20})?)\)")
_DTYPE = re.compile(r"'descr': ?'[<>|=]?([a-zA-Z])(\d{0,4})'")
_KINDS = {"f": "float", "i": "int", "u": "uint", "c": "complex"}


def read_arrays(source: Source) -> Tree:
    """The arrays of an `.npz` archive, by the names of their members without ".npy".

    Keras writes a pickled dictionary for each layer, dtype "object": what is in it is not known,
    for to find out would be to run it.

    Raises:
        MalformedError: it is no archive, or a member of it is no array.
    """
    archive = ZipArchive(source)
    datasets = {}
    for member in archive.members:
        source.budget.enter()
        path = member.name.removesuffix(".npy")
        shape, dtype, size = _parse(member.name, archive.read(member.name, _HEADER))
        datasets[path] = Dataset(
            path, shape, dtype, declared=math.prod(shape) * size, stored=member.stored
        )
    return Tree(groups=(), datasets=datasets)


def _parse(name: str, data: bytes) -> tuple[tuple[int, ...], str, int]:
    r"""Shape, dtype and bytes per element, of what the header of an `.npy` file says.

    The header is a Python literal. It is matched and not evaluated.

    >>> header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"
    >>> _parse("w.npy", b"\x93NUMPY\x01\x00" + bytes([len(header), 0]) + header)
    ((2, 3), 'float32', 4)
    """
    wide = data[6:7] in (b"\x02", b"\x03")
    start = 12 if wide else 10
    if not data.startswith(_MAGIC) or len(data) < start:
        raise MalformedError(f"member {name!r}: expected an array (.npy), received something else")
    (length,) = struct.unpack_from("<I" if wide else "<H", data, 8)
    header = data[start : start + length].decode("latin-1") if length <= _HEADER else ""
    extents, descr = _SHAPE.search(header), _DTYPE.search(header)
    if extents is None:
        raise MalformedError(f"member {name!r}: expected a shape in its header, received none")
    shape = tuple(int(extent) for extent in extents[1].replace(" ", "").split(",") if extent)
    if len(shape) > 32 or any(extent >= 2**63 for extent in shape):
        raise MalformedError(f"member {name!r}: expected a shape, received {extents[1]:.80}")
    if descr is None:
        return shape, "structured", 0
    kind, width = descr[1], int(descr[2] or 0)
    if kind in "Ob":
        return shape, "object" if kind == "O" else "bool", width
    return shape, f"{_KINDS.get(kind, kind)}{8 * width}", width
