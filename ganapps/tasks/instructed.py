"""A picture edited as a text says, by a diffusion model that sees the picture: guided by both
(Brooks 2023).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import ClassVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from ganapps.device import Device
from ganapps.errors import Message
from ganapps.networks.contracts import TextDenoiser
from ganapps.tasks import careful, sampling
from ganapps.tasks.careful import Careful, MemoryFull
from ganapps.tasks.text import glances, words

STEPS, GUIDANCE, IMAGE_GUIDANCE = 20, 7.5, 1.5
MOST = 512 * 768  # pixels: it learned on 512 x 512, and what it costs grows with the square


class Editing(Careful):
    """One picture's way through an editor; spoken to as a translator's run is."""

    figures: ClassVar[dict] = {}

    def __init__(
        self,
        network: TextDenoiser,
        device: Device,
        prompt: str,
        steps: int | None = None,
        guidance: float | None = None,
        image_guidance: float | None = None,
        seed: int | None = None,
    ) -> None:
        super().__init__(device)
        self.network, self.prompt, self.seed = network, prompt, seed or 0
        self.guidance = GUIDANCE if guidance is None else guidance
        self.image_guidance = IMAGE_GUIDANCE if image_guidance is None else image_guidance
        self.loop = sampling.scheduler(network.schedule, "euler", steps or STEPS)
        self.strips = len(self.loop.timesteps)
        self.preview: tuple[Image.Image, ...] = ()

    def scaled(self, colours: np.ndarray) -> Tensor:
        """[1, 3, H, W] in -1 to 1, of [H, W, 3]; rounded as diffusers does."""
        x = torch.from_numpy(colours[None].astype(np.float32).transpose(0, 3, 1, 2))
        return x.div_(np.iinfo(colours.dtype).max).mul_(2).sub_(1)

    def through(self, x: Tensor) -> Iterator[tuple[int, int]]:
        """Until `result` [1, 3, H, W] in -1 to 1 is there on the processor, as large as x [1, 3, H,
        W], sides multiples of the network's: (steps done, steps in all). `preview` is what there is
        to look at.
        """
        small = self._smaller(x)
        try:
            for done, at in enumerate(self._walk(small.to(self.device.name)), 1):
                self._changes += at.changes
                self.preview = glances(self.network, at)
                if done == self.strips:
                    self.result = self._enlarged(self._decoded(at.x), x)
                yield done, self.strips
        except MemoryFull as error:
            raise careful.too_large() from error

    def _walk(self, x: Tensor) -> Iterator[sampling.Moment]:
        told, cut = words(self.network, self.device, self.prompt)
        self._changes += cut
        with self.device.with_precision("float32").computing():
            seen = self.network.encode(x)
        generator = torch.Generator().manual_seed(self.seed)
        start = sampling.noise(tuple(seen.shape[1:]), generator, self.device)
        guided = self.guidance > 1 and self.image_guidance >= 1
        if guided:
            nothing, _ = words(self.network, self.device, "")
            told, seen = (
                torch.cat([told, nothing, nothing]),
                torch.cat([seen, seen, torch.zeros_like(seen)]),
            )

        def predict(x_t: Tensor, t: Tensor) -> Tensor:
            self._calls += len(told)
            predicted = self.network(
                torch.cat([torch.cat([x_t] * len(told)), seen], dim=1), t, told
            ).float()
            if not guided:
                return predicted
            both, picture, neither = predicted.chunk(3)
            return (
                neither
                + self.guidance * (both - picture)
                + self.image_guidance * (picture - neither)
            )

        yield from sampling.walk(self.loop, start, predict, self.device, generator)

    def _smaller(self, x: Tensor) -> Tensor:
        """x, shrunk to what the model can work on."""
        height, width = x.shape[2:]
        if height * width <= MOST:
            return x
        share, need = (MOST / (height * width)) ** 0.5, self.network.multiple
        size = [max(need, int(side * share) // need * need) for side in (height, width)]
        self._changes.append(
            Message(
                "The picture is larger than this model works on: it was edited at {width} x "
                "{height} pixels and enlarged again.",
                width=size[1],
                height=size[0],
            )
        )
        return F.interpolate(x, size=size, mode="bicubic", antialias=True).clamp(-1, 1)

    def _decoded(self, x_0: Tensor) -> Tensor:
        float32 = self.device.with_precision("float32")
        return careful.call(float32, partial(self.network.decode, x_0))[0].cpu()

    def _enlarged(self, y: Tensor, x: Tensor) -> Tensor:
        return (
            y
            if y.shape == x.shape
            else F.interpolate(y, size=x.shape[2:], mode="bicubic", antialias=True)
        )
