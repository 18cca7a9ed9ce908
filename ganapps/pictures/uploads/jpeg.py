"""The header of a JPEG (ITU T.81): segments up to the first scan."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ganapps.errors import Message, UserError
from ganapps.pictures.uploads.header import (
    EXTRAS,
    Header,
    cut_off,
    damaged,
    overloaded,
    unknown_pixels,
)
from ganapps.pictures.uploads.stored import BLOCK, Data, Pieces, unpacked

# pixels times scans of a progressive picture: its decoder walks over all of it once a scan
PASSES = 3_000_000_000
PROGRESSIVE = {0xC2, 0xCA}
FRAME = {
    0xC0,
    0xC1,
    0xC9,
} | PROGRESSIVE  # baseline, extended, progressive, and the last two with arithmetic coding
# lossless and hierarchical: hardly any program reads them
OTHER_FRAME = {*range(0xC0, 0xD0)} - FRAME - {0xC4, 0xC8, 0xCC}
ALONE = {0x01, *range(0xD0, 0xD8)}  # markers that stand without a length
SEGMENTS = 20_000  # before the first scan
MARKER = re.compile(rb"\xff[^\x00\xff]")


def header(data: Data) -> Header:
    kept: list[bytes | range] = [b"\xff\xd8"]
    size, frame, scan, exif, profile, several, room = None, b"", b"", None, {}, False, EXTRAS
    progressive, stray = False, False
    for marker, start, end, odd in _segments(data):
        body = data[start + 2 : min(end, start + 40)]
        stray = stray or odd
        if (room := room - (end - start)) < 0:
            raise overloaded()
        if marker in FRAME and size is None:
            size, frame, progressive = _size(body), body, marker in PROGRESSIVE
        elif marker == 0xE1 and body.startswith(b"Exif\0\0") and exif is None:
            exif = data[start + 8 : end]
        elif marker == 0xE2 and body.startswith(b"ICC_PROFILE\0"):
            profile[body[12]] = data[start + 16 : end]
        several = several or (marker == 0xE2 and body.startswith(b"MPF\0"))
        if _needed(marker, body):
            kept.append(range(start - 2, end))
        if marker == 0xDA:
            scan = body
            break
    else:
        raise cut_off()
    if size is None:
        raise damaged()
    kept.append(range(end, len(data)))
    icc = b"".join(profile[k] for k in sorted(profile)) if profile else None
    memory = size[0] * size[1] * _memory(frame, progressive or scan[0] < frame[5])
    said: tuple[Message, ...] = (
        (
            Message(
                "Bytes that belong to nothing stand between the parts of this JPEG; they were "
                "passed over."
            ),
        )
        if stray
        else ()
    )
    return Header(
        "JPEG", size, Pieces(data, tuple(kept)), int(memory), several, icc, exif, overlooked=said
    )


def check_passes(header: Header) -> None:
    """Refuses a picture whose scans would take too long; reads all of the file, some at a time.
    Raises UserError.
    """
    scans, last = 0, b""
    for block in header.file.blocks():
        scans += (last + block).count(b"\xff\xda")
        last = block[-1:]
    if scans > 16 and scans * header.size[0] * header.size[1] > PASSES:
        raise UserError(
            "This JPEG has {count} scans, so it would take too long to read: save it again with "
            "another program.",
            count=scans,
        )


def _size(frame: bytes) -> tuple[int, int]:
    depth, height, width = unpacked(">BHH", frame, 0)
    if depth != 8:
        raise unknown_pixels()
    return width, height


def _memory(frame: bytes, whole: bool) -> float:
    """Bytes a pixel while it is decoded: Pillow's picture, and then ours beside it, or before it,
    where the picture is in many scans, the `whole` of its coefficients, two bytes each.
    """
    count = frame[5]
    shares = [(frame[7 + 3 * i] >> 4) * (frame[7 + 3 * i] & 15) for i in range(count)]
    stored, made = (1, 1) if count == 1 else (4, 3)
    return stored + max(made, 2 * sum(shares) / max([1, *shares]) if whole else 0)


def _needed(marker: int, body: bytes) -> bool:
    """Does the decoder need this segment? Of comments and application data, only what tells how
    colours are coded.
    """
    if marker == 0xE0:
        return body.startswith(b"JFIF")
    if marker == 0xEE:
        return body.startswith(b"Adobe")
    return marker != 0xFE and not 0xE0 <= marker <= 0xEF


def _segments(data: Data) -> Iterator[tuple[int, int, int, bool]]:
    """(marker, first byte of its length, byte after it, did bytes that belong to nothing stand
    before it) up to the end of the file or of the picture. Such bytes are passed over, as every
    decoder does.
    """
    at = 2
    for _ in range(SEGMENTS):
        at, stray = _marker(data, at)
        if at + 4 > len(data):
            return
        marker = data[at + 1]
        if marker in OTHER_FRAME:
            raise unknown_pixels()
        if marker in ALONE:
            at += 2
            continue
        if marker == 0xD9:
            return
        (length,) = unpacked(">H", data, at + 2)
        if length < 2:
            raise damaged()
        if at + 2 + length > len(data):
            raise cut_off()
        yield marker, at + 2, at + 2 + length, stray
        at += 2 + length
    raise overloaded()


def _marker(data: Data, at: int) -> tuple[int, bool]:
    """Where the next marker stands, the end of the file where none does; and is there anything but
    filling before it?
    """
    first = at
    while at < len(data):
        if at - first > EXTRAS:
            raise overloaded()
        block = data[at : at + BLOCK]
        found = MARKER.search(block)
        at += found.start() if found else max(1, len(block) - 1)
        if found:
            break
    return at, at > first and bool(data[first:at].strip(b"\xff"))
