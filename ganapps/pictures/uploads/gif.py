"""The header of a GIF (89a): blocks up to the end of the first frame."""

from __future__ import annotations

from ganapps.errors import Message
from ganapps.pictures.uploads.header import EXTRAS, Header, damaged, overloaded
from ganapps.pictures.uploads.stored import BLOCK, Data, Pieces, unpacked

BLOCKS = 2_000_000  # of one frame or text; half a gigabyte in full blocks
EXTENSIONS = 10_000  # before the second frame
MEMORY = 7  # bytes a pixel while it is decoded: Pillow's picture and ours


def header(data: Data) -> Header:
    width, height, flags = unpacked("<HHB", data, 6)
    start = 13 + _palette(flags)
    kept: list[bytes | range] = [data[:start]]
    control, size, frames, room = b"", (width, height), 0, EXTRAS
    following = ""
    for _ in range(EXTENSIONS):
        if frames and start >= len(data):
            following = "nothing"
            break
        if data[start] == 0x3B or (frames and data[start] == 0x2C):
            following = "end" if data[start] == 0x3B else "frame"
            break
        if data[start] == 0x2C:
            left, top, w, h, flags = unpacked("<HHHHB", data, start + 1)
            size, frames = (max(width, left + w), max(height, top + h)), 1
            end = _chain(data, start + 11 + _palette(flags))
            kept += [control, range(start, end), b";"]
        elif data[start] == 0x21:
            end = _chain(data, start + 2)
            room -= end - start
            control = data[start:end] if data[start + 1] == 0xF9 and room >= 0 else control
        else:
            raise damaged()
        if room < 0:
            raise overloaded()
        start = end
    if not frames:
        raise damaged()
    said: tuple[Message, ...] = ()
    if following == "nothing":
        said = (Message("This GIF has no end mark, but its picture is whole."),)
    memory = size[0] * size[1] * MEMORY
    return Header(
        "GIF", size, Pieces(data, tuple(kept)), memory, following == "frame", overlooked=said
    )


def _palette(flags: int) -> int:
    """Bytes of the palette that these flags announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _chain(data: Data, at: int) -> int:
    """The byte after a chain of blocks that begins at `at`."""
    block, start = b"", at
    for _ in range(BLOCKS):
        if at - start >= len(block):
            block, start = data[at : at + BLOCK], at
        length = block[at - start]
        at += length + 1
        if not length:
            return at
    raise damaged()
