"""Train the denoiser: python -m ganapps.training.denoiser --data DIR --out DIR

Noise and JPEG's blocks together, of any strength and without being told it (Zhang 2017, DnCNN,
section IV), by the squared difference. The network is FFDNet's (Zhang 2018) without its input for
the strength.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from ganapps.networks.repair.denoiser import COLOURS, FACTOR, Denoiser
from ganapps.training import averaged, loop, precision
from ganapps.training.averaged import AveragedTrainer, Heap, gathered, repeatable

NOISY, BLOCKY = 0.75, 0.75  # how often; a picture with neither must stay as it is
NOISE, QUALITY = (0.0, 0.16), (15, 95)  # standard deviation, of 1; of JPEG
GRID = 8  # pixels: JPEG's blocks begin anywhere, for pictures are cropped after they were saved
SHEET = 8
SCALE = 100  # of the squared difference, which is small
QUARTERS = COLOURS * FACTOR**2  # channels of the picture as the network takes it


@dataclass(frozen=True)
class Settings(averaged.Settings):
    """What a run may change."""

    batch: int = 16
    side: int = 64
    rate: float = 5e-4  # at 1e-3 it dies all the same
    width: int = 64
    depth: int = 10


class DenoiserTrainer(AveragedTrainer):
    """The denoiser."""

    name = "denoiser-ours"

    def __init__(self, heaps: tuple[Heap, Heap], settings: Settings, pictures: int) -> None:
        network = Denoiser(settings.width, settings.depth)
        begin(network)
        super().__init__(network, heaps, settings, pictures)

    def pick(self, count: int, margin: int = GRID) -> Tensor:
        """Larger crops: `pairs` cuts them."""
        return super().pick(count, margin)

    def judge(self, whole: Tensor) -> tuple[Tensor, dict[str, float]]:
        """The squared difference (by the absolute one, a network that can guess little yet does
        best to say nothing, and stays there); `apart` and how far the damaged ones were are mean
        absolute differences in levels of 255.
        """
        damaged, whole = pairs(whole, self.settings.side)
        with precision.quick():
            made = self.network(damaged).float()
        loss = SCALE * (made - whole).square().mean()
        return loss, {
            "apart": 255 * (made - whole).abs().mean().item(),
            "damaged": 255 * (damaged - whole).abs().mean().item(),
        }

    def sheet(self) -> Tensor:
        """Rows of eight: damaged, cleaned, whole; -1..1."""
        damaged, whole = repeatable(7, lambda: pairs(self.pick(SHEET), self.settings.side))
        with torch.no_grad():
            cleaned = self.average(damaged).clamp(0, 1)
        return torch.cat([damaged, cleaned, whole]) * 2 - 1


def begin(network: Denoiser) -> None:
    """He's weights (2015), but that the picture itself passes through in the first channels: so the
    last layer sees noise from the first step on. Without that a run of 200,000 pictures learned
    nothing: what eleven layers without norms make of noise hardly goes with it, and what they had
    made in vain died away.
    """
    *inner, last = (layer for layer in network.model if isinstance(layer, nn.Conv2d))
    for layer in inner:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        with torch.no_grad():
            layer.weight[:QUARTERS] = 0
            for channel in range(min(QUARTERS, len(layer.weight))):
                layer.weight[channel, channel, 1, 1] = 1
    nn.init.zeros_(last.weight)
    for layer in (*inner, last):
        assert layer.bias is not None, "all of them have one"
        nn.init.zeros_(layer.bias)


def pairs(whole: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Crops [N, 3, S, S] in 0..1, S at least `side` + 8 -> damaged ones and the same undamaged, [N,
    3, side, side].
    """
    y, x = torch.randint(GRID, (2,)).tolist()
    window = (..., slice(y, y + side), slice(x, x + side))
    damaged = torch.stack([damage(picture, *draw()) for picture in whole])
    given, wanted = (
        part[window].contiguous(memory_format=torch.channels_last) for part in (damaged, whole)
    )
    return given, wanted


def draw() -> tuple[float, int | None]:
    """How much noise and which JPEG quality, None for none, a picture gets."""
    noisy, blocky, strength, quality = torch.rand(4).tolist()
    noise = NOISE[0] + (NOISE[1] - NOISE[0]) * strength if noisy < NOISY else 0.0
    return noise, round(
        QUALITY[0] + (QUALITY[1] - QUALITY[0]) * quality
    ) if blocky < BLOCKY else None


def damage(x: Tensor, noise: float, quality: int | None) -> Tensor:
    """[3, H, W] in 0..1 with noise of this deviation, then through JPEG, as a camera does it; 255
    levels.
    """
    pixels = ((x + noise * torch.randn_like(x)).clamp(0, 1) * 255).round()
    return pixels / 255 if quality is None else through_jpeg(pixels, quality)


def through_jpeg(pixels: Tensor, quality: int) -> Tensor:
    """[3, H, W] in whole levels of 255 -> 0..1."""
    file = io.BytesIO()
    Image.fromarray(pixels.byte().permute(1, 2, 0).numpy()).save(file, "JPEG", quality=quality)
    return torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1).float() / 255


def main() -> None:
    chosen = loop.arguments("Train the denoiser.", pictures=200_000)
    loop.run(
        DenoiserTrainer(gathered(chosen.data), Settings(), chosen.pictures),
        chosen.out,
        chosen.pictures,
        chosen.start,
    )


if __name__ == "__main__":
    main()
