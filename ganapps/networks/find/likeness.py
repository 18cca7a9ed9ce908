"""How alike two faces are, as far apart as their 128 numbers: dlib's residual network (King 2017;
He 2016 with fewer layers and half the channels), in face-api.js's layout (Mühler 2018).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganapps.networks.contracts import FaceLikeness
from ganapps.networks.find.faces import widened
from ganapps.networks.taking import load_strictly

MEAN = (122.782, 117.001, 104.298)  # of 255: what is taken off before a face is looked at
WIDTHS = {32: 3, 64: 3, 128: 2, 256: 2}  # channels, and how many blocks keep them


class Convolution(nn.Module):
    """A convolution, then a factor and a summand for each channel."""

    def __init__(self, inputs: int, outputs: int, side: int, stride: int) -> None:
        super().__init__()
        self.filters = nn.Parameter(torch.empty(outputs, inputs, side, side))
        self.bias = nn.Parameter(torch.empty(outputs))
        self.factor = nn.Parameter(torch.empty(outputs, 1, 1))
        self.summand = nn.Parameter(torch.empty(outputs, 1, 1))
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """[N, inputs, H, W] -> [N, outputs, H, W], or of half the size without a border."""
        padding = 1 if self.stride == 1 else 0
        y = F.conv2d(x, self.filters, self.bias, self.stride, padding)
        return y * self.factor + self.summand


class Block(nn.Module):
    """Two convolutions beside a way around them."""

    def __init__(self, inputs: int, outputs: int, halves: bool) -> None:
        super().__init__()
        self.conv1 = Convolution(inputs, outputs, 3, 2 if halves else 1)
        self.conv2 = Convolution(outputs, outputs, 3, 1)
        self.halves, self.wider = halves, outputs - inputs

    def forward(self, x: Tensor) -> Tensor:
        """[N, inputs, H, W] -> [N, outputs, H, W], or of half the size."""
        y = self.conv2(F.relu(self.conv1(x)))
        if self.halves:
            x = F.avg_pool2d(x, 2)
            # without a border a side may come out one shorter than the pool's
            y = F.pad(y, (0, x.shape[3] - y.shape[3], 0, x.shape[2] - y.shape[2]))
            x = F.pad(x, (0, 0, 0, 0, 0, self.wider))
        return F.relu(x + y)


class DlibFace(FaceLikeness):
    """29 convolutions and a matrix."""

    side = 150
    # dlib's documentation: two faces nearer than that are one person's. So it decides 99.38 % of
    # the pairs of Labeled Faces in the Wild rightly
    same = 0.6

    def __init__(self) -> None:
        super().__init__()
        self.conv32_down = Convolution(3, 32, 7, 2)
        before = 32
        for width, blocks in WIDTHS.items():
            if width != before:
                self.add_module(f"conv{width}_down", Block(before, width, halves=True))
            for number in range(1, blocks + 1):
                self.add_module(f"conv{width}_{number}", Block(width, width, halves=False))
            before = width
        self.conv256_down_out = Block(256, 256, halves=True)
        self.fc = nn.Parameter(torch.empty(128, 256))

    def forward(self, x: Tensor) -> Tensor:
        """x [N, 3, 150, 150] in 0..1, upright -> [N, 128]."""
        first, *blocks = self.children()
        x = x - torch.tensor(MEAN).to(x).view(1, 3, 1, 1) / 255
        x = F.max_pool2d(F.relu(first(x)), 3, 2)  # [N, 32, 35, 35]
        for block in blocks:
            x = block(x)
        return F.linear(x.mean((2, 3)), self.fc)  # of [N, 256, 2, 2]


def build(tensors: Mapping[str, Tensor]) -> DlibFace:
    """The network of tensors as `ganapps.training.finder` writes them, 8 bits a number. Raises
    ValueError where one is missing or odd.
    """
    network = DlibFace()
    load_strictly(network, widened(tensors))
    return network.eval().requires_grad_(False)
