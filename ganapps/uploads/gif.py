"""The header of a GIF (89a): blocks up to the end of the first frame."""

from __future__ import annotations

import struct

from ganapps.uploads.header import EXTRAS, Header, damaged, overloaded

BLOCKS = 2_000_000  # of one frame or text; half a gigabyte in full blocks
EXTENSIONS = 10_000  # before the second frame


def header(data: bytes) -> Header:
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    start = 13 + _palette(flags)
    kept, control, size, frames, room = [data[:start]], b"", (width, height), 0, EXTRAS
    for _ in range(EXTENSIONS):
        if data[start] == 0x3B or frames and data[start] == 0x2C:
            break
        if data[start] == 0x2C:
            left, top, w, h, flags = struct.unpack_from("<HHHHB", data, start + 1)
            size, frames = (max(width, left + w), max(height, top + h)), 1
            end = _chain(data, start + 11 + _palette(flags))
            kept += [control, data[start:end], b";"]
        elif data[start] == 0x21:
            end = _chain(data, start + 2)
            control = data[start:end] if data[start + 1] == 0xF9 else control
            room -= end - start
        else:
            raise damaged()
        if room < 0:
            raise overloaded()
        start = end
    if not frames:
        raise damaged()
    return Header("GIF", size, b"".join(kept), data[start] == 0x2C)


def _palette(flags: int) -> int:
    """Bytes of the palette that these flags announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _chain(data: bytes, at: int) -> int:
    """The byte after a chain of blocks that begins at `at`."""
    for _ in range(BLOCKS):
        length = data[at]
        at += length + 1
        if not length:
            return at
    raise damaged()
