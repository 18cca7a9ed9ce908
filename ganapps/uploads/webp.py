"""The header of a WebP (RFC 9649): the chunks of the first frame, put into a file of their own."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from ganapps.uploads.header import EXTRAS, Header, cut_off, damaged, overloaded

PIXELS = (b"VP8X", b"ALPH", b"VP8 ", b"VP8L", b"ANIM", b"ANMF")  # the chunks that make a picture
FLAGS = 0b00010010  # of VP8X, those that stay: alpha, animation (not ICC, EXIF, XMP)


def header(data: bytes) -> Header:
    end = 8 + struct.unpack_from("<I", data, 4)[0]
    if end > len(data):
        raise cut_off()
    kept, found, frames, room = [], {}, 0, EXTRAS
    for name, start, length in _chunks(data, end):
        frames += name == b"ANMF"
        if name in PIXELS and not (name == b"ANMF" and frames > 1):
            kept.append(data[start - 8 : start + length] + b"\0" * (length % 2))
        elif name not in PIXELS and (room := room - length) < 0:
            raise overloaded()
        if name in (b"VP8X", b"ICCP", b"EXIF"):
            found.setdefault(name, data[start : start + length])
    size = _canvas(found.get(b"VP8X"), kept)
    body = b"WEBP" + b"".join(_with_fewer_flags(k) for k in kept)
    return Header(
        "WEBP", size, b"RIFF" + struct.pack("<I", len(body)) + body, frames > 1, found.get(b"ICCP"), found.get(b"EXIF")
    )


def _chunks(data: bytes, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(name, first byte, length) of at most a thousand chunks: EXIF stands behind the frames, and nobody waits for it
    beyond that."""
    at = 12
    for _ in range(1000):
        if at + 8 > end:
            return
        (length,) = struct.unpack_from("<I", data, at + 4)
        if at + 8 + length > end:
            raise cut_off()
        yield data[at : at + 4], at + 8, length
        at += 8 + length + length % 2


def _canvas(extended: bytes | None, kept: list[bytes]) -> tuple[int, int]:
    """The size: of the VP8X chunk, else of the picture's own header."""
    if extended:
        return int.from_bytes(extended[4:7], "little") + 1, int.from_bytes(extended[7:10], "little") + 1
    first = kept[0] if kept else b""
    if first[:4] == b"VP8L":
        (bits,) = struct.unpack_from("<I", first, 9)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if first[:4] == b"VP8 ":
        width, height = struct.unpack_from("<HH", first, 14)
        return width & 0x3FFF, height & 0x3FFF
    raise damaged()


def _with_fewer_flags(chunk: bytes) -> bytes:
    return chunk[:8] + bytes([chunk[8] & FLAGS]) + chunk[9:] if chunk[:4] == b"VP8X" else chunk
