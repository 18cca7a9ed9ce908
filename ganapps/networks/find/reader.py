"""Reads a face: its labels, and numbers that are alike for pictures of one person. Linear maps
behind the first eleven blocks of EfficientNet-Lite0 (Tan 2019, no squeeze and excitation).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganapps.networks.contracts import FaceReader, Reading
from ganapps.networks.taking import channels_last, load_strictly

SIDE = 128  # pixels: what is looked at
STEM = 32  # channels
COLOURS, GRID = 8, 4  # cells a side that colours and features are averaged over


class Shape(NamedTuple):
    """One block: the kernel's side, the stride, how many times as wide it is inside, and what comes
    out of it; `seen` by the linear maps or not.
    """

    kernel: int
    stride: int
    wider: int
    outputs: int
    seen: bool = False


BLOCKS = (
    Shape(3, 1, 1, 16),
    *(Shape(3, 2, 6, 24), Shape(3, 1, 6, 24, seen=True)),
    *(Shape(5, 2, 6, 40), Shape(5, 1, 6, 40, seen=True)),
    *(Shape(3, 2, 6, 80), Shape(3, 1, 6, 80), Shape(3, 1, 6, 80)),
    *(Shape(5, 1, 6, 112), Shape(5, 1, 6, 112), Shape(5, 1, 6, 112, seen=True)),
)
SEEN = 3 * COLOURS**2 + GRID**2 * sum(shape.outputs for shape in BLOCKS if shape.seen)


class Block(nn.Module):
    """An inverted residual (Sandler 2018); batch norms are in the kernels."""

    def __init__(self, inputs: int, shape: Shape) -> None:
        super().__init__()
        inside = inputs * shape.wider
        self.stride = shape.stride
        self.adds = shape.stride == 1 and inputs == shape.outputs
        self.expand = nn.Conv2d(inputs, inside, 1) if shape.wider > 1 else nn.Identity()
        self.depthwise = nn.Conv2d(inside, inside, shape.kernel, groups=inside)
        self.project = nn.Conv2d(inside, shape.outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = x if isinstance(self.expand, nn.Identity) else F.relu6(self.expand(x))
        y = self.project(F.relu6(_same(y, self.depthwise, self.stride)))
        return x + y if self.adds else y


class HeadReader(FaceReader):
    """Faces in -1..1 -> labels, likeness."""

    def __init__(self, names: tuple[str, ...], likeness: int) -> None:
        """`names` of the labels; `likeness`: how many numbers say who it is."""
        super().__init__()
        self.names = names
        self.stem = nn.Conv2d(3, STEM, 3)
        inputs = (STEM, *(shape.outputs for shape in BLOCKS))
        self.blocks = nn.ModuleList(Block(i, shape) for i, shape in zip(inputs, BLOCKS))
        self.labels = nn.Linear(SEEN, len(names))
        self.likeness = nn.Linear(SEEN, likeness)

    def forward(self, x: Tensor) -> Reading:
        """x [N, 3, H, W] -> labels [N, K] and likeness [N, D]."""
        seen = self.describe(x)
        return Reading(self.labels(seen), F.normalize(self.likeness(seen), dim=1))

    def describe(self, x: Tensor) -> Tensor:
        """x [N, 3, H, W] -> what the linear maps see, [N, SEEN]."""
        if x.shape[-1] != SIDE:
            x = F.interpolate(x, (SIDE, SIDE), mode="bilinear", antialias=True)
        rows = [F.adaptive_avg_pool2d(x, COLOURS).flatten(1)]
        x = F.relu6(_same(x, self.stem, 2))
        for block, shape in zip(self.blocks, BLOCKS, strict=True):
            x = block(x)
            if shape.seen:
                rows.append(F.adaptive_avg_pool2d(x, GRID).flatten(1))
        return torch.cat(rows, dim=1)


def build(tensors: Mapping[str, Tensor], settings: Mapping[str, str]) -> HeadReader:
    """The reader of tensors as `ganapps.training.head_reader` writes them, float32. Raises
    ValueError that names a tensor that is missing or of the wrong shape.
    """
    network = HeadReader(tuple(json.loads(settings["names"])), len(tensors["likeness.bias"]))
    return channels_last(load_strictly(network, tensors))


def _same(x: Tensor, layer: nn.Conv2d, stride: int) -> Tensor:
    """A convolution that pads as TensorFlow does: behind more than before."""
    side, kernel = x.shape[-1], layer.kernel_size[0]
    missing = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    before = missing // 2
    x = F.pad(x, (before, missing - before) * 2)
    return F.conv2d(x, layer.weight, layer.bias, stride, groups=layer.groups)
