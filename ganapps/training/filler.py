"""Train the filler of holes: python -m ganapps.training.filler --data DIR --out DIR

Liu 2018: a U-Net of partial convolutions that never sees what is in a hole. DIR holds photographs,
and portraits' shards where they lie there too. At first it learns by the plain difference alone;
then by the paper's other losses too, in the features of EfficientNet-Lite0, where the paper has
VGG's, and its encoder's batch norms rest (section 3.3). `--side 256` goes on with larger crops.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor, nn
from torch.nn import functional as F

from ganapps.networks.repair.partial import PartialUNet
from ganapps.training import averaged, loop, precision
from ganapps.training.averaged import AveragedTrainer, Heap, gathered, repeatable
from ganapps.training.features import FeatureNetwork

SHARES = (0.05, 0.30)  # of a picture that is missing
BOXES = 0.3  # how many of the shapes are boxes; the others are strokes
# a box's sides, a stroke's width, as shares of the picture's shorter side
BOX, STROKE = (
    (0.08, 0.3),
    (0.02, 0.09),
)
FINEST = 3  # of the feature maps: 1/4, 1/8 and 1/16 of the side
SHEET = 8


@dataclass(frozen=True)
class Settings(averaged.Settings):
    """What a run may change; weights of the losses are relative to each other, those of hole and
    valid are the paper's.
    """

    widths: tuple[int, ...] = (32, 64, 128, 192, 192, 192)
    kernels: tuple[int, ...] = (7, 5, 5, 3, 3, 3)
    hole_weight: float = 6.0
    valid_weight: float = 1.0
    feature_weight: float = 0.03
    style_weight: float = 0.03
    smooth_weight: float = 0.1
    plain: int = (
        40_000  # pictures until features are looked at: each costs four times as much from then on
    )


class FillerTrainer(AveragedTrainer):
    """The filler, and the frozen features that look at what it fills."""

    name = "filler-ours"
    settings: Settings
    average: PartialUNet

    def __init__(
        self,
        heaps: tuple[Heap, Heap],
        settings: Settings,
        pictures: int,
        features: nn.Module | None = None,
    ) -> None:
        super().__init__(PartialUNet(settings.widths, settings.kernels), heaps, settings, pictures)
        self.features = features or FeatureNetwork()

    def judge(self, whole: Tensor) -> tuple[Tensor, dict[str, float]]:
        """The paper's loss (section 3.3); `apart` is the difference in the holes in levels of
        255.
        """
        s, side = self.settings, whole.shape[-1]
        known = holes(len(whole), side, side)
        self._rest()
        with precision.quick():
            made = self.network(whole, known).float()
        missing = (made - whole).abs() * (1 - known)
        loss = (
            s.hole_weight * missing.mean() + s.valid_weight * ((made - whole).abs() * known).mean()
        )
        filled = torch.where(known > 0.5, whole, made)
        loss = loss + s.smooth_weight * roughness(filled, known)
        losses = {"apart": 255 * missing.sum().item() / (3 * (1 - known).sum().item())}
        if self.seen >= s.plain:
            likeness, style = self._seen_apart(made, filled, whole)
            loss = loss + s.feature_weight * likeness + s.style_weight * style
            losses |= {"features": likeness.item(), "style": style.item()}
        return loss, losses

    def sheet(self) -> Tensor:
        """Rows of eight: with holes, filled, whole; -1..1."""
        side = self.settings.side
        whole, known = repeatable(7, lambda: (self.pick(SHEET), holes(SHEET, side, side)))
        with torch.no_grad():
            filled = self.average.fill(whole, known)
        return torch.cat([whole * known, filled, whole]) * 2 - 1

    def _rest(self) -> None:
        """Batch norms of the encoder keep their statistics once features are looked at: holes would
        go on shifting them.
        """
        self.network.train()
        if self.seen >= self.settings.plain:
            for name, module in self.network.named_modules():
                if name.startswith("enc_") and isinstance(module, nn.BatchNorm2d):
                    module.eval()

    def _seen_apart(self, made: Tensor, filled: Tensor, whole: Tensor) -> tuple[Tensor, Tensor]:
        """How far both the network's picture and the filled one are from the true one: in features
        and in style.
        """
        with precision.quick():
            with torch.no_grad():
                real = self.features(whole * 2 - 1)[:FINEST]
            tries = [self.features(x * 2 - 1)[:FINEST] for x in (made, filled)]
        pairs = [(a.float(), b.float()) for maps in tries for a, b in zip(maps, real)]
        likeness = torch.stack([(a - b).abs().mean() / b.abs().mean() for a, b in pairs]).sum()
        style = torch.stack(
            [(gram(a) - gram(b)).abs().mean() / gram(b).abs().mean() for a, b in pairs]
        ).sum()
        return likeness, style


def holes(count: int, height: int, width: int, shares: tuple[float, float] = SHARES) -> Tensor:
    """Random strokes and boxes: [N, 1, H, W], 0 where a picture is missing, 1 where it is known."""
    seeds = torch.randint(2**31 - 1, (count,)).tolist()
    return torch.stack(
        [_hole(height, width, shares, np.random.RandomState(seed)) for seed in seeds]
    )


def gram(x: Tensor) -> Tensor:
    """[N, C, H, W] -> how channels go together, [N, C, C]."""
    flat = x.flatten(2)
    return flat @ flat.transpose(1, 2) / flat[0].numel()


def roughness(x: Tensor, known: Tensor) -> Tensor:
    """Mean difference of neighbours of which at least one is in a hole or beside one (the paper's
    total variation).
    """
    near = F.max_pool2d(1 - known, 3, 1, 1)
    down = (x[:, :, 1:] - x[:, :, :-1]).abs() * near[:, :, 1:] * near[:, :, :-1]
    across = (x[..., 1:] - x[..., :-1]).abs() * near[..., 1:] * near[..., :-1]
    return down.mean() + across.mean()


def _hole(
    height: int, width: int, shares: tuple[float, float], random: np.random.RandomState
) -> Tensor:
    """Shapes until the wanted share is gone; anew where the last one took too much."""
    while True:
        wanted = random.uniform(*shares)
        mask = Image.new("L", (width, height), 255)
        while (gone := 1 - np.asarray(mask).mean() / 255) < wanted:
            (_box if random.rand() < BOXES else _stroke)(
                ImageDraw.Draw(mask), height, width, random
            )
        if gone <= shares[1]:
            return torch.from_numpy(np.asarray(mask).copy())[None].float() / 255


def _box(draw: ImageDraw.ImageDraw, height: int, width: int, random: np.random.RandomState) -> None:
    shorter = min(height, width)
    wide, high = (random.uniform(*BOX) * shorter for _ in range(2))
    x, y = random.uniform(0, width - wide), random.uniform(0, height - high)
    draw.rectangle((x, y, x + wide, y + high), fill=0)


def _stroke(
    draw: ImageDraw.ImageDraw, height: int, width: int, random: np.random.RandomState
) -> None:
    """A line with a few soft turns and round ends."""
    shorter, angle = min(height, width), random.uniform(0, 2 * np.pi)
    thick = max(2, round(random.uniform(*STROKE) * shorter))
    points = [np.array([random.uniform(0, width), random.uniform(0, height)])]
    for _ in range(random.randint(2, 8)):
        angle += random.normal(0, 0.7)
        points.append(
            points[-1]
            + random.uniform(0.05, 0.25) * shorter * np.array([np.cos(angle), np.sin(angle)])
        )
    draw.line([tuple(p) for p in points], fill=0, width=thick)
    for x, y in points:
        draw.ellipse((x - thick / 2, y - thick / 2, x + thick / 2, y + thick / 2), fill=0)


def main() -> None:
    chosen = loop.arguments("Train the filler of holes.", pictures=120_000, side=Settings.side)
    trainer = FillerTrainer(gathered(chosen.data), Settings(side=chosen.side), chosen.pictures)
    loop.run(trainer, chosen.out, chosen.pictures, chosen.start)


if __name__ == "__main__":
    main()
