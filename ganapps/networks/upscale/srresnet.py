"""SRResNet, the generator of SRGAN: Ledig et al. 2017, "Photo-Realistic Single Image
Super-Resolution Using a GAN".
"""

from __future__ import annotations

import math
import re
from abc import abstractmethod
from collections.abc import Callable, Mapping
from functools import partial
from itertools import count

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ganapps.networks import check_scale, check_signs, contracts, length, load_strictly, shape_of
from ganapps.networks.taking import channels_last

# The tensors that tell the layouts apart.
SIGNS = {
    "lornatang": ("conv1.0.weight", "trunk.0.rcb.0.weight", "upsampling.0.upsample_block.0.weight"),
    "leftthomas": ("block1.0.weight", "block2.conv1.weight", "block2.bn1.weight"),
    "basicsr": ("conv_first.weight", "body.0.conv1.weight", "upconv1.weight", "conv_last.weight"),
}
PIECES = {"first": "0", "first_norm": "1", "act": "2", "second": "3", "second_norm": "4"}


class Block(nn.Module):
    """x + second(act(first(x))), each convolution followed by its batch norm where the layout has
    one.
    """

    def __init__(self, width: int, norm: bool, bias: bool, act: nn.Module) -> None:
        super().__init__()
        self.first, self.second = (
            nn.Conv2d(width, width, 3, padding=1, bias=bias) for _ in range(2)
        )
        self.first_norm, self.second_norm = (
            nn.BatchNorm2d(width) if norm else nn.Identity() for _ in range(2)
        )
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        return self.second_norm(self.second(self.act(self.first_norm(self.first(x))))) + x


class Grow(nn.Module):
    """`factor` times the size: a convolution to factor^2 times the channels, shuffled into
    pixels.
    """

    def __init__(self, width: int, factor: int, act: nn.Module) -> None:
        super().__init__()
        self.conv, self.shuffle, self.act = (
            nn.Conv2d(width, width * factor**2, 3, padding=1),
            nn.PixelShuffle(factor),
            act,
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.shuffle(self.conv(x)))


class Growing(contracts.Upscaler):
    """What both networks of this file tell the task; `colours_of` runs in float32, or bfloat16
    would round every pixel to 8 bits.
    """

    precisions = ("bfloat16", "float16")
    # the quickest side where memory allows; bytes per input pixel in float32
    tile, memory = (
        384,
        12_000,
    )

    def __init__(self, colours: int, factors: list[int], small: int, large: int) -> None:
        """Its layers look `small` pixels around before it grows, and `large` pixels of its result
        afterwards.
        """
        super().__init__()
        self.channels = colours
        self.scale = math.prod(factors)
        growing = sum(1 / math.prod(factors[:grown]) for grown in range(len(factors)))
        self.reach = math.ceil(small + growing + large / self.scale)

    @abstractmethod
    def features(self, x: Tensor) -> Tensor:
        """x [N, C, H, W] -> [N, width, scale * H, scale * W]."""

    @abstractmethod
    def colours_of(self, features: Tensor, x: Tensor) -> Tensor:
        """Features to colours."""

    def forward(self, x: Tensor) -> Tensor:
        """x [N, C, H, W], 0 to 1 -> [N, C, scale * H, scale * W]."""
        features = self.features(x)
        with torch.autocast(x.device.type, enabled=False):
            return self.colours_of(features.float(), x.float())


class SRResNet(Growing):
    """The paper's network: 9x9 in, residual blocks with batch norm, a long way around, pixel
    shuffles, 9x9 out.
    """

    # what folding replaces
    tail: nn.Module
    last: nn.Module

    def __init__(
        self, colours: int, width: int, blocks: int, factors: list[int], bias: bool, tanh: bool
    ) -> None:
        """`bias`: convolutions before a batch norm have one too. `tanh`: the output is (tanh + 1) /
        2, else as it is.
        """
        super().__init__(colours, factors, small=4 + 2 * blocks + 1, large=4)
        self.tanh = tanh
        self.head = nn.Sequential(nn.Conv2d(colours, width, 9, padding=4), nn.PReLU())
        self.blocks = nn.Sequential(*(Block(width, True, bias, nn.PReLU()) for _ in range(blocks)))
        self.tail = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=bias), nn.BatchNorm2d(width)
        )
        self.grow = nn.Sequential(*(Grow(width, factor, nn.PReLU()) for factor in factors))
        self.last = nn.Conv2d(width, colours, 9, padding=4)

    def features(self, x: Tensor) -> Tensor:
        """x [N, C, H, W] -> [N, width, scale * H, scale * W]."""
        x = self.head(x)
        return self.grow(self.tail(self.blocks(x)) + x)

    def colours_of(self, features: Tensor, x: Tensor) -> Tensor:
        """Features to colours."""
        y = self.last(features)
        return (torch.tanh(y) + 1) / 2 if self.tanh else y

    def fold(self) -> None:
        """Put the batch norms into the convolutions before them, and let the last convolution make
        four pixels at once.
        """
        for block in self.blocks:
            assert isinstance(block, Block)
            block.first = _folded(block.first, block.first_norm)
            block.second = _folded(block.second, block.second_norm)
            block.first_norm, block.second_norm = nn.Identity(), nn.Identity()
        self.tail = _folded(*self.tail.children())
        if self.scale % 2 == 0:
            self.last = _four_at_once(self.last)


