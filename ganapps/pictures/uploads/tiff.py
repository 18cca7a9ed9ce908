"""The header of a TIFF: its first page, put under small tables of its own."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import partial
from itertools import accumulate

from ganapps.errors import UserError
from ganapps.pictures.uploads import ifd
from ganapps.pictures.uploads.header import EXTRAS, Header, Region, cut_off, damaged, unknown_pixels
from ganapps.pictures.uploads.stored import Data, Pieces

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
SAMPLES, PLANAR, EXTRA, SIGN = 277, 284, 338, 339
STRIPS, STRIP_SIZES, TILE_WIDTH, TILE_HEIGHT, TILES, TILE_SIZES = 273, 279, 322, 323, 324, 325
ROWS, SUBFILE, SUBTABLES, DNG = 278, 254, 330, 50706
LAYOUT = {WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, SAMPLES, PLANAR, EXTRA, SIGN}
PLACES = {STRIPS, STRIP_SIZES, TILE_WIDTH, TILE_HEIGHT, TILES, TILE_SIZES}
# And: order of bits, rows a strip, options of fax, predictor, palette, tables of JPEG, four of
# YCbCr and CMYK.
PIXELS = LAYOUT | PLACES | {ROWS, 266, 292, 293, 317, 320, 347, 529, 530, 531, 532}
SINGLE = PIXELS - {
    BITS,
    EXTRA,
    SIGN,
    STRIPS,
    STRIP_SIZES,
    TILES,
    TILE_SIZES,
    320,
    347,
    529,
    530,
    532,
}
COMPRESSIONS = {1, 2, 3, 4, 5, 7, 8, 32773, 32946}  # none, fax, LZW, JPEG, Deflate, PackBits
TILE = 2**24  # pixels of one tile: a decoder sets aside that many however small the picture
PIECES = 4 * 65536  # strips or tiles
BAND = 4_000_000  # pixels that are decoded at a time, where strips or tiles are no larger
SPARE = 60_000_000  # bytes: what else is at work on a band


def header(data: Data) -> Header:
    wanted = PIXELS | {
        ifd.ORIENTATION,
        ifd.DATE,
        ifd.EXIF,
        ifd.GPS,
        ifd.ICC,
        SUBFILE,
        SUBTABLES,
        DNG,
    }
    found = ifd.first(data, wanted, EXTRAS)
    _check_raw(found, data)
    _check_samples(found)
    _check_pieces(found, len(data))
    pixels = {
        t: (k, raw[: ifd.WIDTHS[k]] if t in SINGLE else raw)
        for t, (k, raw) in found.tags.items()
        if t in PIXELS
    }
    depth = max(found.numbers(BITS, (1,)))
    planes = _planes(found) if depth == 16 and found.number(PLANAR, 1) == 2 else (pixels,)
    bands = [_Bands(data, found.order, tags) for tags in planes]
    return Header(
        "TIFF",
        (found.number(WIDTH), found.number(HEIGHT)),
        Pieces(data, ()),
        _memory(found, bands[0]),
        found.next != 0,
        found.tags.get(ifd.ICC, (7, None))[1],
        data,
        depth=depth,
        inverted=depth == 16 and found.number(PHOTOMETRIC, 1) == 0,
        regions=partial(_regions, bands),
    )


def _check_raw(found: ifd.Table, data: Data) -> None:
    """A camera's raw file begins with a small preview, and its picture is in tables that no program
    here reads.
    """
    preview = found.number(SUBFILE) & 1 and SUBTABLES in found.tags
    if DNG in found.tags or preview or data[8:10] == b"CR":
        raise UserError(
            "This is a camera's raw file (such as DNG), of which only a small preview could be "
            "read: "
            "develop it with the camera's program and save it as TIFF or JPEG first."
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
    """Where the strips or tiles lie. Those that lie over each other would be read again and
    again.
    """
    tiled = TILES in found.tags
    starts, sizes = (
        found.numbers(TILES if tiled else STRIPS),
        found.numbers(TILE_SIZES if tiled else STRIP_SIZES),
    )
    if not starts or len(starts) > PIECES or len(sizes) != len(starts):
        raise damaged()
    if any(start + size > length for start, size in zip(starts, sizes, strict=True)):
        raise cut_off()
    if sum(sizes) > 2 * length or (
        tiled and not 0 < found.number(TILE_WIDTH) * found.number(TILE_HEIGHT) <= TILE
    ):
        raise damaged()


def _memory(found: ifd.Table, bands: _Bands) -> int:
    """Bytes that decoding takes: the result, and of the largest band Pillow's pictures, what a
    strip or tile of it is unpacked into, and the file's own bytes.
    """
    width, height, samples = found.number(WIDTH), found.number(HEIGHT), found.number(SAMPLES, 1)
    wide = 2 if max(found.numbers(BITS, (1,))) == 16 else 1
    coloured = found.number(PHOTOMETRIC) in (3, 5, 8)  # a palette, CMYK, Lab: they become RGB
    made = width * height * wide * (max(samples, 3) if coloured else samples)
    rows = min(bands.rows, height)
    pillow, unpacked = width * rows * 4 * wide, width * rows * samples * wide
    return (
        pillow
        + (max(made, unpacked) if rows == height else made + unpacked)
        + bands.largest
        + SPARE
    )


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
        tags = {
            tag: value for tag, value in found.tags.items() if tag in PIXELS - {PLANAR, EXTRA, SIGN}
        } | short
        for tag in pieces:
            kind, raw = found.tags[tag]
            part = len(raw) // count
            tags[tag] = kind, raw[plane * part : (plane + 1) * part]
        planes.append(tags)
    return tuple(planes)


class _Bands:
    """The strips or tiles of one set of tags in bands: whole rows of them, of some million pixels,
    which can be decoded one after the other. `rows` are the pixel rows of each but the last,
    `largest` is the most bytes that one has in the file.
    """

    def __init__(self, data: Data, order: str, tags: dict[int, tuple[int, bytes]]) -> None:
        self._data, self._order, self._tags = data, order, tags
        found = ifd.Table(order, tags)
        self._places, sizes = (TILES, TILE_SIZES) if TILES in tags else (STRIPS, STRIP_SIZES)
        self._pieces = list(zip(found.numbers(self._places), found.numbers(sizes), strict=True))
        width, self._height = found.number(WIDTH), found.number(HEIGHT)
        tiled = self._places == TILES
        side = found.number(TILE_HEIGHT) if tiled else found.number(ROWS, self._height)
        side = min(max(1, side), max(1, self._height))
        self._across = -(-width // max(1, found.number(TILE_WIDTH))) if tiled else 1
        self._sets = found.number(SAMPLES, 1) if found.number(PLANAR, 1) == 2 else 1
        if found.number(COMPRESSION, 1) == 1 and not tiled and len(self._pieces) == self._sets:
            side = self._cut(found, width, side)
        down = -(-self._height // side)
        # another arrangement: all of it at once
        if len(self._pieces) != self._sets * self._across * down:
            side, down, self._across, self._sets = self._height, 1, len(self._pieces), 1
        self._down, self._some = down, max(1, BAND // max(1, width * side))
        self.rows = self._some * side
        self.largest = max((sum(size for _, size in band) for band in self._bands()), default=0)

    def _cut(self, found: ifd.Table, width: int, side: int) -> int:
        """Cuts strips as high as the picture, of plain numbers, into lower ones; how high those
        are.
        """
        bits = max(found.numbers(BITS, (1,))) * (found.number(SAMPLES, 1) if self._sets == 1 else 1)
        row, rows = -(-width * bits // 8), max(1, BAND // max(1, width))
        if rows >= side or any(size < row * self._height for _, size in self._pieces):
            return side
        self._tags = self._tags | {ROWS: (4, struct.pack(self._order + "I", rows))}
        self._pieces = [
            (start + top * row, min(rows, self._height - top) * row)
            for start, _ in self._pieces
            for top in range(0, self._height, rows)
        ]
        return rows

    def _bands(self) -> Iterator[list[tuple[int, int]]]:
        """Of each band, the places and sizes of its strips or tiles, colour by colour."""
        each = self._across * self._down
        for first in range(0, self._down, self._some):
            last = min(first + self._some, self._down)
            yield [
                piece
                for start in range(0, self._sets * each, each)
                for piece in self._pieces[
                    start + first * self._across : start + last * self._across
                ]
            ]

    def __iter__(self) -> Iterator[tuple[int, int, Pieces]]:
        """(top, bottom, a file of these rows alone)."""
        for index, band in enumerate(self._bands()):
            top = index * self.rows
            bottom = min(top + self.rows, self._height)
            yield top, bottom, self._file(band, bottom - top)

    def _file(self, band: list[tuple[int, int]], height: int) -> Pieces:
        """The strips or tiles one after the other, with a table of nothing else behind them."""
        places, sizes = self._places, TILE_SIZES if self._places == TILES else STRIP_SIZES
        starts = list(accumulate((size for _, size in band), initial=8))
        at = starts.pop()
        tags = self._tags | {
            HEIGHT: (4, struct.pack(self._order + "I", height)),
            places: (4, struct.pack(f"{self._order}{len(band)}I", *starts)),
            sizes: (4, struct.pack(f"{self._order}{len(band)}I", *(size for _, size in band))),
        }
        head = {"<": b"II*\0", ">": b"MM\0*"}[self._order] + struct.pack(
            self._order + "I", at + at % 2
        )
        body = [range(start, start + size) for start, size in band]
        table = ifd.written(self._order, tags, at + at % 2)
        return Pieces(self._data, (head, *body, b"\0" * (at % 2), table))


def _regions(bands: list[_Bands]) -> Iterator[Region]:
    """Band by band; of colours that are kept apart, all of them."""
    for (top, bottom, file), *others in zip(*bands, strict=True):
        yield Region(top, bottom, file, tuple(other for _, _, other in others))
