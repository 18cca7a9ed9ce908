"""Train SRResNet, four times the size: python -m ganapps.training.srresnet --data DIR --out DIR

Ledig 2017, section 2.1 and 3.2: learned for closeness alone, here by the absolute difference. It
begins as bilinear enlargement, which the network can express exactly, so a short training only adds
to that. `ganapps.training.srgan` goes on from its state.
"""

from __future__ import annotations

import copy
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from ganapps.training import loop, precision
from ganapps.training.photographs import load, shrink

SCALE, CROP, SHEET = 4, 96, 8
SIDES = (320, 480, 2000)  # short sides in pixels, the last one as it is
# how often a small picture comes through the camera chain instead of bicubic shrinking alone
CAMERA = 0.5
# pixels of the large picture; of 1; of JPEG
BLUR, NOISE, QUALITY = (
    (0.6, 2.4),
    (0.0, 0.025),
    (50, 95),
)


@dataclass(frozen=True)
class Settings:
    """What a run may change."""

    width: int = 64
    blocks: int = 8
    batch: int = 8
    rate: float = 5e-4
    half_life: int = 2000  # of the average, in pictures


class Block(nn.Module):
    """x + two convolutions of x, each with its batch norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        first, second = (nn.Conv2d(width, width, 3, padding=1, bias=False) for _ in range(2))
        self.rcb = nn.Sequential(
            first, nn.BatchNorm2d(width), nn.PReLU(), second, nn.BatchNorm2d(width)
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.rcb(x)


class Double(nn.Module):
    """Twice the size."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.upsample_block = nn.Sequential(
            nn.Conv2d(width, 4 * width, 3, padding=1), nn.PixelShuffle(2), nn.PReLU()
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.upsample_block(x)


class Generator(nn.Module):
    """Pictures [N, 3, H, W] in 0..1 -> [N, 3, 4 H, 4 W]. Its tensors have the names that
    Lornatang's published files have.
    """

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(3, width, 9, padding=4), nn.PReLU())
        self.trunk = nn.Sequential(*(Block(width) for _ in range(blocks)))
        self.conv2 = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        )
        self.upsampling = nn.Sequential(Double(width), Double(width))
        self.conv3 = nn.Conv2d(width, 3, 9, padding=4)
        self._begin_bilinear()

    def forward(self, x: Tensor) -> Tensor:
        first = self.conv1(x)
        return self.conv3(self.upsampling(first + self.conv2(self.trunk(first))))

    @torch.no_grad()
    def _begin_bilinear(self) -> None:
        """Three channels carry the picture through, doubled twice by bilinear weights; the others
        start without a say, and with the same kernel for all four pixels that one becomes (Aitken
        2017), or they would bring a grid when they get one.
        """
        nn.init.zeros_(self.conv2.get_parameter("1.weight"))
        for convolution in (self.conv1[0], self.conv3):
            weight, bias = (convolution.get_parameter(name) for name in ("weight", "bias"))
            for colour in range(3):
                weight[colour] = 0
                weight[colour, colour, 4, 4] = 1
                bias[colour] = 0
        self.conv3.weight[:, 3:] = 0
        # of the pixels before, at and after, for either half
        near = torch.tensor([[0.25, 0.75, 0.0], [0.0, 0.75, 0.25]])
        for double in self.upsampling:
            weight = double.get_parameter("upsample_block.0.weight")
            kernels = weight.unflatten(0, (-1, 4))
            kernels.copy_(kernels[:, :1].expand_as(kernels).clone())
            double.get_parameter("upsample_block.0.bias").zero_()
            for colour in range(3):
                rows = slice(4 * colour, 4 * colour + 4)
                weight[rows] = 0
                weight[rows, colour] = torch.stack(
                    [near[i].outer(near[j]) for i in range(2) for j in range(2)]
                )