def _folded(conv: nn.Module, norm: nn.Module) -> nn.Conv2d:
    """The batch norm in the convolution before it."""
    assert isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
    return fuse_conv_bn_eval(conv, norm)


def _four_at_once(conv: nn.Module) -> nn.Sequential:
    """The same convolution as one of stride 2 that makes 2x2 pixels: few outputs leave most of a
    processor's lanes empty, four times as many take a third of the time. For even sides.
    """
    assert isinstance(conv, nn.Conv2d) and conv.bias is not None
    outputs, inputs, side = conv.weight.shape[:3]
    wide = nn.Conv2d(inputs, 4 * outputs, side + 1, stride=2, padding=side // 2)
    assert wide.bias is not None
    with torch.no_grad():
        wide.weight.zero_()
        wide.bias.copy_(conv.bias.repeat_interleave(4))
        for i in range(4):
            wide.weight[i::4, :, i // 2 : i // 2 + side, i % 2 : i % 2 + side] = conv.weight
    return nn.Sequential(wide, nn.PixelShuffle(2))


class MSRResNet(Growing):
    """BasicSR's plainer one (as in ESRGAN, Wang 2018): 3x3 everywhere, no batch norm, added to the
    bilinear picture.
    """

    def __init__(self, colours: int, width: int, blocks: int, factors: list[int]) -> None:
        super().__init__(colours, factors, small=1 + 2 * blocks, large=2)
        self.head = nn.Sequential(
            nn.Conv2d(colours, width, 3, padding=1), nn.LeakyReLU(0.1, inplace=True)
        )
        self.blocks = nn.Sequential(
            *(Block(width, False, True, nn.ReLU(inplace=True)) for _ in range(blocks))
        )
        self.grow = nn.Sequential(
            *(Grow(width, factor, nn.LeakyReLU(0.1, inplace=True)) for factor in factors)
        )
        self.fine = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), nn.LeakyReLU(0.1, inplace=True)
        )
        self.last = nn.Conv2d(width, colours, 3, padding=1)

    def features(self, x: Tensor) -> Tensor:
        """x [N, C, H, W] -> [N, width, scale * H, scale * W]."""
        return self.fine(self.grow(self.blocks(self.head(x))))

    def colours_of(self, features: Tensor, x: Tensor) -> Tensor:
        """Features to colours, beside the bilinear picture."""
        return self.last(features) + F.interpolate(x, scale_factor=self.scale, mode="bilinear")


