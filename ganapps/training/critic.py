"""The networks that judge and describe faces: small heads on frozen features, and an encoder that
finds a picture's z.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from ganapps.training.features import MIXED_CHANNELS, SIDE, TAP_CHANNELS

GROUP = 8  # pictures whose spread is one number
SPREAD_FACTOR = 2.0


class Head(nn.Module):
    """One feature map and labels -> scores [N, 1, 4, 4]: Sauer 2021, with the label projection of
    Miyato 2018.

    No batch norm: with it nothing was learned. A channel with the batch's spread (Karras 2018)
    comes late, at 4x4. It reads the labels off the picture too (Odena 2017), [N, label_dim]: what
    is small in a picture, a smile, hardly moves a score.
    """

    def __init__(self, channels: int, side: int, label_dim: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        while side > 4:
            wider = min(256, max(channels, 96))
            layers += [spectral_norm(nn.Conv2d(channels, wider, 4, 2, 1)), nn.LeakyReLU(0.2)]
            channels, side = wider, side // 2
        self.shrink = nn.Sequential(*layers)
        self.score = nn.Sequential(
            spectral_norm(nn.Conv2d(channels + 1, channels, 3, 1, 1)),
            nn.LeakyReLU(0.2),
            spectral_norm(nn.Conv2d(channels, 1, 3, 1, 1)),
        )
        self.label = spectral_norm(nn.Linear(label_dim, channels))
        self.read = nn.Linear(channels, label_dim)

    def forward(self, x: Tensor, *labels: Tensor) -> tuple[list[Tensor], Tensor]:
        """One score map for each of the label batches given, as the same picture may be judged with
        right and wrong labels; and the labels read.
        """
        x = self.shrink(x)  # [N, C, 4, 4]
        score = self.score(torch.cat([x, _spread(x) * SPREAD_FACTOR], 1))
        seen = x.mean((2, 3))
        return [
            (score + (self.label(c) * seen).sum(1)[:, None, None, None]).float() for c in labels
        ], self.read(seen).float()


class Critic(nn.Module):
    """A head for each of the four mixed feature maps."""

    def __init__(self, label_dim: int) -> None:
        super().__init__()
        sides = [SIDE // 4, SIDE // 8, SIDE // 16, SIDE // 32]
        self.heads = nn.ModuleList(
            Head(channels, side, label_dim) for channels, side in zip(MIXED_CHANNELS, sides)
        )

    def forward(
        self, maps: list[Tensor], *labels: Tensor
    ) -> tuple[list[list[Tensor]], list[Tensor]]:
        """-> for each head, for each label batch, scores [N, 1, 4, 4]; and for each head the labels
        it reads, [N, label_dim]. float32.
        """
        scores, read = zip(*(head(x, *labels) for head, x in zip(self.heads, maps)))
        return list(scores), list(read)


class Encoder(nn.Module):
    """Feature maps of a picture and its labels -> mean and log variance of its z, [N, z_dim] each
    (Kingma 2014).
    """

    def __init__(self, z_dim: int, label_dim: int) -> None:
        super().__init__()
        self.middle, self.coarse = (
            nn.Conv2d(TAP_CHANNELS[2], 32, 1),
            nn.Conv2d(TAP_CHANNELS[3], 64, 1),
        )
        self.hidden = nn.Linear(32 * (SIDE // 16) ** 2 + 64 * (SIDE // 32) ** 2 + label_dim, 256)
        self.out = nn.Linear(256, 2 * z_dim)
        nn.init.normal_(self.out.weight, std=0.01)
        nn.init.zeros_(self.out.bias)

    def forward(self, maps: list[Tensor], c: Tensor) -> tuple[Tensor, Tensor]:
        x = torch.cat(
            [self.middle(maps[2].float()).flatten(1), self.coarse(maps[3].float()).flatten(1)], 1
        ).float()
        x = F.leaky_relu(self.hidden(torch.cat([F.layer_norm(x, x.shape[1:]), c], 1)), 0.2)
        mean, spread = self.out(x).float().chunk(2, 1)
        return mean * 4, (spread * 4 - 1).clamp(-8, 4)


def _spread(x: Tensor) -> Tensor:
    """[N, C, H, W] -> [N, 1, H, W]: how much the pictures of a group of up to eight differ, one
    number a group.
    """
    n, _, h, w = x.shape
    groups = x.float().reshape(-1, min(GROUP, n), *x.shape[1:])
    spread = (groups.var(1, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))
    return spread.repeat_interleave(groups.shape[1]).view(n, 1, 1, 1).expand(n, 1, h, w).to(x.dtype)
