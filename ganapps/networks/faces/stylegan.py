"""StyleGAN generator with AdaIN: Karras et al. 2019, "A Style-Based Generator", as in
hajar001/stylegan2-ffhq-128.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganapps.networks import check_resolution, check_signs, load_strictly, shape_of
from ganapps.networks.contracts import StyleGenerator
from ganapps.networks.faces.parts import check_noise, exactly
from ganapps.networks.taking import channels_last

SLOPE = 0.2
NEEDED = ("synthesis.initial_conv1.adain.style_scale.weight", "mapping.mapping.0.weight")


class MappingNetwork(nn.Module):
    """z -> one w per layer."""

    w_avg: Tensor

    def __init__(self, widths: Sequence[int], num_ws: int) -> None:
        super().__init__()
        self.num_ws, self.z_dim = num_ws, widths[0]
        layers = [
            (nn.Linear(inputs, outputs), nn.LeakyReLU(SLOPE))
            for inputs, outputs in pairwise(widths)
        ]
        self.mapping = nn.Sequential(*(part for layer in layers for part in layer))
        self.register_buffer("w_avg", torch.empty(widths[-1]))

    def forward(
        self, z: Tensor, c: Tensor | None = None, psi: float = 1.0, cutoff: int | None = None
    ) -> Tensor:
        """z [N, z_dim] -> ws [N, num_ws, w_dim]; the first `cutoff` (all) are pulled to `w_avg` by
        psi.
        """
        ws = self.one_w(z).unsqueeze(1).repeat(1, self.num_ws, 1)
        if psi != 1:
            ws[:, :cutoff] = self.w_avg.lerp(ws[:, :cutoff], psi)
        return ws

    def one_w(self, z: Tensor) -> Tensor:
        """z [N, z_dim] -> w [N, w_dim], not truncated."""
        with exactly(z):
            z = z.to(self.w_avg.dtype)
            return self.mapping(z * (z.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt())

    def average(self, count: int = 10_000) -> Tensor:
        """The mean w of `count` fixed random z."""
        z = torch.randn(count, self.z_dim, generator=torch.Generator().manual_seed(0))
        return self.one_w(z).mean(dim=0)


class AdaIN(nn.Module):
    """Adaptive instance normalisation: each channel to mean 0 and variance 1, then scaled and moved
    as w says.
    """

    def __init__(self, channels: int, w_dim: int) -> None:
        super().__init__()
        self.style_scale = nn.Linear(w_dim, channels)
        self.style_bias = nn.Linear(w_dim, channels)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """x [N, channels, h, w], w [N, w_dim] -> x, changed in place."""
        x = x.sub_(x.mean(dim=(2, 3), keepdim=True))  # first, or a large mean would cost digits
        variance = x.square().mean(dim=(2, 3))
        scale = self.style_scale(w) * (variance + 1e-5).rsqrt()
        return x.mul_(scale[:, :, None, None]).add_(self.style_bias(w)[:, :, None, None])


class Noise(nn.Module):
    """Adds one noise picture to every channel, each as strongly as it learned."""

    const: Tensor  # [1, side, side], what folding draws

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.side = side
        self.weight = nn.Parameter(torch.empty(1, channels, 1, 1))

    def forward(self, x: Tensor, kind: str, generators: Sequence[torch.Generator] | None) -> Tensor:
        """x [N, channels, side, side] -> x, changed in place."""
        if kind == "none":
            return x
        if kind == "const":
            drawn = self.const[None]
        else:
            assert generators is not None, "random noise needs generators"
            drawn = torch.stack([self.draw(each) for each in generators])
        return x.addcmul_(self.weight, drawn.to(x))

    def draw(self, generator: torch.Generator) -> Tensor:
        """[1, side, side]"""
        return torch.randn(1, self.side, self.side, generator=generator, device=generator.device)


class StyleBlock(nn.Module):
    """Perhaps doubling, then 3x3 convolution, noise, leaky ReLU, AdaIN."""

    def __init__(self, inputs: int, outputs: int, w_dim: int, side: int, up: bool) -> None:
        super().__init__()
        self.blur = (
            nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False) if up else None
        )
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.noise = Noise(outputs, side)
        self.adain = AdaIN(outputs, w_dim)

    def forward(
        self, x: Tensor, w: Tensor, noise: str, generators: Sequence[torch.Generator] | None
    ) -> Tensor:
        """x [N, in, h, w], w [N, w_dim] -> [N, out, side, side]."""
        if self.blur is not None:
            x = self.blur(F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False))
        x = self.noise(self.conv(x), noise, generators)
        return self.adain(F.leaky_relu_(x, SLOPE), w)


class SynthesisNetwork(nn.Module):
    """ws -> picture."""

    def __init__(self, w_dim: int, channels: Sequence[int], colours: int) -> None:
        """`channels` at 4 px, 8 px, ... up to the picture's size."""
        super().__init__()
        self.const = nn.Parameter(torch.empty(1, channels[0], 4, 4))
        self.initial_conv1 = StyleBlock(channels[0], channels[0], w_dim, 4, up=False)
        self.initial_conv2 = StyleBlock(channels[0], channels[0], w_dim, 4, up=False)
        self.blocks = nn.ModuleList()
        for number, (inputs, outputs) in enumerate(pairwise(channels)):
            self.blocks.append(StyleBlock(inputs, outputs, w_dim, 8 << number, up=True))
            self.blocks.append(StyleBlock(outputs, outputs, w_dim, 8 << number, up=False))
        self.to_rgb = nn.Conv2d(channels[-1], colours, 1)
        self.num_ws = 2 * len(channels)

    def forward(
        self, ws: Tensor, noise: str = "const", generators: Sequence[torch.Generator] | None = None
    ) -> Tensor:
        """ws [N, num_ws, w_dim] -> x [N, 3, H, H], -1 to 1.

        `noise` is "const" (drawn once from a fixed seed: files have none), "none", or "random":
        then `generators` has one per picture.
        """
        assert ws.shape[1] == self.num_ws, (
            f"ws has {ws.shape[1]} layers, this network {self.num_ws}"
        )
        check_noise(noise, generators, len(ws))
        x = self.const.expand(len(ws), -1, -1, -1).contiguous(memory_format=torch.channels_last)
        for block, w in zip(self.layers(), ws.unbind(dim=1)):
            x = block(x, w, noise, generators)
        return self.to_rgb(x).float().tanh_().contiguous().expand(-1, 3, -1, -1)

    def layers(self) -> list[nn.Module]:
        """What takes a w each, in the order of ws."""
        return [self.initial_conv1, self.initial_conv2, *self.blocks]


