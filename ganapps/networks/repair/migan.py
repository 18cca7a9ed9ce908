"""MI-GAN, a small filler of holes: Sargsyan et al. 2023, "MI-GAN: A Simple Baseline for Image
Inpainting on Mobile Devices".
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganapps.networks import check_resolution, load_strictly, shape_of
from ganapps.networks.contracts import Inpainter

SIGN = re.compile(r"(model\.)?encoder\.b(\d+)\.fromrgb\.weight")
# Filters of a fixed form, which its files hold once per layer.
FIXED = re.compile(r".*\.(filter|insert_zeros)\.weight")
SMALLEST = 4  # pixels a side of the innermost features
CLAMP = 256.0


class Separable(nn.Module):
    """A 3x3 convolution within each channel, then one across them; a resize between or behind."""

    def __init__(
        self, inputs: int, outputs: int, down: bool = False, up: bool = False, noise: int = 0
    ) -> None:
        """`noise`: the side of the fixed noise that it adds; 0: none."""
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs)
        self.conv2 = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.down, self.up = down, up
        self.noise = nn.Parameter(torch.zeros(noise, noise)) if noise else None

    def forward(self, x: Tensor) -> Tensor:
        x = active(self.conv1(x))
        x = self.conv2(halved(x) if self.down else x)
        x = doubled(x) if self.up else x
        return active(x if self.noise is None else x + self.noise)


class EncoderBlock(nn.Module):
    """Features of one size, and what goes on at half of it."""

    def __init__(self, inputs: int, outputs: int, first: bool, last: bool) -> None:
        super().__init__()
        self.fromrgb = nn.Conv2d(4, inputs, 1) if first else None
        self.conv1 = Separable(inputs, inputs)
        self.conv2 = Separable(inputs, outputs, down=not last)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if self.fromrgb is not None:
            x = active(self.fromrgb(x))
        features = self.conv1(x)
        return self.conv2(features), features


class SynthesisBlock(nn.Module):
    """Twice the size, beside what the encoder saw there; its picture is added to the smaller
    one's.
    """

    def __init__(self, inputs: int, outputs: int, side: int) -> None:
        super().__init__()
        grows = side > SMALLEST
        noise = side if grows else 0
        self.conv1 = Separable(inputs, outputs, up=grows, noise=noise)
        self.conv2 = Separable(outputs, outputs, noise=noise)
        self.torgb = nn.Conv2d(outputs, 3, 1)

    def forward(self, x: Tensor, beside: Tensor, picture: Tensor | None) -> tuple[Tensor, Tensor]:
        x = self.conv2(self.conv1(x) + beside)
        drawn = self.torgb(x)
        return x, drawn if picture is None else doubled(picture) + drawn


class MiGan(Inpainter):
    """Takes squares of one size alone: its noise has that size."""

    hole = 256
    memory = 1_500

    def __init__(self, channels: Mapping[int, int]) -> None:
        """`channels` of the features at each side, 4 to that of its pictures."""
        super().__init__()
        self.sides = sorted(channels)
        self.tile = self.multiple = self.minimum = self.sides[-1]
        self.encoder, self.synthesis = nn.Module(), nn.Module()
        for side in self.sides:
            inner = channels.get(side // 2, channels[side])
            first, last = side == self.tile, side == SMALLEST
            self.encoder.add_module(f"b{side}", EncoderBlock(channels[side], inner, first, last))
            self.synthesis.add_module(f"b{side}", SynthesisBlock(inner, channels[side], side))

    def forward(self, x: Tensor, known: Tensor) -> Tensor:
        """x [N, 3, S, S] in 0..1, known [N, 1, S, S] 1 or 0 -> a whole picture [N, 3, S, S]."""
        features = torch.cat([known - 0.5, (2 * x - 1) * known], 1)
        passed: dict[int, Tensor] = {}
        for side in self.sides[::-1]:
            features, passed[side] = self.encoder.get_submodule(f"b{side}")(features)
        picture: Tensor | None = None
        for side in self.sides:
            block = self.synthesis.get_submodule(f"b{side}")
            features, picture = block(features, passed[side], picture)
        assert picture is not None, "there is a smallest block"
        return picture * 0.5 + 0.5


def active(x: Tensor) -> Tensor:
    """The leaky ReLU of StyleGAN2, kept in bounds."""
    return (F.leaky_relu(x, 0.2) * math.sqrt(2)).clamp(-CLAMP, CLAMP)


def halved(x: Tensor) -> Tensor:
    """[N, C, H, W] -> half the sides, blurred by 1 3 3 1."""
    return F.conv2d(x, _blur(x, 1.0), stride=2, padding=1, groups=x.shape[1])


def doubled(x: Tensor) -> Tensor:
    """[N, C, H, W] -> twice the sides, blurred by 1 3 3 1."""
    return F.conv_transpose2d(x, _blur(x, 4.0), stride=2, padding=1, groups=x.shape[1])


def _blur(x: Tensor, gain: float) -> Tensor:
    row = x.new_tensor([1.0, 3.0, 3.0, 1.0])
    kernel = torch.outer(row, row) * (gain / 64)
    return kernel.expand(x.shape[1], 1, 4, 4)


def recognise(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Is this MI-GAN's generator for inference? An ONNX file holds it as `model`, beside constants
    without names.
    """
    found = [SIGN.fullmatch(name) for name in shapes]
    exported = any("::" in name for name in shapes)
    return any(sign and (exported or not sign[1]) for sign in found)


