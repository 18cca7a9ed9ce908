"""Small changes that the critic sees on real and made pictures alike (Zhao 2020, "DiffAugment"): it
can't learn 4,500 pictures by heart.

Each is applied to some pictures only. Where colours were always changed, the generator learned
washed ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

COLOUR, CLOSE, CUT = 0.3, 0.5, 0.3  # how often
# who is not seen close is always shifted, or the features' strides leave a grid; at most 1/16 of
# the side
REACH = 16
# what is seen of a picture from close, as a share of its side: eyes are a few pixels wide
NEAREST, FARTHEST = (
    0.4,
    0.75,
)
# Half of the looks from close go where made faces were worst: to the eyes, which lie alike in all
# portraits (centre y, x as shares of the side; how much around them), and to an upper corner.
TO_EYES, TO_CORNER = 0.35, 0.15
EYES, AROUND_EYES = (0.47, 0.5), (0.3, 0.45)
HOLE = 4  # a cut is a quarter of the side


@dataclass(frozen=True)
class View:
    """How a batch of N pictures is looked at: factors [N, 1, 1, 1], the side of what is seen [N] as
    a share, corners of it and of the hole [N, 2] in pixels, holes [N].
    """

    brightness: Tensor
    saturation: Tensor
    contrast: Tensor
    share: Tensor
    corner: Tensor
    hole: Tensor
    has_hole: Tensor

    def like(self, other: View, count: int) -> View:
        """The same view as `other` for the first `count` pictures."""
        return replace(
            self,
            **{
                name: torch.cat([getattr(other, name)[:count], getattr(self, name)[count:]])
                for name in vars(self)
            },
        )


def draw(count: int, side: int) -> View:
    """A random view of `count` pictures of `side` pixels."""
    reach, close = side // REACH, torch.rand(count) < CLOSE
    shift = torch.randint(-reach, reach + 1, (count, 2))  # by whole pixels: nothing is blurred
    share, corner = _near(count)
    share = torch.where(close, share, 1.0)
    corner = torch.where(close[:, None], corner * side, shift)
    hole = torch.randint(0, side - side // HOLE, (count, 2))
    return View(
        _sometimes(count, 0.2),
        1 + _sometimes(count, 0.3),
        1 + _sometimes(count, 0.2),
        share,
        corner,
        hole,
        torch.rand(count) < CUT,
    )


def apply(view: View, x: Tensor) -> Tensor:
    """Pictures [N, 3, S, S] in -1..1, as seen; differentiable."""
    x = x + view.brightness.to(x.device)
    x = _away_from(x.mean(1, keepdim=True), x, view.saturation)
    x = _away_from(x.mean((1, 2, 3), keepdim=True), x, view.contrast)
    return _cut(view, _window(view, x))


def _near(count: int) -> tuple[Tensor, Tensor]:
    """Squares to look at from close, as shares of the side: how large [N], their corners (y, x) [N,
    2].
    """
    where = torch.rand(count)
    eyes, corner = where < TO_EYES, where > 1 - TO_CORNER
    share = _between(count, NEAREST, FARTHEST)
    share = torch.where(eyes, _between(count, *AROUND_EYES), share)
    free = 1 - share[:, None]
    anywhere = torch.rand(count, 2) * free
    on_eyes = torch.tensor(EYES) - share[:, None] / 2 + (torch.rand(count, 2) - 0.5) / REACH
    in_corner = torch.stack([torch.zeros(count), (torch.rand(count) < 0.5).float()], 1) * free
    place = torch.where(corner[:, None], in_corner, anywhere)
    return share, torch.where(eyes[:, None], on_eyes, place)


def _between(count: int, low: float, high: float) -> Tensor:
    return low + torch.rand(count) * (high - low)


def _sometimes(count: int, strength: float) -> Tensor:
    return (torch.rand(count, 1, 1, 1) < COLOUR) * (torch.rand(count, 1, 1, 1) * 2 - 1) * strength


def _away_from(mean: Tensor, x: Tensor, factor: Tensor) -> Tensor:
    return (x - mean) * factor.to(x.device) + mean


def _window(view: View, x: Tensor) -> Tensor:
    """The square of `share` of the side whose corner (y, x) is `corner`, as large as the picture;
    mirrored beyond its edges.
    """
    # in -1..1, as grid_sample counts
    centre = 2 * view.corner / x.shape[-1] + view.share[:, None] - 1
    theta = torch.zeros(len(x), 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = view.share
    theta[:, :, 2] = centre.flip(1)
    grid = F.affine_grid(theta, list(x.shape), align_corners=False).to(x.device)
    return F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)


def _cut(view: View, x: Tensor) -> Tensor:
    size, kept = x.shape[-1] // HOLE, torch.ones_like(x[:, :1])
    for number, (y, x0) in enumerate(view.hole.tolist()):
        if view.has_hole[number]:
            kept[number, :, y : y + size, x0 : x0 + size] = 0
    return x * kept
