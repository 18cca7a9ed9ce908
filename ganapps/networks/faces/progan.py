"""ProGAN generators: Karras et al. 2018, "Progressive Growing of GANs", as genforce and
pytorch_GAN_zoo lay them out, fully grown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from math import prod, sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganapps.networks import check_resolution, check_signs, load_strictly, shape_of
from ganapps.networks.contracts import FaceGenerator
from ganapps.networks.faces.resampling import doubling
from ganapps.networks.taking import channels_last

GENFORCE = ("layer0.weight", "layer1.weight", "output0.weight", "output0.bias")
ZOO = ("formatLayer.module.weight", "groupScale0.0.module.weight", "toRGBLayers.0.module.weight")
SLOPE = 0.2


class ProGAN(FaceGenerator):
    """A dense layer to 4 px, then 3x3 convolutions, two a size; each with leaky ReLU and a norm
    over channels. No style space."""

    def __init__(self, z_dim: int, channels: list[int], colours: int) -> None:
        """`channels` at 4 px, 8 px, ... up to the picture's size."""
        super().__init__()
        self.z_dim, self.resolution = z_dim, 2 << len(channels)
        self.first = nn.Linear(z_dim, 16 * channels[0])
        pairs = [(channels[0], channels[0])]
        for inputs, outputs in pairwise(channels):
            pairs += [(inputs, outputs), (outputs, outputs)]
        self.layers = nn.ModuleList(nn.Conv2d(*pair, 3, padding=1) for pair in pairs)
        self.colour = nn.Conv2d(channels[-1], colours, 1)

    def fold(self) -> None:
        """Put doublings into the convolutions after them."""
        for number in range(1, len(self.layers), 2):
            plain = self.layers[number]
            assert isinstance(plain, nn.Conv2d)
            outputs, inputs = plain.weight.shape[:2]
            layer = nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, device="meta")
            layer.weight = nn.Parameter(doubling(plain.weight), requires_grad=False)
            layer.bias = plain.bias
            self.layers[number] = layer

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """z [N, z_dim] -> x [N, 3, H, H], about -1 to 1, not clamped."""
        z = z.to(self.first.weight.dtype)
        x = self.first(_norm(z)).view(len(z), -1, 4, 4)
        x = _norm(F.leaky_relu_(x.contiguous(memory_format=torch.channels_last), SLOPE))
        for layer in self.layers:
            x = _norm(F.leaky_relu_(layer(x), SLOPE))
        # grey is three times the same
        return self.colour(x).float().contiguous().expand(-1, 3, -1, -1)


