"""SPAN: Wan et al. 2024, "Swift Parameter-free Attention Network for Efficient Super-Resolution",
as it is run: plain 3x3 convolutions.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganapps.networks import check_scale, check_signs, load_strictly, shape_of
from ganapps.networks.contracts import Upscaler
from ganapps.networks.taking import channels_last

# of DIV2K's colours; networks trained without it carry a tensor called no_norm
MEAN = (
    0.4488,
    0.4371,
    0.4040,
)
SIGNS = ("conv_1.eval_conv.weight", "block_6.c3_r.eval_conv.weight")


class Conv(nn.Module):
    """A 3x3 convolution under the name that files give it."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.eval_conv = nn.Conv2d(inputs, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.eval_conv(x)


class Block(nn.Module):
    """Three convolutions and an attention without parameters: the result's own size says how much
    of it counts.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.c1_r, self.c2_r, self.c3_r = (Conv(width, width) for _ in range(3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x -> the block's result, and what its first convolution made (after its activation, as
        the published code leaves it).
        """
        first = F.silu(self.c1_r(x), inplace=True)
        y = self.c3_r(F.silu(self.c2_r(first), inplace=True))
        attention = torch.sigmoid(y).sub_(0.5)
        return y.add_(x).mul_(attention), first


class SPAN(Upscaler):
    """Six blocks, the first, fifth and last results side by side, one pixel shuffle."""

    precisions = ("bfloat16", "float16")
    # the quickest side where memory allows; bytes per input pixel in float32
    tile, memory = (
        384,
        4_000,
    )
    mean: Tensor
    reach = 1 + 6 * 3 + 1 + 1  # pixels: the 3x3 convolutions that follow one another

    def __init__(self, colours: int, width: int, scale: int, norm: bool) -> None:
        super().__init__()
        self.channels, self.scale, self.norm = colours, scale, norm
        self.conv_1 = Conv(colours, width)
        for number in range(1, 7):
            self.add_module(f"block_{number}", Block(width))
        self.conv_cat = nn.Conv2d(4 * width, width, 1)
        self.conv_2 = Conv(width, width)
        self.upsampler = nn.Sequential(
            nn.Conv2d(width, colours * scale**2, 3, padding=1), nn.PixelShuffle(scale)
        )
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """x [N, C, H, W], 0 to 1 -> [N, C, scale * H, scale * W]."""
        if self.norm:
            x = (x - self.mean) * 255
        first = y = self.conv_1(x)
        results = []
        for number in range(1, 7):
            y, inner = self.get_submodule(f"block_{number}")(y)
            results.append(y)
        y = self.conv_cat(torch.cat([first, self.conv_2(y), results[0], inner], 1))
        # bfloat16 would round every pixel to 8 bits
        with torch.autocast(x.device.type, enabled=False):
            return self.upsampler(y.float())


def recognise(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Is this a SPAN, whole or with its three-fold convolutions already folded?"""
    return set(SIGNS) <= shapes.keys()


def build(tensors: Mapping[str, Tensor], settings: Mapping) -> SPAN:
    """The network of a checkpoint, float32; sizes are read from the shapes. Training's branches are
    folded into one convolution.

    Raises ValueError that names a tensor that is missing, left over or of the wrong shape.
    """
    check_signs(tensors, SIGNS)
    state = dict(tensors)
    norm = state.pop("no_norm", None) is None
    for name in [n.removesuffix(".sk.weight") for n in state if n.endswith(".sk.weight")]:
        _fold(state, name)
    width, colours = shape_of(state, SIGNS[0], 4)[:2]
    scale = max(1, round((shape_of(state, "upsampler.0.weight", 4)[0] / colours) ** 0.5))
    check_scale(scale)
    return channels_last(load_strictly(SPAN(colours, width, scale, norm and colours == 3), state))


def _fold(state: dict[str, Tensor], name: str) -> None:
    """Replaces the branches of `name` (1x1, then 3x3, then 1x1, beside a 1x1 shortcut) by the one
    3x3 convolution they add up to.
    """
    parts = [(f"{name}.conv.{i}.weight", f"{name}.conv.{i}.bias") for i in range(3)]
    missing = [
        part for pair in [*parts, (f"{name}.sk.bias",)] for part in pair if part not in state
    ]
    if missing:
        raise ValueError(f"{missing[0]} is missing")
    _check_branches(state, name)
    (w1, b1), (w2, b2), (w3, b3) = (
        (state.pop(w).double(), state.pop(b).double()) for w, b in parts
    )
    w1, w3 = w1[:, :, 0, 0], w3[:, :, 0, 0]
    weight = torch.einsum("om,mnhw,ni->oihw", w3, w2, w1)
    bias = w3 @ (torch.einsum("mnhw,n->m", w2, b1) + b2) + b3
    weight[:, :, 1, 1] += state.pop(f"{name}.sk.weight").double()[:, :, 0, 0]
    state[f"{name}.eval_conv.weight"] = weight.float()
    state[f"{name}.eval_conv.bias"] = (bias + state.pop(f"{name}.sk.bias").double()).float()


def _check_branches(state: Mapping[str, Tensor], name: str) -> None:
    """Raises ValueError where the branches of `name` can't be one convolution."""
    layers = [f"{name}.conv.{i}" for i in range(3)] + [f"{name}.sk"]
    one, two, three, shortcut = (shape_of(state, f"{layer}.weight", 4) for layer in layers)
    sides = (one[2:], two[2:], three[2:], shortcut[2:]) == ((1, 1), (3, 3), (1, 1), (1, 1))
    chained = (one[0], two[0], three[0], one[1]) == (two[1], three[1], *shortcut[:2])
    if (
        not sides
        or not chained
        or any(
            state[f"{layer}.bias"].shape != state[f"{layer}.weight"].shape[:1] for layer in layers
        )
    ):
        raise ValueError(f"{name} has branches that do not fit together")
