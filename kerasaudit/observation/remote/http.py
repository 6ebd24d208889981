"""A file behind HTTP, fetched in ranges: many with one request where the server can do that.

Redirects are followed, anew with each request, so that what is sent to the first server (a
password, configured headers) is sent to no other one. Headers, certificates and proxies are
configured as for any HTTP file of fsspec's (`FSSPEC_HTTP_CLIENT_KWARGS`).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine, Iterable, Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from kerasaudit.errors import TargetError
from kerasaudit.observation.remote.extents import joined
from kerasaudit.observation.remote.failures import one_line_errors, opening_errors
from kerasaudit.observation.remote.multipart import Part, content_range, parts
from kerasaudit.observation.source import Budget, Extent

if TYPE_CHECKING:
    from aiohttp import ClientResponse

__all__ = ["HttpFile"]

_START = 16 * 1024  # what is asked for first
_WHOLE = 4 * 1024 * 1024  # the largest file that is taken from a server that gives no parts
_NEAR = 512  # between ranges of one request: about what each adds to the answer
_FAR = 16 * 1024  # between ranges that would each be a request
_RANGES = 100  # in one request: servers allow 200, or a header of 8 KB
_WORTH_TRYING = 8  # requests: a server that ignores many ranges at once begins to send the file
_AT_ONCE = 6  # requests, as browsers do
_PART = 512  # more than what comes with each range in an answer of many


class _Answer(NamedTuple):
    """What a server answers; no body where it would be longer than it may be."""

    status: int
    kind: str
    range: str
    version: str | None
    length: int | None
    body: bytes | None


class HttpFile:
    """A file that is fetched by its ranges.

    Raises:
        TargetError: there is none, or the server does not give parts of it and it is not small.
    """

    def __init__(self, url: str, budget: Budget) -> None:
        self._url, self._budget = url, budget
        with opening_errors(url, budget.name), one_line_errors(url, budget.name):
            import aiohttp  # noqa: F401 - fsspec says in many more words that it is missing
            import fsspec

            # An instance of our own, whose connections are closed with it.
            self._system = fsspec.filesystem("http", skip_instance_cache=True)
        self._tried = self._singly_only = False  # whether the server gives many ranges at once
        self._version: str | None = None
        self.size, self.start = self._begin()

    def close(self) -> None:
        """Close the connections."""
        session = self._system._session  # noqa: SLF001 - there is no other way to it
        if session is not None:
            self._system.close_session(self._system.loop, session)

    def fetch(self, extents: list[Extent]) -> Iterator[Part]:
        """The bytes of each extent and of some gaps between them, with where they begin."""
        few = list(joined(extents, _FAR))
        if self._singly_only or len(few) < (2 if self._tried else _WORTH_TRYING):
            yield from self._singly(few)
            return
        ranges = list(joined(extents, _NEAR))
        for start in range(0, len(ranges), _RANGES):
            left = ranges[start : start + _RANGES]
            if not self._singly_only:
                found = self._together(left)
                yield from found
                left = [one for one in left if not _covered(one, found)]
            yield from self._singly(list(joined(left, _FAR)))

    # -- what is asked for -----------------------------------------------------------------------

    def _begin(self) -> tuple[int, bytes]:
        """The size of the file, and the start of it."""
        answer = self._run(self._get(f"0-{_START - 1}", _WHOLE))
        self._version = answer.version
        if answer.status == HTTPStatus.PARTIAL_CONTENT:
            offset, end, size = content_range(answer.range)
            body = answer.body or b""
            if offset == 0 and len(body) == end == min(_START, size):
                return size, body
        elif answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            if answer.range.endswith("/0"):
                return 0, b""
        elif answer.status == HTTPStatus.OK and answer.body is not None:
            return len(answer.body), answer.body
        raise self._unexpected(answer)

    def _singly(self, extents: list[Extent]) -> list[Part]:
        """A request for each extent, several of them at a time."""
        return self._run(self._gathered(extents)) if extents else []

    async def _gathered(self, extents: list[Extent]) -> list[Part]:
        free = asyncio.Semaphore(_AT_ONCE)

        async def one(offset: int, size: int) -> Part:
            async with free:
                answer = await self._get(f"{offset}-{offset + size - 1}", size)
            found = (offset, offset + size, self.size)
            partial = answer.status == HTTPStatus.PARTIAL_CONTENT
            if not partial or answer.body is None or content_range(answer.range) != found:
                raise self._unexpected(answer)
            self._check_version(answer)
            return offset, answer.body

        return await asyncio.gather(*(one(*extent) for extent in extents))

    def _together(self, extents: list[Extent]) -> list[Part]:
        """What comes of one request for all extents: nothing, from a server that cannot do it."""
        ranges = ",".join(f"{offset}-{offset + size - 1}" for offset, size in extents)
        answer = self._run(self._get(ranges, sum(size + _PART for _, size in extents)))
        partial = answer.status == HTTPStatus.PARTIAL_CONTENT and answer.body is not None
        self._tried = True
        if not partial or not answer.kind.lower().startswith("multipart/byteranges"):
            self._singly_only = True
            return []
        self._check_version(answer)
        return list(parts(answer.body or b"", answer.kind, self.size))

    async def _get(self, ranges: str, most: int) -> _Answer:
        from aiohttp import ClientTimeout

        options = dict(self._system.kwargs)
        wanted = {"Range": f"bytes={ranges}", "Accept-Encoding": "identity"}
        options["headers"] = {**options.get("headers", {}), **wanted}
        options["timeout"] = ClientTimeout(total=self._budget.seconds_left)
        session = await self._system.set_session()
        async with session.get(self._system.encode_url(self._url), **options) as response:
            body = await _body(response, most)
            return _Answer(
                response.status,
                response.headers.get("Content-Type", ""),
                response.headers.get("Content-Range", ""),
                response.headers.get("ETag"),
                response.content_length,
                body,
            )

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        from fsspec.asyn import sync

        with one_line_errors(self._url, self._budget.name):
            return sync(self._system.loop, lambda: work)

    # -- what is wrong with an answer ------------------------------------------------------------

    def _check_version(self, answer: _Answer) -> None:
        if answer.version != self._version:
            raise TargetError(f"{self._budget.name}: it changed while it was read")

    def _unexpected(self, answer: _Answer) -> TargetError:
        name, status = self._budget.name, answer.status
        if status == HTTPStatus.OK:
            size = "" if answer.length is None else f" of {answer.length:,} bytes"
            return TargetError(
                f"{name}: expected a server that gives parts of a file (Range requests), received "
                f"the whole file{size}: download it, and audit it here"
            )
        if status == HTTPStatus.PARTIAL_CONTENT:
            received = re.sub(r"[^\w */-]", "", answer.range)[:60] or "parts that it does not name"
            return TargetError(
                f"{name}: expected the part that was asked for of a file that stays as it is, "
                f"received {received}"
            )
        known = status in {one.value for one in HTTPStatus}
        phrase = f" {HTTPStatus(status).phrase}" if known else ""
        return TargetError(f"{name}: expected a file, the server answers {status}{phrase}")


async def _body(response: ClientResponse, most: int) -> bytes | None:
    """The body if it is at most so long; what is longer is not read on."""
    data = bytearray()
    if (response.content_length or 0) <= most:
        async for piece in response.content.iter_chunked(1 << 16):
            data += piece
            if len(data) > most:
                break
        else:
            return bytes(data)
    response.close()
    return None


def _covered(extent: Extent, found: Iterable[Part]) -> bool:
    offset, size = extent
    return any(start <= offset and offset + size <= start + len(data) for start, data in found)
