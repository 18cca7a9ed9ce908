"""Train SRGAN, four times the size: python -m ganapps.training.srgan --data DIR --out DIR --start
weights/srresnet-x4-ours.safetensors

Ledig 2017: goes on from SRResNet (its finished file, or a run's state.pt) with a loss for looks.
Closeness is now judged in the features of EfficientNet-Lite0, where the paper has VGG's; a critic,
taught beside it, says whether a picture looks real; and a little of the plain difference stays.
Both judges are blind to a faint grid, which a network that makes sixteen pixels of one draws all
too easily, so a fourth loss looks for nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganapps.training import loop, precision, srresnet
from ganapps.training.features import FeatureNetwork
from ganapps.training.srresnet import SCALE, SRResNetTrainer, sharp

SMALLEST = 64  # pixels a side of what the judges see
FINEST = (
    3  # of the feature maps: 1/4, 1/8 and 1/16 of the side; what is coarser is the same in any case
)


@dataclass(frozen=True)
class Settings(srresnet.Settings):
    """What a run may change; the weights of the losses are relative to each other."""

    rate: float = 2e-4
    critic_rate: float = 2e-4
    critic_width: int = 32
    feature_weight: float = 0.1
    critic_weight: float = 0.01
    plain_weight: float = 0.5
    grid_weight: float = 2.0


def critic(width: int) -> nn.Sequential:
    """[N, 3, S, S] in 0..1 -> a score for each of overlapping patches, [N, 1, S / 16, S / 16];
    above 0 is real.
    """
    layers: list[nn.Module] = [
        nn.Conv2d(3, width, 3, stride=2, padding=1),
        nn.LeakyReLU(0.2, inplace=True),
    ]
    for k in (1, 2, 4):
        layers += [
            nn.Conv2d(k * width, 2 * k * width, 3, stride=2, padding=1),
            nn.BatchNorm2d(2 * k * width),
            nn.LeakyReLU(0.2, inplace=True),
        ]
    layers += [
        nn.Conv2d(8 * width, 8 * width, 3, padding=1),
        nn.BatchNorm2d(8 * width),
        nn.LeakyReLU(0.2, inplace=True),
    ]
    return precision.channels_last(nn.Sequential(*layers, nn.Conv2d(8 * width, 1, 1)))


class SRGANTrainer(SRResNetTrainer):
    """SRResNet's trainer with another judgement, and a critic."""

    name = "srgan-x4-ours"
    settings: Settings

    def __init__(
        self,
        heap: Sequence[np.ndarray],
        settings: Settings,
        pictures: int,
        features: nn.Module | None = None,
    ) -> None:
        super().__init__(heap, settings, pictures)
        self.features = features or FeatureNetwork()
        self.critic = critic(settings.critic_width)
        self.critic_optimizer = torch.optim.Adam(self.critic.parameters(), lr=settings.critic_rate)

    def judge(self, made: Tensor, large: Tensor) -> tuple[Tensor, dict[str, float]]:
        """Features, the critic's opinion, the plain difference and the grid, weighed; teaches the
        critic first.
        """
        s = self.settings
        plain = (made - large).abs().mean()
        grid = (places(made) - places(large)).abs().mean()
        made, large = _part(made, large)
        taught = self._teach_critic(made.detach(), large)
        self.critic.requires_grad_(False)
        with precision.quick():
            fooled = F.softplus(-self.critic(made).float()).mean()
            apart = _apart(
                self.features(made * 2 - 1)[:FINEST], self.features(large * 2 - 1)[:FINEST]
            )
        self.critic.requires_grad_(True)
        loss = (
            s.feature_weight * apart
            + s.critic_weight * fooled
            + s.plain_weight * plain
            + s.grid_weight * grid
        )
        return loss, {
            "apart": 255 * plain.item(),
            "grid": 255 * grid.item(),
            "features": apart.item(),
            "fooled": fooled.item(),
            "critic": taught,
        }

    def state(self) -> dict[str, Any]:
        return super().state() | {
            "critic": self.critic.state_dict(),
            "critic_optimizer": self.critic_optimizer.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on; or, from a state of SRResNet, begins with its networks."""
        if "critic" in state:
            super().restore(state)
            self.critic.load_state_dict(state["critic"])
            self.critic_optimizer.load_state_dict(state["critic_optimizer"])
        else:
            self.generator.load_state_dict(state["average"])
            self.average.load_state_dict(state["average"])

    def _teach_critic(self, made: Tensor, large: Tensor) -> float:
        with precision.quick():
            good, bad = self.critic(large).float(), self.critic(made).float()
        loss = F.softplus(-good).mean() + F.softplus(bad).mean()
        self.critic_optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.critic_optimizer.step()
        return loss.item()


def places(x: Tensor) -> Tensor:
    """[N, 3, S, S] -> [N, 48, ...]: how bright each of the 16 pixels that one became is, the mean
    over squares of 12 x 12 such sixteens. Where a network draws a grid, some of them are brighter
    than others everywhere; texture of any kind is so only by chance.
    """
    return F.avg_pool2d(F.pixel_unshuffle(x, SCALE), 12)


def _part(*pictures: Tensor) -> list[Tensor]:
    """The same square of all, anywhere, of any size from 64 px: both judges look at every second
    pixel of their every second pixel, always the same ones of a picture that is never moved, and
    the generator would draw a grid for them. The features enlarge what is smaller than they are, so
    they meet pixels of many sizes too.
    """
    most = pictures[0].shape[-1]
    side = int(torch.randint(min(SMALLEST, most), most + 1, ()))
    y, x = (int(torch.randint(most - side + 1, ())) for _ in range(2))
    return [p[..., y : y + side, x : x + side] for p in pictures]


def _apart(made: list[Tensor], real: list[Tensor]) -> Tensor:
    """Mean difference of feature maps, each relative to the size of the real one's values."""
    return torch.stack(
        [(a.float() - b.float()).abs().mean() / b.float().abs().mean() for a, b in zip(made, real)]
    ).sum()


def main() -> None:
    chosen = loop.arguments("Train SRGAN, four times the size.", pictures=60_000)
    loop.run(
        SRGANTrainer(sharp(chosen.data), Settings(), chosen.pictures),
        chosen.out,
        chosen.pictures,
        chosen.start,
    )


if __name__ == "__main__":
    main()
