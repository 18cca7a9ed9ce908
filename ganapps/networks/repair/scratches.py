"""A small U-Net that finds scratches, dust and folds: Ronneberger et al. 2015, "U-Net:
Convolutional Networks for Biomedical Image Segmentation".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count, pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganapps.networks import check_signs, load_strictly, shape_of
from ganapps.networks.contracts import DamageFinder
from ganapps.networks.taking import channels_last

MOST_LOOKS = 4
SMALLEST = 64  # pixels of the shorter side that a look from farther away still has
CAUTION = 2.0  # by how much such a look has to be surer
SIGNS = ("down.0.0.weight", "down.1.0.weight", "up.0.0.weight", "last.weight")


class ScratchDetector(DamageFinder):
    """Pictures 0 to 1 of any size -> for every pixel how surely it is damaged, before the
    sigmoid.
    """

    tile = 512

    def __init__(self, widths: Sequence[int], looks: int = 1) -> None:
        """`widths`: channels at each size, from the picture's own to the smallest. `looks`: from
        how many distances a picture is looked at, each twice as far as the one before, as long as
        64 pixels are left; the surest look counts. With each, damage may be twice as wide.
        """
        super().__init__()
        self.looks, self.multiple = looks, 2 ** (len(widths) + looks - 2)
        self.down = nn.ModuleList(_pair(i, o) for i, o in zip((3, *widths), widths))
        outwards = widths[::-1]
        self.up = nn.ModuleList(_pair(i + o, o) for i, o in pairwise(outwards))
        self.last = nn.Conv2d(widths[0], 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """x [N, 3, H, W] -> [N, 1, H, W]; above 0 is damaged rather than not."""
        height, width = x.shape[-2:]
        x = F.pad(x, (0, -width % self.multiple, 0, -height % self.multiple), mode="replicate")
        sure = self._look(x)
        for halved in range(1, self.looks):
            if min(x.shape[-2:]) < 2 * SMALLEST:
                break
            x = F.avg_pool2d(x, 2)
            far = F.interpolate(self._look(x), scale_factor=2**halved, mode="bilinear")
            sure = torch.maximum(sure, far - CAUTION)
        return sure[..., :height, :width]

    def _look(self, x: Tensor) -> Tensor:
        """From one distance."""
        passed = []
        for number, pair in enumerate(self.down):
            x = pair(F.max_pool2d(x, 2) if number else x)
            passed.append(x)
        for pair, beside in zip(self.up, passed[-2::-1]):
            x = pair(torch.cat([F.interpolate(x, scale_factor=2, mode="nearest"), beside], 1))
        return self.last(x)


def recognise(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Is this a scratch detector of `ganapps.training.scratches`?"""
    return all(sign in shapes for sign in SIGNS) and shapes["last.weight"][0] == 1


def build(tensors: Mapping[str, Tensor], settings: Mapping) -> ScratchDetector:
    """The network of a checkpoint, float32; widths are read from the shapes, `looks` stands in its
    catalogue row.

    Raises ValueError that names a tensor that is missing, left over or of the wrong shape, or for
    `looks` that are no number from 1 to 4.
    """
    check_signs(tensors, SIGNS)
    looks = settings.get("looks", 1)
    if looks not in range(1, MOST_LOOKS + 1):
        raise ValueError(f"looks is no number from 1 to {MOST_LOOKS}")
    sizes = next(number for number in count() if f"down.{number}.0.weight" not in tensors)
    widths = [shape_of(tensors, f"down.{number}.0.weight", 4)[0] for number in range(sizes)]
    with torch.device("meta"):
        network = ScratchDetector(widths, looks)
    return channels_last(load_strictly(network, tensors))


def _pair(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1),
        nn.ReLU(inplace=True),
    )
