"""A network without weights fitted to one picture (Ulyanov 2018): what it learns first is what
pictures are like, noise and holes come last or never.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from ganapps.device import Device
from ganapps.errors import UserError
from ganapps.networks.contracts import PicturePrior
from ganapps.pictures.images import to_picture, to_pixels, to_tensor
from ganapps.tasks.careful import Careful, block, load_optimisers, no_picture, watched

INPUT = 0.1  # the noise that goes in is between 0 and this
AVERAGED = 0.99  # of the average of what came out stays at each step
TWICE = 2  # how many times an enlarged picture is larger
SHOWN = 10  # steps between two looks


class PriorFit(Careful):
    """One picture being fitted; `curve` holds the loss at each look, `result` [H, W, 3] the average
    of what came out.
    """

    def __init__(
        self,
        network: PicturePrior,
        device: Device,
        pixels: np.ndarray,
        known: np.ndarray | None,
        steps: int | None,
        seed: int,
        does: str = "fill",
    ) -> None:
        """`pixels` [H, W, 3] uint8 or uint16; `known` [H, W], None: all. Raises UserError where the
        picture is larger than is fitted.
        """
        super().__init__(device.with_precision("float32"))
        self.network, self.pixels, self.known = network, pixels, known
        self.total, self.seed, self.does = steps or network.steps, seed, does
        self.scale = TWICE if does == "enlarge" else 1
        self.curve: list[float] = []
        self.preview: tuple[Image.Image, ...] = ()
        self.figures: dict[str, Any] = {}
        _check_size(pixels, self.scale, network.longest, whole=known is None)

    def through(self) -> Iterator[int]:
        """The steps done, after every few of them."""
        generator = torch.Generator().manual_seed(self.seed)
        size = self._size()
        noise = INPUT * torch.rand(1, self.network.channels, *size, generator=generator)
        model = watched(self.network.fresh(generator)).to(self.device.name).train()
        load_optimisers()
        optimiser = torch.optim.Adam(model.parameters(), lr=self.network.rate)
        average: Tensor | None = None
        for step in range(1, self.total + 1):
            jitter = self.network.jitter * torch.randn(noise.shape, generator=generator)
            with block(self.device), torch.inference_mode(False), torch.enable_grad():
                loss, made = self._step(model, optimiser, noise + jitter)
            average = made if average is None else torch.lerp(made, average, AVERAGED)
            self._calls += 1
            if step % SHOWN == 0 or step == self.total:
                self._look(loss, average, step)
                yield step

    def _step(
        self, model: nn.Module, optimiser: torch.optim.Optimizer, noise: Tensor
    ) -> tuple[float, Tensor]:
        wanted = to_tensor(self.pixels).to(self.device.name)
        height, width = wanted.shape[2:]
        optimiser.zero_grad()
        made = model(noise.to(self.device.name))
        made = made[..., : height * self.scale, : width * self.scale]
        seen = made if self.scale == 1 else F.avg_pool2d(made, self.scale)
        squares = (seen - wanted).square()
        if self.known is not None:
            known = torch.from_numpy(self.known).to(squares)
            loss = (squares * known).sum() / (3 * known.sum())
        else:
            loss = squares.mean()
        loss.backward()
        optimiser.step()
        return loss.item(), made.detach()

    def _look(self, loss: float, average: Tensor, step: int) -> None:
        if not np.isfinite(loss):
            raise no_picture()
        self.curve.append(loss)
        self.figures = {"loss": round(loss, 6), "steps": step}
        self.result = to_pixels(average, bits=16 if self.pixels.dtype == np.uint16 else 8)
        shown = self.result
        if self.known is not None:
            shown = np.where(self.known[..., None], self.pixels, self.result)
        self.preview = (to_picture(shown),)

    def _size(self) -> list[int]:
        """What the network draws: sides made up to what it can halve so often."""
        multiple = self.network.multiple
        sides = [side * self.scale for side in self.pixels.shape[:2]]
        return [max(2, -(-side // multiple)) * multiple for side in sides]


def _check_size(pixels: np.ndarray, scale: int, longest: int, whole: bool) -> None:
    height, width = (side * scale for side in pixels.shape[:2])
    if max(height, width) <= longest:
        return
    times = max(1, round(height * width / longest**2, 1))
    figures = {"width": width, "height": height, "most": longest, "times": times}
    if whole:
        raise UserError(
            "What is fitted here has {width} x {height} pixels, at most {most} a side are: it "
            "would take {times} times as long as the largest. Give a smaller picture, or choose "
            "another model.",
            **figures,
        )
    raise UserError(
        "What is fitted here has {width} x {height} pixels, at most {most} a side are: it would "
        "take {times} times as long as the largest. Mark less at once, or choose another filler.",
        **figures,
    )
