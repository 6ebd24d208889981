"""An HDF5 file as its structures need it: the sizes of its fields, and cursors that read them."""

from __future__ import annotations

import sys

from kerasaudit.errors import LimitError, MalformedError
from kerasaudit.observation.source import Source

__all__ = ["Cursor", "File"]


class File:
    """A source with what its superblock says: where addresses count from, how wide they are.

    `keep` counts what the texts take in memory that are kept of the file.
    """

    def __init__(self, source: Source, base: int, offset_size: int, length_size: int) -> None:
        self.source = source
        self.budget = source.budget
        self.base = base
        self.offset_size = offset_size
        self.length_size = length_size
        self.undefined = (1 << 8 * offset_size) - 1
        self._kept = 0

    def at(self, what: str, address: int, guess: int) -> Cursor:
        """A cursor at an address that reads on as it needs to, `guess` bytes to begin with."""
        return Cursor(self, what, address, self.peek(address, guess), reads_on=True)

    def within(self, what: str, address: int, data: bytes) -> Cursor:
        """A cursor over bytes that have been read, and ends with them."""
        return Cursor(self, what, address, data)

    def read(self, address: int, size: int) -> bytes:
        """The bytes at an address; no structure of the file is as large as all its texts may be."""
        most = self.budget.limits.attribute_bytes
        if size > most and self.base + address + size <= self.source.size:
            raise LimitError(
                f"{self.budget.name}: expected structures of at most {most:,} bytes "
                f"(attribute_bytes), received one of {size:,} at {address:,}"
            )
        return self.source.read(self.base + address, size)

    def peek(self, address: int, size: int) -> bytes:
        """As many of `size` bytes at an address as the file has, at least one."""
        left = self.source.size - self.base - address
        most = self.budget.limits.attribute_bytes
        return self.read(address, max(1, min(size, left, most)))

    def text(self, data: bytes) -> str:
        """A text to keep. What is no UTF-8 in it is spelled out."""
        found = data.decode("utf-8", "backslashreplace")
        self.keep(found)
        return found

    def keep(self, text: str) -> None:
        """Note that a text is kept."""
        most = self.budget.limits.attribute_bytes
        self._kept += sys.getsizeof(text)
        if self._kept > most:
            raise LimitError(
                f"{self.budget.name}: expected names, paths and attributes of at most {most:,} "
                "bytes (attribute_bytes), received more"
            )


class Cursor:
    """Fields one after another. `what` and `address` name the structure that they are in."""

    __slots__ = ("_data", "_file", "_place", "_reads_on", "address", "what")

    def __init__(
        self, file: File, what: str, address: int, data: bytes, *, reads_on: bool = False
    ) -> None:
        self.what = what
        self.address = address
        self._file = file
        self._data = data
        self._place = 0
        self._reads_on = reads_on

    @property
    def left(self) -> int:
        """How many bytes there are still, of those that have been read."""
        return len(self._data) - self._place

    @property
    def place(self) -> int:
        """How many bytes have been taken."""
        return self._place

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        end = self._place + size
        if end > len(self._data):
            self._read_on(end)
        part = self._data[self._place : end]
        self._place = end
        return part

    def skip(self, size: int) -> None:
        """Pass over `size` bytes, which are not read unless something after them is."""
        self._place += size
        if not self._reads_on and self._place > len(self._data):
            self._read_on(self._place)

    def uint(self, size: int) -> int:
        """An unsigned integer of `size` bytes."""
        return int.from_bytes(self.take(size), "little")

    def length(self) -> int:
        """A length, in as many bytes as the file has for one."""
        return int.from_bytes(self.take(self._file.length_size), "little")

    def offset(self) -> int:
        """An offset, in as many bytes as the file has for one."""
        return int.from_bytes(self.take(self._file.offset_size), "little")

    def optional_address(self) -> int | None:
        """An address; `None` where it is marked as undefined."""
        found = self.offset()
        return None if found == self._file.undefined else found

    def defined_address(self, of: str) -> int:
        """An address that must be there."""
        found = self.optional_address()
        if found is None:
            raise self.malformed(f"the address of {of}", "none")
        return found

    def until_nul(self) -> bytes:
        """The bytes up to the next NUL, which is passed over."""
        end = self._data.find(b"\0", self._place)
        if end < 0:
            raise self.malformed("a text that ends with NUL", "no NUL")
        part = self._data[self._place : end]
        self._place = end + 1
        return part

    def expect(self, signature: bytes, versions: tuple[int, ...]) -> int:
        """Pass over a signature and give the version after it, which must be one of these."""
        found = self.take(len(signature))
        if found != signature:
            raise self.malformed(f"the signature {signature.decode()}", repr(found))
        return self.one_of("version", self.uint(1), versions)

    def one_of(self, field: str, found: int, known: tuple[int, ...]) -> int:
        """Give the value found if it is a known one."""
        if found not in known:
            raise self.malformed(f"{field} {' or '.join(map(str, known))}", str(found))
        return found

    def malformed(self, expected: str, received: str) -> MalformedError:
        """The error that says what this structure should have."""
        return MalformedError(
            f"{self._file.budget.name}: {self.what} at {self.address:,}: expected {expected}, "
            f"received {received}"
        )

    def _read_on(self, end: int) -> None:
        if not self._reads_on:
            raise self.malformed(f"{end:,} bytes or more", f"{len(self._data):,}")
        have = len(self._data)
        if end > self._file.budget.limits.attribute_bytes:
            self._file.read(self.address, end)  # says why not
        # As much again as there was, for what comes next; but only what the file still has.
        more = self._file.peek(self.address + have, max(end - have, min(have, 1 << 20)))
        if have + len(more) < end:
            more = self._file.read(self.address + have, end - have)
        self._data += more