def recognise(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Is this an SRResNet as Lornatang, leftthomas or BasicSR writes it?"""
    return _layout(shapes) is not None


def build(tensors: Mapping[str, Tensor], settings: Mapping) -> Growing:
    """The network of a checkpoint, float32; sizes are read from the shapes, batch norms are folded
    away.

    Raises ValueError that names a tensor that is missing, left over or of the wrong shape.
    """
    state = {_modern(name): tensor for name, tensor in tensors.items()}
    layout = _layout(state)
    if layout is None:
        check_signs(
            state, max(SIGNS.values(), key=lambda signs: sum(sign in state for sign in signs))
        )
    assert layout is not None, "then a sign was missing"
    network, spelling = {"lornatang": _lornatang, "leftthomas": _leftthomas, "basicsr": _basicsr}[
        layout
    ](state)
    check_scale(network.scale)
    load_strictly(network, {**_counters(network, spelling), **state}, spelling)
    if isinstance(network, SRResNet):
        network.fold()
    return channels_last(network).eval().requires_grad_(False)


def _layout(names: Mapping) -> str | None:
    """Whose layout these names are."""
    known = {_modern(name) for name in names}
    return next((layout for layout, signs in SIGNS.items() if known.issuperset(signs)), None)


def _modern(name: str) -> str:
    """Lornatang's first files say conv_block1 where later ones say conv1."""
    return re.sub(r"\bconv_block([123])\.", r"conv\1.", name)


def _factors(state: Mapping, name: str, width: int) -> list[int]:
    return [_factor(state, name.format(i), width) for i in range(length(state, name))]


def _factor(state: Mapping, name: str, width: int) -> int:
    """By how much this convolution enlarges, when what it makes is shuffled into pixels."""
    return max(1, round((shape_of(state, name, 4)[0] / width) ** 0.5))


def _lornatang(state: Mapping[str, Tensor]) -> tuple[SRResNet, Callable[[str], str]]:
    width, colours = shape_of(state, "conv1.0.weight", 4)[:2]
    blocks = length(state, "trunk.{}.rcb.0.weight")
    factors = _factors(state, "upsampling.{}.upsample_block.0.weight", width)
    with torch.device("meta"):
        network = SRResNet(
            colours, width, blocks, factors, bias="trunk.0.rcb.0.bias" in state, tanh=False
        )
    return network, _as_lornatang


def _as_lornatang(name: str) -> str:
    part, *rest = name.split(".")
    if part == "blocks":
        return ".".join(("trunk", rest[0], "rcb", PIECES[rest[1]], *rest[2:]))
    if part == "grow":
        return ".".join(
            ("upsampling", rest[0], "upsample_block", {"conv": "0", "act": "2"}[rest[1]], *rest[2:])
        )
    return ".".join(({"head": "conv1", "tail": "conv2", "last": "conv3"}[part], *rest))


def _leftthomas(state: Mapping[str, Tensor]) -> tuple[SRResNet, Callable[[str], str]]:
    width, colours = shape_of(state, "block1.0.weight", 4)[:2]
    blocks = next(i for i in count() if f"block{i + 2}.conv1.weight" not in state)
    factors = _factors(state, f"block{blocks + 3}." + "{}.conv.weight", width)
    with torch.device("meta"):
        network = SRResNet(
            colours, width, blocks, factors, bias="block2.conv1.bias" in state, tanh=True
        )
    return network, partial(_as_leftthomas, blocks, len(factors))


def _as_leftthomas(blocks: int, grown: int, name: str) -> str:
    part, *rest = name.split(".")
    if part == "blocks":
        piece = {
            "first": "conv1",
            "first_norm": "bn1",
            "act": "prelu",
            "second": "conv2",
            "second_norm": "bn2",
        }[rest[1]]
        return ".".join((f"block{int(rest[0]) + 2}", piece, *rest[2:]))
    if part == "grow":
        return ".".join(
            (f"block{blocks + 3}", rest[0], {"conv": "conv", "act": "prelu"}[rest[1]], *rest[2:])
        )
    return ".".join(
        (
            {"head": "block1", "tail": f"block{blocks + 2}", "last": f"block{blocks + 3}.{grown}"}[
                part
            ],
            *rest,
        )
    )


def _basicsr(state: Mapping[str, Tensor]) -> tuple[MSRResNet, Callable[[str], str]]:
    width, colours = shape_of(state, "conv_first.weight", 4)[:2]
    factors = [
        _factor(state, f"upconv{i}.weight", width) for i in (1, 2) if f"upconv{i}.weight" in state
    ]
    with torch.device("meta"):
        network = MSRResNet(colours, width, length(state, "body.{}.conv1.weight"), factors)
    return network, _as_basicsr


def _as_basicsr(name: str) -> str:
    part, *rest = name.split(".")
    if part == "blocks":
        return ".".join(
            ("body", rest[0], {"first": "conv1", "second": "conv2"}[rest[1]], *rest[2:])
        )
    if part == "grow":
        return ".".join((f"upconv{int(rest[0]) + 1}", *rest[2:]))
    return ".".join(
        ({"head": "conv_first", "fine": "conv_hr", "last": "conv_last"}[part], *rest[-1:])
    )


def _counters(network: nn.Module, spelling: Callable[[str], str]) -> dict[str, Tensor]:
    """Files of old have no batch counters, and nothing needs them."""
    return {
        spelling(name): torch.zeros((), dtype=torch.long)
        for name in network.state_dict()
        if name.endswith("num_batches_tracked")
    }
