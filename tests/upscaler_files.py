"""Small upscalers as their publishers lay them out: reference networks written plainly, under the
published names.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def lively(network: nn.Module, seed: int = 0) -> nn.Module:
    """`network` in eval mode with small random weights, none of them neutral: what a layout leaves
    out shows.
    """
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
        elif tensor.is_floating_point():
            tensor.copy_(
                torch.randn(tensor.shape, generator=generator)
                * (0.5 / max(1, tensor[0].numel()) ** 0.5 if tensor.dim() > 1 else 0.1)
            )
    return network.eval()


class Lornatang(nn.Module):
    """SRResNet with the names of Lornatang / ChangyuLiu."""

    def __init__(self, width: int = 8, blocks: int = 2, doublings: int = 2) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(3, width, 9, 1, 4), nn.PReLU())
        self.trunk = nn.Sequential(*(self.block(width) for _ in range(blocks)))
        self.conv2 = nn.Sequential(
            nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        )
        self.upsampling = nn.Sequential(*(self.up(width) for _ in range(doublings)))
        self.conv3 = nn.Conv2d(width, 3, 9, 1, 4)

    @staticmethod
    def block(width: int) -> nn.Module:
        block = nn.Module()
        block.rcb = nn.Sequential(
            nn.Conv2d(width, width, 3, 1, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.PReLU(),
            nn.Conv2d(width, width, 3, 1, 1, bias=False),
            nn.BatchNorm2d(width),
        )
        return block

    @staticmethod
    def up(width: int) -> nn.Module:
        up = nn.Module()
        up.upsample_block = nn.Sequential(
            nn.Conv2d(width, 4 * width, 3, 1, 1), nn.PixelShuffle(2), nn.PReLU()
        )
        return up

    def forward(self, x: Tensor) -> Tensor:
        first = y = self.conv1(x)
        for block in self.trunk:
            y = y + block.rcb(y)
        y = self.conv2(y) + first
        for up in self.upsampling:
            y = up.upsample_block(y)
        return self.conv3(y)


class Leftthomas(nn.Module):
    """SRGAN's generator with the names of leftthomas."""

    def __init__(self, width: int = 8, blocks: int = 3, doublings: int = 1) -> None:
        super().__init__()
        self.blocks, self.doublings = blocks, doublings
        self.block1 = nn.Sequential(nn.Conv2d(3, width, 9, padding=4), nn.PReLU())
        for i in range(blocks):
            self.add_module(f"block{i + 2}", self.residual(width))
        self.add_module(
            f"block{blocks + 2}",
            nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width)),
        )
        ups = [self.up(width) for _ in range(doublings)]
        self.add_module(
            f"block{blocks + 3}", nn.Sequential(*ups, nn.Conv2d(width, 3, 9, padding=4))
        )

    @staticmethod
    def residual(width: int) -> nn.Module:
        block = nn.Module()
        block.conv1, block.bn1, block.prelu = (
            nn.Conv2d(width, width, 3, padding=1),
            nn.BatchNorm2d(width),
            nn.PReLU(),
        )
        block.conv2, block.bn2 = nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width)
        return block

    @staticmethod
    def up(width: int) -> nn.Module:
        up = nn.Module()
        up.conv, up.prelu = nn.Conv2d(width, 4 * width, 3, padding=1), nn.PReLU()
        return up

    def forward(self, x: Tensor) -> Tensor:
        first = y = self.block1(x)
        for i in range(self.blocks):
            block = self.get_submodule(f"block{i + 2}")
            y = y + block.bn2(block.conv2(block.prelu(block.bn1(block.conv1(y)))))
        y = self.get_submodule(f"block{self.blocks + 2}")(y) + first
        *ups, last = self.get_submodule(f"block{self.blocks + 3}")
        for up in ups:
            y = up.prelu(F.pixel_shuffle(up.conv(y), 2))
        return (torch.tanh(last(y)) + 1) / 2


