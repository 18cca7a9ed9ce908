"""Deep network interpolation: Wang et al. 2019, "Deep Network Interpolation for Continuous Imagery
Effect Transition": two networks that were tuned from one another, and every network on the straight
line between their parameters.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor

from ganapps import networks
from ganapps.networks.contracts import TwinUpscaler
from ganapps.networks.places import inside
from ganapps.networks.upscale import upscalers


class Interpolated(TwinUpscaler):
    """Real-ESRGAN's general models: one that removes noise, and its twin that leaves it. Called, it
    is the first.
    """

    def __init__(
        self, denoising: upscalers.SpandrelUpscaler, faithful: upscalers.SpandrelUpscaler
    ) -> None:
        super().__init__()
        self.denoising, self.faithful = denoising, faithful
        # as of both
        self.family = denoising.family
        self.scale, self.channels = denoising.scale, denoising.channels
        self.multiple, self.minimum = denoising.multiple, denoising.minimum
        self.reach, self.step = denoising.reach, denoising.step
        self.tile, self.memory = denoising.tile, denoising.memory
        self.precisions, self.draws = denoising.precisions, denoising.draws

    def forward(self, x: Tensor) -> Tensor:
        """x [N, C, H, W], 0 to 1 -> [N, C, scale * H, scale * W]."""
        return self.denoising(x)

    def denoised(self, strength: float) -> upscalers.SpandrelUpscaler:
        """The network at `strength` between the twin that leaves noise (0) and the one that removes
        it (1); both stay as they are.
        """
        between = copy.deepcopy(self.denoising)
        with torch.no_grad():
            for mine, other in zip(between.parameters(), self.faithful.parameters(), strict=True):
                mine.lerp_(other, 1 - strength)
        return between


def recognise(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Never: which of two files is which, only a row of the catalogue says."""
    return False


def build(tensors: Mapping[str, Tensor], settings: Mapping) -> Interpolated:
    """Both networks; `settings` says under which names `tensors` has them: {"denoising": ...,
    "faithful": ...}.

    Raises ValueError where one is missing, or they are not of one shape.
    """
    sides = []
    for side in ("denoising", "faithful"):
        prefix = f"{settings.get(side)}."
        own = inside(prefix, tensors)
        if not own:
            raise ValueError(f"{side} is missing: no tensor's name starts with {prefix}")
        sides.append(upscalers.build(networks.found("upscalers", own, {}) or own, settings))
    shapes = [{name: tuple(t.shape) for name, t in side.state_dict().items()} for side in sides]
    if shapes[0] != shapes[1]:
        raise ValueError("its two files hold networks of different shapes")
    return Interpolated(*sides)
