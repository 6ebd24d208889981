"""The PNG encoder, read back by the standard library."""

from __future__ import annotations

import struct
import zlib

from hypothesis import given, settings
from hypothesis import strategies as st

from kerasaudit.report import png


def decoded(data: bytes) -> tuple[list[tuple[int, int, int]], list[list[int]]]:
    """The palette and the pixels; every checksum is held to."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        (crc,) = struct.unpack(">I", data[at + 8 + size : at + 12 + size])
        assert crc == zlib.crc32(kind + body)
        chunks[kind] = body
        at += 12 + size
    assert list(chunks) == [b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"]
    width, height, bits, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert rest == [3, 0, 0, 0]
    colors = chunks[b"PLTE"]
    palette = [(colors[i], colors[i + 1], colors[i + 2]) for i in range(0, len(colors), 3)]
    pixels, stride = zlib.decompress(chunks[b"IDAT"]), 1 + (width * bits + 7) // 8
    assert len(pixels) == stride * height
    rows = []
    for row in range(height):
        line = pixels[row * stride : (row + 1) * stride]
        assert line[0] == 0
        flat = line[1:] if bits == 8 else [half for b in line[1:] for half in (b >> 4, b & 15)]
        rows.append(list(flat)[:width])
    return palette, rows


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.sampled_from([2, 16, 17, 64, 256]), st.data())
def test_it_reads_back(width, height, colors, data) -> None:
    palette = [(i, 255 - i, i // 2) for i in range(colors)]
    row = data.draw(st.lists(st.integers(0, colors - 1), min_size=width, max_size=width))
    rows = [row[i % width :] + row[: i % width] for i in range(height)]
    assert decoded(png.encode(rows, palette)) == (palette, rows)


def test_an_image_of_several_blocks() -> None:
    rows = [[i % 251 for i in range(400)] for _ in range(400)]  # 160,000 bytes
    palette = [(i, i, i) for i in range(251)]
    assert decoded(png.encode(rows, palette))[1] == rows