class BasicSR(nn.Module):
    """MSRResNet with the names of BasicSR; `scale` 2, 3 or 4."""

    def __init__(self, width: int = 8, blocks: int = 2, scale: int = 4) -> None:
        super().__init__()
        self.scale = scale
        self.conv_first = nn.Conv2d(3, width, 3, 1, 1)
        self.body = nn.Sequential(*(self.block(width) for _ in range(blocks)))
        self.upconv1 = nn.Conv2d(width, width * (4 if scale == 4 else scale**2), 3, 1, 1)
        if scale == 4:
            self.upconv2 = nn.Conv2d(width, 4 * width, 3, 1, 1)
        self.conv_hr, self.conv_last = (
            nn.Conv2d(width, width, 3, 1, 1),
            nn.Conv2d(width, 3, 3, 1, 1),
        )

    @staticmethod
    def block(width: int) -> nn.Module:
        block = nn.Module()
        block.conv1, block.conv2 = (
            nn.Conv2d(width, width, 3, 1, 1),
            nn.Conv2d(width, width, 3, 1, 1),
        )
        return block

    def forward(self, x: Tensor) -> Tensor:
        y = F.leaky_relu(self.conv_first(x), 0.1)
        for block in self.body:
            y = y + block.conv2(F.relu(block.conv1(y)))
        y = F.leaky_relu(
            F.pixel_shuffle(self.upconv1(y), 2 if self.scale == 4 else self.scale), 0.1
        )
        if self.scale == 4:
            y = F.leaky_relu(F.pixel_shuffle(self.upconv2(y), 2), 0.1)
        return self.conv_last(F.leaky_relu(self.conv_hr(y), 0.1)) + F.interpolate(
            x, scale_factor=self.scale, mode="bilinear", align_corners=False
        )


class RRDB(nn.Module):
    """ESRGAN's generator with BasicSR's names: `shuffle` 2 is Real-ESRGAN x2, `ups` 3 is x8."""

    def __init__(
        self, width: int = 8, growth: int = 32, blocks: int = 2, ups: int = 2, shuffle: int = 1
    ) -> None:
        super().__init__()
        self.ups, self.shuffle = ups, shuffle
        self.conv_first = nn.Conv2d(3 * shuffle**2, width, 3, 1, 1)
        self.body = nn.Sequential(*(self.block(width, growth) for _ in range(blocks)))
        self.conv_body = nn.Conv2d(width, width, 3, 1, 1)
        for i in range(1, ups + 1):
            self.add_module(f"conv_up{i}", nn.Conv2d(width, width, 3, 1, 1))
        self.conv_hr, self.conv_last = (
            nn.Conv2d(width, width, 3, 1, 1),
            nn.Conv2d(width, 3, 3, 1, 1),
        )

    @staticmethod
    def block(width: int, growth: int) -> nn.Module:
        block = nn.Module()
        for name in ("rdb1", "rdb2", "rdb3"):
            dense = nn.Module()
            for i in range(5):
                dense.add_module(
                    f"conv{i + 1}",
                    nn.Conv2d(width + i * growth, growth if i < 4 else width, 3, 1, 1),
                )
            block.add_module(name, dense)
        return block

    @staticmethod
    def dense(layers: nn.Module, x: Tensor) -> Tensor:
        parts = [x]
        for i in range(1, 5):
            parts.append(F.leaky_relu(layers.get_submodule(f"conv{i}")(torch.cat(parts, 1)), 0.2))
        return layers.conv5(torch.cat(parts, 1)) * 0.2 + x

    def forward(self, x: Tensor) -> Tensor:
        first = y = self.conv_first(F.pixel_unshuffle(x, self.shuffle) if self.shuffle > 1 else x)
        for block in self.body:
            inner = y
            for name in ("rdb1", "rdb2", "rdb3"):
                inner = self.dense(block.get_submodule(name), inner)
            y = inner * 0.2 + y
        y = first + self.conv_body(y)
        for i in range(1, self.ups + 1):
            y = F.leaky_relu(
                self.get_submodule(f"conv_up{i}")(F.interpolate(y, scale_factor=2, mode="nearest")),
                0.2,
            )
        return self.conv_last(F.leaky_relu(self.conv_hr(y), 0.2))


def rrdb_name(name: str, naming: str, blocks: int, ups: int) -> str:
    """What another program calls the tensor `name` of an RRDB."""
    if naming == "BasicSR":
        return name
    if naming == "RealSR":
        name = re.sub(r"^body\.(\d+)\.rdb(\d)", r"RRDB_trunk.\1.RDB\2", name)
        name = name.replace("conv_body", "trunk_conv").replace("conv_hr", "HRconv")
        return re.sub(r"^conv_up(\d)", r"upconv\1", name)
    inside = ".0" if naming == "old" else ""
    name = re.sub(r"^body\.(\d+)\.rdb(\d)\.(conv\d)", rf"model.1.sub.\1.RDB\2.\3{inside}", name)
    name = name.replace("conv_first", "model.0").replace("conv_body", f"model.1.sub.{blocks}")
    name = re.sub(r"^conv_up(\d)", lambda found: f"model.{3 * int(found[1])}", name)
    return name.replace("conv_hr", f"model.{3 * ups + 2}").replace(
        "conv_last", f"model.{3 * ups + 4}"
    )


