"""Local and global heaps: where an HDF5 file has its names and its texts of any length."""

from __future__ import annotations

from kerasaudit.observation.hdf5.file import File

__all__ = ["GlobalHeaps", "LocalHeap"]

_KEPT = 4 * 1024 * 1024  # bytes of global heaps that are kept for the next text


class LocalHeap:
    """The names of a group's members, or of a dataset's external files, by their offsets."""

    def __init__(self, file: File, address: int) -> None:
        cursor = file.at("local heap", address, 8 + 2 * file.length_size + file.offset_size)
        cursor.expect(b"HEAP", (0,))
        cursor.skip(3)
        size = cursor.length()
        cursor.skip(file.length_size)  # the first free place
        self._data = file.read(cursor.defined_address("its data"), size)
        self._cursor = cursor

    def name(self, offset: int) -> bytes:
        """The name at an offset."""
        end = self._data.find(b"\0", offset) if offset < len(self._data) else -1
        if end < 0:
            raise self._cursor.malformed(f"a name that ends, at {offset:,} in it", "none")
        return self._data[offset:end]


class GlobalHeaps:
    """The collections of texts that attributes refer to, read once as long as they are small."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._read: dict[int, dict[int, bytes]] = {}
        self._size = 0

    def item(self, address: int, index: int) -> bytes:
        """An object of the collection at an address."""
        if address not in self._read:
            self._add(address)
        found = self._read[address].get(index)
        if found is None:
            cursor = self._file.within("global heap", address, b"")
            raise cursor.malformed(f"an object of number {index:,}", "none")
        return found

    def _add(self, address: int) -> None:
        cursor = self._file.at("global heap", address, 8 + self._file.length_size)
        cursor.expect(b"GCOL", (1,))
        cursor.skip(3)
        size = cursor.length()
        if self._size + size > _KEPT:
            self._read.clear()
            self._size = 0
        self._size += size
        data = self._file.read(address, size)
        self._read[address] = self._objects(address, data[8 + self._file.length_size :])

    def _objects(self, address: int, data: bytes) -> dict[int, bytes]:
        cursor = self._file.within("global heap", address, data)
        objects: dict[int, bytes] = {}
        while cursor.left >= 8 + self._file.length_size:
            index = cursor.uint(2)
            cursor.skip(6)
            size = cursor.length()
            if index == 0:  # what is left of it is free
                break
            objects[index] = cursor.take(size)
            cursor.skip(min(-size % 8, cursor.left))
        return objects
