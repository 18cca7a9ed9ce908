"""The header of a PNG (W3C PNG, third edition): all but the chunks that its pixels need is left
out.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping

from ganapps.errors import Message
from ganapps.pictures.uploads import light
from ganapps.pictures.uploads.header import (
    EXTRAS,
    Header,
    cut_off,
    overloaded,
    too_bright,
    unknown_pixels,
)
from ganapps.pictures.uploads.stored import Data, Pieces, unpacked

CHUNKS = 200_000  # half a gigabyte in the smallest pieces that programs write
KINDS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # colour type -> samples a pixel
DEPTHS = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
KEPT = {b"IHDR", b"PLTE", b"iCCP", b"eXIf", b"tIME", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"cICP"}
SPARE = 60_000_000  # bytes: some rows at a time, packed and unpacked


def header(data: Data) -> Header:
    rows: list[range] = []
    found: dict[bytes, bytes] = {}
    several, ended, room = False, False, EXTRAS
    for name, start, length in _chunks(data):
        if name == b"IDAT":
            rows.append(range(start, start + length))
        elif name in (b"acTL", b"fcTL", b"fdAT"):
            several = True
        elif name not in (b"IHDR", b"PLTE", b"tRNS") and (room := room - length) < 0:
            raise overloaded()
        elif name in KEPT:
            found.setdefault(name, data[start : start + min(length, EXTRAS)])
        ended = ended or name == b"IEND"
    width, height, depth, colours, *ways = struct.unpack(">IIBBBBB", found.get(b"IHDR", b"")[:13])
    if not rows:
        raise cut_off()
    if (
        depth not in DEPTHS.get(colours, ())
        or ways[:2] != [0, 0]
        or ways[2] > 1
        or (colours == 3 and b"PLTE" not in found)
    ):
        raise unknown_pixels()
    overlooked: tuple[Message, ...] = ()
    if not ended:
        overlooked = (Message("This PNG has no end mark, but its picture is whole."),)
    meant, said = _light(found)
    key = found.get(b"tRNS") if colours in (0, 2, 3) else None
    samples = (3 if colours == 3 else KINDS[colours]) + (key is not None)
    return Header(
        "PNG",
        (width, height),
        Pieces(data, tuple(rows)),
        width * height * samples * (2 if depth == 16 else 1) + SPARE,
        several,
        _iccp(found.get(b"iCCP")),
        found.get(b"eXIf"),
        _time(found.get(b"tIME")),
        key=key,
        depth=depth,
        colours=colours,
        interlaced=ways[2] == 1,
        palette=found.get(b"PLTE"),
        light=meant,
        overlooked=overlooked + said,
    )


def _chunks(data: Data) -> Iterator[tuple[bytes, int, int]]:
    at, count = 8, 0
    while at + 12 <= len(data):
        (length,) = unpacked(">I", data, at)
        name, start = data[at + 4 : at + 8], at + 8
        if start + length + 4 > len(data):
            raise cut_off()
        if (count := count + 1) > CHUNKS:
            raise overloaded()
        yield name, start, length
        at = start + length + 4
        if name == b"IEND":
            return


def _light(found: Mapping[bytes, bytes]) -> tuple[light.Light | None, tuple[Message, ...]]:
    """What the numbers mean, by the chunk that counts most; and what to say of one that means
    nothing. Raises UserError for HDR.
    """
    try:
        if b"cICP" in found:
            primaries, transfer, matrix, whole = found[b"cICP"]
            if transfer in light.HDR:
                raise too_bright(light.HDR[transfer])
            if matrix != 0 or whole != 1:
                raise ValueError("not RGB of the whole range")
            return light.of_codes(primaries, transfer), ()
        if b"iCCP" in found or b"sRGB" in found:
            return None, ()
        return light.of_png(found.get(b"gAMA"), found.get(b"cHRM")), ()
    except (ValueError, KeyError, struct.error):
        return None, (
            Message(
                "What this {kind} says of its brightness makes no sense and was ignored.",
                kind="PNG",
            ),
        )


def _iccp(chunk: bytes | None) -> bytes | None:
    """The profile of an iCCP chunk. One that unpacks beyond bounds is a bomb; a damaged one is
    empty.
    """
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
