"""The pixels of a checked file as an array, part by part, with all the bits that it holds."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import BinaryIO

import numpy as np
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageCms,
    ImageFile,
    JpegImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from ganapps.errors import Message
from ganapps.pictures.uploads import jpeg, png_rows
from ganapps.pictures.uploads.header import Header, Region, cut_off, damaged, unknown_pixels
from ganapps.pictures.uploads.stored import Pieces

OPEN: dict[str, Callable[[BinaryIO], ImageFile.ImageFile]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
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
    RuntimeError,
    struct.error,
)
PLAIN = {"L", "LA", "RGB", "RGBA", "RGBX", "I;16", "I;16B"}  # modes that need no conversion
SPACES = {
    "CMYK": b"CMYK",
    "LAB": b"Lab ",
    "L": b"GRAY",
    "LA": b"GRAY",
    "1": b"GRAY",
    "I;16": b"GRAY",
    "I;16B": b"GRAY",
}
STRIP = 500_000  # pixels that are converted at a time

Convert = Callable[[np.ndarray], np.ndarray]
# the same rows of each of a region's pictures -> [h, W, C]
Join = Callable[[list[Image.Image]], np.ndarray]


def pixels(
    header: Header, orientation: int, changes: list[Message]
) -> tuple[np.ndarray, bytes | None]:
    """[H, W, C] as in Upload, upright, and the colour profile they are meant in. What had to be
    converted is added to `changes`.

    Each part is converted and put where it belongs at once, so that there is never more than the
    result and one part. Raises UserError for a file that ends early, is damaged, or holds pixels of
    an unknown kind.
    """
    canvas = _Canvas(header.size, orientation)
    if header.kind == "PNG":
        icc = _profile(header.icc, b"RGB " if header.colours in (2, 3, 6) else b"GRAY", changes)
        convert = _of_png(header, grey=icc is None, changes=changes)
        for rows, columns, part in png_rows.samples(header):
            canvas.put(rows, columns, convert(part))
        return canvas.made, icc
    if header.kind == "JPEG":
        jpeg.check_passes(header)
    join, icc = None, None
    for region in _regions(header):
        mode, pictures = _pictures(header, region)
        if join is None:
            icc = _profile(header.icc, SPACES.get(pictures[0].mode, b"RGB "), changes)
            join = _join(header, mode, pictures[0], icc, changes)
        for top, bottom in _strips(*pictures[0].size):
            box = (0, top, header.size[0], bottom)
            canvas.put(
                slice(region.top + top, region.top + bottom),
                slice(None),
                join([p.crop(box) for p in pictures]),
            )
    icc = None if pictures[0].mode in ("CMYK", "LAB") else icc
    made = canvas.made
    if header.kind == "BMP" and made.shape[2] == 4 and not made[..., 3].any():
        changes.append(
            Message("Its transparency would hide all of it and was left out, as other programs do.")
        )
        made = np.ascontiguousarray(made[..., :3])
    return made, icc


def as_stored(made: np.ndarray, orientation: int) -> np.ndarray:
    """A view on an upright picture [H, W, C] in which its pixels lie as they were stored with this
    EXIF orientation, 1 to 8; other numbers turn nothing.
    """
    if orientation in (2, 3, 6, 7):
        made = made[:, ::-1]
    if orientation in (3, 4, 7, 8):
        made = made[::-1]
    return made.swapaxes(0, 1) if orientation in (5, 6, 7, 8) else made


class _Canvas:
    """The upright result, which comes into being with its first part."""

    def __init__(self, size: tuple[int, int], orientation: int) -> None:
        self._size, self._orientation = size, orientation
        self.made = np.empty((0, 0, 0), np.uint8)

    def put(self, rows: slice, columns: slice, part: np.ndarray) -> None:
        """Takes `part` [h, w, C], which lies there in the picture as it is stored."""
        if not self.made.size:
            shape = self._size if self._orientation in (5, 6, 7, 8) else self._size[::-1]
            self.made = np.zeros((*shape, part.shape[2]), part.dtype)
            self._stored = as_stored(self.made, self._orientation)
        if part.shape[2] != self.made.shape[2]:
            raise damaged()
        self._stored[rows, columns] = part


# PNG: numbers as they stand in the file


def _of_png(header: Header, grey: bool, changes: list[Message]) -> Convert:
    """From the file's numbers to pixels: entries of the palette looked up, the transparent colour
    as alpha, other light as sRGB.
    """
    light = header.light
    if light is not None:
        changes.append(
            Message(
                "Its colours were converted to sRGB from what the file says of their brightness."
            )
        )

    def convert(part: np.ndarray) -> np.ndarray:
        if table is not None:
            part = table[part[..., 0]]
        elif key is not None:
            part = _keyed(part, key)
        return part if light is None else light.converted(part)

    key = _key(header)
    table = None
    if header.colours == 3 and header.palette is not None:
        table = _table(header.palette, header.key, grey)
    return convert


def _key(header: Header) -> tuple[int, ...] | None:
    """The transparent colour of a PNG in its pixels' own range; the file states it in its own
    depth.
    """
    channels = {0: 1, 2: 3}.get(header.colours)
    if channels is None or header.key is None or len(header.key) != 2 * channels:
        return None
    key = struct.unpack(f">{channels}H", header.key)
    return tuple(k * 255 // (2**header.depth - 1) for k in key) if header.depth < 8 else key


def _keyed(made: np.ndarray, key: tuple[int, ...]) -> np.ndarray:
    clear = np.logical_and.reduce([made[..., i] == k for i, k in enumerate(key)])
    return np.dstack([made, np.where(clear, 0, np.iinfo(made.dtype).max).astype(made.dtype)])


def _table(palette: bytes, clear: int | bytes | None, grey: bool) -> np.ndarray:
    """[256, C]: the pixel of each entry. A palette of greys gives grey ones where `grey`; `clear`
    is the transparent entry, or all alphas.
    """
    colours = np.zeros((256, 4), np.uint8)
    colours[:, 3] = 255
    listed = np.frombuffer(palette[: len(palette) // 3 * 3], np.uint8).reshape(-1, 3)[:256]
    colours[: len(listed), :3] = listed
    if isinstance(clear, bytes):
        colours[: len(clear[:256]), 3] = np.frombuffer(clear[:256], np.uint8)
    elif clear is not None:
        colours[clear, 3] = 0
    wanted = [0] if grey and (listed == listed[:, :1]).all() else [0, 1, 2]
    return colours[:, wanted + [3] * (clear is not None)]


# The others: through Pillow


def _regions(header: Header) -> Iterator[Region]:
    yield from header.regions() if header.regions else (Region(0, header.size[1], header.file),)


def _opened(header: Header, region: Region, file: Pieces) -> ImageFile.ImageFile:
    try:
        picture = OPEN[header.kind](file.open())
    except BROKEN as e:
        raise unknown_pixels() from e
    if picture.size != (header.size[0], region.bottom - region.top):
        raise damaged()
    return picture


def _loaded(picture: Image.Image) -> Image.Image:
    try:
        picture.load()
    except BROKEN as e:
        raise (cut_off() if isinstance(e, EOFError) or "truncated" in str(e) else damaged()) from e
    return picture


def _pictures(header: Header, region: Region) -> tuple[str, list[ImageFile.ImageFile]]:
    """What Pillow makes of a region, and its mode. It has one 16 bit mode, grey; of colours it
    keeps one byte of each pair, so they are decoded twice: high bytes, then low; the mode is then
    how they lie ("RGB;16B").
    """
    opened = [_opened(header, region, file) for file in (region.file, *region.planes)]
    mode = opened[0].mode
    if header.depth == 16 and mode not in ("I;16", "I;16B", "CMYK", "LAB"):
        mode = _raw_mode(opened[0])
        order = mode[-1] if mode[-1] != "N" else {"little": "L", "big": "B"}[sys.byteorder]
        kind = mode[:-1].replace("RGBa", "RGBA")
        opened.append(_opened(header, region, region.file))
        for picture, o in zip(opened, (order, {"L": "B", "B": "L"}[order]), strict=True):
            _read_as(picture, kind + o)
    for picture in opened:
        _loaded(picture)
    if any(picture.mode != opened[0].mode for picture in opened):
        raise damaged()
    return mode if ";16" in mode else opened[0].mode, opened


def _join(
    header: Header, mode: str, picture: Image.Image, icc: bytes | None, changes: list[Message]
) -> Join:
    """What turns rows of a region's pictures into pixels. `picture` is the first of them."""
    if mode in ("CMYK", "LAB"):
        if header.depth == 16:
            changes.append(Message("Its 16 bit CMYK was read with 8 bit."))
        return _to_srgb(mode, icc, changes)
    if mode in ("I;16", "I;16B"):
        return lambda some: np.dstack(
            [_inverted(_array(one).astype(np.uint16), header) for one in some]
        )
    if ";16" in mode:
        return _unmultiplied if mode.startswith("RGBa") else _words
    if mode in ("P", "PA"):
        return _looked_up(picture, grey=icc is None)
    if mode not in PLAIN | {"1", "YCbCr", "RGBa"}:
        raise unknown_pixels()
    light = header.light
    if light is not None:
        changes.append(
            Message(
                "Its colours were converted to sRGB from what the file says of their brightness."
            )
        )
        return lambda some: light.converted(_array(some[0]))
    key = picture.info.get("transparency")
    if header.kind == "GIF" and isinstance(key, int):
        return lambda some: _keyed(_array(some[0]), (key,))
    return lambda some: _array(some[0])[..., : 3 if mode == "RGBX" else None]


