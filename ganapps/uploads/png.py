"""The header of a PNG (W3C PNG, third edition): all but the chunks that its pixels need is left out."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from ganapps.uploads.header import EXTRAS, Header, cut_off, overloaded

CHUNKS = 200_000  # half a gigabyte in the smallest pieces that programs write


def header(data: bytes) -> Header:
    kept, found, several, ended = [data[:8]], {}, False, False
    room = EXTRAS
    for name, start, length in _chunks(data):
        if name in (b"IHDR", b"PLTE", b"tRNS", b"IDAT"):
            kept.append(data[start - 8 : start + length + 4])
        elif name in (b"acTL", b"fcTL", b"fdAT"):
            several = True
        elif (room := room - length) < 0:
            raise overloaded()
        if name in (b"IHDR", b"iCCP", b"eXIf", b"tIME", b"tRNS"):
            found.setdefault(name, data[start : start + length])
        ended = ended or name == b"IEND"
    width, height, depth = struct.unpack_from(">IIB", found.get(b"IHDR", b""))
    if not ended:
        raise cut_off()
    kept.append(b"\0\0\0\0IEND\xaeB`\x82")
    return Header(
        "PNG",
        (width, height),
        b"".join(kept),
        several,
        _iccp(found.get(b"iCCP")),
        found.get(b"eXIf"),
        _time(found.get(b"tIME")),
        found.get(b"tRNS"),
        depth,
    )


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    at, count = 8, 0
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        name, start = data[at + 4 : at + 8], at + 8
        if start + length + 4 > len(data):
            raise cut_off()
        if (count := count + 1) > CHUNKS:
            raise overloaded()
        yield name, start, length
        at = start + length + 4
        if name == b"IEND":
            return


def _iccp(chunk: bytes | None) -> bytes | None:
    """The profile of an iCCP chunk. One that unpacks beyond bounds is a bomb; a damaged one is empty."""
    if chunk is None:
        return None
    unpack = zlib.decompressobj()
    try:
        profile = unpack.decompress(chunk[chunk.index(b"\0", 0, 80) + 2 :], EXTRAS)
    except (zlib.error, ValueError):
        return b""
    if unpack.unconsumed_tail:
        raise overloaded()
    return profile


def _time(chunk: bytes | None) -> str | None:
    return (
        "{:04}:{:02}:{:02} {:02}:{:02}:{:02}".format(*struct.unpack(">H5B", chunk))
        if chunk and len(chunk) == 7
        else None
    )
