"""StyleGAN generators: Karras et al. 2019, "A Style-Based Generator Architecture", in the layouts
of NVIDIA's TensorFlow program, genforce and lernapparat."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganapps.networks import check_resolution, check_signs, load_strictly, shape_of
from ganapps.networks.contracts import StyleGenerator
from ganapps.networks.faces import tensorflow_names
from ganapps.networks.faces.parts import MappingNetwork, check_noise, exactly
from ganapps.networks.faces.resampling import doubling

GENFORCE = ("synthesis.layer0.const", "synthesis.layer0.style.weight", "mapping.dense0.weight")
SLOPE = 0.2
LERNAPPARAT = ("g_synthesis.blocks.4x4.const", "g_mapping.dense0.weight")
RATE = 0.01  # learning rate multiplier of the mapping
FUSED_FROM = 128  # pixels: "auto", from here on doubling and convolution are one operation


class Noise(nn.Module):
    """What a layer adds to its channels: the noise that its file holds, and how much of it."""

    noise: Tensor

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels))
        self.register_buffer("noise", torch.empty(1, 1, side, side))


class StyleLayer(nn.Module):
    """A convolution (of the doubled picture, then blurred), noise, leaky ReLU, and a style of each
    channel (figure 1b)."""

    const: Tensor | None  # in place of a convolution
    weight: Tensor
    blur: Tensor  # what folding makes of one that doubles

    def __init__(self, w_dim: int, inputs: int, outputs: int, side: int, up: bool) -> None:
        """`inputs` 0: no convolution, but the learned constant."""
        super().__init__()
        self.side, self.up = side, up
        if inputs:
            self.register_parameter("const", None)
            self.weight = nn.Parameter(torch.empty(outputs, inputs, 3, 3))
        else:
            self.const = nn.Parameter(torch.empty(1, outputs, side, side))
        self.bias = nn.Parameter(torch.empty(outputs))
        self.style = nn.Linear(w_dim, 2 * outputs)
        self.apply_noise = Noise(outputs, side)

    def fold(self) -> None:
        """Put the runtime scales into the weights, doublings and the style's one, too."""
        self.style.weight /= sqrt(self.style.in_features)
        self.style.bias[: len(self.bias)] += 1
        if self.const is not None:
            return
        weight = self.weight * sqrt(2 / self.weight[0].numel())
        weight = doubling(weight) if self.up else weight
        self.weight = nn.Parameter(
            weight.contiguous(memory_format=torch.channels_last), requires_grad=False
        )
        if self.up:
            taps = torch.tensor([1.0, 2.0, 1.0]) / 4
            blur = torch.outer(taps, taps).expand(len(self.bias), 1, 3, 3)
            self.register_buffer(
                "blur", blur.contiguous(memory_format=torch.channels_last), persistent=False
            )

    def forward(self, x: Tensor | None, w: Tensor, noise: Tensor | None) -> Tensor:
        """x [N, in, h, h] (None: the constant), w [N, w_dim], noise [1 or N, 1, side, side] -> [N,
        out, side, side]."""
        x = self.convolved(x, len(w)) + self.bias[:, None, None]
        if noise is not None:
            x.addcmul_(self.apply_noise.weight[:, None, None], noise.to(x.dtype))
        x = F.leaky_relu_(x, SLOPE)
        with exactly(w):
            x = x.float()
            x = x.sub_(x.mean(dim=(2, 3), keepdim=True))
            scale, shift = self.style(w)[:, :, None, None].chunk(2, dim=1)
            return x.mul_(scale * (x.square().mean(dim=(2, 3), keepdim=True) + 1e-8).rsqrt()).add_(
                shift
            )

    def convolved(self, x: Tensor | None, count: int) -> Tensor:
        """[N, out, side, side], without the bias."""
        if x is None:
            assert self.const is not None, "only a layer with a constant begins"
            return self.const.expand(count, -1, -1, -1).contiguous(
                memory_format=torch.channels_last
            )
        if not self.up:
            return F.conv2d(x, self.weight, padding=1)
        x = F.conv_transpose2d(x, self.weight, stride=2, padding=1)
        return F.conv2d(x, self.blur, padding=1, groups=x.shape[1])

    def noise(self, kind: str, generators: Sequence[torch.Generator] | None) -> Tensor | None:
        """What is added to every channel, as strongly as it learned: [1 or N, 1, side, side], or
        None."""
        if kind == "none":
            return None
        if kind == "const":
            return self.apply_noise.noise
        assert generators is not None, "random noise needs generators"
        side = self.side
        drawn = [
            torch.randn(1, side, side, generator=each, device=each.device) for each in generators
        ]
        return torch.stack(drawn).to(self.apply_noise.noise)


