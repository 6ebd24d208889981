"""A minimal PNG encoder: small images of few colours, the same bytes everywhere.

What a compressor makes of an image differs between builds of zlib, and reports are to be the same
byte for byte. So nothing is compressed: with 16 colours a pixel takes half a byte as it is.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator, Sequence

__all__ = ["Color", "data_uri", "encode"]

Color = tuple[int, int, int]

_STORED = 0xFFFF  # so many bytes fit into a stored block


def encode(rows: Sequence[Sequence[int]], palette: Sequence[Color]) -> bytes:
    r"""An image of palette colours; the first of them is transparent.

    Args:
        rows: for each pixel the index of its colour; all rows equally long, at least one.
        palette: at most 256 colours; with at most 16, two pixels share a byte.

    >>> encode([[0, 1]], [(0, 0, 0), (255, 0, 0)])[:8]
    b'\x89PNG\r\n\x1a\n'
    """
    half = len(palette) <= 16
    header = (
        len(rows[0]).to_bytes(4, "big")
        + len(rows).to_bytes(4, "big")
        + bytes([4 if half else 8, 3, 0, 0, 0])  # bits, palette, deflate, filters, no interlace
    )
    pixels = b"".join(b"\0" + (_halves(row) if half else bytes(row)) for row in rows)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (
            _chunk(b"IHDR", header),
            _chunk(b"PLTE", b"".join(map(bytes, palette))),
            _chunk(b"tRNS", b"\0"),
            _chunk(b"IDAT", b"\x78\x01" + b"".join(_stored(pixels)) + _adler(pixels)),
            _chunk(b"IEND", b""),
        )
    )


def data_uri(rows: Sequence[Sequence[int]], palette: Sequence[Color]) -> str:
    """The image as a `data:` URI."""
    return f"data:image/png;base64,{base64.b64encode(encode(rows, palette)).decode()}"


def _halves(row: Sequence[int]) -> bytes:
    even = [*row, 0] if len(row) % 2 else row
    return bytes(left << 4 | right for left, right in zip(even[::2], even[1::2], strict=True))


def _stored(data: bytes) -> Iterator[bytes]:
    """The data as stored blocks of a deflate stream."""
    for start in range(0, len(data), _STORED):
        part = data[start : start + _STORED]
        size = len(part).to_bytes(2, "little")
        last = start + _STORED >= len(data)
        yield bytes([last]) + size + bytes(0xFF ^ byte for byte in size) + part


def _adler(data: bytes) -> bytes:
    return zlib.adler32(data).to_bytes(4, "big")


def _chunk(kind: bytes, data: bytes) -> bytes:
    crc = zlib.crc32(kind + data).to_bytes(4, "big")
    return len(data).to_bytes(4, "big") + kind + data + crc
