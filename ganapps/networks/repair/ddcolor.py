"""DDColor, which gives a grey photograph colours: Kang et al. 2023, "DDColor: Towards
Photo-Realistic Image Colorization via Dual Decoders", on a ConvNeXt (Liu 2022).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganapps.networks import check_signs, length, shape_of
from ganapps.networks.contracts import Colouriser
from ganapps.networks.taking import load_strictly

SIGNS = ("refine_net.0.0.weight_orig", "encoder.arch.stages.3.0.gamma")
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
EPSILON = 1e-6
HEADS = 8
SCALES = 3  # of the features at which the colours look
WAVES = 10_000  # the longest wave of a place's code
WIDE = "decoder.color_decoder.transformer_ffn_layers"
BESIDE = ("mean", "std")  # of the files, always the same
UNUSED = ("encoder.arch.norm.", "encoder.arch.head_cls.")  # what classified pictures


@dataclass(frozen=True)
class Sizes:
    """What a file's tensors say: blocks and channels of the encoder's four stages, channels of the
    decoder, how many colours ask, how often, how wide they are and their widest layer.
    """

    depths: tuple[int, ...]
    widths: tuple[int, ...]
    decoder: int
    queries: int
    layers: int
    hidden: int
    wide: int


class Block(nn.Module):
    """A ConvNeXt block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, EPSILON)
        self.pwconv1 = nn.Linear(width, 4 * width)
        self.pwconv2 = nn.Linear(4 * width, width)
        self.gamma = nn.Parameter(torch.empty(width))

    def forward(self, x: Tensor) -> Tensor:
        """[N, width, H, W] -> the same."""
        y = self.norm(self.dwconv(x).permute(0, 2, 3, 1))  # [N, H, W, width]
        y = self.gamma * self.pwconv2(F.gelu(self.pwconv1(y)))
        return x + y.permute(0, 3, 1, 2)


