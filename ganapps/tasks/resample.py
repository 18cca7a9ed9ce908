"""Bicubic resizing strip by strip, so that memory follows the strip and not the picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

STRIP = 500_000  # pixels at a time: a few MB, which caches hold
Box = tuple[float, float, float, float]  # left, top, right, bottom


def strips(height: int, width: int) -> Iterator[tuple[int, int]]:
    """(top, bottom) of strips that make up a picture of this size."""
    rows = max(1, STRIP // width)
    for top in range(0, height, rows):
        yield top, min(top + rows, height)


def _as_floats(pixels: np.ndarray) -> np.ndarray:
    return pixels.astype(np.float32)


def rows(
    pixels: np.ndarray,
    size: tuple[int, int],
    top: int,
    bottom: int,
    of: Callable[[np.ndarray], np.ndarray] = _as_floats,
    wraps: bool = False,
) -> np.ndarray:
    """Rows `top` to `bottom` of `of(pixels)` [H, W, C] resized to `size` (W, H), as float32, not
    clipped.

    `of` turns rows of pixels into the floats that are resized. Bicubic (a = -0.5), widened when it
    shrinks, as in Pillow, and as low-resolution pictures are made in the papers. A picture that
    `wraps` goes on at its edges with what stands at the opposite ones.
    """
    if size == (pixels.shape[1], pixels.shape[0]):
        return of(pixels[top:bottom])
    part, box = _part(pixels, size, top, bottom, wraps)
    bands = (Image.fromarray(np.ascontiguousarray(band)) for band in np.moveaxis(of(part), 2, 0))
    return np.dstack(
        [
            np.asarray(band.resize((size[0], bottom - top), Image.Resampling.BICUBIC, box))
            for band in bands
        ]
    )


def resize(pixels: np.ndarray, size: tuple[int, int], wraps: bool = False) -> np.ndarray:
    """`pixels` [H, W, C] uint8 or uint16 resized to `size` (W, H), bicubic; colours weigh as much
    as they are opaque. `wraps` as `rows` has it.
    """
    made = np.empty((size[1], size[0], pixels.shape[2]), pixels.dtype)
    for top, bottom in strips(size[1], max(size[0], pixels.shape[1])):
        made[top:bottom] = (_rows_of_bytes if pixels.dtype == np.uint8 else _rows_of_words)(
            pixels, size, top, bottom, wraps
        )
    return made


def _part(
    pixels: np.ndarray, size: tuple[int, int], top: int, bottom: int, wraps: bool
) -> tuple[np.ndarray, Box]:
    """The rows that the rows `top` to `bottom` of the result come from, with all that the filter
    reaches, and their box in it.
    """
    scale = pixels.shape[0] / size[1]
    if wraps:
        return _wrapped(pixels, size, top * scale, bottom * scale)
    reach = _reach(scale)
    first, last = (
        max(0, math.floor(top * scale) - reach),
        min(pixels.shape[0], math.ceil(bottom * scale) + reach),
    )
    return pixels[first:last], (
        0.0,
        top * scale - first,
        float(pixels.shape[1]),
        min(bottom * scale, pixels.shape[0]) - first,
    )


def _wrapped(
    pixels: np.ndarray, size: tuple[int, int], top: float, bottom: float
) -> tuple[np.ndarray, Box]:
    """The same of a picture that goes on at its edges; `top` and `bottom` are its own rows."""
    height, width = pixels.shape[:2]
    down, across = _reach(height / size[1]), _reach(width / size[0])
    first, last = math.floor(top) - down, math.ceil(bottom) + down
    part = pixels.take(np.arange(first, last), axis=0, mode="wrap")
    part = np.pad(part, ((0, 0), (across, across), (0, 0)), mode="wrap")
    return part, (float(across), top - first, float(across + width), bottom - first)


def _reach(scale: float) -> int:
    """How far the filter looks around, in pixels of a picture `scale` times as large."""
    return math.ceil(2 * max(scale, 1.0)) + 1


def _rows_of_bytes(
    pixels: np.ndarray, size: tuple[int, int], top: int, bottom: int, wraps: bool
) -> np.ndarray:
    part, box = _part(pixels, size, top, bottom, wraps)
    picture = Image.fromarray(np.ascontiguousarray(part[..., 0] if part.shape[2] == 1 else part))
    made = np.asarray(picture.resize((size[0], bottom - top), Image.Resampling.BICUBIC, box))
    return made[..., None] if made.ndim == 2 else made


def _rows_of_words(
    pixels: np.ndarray, size: tuple[int, int], top: int, bottom: int, wraps: bool
) -> np.ndarray:
    most = np.iinfo(pixels.dtype).max
    if pixels.shape[2] in (1, 3):
        return (
            (rows(pixels, size, top, bottom, wraps=wraps) + 0.5).clip(0, most).astype(pixels.dtype)
        )
    made = rows(pixels, size, top, bottom, _weighted, wraps)
    made[..., :-1] *= most / made[..., -1:].clip(1, None)
    return (made + 0.5).clip(0, most).astype(pixels.dtype)


def _weighted(pixels: np.ndarray) -> np.ndarray:
    """Colours times alpha, and alpha, so that what is transparent has no say."""
    made = pixels.astype(np.float32)
    made[..., :-1] *= made[..., -1:] / np.iinfo(pixels.dtype).max
    return made
