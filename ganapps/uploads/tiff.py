"""The header of a TIFF: its first page, put under a small table of its own."""

from __future__ import annotations

import struct

from ganapps.errors import UserError
from ganapps.uploads import ifd
from ganapps.uploads.header import EXTRAS, Header, cut_off, damaged, unknown_pixels

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
SAMPLES, PLANAR, EXTRA, SIGN = 277, 284, 338, 339
STRIPS, STRIP_SIZES, TILE_WIDTH, TILE_HEIGHT, TILES, TILE_SIZES = 273, 279, 322, 323, 324, 325
LAYOUT = {WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, SAMPLES, PLANAR, EXTRA, SIGN}
PLACES = {STRIPS, STRIP_SIZES, TILE_WIDTH, TILE_HEIGHT, TILES, TILE_SIZES}
# And: order of bits, rows a strip, options of fax, predictor, palette, tables of JPEG, four of YCbCr and CMYK.
PIXELS = LAYOUT | PLACES | {266, 278, 292, 293, 317, 320, 347, 529, 530, 531, 532}
SINGLE = PIXELS - {BITS, EXTRA, SIGN, STRIPS, STRIP_SIZES, TILES, TILE_SIZES, 320, 347, 529, 530, 532}
COMPRESSIONS = {1, 2, 3, 4, 5, 7, 8, 32773, 32946}  # none, fax, LZW, JPEG, Deflate, PackBits
TILE = 2**24  # pixels of one tile: a decoder sets aside that many however small the picture
PIECES = 4 * 65536  # strips or tiles


def header(data: bytes) -> Header:
    found = ifd.first(data, PIXELS | {ifd.ORIENTATION, ifd.DATE, ifd.EXIF, ifd.GPS, ifd.ICC}, EXTRAS)
    _check_samples(found)
    _check_pieces(found, len(data))
    pixels = {t: (k, raw[: ifd.WIDTHS[k]] if t in SINGLE else raw) for t, (k, raw) in found.tags.items() if t in PIXELS}
    depth = max(found.numbers(BITS, (1,)))
    planes = _planes(found) if depth == 16 and found.number(PLANAR, 1) == 2 else (pixels,)
    return Header(
        "TIFF",
        (found.number(WIDTH), found.number(HEIGHT)),
        _file(data, found.order, planes[0]),
        found.next != 0,
        found.tags.get(ifd.ICC, (7, None))[1],
        data,
        depth=depth,
        planes=tuple(_file(data, found.order, p) for p in planes[1:]),
        inverted=depth == 16 and found.number(PHOTOMETRIC, 1) == 0,
    )


def _check_samples(found: ifd.Table) -> None:
    if {2, 3} & set(found.numbers(SIGN, (1,))) or max(found.numbers(BITS, (1,))) > 16:
        raise UserError(
            "This TIFF holds 32 bit or signed numbers, whose range it does not tell: "
            "save it with 8 or 16 bit a colour first."
        )
    plain_ycbcr = found.number(PHOTOMETRIC) == 6 and found.number(COMPRESSION, 1) == 1
    if (
        not set(found.numbers(BITS, (1,))) <= {1, 2, 4, 8, 16}
        or found.number(COMPRESSION, 1) not in COMPRESSIONS
        or found.number(SAMPLES, 1) > 5
        or plain_ycbcr
    ):
        raise unknown_pixels()


def _check_pieces(found: ifd.Table, length: int) -> None:
    """Where the strips or tiles lie. Those that lie over each other would be read again and again."""
    tiled = TILES in found.tags
    starts, sizes = found.numbers(TILES if tiled else STRIPS), found.numbers(TILE_SIZES if tiled else STRIP_SIZES)
    if not starts or len(starts) > PIECES or len(sizes) != len(starts):
        raise damaged()
    if any(start + size > length for start, size in zip(starts, sizes, strict=True)):
        raise cut_off()
    if sum(sizes) > 2 * length or tiled and not 0 < found.number(TILE_WIDTH) * found.number(TILE_HEIGHT) <= TILE:
        raise damaged()


def _planes(found: ifd.Table) -> tuple[dict[int, tuple[int, bytes]], ...]:
    """The tags of each colour's plane as a grey picture: Pillow knows no 16 bit planes."""
    count = found.number(SAMPLES, 1)
    short = {
        tag: (3, value.to_bytes(2, "little" if found.order == "<" else "big"))
        for tag, value in ((BITS, 16), (PHOTOMETRIC, 1), (SAMPLES, 1))
    }
    pieces = [tag for tag in (STRIPS, STRIP_SIZES, TILES, TILE_SIZES) if tag in found.tags]
    planes = []
    for plane in range(count):
        tags = {tag: value for tag, value in found.tags.items() if tag in PIXELS - {PLANAR, EXTRA, SIGN}} | short
        for tag in pieces:
            kind, raw = found.tags[tag]
            part = len(raw) // count
            tags[tag] = kind, raw[plane * part : (plane + 1) * part]
        planes.append(tags)
    return tuple(planes)


def _file(data: bytes, order: str, tags: dict[int, tuple[int, bytes]]) -> bytes:
    """The strips or tiles of these tags, one after the other, with a table of nothing else behind them."""
    places, sizes = (TILES, TILE_SIZES) if TILES in tags else (STRIPS, STRIP_SIZES)
    found, parts, at, moved = ifd.Table(order, tags), [], 8, []
    for start, size in zip(found.numbers(places), found.numbers(sizes), strict=True):
        parts.append(data[start : start + size])
        moved.append(at)
        at += size
    parts.append(b"\0" * (at % 2))
    at += at % 2
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", at)
    tags = tags | {places: (4, struct.pack(f"{order}{len(moved)}I", *moved))}
    return b"".join([head, *parts, ifd.written(order, tags, at)])
