"""A zip archive that somebody else wrote: listed and read in place, nothing of it extracted."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Iterator

from kerasaudit.errors import KerasAuditError, LimitError, MalformedError
from kerasaudit.observation.contents import Member
from kerasaudit.observation.source import MemorySource, Source, Window

__all__ = ["ZipArchive"]

_LOCAL_HEADER = 30  # bytes, before the name
_END = 22  # bytes of the record that ends an archive, before its comment
_DIRECTORY = 4 * 1024 * 1024  # the most that is read at once: of 10,000 members, 1 MB
_ENCRYPTED = 0x1
_BOMB_FROM = 16 * 1024 * 1024


class _Readable(io.RawIOBase):
    """A source as the file object that `zipfile` asks for."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._source.size}
        position = start[whence] + offset
        if position < 0:
            raise OSError("a position before the file")
        self._position = position
        return position

    def read(self, size: int = -1) -> bytes:
        left = max(self._source.size - self._position, 0)
        size = left if size < 0 else min(size, left)
        if size > _DIRECTORY:
            raise LimitError(
                f"{self._source.budget.name}: expected a directory of members of at most "
                f"{_DIRECTORY:,} bytes, received {size:,}"
            )
        data = self._source.read(self._position, size)
        self._position += size
        return data


class ZipArchive:
    """The members of an archive, by the names that they have in it.

    Raises:
        MalformedError: it is no zip archive, or its directory contradicts itself.
        LimitError: it has too many members.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._name = source.budget.name
        try:
            self._zip = zipfile.ZipFile(_Readable(source))
        except KerasAuditError:
            raise
        except Exception as error:  # zipfile raises much on a made file
            raise MalformedError(f"{self._name}: expected a zip archive, but {error}") from error
        self._entries = self._zip.infolist()
        limit = source.budget.limits.members
        if len(self._entries) > limit:
            raise LimitError(
                f"{self._name}: expected at most {limit:,} members (members), "
                f"received {len(self._entries):,}"
            )
        self._check_end()
        self._check_extents()

    @property
    def members(self) -> tuple[Member, ...]:
        """Every entry of the directory, in its order, duplicates as well."""
        return tuple(
            Member(
                name=entry.orig_filename,
                stored=entry.compress_size,
                size=entry.file_size,
                compressed=entry.compress_type != zipfile.ZIP_STORED,
                link=stat.S_ISLNK(entry.external_attr >> 16),
            )
            for entry in self._entries
        )

    def _check_end(self) -> None:
        """The archive must begin and end with the file, and count its members.

        What stands before, after or between is skipped by one reader and is the archive to another.
        """
        end = self._source.size - _END - len(self._zip.comment)
        record = self._source.read(max(end, 0), _END) if end >= 0 else b""
        count, start = int.from_bytes(record[10:12], "little"), record[16:20]
        if not record.startswith(b"PK\x05\x06"):
            raise MalformedError(f"{self._name}: expected a zip archive to end with the file")
        if count not in {len(self._entries), 0xFFFF}:
            raise MalformedError(
                f"{self._name}: expected {count:,} members, as its directory says, received "
                f"{len(self._entries):,}"
            )
        begin = self._zip.start_dir - int.from_bytes(start, "little")
        if begin and start != b"\xff" * 4:
            raise MalformedError(f"{self._name}: {begin:,} bytes stand before its first member")

    def _check_extents(self) -> None:
        """Members must lie in the file, one after the other."""
        until, before = 0, ""
        for entry in sorted(self._entries, key=lambda one: one.header_offset):
            start, end = entry.header_offset, entry.header_offset + _LOCAL_HEADER
            end += entry.compress_size
            if start < until or end > self._source.size:
                where = f"overlaps {before!r}" if start < until else "ends after the file"
                raise MalformedError(f"{self._name}: member {entry.orig_filename!r} {where}")
            if entry.compress_type == zipfile.ZIP_STORED and entry.file_size != entry.compress_size:
                raise MalformedError(
                    f"{self._name}: member {entry.orig_filename!r} is stored as it is in "
                    f"{entry.compress_size:,} bytes, and claims to have {entry.file_size:,}"
                )
            until, before = end, entry.orig_filename

    def has(self, name: str) -> bool:
        """Whether there is a member of exactly this name."""
        return any(entry.orig_filename == name for entry in self._entries)

    def read(self, name: str, limit: int) -> bytes:
        """A small member: at most `limit` bytes of it and one more, by which to tell."""
        entry = self._entry(name)
        try:
            with self._zip.open(entry) as file:
                return file.read(limit + 1)
        except KerasAuditError:
            raise
        except Exception as error:  # a broken stream, an unknown compression, a wrong checksum
            described = f"{type(error).__name__}: {error}"
            raise MalformedError(
                f"{self._name}: member {name!r} cannot be read: {described}"
            ) from error

    def source(self, name: str) -> Source:
        """A member to be read by position: in place, or unpacked where it is compressed."""
        entry = self._entry(name)
        if entry.compress_type == zipfile.ZIP_STORED:
            return self._window(entry)
        limits = self._source.budget.limits
        if entry.file_size > max(entry.compress_size * limits.ratio, _BOMB_FROM):
            raise LimitError(
                f"{self._name}: expected member {name!r} to unpack to at most {limits.ratio} times "
                f"its size (ratio), received {entry.compress_size:,} bytes that claim to be "
                f"{entry.file_size:,}"
            )
        data = self.read(name, limits.unpacked_bytes)
        if len(data) > limits.unpacked_bytes:
            raise LimitError(
                f"{self._name}: expected member {name!r}, which is compressed, to unpack to at "
                f"most {limits.unpacked_bytes:,} bytes (unpacked_bytes), received more"
            )
        return MemorySource(data, self._source.budget)

    def _window(self, entry: zipfile.ZipInfo) -> Source:
        header = self._source.read(entry.header_offset, _LOCAL_HEADER)
        if header[:4] != b"PK\x03\x04":
            raise MalformedError(
                f"{self._name}: member {entry.orig_filename!r} has no header where the directory "
                "says"
            )
        name, extra = (int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
        written = self._source.read(entry.header_offset + _LOCAL_HEADER, name)
        if written != entry.orig_filename.encode():
            raise MalformedError(
                f"{self._name}: member {entry.orig_filename!r} has the name "
                f"{written.decode('utf-8', 'replace')!r} where it lies"
            )
        offset = entry.header_offset + _LOCAL_HEADER + name + extra
        return Window(self._source, offset, entry.compress_size)

    def _entry(self, name: str) -> zipfile.ZipInfo:
        found = list(self._found(name))
        if len(found) != 1:
            count = f"{len(found)} of them" if found else "none"
            raise MalformedError(f"{self._name}: expected one member {name!r}, received {count}")
        if found[0].flag_bits & _ENCRYPTED:
            raise MalformedError(f"{self._name}: member {name!r} is encrypted")
        return found[0]

    def _found(self, name: str) -> Iterator[zipfile.ZipInfo]:
        return (entry for entry in self._entries if entry.orig_filename == name)
