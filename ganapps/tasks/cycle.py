"""What a pair of translators does to a picture: how much of it returns, and the losses of CycleGAN
(Zhu 2017) on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from ganapps.tasks import hidden, resample


@dataclass(frozen=True)
class Returned:
    """How much of a picture comes back after both ways. `percent` of its variance; `loss` is the
    paper's cycle-consistency loss, the mean absolute difference in -1 to 1 (not multiplied by
    lambda); `map` shows where, its lightest colour is a difference of `high` levels.
    """

    percent: float
    loss: float
    map: Image.Image
    high: float = 64.0


def returned(source: np.ndarray, back: np.ndarray) -> Returned:
    """`source` [H, W, C] beside what both translations made of it, [H, W, C'], 8 or 16 bits each.
    Grey counts as three equal colours.
    """
    first, second = _pair(source, back)
    error = variance = 0.0
    levels = np.empty(first.shape[:2], np.uint8)
    mean = first.mean((0, 1), dtype=np.float64) / _most(source)
    for top, bottom in resample.strips(*first.shape[:2]):
        truth, made = (
            first[top:bottom] / np.float32(_most(source)),
            second[top:bottom] / np.float32(_most(back)),
        )
        error += ((made - truth) ** 2).sum(dtype=np.float64)
        variance += ((truth - mean) ** 2).sum(dtype=np.float64)
        levels[top:bottom] = np.clip(
            np.abs(made - truth).mean(2) * (255 * 255 / Returned.high), 0, 255
        )
    percent = 100.0 if error == 0 else 100 * max(0.0, 1 - error / variance) if variance else 0.0
    return Returned(round(float(percent), 1), distance(source, back), Image.fromarray(levels))


def distance(first: np.ndarray, second: np.ndarray) -> float:
    """The mean absolute difference of two pictures of one size with values in -1 to 1: what the
    paper's losses are made of.

    The cycle-consistency loss is that of x and F(G(x)). The identity loss is that of y and G(y) for
    a picture y that is in G's target domain already, which G should leave alone; and of x and F(x)
    the same way.
    """
    one, other = _pair(first, second)
    total = 0.0
    for top, bottom in resample.strips(*one.shape[:2]):
        total += np.abs(
            one[top:bottom] / np.float32(_most(first))
            - other[top:bottom] / np.float32(_most(second))
        ).sum(dtype=np.float64)
    return round(float(2 * total / one.size), 4)


def _pair(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    assert first.shape[:2] == second.shape[:2], "a translation keeps the size"
    return _colours(hidden.extended(first)), _colours(hidden.extended(second))


def _colours(pixels: np.ndarray) -> np.ndarray:
    """[H, W, 3] of [H, W, 1 to 4]."""
    return pixels[..., :3] if pixels.shape[2] >= 3 else np.repeat(pixels[..., :1], 3, axis=2)


def _most(pixels: np.ndarray) -> int:
    return np.iinfo(pixels.dtype).max
