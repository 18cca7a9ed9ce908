"""Train the encoder of heads: python -m ganapps.training.encoder --data DIR --out DIR

DIR holds the portraits' shards. Half of what it looks at are portraits, turned, moved and scaled a
little as visitors' pictures come; the other half are faces that the generator (`--generator`, by
default the one that ships) draws on the spot, whose styles are known. What it says goes through the
frozen generator, and the picture that comes out is to be the one that went in: in pixels, at
several sizes, and after `plain` pictures in the features of EfficientNet-Lite0, too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganapps.networks.faces.encoder import FaceEncoder
from ganapps.training import averaged, data, loop, precision
from ganapps.training.averaged import AveragedTrainer, repeatable
from ganapps.training.features import FeatureNetwork
from ganapps.training.generator import Generator
from ganapps.training.label_file import read_generator

GENERATOR = Path("weights/heads-128.safetensors")
PSI = (0.7, 1.0)  # the variety of made faces
DRAWN = 2000  # faces that tell how far styles spread
LEVELS = 3  # sizes at which pictures are compared, each half of the one before
FINEST = 3  # of the feature maps
# how far a portrait is turned (degrees), scaled (as a power of this) and moved (of its side)
TURN, SCALE, MOVE = 6.0, 1.12, 0.05
SHEET = 8
SETTLES = 25  # batches by which the average's norms are measured


@dataclass(frozen=True)
class Settings(averaged.Settings):
    """What a run may change; weights of the losses are relative to each other."""

    batch: int = 4  # portraits; as many made faces come beside them
    widths: tuple[int, ...] = (32, 48, 96, 160, 192)
    narrow: int = 48
    pixel_weight: float = 10.0
    feature_weight: float = 0.5
    style_weight: float = 0.1  # of the known styles of made faces, in units of their spread
    # pictures until the last and dearest part is drawn: before, half the side is compared
    small: int = 8_500
    plain: int = 10_300  # pictures until features are looked at, which takes twice as long


class EncoderTrainer(AveragedTrainer):
    """The encoder, the frozen generator that draws what it says, and the frozen features."""

    name = "heads-128.encoder"
    settings: Settings
    average: FaceEncoder

    def __init__(
        self,
        portraits: data.Portraits,
        generator: Generator,
        settings: Settings,
        pictures: int,
        features: nn.Module | None = None,
    ) -> None:
        """`portraits` as large as what `generator` draws."""
        self.generator = precision.channels_last(generator)
        self.labels = torch.from_numpy(portraits.labels)
        network = FaceEncoder(
            settings.widths, settings.narrow, generator.num_ws, generator.settings["w_dim"]
        )
        begin(network, self.styles(DRAWN, psi=1.0), generator.mapping.w_avg)
        super().__init__(network, ([], list(portraits.pictures)), settings, pictures)
        self.features = features or FeatureNetwork()

    def styles(self, count: int, psi: float | None = None) -> Tensor:
        """w [N, w_dim] of faces with the labels of real ones; each has its own variety unless
        `psi` is given.
        """
        z = torch.randn(count, self.generator.z_dim)
        rows = self.labels[torch.randint(len(self.labels), (count,))]
        average = self.generator.mapping.w_avg
        with torch.no_grad():
            away = self.generator.mapping(z, rows) - average
        varieties = torch.empty(count, 1).uniform_(*PSI) if psi is None else psi
        return average + varieties * away

    def pick(self, count: int, margin: int = 0) -> Tensor:
        """Portraits, each turned, moved and scaled a little, some mirrored: [N, 3, S, S] in
        -1..1.
        """
        assert not margin, "portraits have no more to give"
        heap = self.portraits
        chosen = [heap[int(torch.randint(len(heap), ()))] for _ in range(count)]
        x = torch.from_numpy(np.stack(chosen)).permute(0, 3, 1, 2).float() / 127.5 - 1
        return moved(x).contiguous(memory_format=torch.channels_last)

    def judge(self, whole: Tensor) -> tuple[Tensor, dict[str, float]]:
        """How far what comes out is from what went in; `portraits` and `made` are root mean squares
        in levels of 255.
        """
        s, half, small = self.settings, len(whole), self.seen < self.settings.small
        known = self.styles(half)
        with torch.no_grad(), precision.quick():
            made = self._drawn(self.generator.every_layer(known)).clamp(-1, 1)
        wanted = torch.cat([whole, made])
        self.network.train()
        with precision.quick():
            ws = self.network(wanted)
            drawn = self.generator.synthesis(ws, "const", -1 if small else None)[-1]
        wanted = F.avg_pool2d(wanted, 2) if small else wanted
        away = (ws[half:] - known[:, None]) / self.network.spread
        styles = away.square().mean()
        loss = s.pixel_weight * apart(drawn, wanted) + s.style_weight * styles
        levels = 127.5 * (drawn.detach().clamp(-1, 1) - wanted).square().mean((1, 2, 3)).sqrt()
        losses = {
            "portraits": levels[:half].mean().item(),
            "made": levels[half:].mean().item(),
            "styles": styles.item(),
        }
        if self.seen >= s.plain:
            likeness = self._seen_apart(drawn, wanted)
            loss = loss + s.feature_weight * likeness
            losses["features"] = likeness.item()
        return loss, losses

    def settle(self) -> None:
        """Measure the average's batch norms anew: the network's own do not fit averaged kernels
        (with them portraits came back 36 levels of 255 off, not 26).
        """
        for module in self.average.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.reset_running_stats()
                module.momentum = None  # every batch counts alike
        self.average.train()
        with torch.no_grad():
            for _ in range(SETTLES):
                self.average(torch.cat(self._both()))
        self.average.eval()

    def export(self, out: Path) -> None:
        """The averaged network, its norms measured anew."""
        repeatable(7, self.settle)
        super().export(out)

    def sheet(self) -> Tensor:
        """Rows of eight: portraits, what the encoder makes of them; made faces, the same; -1..1."""
        repeatable(7, self.settle)
        portraits, made = repeatable(7, self._both)
        with torch.no_grad():
            found = [self._drawn(self.average(x)) for x in (portraits, made)]
        return torch.cat([portraits, found[0], made, found[1]])

    def _both(self) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            made = self._drawn(self.generator.every_layer(self.styles(SHEET)))
        return self.pick(SHEET), made.clamp(-1, 1)

    def _drawn(self, ws: Tensor) -> Tensor:
        return self.generator.synthesis(ws, "const")[-1]

    def _seen_apart(self, drawn: Tensor, wanted: Tensor) -> Tensor:
        """How far apart the frozen features say that they are; 1: as far as they are large."""
        with precision.quick():
            with torch.no_grad():
                real = self.features(wanted)[:FINEST]
            maps = self.features(drawn)[:FINEST]
        pairs = [(a.float(), b.float()) for a, b in zip(maps, real)]
        return torch.stack([(a - b).abs().mean() / b.abs().mean() for a, b in pairs]).mean()


def begin(network: FaceEncoder, drawn: Tensor, average: Tensor) -> None:
    """The average face, and steps in units of the spread of `drawn` styles [N, w_dim]; at first it
    says next to nothing.
    """
    network.average.copy_(average)
    network.spread.copy_(drawn.std(dim=0))
    nn.init.normal_(network.last.weight, std=0.01)
    nn.init.zeros_(network.last.bias)


def moved(x: Tensor) -> Tensor:
    """Pictures [N, 3, S, S], some mirrored, all turned, scaled and moved a little; beyond their
    border they go on as they are there.
    """
    count = len(x)
    turn = torch.empty(count).uniform_(-TURN, TURN) * math.pi / 180
    scale = SCALE ** torch.empty(count).uniform_(-1, 1)
    mirror = (torch.rand(count) < 0.5).float() * 2 - 1
    cosine, sine = torch.cos(turn) * scale, torch.sin(turn) * scale
    away = torch.empty(count, 2).uniform_(-2 * MOVE, 2 * MOVE)
    across = torch.stack([cosine * mirror, -sine, away[:, 0]], 1)
    down = torch.stack([sine * mirror, cosine, away[:, 1]], 1)
    grid = F.affine_grid(torch.stack([across, down], 1), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def apart(drawn: Tensor, wanted: Tensor) -> Tensor:
    """The mean square of the difference, summed over pictures of several sizes."""
    total = (drawn - wanted).square().mean()
    for _ in range(LEVELS - 1):
        drawn, wanted = F.avg_pool2d(drawn, 2), F.avg_pool2d(wanted, 2)
        total = total + (drawn - wanted).square().mean()
    return total


def main() -> None:
    chosen = loop.arguments("Train the encoder of heads.", pictures=10_700)
    generator = read_generator(GENERATOR)
    portraits = data.load(chosen.data, generator.settings["img_resolution"])
    trainer = EncoderTrainer(portraits, generator, Settings(), chosen.pictures)
    loop.run(trainer, chosen.out, chosen.pictures, chosen.start)


if __name__ == "__main__":
    main()
