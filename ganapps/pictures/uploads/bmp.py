"""The header of a BMP: one table; the pixels follow."""

from __future__ import annotations

from ganapps.errors import UserError
from ganapps.pictures.uploads.header import Header
from ganapps.pictures.uploads.stored import Data, Pieces, unpacked

PACKED = 4_000_000  # bytes, and twice as many pixels: run-lengths are unpacked step by step
# bits -> bytes a pixel while it is decoded: Pillow's picture and ours
MEMORY = {
    1: 3,
    2: 5,
    4: 5,
    8: 5,
}


def header(data: Data) -> Header:
    (length,) = unpacked("<I", data, 14)
    width, height = unpacked("<HH" if length == 12 else "<ii", data, 18)
    (bits,) = unpacked("<H", data, 24 if length == 12 else 28)
    packed = length > 12 and unpacked("<I", data, 30)[0] in (1, 2)
    if packed and (len(data) > PACKED or abs(width * height) > 2 * PACKED):
        raise UserError(
            "This BMP is packed and large, so it would take too long to read: save it as PNG first."
        )
    memory = abs(width * height) * (MEMORY.get(bits, 7) + (bits == 32))
    return Header("BMP", (width, abs(height)), Pieces(data, (range(len(data)),)), memory)
