"""Augmentation that the critic sees on real and on made pictures alike, so that neither learns it.

DiffAugment (Zhao 2020, arXiv:2006.10738): always. ADA (Karras 2020, arXiv:2006.06676): with a
probability that rises while the critic is too sure of its training pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

SHIFT = 1 / 8  # of the side: how far a picture is moved at most
CUT = 1 / 2  # of the side: what is cut out
TARGET = 0.6  # of the critic's sureness, E sign D(x): ADA, section 3
SPEED = 1 / 500  # how much ADA's probability moves a step


def augmented(x: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Pictures [N, C, S, S] in -1 to 1: brightness, contrast, place and a hole, each picture its
    own.

    Each of the four happens to a picture with `probability`. Differentiable by x.
    """
    for change in (_brightness, _contrast, _moved, _cut):
        chosen = torch.rand(len(x), generator=generator) < probability
        x = torch.where(chosen[:, None, None, None], change(x, generator), x)
    return x


def _brightness(x: Tensor, generator: torch.Generator) -> Tensor:
    return x + torch.rand(len(x), 1, 1, 1, generator=generator) - 0.5


def _contrast(x: Tensor, generator: torch.Generator) -> Tensor:
    mean = x.mean((1, 2, 3), keepdim=True)
    return (x - mean) * (torch.rand(len(x), 1, 1, 1, generator=generator) + 0.5) + mean


def _moved(x: Tensor, generator: torch.Generator) -> Tensor:
    most = round(SHIFT * x.shape[2])
    return translated(x, torch.randint(-most, most + 1, (len(x), 2), generator=generator))


def _cut(x: Tensor, generator: torch.Generator) -> Tensor:
    side = x.shape[2]
    hole = round(CUT * side)
    corner = torch.randint(-hole // 2, side - hole // 2, (len(x), 2), generator=generator)
    inside = _within(corner[:, :1], hole, side)[:, None, :, None]
    inside = inside & _within(corner[:, 1:], hole, side)[:, None, None, :]
    return x.masked_fill(inside, 0.0)


def _within(start: Tensor, length: int, side: int) -> Tensor:
    """[N, side]: which places lie in [start, start + length)."""
    places = torch.arange(side)[None]
    return (places >= start) & (places < start + length)


def translated(x: Tensor, shift: Tensor) -> Tensor:
    """Pictures [N, C, S, S], each moved down and right by `shift` [N, 2] pixels; zeros come in."""
    side = x.shape[2]
    places = torch.arange(side)[None]
    rows, columns = places - shift[:, :1], places - shift[:, 1:]  # [N, S]: where each comes from
    inside = ((rows >= 0) & (rows < side))[:, None, :, None]
    inside = inside & ((columns >= 0) & (columns < side))[:, None, None, :]
    which = torch.arange(len(x))[:, None, None]
    rows, columns = rows.clamp(0, side - 1)[:, :, None], columns.clamp(0, side - 1)[:, None]
    moved = x.permute(0, 2, 3, 1)[which, rows, columns].permute(0, 3, 1, 2)
    return moved.masked_fill(~inside, 0.0)


@dataclass
class Adaptive:
    """ADA's probability of augmentation, moved after every step by how sure the critic is."""

    probability: float = 0.0

    def look(self, scores_of_real: Tensor) -> None:
        """Scores [N, 1] of real training pictures: up where E sign is over the target, else
        down.
        """
        sure = scores_of_real.detach().sign().mean().item()
        step = SPEED if sure > TARGET else -SPEED
        self.probability = min(1.0, max(0.0, self.probability + step))