class SRResNetTrainer:
    """The network, its average, and the large pictures it learns from: uint8 [H, W, 3], no side
    below 96.
    """

    name = "srresnet-x4-ours"

    def __init__(self, heap: Sequence[np.ndarray], settings: Settings, pictures: int) -> None:
        self.settings, self.pictures, self.seen, self.heap = settings, pictures, 0, heap
        self.generator = precision.channels_last(Generator(settings.width, settings.blocks))
        self.average = copy.deepcopy(self.generator).eval().requires_grad_(False)
        self.optimizer = torch.optim.Adam(self.generator.parameters())

    def step(self) -> dict[str, float]:
        """One batch; the losses, by name."""
        self.optimizer.param_groups[0]["lr"] = self.settings.rate * loop.falling(
            self.seen, self.pictures
        )
        large = crops(self.heap, self.settings.batch)
        small = damaged(large)
        with precision.quick():
            made = self.generator(small).float()
        loss, losses = self.judge(made, large)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.seen += len(large)
        # short at first: nobody misses the beginnings
        half_life = min(self.settings.half_life, 1 + self.seen / 5)
        loop.follow(self.average, self.generator, 0.5 ** (len(large) / half_life))
        return losses

    def judge(self, made: Tensor, large: Tensor) -> tuple[Tensor, dict[str, float]]:
        """What the generator is to lessen; and numbers for the log, `apart` in levels of 255."""
        apart = (made - large).abs().mean()
        return apart, {"apart": 255 * apart.item()}

    def sheet(self) -> Tensor:
        """Rows of eight crops: small ones enlarged by bicubic, by the network, and the true ones;
        -1..1.
        """
        state = torch.get_rng_state()
        torch.manual_seed(7)
        large = crops(self.heap, SHEET)
        small = damaged(large)
        torch.set_rng_state(state)
        with torch.no_grad():
            made = self.average(small)
        return (
            torch.cat(
                [F.interpolate(small, scale_factor=SCALE, mode="bicubic"), made, large]
            ).clamp(0, 1)
            * 2
            - 1
        )

    def state(self) -> dict[str, Any]:
        """Everything that a later run needs to go on as if it had never stopped."""
        return {
            "generator": self.generator.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "seen": self.seen,
            "random": torch.get_rng_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.generator.load_state_dict(state["generator"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.seen = state["seen"]
        torch.set_rng_state(state["random"])

    def start_from(self, finished: Path) -> None:
        """Take over a finished network, SRResNet's or SRGAN's."""
        tensors = {name: tensor.float() for name, tensor in load_file(finished).items()}
        for network in (self.generator, self.average):
            counts = {
                name: tensor
                for name, tensor in network.state_dict().items()
                if name.endswith("num_batches_tracked")
            }
            network.load_state_dict(tensors | counts)

    def export(self, out: Path) -> None:
        """The averaged network in float16, its batch norms' statistics too, in the layout that
        `ganapps.networks.upscale.srresnet` reads.
        """
        tensors = {
            k: v.half().contiguous()
            for k, v in self.average.state_dict().items()
            if not k.endswith("num_batches_tracked")
        }
        save_file(
            tensors, out / f"{self.name}.safetensors", metadata={"pictures_seen": str(self.seen)}
        )


def crops(heap: Sequence[np.ndarray], count: int) -> Tensor:
    """Random squares of 96 pixels out of random pictures, turned and mirrored: [N, 3, 96, 96] in
    0..1.
    """
    picked = []
    for _ in range(count):
        pixels = heap[int(torch.randint(len(heap), ()))]
        y, x, turns = (
            int(torch.randint(n, ()))
            for n in (pixels.shape[0] - CROP + 1, pixels.shape[1] - CROP + 1, 4)
        )
        crop = np.rot90(pixels[y : y + CROP, x : x + CROP], turns)
        picked.append(crop[:, ::-1] if torch.rand(()) < 0.5 else crop)
    return (
        torch.from_numpy(np.stack(picked))
        .permute(0, 3, 1, 2)
        .contiguous(memory_format=torch.channels_last)
        .float()
        / 255
    )


def damaged(large: Tensor) -> Tensor:
    """[N, 3, S, S] -> [N, 3, S / 4, S / 4], 0..1 in 255 levels: bicubic, and about half of them
    through the camera chain.
    """
    return torch.stack(
        [camera(x) if torch.rand(()) < CAMERA else shrunk(x) for x in large]
    ).contiguous(memory_format=torch.channels_last)


def shrunk(x: Tensor) -> Tensor:
    """Bicubic with antialiasing, a quarter of the side: [3, S, S] -> [3, S / 4, S / 4]."""
    small = F.interpolate(x[None], scale_factor=1 / SCALE, mode="bicubic", antialias=True)[0]
    return (small.clamp(0, 1) * 255).round() / 255


def camera(x: Tensor) -> Tensor:
    """Blurred, shrunk, noisy and through JPEG, each by chance more or less."""
    blur, noise, quality = (
        low + (high - low) * float(torch.rand(())) for low, high in (BLUR, NOISE, QUALITY)
    )
    places = torch.arange(-5, 6).float()
    line = torch.exp(-(places**2) / (2 * blur**2))
    line = (line / line.sum()).expand(3, 1, 1, 11)
    soft = F.conv2d(F.pad(x[None], (5, 5, 5, 5), mode="reflect"), line, groups=3)
    small = shrunk(F.conv2d(soft, line.transpose(2, 3), groups=3)[0])
    pixels = (
        ((small + noise * torch.randn_like(small)).clamp(0, 1) * 255)
        .round()
        .byte()
        .permute(1, 2, 0)
        .numpy()
    )
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=round(quality))
    return torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1).float() / 255


def sharp(folder: Path) -> list[np.ndarray]:
    """The photographs to learn from, each in every size of `SIDES`; none that is held back."""
    return [
        shrink(p.pixels, side)
        for p in load(folder, "photo", "painting")
        for side in SIDES
        if side < min(p.pixels.shape[:2]) or side == SIDES[-1]
    ]


def main() -> None:
    chosen = loop.arguments("Train SRResNet, four times the size.", pictures=60_000)
    loop.run(
        SRResNetTrainer(sharp(chosen.data), Settings(), chosen.pictures),
        chosen.out,
        chosen.pictures,
        chosen.start,
    )


if __name__ == "__main__":
    main()