class ChannelNorm(nn.LayerNorm):
    """A LayerNorm over the channels of each place."""

    def __init__(self, width: int) -> None:
        super().__init__(width, EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """[N, width, H, W] -> the same."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNeXt(nn.Module):
    """The encoder."""

    def __init__(self, depths: tuple[int, ...], widths: tuple[int, ...]) -> None:
        super().__init__()
        begin = nn.Sequential(nn.Conv2d(3, widths[0], 4, 4), ChannelNorm(widths[0]))
        halves = [
            nn.Sequential(ChannelNorm(before), nn.Conv2d(before, after, 2, 2))
            for before, after in itertools.pairwise(widths)
        ]
        self.downsample_layers = nn.ModuleList([begin, *halves])
        self.stages = nn.ModuleList(
            nn.Sequential(*(Block(width) for _ in range(depth)))
            for depth, width in zip(depths, widths, strict=True)
        )
        for number, width in enumerate(widths):
            self.add_module(f"norm{number}", ChannelNorm(width))

    def forward(self, x: Tensor) -> list[Tensor]:
        """[N, 3, S, S] -> features of a quarter, an eighth ... of the side."""
        features = []
        for number, (halve, stage) in enumerate(zip(self.downsample_layers, self.stages)):
            x = stage(halve(x))
            features.append(self.get_submodule(f"norm{number}")(x))
        return features


class Grown(nn.Module):
    """Features on more pixels, which are softened a little."""

    def __init__(self, inputs: int, outputs: int, scale: int, normed: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(inputs, outputs * scale**2, 1, bias=not normed)]
        if normed:
            layers.append(nn.BatchNorm2d(outputs * scale**2))
        self.conv = nn.Sequential(*layers)
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        """[N, inputs, H, W] -> [N, outputs, scale * H, scale * W]"""
        x = F.pixel_shuffle(F.relu(self.conv(x)), self.scale)
        return F.avg_pool2d(F.pad(x, (1, 0, 1, 0), mode="replicate"), 2, stride=1)


class Joined(nn.Module):
    """The decoder's features grown, joined with the encoder's of that size."""

    def __init__(self, inputs: int, beside: int, outputs: int) -> None:
        super().__init__()
        self.shuf = Grown(inputs, outputs, 2, normed=True)
        self.bn = nn.BatchNorm2d(beside)
        convolution = nn.Conv2d(outputs + beside, outputs, 3, padding=1, bias=False)
        self.conv = nn.Sequential(convolution, nn.ReLU(), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor, beside: Tensor) -> Tensor:
        """[N, inputs, H, W], [N, beside, 2H, 2W] -> [N, outputs, 2H, 2W]"""
        return self.conv(F.relu(torch.cat([self.shuf(x), self.bn(beside)], dim=1)))


class Own(nn.Module):
    """Colours look at each other."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(hidden, HEADS)
        self.norm = nn.LayerNorm(hidden)

    def forward(self, x: Tensor, ask: Tensor) -> Tensor:
        """[queries, N, hidden], twice -> the same."""
        asked = x + ask
        return self.norm(x + self.self_attn(asked, asked, x, need_weights=False)[0])


class Across(nn.Module):
    """Colours look at the picture."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.multihead_attn = nn.MultiheadAttention(hidden, HEADS)
        self.norm = nn.LayerNorm(hidden)

    def forward(self, x: Tensor, ask: Tensor, seen: Tensor, place: Tensor) -> Tensor:
        """[queries, N, hidden] twice, [places, N, hidden], [places, 1, hidden] -> as the first."""
        answer = self.multihead_attn(x + ask, seen + place, seen, need_weights=False)[0]
        return self.norm(x + answer)


class Wide(nn.Module):
    """Each colour alone."""

    def __init__(self, hidden: int, wide: int) -> None:
        super().__init__()
        self.linear1, self.linear2 = nn.Linear(hidden, wide), nn.Linear(wide, hidden)
        self.norm = nn.LayerNorm(hidden)

    def forward(self, x: Tensor) -> Tensor:
        """[..., hidden] -> the same."""
        return self.norm(x + self.linear2(F.relu(self.linear1(x))))


class Perceptron(nn.Module):
    """Three layers."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        """[..., hidden] -> the same."""
        first, second, last = self.layers
        return last(F.relu(second(F.relu(first(x)))))


class Colours(nn.Module):
    """Colours that ask the picture, at three sizes in turn, where they belong."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        hidden, times = sizes.hidden, range(sizes.layers)
        self.transformer_self_attention_layers = nn.ModuleList(Own(hidden) for _ in times)
        self.transformer_cross_attention_layers = nn.ModuleList(Across(hidden) for _ in times)
        self.transformer_ffn_layers = nn.ModuleList(Wide(hidden, sizes.wide) for _ in times)
        self.decoder_norm = nn.LayerNorm(hidden)
        self.query_feat = nn.Embedding(sizes.queries, hidden)
        self.query_embed = nn.Embedding(sizes.queries, hidden)
        self.level_embed = nn.Embedding(SCALES, hidden)
        widths = (sizes.decoder, sizes.decoder, sizes.decoder // 2)
        self.input_proj = nn.ModuleList(nn.Conv2d(width, hidden, 1) for width in widths)
        self.color_embed = Perceptron(hidden)

    def forward(self, features: list[Tensor], pixels: Tensor) -> Tensor:
        """Features of three sizes, and of the largest [N, hidden, H, W] -> how much of each colour
        is where, [N, queries, H, W].
        """
        places = [_places(level, self.level_embed.embedding_dim) for level in features]
        seen = [
            (project(level).flatten(2) + own[:, None]).permute(2, 0, 1)  # [places, N, hidden]
            for project, level, own in zip(self.input_proj, features, self.level_embed.weight)
        ]
        ask = self.query_embed.weight[:, None]
        x = self.query_feat.weight[:, None].expand(-1, len(pixels), -1)
        layers = zip(
            self.transformer_cross_attention_layers,
            self.transformer_self_attention_layers,
            self.transformer_ffn_layers,
            strict=True,
        )
        for number, (across, own, wide) in enumerate(layers):
            level = number % SCALES
            x = across(x, ask, seen[level], places[level].to(x))
            x = wide(own(x, ask))
        colours = self.color_embed(self.decoder_norm(x))
        return torch.einsum("qnc,nchw->nqhw", colours, pixels)


class Decoder(nn.Module):
    """From features to colours."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width = sizes.decoder
        first, second, third, last = sizes.widths
        self.layers = nn.ModuleList(
            [
                Joined(last, third, width),
                Joined(width, second, width),
                Joined(width, first, width // 2),
            ]
        )
        self.last_shuf = Grown(width // 2, width // 2, 4, normed=False)
        self.color_decoder = Colours(sizes)

    def forward(self, features: list[Tensor]) -> Tensor:
        """The encoder's features -> [N, queries, S, S]"""
        *larger, x = features
        joined = []
        for layer in self.layers:
            x = layer(x, larger.pop())
            joined.append(x)
        return self.color_decoder(joined, self.last_shuf(x))


class DDColor(Colouriser):
    """Features of the grey picture, and of each learned colour how much of it is where."""

    side = 512
    precisions = ("bfloat16",)

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.encoder = nn.ModuleDict({"arch": ConvNeXt(sizes.depths, sizes.widths)})
        self.decoder = Decoder(sizes)
        self.refine_net = nn.Sequential(nn.Sequential(nn.Conv2d(sizes.queries + 3, 2, 1)))

    def forward(self, x: Tensor) -> Tensor:
        """x [N, 3, side, side] grey, in 0..1 -> [N, 2, side, side], a* and b* of Lab."""
        mean, spread = (torch.tensor(each).to(x).view(1, 3, 1, 1) for each in (MEAN, SPREAD))
        x = (x - mean) / spread
        y = self.decoder(self.encoder["arch"](x))
        return self.refine_net(torch.cat([y, x], dim=1))


def recognise(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Is this DDColor?"""
    return all(sign in shapes for sign in SIGNS)


def build(tensors: Mapping[str, Tensor], settings: Mapping) -> DDColor:
    """The network of a checkpoint, float32. Raises ValueError that says what does not fit."""
    check_signs(tensors, SIGNS)
    network = DDColor(_sizes(tensors))
    state = {
        name: tensor
        for name, tensor in _plain(tensors).items()
        if name not in BESIDE and not name.startswith(UNUSED)
    }
    load_strictly(network, state)
    return network.eval().requires_grad_(False)


def _sizes(tensors: Mapping[str, Tensor]) -> Sizes:
    stages = [f"encoder.arch.stages.{number}" for number in range(4)]
    outputs, asked = shape_of(tensors, SIGNS[0], 4)[:2]
    if outputs != 2:
        raise ValueError(f"as DDColor: it makes {outputs} channels; a* and b* are 2")
    queries, hidden = shape_of(tensors, "decoder.color_decoder.query_feat.weight", 2)
    if asked != queries + 3:
        raise ValueError(f"as DDColor: {queries} colours ask, {asked - 3} are painted")
    width = 2 * shape_of(tensors, "decoder.last_shuf.conv.0.weight_orig", 4)[1]
    if hidden != width // 2 or hidden % HEADS:
        raise ValueError(f"as DDColor: its colours are {hidden} wide, its pixels {width // 2}")
    return Sizes(
        tuple(length(tensors, stage + ".{}.gamma") for stage in stages),
        tuple(shape_of(tensors, f"{stage}.0.gamma", 1)[0] for stage in stages),
        width,
        queries,
        length(tensors, WIDE + ".{}.linear1.weight"),
        hidden,
        shape_of(tensors, f"{WIDE}.0.linear1.weight", 2)[0],
    )


def _plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights that are kept as torch's spectral norm keeps them (Miyato 2018), divided by what
    they stretch their own vectors by.
    """
    plain = {}
    for name, tensor in tensors.items():
        own, _, kind = name.rpartition(".")
        if kind == "weight_orig":
            left, right = tensors.get(f"{own}.weight_u"), tensors.get(f"{own}.weight_v")
            matrix = tensor.float().flatten(1)
            if left is None or right is None or (len(left), len(right)) != matrix.shape:
                raise ValueError(f"{own}.weight_u and {own}.weight_v are missing or odd")
            plain[f"{own}.weight"] = tensor.float() / (left.float() @ matrix @ right.float())
        elif kind not in ("weight_u", "weight_v"):
            plain[name] = tensor
    return plain


def _places(level: Tensor, hidden: int) -> Tensor:
    """[H * W, 1, hidden] for [N, C, H, W]: sines and cosines of each place, down in the first half,
    across in the second.
    """
    height, width = level.shape[2:]
    count = hidden // 2
    waves = WAVES ** (2 * (torch.arange(count) // 2) / count)
    down, across = (
        torch.arange(1, side + 1) / (side + EPSILON) * 2 * math.pi / waves[:, None]
        for side in (height, width)
    )  # [count, side]
    codes = []
    for angles, shape in ((down, (height, 1)), (across, (1, width))):
        code = torch.where((torch.arange(count) % 2 == 0)[:, None], angles.sin(), angles.cos())
        codes.append(code.view(count, *shape).expand(count, height, width))
    return torch.cat(codes).flatten(1).T[:, None]