class SynthesisNetwork(nn.Module):
    """ws -> picture."""

    def __init__(self, w_dim: int, channels: Sequence[int], colours: int) -> None:
        """`channels` at 4 px, 8 px, ... up to the picture's size."""
        super().__init__()
        self.num_ws = 2 * len(channels)
        for number in range(self.num_ws):
            block, up = number // 2, number > 1 and number % 2 == 0
            inputs = 0 if not number else channels[block - 1] if up else channels[block]
            self.add_module(
                f"layer{number}", StyleLayer(w_dim, inputs, channels[block], 4 << block, up)
            )
        self.output = nn.Conv2d(channels[-1], colours, 1)

    def fold(self) -> None:
        """Put every constant into the weights."""
        for number in range(self.num_ws):
            self.layer(number).fold()
        self.output.weight /= sqrt(self.output.in_channels)

    def layer(self, number: int) -> StyleLayer:
        """The layer of this number, from 0."""
        layer = self.get_submodule(f"layer{number}")
        assert isinstance(layer, StyleLayer)
        return layer

    def forward(
        self, ws: Tensor, noise: str = "const", generators: Sequence[torch.Generator] | None = None
    ) -> Tensor:
        """ws [N, num_ws, w_dim] -> x [N, 3, H, H], about -1 to 1, not clamped.

        `noise` is "const" (what the file holds), "none", or "random": then `generators` has one per
        picture.
        """
        assert ws.shape[1] == self.num_ws, (
            f"ws has {ws.shape[1]} layers, this network {self.num_ws}"
        )
        check_noise(noise, generators, len(ws))
        x: Tensor | None = None
        for number, w in enumerate(ws.unbind(1)):
            layer = self.layer(number)
            x = layer(x, w, layer.noise(noise, generators))
        # grey is three times the same
        return self.output(x).float().contiguous().expand(-1, 3, -1, -1)


class StyleGAN1(StyleGenerator):
    """The generator."""

    mapping: MappingNetwork
    synthesis: SynthesisNetwork

    def __init__(self, mapping: MappingNetwork, synthesis: SynthesisNetwork) -> None:
        super().__init__()
        self.mapping, self.synthesis = mapping, synthesis
        self.z_dim, self.num_ws, self.resolution = (
            mapping.z_dim,
            mapping.num_ws,
            2 << synthesis.num_ws // 2,
        )

    @property
    def w_avg(self) -> Tensor:
        """The average w [w_dim], to which truncation pulls."""
        return self.mapping.w_avg

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """z [N, z_dim] -> x [N, 3, H, H], constant noise, no truncation."""
        return self.synthesis(self.mapping(z))

    def style_weights(self) -> list[Tensor]:
        """As `StyleGenerator` says."""
        layers = map(self.synthesis.layer, range(self.num_ws))
        return [layer.style.weight for layer in layers]