class Compact(nn.Module):
    """Real-ESRGAN's SRVGGNetCompact."""

    def __init__(self, width: int = 8, convolutions: int = 2, scale: int = 4) -> None:
        super().__init__()
        self.scale = scale
        layers: list[nn.Module] = [nn.Conv2d(3, width, 3, 1, 1), nn.PReLU(width)]
        for _ in range(convolutions):
            layers += [nn.Conv2d(width, width, 3, 1, 1), nn.PReLU(width)]
        self.body = nn.ModuleList([*layers, nn.Conv2d(width, 3 * scale**2, 3, 1, 1)])

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for layer in self.body:
            y = layer(y)
        return F.pixel_shuffle(y, self.scale) + F.interpolate(
            x, scale_factor=self.scale, mode="nearest"
        )


class SPAN(nn.Module):
    """SPAN as it is trained: every convolution three in a row beside a shortcut, and the folded one
    in the file too.
    """

    def __init__(self, width: int = 8, scale: int = 2) -> None:
        super().__init__()
        self.scale = scale
        self.conv_1, self.conv_2 = self.conv(3, width), self.conv(width, width)
        for i in range(1, 7):
            block = nn.Module()
            block.c1_r, block.c2_r, block.c3_r = (self.conv(width, width) for _ in range(3))
            self.add_module(f"block_{i}", block)
        self.conv_cat = nn.Conv2d(4 * width, width, 1)
        self.upsampler = nn.Sequential(
            nn.Conv2d(width, 3 * scale**2, 3, padding=1), nn.PixelShuffle(scale)
        )

    @staticmethod
    def conv(inputs: int, outputs: int) -> nn.Module:
        conv = nn.Module()
        conv.sk = nn.Conv2d(inputs, outputs, 1)
        conv.conv = nn.Sequential(
            nn.Conv2d(inputs, 2 * inputs, 1),
            nn.Conv2d(2 * inputs, 2 * outputs, 3),
            nn.Conv2d(2 * outputs, outputs, 1),
        )
        conv.eval_conv = nn.Conv2d(inputs, outputs, 3, padding=1)
        return conv

    @staticmethod
    def run(conv: nn.Module, x: Tensor) -> Tensor:
        return conv.conv(F.pad(x, (1, 1, 1, 1))) + conv.sk(x)

    def forward(self, x: Tensor) -> Tensor:
        x = (x - torch.tensor([0.4488, 0.4371, 0.4040]).view(1, 3, 1, 1)) * 255
        first = y = self.run(self.conv_1, x)
        results = []
        for i in range(1, 7):
            block = self.get_submodule(f"block_{i}")
            inner = F.silu(self.run(block.c1_r, y))
            out = self.run(block.c3_r, F.silu(self.run(block.c2_r, inner)))
            y = (out + y) * (torch.sigmoid(out) - 0.5)
            results.append(y)
        return self.upsampler(
            self.conv_cat(torch.cat([first, self.run(self.conv_2, y), results[0], inner], 1))
        )


def under(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`state` with `prefix` before every name."""
    return {prefix + name: tensor.clone() for name, tensor in state.items()}


def swinir_onnx(set_of_operators: int = 11) -> bytes:
    """A small SwinIR of two groups, enlarging four times, as PyTorch's exporter writes it for
    pictures of any size.
    """
    from ganapps.networks.upscale.known import spandrel

    spandrel()
    from spandrel.architectures.SwinIR import SwinIR

    network = lively(
        SwinIR(
            img_size=64,
            embed_dim=12,
            depths=[2, 2],
            num_heads=[2, 3],
            window_size=8,
            mlp_ratio=2,
            upscale=4,
            upsampler="nearest+conv",
        )
    )
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter of published files is an old one
        torch.onnx.export(
            network,
            (torch.rand(1, 3, 16, 24),),
            file,
            opset_version=set_of_operators,
            dynamo=False,
            input_names=["input"],
            output_names=["output"],
            dynamic_axes={"input": {2: "height", 3: "width"}},
        )
    return file.getvalue()
