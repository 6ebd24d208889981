"""A file in a store that fsspec knows, such as S3, Google Cloud Storage or the Hugging Face Hub."""

from __future__ import annotations

from typing import Any

from kerasaudit.errors import TargetError
from kerasaudit.observation.remote.extents import joined
from kerasaudit.observation.remote.failures import one_line_errors, opening_errors
from kerasaudit.observation.source import Budget, Extent

__all__ = ["StoreFile"]

_FAR = 16 * 1024  # between extents that would each be a request


class StoreFile:
    """A file of which fsspec fetches parts: together where the store can, else one by one."""

    start = b""

    def __init__(self, url: str, budget: Budget) -> None:
        self._url, self._name = url, budget.name
        name = budget.name
        with opening_errors(url, name), one_line_errors(url, name):
            import fsspec

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
        with one_line_errors(self._url, self._name):
            if self._file is None:
                starts = [offset for offset, _ in extents]
                ends = [offset + size for offset, size in extents]
                paths = [self._path] * len(extents)
                parts = self._system.cat_ranges(paths, starts, ends, on_error="raise")
                return list(zip(starts, parts, strict=True))
            return [(offset, self._part(offset, size)) for offset, size in extents]

    def _part(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        return bytes(self._file.read(size))

    def close(self) -> None:
        """Close the file. What fsspec keeps of the store it keeps for the next one."""
        if self._file is not None:
            self._file.close()


def _what(found: dict[str, Any]) -> str:
    return "a folder" if found.get("type") == "directory" else "one of an unknown size"