def build(tensors: Mapping[str, Tensor], settings: Mapping) -> MiGan:
    """The network of a checkpoint, float32, or of an ONNX file, whose `settings` have `nodes`;
    sizes are read from the shapes.

    Raises ValueError that names a tensor that is missing, left over or of the wrong shape.
    """
    exported = "nodes" in settings
    plain = _exported(tensors, settings["nodes"]) if exported else _plain(tensors)
    sides = [int(sign[2]) for name in plain if (sign := SIGN.fullmatch(name))]
    if not sides or sides[0] < 2 * SMALLEST or sides[0] & (sides[0] - 1):
        raise ValueError("its encoder has no block of a side that is a power of two")
    check_resolution(sides[0])
    channels = {}
    side = sides[0]
    while side >= SMALLEST:
        channels[side] = shape_of(plain, f"encoder.b{side}.conv1.conv2.weight", 4)[0]
        side //= 2
    with torch.device("meta"):
        network = MiGan(channels)
    return load_strictly(network, plain)


def _plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """PyTorch's file: noise lies there as itself and its strength."""
    state = {name: tensor for name, tensor in tensors.items() if not FIXED.fullmatch(name)}
    for name in [name for name in state if name.endswith(".noise_const")]:
        layer = name.removesuffix("_const")
        strength = state.pop(f"{layer}_strength", torch.ones(()))
        state[layer] = state.pop(name) * strength
    return state


def _exported(
    tensors: Mapping[str, Tensor], nodes: Sequence[Mapping[str, Any]]
) -> dict[str, Tensor]:
    """An ONNX file: the exporter keeps names of convolutions, stores one of two equal tensors, and
    multiplies noise by its strength beforehand; layers come in their order.
    """
    everything = dict(tensors)
    for node in nodes:
        if node["operation"] == "Identity" and node["inputs"][0] in everything:
            everything[node["outputs"][0]] = everything[node["inputs"][0]]
    own = re.compile(r"(?:model\.)?((?:encoder|synthesis)\..*)")
    state = {found[1]: everything[name] for name in everything if (found := own.fullmatch(name))}
    state = _plain(state)
    noises = _noises(everything, nodes)
    for layer in _noisy(state):
        if f"{layer}.noise" not in state:
            state[f"{layer}.noise"] = next(noises, torch.zeros(0))
    return state


def _noises(
    everything: Mapping[str, Tensor], nodes: Sequence[Mapping[str, Any]]
) -> Iterator[Tensor]:
    """What is added to features and has no channels, in the order of the graph."""
    for node in nodes:
        for name in node["inputs"] if node["operation"] == "Add" else ():
            tensor = everything.get(name)
            square = tensor is not None and tensor.dim() >= 2 and tensor.shape[-1] > SMALLEST
            if tensor is not None and square and tensor.numel() == tensor.shape[-1] ** 2:
                yield tensor.reshape(tensor.shape[-2:])


def _noisy(names: Mapping[str, object]) -> list[str]:
    """The layers that add noise, in the order in which they work."""
    found = [re.fullmatch(r"synthesis\.b(\d+)\.conv1\.conv1\.weight", name) for name in names]
    sides = sorted(int(side[1]) for side in found if side)
    return [f"synthesis.b{s}.{conv}" for s in sides if s > SMALLEST for conv in ("conv1", "conv2")]
