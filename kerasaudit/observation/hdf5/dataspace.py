"""The shape of a dataset or an attribute."""

from __future__ import annotations

from kerasaudit.observation.hdf5.file import File
from kerasaudit.observation.hdf5.header import Message

__all__ = ["read_shape"]

_RANK = 32  # what HDF5 has at most
_NULL = 2


def read_shape(file: File, message: Message) -> tuple[int, ...] | None:
    """The extents that a dataspace declares; `None` where it is one that holds nothing."""
    cursor = file.within("dataspace", message.address, message.data)
    if message.shared:
        raise cursor.malformed("a dataspace of its own", "a shared one")
    version = cursor.one_of("version", cursor.uint(1), (1, 2))
    rank, _, kind = cursor.uint(1), cursor.uint(1), cursor.uint(1)
    if version == 1:
        kind = 0
        cursor.skip(4)
    if rank > _RANK:
        raise cursor.malformed(f"a rank of at most {_RANK}", f"{rank:,}")
    shape = tuple(cursor.length() for _ in range(rank))
    if any(extent >= 1 << 63 for extent in shape):
        raise cursor.malformed("extents below 2^63", f"{max(shape):,}")
    return None if kind == _NULL else shape
