"""Fractal heaps: where the newer format has the links and attributes of an object with many."""

from __future__ import annotations

from dataclasses import dataclass

from kerasaudit.observation.hdf5.b_trees import records
from kerasaudit.observation.hdf5.file import Cursor, File

__all__ = ["FractalHeap"]

_MANAGED, _HUGE, _TINY = 0, 1, 2  # where an object is: in a block, by itself, in its identifier
_BY_NUMBER = 1  # the type of the B-tree that knows huge objects by number


@dataclass(frozen=True, slots=True)
class _Table:
    """The blocks of a heap: rows of `width`, each row's blocks twice as large from the third on."""

    width: int
    start: int  # the size of a block in the first row
    largest: int  # the size of the largest that holds objects itself
    root: int | None
    rows: int  # of the root; 0 if it holds objects itself

    def place(self, offset: int) -> tuple[int, int, int, int]:
        """The row and column of the block with an offset, its size, and the offset within it."""
        row = (offset // (self.width * self.start)).bit_length()
        size = self.start << max(0, row - 1)
        column, within = divmod(offset - (self.width * size if row else 0), size)
        return row, column, size, within

    def rows_of(self, size: int) -> int:
        """How many rows a block has that holds blocks of `size` in all."""
        return max(0, (size // (self.start * self.width)).bit_length())


class FractalHeap:
    """Objects by the identifiers that B-trees have of them."""

    def __init__(self, file: File, address: int) -> None:
        self._file = file
        self._huge: dict[int, tuple[int, int]] | None = None
        cursor = file.at("fractal heap", address, 22 + 12 * file.length_size + 3 * file.offset_size)
        cursor.expect(b"FRHP", (0,))
        self.id_size = cursor.uint(2)
        if cursor.uint(2):
            raise cursor.malformed("a heap without filters", "one with filters")
        cursor.skip(1)
        largest_object = cursor.uint(4)
        cursor.skip(file.length_size)
        self._huge_tree = cursor.optional_address()
        cursor.skip(file.length_size + file.offset_size + 8 * file.length_size)
        self._read_table(cursor, largest_object)
        self._cursor = cursor

    def _read_table(self, cursor: Cursor, largest_object: int) -> None:
        width, start, largest = cursor.uint(2), cursor.length(), cursor.length()
        bits = cursor.uint(2)
        cursor.skip(2)
        self._table = _Table(width, start, largest, cursor.optional_address(), cursor.uint(2))
        powers = all(number and not number & (number - 1) for number in (width, start, largest))
        if not powers or largest < start or bits > 64:
            raise cursor.malformed(
                "powers of two that fit into 64 bits",
                f"width {width:,}, blocks of {start:,} to {largest:,}, {bits:,} bits",
            )
        self._offset_size = (bits + 7) // 8
        self._length_size = min(
            (largest.bit_length() - 1 + 7) // 8, max(1, (largest_object.bit_length() + 7) // 8)
        )

    def item(self, identifier: bytes) -> bytes:
        """The object that an identifier stands for."""
        cursor = self._file.within(
            "identifier in the fractal heap", self._cursor.address, identifier
        )
        flags = cursor.uint(1)
        kind = cursor.one_of("version and type", flags >> 4, (_MANAGED, _HUGE, _TINY))
        if kind == _MANAGED:
            return self._managed(cursor.uint(self._offset_size), cursor.uint(self._length_size))
        if kind == _HUGE:
            return self._huge_object(cursor)
        size = flags & 0xF
        if self.id_size > 18:  # then a length of 16 is not enough, and has four bits and eight
            size = size << 8 | cursor.uint(1)
        return cursor.take(size + 1)

    def _managed(self, offset: int, size: int) -> bytes:
        table = self._table
        block, rows = table.root, table.rows
        while rows and block is not None:
            row, column, block_size, within = table.place(offset)
            if row >= rows:
                raise self._cursor.malformed(f"a place for offset {offset:,}", f"{rows:,} rows")
            block = self._entry(block, row * table.width + column)
            # A block that is larger than those with objects holds blocks, and they are smaller.
            rows = 0 if block_size <= table.largest else table.rows_of(block_size)
            offset = within
        if block is None:
            raise self._cursor.malformed("a block with the object", "none")
        return self._file.read(block + offset, size)

    def _entry(self, block: int, number: int) -> int | None:
        """An address in a block of blocks."""
        size = self._file.offset_size
        cursor = self._file.at("indirect block", block, 5)
        cursor.expect(b"FHIB", (0,))
        place = block + 5 + size + self._offset_size + number * size
        return self._file.at("indirect block", place, size).optional_address()

    def _huge_object(self, cursor: Cursor) -> bytes:
        file = self._file
        if self.id_size - 1 >= file.offset_size + file.length_size:
            return file.read(cursor.defined_address("the object"), cursor.length())
        number = cursor.uint(min(file.length_size, self.id_size - 1))
        if self._huge is None:
            self._huge = self._numbered()
        if number not in self._huge:
            raise cursor.malformed(f"a huge object of number {number:,}", "none")
        return file.read(*self._huge[number])

    def _numbered(self) -> dict[int, tuple[int, int]]:
        """Where the huge objects are, by their numbers."""
        found: dict[int, tuple[int, int]] = {}
        if self._huge_tree is None:
            return found
        for record in records(self._file, self._huge_tree, (_BY_NUMBER,)):
            self._file.budget.enter()
            cursor = self._file.within("huge object", self._huge_tree, record)
            address, size = cursor.defined_address("the object"), cursor.length()
            found[cursor.length()] = (address, size)
        return found
