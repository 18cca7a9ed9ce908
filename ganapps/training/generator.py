"""A StyleGAN2 generator to train: Karras et al. 2020, skip architecture, labels as in "ADA", in
NVIDIA's tensor layout.

`ganapps.networks.faces.stylegan2` draws with the same tensors, quicker; here everything stays
trainable and nothing is folded.
"""

from __future__ import annotations

from math import log2, sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SLOPE, GAIN = 0.2, sqrt(2)
TAPS = (1, 3, 3, 1)


class Dense(nn.Module):
    """Linear layer with equalized learning rate: the weight is stored at unit spread and scaled
    where it is used.
    """

    def __init__(self, inputs: int, outputs: int, rate: float = 1, bias: float = 0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), float(bias)))
        self.weight_gain, self.bias_gain = rate / sqrt(inputs), rate

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self.weight_gain, self.bias * self.bias_gain)


class Mapping(nn.Module):
    """z [N, z_dim] and labels c [N, label_dim] -> w [N, w_dim]."""

    w_avg: Tensor

    def __init__(self, z_dim: int, label_dim: int, w_dim: int, depth: int) -> None:
        super().__init__()
        self.embed = Dense(label_dim, w_dim)
        for number in range(depth):
            self.add_module(
                f"fc{number}", Dense(w_dim if number else z_dim + w_dim, w_dim, rate=0.01)
            )
        self.depth = depth
        self.register_buffer("w_avg", torch.zeros(w_dim))

    def forward(self, z: Tensor, c: Tensor) -> Tensor:
        w = torch.cat([_unit(z), _unit(self.embed(c))], dim=1)
        for number in range(self.depth):
            w = _activate(self.get_submodule(f"fc{number}")(w))
        return w


class Layer(nn.Module):
    """Modulated 3x3 convolution, noise, bias, leaky ReLU (section 2.2 of the paper); with `up` it
    doubles the sides.
    """

    noise_const: Tensor

    def __init__(self, inputs: int, outputs: int, w_dim: int, resolution: int, up: bool) -> None:
        super().__init__()
        self.up = up
        self.affine = Dense(w_dim, inputs, bias=1)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.noise_strength = nn.Parameter(torch.zeros([]))
        self.register_buffer("noise_const", torch.randn(resolution, resolution))
        self.register_buffer("resample_filter", _binomial())

    def forward(self, x: Tensor, w: Tensor, noise: str) -> Tensor:
        style = self.affine(w)
        # Scaling weights by a style and demodulating them is scaling what goes in and what comes
        # out: one kernel for the batch.
        demodulation = (style.float().square() @ self.weight.square().sum((2, 3)).T + 1e-8).rsqrt()
        x = x * style[:, :, None, None].to(x.dtype)
        x = self._double(x) if self.up else F.conv2d(x, self.weight, padding=1)
        x = x * demodulation[:, :, None, None].to(x.dtype) + self._noise(x, noise)
        return _activate(x + self.bias[:, None, None].to(x.dtype))

    def _double(self, x: Tensor) -> Tensor:
        # [N, C, 2H+1, 2W+1] -> [N, C, 2H, 2W]
        return _blur(F.conv_transpose2d(x, self.weight.transpose(0, 1), stride=2), (1, 1))

    def _noise(self, x: Tensor, kind: str) -> Tensor:
        noise = (
            self.noise_const
            if kind == "const"
            else torch.randn(len(x), 1, *self.noise_const.shape, device=x.device)
        )
        return (noise * self.noise_strength).to(x.dtype)


class ToRGB(nn.Module):
    """Modulated 1x1 convolution to the three colours, not demodulated."""

    def __init__(self, inputs: int, w_dim: int) -> None:
        super().__init__()
        self.affine = Dense(w_dim, inputs, bias=1)
        self.weight = nn.Parameter(torch.randn(3, inputs, 1, 1))
        self.bias = nn.Parameter(torch.zeros(3))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        style = self.affine(w) / sqrt(self.weight.shape[1])
        return F.conv2d(x * style[:, :, None, None].to(x.dtype), self.weight) + self.bias[
            :, None, None
        ].to(x.dtype)


class Block(nn.Module):
    """The layers of one resolution; the first one starts from a learned constant."""

    def __init__(self, inputs: int, outputs: int, w_dim: int, resolution: int) -> None:
        super().__init__()
        if inputs:
            self.conv0 = Layer(inputs, outputs, w_dim, resolution, up=True)
        else:
            self.const = nn.Parameter(torch.randn(outputs, resolution, resolution))
        self.conv1 = Layer(outputs, outputs, w_dim, resolution, up=False)
        self.torgb = ToRGB(outputs, w_dim)
        self.register_buffer("resample_filter", _binomial())

    def forward(self, x: Tensor | None, ws: Tensor, noise: str) -> tuple[Tensor, Tensor]:
        """x and the block's ws [N, 2 or 3, w_dim] -> x and its part of the picture [N, 3, r, r]."""
        if x is None:
            x = self.const.expand(len(ws), -1, -1, -1).contiguous(memory_format=torch.channels_last)
        else:
            x = self.conv0(x, ws[:, -3], noise)
        x = self.conv1(x, ws[:, -2], noise)
        return x, self.torgb(x, ws[:, -1]).float()


