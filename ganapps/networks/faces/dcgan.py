"""DCGAN generator (Radford et al. 2015, "Unsupervised Representation Learning"), as PyTorch's
tutorial lays it out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ganapps.networks import check_resolution, check_signs, load_strictly, shape_of
from ganapps.networks.contracts import FaceGenerator
from ganapps.networks.taking import channels_last

FIRST, NORM = "main.0.weight", "main.1.running_mean"


class DCGAN(FaceGenerator):
    """Transposed 4x4 convolutions, the first to 4 px, the others doubling; batch norm (running
    statistics), ReLU.
    """

    def __init__(self, channels: list[int], bias: list[bool]) -> None:
        """`channels` from z to the colours, one more than there are convolutions."""
        super().__init__()
        self.z_dim, self.resolution = channels[0], 2 << len(bias)
        self.main = nn.Sequential()
        for number, (inputs, outputs) in enumerate(pairwise(channels)):
            stride, padding = (2, 1) if number else (1, 0)
            self.main.append(
                nn.ConvTranspose2d(inputs, outputs, 4, stride, padding, bias=bias[number])
            )
            if number < len(bias) - 1:
                self.main.extend([nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)])
        self.main.append(nn.Tanh())

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """z [N, z_dim] -> x [N, 3, H, H], -1 to 1; grey is three times the same."""
        x = z.to(next(self.parameters()).dtype)[:, :, None, None]
        return self.main(x).float().contiguous().expand(-1, 3, -1, -1)

    def fold(self) -> None:
        """Put the batch norms into the convolutions before them."""
        for number, layer in enumerate(self.main):
            if isinstance(layer, nn.BatchNorm2d):
                convolution = self.main[number - 1]
                assert isinstance(convolution, nn.ConvTranspose2d)
                self.main[number - 1] = fuse_conv_bn_eval(convolution, layer, transpose=True)
                self.main[number] = nn.Identity()


def recognise(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Is this a DCGAN generator of 4x4 transposed convolutions, `main.N`? (A discriminator has no
    batch norm after `main.0`.)
    """
    first = shapes.get(FIRST, ())
    return len(first) == 4 and first[2:] == (4, 4) and shapes.get(NORM) == first[1:2]


def build(tensors: Mapping[str, Tensor], settings: Mapping) -> DCGAN:
    """The generator of a checkpoint, float32; shapes say the sizes (five convolutions make 64 px,
    six 128 px).

    Runs in eval mode, as a published picture-maker does: the tutorial's own sheets use each batch's
    statistics instead. Raises ValueError that names a tensor that is missing, left over or of the
    wrong shape.
    """
    check_signs(tensors, (FIRST, NORM))
    numbers = {
        int(match[1]) for match in map(re.compile(r"main\.(\d{1,9})\.").match, tensors) if match
    }
    check_resolution(2 << min(max(numbers) // 3 + 1, 64))
    shapes = [
        shape_of(tensors, f"main.{number}.weight", 4) for number in range(0, max(numbers) + 3, 3)
    ]
    colours = shapes[-1][1:2]
    if colours not in ((1,), (3,)):
        raise ValueError(
            f"main.{3 * len(shapes) - 3}.weight is {shapes[-1]}: a picture has 1 or 3 channels"
        )
    channels = [shape[0] for shape in shapes] + [*colours]
    with torch.device("meta"):
        network = DCGAN(
            channels, [f"main.{3 * number}.bias" in tensors for number in range(len(shapes))]
        )
    counters = {
        name: torch.zeros((), dtype=torch.long)
        for name in network.state_dict()
        if name.endswith("num_batches_tracked")
    }
    # files of old have no counters, and nothing needs them
    load_strictly(network, {**counters, **tensors})
    network.fold()
    return channels_last(network).eval().requires_grad_(False)
