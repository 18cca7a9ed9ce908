"""BigGAN-deep generators: Brock et al. 2019, "Large Scale GAN Training for High Fidelity Natural
Image Synthesis", in Hugging Face's layout."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganapps.networks import check_resolution, check_signs, load_strictly, shape_of
from ganapps.networks.contracts import StyleGenerator
from ganapps.networks.faces.parts import check_noise, exactly
from ganapps.networks.faces.resampling import doubling
from ganapps.networks.taking import channels_last

NEEDED = (
    "embeddings.weight",
    "generator.layers.0.bn_0.running_means",
    "generator.bn.running_means",
)
EPSILON = 1e-4
BOUND = 2.0  # standard deviations at which z is cut
DIGITS = 4  # of a truncation: a little more or less than a row of the statistics is another picture


@dataclass(frozen=True)
class BlockShape:
    """What one residual block is made of."""

    inputs: int
    middle: int
    outputs: int
    up: bool


class Norm(nn.Module):
    """Batch norm with statistics for each truncation; the scale and shift of each picture come from
    its condition."""

    running_means: Tensor
    running_vars: Tensor

    def __init__(self, channels: int, rows: int, condition: int) -> None:
        """`condition` 0: scale and shift are the same for every picture."""
        super().__init__()
        self.conditional = condition > 0
        self.register_buffer("running_means", torch.empty(rows, channels))
        self.register_buffer("running_vars", torch.empty(rows, channels))
        if condition:
            self.scale = nn.Linear(condition, channels, bias=False)
            self.offset = nn.Linear(condition, channels, bias=False)
        else:
            self.weight = nn.Parameter(torch.empty(channels))
            self.bias = nn.Parameter(torch.empty(channels))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """x [N, C, h, w], w [N, condition + 1] (the truncation last) -> normalised, ReLU."""
        with exactly(w):
            mean, variance = (
                torch.stack(rows) for rows in zip(*map(self.statistics, w[:, -1].tolist()))
            )
            if self.conditional:
                scale, shift = 1 + self.scale(w[:, :-1]), self.offset(w[:, :-1])
            else:
                scale, shift = self.weight, self.bias
            scale = scale * (variance + EPSILON).rsqrt()
            shift = shift - mean * scale
        return F.relu_(torch.addcmul(shift[:, :, None, None], x.float(), scale[:, :, None, None]))

    def statistics(self, truncation: float) -> tuple[Tensor, Tensor]:
        """Mean and variance [C]. Between two rows the published program takes the share of the one
        for the other; this is part of how its pictures look."""
        step = 1.0 / (len(self.running_means) - 1)
        share, row = math.modf(round(min(abs(truncation), 1.0), DIGITS) / step)
        row = int(row)
        if share == 0:
            return self.running_means[row], self.running_vars[row]
        means, variances = self.running_means[row : row + 2], self.running_vars[row : row + 2]
        return means[0] * share + means[1] * (1 - share), variances[0] * share + variances[1] * (
            1 - share
        )


class Block(nn.Module):
    """Figure 16: 1x1 to a quarter of the channels, two 3x3, 1x1 back; the way around keeps the
    first channels."""

    bn_0: Norm
    bn_1: Norm
    bn_2: Norm
    bn_3: Norm
    conv_0: nn.Conv2d
    conv_1: nn.Conv2d
    conv_2: nn.Conv2d
    conv_3: nn.Conv2d

    def __init__(self, shape: BlockShape, rows: int, condition: int) -> None:
        super().__init__()
        self.shape = shape
        sides = (shape.inputs, shape.middle, shape.middle, shape.middle, shape.outputs)
        for number, kernel in enumerate((1, 3, 3, 1)):
            self.add_module(f"bn_{number}", Norm(sides[number], rows, condition))
            inputs, outputs = sides[number : number + 2]
            self.add_module(
                f"conv_{number}", nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
            )

    def fold(self) -> None:
        """Put the doubling into the convolution after it."""
        if self.shape.up:
            self.conv_1.weight = nn.Parameter(doubling(self.conv_1.weight), requires_grad=False)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """x [N, inputs, h, w], w [N, condition + 1] -> [N, outputs, h, w], or twice the sides."""
        y = self.conv_0(self.bn_0(x, w))
        y = self.bn_1(y, w)
        if self.shape.up:
            y = F.conv_transpose2d(y, self.conv_1.weight, self.conv_1.bias, stride=2, padding=1)
            around = F.interpolate(x[:, : self.shape.outputs], scale_factor=2, mode="nearest")
        else:
            y, around = self.conv_1(y), x[:, : self.shape.outputs]
        y = self.conv_2(self.bn_2(y, w))
        return self.conv_3(self.bn_3(y, w)) + around


class Attention(nn.Module):
    """Each place looks at all others, four together (Zhang et al. 2019, "Self-Attention GAN")."""

    def __init__(self, channels: int, keys: int, values: int) -> None:
        super().__init__()
        self.snconv1x1_theta = nn.Conv2d(channels, keys, 1, bias=False)
        self.snconv1x1_phi = nn.Conv2d(channels, keys, 1, bias=False)
        self.snconv1x1_g = nn.Conv2d(channels, values, 1, bias=False)
        self.snconv1x1_o_conv = nn.Conv2d(values, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.empty(1))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """x [N, C, h, w] -> the same shape."""
        query = self.snconv1x1_theta(x).flatten(2)
        key = F.max_pool2d(self.snconv1x1_phi(x), 2).flatten(2)
        value = F.max_pool2d(self.snconv1x1_g(x), 2).flatten(2)
        looks = (query.transpose(1, 2) @ key).softmax(dim=-1)  # [N, h w, h w / 4]
        seen = (value @ looks.transpose(1, 2)).unflatten(2, x.shape[2:])
        return x + self.gamma * self.snconv1x1_o_conv(seen)


class ConditionNetwork(nn.Module):
    """z and class -> the condition of each layer, with the truncation as one number more."""

    def __init__(self, z_dim: int, classes: int, embedding: int, num_ws: int) -> None:
        super().__init__()
        self.num_ws = num_ws
        self.embeddings = nn.Linear(classes, embedding, bias=False)

    def forward(
        self, z: Tensor, c: Tensor | None = None, psi: float = 1.0, cutoff: int | None = None
    ) -> Tensor:
        """z [N, z_dim], normal, c [N, classes] -> ws [N, num_ws, condition + 1]; `psi` shrinks z in
        the first `cutoff` (all).

        The published generator draws z from a normal distribution cut at two standard deviations:
        here each number goes to the one with the same rank there. At psi 0 stands the middle
        picture of a class; statistics beyond a psi of 1 are those of 1.
        """
        assert c is not None and c.shape[1] == self.embeddings.in_features, (
            f"this network needs labels [N, {self.embeddings.in_features}]"
        )
        with exactly(z):
            # not every device has float64
            z = truncated(z.cpu()).float().to(self.embeddings.weight)
            embedded = self.embeddings(c.to(z.dtype))
        shrunk, whole = (
            torch.cat([z * p, embedded, z.new_full((len(z), 1), p)], dim=1) for p in (psi, 1.0)
        )
        ws = shrunk.unsqueeze(1).repeat(1, self.num_ws, 1)
        if cutoff is not None:
            ws[:, cutoff:] = whole.unsqueeze(1)
        return ws


class SynthesisNetwork(nn.Module):
    """ws -> picture; every block has its own condition, so that two pictures can be mixed."""

    def __init__(
        self, condition: int, first: int, layers: Sequence[nn.Module], rows: int, channels: int
    ) -> None:
        super().__init__()
        self.gen_z = nn.Linear(condition, 16 * first)
        self.layers = nn.ModuleList(layers)
        self.bn = Norm(channels, rows, 0)
        self.conv_to_rgb = nn.Conv2d(channels, channels, 3, padding=1)

    def fold(self) -> None:
        """Only three channels of the last convolution are seen."""
        self.conv_to_rgb.weight = nn.Parameter(
            self.conv_to_rgb.weight[:3].clone(), requires_grad=False
        )
        assert self.conv_to_rgb.bias is not None
        self.conv_to_rgb.bias = nn.Parameter(self.conv_to_rgb.bias[:3].clone(), requires_grad=False)
        for layer in self.layers:
            if isinstance(layer, Block):
                layer.fold()

    def forward(
        self, ws: Tensor, noise: str = "const", generators: Sequence[torch.Generator] | None = None
    ) -> Tensor:
        """ws [N, num_ws, condition + 1] -> x [N, 3, H, H], -1 to 1. It has no noise; `noise` is
        taken for others' sake."""
        check_noise(noise, generators, len(ws))
        # channels last already
        x = self.gen_z(ws[:, 0, :-1]).unflatten(1, (4, 4, -1)).permute(0, 3, 1, 2)
        rest = iter(ws[:, 1:].unbind(1))
        w = ws[:, 0]
        for layer in self.layers:
            w = next(rest) if isinstance(layer, Block) else w
            x = layer(x, w)
        return self.conv_to_rgb(self.bn(x, w)).float().tanh().contiguous()


