"""A file that a person brings -> an upright picture and what is kept beside it, or one sentence why
not.
"""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ganapps.errors import Message, UserError
from ganapps.pictures.uploads import decode, ifd, kinds, tiff
from ganapps.pictures.uploads.header import Header, damaged
from ganapps.pictures.uploads.stored import Data, Stored

MOST_PIXELS = 120_000_000
LONGEST_SIDE = 65_535
MOST_BYTES = 500_000_000
MOST_MEMORY = (
    900_000_000  # bytes that reading one picture takes at its highest, the result included
)
MARK = b"XML:com.adobe.xmp\0"  # the name of a PNG's chunk with an XMP packet
MARKED_WITHIN = 4_000_000  # bytes from the start: a profile and a recipe may stand before it
STAMP = re.compile(r"\d{4}:\d\d:\d\d \d\d:\d\d:\d\d")


@dataclass(frozen=True)
class Upload:
    """A picture as it came, upright.

    `pixels` [H, W, C], uint8 or uint16; C: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA; alpha is not
    multiplied in. `icc` is the colour profile that the values are meant in (None: sRGB), `date`
    like "2024:05:31 18:02:07", `gps` an EXIF block with nothing but the place, to be put back only
    when asked. `size` (W, H) and `sha256` of the file go into recipes; `changes` are sentences for
    the report. `name`, the visitor's own, is for showing it to them again: never for logs or names
    of results, so no repr has it.
    """

    pixels: np.ndarray = field(repr=False)
    size: tuple[int, int]
    sha256: str
    icc: bytes | None = field(default=None, repr=False)
    date: str | None = field(default=None, repr=False)
    gps: bytes | None = field(default=None, repr=False)
    name: str = field(default="", repr=False)
    changes: tuple[Message, ...] = ()


def open_upload(path: str | Path) -> Upload:
    """The picture in a file: PNG, JPEG, WebP, AVIF, TIFF, BMP or GIF, whatever its name says.

    The first frame or page alone is read. All refusals but broken pixels are made from the header,
    before any pixel is decoded. Raises UserError.
    """
    with _opened(path) as file:
        header = _header(file)
        changes = list(header.overlooked)
        if header.several:
            changes.append(Message("Only the first of several frames or pages was used."))
        orientation, date, gps = _exif(header, changes)
        pixels, icc = decode.pixels(header, orientation, changes)
        file.seek(0)
        digest = _digest(file)
    return Upload(
        pixels,
        (pixels.shape[1], pixels.shape[0]),
        digest,
        icc,
        date,
        gps,
        Path(path).name[:120],
        tuple(changes),
    )


def _digest(file: BinaryIO) -> str:
    """SHA-256 of the file; of a PNG of ours without the mark that says what made it, so that a
    chain that was begun before there were marks is the same chain.
    """
    start = file.read(MARKED_WITHIN)
    place = start.find(MARK) - 8  # its length and its kind stand before its name
    digest = hashlib.sha256()
    if start.startswith(b"\x89PNG") and place > 0 and b"xmlns:ganapps" in start[place:]:
        length = 12 + int.from_bytes(start[place : place + 4], "big")
        start = start[:place] + start[place + length :]
    digest.update(start)
    while block := file.read(2**20):
        digest.update(block)
    return digest.hexdigest()


def shows(path: str | Path) -> bool:
    """Can a browser show the picture in a file as it is? Of the kinds that come in, none shows a
    TIFF. Raises UserError.
    """
    with _opened(path) as file:
        return kinds.reader(file.read(512)) is not tiff.header


def size_of(path: str | Path) -> tuple[int, int]:
    """Width and height of the picture in a file as it will stand upright; no pixel is decoded.
    Raises UserError.
    """
    with _opened(path) as file:
        header = _header(file)
        turned = _exif(header, [])[0] in (5, 6, 7, 8)
        return header.size[::-1] if turned else header.size


@contextmanager
def _opened(path: str | Path) -> Iterator[BufferedReader]:
    """The file at `path`; one that can't be opened, or later not be read, is one sentence."""
    try:
        place = Path(path)
        kind = place.stat().st_mode
    except (OSError, ValueError) as e:
        raise _unreadable(e) from e
    if not stat.S_ISREG(kind):  # a pipe would wait for ever
        raise UserError("This is a folder or a device, not a file: choose a picture.")
    try:
        with place.open("rb") as file:
            yield file
    except OSError as e:
        raise _unreadable(e) from e


def _unreadable(error: Exception) -> UserError:
    return UserError(
        "This file can't be opened ({why}): choose it again.",
        why=getattr(error, "strerror", None) or "not a file",
    )


def _header(file: BinaryIO) -> Header:
    """The checked header of the picture in a file. Of what is no picture, or too large, only the
    first bytes are read.
    """
    data = Stored(file)
    start = data[:512]
    if not start:
        raise UserError("This file is empty: fetch the picture again, or save it again.")
    function = kinds.reader(start)
    if len(data) > MOST_BYTES:
        raise UserError(
            "This file has {size} MB, at most {most} MB are accepted: save it smaller first.",
            size=len(data) // 1_000_000,
            most=MOST_BYTES // 1_000_000,
        )
    header = kinds.header(data, function)
    _check_size(header.size)
    _check_memory(header)
    return header


def _check_size(size: tuple[int, int]) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise damaged()
    if width * height > MOST_PIXELS or max(size) > LONGEST_SIDE:
        raise UserError(
            "This picture says that it has {width} x {height} pixels: "
            "at most {most} million, and {side} a side, are accepted.",
            width=width,
            height=height,
            most=MOST_PIXELS // 1_000_000,
            side=LONGEST_SIDE,
        )


def _check_memory(header: Header) -> None:
    if header.memory > MOST_MEMORY:
        raise UserError(
            "This {kind} of {width} x {height} pixels would take {need} MB of memory to read, at "
            "most {most} MB are "
            "accepted: make it smaller, or save it as PNG with 8 bits a colour, which takes less.",
            kind=header.kind,
            width=header.size[0],
            height=header.size[1],
            need=header.memory // 1_000_000,
            most=MOST_MEMORY // 1_000_000,
        )


def _exif(header: Header, changes: list[Message]) -> tuple[int, str | None, bytes | None]:
    """Orientation, date and place. A damaged block is ignored, and said so."""
    if not header.exif:
        return header.turned, header.date, None
    exif = header.exif[6:] if header.exif[:6] == b"Exif\0\0" else header.exif
    try:
        base = ifd.first(exif, {ifd.ORIENTATION, ifd.DATE, ifd.EXIF}, 4096)
        # whose EXIF does not count
        turned = header.turned if header.kind == "AVIF" else base.number(ifd.ORIENTATION, 1)
        return turned, _date(exif, base) or header.date, ifd.gps_alone(exif)
    except (ValueError, EOFError):
        changes.append(
            Message("Its EXIF data is damaged and was ignored, so it may lie on its side.")
        )
        return header.turned, header.date, None


def _date(exif: Data, base: ifd.Table) -> str | None:
    """When it was taken, else when the file was made; None for anything but a date."""
    taken = base.number(ifd.EXIF) and ifd.table(
        exif, base.number(ifd.EXIF), base.order, {ifd.DATE_TAKEN}, 4096
    ).text(ifd.DATE_TAKEN)
    return next(
        (date for date in (taken, base.text(ifd.DATE)) if date and STAMP.fullmatch(date)), None
    )