class Synthesis(nn.Module):
    """ws [N, num_ws, w_dim] -> pictures at every resolution from 4 up, each the sum of all parts so
    far.
    """

    def __init__(self, resolution: int, w_dim: int, channel_base: int, channel_max: int) -> None:
        super().__init__()
        self.resolutions = [2**i for i in range(2, int(log2(resolution)) + 1)]
        channels = [0] + [min(channel_base // r, channel_max) for r in self.resolutions]
        for r, inputs, outputs in zip(self.resolutions, channels, channels[1:]):
            self.add_module(f"b{r}", Block(inputs, outputs, w_dim, r))

    def forward(self, ws: Tensor, noise: str = "random", depth: int | None = None) -> list[Tensor]:
        """`depth`: how many resolutions, counted as in a slice; None for all, -1 for all but the
        largest.
        """
        x, first = None, 0
        pictures: list[Tensor] = []
        for r in self.resolutions[:depth]:
            count = 2 if x is None else 3
            x, part = self.get_submodule(f"b{r}")(x, ws[:, first : first + count], noise)
            pictures.append(part if not pictures else _enlarge(pictures[-1]) + part)
            first += count - 1  # a block's torgb and the next block's first convolution share one w
        return pictures


class Generator(nn.Module):
    """z and labels -> pictures [N, 3, r, r] around -1..1, one per resolution r = 4 ...
    `resolution`.
    """

    def __init__(
        self,
        resolution: int,
        label_dim: int,
        z_dim: int = 128,
        w_dim: int = 128,
        depth: int = 2,
        channel_base: int = 2048,
        channel_max: int = 256,
    ) -> None:
        super().__init__()
        self.settings = {
            "z_dim": z_dim,
            "c_dim": label_dim,
            "w_dim": w_dim,
            "img_resolution": resolution,
            "img_channels": 3,
            "mapping_num_layers": depth,
            "channel_base": channel_base,
            "channel_max": channel_max,
        }
        self.z_dim, self.num_ws = z_dim, 2 * int(log2(resolution)) - 2
        self.mapping = Mapping(z_dim, label_dim, w_dim, depth)
        self.synthesis = Synthesis(resolution, w_dim, channel_base, channel_max)

    def forward(self, z: Tensor, c: Tensor, psi: float = 1, noise: str = "const") -> Tensor:
        """The largest picture; psi pulls w towards its average (the truncation trick)."""
        w = self.mapping(z, c)
        w = self.mapping.w_avg + (w - self.mapping.w_avg) * psi
        return self.synthesis(self.every_layer(w), noise)[-1]

    def every_layer(self, w: Tensor) -> Tensor:
        return w[:, None].expand(-1, self.num_ws, -1)

    def grow(self, state: dict[str, Tensor]) -> None:
        """Take over the tensors of a generator of any size: blocks that it lacks keep their random
        start, their colours faint at first, and blocks too large for this one are left out.
        """
        missing = self.load_state_dict(state, strict=False)
        assert all(name.startswith("synthesis.b") for name in missing.unexpected_keys), (
            missing.unexpected_keys
        )
        with torch.no_grad():
            for name in missing.missing_keys:
                if name.endswith("torgb.weight"):
                    self.get_parameter(name).mul_(0.1)

    def inner(self) -> Generator:
        """The generator of half the resolution that is inside this one, with the same weights."""
        small = Generator(
            self.settings["img_resolution"] // 2,
            *(
                self.settings[k]
                for k in (
                    "c_dim",
                    "z_dim",
                    "w_dim",
                    "mapping_num_layers",
                    "channel_base",
                    "channel_max",
                )
            ),
        )
        small.grow(self.state_dict())
        return small


def _unit(x: Tensor) -> Tensor:
    return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()


def _activate(x: Tensor) -> Tensor:
    return F.leaky_relu(x, SLOPE) * GAIN


def _binomial() -> Tensor:
    taps = torch.tensor(TAPS, dtype=torch.float32)
    return taps.outer(taps) / taps.sum() ** 2


def _blur(x: Tensor, padding: tuple[int, int]) -> Tensor:
    """Binomial 4-tap filter both ways, with the gain 4 that makes up for the zeros between doubled
    pixels.
    """
    taps = (torch.tensor(TAPS, dtype=x.dtype, device=x.device) / 4).expand(x.shape[1], 1, 4)
    x = F.pad(x, padding * 2)
    x = F.conv2d(x, taps[:, :, None], groups=x.shape[1])
    return F.conv2d(x, taps[..., None], groups=x.shape[1])


def _enlarge(picture: Tensor) -> Tensor:
    """[N, 3, r, r] -> [N, 3, 2r, 2r]: zeros between, then the filter."""
    n, c, h, w = picture.shape
    spread = picture.new_zeros(n, c, 2 * h, 2 * w)
    spread[:, :, ::2, ::2] = picture
    return _blur(spread, (2, 1))
