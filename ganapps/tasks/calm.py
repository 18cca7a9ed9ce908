"""Where a network's numbers leave their range by far, that part is made again: at lower contrast,
and where that does not do, by resizing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ganapps.errors import Message
from ganapps.tasks import resample

# Numbers from 0 to 1 make a picture. On photographs networks step over that by 0.1, on hard edges
# by up to 0.5; those that drown them in specks run from -17 to 19.
FAR = 0.5
# What fails on black beside white does not on two greys. Measured with SPAN on screenshots: 0.7
# brings the most back, 0.5 nearly all of the rest.
CONTRASTS = (0.7, 0.5)
GROWN = 2  # pixels of the small picture around what is far out, which are made again with it
FADE = 2  # and those over which the one fades into the other

Run = Callable[[Tensor], Tensor]  # [1, C, h, w] -> [1, C, scale * h, scale * w]


class Calm:
    """What one run makes again, and how much of it, for the report."""

    def __init__(self) -> None:
        self.seen = self.again = self.resized = 0  # pixels of the result, those of overlaps twice
        self.low, self.high = 0.0, 1.0  # what the network's numbers reached

    def calmed(self, x: Tensor, y: Tensor, scale: int, run: Run | None) -> Tensor:
        """The network's answer y [N, C, scale * h, scale * w] to x [N, C, h, w], made again where
        it is far out of 0 to 1; y itself where it is nowhere.

        `run` is the network once more; None: it is not asked twice.
        """
        self.seen += y[:, 0].numel()
        wild = _wild(y, scale)
        if not wild.any():
            return y
        self.low = min(self.low, float(y.min()))
        self.high = max(self.high, float(y.max()))
        contrasts = CONTRASTS if run else ()
        planes = []
        for index in range(len(y)):
            one = slice(index, index + 1)
            planes.append(self._mended(x[one], y[one], wild[one], scale, run, contrasts))
        return torch.cat(planes)

    def changes(self) -> tuple[Message, ...]:
        """What to say of the whole run."""
        said = []
        if self.again:
            said.append(
                Message(
                    "On {share} % of the picture this model's numbers left their range by far "
                    "(from {low} to {high}, not from 0 to 1): that part was made again at lower "
                    "contrast.",
                    share=self._share(self.again),
                    low=round(self.low, 1),
                    high=round(self.high, 1),
                )
            )
        if self.resized:
            said.append(
                Message(
                    "On {share} % of the picture this model's numbers are far out of their range "
                    "whatever is tried: that part was enlarged without it.",
                    share=self._share(self.resized),
                )
            )
        return tuple(said)

    def _share(self, pixels: int) -> float:
        return max(0.1, round(100 * pixels / self.seen, 1))

    def _mended(
        self,
        x: Tensor,
        y: Tensor,
        wild: Tensor,
        scale: int,
        run: Run | None,
        contrasts: Sequence[float],
    ) -> Tensor:
        """y [1, C, H, W], and as much of something calmer as `wild` [1, 1, H, W] says."""
        y = y.clamp(0, 1)
        if not wild.any():
            return y
        pixels = int(wild.count_nonzero())
        if not contrasts or run is None:
            self.resized += pixels
            return y.lerp(_resized(x, scale), wild)
        if contrasts is CONTRASTS:
            self.again += pixels
        other = (run(0.5 + (x - 0.5) * contrasts[0]) - 0.5) / contrasts[0] + 0.5
        still = _wild(other, scale) * (wild > 0)
        return y.lerp(self._mended(x, other, still, scale, run, contrasts[1:]), wild)


def _wild(y: Tensor, scale: int) -> Tensor:
    """[N, 1, H, W]: how much of each pixel of y [N, C, H, W] is to be made again, 0 to 1."""
    out = torch.maximum(-y, y - 1).amax(1, keepdim=True)
    wild = (out > FAR).float()
    if not wild.any():
        return wild
    grown, fade = GROWN * scale, FADE * scale
    wild = F.max_pool2d(wild, 2 * grown + 1, 1, grown)
    wild = F.pad(wild, (fade, fade, fade, fade), mode="replicate")
    return F.avg_pool2d(wild, 2 * fade + 1, 1)


def _resized(x: Tensor, scale: int) -> Tensor:
    """x [1, C, h, w] `scale` times as large, bicubic, 0 to 1."""
    pixels = np.ascontiguousarray(x[0].permute(1, 2, 0).numpy())
    return enlarged(pixels, scale).clamp_(0, 1)[None]


def enlarged(pixels: np.ndarray, scale: int) -> Tensor:
    """[C, scale * h, scale * w] float32 of `pixels` [h, w, C], bicubic, in their numbers."""
    size = (pixels.shape[1] * scale, pixels.shape[0] * scale)
    made = resample.rows(pixels, size, 0, size[1])
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(made, 2, 0)))
