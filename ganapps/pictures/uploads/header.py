"""What a picture file claims before any pixel is decoded.

A decoder sees only the parts that its pixels need: texts, thumbnails, further frames and unknown
chunks never reach it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ganapps.errors import Message, UserError
from ganapps.pictures.uploads.light import Light
from ganapps.pictures.uploads.stored import Data, Pieces

EXTRAS = 16_000_000  # bytes a file may carry beside its pixels: profile, EXIF, texts


@dataclass(frozen=True)
class Region:
    """Some rows of a picture, `top` to `bottom`, as a file of their own. `planes` are the files of
    the second and further colours of a 16 bit TIFF that keeps them apart.
    """

    top: int
    bottom: int
    file: Pieces
    planes: tuple[Pieces, ...] = ()


@dataclass(frozen=True)
class Header:
    """A picture's claims, and what its decoder needs.

    `kind` is Pillow's word for the format, `size` (W, H) as stored, `file` a file of the first
    picture alone (of a PNG, its packed rows), `several` whether more frames or pages follow.
    `regions` are the pieces that can be decoded one after the other, where the format has such.
    `memory` is how many bytes decoding takes at most, the result included. `icc`, `exif` (a TIFF
    block) and `date` are as found, unchecked; an empty profile is a damaged one. `turned` is an
    orientation as EXIF counts it that stands outside of EXIF. `depth` is in bits a sample; `key`
    the transparent colour, or the alphas of the palette, of a PNG; `colours`, `interlaced` and
    `palette` are a PNG's too; `inverted`: its 0 is white. `light` is what its numbers mean where
    that is not sRGB and no profile says so. `overlooked` are sentences on what is wrong with the
    file and did not matter.
    """

    kind: str
    size: tuple[int, int]
    file: Pieces
    memory: int
    several: bool = False
    icc: bytes | None = None
    exif: Data | None = None
    date: str | None = None
    turned: int = 1
    key: bytes | None = None
    depth: int = 8
    colours: int = 0
    interlaced: bool = False
    palette: bytes | None = None
    inverted: bool = False
    light: Light | None = None
    overlooked: tuple[Message, ...] = ()
    regions: Callable[[], Iterable[Region]] | None = None


def cut_off() -> UserError:
    return UserError(
        "This picture ends in the middle, so none of it was used: fetch it again, or save it again."
    )


def damaged() -> UserError:
    return UserError(
        "This picture is damaged, or was made to do harm: save it again with another program."
    )


def overloaded() -> UserError:
    return UserError(
        "This picture carries more than {most} MB beside its pixels: save it again without texts "
        "and previews.",
        most=EXTRAS // 1_000_000,
    )


def unknown_pixels() -> UserError:
    return UserError(
        "This picture has pixels of a kind that can't be read here: save it as PNG first."
    )


def too_bright(transfer: str) -> UserError:
    """The refusal of a picture whose numbers mean more light than a screen's white."""
    return UserError(
        "This is an HDR picture ({transfer}), whose brightness no model here understands: "
        "save it for ordinary screens (sRGB) first.",
        transfer=transfer,
    )