def recognise(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Is this a StyleGAN generator in a layout that we read?"""
    known = any(set(layout) <= shapes.keys() for layout in (GENFORCE, LERNAPPARAT))
    return known or tensorflow_names.is_stylegan1(shapes)


def build(tensors: Mapping[str, Tensor], settings: Mapping) -> StyleGAN1:
    """The generator of a checkpoint, float32, folded; every size is read from the shapes.

    `fused_scale` is "auto" (as published), true or false: where doubling and convolution are one
    operation their kernel lies the other way round. A file without constant noise gets it from a
    fixed seed, one without an average w that of fixed random z. Raises ValueError that names a
    tensor that is missing, left over or of the wrong shape.
    """
    state = _turned(_grown(_state(tensors)), settings)
    layers = 1 + max(
        int(match[1])
        for match in map(re.compile(r"synthesis\.layer(\d{1,3})\.").match, state)
        if match
    )
    channels = [
        shape_of(state, f"synthesis.layer{number}.bias", 1)[0] for number in range(0, layers, 2)
    ]
    check_resolution(2 << len(channels))
    count = sum(re.fullmatch(r"mapping\.fc\d+\.weight", name) is not None for name in state)
    dense = [shape_of(state, f"mapping.fc{number}.weight", 2) for number in range(max(count, 1))]
    colours = shape_of(state, "synthesis.output.weight", 4)[0]
    if colours not in (1, 3):
        raise ValueError(f"it makes {colours} channels; a picture has 1 or 3")
    with torch.device("meta"):
        mapping = MappingNetwork(
            dense[0][1], 0, [shape[0] for shape in dense], 0, 2 * len(channels)
        )
        network = StyleGAN1(mapping, SynthesisNetwork(dense[-1][0], channels, colours))
    drawn = _noise(len(channels), state) | {"mapping.w_avg": torch.zeros(dense[-1][0])}
    load_strictly(network, {**drawn, **state})
    with torch.no_grad():
        mapping.fold(RATE)
        # StyleGAN2 has the activation's gain behind the bias, StyleGAN before it
        for number in range(mapping.depth):
            mapping.layer(number).bias.div_(sqrt(2))
        network.synthesis.fold()
        if "mapping.w_avg" not in state:
            mapping.w_avg.copy_(mapping.average())
    return network.eval().requires_grad_(False)


def _state(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The generator's tensors under genforce's names, save the mapping's, which are NVIDIA's."""
    if tensorflow_names.is_stylegan1(tensors):
        state = tensorflow_names.stylegan1(tensors)
    elif any(name in tensors for name in LERNAPPARAT):
        check_signs(tensors, LERNAPPARAT)
        state = {_genforce_name(name): tensor for name, tensor in tensors.items()}
    else:
        check_signs(tensors, GENFORCE)
        state = dict(tensors)
    # the blur, always 1 2 1
    state = {name: tensor for name, tensor in state.items() if not name.endswith(".kernel")}
    renamed = {name: re.sub(r"^mapping\.dense", "mapping.fc", name) for name in state}
    renamed |= {"truncation.w_avg": "mapping.w_avg"}
    return {renamed[name]: tensor for name, tensor in state.items()}


def _genforce_name(name: str) -> str:
    """genforce's name of one of lernapparat's tensors; a name that has none comes back as it is."""
    if match := re.fullmatch(r"g_mapping\.(dense\d{1,2}\.\w+)", name):
        return f"mapping.{match[1]}"
    if match := re.fullmatch(r"g_synthesis\.torgb\.(\w+)", name):
        return f"synthesis.output0.{match[1]}"
    match = re.fullmatch(
        r"g_synthesis\.blocks\.(\d{1,5})x\d{1,5}\.(?:(conv0_up|conv1|conv|epi1|epi2)\.)?(.+)", name
    )
    if match is None:
        return name
    number = 2 * (int(match[1]).bit_length() - 3) + (match[2] in ("conv1", "conv", "epi2"))
    leaf = match[3].replace("top_epi.noise.", "noise.")
    leaf = leaf.replace("noise.weight", "apply_noise.weight").replace("style_mod.lin.", "style.")
    return f"synthesis.layer{number}.{leaf}"


def _grown(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """`state` with the last size's picture alone; ValueError where the network still grew."""
    for name in [name for name in state if name.rpartition(".")[2] == "lod"]:
        if (lod := state.pop(name)).any():
            raise ValueError(
                f"{name} is {lod.tolist()}: this network was still growing, "
                "only grown ones are drawn"
            )
    outputs = [re.fullmatch(r"synthesis\.output(\d{1,3})\.\w+", name) for name in state]
    last = max((int(match[1]) for match in outputs if match), default=0)
    return {
        name.replace(f"output{last}.", "output."): tensor
        for name, tensor in state.items()
        if not name.startswith("synthesis.output") or name.startswith(f"synthesis.output{last}.")
    }


def _turned(state: dict[str, Tensor], settings: Mapping) -> dict[str, Tensor]:
    """`state` with the kernels of fused doublings as those of plain convolutions lie."""
    said = str(
        settings.get("fused_scale", (settings.get("Gs") or {}).get("fused_scale", "auto"))
    ).lower()
    if said not in ("auto", "true", "false"):
        raise ValueError(f"fused_scale is {said!r}; known are auto, true and false")
    first = {"auto": FUSED_FROM, "true": 8, "false": 1 << 30}[said]
    turned = dict(state)
    for name, tensor in state.items():
        match = re.fullmatch(r"synthesis\.layer(\d{1,3})\.weight", name)
        if (
            match
            and int(match[1]) % 2 == 0
            and 4 << int(match[1]) // 2 >= first
            and tensor.dim() == 4
        ):
            turned[name] = tensor.flip(2, 3)
    return turned


def _noise(sizes: int, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Constant noise for layers that were saved without, from a fixed seed: a face stays."""
    generator, drawn = torch.Generator().manual_seed(0), {}
    for number in range(2 * sizes):
        name, side = f"synthesis.layer{number}.apply_noise.noise", 4 << number // 2
        if name not in state:
            drawn[name] = torch.randn(1, 1, side, side, generator=generator)
    return drawn
