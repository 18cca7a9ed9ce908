"""Alpha through a network: only through one that is seen to keep what is fully transparent and what
is opaque.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ganapps.errors import Message
from ganapps.tasks import planes

SIDE = 48  # pixels of the picture that a network is tried on
NEAR = 2  # pixels: what is flat so far around has nothing to do with an edge
CLOSE = 8 / 255  # how far from 0 and 1 a network's numbers may be there
SAID = Message(
    "This model does not keep what is fully transparent or opaque: transparency was enlarged "
    "without it."
)
LEFT = Message(
    "This model does not keep what is fully transparent or opaque: transparency stays as it was."
)


def has_ends(pixels: np.ndarray) -> bool:
    """Is a part of [H, W, C] fully transparent, and another one not, or some opaque, some not?"""
    if not planes.has_alpha(pixels):
        return False
    low, high = pixels[..., -1].min(), pixels[..., -1].max()
    return bool(low < high and (low == 0 or high == np.iinfo(pixels.dtype).max))


def trial() -> Tensor:
    """[1, 1, SIDE, SIDE] of 0 and 1: a disc with a slit, a bar, a frame, all with hard edges."""
    down, across = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    middle = SIDE // 2
    disc = (down - middle) ** 2 + (across - middle + 4) ** 2 < 13**2
    slit = (down - across).abs() < 2
    shape = (disc & ~slit) | (across > SIDE - 10) | (down < 6)
    return shape.float()[None, None]


def kept(x: Tensor, y: Tensor) -> bool:
    """Is a network's answer y [N, C, scale * h, scale * w] to alpha x [N, C, h, w] 0 and 1 where x
    is so all around?
    """
    clear, solid = _flat(x, y)
    y = y.clamp(0, 1)
    return bool((y[clear] < CLOSE).all() and (y[solid] > 1 - CLOSE).all())


def settled(made: Tensor, pixels: np.ndarray) -> Tensor:
    """`made` [C, scale * h, scale * w] of `pixels` [h, w, C], whose alpha is exactly 0 and 1 where
    it was so all around.
    """
    if not planes.has_alpha(pixels):
        return made
    most = np.iinfo(pixels.dtype).max
    x = torch.from_numpy(pixels[..., -1].astype(np.float32) / most)[None, None]
    y = made[None, -1:]
    clear, solid = _flat(x, y)
    y = y.masked_fill(clear, 0).masked_fill(solid, 1)
    return torch.cat([made[:-1], y[0]])


def _flat(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Of y's pixels, where x is 0 all around, and where it is 1."""
    side = 2 * NEAR + 1
    clear = F.max_pool2d(x, side, 1, NEAR) == 0
    solid = F.max_pool2d(1 - x, side, 1, NEAR) == 0
    scale = y.shape[-1] // x.shape[-1]
    large = [m.repeat_interleave(scale, -1).repeat_interleave(scale, -2) for m in (clear, solid)]
    return large[0], large[1]
