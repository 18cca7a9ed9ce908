"""Small changes that the critic sees on real and made pictures alike (Zhao 2020, "DiffAugment"): it can't learn 4,500 pictures by heart.

Each is applied to some pictures only. Where colours were always changed, the generator learned washed ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

COLOUR, SHIFT, CUT = 0.3, 1.0, 0.3  # how often; always shifted, or the features' strides leave a grid
REACH = 16  # a shift is at most 1/16 of the side, a cut a quarter of it
HOLE = 4


@dataclass(frozen=True)
class View:
    """How a batch of N pictures is looked at: factors [N, 1, 1, 1], corners of shift and hole [N, 2] in pixels, holes [N]."""

    brightness: Tensor
    saturation: Tensor
    contrast: Tensor
    shift: Tensor
    hole: Tensor
    has_hole: Tensor

    def like(self, other: View, count: int) -> View:
        """The same view as `other` for the first `count` pictures."""
        return replace(self, **{name: torch.cat([getattr(other, name)[:count], getattr(self, name)[count:]]) for name in vars(self)})


def draw(count: int, side: int) -> View:
    """A random view of `count` pictures of `side` pixels."""
    reach = side // REACH
    shift = torch.where(torch.rand(count, 1) < SHIFT, torch.randint(0, 2 * reach + 1, (count, 2)), reach)
    hole = torch.randint(0, side - side // HOLE, (count, 2))
    return View(_sometimes(count, 0.2), 1 + _sometimes(count, 0.3), 1 + _sometimes(count, 0.2), shift, hole, torch.rand(count) < CUT)


def apply(view: View, x: Tensor) -> Tensor:
    """Pictures [N, 3, S, S] in -1..1, as seen; differentiable."""
    x = x + view.brightness.to(x.device)
    x = _away_from(x.mean(1, keepdim=True), x, view.saturation)
    x = _away_from(x.mean((1, 2, 3), keepdim=True), x, view.contrast)
    return _cut(view, _shift(view, x))


def _sometimes(count: int, strength: float) -> Tensor:
    return (torch.rand(count, 1, 1, 1) < COLOUR) * (torch.rand(count, 1, 1, 1) * 2 - 1) * strength


def _away_from(mean: Tensor, x: Tensor, factor: Tensor) -> Tensor:
    return (x - mean) * factor.to(x.device) + mean


def _shift(view: View, x: Tensor) -> Tensor:
    side = x.shape[-1]
    padded = F.pad(x, (side // REACH,) * 4, mode="reflect")
    return torch.stack([p[:, y:y + side, x0:x0 + side] for p, (y, x0) in zip(padded, view.shift.tolist())])


def _cut(view: View, x: Tensor) -> Tensor:
    size, kept = x.shape[-1] // HOLE, torch.ones_like(x[:, :1])
    for number, (y, x0) in enumerate(view.hole.tolist()):
        if view.has_hole[number]:
            kept[number, :, y:y + size, x0:x0 + size] = 0
    return x * kept
