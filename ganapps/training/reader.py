"""Reads labels off pictures: ridge regression on frozen features of real portraits, to see whether
made faces do what they were told.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganapps.training.data import Portraits
from ganapps.training.labels import MIRRORED

RIDGE = 3000.0
GRIDS = (4, 4, 4, 2)  # cells a side that each feature map is averaged over
SIDE = (
    64  # every picture is read at this size, so that a generator's resolution makes no difference
)
CHUNK = 50


@dataclass(frozen=True)
class Reader:
    """A linear map from features to labels, and `slope` [44]: how far it follows true labels on
    portraits it never saw (1 = fully).
    """

    features: nn.Module
    mean: Tensor
    spread: Tensor
    weight: Tensor
    bias: Tensor
    slope: Tensor

    def read(self, pictures: Tensor) -> Tensor:
        """Pictures [N, 3, S, S] in -1..1 -> labels [N, 44], as far as they can be seen."""
        return (
            describe(self.features, pictures) - self.mean
        ) / self.spread @ self.weight + self.bias


def learn(features: nn.Module, portraits: Portraits, held_back: Portraits) -> Reader:
    """A reader from real portraits and their mirror images, judged on those held back."""
    x, labels = _tensors(portraits)
    described = torch.cat([describe(features, x), describe(features, x.flip(3))])
    labels = torch.cat([labels, labels * torch.from_numpy(MIRRORED)])
    mean, spread = described.mean(0), described.std(0) + 1e-5
    described = (described - mean) / spread
    bias = labels.mean(0)
    weight = torch.linalg.solve(
        described.T @ described + RIDGE * torch.eye(len(mean)), described.T @ (labels - bias)
    )
    reader = Reader(features, mean, spread, weight, bias, torch.ones(len(bias)))
    x, labels = _tensors(held_back)
    return Reader(features, mean, spread, weight, bias, slope(labels, reader.read(x)))


def slope(asked: Tensor, read: Tensor) -> Tensor:
    """[N, K] each -> [K]: by how much `read` rises for each unit `asked` rises; 0 where nothing was
    asked to change.
    """
    asked, read = asked - asked.mean(0), read - read.mean(0)
    return (asked * read).sum(0) / asked.square().sum(0).clamp(min=1e-8)


def describe(features: nn.Module, pictures: Tensor) -> Tensor:
    """Pictures [N, 3, S, S] in -1..1 -> one row of numbers each: colours in 8 x 8 cells and the
    feature maps in coarse ones.
    """
    rows = []
    with torch.no_grad():
        for x in pictures.split(CHUNK):
            x = F.interpolate(x, size=(SIDE, SIDE), mode="area")
            maps = [
                F.adaptive_avg_pool2d(m.float(), grid).flatten(1)
                for m, grid in zip(features(x), GRIDS)
            ]
            rows.append(torch.cat([F.adaptive_avg_pool2d(x, 8).flatten(1), *maps], 1))
    return torch.cat(rows)


def _tensors(portraits: Portraits) -> tuple[Tensor, Tensor]:
    pictures = torch.from_numpy(portraits.pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
    return pictures, torch.from_numpy(portraits.labels)
