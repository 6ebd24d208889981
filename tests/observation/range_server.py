"""A local HTTP server that gives ranges of one file, as its mode says, and logs what it sent."""

from __future__ import annotations

import contextlib
import re
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO

from kerasaudit.observation import archive
from kerasaudit.observation.contents import Contents
from kerasaudit.observation.remote.source import RemoteSource
from kerasaudit.observation.source import Budget

__all__ = ["Server", "over_http", "read_over_http", "serving"]

_BOUNDARY = "3d6b6a416f9b5"


@dataclass
class Server:
    """What is served, how, and what was asked for: a Range header and the bytes sent for each.

    `mode`: "ranges" (RFC 9110, several in one answer), "single" (the first of several), "whole"
    (Range is ignored), "whole of many" (if there are several), "lies" (other bytes than asked for),
    "drops" (the connection, after the first answer), "late" (no answer after the first one),
    "grows" (another size in each answer), a URL to redirect to, or a status to answer with.
    """

    url: str
    mode: str | int
    log: list[tuple[str, int]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def sent(self) -> int:
        """Bytes of all bodies that were sent."""
        return sum(size for _, size in self.log)


@contextlib.contextmanager
def serving(path: Path, mode: str | int = "ranges"):
    """Serve a file for as long as the `with` lasts."""

    class Handler(_Handler):
        file = path
        size = path.stat().st_size

    with _Quiet(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        state = Server(f"http://127.0.0.1:{server.server_port}/{path.name}", mode)
        Handler.state = state
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield state
        finally:
            state.ended.set()
            server.shutdown()
            thread.join()


def over_http(path: Path, mode: str = "ranges") -> tuple[int, int]:
    """The bytes that a local server sends until it is known what a file holds, and the requests."""
    _, server = read_over_http(path, mode)
    return server.sent, len(server.log)


def read_over_http(path: Path, mode: str = "ranges") -> tuple[Contents, Server]:
    """What a file holds, read from a local server, and the server with its log."""
    with serving(path, mode) as server, RemoteSource(server.url, Budget(server.url)) as source:
        return archive.read_source(source), server


class _Quiet(ThreadingHTTPServer):
    """A server for which it is no error that a client has had enough of an answer."""

    def handle_error(self, *arguments: object) -> None:
        """Tell of all others."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(*arguments)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # headers and body in one packet
    file: Path
    size: int
    state: Server

    def log_message(self, *_: object) -> None:
        """Nothing on stderr: the log is kept."""

    def do_GET(self) -> None:
        """Answer with the ranges that are asked for."""
        asked, mode = self.headers.get("Range", ""), self.state.mode
        self.state.headers.append(dict(self.headers))
        later = len(self.state.headers) > 1  # the log may still lack an answer that is under way
        if isinstance(mode, int):
            self._answer(asked, mode, {}, b"what the server says\x1b[31m")
        elif mode.startswith("http"):
            self._answer(asked, 302, {"Location": mode}, b"")
        elif mode == "drops" and later:
            self.close_connection = True
        elif mode == "late" and later:
            self.state.ended.wait()
            self.close_connection = True
        else:
            self._ranges(asked, mode)

    def _ranges(self, asked: str, mode: str) -> None:
        ranges = [
            (int(first), min(int(last) + 1, self.size))
            for first, last in re.findall(r"(\d+)-(\d+)", asked)
        ]
        if not ranges or mode == "whole" or (mode == "whole of many" and len(ranges) > 1):
            self._whole(asked)
        elif ranges[0][0] >= self.size:
            self._answer(asked, 416, {"Content-Range": f"bytes */{self.size}"}, b"")
        elif len(ranges) == 1 or mode == "single":
            self._one(asked, *ranges[0], mode)
        else:
            kind = f"multipart/byteranges; boundary={_BOUNDARY}"
            self._answer(asked, 206, {"Content-Type": kind}, self._many(ranges))

    def _one(self, asked: str, start: int, end: int, mode: str) -> None:
        size = self.size + (len(self.state.log) if mode == "grows" else 0)
        moved = 1 if mode == "lies" else 0
        said = f"bytes {start + moved}-{end - 1 + moved}/{size}"
        with self.file.open("rb") as file:
            self._answer(asked, 206, {"Content-Range": said}, _read(file, start, end))

    def _many(self, ranges: list[tuple[int, int]]) -> bytes:
        body = b""
        with self.file.open("rb") as file:
            for start, end in ranges:
                head = (
                    f"\r\n--{_BOUNDARY}\r\nContent-Type: application/octet-stream\r\n"
                    f"Content-Range: bytes {start}-{end - 1}/{self.size}\r\n\r\n"
                )
                body += head.encode() + _read(file, start, end)
        return body + f"\r\n--{_BOUNDARY}--\r\n".encode()

    def _whole(self, asked: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(self.size))
        self.end_headers()
        sent = 0
        with self.file.open("rb") as file, contextlib.suppress(ConnectionError):
            while piece := file.read(1 << 16):
                self.wfile.write(piece)
                sent += len(piece)
        self.state.log.append((asked, sent))

    def _answer(self, asked: str, status: int, headers: dict[str, str], body: bytes) -> None:
        self.state.log.append((asked, len(body)))
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _read(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(end - start)
