"""The pixels of a checked file as an array, through Pillow, with all the bits that it holds."""

from __future__ import annotations

import struct
import sys
from io import BytesIO

import numpy as np
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageCms,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from ganapps.report import Sentence
from ganapps.uploads.header import Header, cut_off, damaged, unknown_pixels

OPEN = {
    "PNG": PngImagePlugin.PngImageFile,
    "JPEG": JpegImagePlugin.JpegImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
}
BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    struct.error,
)
PLAIN = {"L", "LA", "RGB", "RGBA", "RGBX", "I;16", "I;16B"}  # modes that need no conversion
SPACES = {"CMYK": b"CMYK", "LAB": b"Lab ", "L": b"GRAY", "LA": b"GRAY", "1": b"GRAY", "I;16": b"GRAY", "I;16B": b"GRAY"}


def pixels(header: Header, changes: list[Sentence]) -> tuple[np.ndarray, bytes | None]:
    """[H, W, C] as in Upload, not yet upright, and the colour profile they are meant in. What had to be converted is
    added to `changes`.

    Raises UserError for a file that ends early, is damaged, or holds pixels of an unknown kind.
    """
    picture = _opened(header, header.file)
    mode, icc = picture.mode, _profile(header.icc, SPACES.get(picture.mode, b"RGB "), changes)
    if mode in ("CMYK", "LAB"):
        if header.depth == 16:
            changes.append(("Its 16 bit CMYK was read with 8 bit.", {}))
        return _converted(_loaded(picture), icc, changes), None
    if header.depth == 16:
        made = _wide(header, picture)
    else:
        made = _narrow(_loaded(picture), header, icc)
    return (_with_key(made, header) if header.kind == "PNG" and header.key and mode != "P" else made), icc


def _opened(header: Header, file: bytes) -> Image.Image:
    try:
        picture = OPEN[header.kind](BytesIO(file))
    except BROKEN as e:
        raise unknown_pixels() from e
    if picture.size != header.size:
        raise damaged()
    return picture


def _loaded(picture: Image.Image) -> Image.Image:
    try:
        picture.load()
    except BROKEN as e:
        raise (cut_off() if isinstance(e, EOFError) or "truncated" in str(e) else damaged()) from e
    return picture


def _array(picture: Image.Image) -> np.ndarray:
    """[H, W, C] of a loaded picture, copied strip by strip: in one go Pillow needs room for the whole once more."""
    _loaded(picture)
    width, height = picture.size
    made = None
    for top in range(0, height, 256):
        part = np.asarray(picture.crop((0, top, width, min(top + 256, height))))
        part = part[..., None] if part.ndim == 2 else part
        made = np.empty((height, *part.shape[1:]), part.dtype) if made is None else made
        made[top : top + 256] = part
    return made


def _narrow(picture: Image.Image, header: Header, icc: bytes | None) -> np.ndarray:
    if picture.mode in ("P", "PA"):
        return _of_palette(picture, header.key or picture.info.get("transparency"), grey=icc is None)
    if picture.mode == "1":
        picture = picture.convert("L")
    elif picture.mode in ("YCbCr", "RGBa"):
        picture = picture.convert("RGB" if picture.mode == "YCbCr" else "RGBA")
    if picture.mode not in PLAIN:
        raise unknown_pixels()
    made = _array(picture)[..., : 3 if picture.mode == "RGBX" else None]
    key = picture.info.get("transparency")
    return _keyed(made, (key,)) if header.kind == "GIF" and isinstance(key, int) else made


def _of_palette(picture: Image.Image, clear: int | bytes | None, grey: bool) -> np.ndarray:
    """Colours looked up. A palette of greys gives a grey picture where `grey`; `clear` is the transparent entry, or all
    alphas."""
    colours = np.zeros((256, 4), np.uint8)
    colours[:, 3] = 255
    listed = np.frombuffer(bytes(picture.getpalette("RGB") or b""), np.uint8).reshape(-1, 3)[:256]
    colours[: len(listed), :3] = listed
    if isinstance(clear, bytes):
        colours[: len(clear[:256]), 3] = np.frombuffer(clear[:256], np.uint8)
    elif clear is not None:
        colours[clear, 3] = 0
    wanted = [0] if grey and (listed == listed[:, :1]).all() else [0, 1, 2]
    index = _array(picture)
    if picture.mode == "PA":
        return np.dstack([colours[:, wanted][index[..., 0]], index[..., 1]])
    return colours[:, wanted + [3] * (clear is not None)][index[..., 0]]


