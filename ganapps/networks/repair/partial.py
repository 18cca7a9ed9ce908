"""Partial convolutions that fill holes: Liu et al. 2018, "Image Inpainting for Irregular Holes
Using Partial Convolutions".
"""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping, Sequence
from functools import reduce
from itertools import count

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganapps.networks import check_signs, load_strictly, shape_of
from ganapps.networks.contracts import Inpainter
from ganapps.networks.taking import channels_last

SIGNS = (
    "enc_1.conv.input_conv.weight",
    "enc_2.conv.input_conv.weight",
    "dec_1.conv.input_conv.weight",
)
SLOPE = 0.2  # of the decoder's leaky ReLUs

# values [N, C, H, W], and where they are known [N, 1, H, W]: 1, else 0
Masked = tuple[Tensor, Tensor]


class PartialConv(nn.Module):
    """A convolution that sees only what is known, and says where its own output is (equations 1 and
    2 of the paper).

    The output is W (X . M) times sum(1) / sum(M), plus the bias, where a window holds anything
    known, else 0; beyond the borders nothing is known.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, bias: bool = False
    ) -> None:
        super().__init__()
        self.input_conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=bias)

    def forward(self, *parts: Masked) -> Masked:
        """One or more maps of one size, read as if their channels lay in one -> values and the mask
        they leave.
        """
        conv = self.input_conv
        known = reduce(operator.add, (x.shape[1] * self._seen(mask) for x, mask in parts))
        share = known / conv.weight[0].numel()  # sum(M) / sum(1)
        mask = (known > 0).to(share.dtype)
        x = torch.cat([x * mask.to(x.dtype) for x, mask in parts], 1)
        y = F.conv2d(x, conv.weight.to(x.dtype), None, conv.stride, conv.padding)
        y = y * (mask / share.clamp(min=1e-8)).to(y.dtype)
        if conv.bias is not None:
            y = y + conv.bias[:, None, None].to(y.dtype) * mask.to(y.dtype)
        return y, mask

    def _seen(self, mask: Tensor) -> Tensor:
        """How many known pixels each window holds."""
        conv, (side, _) = self.input_conv, self.input_conv.kernel_size
        ones = mask.new_ones(1, 1, side, side)
        return F.conv2d(mask, ones, None, conv.stride, conv.padding).float()


class Stage(nn.Module):
    """A partial convolution with what the paper has after it."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int, norm: bool, act: nn.Module
    ) -> None:
        super().__init__()
        self.conv = PartialConv(inputs, outputs, kernel, stride, bias=not norm)
        self.bn = nn.BatchNorm2d(outputs) if norm else nn.Identity()
        self.act = act

    def forward(self, *parts: Masked) -> Masked:
        y, mask = self.conv(*parts)
        return self.act(self.bn(y)), mask


class PartialUNet(Inpainter):
    """The paper's U-Net: each encoder stage halves the sides, each decoder stage doubles them
    beside a long way around.

    Takes pictures 0 to 1 and masks, 1 where the picture is known, of any size. The sides are made
    up to a multiple with pixels that nobody knows.
    """

    tile = 512
    hole = 32  # wider ones are better begun smaller: measured
    memory = 2_000

    def __init__(self, widths: Sequence[int], kernels: Sequence[int], colours: int = 3) -> None:
        """`widths`, `kernels`: of the encoder's stages, from the picture inwards."""
        super().__init__()
        self.depth, self._halved = len(widths), 2 ** len(widths)
        before = [colours, *widths[:-1]]
        for number, (i, o, kernel) in enumerate(zip(before, widths, kernels, strict=True), 1):
            self.add_module(f"enc_{number}", Stage(i, o, kernel, 2, norm=number > 1, act=nn.ReLU()))
        for number in range(self.depth, 0, -1):
            outputs = before[number - 1]
            last = number == 1
            act = nn.Identity() if last else nn.LeakyReLU(SLOPE)
            stage = Stage(widths[number - 1] + outputs, outputs, 3, 1, norm=not last, act=act)
            self.add_module(f"dec_{number}", stage)

    def forward(self, x: Tensor, known: Tensor) -> Tensor:
        """x [N, 3, H, W] in 0..1, known [N, 1, H, W] 1 or 0 -> a whole picture [N, 3, H, W]; the
        known pixels too are its own.
        """
        height, width = x.shape[-2:]
        missing = (-width % self._halved, -height % self._halved)
        around = (0, missing[0], 0, missing[1])
        here: Masked = (F.pad(x, around), F.pad(known.to(x.dtype), around))
        passed = [here]
        for number in range(1, self.depth + 1):
            here = self.get_submodule(f"enc_{number}")(here)
            passed.append(here)
        for number in range(self.depth, 0, -1):
            larger = tuple(F.interpolate(part, scale_factor=2, mode="nearest") for part in here)
            here = self.get_submodule(f"dec_{number}")(larger, passed[number - 1])
        return here[0][..., :height, :width]

    def fill(self, x: Tensor, known: Tensor) -> Tensor:
        """The picture with its holes filled; where it is known it stays as it is."""
        return torch.where(known > 0.5, x, self(x, known).clamp(0, 1).to(x.dtype))


def recognise(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Is this a U-Net of partial convolutions, its tensors named as naoto0804's published files
    name them?
    """
    return all(sign in shapes for sign in SIGNS)


def build(tensors: Mapping[str, Tensor], settings: Mapping) -> PartialUNet:
    """The network of a checkpoint, float32; widths and kernels are read from the shapes.

    Raises ValueError that names a tensor that is missing, left over or of the wrong shape.
    """
    check_signs(tensors, SIGNS)
    # all ones
    state = {
        name: tensor for name, tensor in tensors.items() if not re.search(r"\.mask_conv\.", name)
    }
    depth = next(
        number for number in count(1) if f"enc_{number + 1}.conv.input_conv.weight" not in state
    )
    shapes = [
        shape_of(state, f"enc_{number}.conv.input_conv.weight", 4) for number in range(1, depth + 1)
    ]
    with torch.device("meta"):
        network = PartialUNet([s[0] for s in shapes], [s[2] for s in shapes], shapes[0][1])
    counters = {
        name: torch.zeros((), dtype=torch.long)
        for name in network.state_dict()
        if name.endswith("num_batches_tracked")
    }
    load_strictly(network, counters | state)
    return channels_last(network)
