"""Which format a file is, by its bytes and never by its name; and what else people mistake for a
picture.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

from ganapps.errors import UserError
from ganapps.pictures.uploads import avif, bmp, gif, jpeg, png, tiff, webp
from ganapps.pictures.uploads.header import Header, cut_off, damaged
from ganapps.pictures.uploads.stored import Data

Reader = Callable[[Data], Header]
READERS: dict[bytes, Reader] = {
    rb"\x89PNG\r\n\x1a\n": png.header,
    rb"\xff\xd8\xff": jpeg.header,
    rb"GIF8[79]a": gif.header,
    rb"RIFF....WEBP": webp.header,
    rb"BM": bmp.header,
    rb"(II[*+]\0|MM\0[*+])": tiff.header,
    rb"....ftyp(avif|avis|mif1.*avif)": avif.header,
}


def reader(start: bytes) -> Reader:
    """The function that reads headers of files that begin like this. Raises UserError where it is
    no picture.
    """
    for magic, function in READERS.items():
        if re.match(magic, start, re.DOTALL):
            return function
    raise _impostor(start)


def header(data: Data, function: Reader) -> Header:
    """What `function` reads, its stumbles as sentences."""
    try:
        return function(data)
    except (struct.error, IndexError, EOFError) as e:
        raise cut_off() from e
    except ValueError as e:
        raise damaged() from e


def _impostor(start: bytes) -> UserError:
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in text:
        return UserError("This is an SVG drawing, which has no pixels: export it as PNG first.")
    if text.startswith((b"<!doctype html", b"<html", b"<?xml", b"<head", b"<!--", b"<")):
        return UserError(
            "This is a web page, not a picture: open it in a browser and save the picture itself."
        )
    if start.startswith(b"%PDF"):
        return UserError("This is a PDF document, not a picture: export the page as PNG first.")
    if start.startswith((b"MZ", b"\x7fELF", b"#!")):
        return UserError("This is a program, not a picture: nothing in it was run.")
    if start.startswith((b"PK\x03\x04", b"Rar!", b"7z\xbc\xaf", b"\x1f\x8b")):
        return UserError("This is an archive, not a picture: unpack it first.")
    if start[4:8] == b"ftyp" and start[8:11] in (b"hei", b"hev", b"mif", b"msf"):
        return UserError(
            "This is an HEIC picture, which can't be read here: save it as JPEG or PNG first."
        )
    return UserError(
        "This is not a picture that can be read here: PNG, JPEG, WebP, AVIF, TIFF, BMP and GIF are "
        "accepted."
    )