def _wide(header: Header, picture: Image.Image) -> np.ndarray:
    """uint16. Pillow has one 16 bit mode, grey; of colours it keeps one byte of each pair, so they are decoded twice:
    high bytes, then low."""
    if picture.mode in ("I;16", "I;16B"):
        planes = [picture, *(_opened(header, file) for file in header.planes)]
        made = np.dstack([_array(plane).astype(np.uint16) for plane in planes])
        return 65535 - made if header.inverted else made
    mode = _raw_mode(picture)
    if mode == "LA;16B":  # as four bytes a pixel: high and low of grey, high and low of alpha
        return _read_as(header, "RGBA").view(">u2").astype(np.uint16)
    if not mode.endswith((";16B", ";16L", ";16N")):
        raise unknown_pixels()
    order = mode[-1] if mode[-1] != "N" else {"little": "L", "big": "B"}[sys.byteorder]
    kind = mode[:-1].replace("RGBa", "RGBA")
    made = _read_as(header, kind + order).astype(np.uint16)
    made <<= 8
    made |= _read_as(header, kind + {"L": "B", "B": "L"}[order])
    return _unmultiplied(made) if mode.startswith("RGBa") else made


def _raw_mode(picture: Image.Image) -> str:
    if not picture.tile:
        raise damaged()
    args = picture.tile[0].args
    return args if isinstance(args, str) else args[0]


def _read_as(header: Header, mode: str) -> np.ndarray:
    """The bytes that Pillow takes from each pixel when it is told that they lie like this."""
    picture = _opened(header, header.file)
    tiles = (t._replace(args=mode if isinstance(t.args, str) else (mode, *t.args[1:])) for t in picture.tile)
    picture.tile = list(tiles)
    return _array(picture)


def _unmultiplied(made: np.ndarray) -> np.ndarray:
    alpha = np.maximum(made[..., 3:], 1).astype(np.uint32)
    made[..., :3] = np.minimum((made[..., :3].astype(np.uint32) * 65535 + alpha // 2) // alpha, 65535)
    return made


def _with_key(made: np.ndarray, header: Header) -> np.ndarray:
    """The transparent colour of a PNG as an alpha channel; the file states it in its own depth."""
    channels = min(made.shape[2], 3)
    if len(header.key) != 2 * channels:
        return made
    key = struct.unpack(f">{channels}H", header.key)
    return _keyed(made, tuple(k * 255 // (2**header.depth - 1) for k in key) if header.depth < 8 else key)


def _keyed(made: np.ndarray, key: tuple[int, ...]) -> np.ndarray:
    clear = np.logical_and.reduce([made[..., i] == k for i, k in enumerate(key)])
    return np.dstack([made, np.where(clear, 0, np.iinfo(made.dtype).max).astype(made.dtype)])


def _converted(picture: Image.Image, icc: bytes | None, changes: list[Sentence]) -> np.ndarray:
    """CMYK or Lab as sRGB, which no later step could do; the profile is used up by it."""
    source = (
        ImageCms.createProfile("LAB")
        if picture.mode == "LAB"
        else ImageCms.ImageCmsProfile(BytesIO(icc))
        if icc
        else None
    )
    if source is not None:
        try:
            made = np.asarray(
                ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            )
        except ImageCms.PyCMSError:
            source = None
    if picture.mode == "LAB":
        changes.append(("Its Lab colours were converted to sRGB.", {}))
    elif source is not None:
        changes.append(("Its CMYK colours were converted to sRGB through its own profile.", {}))
    else:
        changes.append(("Its CMYK colours have no usable profile, so their conversion to sRGB is only near.", {}))
        made = _near(np.asarray(picture))
    return made


def _near(cmyk: np.ndarray) -> np.ndarray:
    """Inks that multiply: (255 - C)(255 - K) / 255, row by row."""
    made = np.empty((*cmyk.shape[:2], 3), np.uint8)
    for row, inks in zip(made, cmyk, strict=True):
        paper = 255 - inks.astype(np.uint32)
        row[:] = (paper[:, :3] * paper[:, 3:] + 127) // 255
    return made


def _profile(icc: bytes | None, space: bytes, changes: list[Sentence]) -> bytes | None:
    """The profile, where it is one and is about these colours."""
    if icc is None:
        return None
    size = int.from_bytes(icc[:4], "big")
    try:
        if not 128 < size <= len(icc):
            raise OSError
        ImageCms.ImageCmsProfile(BytesIO(icc[:size]))
    except (OSError, ImageCms.PyCMSError):
        changes.append(("Its colour profile is damaged and was left out.", {}))
        return None
    if icc[16:20] != space:
        changes.append(("Its colour profile is for other kinds of colours and was left out.", {}))
        return None
    return icc[:size]
