"""The formats that a picture is kept in: PNG without loss; JPEG and WebP by quality, or as good as
a number of bytes allows.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

from PIL import Image

from ganapps.errors import Labelled, UserError
from ganapps.pictures.inside import xmp
from ganapps.recipe import Recipe

ENDINGS = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}
NAMES = {"jpeg": "JPEG", "webp": "WebP"}
QUALITIES = (1, 100)
MOST_KB = 1_000_000
SIDES = {"jpeg": 65_500, "webp": 16_383}  # pixels a side that the format has room for
COMMENT = 65_533  # bytes that a JPEG has room for in one piece
DENSE = 90  # above this quality a JPEG keeps the colour of every pixel, not of every fourth


@dataclass(frozen=True)
class Format:
    """`kind` is png, jpeg or webp. Of the latter two the `quality` counts, 1 to 100 (at 100 a WebP
    is without loss), or where `most` is not 0, the best one that makes no more bytes.
    """

    kind: str = "png"
    quality: int = 90
    most: int = 0

    @property
    def ending(self) -> str:
        """What the file's name ends in."""
        return ENDINGS[self.kind]


PNG = Format()


def asked(kind: Any, quality: Any, most_kb: Any) -> Format:
    """The format that a person or a program asks for, a kB being 1000 bytes. Raises UserError that
    names what there is not.
    """
    if not isinstance(kind, str) or kind not in ENDINGS:
        raise UserError(
            "The format {format} is unknown: accepted are {known}.",
            format=kind,
            known=", ".join(ENDINGS),
        )
    for name, value, low, high in (
        (Labelled("quality", "Quality"), quality, *QUALITIES),
        (Labelled("most_kb", "Or at most so many kB (0: by quality)"), most_kb, 0, MOST_KB),
    ):
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or not low <= value <= high:
            raise UserError(
                "The setting {name} is {value}: from {low} to {high} is accepted.",
                name=name,
                value=value,
                low=low,
                high=high,
            )
    return Format(kind, quality, 1000 * most_kb)


def encoded(
    picture: Image.Image, form: Format, recipe: Recipe, icc: bytes | None, exif: bytes | None
) -> bytes:
    """A JPEG or WebP of a picture with 8 bits, the recipe and the mark inside. A JPEG has no
    transparency, so it is laid on white. Raises UserError where the format has no room for it, or
    no quality makes it so small.
    """
    _check_room(picture, form, recipe)
    if form.kind == "jpeg":
        picture = _on_white(picture)
    about: dict[str, Any] = {"icc_profile": icc, "exif": b"Exif\0\0" + exif if exif else b""}
    if form.kind == "jpeg":
        about |= {"comment": recipe.to_json().encode()}
        about |= {"xmp": xmp(recipe, inside=False).encode()}
    else:
        about |= {"xmp": xmp(recipe).encode()}
    if form.most:
        return _smaller(picture, form, about)
    return _encoded(picture, form.kind, form.quality, about)


def _check_room(picture: Image.Image, form: Format, recipe: Recipe) -> None:
    if max(picture.size) > SIDES[form.kind]:
        raise UserError(
            "A {format} has at most {most} pixels a side, and this picture has {width} x {height}: "
            "choose PNG.",
            format=NAMES[form.kind],
            most=SIDES[form.kind],
            width=picture.width,
            height=picture.height,
        )
    if form.kind == "jpeg" and len(recipe.to_json().encode()) > COMMENT:
        raise UserError("A JPEG has no room for a recipe as long as this: choose PNG or WebP.")


def _smaller(picture: Image.Image, form: Format, about: dict[str, Any]) -> bytes:
    """As good as `form.most` bytes allow: the best quality is tried first, then halves of what is
    left.
    """
    low, high = QUALITIES
    best = None
    quality = high
    while low <= high:
        made = _encoded(picture, form.kind, quality, about)
        if len(made) <= form.most:
            best, low = made, quality + 1
        else:
            least, high = len(made), quality - 1
        quality = (low + high) // 2
    if best is None:
        raise UserError(
            "Even at the lowest quality this {format} has {least} kB, not {most}: allow more, or "
            "make the picture smaller.",
            format=NAMES[form.kind],
            least=-(-least // 1000),
            most=form.most // 1000,
        )
    return best


def _encoded(picture: Image.Image, kind: str, quality: int, about: dict[str, Any]) -> bytes:
    # in memory: straight to a file Pillow would not tell that the disk is full
    buffer = io.BytesIO()
    if kind == "webp":
        lossless = quality == 100
        picture.save(buffer, "WEBP", quality=quality, lossless=lossless, exact=True, **about)
    else:
        dense = 0 if quality > DENSE else 2
        picture.save(buffer, "JPEG", quality=quality, subsampling=dense, **about)
    return buffer.getvalue()


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode not in ("LA", "RGBA"):
        return picture
    colours = "L" if picture.mode == "LA" else "RGB"
    paper = Image.new(colours, picture.size, "white")
    paper.paste(picture.convert(colours), mask=picture.getchannel("A"))
    return paper
