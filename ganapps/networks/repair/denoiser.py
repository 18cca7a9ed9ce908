"""A blind denoiser in the layout of FFDNet: Zhang et al. 2018, "Toward a Fast and Flexible Solution
for CNN-based Image Denoising".
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganapps.networks import check_signs, contracts, load_strictly, shape_of
from ganapps.networks.taking import channels_last

FACTOR = 2  # of the shuffle: four quarter pictures see twice as far for a quarter of the work
COLOURS = 3
KINDS = ("weight", "bias")
SIGNS = ("model.0.weight", "model.2.weight")


class Denoiser(contracts.Upscaler):
    """Plain 3x3 convolutions on the picture's four quarters (every second pixel of every second
    row).

    Blind: where FFDNet is told how strong the noise is, this one finds out, as DnCNN-B does (Zhang
    2017); and like it, it says what is to be taken away, so that a network that has learned nothing
    leaves the picture alone.
    """

    channels = COLOURS
    scale = 1
    step = FACTOR
    tile = 512
    memory = 600

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.reach = depth * FACTOR
        quarters = COLOURS * FACTOR**2
        layers: list[nn.Module] = [nn.Conv2d(quarters, width, 3, padding=1), nn.ReLU(inplace=True)]
        for _ in range(depth - 2):
            layers += [nn.Conv2d(width, width, 3, padding=1), nn.ReLU(inplace=True)]
        self.model = nn.Sequential(*layers, nn.Conv2d(width, quarters, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """x [N, 3, H, W], 0 to 1 -> the same size, cleaned."""
        height, width = x.shape[-2:]
        even = F.pad(x, (0, width % FACTOR, 0, height % FACTOR), mode="replicate")
        damage = self.model(F.pixel_unshuffle(even, FACTOR))
        return x - F.pixel_shuffle(damage, FACTOR)[..., :height, :width].to(x.dtype)


def recognise(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Is this a blind denoiser? FFDNet's own files have one input more, the noise's strength."""
    quarters = COLOURS * FACTOR**2
    end = _end(shapes)
    names = {f"model.{number}.{kind}" for number in range(0, end, 2) for kind in KINDS}
    if set(shapes) != names or not names:
        return False
    first, last = shapes["model.0.weight"], shapes[f"model.{end - 2}.weight"]
    return len(first) == 4 and first[1] == quarters and len(last) == 4 and last[0] == quarters


def build(tensors: Mapping[str, Tensor], settings: Mapping) -> Denoiser:
    """The network of a checkpoint, float32; width and depth are read from the shapes.

    Raises ValueError that names a tensor that is missing, left over or of the wrong shape.
    """
    check_signs(tensors, SIGNS)
    width = shape_of(tensors, "model.0.weight", 4)[0]
    with torch.device("meta"):
        network = Denoiser(width, _end(tensors) // 2)
    return channels_last(load_strictly(network, tensors))


def _end(names: Mapping) -> int:
    """Where the row ends: every second place holds a convolution."""
    return next(number for number in count(0, 2) if f"model.{number}.weight" not in names)
