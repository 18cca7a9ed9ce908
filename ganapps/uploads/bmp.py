"""The header of a BMP: one table; the pixels follow."""

from __future__ import annotations

import struct

from ganapps.errors import UserError
from ganapps.uploads.header import Header

PACKED = 4_000_000  # bytes, and twice as many pixels: run-lengths are unpacked step by step


def header(data: bytes) -> Header:
    (length,) = struct.unpack_from("<I", data, 14)
    width, height = struct.unpack_from("<HH" if length == 12 else "<ii", data, 18)
    packed = length > 12 and struct.unpack_from("<I", data, 30)[0] in (1, 2)
    if packed and (len(data) > PACKED or abs(width * height) > 2 * PACKED):
        raise UserError("This BMP is packed and large, so it would take too long to read: save it as PNG first.")
    return Header("BMP", (width, abs(height)), data)
