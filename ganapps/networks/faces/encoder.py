"""From a picture to the styles of a generator's face: a small residual network (He 2016), one w for
each layer as Richardson 2021 ("Encoding in Style"), as steps from the average face.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from ganapps.networks.contracts import StyleEncoder
from ganapps.networks.taking import channels_last, load_strictly

STEM = 4  # pixels that the first layer sees at once, and goes on by two
SMALLEST = 4  # cells a side of what is left of a picture


class Residual(nn.Module):
    """Two convolutions whose sum with what went in goes on."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm0 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.norm0(self.conv0(x)))
        return torch.relu(x + self.norm1(self.conv1(y)))


class Half(nn.Module):
    """Half the side, more channels."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.norm(self.conv(x)))


class FaceEncoder(StyleEncoder):
    """Pictures in -1..1 -> styles of the one generator that it learned with.

    `average` [w_dim] is that generator's average face, `spread` [w_dim] how far its faces are from
    it; what the last layer says is in units of that spread.
    """

    average: Tensor
    spread: Tensor

    def __init__(self, widths: Sequence[int], narrow: int, num_ws: int, w_dim: int) -> None:
        """`widths`: channels at half the side, a quarter, ... 4 cells; `narrow` of them are left
        for the last layer.
        """
        super().__init__()
        self.resolution = SMALLEST * 2 ** len(widths)
        self.num_ws = num_ws
        self.stem = nn.Conv2d(3, widths[0], STEM, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(widths[0])
        self.halves = nn.ModuleList(Half(i, o) for i, o in pairwise(widths))
        self.blocks = nn.ModuleList(Residual(width) for width in widths[1:])
        self.narrow = nn.Conv2d(widths[-1], narrow, 1)
        self.last = nn.Linear(narrow * SMALLEST**2, num_ws * w_dim)
        self.register_buffer("average", torch.zeros(w_dim))
        self.register_buffer("spread", torch.ones(w_dim))

    def forward(self, x: Tensor) -> Tensor:
        """x [N, 3, H, H] -> ws [N, num_ws, w_dim]."""
        x = torch.relu(self.norm(self.stem(x)))  # [N, C, H / 2, H / 2]
        for half, block in zip(self.halves, self.blocks, strict=True):
            x = block(half(x))  # in the end [N, C, 4, 4]
        x = torch.relu(self.narrow(x)).flatten(1)
        steps = self.last(x).unflatten(1, (self.num_ws, -1))
        return self.average + steps * self.spread


def build(tensors: dict[str, Tensor]) -> FaceEncoder:
    """The encoder of tensors as `ganapps.training.encoder` writes them, float32; sizes are read
    from the shapes. Raises ValueError that names a tensor that is missing or of the wrong shape.
    """
    w_dim = len(tensors["average"])
    widths = [len(tensors["norm.weight"])]
    while (name := f"halves.{len(widths) - 1}.norm.weight") in tensors:
        widths.append(len(tensors[name]))
    num_ws = len(tensors["last.bias"]) // w_dim
    network = FaceEncoder(widths, len(tensors["narrow.bias"]), num_ws, w_dim)
    # how many batches the norms have seen means nothing any more
    counts = {
        name: tensor
        for name, tensor in network.state_dict().items()
        if name.endswith("num_batches_tracked")
    }
    return channels_last(load_strictly(network, tensors | counts))
