"""A network without weights, fitted to one picture: Ulyanov et al. 2018, "Deep Image Prior"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganapps.networks import check_signs, shape_of
from ganapps.networks.contracts import PicturePrior
from ganapps.networks.taking import Taking

SLOPE = 0.2
NAMES = ("down", "up", "skip")
MOST = 1024  # channels of a layer


class Hourglass(nn.Module):
    """The paper's encoder and decoder (figure 21): every size has a narrow way around, convolutions
    see the border's mirror image.
    """

    def __init__(
        self, channels: int, down: Sequence[int], up: Sequence[int], skip: Sequence[int]
    ) -> None:
        super().__init__()
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        self.skip, self.norm = nn.ModuleList(), nn.ModuleList()
        before = [channels, *down]
        deeper = [*up[1:], down[-1]]
        for level, width in enumerate(down):
            first = _layer(before[level], width, 3, 2)
            self.down.append(nn.Sequential(first, _layer(width, width, 3)))
            self.skip.append(_layer(before[level], skip[level], 1))
            self.norm.append(nn.BatchNorm2d(skip[level] + deeper[level]))
            second = _layer(up[level], up[level], 1)
            inputs = skip[level] + deeper[level]
            self.up.append(nn.Sequential(_layer(inputs, up[level], 3), second))
        self.last = nn.Conv2d(up[0], 3, 1)

    def forward(self, z: Tensor) -> Tensor:
        """z [1, C, H, W], sides multiples of 2 to the number of sizes -> [1, 3, H, W] in 0..1."""
        around = []
        for down, skip in zip(self.down, self.skip):
            around.append(skip(z))
            z = down(z)
        for level in range(len(self.up) - 1, -1, -1):
            larger = F.interpolate(z, scale_factor=2, mode="bilinear")
            z = self.up[level](self.norm[level](torch.cat([around[level], larger], 1)))
        return self.last(z).sigmoid()


class DeepImagePrior(PicturePrior):
    """The sizes of an hourglass: that is all that there is before it meets a picture."""

    channels = 32
    longest = 512
    steps = 3000
    jitter = 1 / 30
    rate = 0.01

    def __init__(self, down: Sequence[int], up: Sequence[int], skip: Sequence[int]) -> None:
        super().__init__()
        self.sizes = tuple(down), tuple(up), tuple(skip)
        self.multiple = 2 ** len(down)

    def fresh(self, generator: torch.Generator) -> Hourglass:
        """An hourglass, its weights drawn as torch draws a convolution's, without touching the
        global random state.
        """
        network = Hourglass(self.channels, *self.sizes)
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d):
                bound = (layer.in_channels * layer.kernel_size[0] ** 2) ** -0.5
                for weight in (layer.weight, layer.bias):
                    assert weight is not None, "all of them have a bias"
                    nn.init.uniform_(weight, -bound, bound, generator=generator)
        return network


def recognise(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Is this nothing but the sizes of an hourglass?"""
    return set(shapes) == set(NAMES)


def build(tensors: Mapping[str, Tensor], settings: Mapping) -> DeepImagePrior:
    """The network of a file of sizes: channels going down, up and around, from the picture inwards.
    Raises ValueError where they are none.
    """
    check_signs(tensors, NAMES)
    taking = Taking(tensors)
    levels = shape_of(tensors, "down", 1)[0]
    sizes = [taking.tensor(name, (levels,)).tolist() for name in NAMES]
    taking.finish()
    if levels > 8 or not all(1 <= n <= MOST and n == int(n) for some in sizes for n in some):
        raise ValueError(f"its sizes are not 1 to {MOST} channels on up to 8 levels")
    down, up, skip = ([int(n) for n in some] for some in sizes)
    return DeepImagePrior(down, up, skip)


def _layer(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    mirrored = nn.Conv2d(
        inputs,
        outputs,
        kernel,
        stride,
        kernel // 2,
        padding_mode="reflect" if kernel > 1 else "zeros",
    )
    return nn.Sequential(mirrored, nn.BatchNorm2d(outputs), nn.LeakyReLU(SLOPE))
