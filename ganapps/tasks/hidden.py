"""Colours under full transparency: what a file holds there nobody sees, but a network and every
mean would.
"""

from __future__ import annotations

import numpy as np

from ganapps.errors import Message
from ganapps.tasks import resample
from ganapps.tasks.planes import has_alpha

SAID: tuple[Message, ...] = (
    Message(
        "Where the picture is fully transparent, its hidden colours were replaced by those around "
        "them."
    ),
)


def any_hidden(pixels: np.ndarray) -> bool:
    """Has [H, W, C] a pixel that is fully transparent?"""
    return has_alpha(pixels) and not pixels[..., -1].all()


def extended(pixels: np.ndarray) -> np.ndarray:
    """`pixels` [H, W, C], uint8 or uint16, whose colours under full transparency go on from the
    visible ones, so that two pictures that look the same are the same; a picture that hides nothing
    as it is.

    Means of ever larger squares, weighed by alpha (a pyramid), fill the holes from coarse to fine,
    each between its four nearest ones. Where nothing at all is visible, it is white.
    """
    if not any_hidden(pixels):
        return pixels
    levels = [pixels.copy()]
    while any_hidden(levels[-1]) and max(levels[-1].shape[:2]) > 1:
        levels.append(_halved(levels[-1]))
    top = levels[-1]
    top[top[..., -1] == 0, :-1] = np.iinfo(pixels.dtype).max
    for fine, coarse in zip(levels[-2::-1], levels[:0:-1], strict=True):
        _fill(fine, coarse)
    return levels[0]


def _halved(pixels: np.ndarray) -> np.ndarray:
    """[ceil(H/2), ceil(W/2), C]: the mean colours of each four, weighed by alpha; their alpha is
    the largest of theirs.
    """
    height, width, channels = pixels.shape
    made = np.empty((-(-height // 2), -(-width // 2), channels), pixels.dtype)
    for top, bottom in resample.strips(made.shape[0], 4 * made.shape[1]):
        part = pixels[2 * top : 2 * bottom]
        # what lies outside weighs nothing
        part = np.pad(part, ((0, len(part) % 2), (0, width % 2), (0, 0)))
        part = part.reshape(len(part) // 2, 2, -1, 2, channels)
        weights = part[..., -1:].astype(np.float64)
        total = weights.sum(axis=(1, 3))
        made[top:bottom, :, :-1] = (part[..., :-1] * weights).sum(axis=(1, 3)) / np.maximum(
            total, 1
        ) + 0.5
        made[top:bottom, :, -1] = part[..., -1].max(axis=(1, 3))
    return made


def _fill(fine: np.ndarray, coarse: np.ndarray) -> None:
    """The holes of `fine` from `coarse`, which has half its sides and no hole, bilinearly."""
    for top, bottom in resample.strips(*fine.shape[:2]):
        y, x = np.nonzero(fine[top:bottom, :, -1] == 0)
        near = [(y + top) // 2, x // 2]
        far = [
            np.clip(n + np.where(at % 2, 1, -1), 0, most - 1)
            for n, at, most in zip(near, (y + top, x), coarse.shape[:2], strict=True)
        ]
        colours = [
            coarse[rows, columns, :-1].astype(np.uint32)
            for rows in (near[0], far[0])
            for columns in (near[1], far[1])
        ]
        made = (9 * colours[0] + 3 * colours[1] + 3 * colours[2] + colours[3] + 8) // 16
        fine[top:bottom][y, x, :-1] = made
