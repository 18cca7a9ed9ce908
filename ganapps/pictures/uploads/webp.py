"""The header of a WebP (RFC 9649): the chunks of the first frame, put into a file of their own."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from ganapps.pictures.uploads.header import EXTRAS, Header, cut_off, damaged, overloaded
from ganapps.pictures.uploads.stored import Data, Pieces, unpacked

PIXELS = (b"VP8X", b"ALPH", b"VP8 ", b"VP8L", b"ANIM", b"ANMF")  # the chunks that make a picture
FLAGS = 0b00010010  # of VP8X, those that stay: alpha, animation (not ICC, EXIF, XMP)
# bytes a pixel while it is decoded, measured: its library keeps several pictures of four bytes each
MEMORY = 17


def header(data: Data) -> Header:
    end = 8 + unpacked("<I", data, 4)[0]
    if end > len(data):
        raise cut_off()
    kept: list[bytes | range] = []
    found: dict[bytes, bytes] = {}
    first, frames, room = None, 0, EXTRAS
    for name, start, length in _chunks(data, end):
        frames += name == b"ANMF"
        if name in PIXELS and not (name == b"ANMF" and frames > 1):
            first = start - 8 if first is None else first
            kept += _chunk(data, name, start, length)
        elif name not in PIXELS and (room := room - length) < 0:
            raise overloaded()
        if name in (b"VP8X", b"ICCP", b"EXIF"):
            found.setdefault(name, data[start : start + min(length, EXTRAS)])
    if first is None:
        raise damaged()
    width, height = _canvas(found.get(b"VP8X"), data, first)
    body = Pieces(data, (b"WEBP", *kept))
    file = Pieces(data, (b"RIFF" + struct.pack("<I", body.size), *body.parts))
    memory = width * height * MEMORY + file.size
    return Header(
        "WEBP", (width, height), file, memory, frames > 1, found.get(b"ICCP"), found.get(b"EXIF")
    )


def _chunks(data: Data, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(name, first byte, length) of at most a thousand chunks: EXIF stands behind the frames, and
    nobody waits for it beyond that.
    """
    at = 12
    for _ in range(1000):
        if at + 8 > end:
            return
        (length,) = unpacked("<I", data, at + 4)
        if at + 8 + length > end:
            raise cut_off()
        yield data[at : at + 4], at + 8, length
        at += 8 + length + length % 2


def _chunk(data: Data, name: bytes, start: int, length: int) -> tuple[bytes | range, ...]:
    """The pieces of a chunk; a VP8X has fewer flags."""
    if name == b"VP8X":
        return (
            data[start - 8 : start],
            bytes([data[start] & FLAGS]),
            range(start + 1, start + length),
            b"\0" * (length % 2),
        )
    return (range(start - 8, start + length), b"\0" * (length % 2))


def _canvas(extended: bytes | None, data: Data, first: int) -> tuple[int, int]:
    """The size: of the VP8X chunk, else of the picture's own header, whose chunk begins at
    `first`.
    """
    if extended:
        return int.from_bytes(extended[4:7], "little") + 1, int.from_bytes(
            extended[7:10], "little"
        ) + 1
    name = data[first : first + 4]
    if name == b"VP8L":
        (bits,) = unpacked("<I", data, first + 9)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if name == b"VP8 ":
        width, height = unpacked("<HH", data, first + 14)
        return width & 0x3FFF, height & 0x3FFF
    raise damaged()
