"""The body of an HTTP answer that has several ranges of a file (`multipart/byteranges`)."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["Part", "content_range", "parts"]

Part = tuple[int, bytes]  # where it begins in the file, and its bytes
_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})")
_BOUNDARY = re.compile(r'boundary="?([^";,]+)"?', re.IGNORECASE)
_HEADER = re.compile(rb"content-range:[ \t]*([^\r\n]*)", re.IGNORECASE)


def content_range(header: str) -> tuple[int, int, int]:
    """Where a range begins, where it ends, and the size of the file; zeros if it says no such.

    >>> content_range("bytes 10-19/400")
    (10, 20, 400)
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None:
        return 0, 0, 0
    first, last, size = map(int, found.groups())
    return first, last + 1, size


def parts(body: bytes, content_type: str, size: int) -> Iterator[Part]:
    """The parts of a body; those that are not whole, or not of a file of this size, are left out.

    What stands in a part is taken by its length: a boundary may occur in it.
    """
    named = _BOUNDARY.search(content_type)
    boundary = b"--" + (named[1].strip().encode("utf-8", "replace") if named else b"")
    at = body.find(boundary)
    while at >= 0:
        start = body.find(b"\r\n\r\n", at) + 4
        header = _HEADER.search(body, at, start)
        if start < 4 or header is None:
            return
        first, end, of = content_range(header[1].decode("latin-1"))
        data = body[start : start + end - first]
        if first < end and len(data) == end - first and of == size:
            yield first, data
        at = body.find(boundary, start + len(data))
