"""Picture files for the tests of uploads, by hand, by Pillow and by tifffile: none by the app's own
writing.
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import tifffile
from PIL import Image, ImageCms

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def noise(
    height: int = 21, width: int = 33, channels: int = 3, kind: type = np.uint8
) -> np.ndarray:
    return (
        np.random.default_rng(height * width + channels)
        .integers(0, np.iinfo(kind).max + 1, (height, width, channels))
        .astype(kind)
    )


def saved(
    pixels: np.ndarray | Image.Image, kind: str, mode: str | None = None, **options: Any
) -> bytes:
    """A file by Pillow."""
    picture = (
        pixels
        if isinstance(pixels, Image.Image)
        else Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    )
    stream = io.BytesIO()
    (picture.convert(mode) if mode else picture).save(stream, format=kind, **options)
    return stream.getvalue()


def tiff(pixels: np.ndarray, **options: Any) -> bytes:
    """A file by tifffile, which keeps 16 bits."""
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, metadata=None, **options)
    return stream.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(
    pixels: np.ndarray,
    kind: int | None = None,
    depth: int | None = None,
    more: bytes = b"",
    after: bytes = b"",
    filters: bool = True,
) -> bytes:
    """A PNG by hand of [H, W, C], its rows filtered with None, Sub and Up in turn; `more` chunks
    before the pixels, `after` behind them.
    """
    height, width, channels = pixels.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels] if kind is None else kind
    depth = depth or pixels.itemsize * 8
    step = channels * pixels.itemsize
    rows = pixels.astype(">u2" if pixels.itemsize == 2 else "u1").tobytes()
    stride, body = width * step, b""
    above = bytes(stride)
    for y in range(height):
        row = rows[y * stride : (y + 1) * stride]
        guess = (bytes(stride), bytes(step) + row[:-step], above)[y % 3 if filters else 0]
        body += bytes([y % 3 if filters else 0]) + bytes(
            (a - b) % 256 for a, b in zip(row, guess, strict=True)
        )
        above = row
    packed = zlib.compress(body)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))
        + more
        + chunk(b"IDAT", packed[:50])
        + chunk(b"IDAT", packed[50:])
        + after
        + chunk(b"IEND", b"")
    )


def png_claiming(width: int, height: int, more: bytes = b"") -> bytes:
    """A PNG whose header says this, with hardly any pixels."""
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + more
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )


def bitmap(width: int, height: int, bits: int = 24, packing: int = 0, body: bytes = b"") -> bytes:
    return (
        b"BM"
        + struct.pack("<IHHI", 54 + len(body), 0, 0, 54)
        + struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, packing, len(body), 1, 1, 0, 0)
        + body
    )


def bitmap_with_alpha(pixels: np.ndarray) -> bytes:
    """A BMP of version 3, whose masks say where red, green, blue and alpha are."""
    body = pixels[::-1, :, [2, 1, 0, 3]].tobytes()
    head = struct.pack(
        "<IiiHHIIiiII", 56, pixels.shape[1], pixels.shape[0], 1, 32, 3, len(body), 1, 1, 0, 0
    )
    return (
        b"BM"
        + struct.pack("<IHHI", 70 + len(body), 0, 0, 70)
        + head
        + struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
        + body
    )


def table(
    *entries: tuple[int, int, int, bytes], order: str = "<", following: int = 0, body: bytes = b""
) -> bytes:
    """A TIFF with one table of (tag, kind, count, four bytes) and `body` behind it, which begins at
    14 + 12 x entries.
    """
    head = {"<": b"II*\0\x08\0\0\0", ">": b"MM\0*\0\0\0\x08"}[order]
    lines = b"".join(
        struct.pack(order + "HHI", tag, kind, count) + value for tag, kind, count, value in entries
    )
    return (
        head
        + struct.pack(order + "H", len(entries))
        + lines
        + struct.pack(order + "I", following)
        + body
    )


def tiff_claiming(
    width: int, height: int, *more: tuple[int, int, int, bytes], body: bytes = b"", **options: Any
) -> bytes:
    """A grey 8 bit TIFF of one strip, whose table says this."""

    def number(value: int) -> bytes:
        return struct.pack("<I", value)

    own = [
        (256, 4, 1, number(width)),
        (257, 4, 1, number(height)),
        (258, 3, 1, number(8)),
        (259, 3, 1, number(1)),
        (262, 3, 1, number(1)),
        (273, 4, 1, number(8)),
        (277, 3, 1, number(1)),
        (278, 4, 1, number(height)),
        (279, 4, 1, number(4)),
    ]
    replaced = {entry[0] for entry in more}
    return table(*sorted([*(e for e in own if e[0] not in replaced), *more]), body=body, **options)


def photograph(orientation: int = 1, **more: Any) -> bytes:
    """A JPEG as a telephone writes it: orientation, date, place, profile."""
    exif = Image.Exif()
    exif[274], exif[306] = orientation, "2025:01:01 00:00:00"
    exif.get_ifd(34665)[36867] = "2024:05:31 18:02:07"
    place = exif.get_ifd(34853)
    place[1], place[2], place[3], place[4] = "N", (48.0, 51.0, 29.6), "E", (2.0, 17.0, 40.0)
    return saved(noise(), "JPEG", exif=exif, icc_profile=SRGB, **more)


def unpacked(data: bytes) -> tuple[np.ndarray, dict[bytes, bytes]]:
    """[H, W, C] of a PNG that is not interlaced, unfiltered byte by byte as its specification says,
    and its first chunks by name.
    """
    chunks: dict[bytes, bytes] = {}
    at, packed = 8, b""
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        name, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length)[0] == zlib.crc32(name + body)
        packed += body if name == b"IDAT" else b""
        chunks.setdefault(name, body)
        at += 12 + length
    width, height, depth, kind = struct.unpack_from(">IIBB", chunks[b"IHDR"])
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[kind]
    step, stride = channels * depth // 8, width * channels * depth // 8
    stream, above, rows = zlib.decompress(packed), bytes(stride), b""
    assert len(stream) == height * (stride + 1)
    for y in range(height):
        kind, row = (
            stream[y * (stride + 1)],
            bytearray(stream[y * (stride + 1) + 1 : (y + 1) * (stride + 1)]),
        )
        for i in range(stride):
            left = row[i - step] if i >= step else 0
            row[i] = (row[i] + (0, left, above[i], (left + above[i]) // 2)[kind]) % 256
        above = bytes(row)
        rows += above
    return np.frombuffer(rows, ">u2" if depth == 16 else "u1").reshape(
        height, width, channels
    ), chunks
