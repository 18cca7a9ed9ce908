"""Tiles that a diffusion model makes: each a walk from noise beside its small picture, all from one
field of noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganapps.device import Device
from ganapps.errors import UserError
from ganapps.networks.contracts import NoisyUpscaler
from ganapps.tasks import careful, planes, sampling, tiles
from ganapps.tasks.careful import MemoryFull
from ganapps.tasks.tile_run import TileRun

STEPS = 20
NOISE_LEVEL = 20
OVERLAP = (
    32  # pixels: tiles can't agree whatever they share, so just enough to fade one into the next
)


class DenoisedTiles(TileRun):
    """One run of a diffusion upscaler. Its noise is drawn for the whole picture at once, so that
    neighbours share theirs where they overlap.
    """

    network: NoisyUpscaler
    seed: int  # its noise is always drawn

    def __init__(
        self,
        network: NoisyUpscaler,
        device: Device,
        source: np.ndarray,
        steps: int | None = None,
        seed: int | None = None,
        noise_level: int | None = None,
    ) -> None:
        """Raises UserError where the model has no way of so many steps."""
        super().__init__(network, device, source)
        self.overlap, self.steps, self.seed = OVERLAP, steps or STEPS, seed or 0
        self.level = NOISE_LEVEL if noise_level is None else noise_level
        self.parts = len(self._scheduler().timesteps)

    def through(self, layout: tiles.Grid, canvas: tiles.Canvas) -> Iterator[int]:
        """All windows onto the canvas, row by row; after each step how many steps are done."""
        rows, columns, done = layout.rows, layout.columns, 0
        fields = self._fields(rows.starts[-1] + rows.side, columns.starts[-1] + columns.side)
        for row, top in enumerate(rows.starts):
            for column, left in enumerate(columns.starts):
                window = tiles.window(self.source, top, left, rows.side, columns.side)
                place = (
                    slice(None),
                    slice(None),
                    slice(top, top + rows.side),
                    slice(left, left + columns.side),
                )
                made: list[Tensor] = []
                x = planes.to_planes(window, self.network.channels, self.with_alpha)
                for part in self._tile(x, [field[place] for field in fields], made):
                    if column < len(columns.starts) - 1 or part < self.parts:
                        yield done + part
                done += self.parts
                y = self.calm.calmed(x, torch.cat(made), self.network.scale, None)
                canvas.add(row, column, planes.to_channels(y, window, self.network))
            canvas.finish(row)
            yield done

    def _fields(self, height: int, width: int) -> list[Tensor]:
        """Noise for the small picture [1, 3, H, W], where the model wants it, and for the latents
        [1, C, H, W].
        """
        generator = torch.Generator().manual_seed(self.seed)
        channels = [self.network.channels] * bool(self.network.noise_levels) + [
            self.network.latent_channels
        ]
        return [torch.randn((1, c, height, width), generator=generator) for c in channels]

    def _keeps_alpha(self) -> bool:
        """What is drawn from noise keeps nothing exactly."""
        return False

    def _tile(self, inputs: Tensor, noise: list[Tensor], made: list[Tensor]) -> Iterator[int]:
        """Fills `made` with the network's picture of each of the window's planes [N, channels, h,
        w]; yields how many of its parts are done.
        """
        for index, x in enumerate(inputs):
            small = self._noisy(2 * x[None] - 1, noise).to(self.device.name)
            predict = partial(self._predict, small=small)
            loop, generator = self._scheduler(), torch.Generator().manual_seed(self.seed)
            try:
                for step, at in enumerate(
                    sampling.walk(
                        loop, noise[-1].to(self.device.name), predict, self.device, generator
                    ),
                    1,
                ):
                    self._changes += at.changes
                    if step == self.parts:
                        made.append(self._decoded(at.x))
                    yield (index * self.parts + step) // len(inputs)
            except MemoryFull as error:
                raise UserError(
                    "The memory is not enough for tiles of {tile} pixels with this model: choose "
                    "smaller tiles, or another model.",
                    tile=max(inputs.shape[2:]),
                ) from error

    def _predict(self, x_t: Tensor, t: Tensor, small: Tensor) -> Tensor:
        self._calls += 1
        return self.network(x_t, t, small, self.level)

    def _decoded(self, x: Tensor) -> Tensor:
        float32 = self.device.with_precision("float32")
        return careful.call(float32, partial(self.network.decode, x))[0].cpu()

    def _noisy(self, small: Tensor, noise: list[Tensor]) -> Tensor:
        if not self.network.noise_levels:
            return small
        assert self.network.noises is not None, "what has levels has their schedule"
        loop = sampling.scheduler(self.network.noises, "ddpm", 1)
        return loop.add_noise(small, noise[0], torch.tensor([self.level]))

    def _scheduler(self) -> Any:
        return sampling.scheduler(self.network.schedule, "ddim", self.steps)
