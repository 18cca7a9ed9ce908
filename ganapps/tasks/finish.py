"""What comes after a network, at once and without it: the crop before, strength and colours after,
and what is shown of a result.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ganapps.errors import UserError
from ganapps.pictures.images import eight_bits, shown_size, to_picture
from ganapps.tasks import colours, resample
from ganapps.tasks.planes import has_alpha


def crop(pixels: np.ndarray, box: list[int] | None) -> np.ndarray:
    """The part [x, y, width, height] of [H, W, C]; all of it for None. Raises UserError where it
    does not lie inside.
    """
    if box is None:
        return pixels
    if len(box) != 4 or not all(isinstance(n, int) and not isinstance(n, bool) for n in box):
        raise UserError("A crop is four whole numbers: x, y, width, height.")
    x, y, width, height = box
    if (
        min(x, y) < 0
        or min(width, height) < 1
        or x + width > pixels.shape[1]
        or y + height > pixels.shape[0]
    ):
        raise UserError(
            "The crop {box} does not lie inside a picture of {width} x {height} pixels.",
            box=str(box),
            width=pixels.shape[1],
            height=pixels.shape[0],
        )
    return np.ascontiguousarray(pixels[y : y + height, x : x + width])


def put(part: np.ndarray, source: np.ndarray, corner: tuple[int, int] | None) -> np.ndarray:
    """`source` [H, W, C] with `part` [h, w, C] from the `corner` (top, left) on; None: `part` is
    all.
    """
    if corner is None:
        return part
    (top, left), (height, width) = corner, part.shape[:2]
    pixels = source.copy()
    pixels[top : top + height, left : left + width] = part
    return pixels


def finish(
    result: np.ndarray,
    source: np.ndarray,
    strength: float,
    keep_colours: bool,
    wraps: bool = False,
) -> np.ndarray:
    """`result` [H, W, C] with the colours of `source` [h, w, C], and mixed with it: strength 0 is
    the source (bicubic), 1 the result. `wraps`: both go on at their edges.
    """
    if keep_colours:
        result = colours.keep_colours(result, source, wraps)
    if strength < 1:
        source = _with_channels(source, result.shape[2])
        enlarged = resample.resize(
            source if source.dtype == result.dtype else _as(source, result.dtype),
            result.shape[1::-1],
            wraps,
        )
        result = colours.blend(enlarged, result, strength)
    return result


def shown(result: np.ndarray, source: np.ndarray) -> dict[str, Any]:
    """Two pictures of one size to lay on each other: `after`, and `before`, the source by bicubic;
    smaller where they are large.
    """
    size = shown_size(result.shape[1::-1])
    both = {
        name: eight_bits(p) if p.dtype == np.uint16 else p
        for name, p in (("before", source), ("after", result))
    }
    return {
        name: to_picture(p if p.shape[1::-1] == size else resample.resize(p, size))
        for name, p in both.items()
    }


def _with_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    """[H, W, C] with as many channels as the result has: grey as colours or colours as grey, opaque
    where alpha is asked for.
    """
    alpha, colours_ = (pixels[..., -1:], pixels[..., :-1]) if has_alpha(pixels) else (None, pixels)
    if colours_.shape[2] != (wanted := 3 if channels >= 3 else 1):
        colours_ = (
            np.repeat(colours_, 3, axis=2)
            if wanted == 3
            else colours_.mean(axis=2, keepdims=True).astype(pixels.dtype)
        )
    if channels in (1, 3):
        return colours_
    return np.concatenate(
        [
            colours_,
            np.full_like(colours_[..., :1], np.iinfo(pixels.dtype).max) if alpha is None else alpha,
        ],
        axis=2,
    )


def _as(pixels: np.ndarray, kind: np.dtype) -> np.ndarray:
    """8 bits as 16, or 16 as 8."""
    return eight_bits(pixels) if kind == np.uint8 else pixels.astype(np.uint16) * 257