def recognise(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Is this a ProGAN generator in a layout that we read?"""
    return _is_genforce(shapes) or set(ZOO) <= shapes.keys()


def build(tensors: Mapping[str, Tensor], settings: Mapping) -> ProGAN:
    """The generator of a checkpoint, float32, folded; shapes say the sizes.

    `fused_scale` (false if not given) of a genforce file says that its doubling convolutions are
    transposed ones; where they change the number of channels their shape says it. Only the last
    size's picture is made: a snapshot of a network that still grows is refused. Raises ValueError
    that names a tensor that is missing, left over or misshapen.
    """
    nearer = sum(name in tensors for name in GENFORCE) > sum(name in tensors for name in ZOO)
    state = _from_genforce(tensors, settings) if nearer else _from_zoo(tensors)
    convolutions = 1 + _last(state, r"layers\.(\d{1,3})\.weight")
    channels = [
        shape_of(state, f"layers.{number}.weight", 4)[0] for number in range(0, convolutions, 2)
    ]
    with torch.device("meta"):
        network = ProGAN(
            shape_of(state, "first.weight", 2)[1], channels, shape_of(state, "colour.weight", 4)[0]
        )
    check_resolution(network.resolution)
    if network.colour.out_channels not in (1, 3):
        raise ValueError(f"it makes {network.colour.out_channels} channels; a picture has 1 or 3")
    load_strictly(network, state)
    network.fold()
    return channels_last(network).eval().requires_grad_(False)


def _is_genforce(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    return set(GENFORCE) <= shapes.keys() and shapes["layer0.weight"][2:] == (4, 4)


def _from_genforce(tensors: Mapping[str, Tensor], settings: Mapping) -> dict[str, Tensor]:
    """Its tensors under our names, with the runtime scales of the equalized learning rate in the
    weights."""
    check_signs(tensors, GENFORCE)
    state = dict(tensors)
    if (lod := state.pop("lod", torch.zeros(()))).any():
        raise ValueError(
            f"lod is {lod.tolist()}: this network was still growing, only grown ones are drawn"
        )
    last = _last(state, r"output(\d{1,3})\.weight")
    ours = {}
    for name in list(state):
        match = re.fullmatch(r"(layer|output)(\d{1,3})\.(weight|bias)", name)
        if match is None:
            continue
        kind, number, leaf = match[1], int(match[2]), match[3]
        if kind == "output" and number != last:
            state.pop(name)  # pictures of the smaller sizes
            continue
        place = "colour" if kind == "output" else f"layers.{number - 1}" if number else "first"
        ours[f"{place}.{leaf}"] = state.pop(name)
    shape_of(ours, "first.weight", 4)
    first = ours["first.weight"]  # a 4x4 convolution of one pixel, padded all around
    # rows are channel, y, x
    ours["first.weight"] = first.flip(2, 3).permute(0, 2, 3, 1).flatten(0, 2)
    if "first.bias" in ours:
        ours["first.bias"] = ours["first.bias"].repeat_interleave(16)
    _unfuse(ours, settings)
    for name, tensor in ours.items():
        if name.endswith("weight"):
            gain = 1 if name == "colour.weight" else 2
            fan = prod(tensor.shape[1:]) * (16 if name == "first.weight" else 1)
            ours[name] = tensor * sqrt(gain / max(fan, 1))
    return ours | state


def _unfuse(state: dict[str, Tensor], settings: Mapping) -> None:
    """Transposed convolutions [I, O, 3, 3] as plain ones of the doubled picture [O, I, 3, 3]."""
    names = [
        f"layers.{number}.weight"
        for number in range(1, len(state), 2)
        if f"layers.{number}.weight" in state
    ]
    shapes = {name: shape_of(state, name, 4)[:2] for name in names}
    biases = {
        name: state.get(name.replace("weight", "bias"), torch.zeros(())).numel() for name in names
    }
    odd = [name for name in names if shapes[name][0] != shapes[name][1]]
    fused = str(settings.get("fused_scale", False)).lower() == "true"
    if odd:
        fused = all(shapes[name][1] == biases[name] for name in odd)
    for name in names if fused else ():
        state[name] = state[name].transpose(0, 1).flip(2, 3)


def _from_zoo(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Its tensors under our names; there the runtime scale multiplies weights and biases alike."""
    check_signs(tensors, ZOO)
    state = dict(tensors)
    last = _last(state, r"toRGBLayers\.(\d{1,3})\.module\.weight")
    ours = {}
    for name in list(state):
        match = re.fullmatch(r"(\w+)\.?([\d.]*)\.module\.(weight|bias)", name)
        if match is None:
            continue
        place = _place_of_zoo(match[1], match[2], last)
        if place is not None:
            ours[f"{place}.{match[3]}"] = state.pop(name)
        elif match[1] == "toRGBLayers":
            state.pop(name)  # pictures of the smaller sizes
    for name in [name for name in ours if name.endswith("weight")]:
        scale = sqrt(2 / max(prod(ours[name].shape[1:]), 1))
        ours[name] = ours[name] * scale
        bias = name.replace("weight", "bias")
        if bias in ours:
            ours[bias] = ours[bias] * scale
    return ours | state


def _place_of_zoo(group: str, numbers: str, last: int) -> str | None:
    """Our name of one of its layers; None for what no picture needs, and for strangers."""
    if group == "formatLayer" and not numbers:
        return "first"
    if group == "groupScale0" and numbers == "0":
        return "layers.0"
    if group == "toRGBLayers" and numbers == str(last):
        return "colour"
    match = re.fullmatch(r"(\d{1,3})\.([01])", numbers)
    return (
        f"layers.{2 * int(match[1]) + int(match[2]) + 1}"
        if group == "scaleLayers" and match
        else None
    )


def _last(state: Mapping[str, Tensor], pattern: str) -> int:
    """The largest number that a tensor's name has; 0 where none has one."""
    return max(
        (int(match[1]) for match in map(re.compile(pattern).fullmatch, state) if match), default=0
    )


def _norm(x: Tensor) -> Tensor:
    """x [N, C, ...], each place's channels to length about one (section 4.2)."""
    return x * (x.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()
