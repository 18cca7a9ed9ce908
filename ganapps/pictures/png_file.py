"""PNG files of arrays, 8 and 16 bit, written strip by strip so that memory stays flat (W3C PNG,
third edition).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

KINDS = {1: 0, 2: 4, 3: 2, 4: 6}  # channels -> colour type
STRIP = 4_000_000  # bytes of pixels at a time
LEVEL = 3  # of Deflate: beyond it files hardly shrink and time doubles


def write(
    path: Path,
    pixels: np.ndarray,
    texts: Mapping[str, str],
    icc: bytes | None = None,
    exif: bytes | None = None,
) -> None:
    """Writes `pixels` [H, W, C] uint8 or uint16, C 1 to 4, with texts (iTXt), a colour profile and
    an EXIF block.
    """
    height, width, channels = pixels.shape
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        _chunk(
            file,
            b"IHDR",
            struct.pack(">IIBBBBB", width, height, pixels.itemsize * 8, KINDS[channels], 0, 0, 0),
        )
        if icc:
            _chunk(file, b"iCCP", b"ICC profile\0\0" + zlib.compress(icc))
        for name, text in texts.items():
            _chunk(file, b"iTXt", name.encode("latin-1") + b"\0\0\0\0\0" + text.encode())
        if exif:
            _chunk(file, b"eXIf", exif)
        pack = zlib.compressobj(LEVEL, zlib.DEFLATED, 15, 9, zlib.Z_FILTERED)
        rows = max(1, STRIP // (width * channels * pixels.itemsize))
        for top in range(0, height, rows):
            _chunk(file, b"IDAT", pack.compress(_filtered(pixels, top, min(top + rows, height))))
        _chunk(file, b"IDAT", pack.flush())
        _chunk(file, b"IEND", b"")


def _chunk(file: BinaryIO, name: bytes, body: bytes) -> None:
    if body or name == b"IEND":
        file.write(
            struct.pack(">I", len(body))
            + name
            + body
            + struct.pack(">I", zlib.crc32(body, zlib.crc32(name)))
        )


def _filtered(pixels: np.ndarray, top: int, bottom: int) -> bytes:
    """Rows as differences, each either to the left, to the row above, or to their mean: the one
    with the smallest sum.
    """
    step = pixels.shape[2] * pixels.itemsize
    rows = _bytes(pixels[max(top - 1, 0) : bottom])
    if top == 0:
        rows = np.concatenate([np.zeros_like(rows[:1]), rows])
    above, rows = rows[:-1], rows[1:]
    left = np.zeros_like(rows)
    left[:, step:] = rows[:, :-step]
    best = rows - left
    kind, least = np.ones((len(rows), 1), np.uint8), _cost(best)
    for number, guess in ((2, above), (3, (left >> 1) + (above >> 1) + (left & above & 1))):
        other = rows - guess
        cost = _cost(other)
        better = cost < least
        best[better], kind[better], least[better] = other[better], number, cost[better]
    return np.concatenate([kind, best], axis=1).tobytes()


def _cost(differences: np.ndarray) -> np.ndarray:
    return np.abs(differences.view(np.int8).astype(np.int16)).sum(axis=1, dtype=np.int64)


def _bytes(pixels: np.ndarray) -> np.ndarray:
    """Rows of bytes, the larger of a pair first."""
    return (
        np.ascontiguousarray(pixels.astype(">u2") if pixels.itemsize == 2 else pixels)
        .view(np.uint8)
        .reshape(len(pixels), -1)
    )
