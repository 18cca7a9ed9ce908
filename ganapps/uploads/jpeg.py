"""The header of a JPEG (ITU T.81): segments up to the first scan."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from ganapps.errors import UserError
from ganapps.uploads.header import EXTRAS, Header, cut_off, damaged, overloaded, unknown_pixels

PASSES = 3_000_000_000  # pixels times scans of a progressive picture: its decoder walks over all of it once a scan
FRAME = {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}  # baseline, extended, progressive, and the last two with arithmetic coding
OTHER_FRAME = (
    {*range(0xC0, 0xD0)} - FRAME - {0xC4, 0xC8, 0xCC}
)  # lossless and hierarchical: hardly any program reads them
ALONE = {0x01, *range(0xD0, 0xD8)}  # markers that stand without a length
SEGMENTS = 20_000  # before the first scan


def header(data: bytes) -> Header:
    kept, size, exif, profile, several, room = [b"\xff\xd8"], None, None, {}, False, EXTRAS
    for marker, start, end in _segments(data):
        body = data[start + 2 : min(end, start + 40)]
        if (room := room - (end - start)) < 0:
            raise overloaded()
        if marker in FRAME and size is None:
            size = _size(body)
        elif marker == 0xE1 and body.startswith(b"Exif\0\0") and exif is None:
            exif = data[start + 8 : end]
        elif marker == 0xE2 and body.startswith(b"ICC_PROFILE\0"):
            profile[body[12]] = data[start + 16 : end]
        several = several or (marker == 0xE2 and body.startswith(b"MPF\0"))
        if _needed(marker, body):
            kept.append(data[start - 2 : end])
        if marker == 0xDA:
            break
    else:
        raise cut_off()
    if size is None:
        raise damaged()
    _check_passes(data, size)
    icc = b"".join(profile[k] for k in sorted(profile)) if profile else None
    return Header("JPEG", size, b"".join(kept) + data[end:], several, icc, exif)


def _size(frame: bytes) -> tuple[int, int]:
    depth, height, width = struct.unpack_from(">BHH", frame)
    if depth != 8:
        raise unknown_pixels()
    return width, height


def _needed(marker: int, body: bytes) -> bool:
    """Does the decoder need this segment? Of comments and application data, only what tells how colours are coded."""
    if marker == 0xE0:
        return body.startswith(b"JFIF")
    if marker == 0xEE:
        return body.startswith(b"Adobe")
    return marker != 0xFE and not 0xE0 <= marker <= 0xEF


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(marker, first byte of its length, byte after it) up to the end of the file or of the picture."""
    at = 2
    for _ in range(SEGMENTS):
        if at + 4 > len(data):
            return
        if data[at] != 0xFF:
            raise damaged()
        marker = data[at + 1]
        if marker in OTHER_FRAME:
            raise unknown_pixels()
        if marker == 0xFF or marker in ALONE:
            at += 1 if marker == 0xFF else 2
            continue
        if marker == 0xD9:
            return
        (length,) = struct.unpack_from(">H", data, at + 2)
        if length < 2:
            raise damaged()
        if at + 2 + length > len(data):
            raise cut_off()
        yield marker, at + 2, at + 2 + length
        at += 2 + length
    raise overloaded()


def _check_passes(data: bytes, size: tuple[int, int]) -> None:
    scans = data.count(b"\xff\xda")
    if scans > 16 and scans * size[0] * size[1] > PASSES:
        raise UserError(
            "This JPEG has {count} scans, so it would take too long to read: save it again with another program.",
            count=scans,
        )