class StyleGAN(StyleGenerator):
    """The generator."""

    mapping: MappingNetwork
    synthesis: SynthesisNetwork

    def __init__(self, widths: Sequence[int], channels: Sequence[int], colours: int) -> None:
        super().__init__()
        self.synthesis = SynthesisNetwork(widths[-1], channels, colours)
        self.num_ws, self.z_dim, self.resolution = (
            self.synthesis.num_ws,
            widths[0],
            2 << len(channels),
        )
        self.mapping = MappingNetwork(widths, self.num_ws)

    @property
    def w_avg(self) -> Tensor:
        """The average w [w_dim], to which truncation pulls."""
        return self.mapping.w_avg

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """z [N, z_dim] -> x [N, 3, H, H], constant noise, no truncation."""
        return self.synthesis(self.mapping(z))

    def style_weights(self) -> list[Tensor]:
        """As `StyleGenerator` says: of each layer the scales, then the shifts."""
        found = []
        for layer in self.synthesis.layers():
            assert isinstance(layer, StyleBlock)
            adain = layer.adain
            found.append(torch.cat([adain.style_scale.weight, adain.style_bias.weight]))
        return found

    def fold(self) -> None:
        """Put the runtime scales of equalized learning rate into the weights; draw the constant
        noise.
        """
        generator = torch.Generator().manual_seed(0)
        for name, layer in self.named_modules():
            if isinstance(layer, Noise):
                layer.register_buffer("const", layer.draw(generator), persistent=False)
            elif isinstance(layer, (nn.Linear, nn.Conv2d)) and not name.endswith("blur"):
                gain = 1 if name.endswith("to_rgb") else 2
                layer.weight *= sqrt(gain / layer.weight[0].numel())


def recognise(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Is this that AdaIN generator?"""
    return set(NEEDED) <= shapes.keys()


def build(tensors: Mapping[str, Tensor], settings: Mapping) -> StyleGAN:
    """The generator of a checkpoint, float32, folded; every size is read from the shapes.

    The original estimates its average w anew each time it is loaded (the file's is zero); here it
    is that of fixed random z, unless the file knows it. Raises ValueError that names a tensor that
    is missing, left over or of the wrong shape.
    """
    check_signs(tensors, NEEDED)
    state = dict(tensors)
    with torch.device("meta"):
        network = StyleGAN(
            _widths(state), _channels(state), shape_of(state, "synthesis.to_rgb.weight", 4)[0]
        )
    for name in [name for name in state if name.endswith("blur.kernel")]:
        if state[name].shape != (1, 1, 3, 3):
            raise ValueError(f"{name} is not a 3x3 filter")
        channels = shape_of(state, name.replace("blur.kernel", "conv.weight"), 4)[1]
        state[name.replace("kernel", "weight")] = state.pop(name).expand(channels, -1, -1, -1)
    state["mapping.w_avg"] = state.pop("w_mean", torch.zeros(network.w_avg.shape))
    load_strictly(network, state)
    with torch.no_grad():
        network.fold()
        if not network.w_avg.any():
            network.w_avg.copy_(network.mapping.average())
    return channels_last(network)


def _widths(state: Mapping[str, Tensor]) -> list[int]:
    widths = [shape_of(state, "mapping.mapping.0.weight", 2)[1]]
    while (name := f"mapping.mapping.{2 * len(widths) - 2}.weight") in state:
        widths.append(shape_of(state, name, 2)[0])
    return widths


def _channels(state: Mapping[str, Tensor]) -> list[int]:
    last = max(
        (int(m[1]) for m in map(re.compile(r"synthesis\.blocks\.(\d{1,9})\.").match, state) if m),
        default=-1,
    )
    channels = [shape_of(state, "synthesis.initial_conv1.conv.weight", 4)[0]]
    for number in range(0, last + 1, 2):
        check_resolution(4 << len(channels))
        channels.append(shape_of(state, f"synthesis.blocks.{number}.conv.weight", 4)[0])
    return channels
