"""A file in a store that fsspec knows, such as S3, Google Cloud Storage or the Hugging Face Hub."""

from __future__ import annotations

from typing import Any

from kerasaudit.errors import TargetError
from kerasaudit.observation.remote.address import scheme_of
from kerasaudit.observation.remote.extents import joined
from kerasaudit.observation.remote.failures import one_line_errors, opening_errors
from kerasaudit.observation.source import Budget, Extent

__all__ = ["StoreFile"]

_FAR = 16 * 1024  # between extents that would each be a request


class StoreFile:
    """A file of which fsspec fetches parts: together where the store can, else one by one."""

    start = b""

    def __init__(self, url: str, budget: Budget) -> None:
        self._url, self._budget, name = url, budget, budget.name
        with opening_errors(url, name), one_line_errors(url, name):
            import fsspec

            if scheme_of(url) not in fsspec.available_protocols():
                raise TargetError(f"{name}: expected a protocol that fsspec knows, such as https")
            # The package of the protocol is imported here.
            self._system, self._path = fsspec.core.url_to_fs(url)
        with one_line_errors(url, name):
            found = self._system.info(self._path)
        if found.get("type") == "directory" or not isinstance(found.get("size"), int):
            raise TargetError(f"{name}: expected a file of a known size, received {_what(found)}")
        self.size: int = found["size"]
        self._file: Any = None
        if not self._system.async_impl:
            with one_line_errors(url, name):
                # What is kept is kept here: fsspec's own cache reads megabytes ahead.
                self._file = self._system.open(self._path, "rb", cache_type="none")

    def fetch(self, extents: list[Extent]) -> list[tuple[int, bytes]]:
        """The bytes of each extent and of some gaps between them, with where they begin."""
        extents = list(joined(extents, _FAR))
        with one_line_errors(self._url, self._budget.name):
            if self._file is None:
                starts = [offset for offset, _ in extents]
                ends = [offset + size for offset, size in extents]
                return list(zip(starts, self._parts(starts, ends), strict=True))
            return [(offset, self._part(offset, size)) for offset, size in extents]

    def _parts(self, starts: list[int], ends: list[int]) -> list[bytes]:
        from fsspec.asyn import sync

        work = self._system._cat_ranges  # noqa: SLF001 - the same with no underscore takes no timeout
        paths = [self._path] * len(starts)
        left = self._budget.seconds_left
        found: list[bytes] = sync(
            self._system.loop, work, paths, starts, ends, on_error="raise", timeout=left
        )
        return found

    def _part(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        return bytes(self._file.read(size))

    def close(self) -> None:
        """Close the file. What fsspec keeps of the store it keeps for the next one."""
        if self._file is not None:
            self._file.close()


def _what(found: dict[str, Any]) -> str:
    return "a folder" if found.get("type") == "directory" else "one of an unknown size"
