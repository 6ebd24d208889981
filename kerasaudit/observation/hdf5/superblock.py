"""The superblock: where an HDF5 file begins, how wide its fields are, and where its root is."""

from __future__ import annotations

from kerasaudit.errors import MalformedError
from kerasaudit.observation.hdf5.file import File
from kerasaudit.observation.source import Source

__all__ = ["open_file"]

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_WIDTHS = (2, 4, 8)


def open_file(source: Source) -> tuple[File, int]:
    """The file and the address of its root group's object header.

    Raises:
        MalformedError: it is no HDF5 file, or it is cut short.
    """
    base = _find(source)
    # The fields before the widths are as wide in every file, so any widths do to begin with.
    start = File(source, base, 8, 8).at("superblock", 0, 96)
    start.skip(len(_SIGNATURE))
    version = start.one_of("version", start.uint(1), (0, 1, 2, 3))
    if version < 2:
        start.skip(4)  # versions of parts that have none since
    offset_size = start.one_of("an offset size of", start.uint(1), _WIDTHS)
    length_size = start.one_of("a length size of", start.uint(1), _WIDTHS)
    file = File(source, base, offset_size, length_size)
    rest = file.within("superblock", 0, start.take(start.left))
    # Addresses count from the signature, wherever the file says that they do: so HDF5 reads it.
    if version < 2:
        rest.skip(1 + 4 + 4 + (4 if version == 1 else 0) + 2 * offset_size)
        end = rest.offset()
        rest.skip(2 * offset_size)
        root = rest.defined_address("the root group")
    else:
        rest.skip(1 + 2 * offset_size)
        end = rest.offset()
        root = rest.defined_address("the root group")
    if end > source.size:
        raise rest.malformed(f"{end:,} bytes in the file", f"{source.size:,}")
    return file, root


def _find(source: Source) -> int:
    """Where the signature is: at the start, or after a user block of 512 bytes, 1,024 and so on."""
    place = 0
    while place + len(_SIGNATURE) <= source.size:
        if source.read(place, len(_SIGNATURE)) == _SIGNATURE:
            return place
        place = 2 * place or 512
    raise MalformedError(f"{source.budget.name}: expected an HDF5 file, received no HDF5 signature")
