"""What a picture file claims before any pixel is decoded.

A decoder sees only the parts that its pixels need: texts, thumbnails, further frames and unknown chunks never reach it.
"""

from __future__ import annotations

from dataclasses import dataclass

from ganapps.errors import UserError

EXTRAS = 16_000_000  # bytes a file may carry beside its pixels: profile, EXIF, texts


@dataclass(frozen=True)
class Header:
    """A picture's claims, and what its decoder needs.

    `kind` is Pillow's word for the format, `size` (W, H) as stored, `file` a file of the first picture alone, `several`
    whether more frames or pages follow. `icc`, `exif` (a TIFF block) and `date` are as found, unchecked; an empty
    profile is a damaged one. `depth` is in bits a sample; `key` the transparent colour, or the alphas of the palette,
    of a PNG; `planes` the files of the second and further colours of a 16 bit TIFF that keeps them apart; `inverted`:
    its 0 is white.
    """

    kind: str
    size: tuple[int, int]
    file: bytes
    several: bool = False
    icc: bytes | None = None
    exif: bytes | None = None
    date: str | None = None
    key: bytes | None = None
    depth: int = 8
    planes: tuple[bytes, ...] = ()
    inverted: bool = False


def cut_off() -> UserError:
    return UserError("This picture ends in the middle, so none of it was used: fetch it again, or save it again.")


def damaged() -> UserError:
    return UserError("This picture is damaged, or was made to do harm: save it again with another program.")


def overloaded() -> UserError:
    return UserError(
        "This picture carries more than {most} MB beside its pixels: save it again without texts and previews.",
        most=EXTRAS // 1_000_000,
    )


def unknown_pixels() -> UserError:
    return UserError("This picture has pixels of a kind that can't be read here: save it as PNG first.")