class BigGAN(StyleGenerator):
    """The generator; its style space is z with the class, for each block."""

    mapping: ConditionNetwork
    synthesis: SynthesisNetwork
    has_noise = False

    def __init__(self, z_dim: int, mapping: ConditionNetwork, generator: SynthesisNetwork) -> None:
        super().__init__()
        self.mapping, self.synthesis = mapping, generator
        self.z_dim, self.label_dim, self.num_ws = (
            z_dim,
            mapping.embeddings.in_features,
            mapping.num_ws,
        )
        self.resolution = 4 << sum(
            isinstance(layer, Block) and layer.shape.up for layer in generator.layers
        )

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """z [N, z_dim], c [N, classes] -> x [N, 3, H, H], truncation 1."""
        return self.synthesis(self.mapping(z, c))


def truncated(z: Tensor) -> Tensor:
    """Normal numbers as those of the normal distribution cut at two standard deviations, float64;
    ranks stay."""
    low, high = (
        torch.special.ndtr(torch.tensor(side, dtype=torch.float64)).item()
        for side in (-BOUND, BOUND)
    )
    return torch.special.ndtri(low + (high - low) * torch.special.ndtr(z.double()))


def recognise(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Is this a BigGAN-deep generator in Hugging Face's layout?"""
    return set(NEEDED) <= shapes.keys()


def build(tensors: Mapping[str, Tensor], settings: Mapping) -> BigGAN:
    """The generator of a checkpoint, float32, folded; shapes say the sizes.

    Every second block doubles the picture, as published, unless the settings' `layers` (of a
    config.json beside the file) say otherwise: lists of [doubles, inputs, outputs]. Raises
    ValueError that names a tensor that is missing, left over or of the wrong shape.
    """
    check_signs(tensors, NEEDED)
    state = _plain(dict(tensors))
    rows, first = shape_of(state, "generator.layers.0.bn_0.running_means", 2)
    if rows < 2:
        raise ValueError(
            "generator.layers.0.bn_0.running_means has statistics for one truncation; "
            "at least two are needed"
        )
    condition = shape_of(state, "generator.gen_z.weight", 2)[1]
    embedding, classes = shape_of(state, "embeddings.weight", 2)
    if condition <= embedding:
        raise ValueError(f"generator.gen_z.weight takes {condition} numbers, none of them from z")
    z_dim, channels = condition - embedding, shape_of(state, "generator.bn.running_means", 2)[1]
    doubles = _doubles(settings)
    with torch.device("meta"):
        layers = list(_layers(state, rows, condition, doubles))
        blocks = sum(isinstance(layer, Block) for layer in layers)
        mapping = ConditionNetwork(z_dim, classes, embedding, blocks + 1)
        network = BigGAN(z_dim, mapping, SynthesisNetwork(condition, first, layers, rows, channels))
    check_resolution(network.resolution)
    load_strictly(network, state, _published)
    with torch.no_grad():
        network.synthesis.fold()
    return channels_last(network).requires_grad_(False)


def _published(name: str) -> str:
    return name.replace("mapping.", "").replace("synthesis.", "generator.")


def _plain(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights as they are used: spectral norm divides the stored ones by their largest singular
    value, as estimated by the two vectors beside them."""
    for name in [name for name in state if name.endswith(".weight_orig")]:
        place = name.removesuffix("_orig")
        weight, u = state.pop(name).float(), state.pop(f"{place}_u", None)
        v = state.pop(f"{place}_v", None)
        if u is None or u.dim() != 1 or weight.dim() < 2 or len(u) != len(weight):
            raise ValueError(f"{place}_u is missing or does not fit {name}")
        flat = weight.flatten(1)
        v = F.normalize(flat.t() @ u.float(), dim=0, eps=EPSILON) if v is None else v.float()
        if v.shape != flat.shape[1:]:
            raise ValueError(f"{place}_v does not fit {name}")
        state[place] = weight / (u.float() @ flat @ v)
    return state


def _layers(
    state: Mapping[str, Tensor], rows: int, condition: int, doubles: Sequence[bool] | None
) -> Iterator[nn.Module]:
    """Blocks, and where the file has it the attention between two of them."""
    found = [re.match(r"generator\.layers\.(\d{1,4})\.", name) for name in state]
    block = 0
    for number in range(1 + max(int(match[1]) for match in found if match)):
        here = f"generator.layers.{number}"
        if f"{here}.gamma" in state:
            keys, channels = shape_of(state, f"{here}.snconv1x1_theta.weight", 4)[:2]
            yield Attention(channels, keys, shape_of(state, f"{here}.snconv1x1_g.weight", 4)[0])
            continue
        middle, inputs = shape_of(state, f"{here}.conv_0.weight", 4)[:2]
        outputs = shape_of(state, f"{here}.conv_3.weight", 4)[0]
        if doubles is not None and block >= len(doubles):
            raise ValueError(f"its settings know {len(doubles)} blocks, and {here} is one more")
        up = doubles[block] if doubles is not None else block % 2 == 1
        yield Block(BlockShape(inputs, middle, outputs, up), rows, condition)
        block += 1


def _doubles(settings: Mapping) -> list[bool] | None:
    """Which blocks double the picture, where settings say it."""
    layers = settings.get("layers", (settings.get("unet") or {}).get("layers"))
    if layers is None:
        return None
    if not isinstance(layers, list) or not all(
        isinstance(layer, list) and layer for layer in layers
    ):
        raise ValueError("layers is no list of [doubles, inputs, outputs]")
    return [bool(layer[0]) for layer in layers]