def _strips(width: int, height: int) -> Iterator[tuple[int, int]]:
    """(top, bottom) of some rows at a time: in one go Pillow needs room for the whole once more."""
    rows = max(1, STRIP // width)
    for top in range(0, height, rows):
        yield top, min(top + rows, height)


def _array(picture: Image.Image) -> np.ndarray:
    """[h, w, C] of rows, in a mode that numpy knows."""
    other = {"1": "L", "YCbCr": "RGB", "RGBa": "RGBA"}.get(picture.mode)
    return np.atleast_3d(np.asarray(picture.convert(other) if other else picture))


def _inverted(part: np.ndarray, header: Header) -> np.ndarray:
    return 65535 - part if header.inverted else part


def _words(some: list[Image.Image]) -> np.ndarray:
    """uint16 of the high bytes and the low ones."""
    high, low = some
    return _array(high).astype(np.uint16) << 8 | _array(low)


def _raw_mode(picture: ImageFile.ImageFile) -> str:
    args = picture.tile[0].args if picture.tile else None
    if not args:
        raise damaged()
    return args if isinstance(args, str) else args[0]


def _read_as(picture: ImageFile.ImageFile, mode: str) -> None:
    """From now on Pillow takes from each pixel the bytes that it takes when it is told that they
    lie like this.
    """
    tiles = (
        t._replace(args=(mode, *t.args[1:]) if t.args and not isinstance(t.args, str) else mode)
        for t in picture.tile
    )
    picture.tile = list(tiles)


def _looked_up(picture: Image.Image, grey: bool) -> Join:
    """From entries of the palette to their pixels."""
    clear = picture.info.get("transparency")
    table = _table(bytes(picture.getpalette("RGB") or b""), clear, grey)
    if picture.mode == "PA":
        return lambda some: np.dstack(
            [table[:, :3][_array(some[0])[..., 0]], _array(some[0])[..., 1]]
        )
    return lambda some: table[_array(some[0])[..., 0]]


def _unmultiplied(some: list[Image.Image]) -> np.ndarray:
    """uint16 of high and low bytes, whose alpha is multiplied in."""
    made = _words(some)
    alpha = np.maximum(made[..., 3:], 1).astype(np.uint32)
    made[..., :3] = np.minimum(
        (made[..., :3].astype(np.uint32) * 65535 + alpha // 2) // alpha, 65535
    )
    return made


def _to_srgb(mode: str, icc: bytes | None, changes: list[Message]) -> Join:
    """CMYK or Lab as sRGB, which no later step could do; the profile is used up by it."""
    transform = _transform(mode, icc)
    if mode == "LAB":
        changes.append(Message("Its Lab colours were converted to sRGB."))
    elif transform is not None:
        changes.append(Message("Its CMYK colours were converted to sRGB through its own profile."))
    else:
        changes.append(
            Message(
                "Its CMYK colours have no usable profile, so their conversion to sRGB is only near."
            )
        )
        return lambda some: _near(_array(some[0]))
    assert transform is not None, "Lab always has one"

    def converted(some: list[Image.Image]) -> np.ndarray:
        made = ImageCms.applyTransform(some[0], transform)
        assert made is not None, "not in place"
        return _array(made)

    return converted


def _transform(mode: str, icc: bytes | None) -> ImageCms.ImageCmsTransform | None:
    """To sRGB; None for CMYK without a usable profile."""
    if mode != "LAB" and not icc:
        return None
    try:
        source = (
            ImageCms.createProfile("LAB")
            if mode == "LAB"
            else ImageCms.ImageCmsProfile(BytesIO(icc or b""))
        )
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except ImageCms.PyCMSError:
        return None


def _near(cmyk: np.ndarray) -> np.ndarray:
    """Inks that multiply: (255 - C)(255 - K) / 255."""
    paper = 255 - cmyk.astype(np.uint32)
    return ((paper[..., :3] * paper[..., 3:] + 127) // 255).astype(np.uint8)


def _profile(icc: bytes | None, space: bytes, changes: list[Message]) -> bytes | None:
    """The profile, where it is one and is about these colours."""
    if icc is None:
        return None
    size = int.from_bytes(icc[:4], "big")
    try:
        if not 128 < size <= len(icc):
            raise OSError
        ImageCms.ImageCmsProfile(BytesIO(icc[:size]))
    except (OSError, ImageCms.PyCMSError):
        changes.append(Message("Its colour profile is damaged and was left out."))
        return None
    if icc[16:20] != space:
        changes.append(
            Message("Its colour profile is for other kinds of colours and was left out.")
        )
        return None
    return icc[:size]
