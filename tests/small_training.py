"""A training room in miniature: random portraits, stand-in features, trainers of tiny networks."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganapps.training import data, diffusion, faces, labels
from ganapps.training.features import TAP_CHANNELS

TINY = faces.Settings(resolution=16, batch=8)
TINY_DIFFUSION = diffusion.Settings(resolution=16, batch=4, channels=(32, 32), warm_up=1)


class Eyes(nn.Module):
    """A stand-in for the feature network: its sizes, fixed random colours."""

    def __init__(self) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(5)
        self.kernels = [torch.randn(c, 3, 1, 1, generator=random) for c in TAP_CHANNELS]

    def forward(self, x: Tensor) -> list[Tensor]:
        return [
            F.conv2d(F.interpolate(x, size=32 // 2**k, mode="bilinear"), kernel)
            for k, kernel in enumerate(self.kernels)
        ]


def portraits(size: int = 16, count: int = 12) -> data.Portraits:
    random = np.random.RandomState(1)
    return data.Portraits(
        random.randint(0, 256, (count, size, size, 3)).astype(np.uint8),
        random.randn(count, len(labels.NAMES)).astype(np.float32),
        np.arange(count),
    )


def face_trainer(seed: int = 0, settings: faces.Settings = TINY) -> faces.FaceTrainer:
    torch.manual_seed(seed)
    return faces.FaceTrainer(
        portraits(settings.resolution), settings, pictures=1000, features=Eyes()
    )


def diffusion_trainer(seed: int = 0) -> diffusion.DiffusionTrainer:
    torch.manual_seed(seed)
    return diffusion.DiffusionTrainer(portraits(), TINY_DIFFUSION, pictures=1000)


def same(one: object, other: object) -> bool:
    """Are two trees of tensors and plain values equal?"""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return torch.equal(one, other) if isinstance(one, Tensor) else one == other
