"""Every upscaler and restorer that spandrel knows (ESRGAN, Compact, SwinIR, HAT, RealCUGAN, AuraSR,
...), from tensors that were already read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ganapps.networks import contracts
from ganapps.networks.upscale import known, span, swinir_onnx
from ganapps.networks.upscale.known import why_not

__all__ = ["SpandrelUpscaler", "build", "recognise", "why_not"]

# Of each family: `tile`, the side that is quickest where memory allows, and `memory`, bytes per
# input pixel in float32.
COSTS: Mapping[str, tuple[int, int]] = {
    "ESRGAN": (768, 3_600),
    "Compact": (640, 800),
    "SPAN": (span.SPAN.tile, span.SPAN.memory),
    "PLKSR": (384, 6_000),
    "HAT": (256, 24_000),
    "SwinIR": (192, 16_000),
    "SwiftSRGAN": (384, 4_000),
    "RealCUGAN": (384, 8_000),
    "AuraSR": (256, 60_000),
    "RCAN": (256, 8_000),
    "SAFMN": (384, 8_000),
    "OmniSR": (256, 16_000),
}
UNKNOWN = (256, 16_000)
# Nothing but convolutions: what these add up to is all that they see.
STRAIGHT = ("ESRGAN", "Compact", "SwiftSRGAN")
# Steps of an ESRGAN's features beyond which surroundings change a pixel by less than 1/255,
# measured on photographs with
# the weights that ship: its blocks add a fifth of themselves to their input, three deep, so that
# the outer ones of the
# 350 that its layers see have no say.
ESRGAN_REACH = 56
# (multiple, minimum) of a picture's sides where spandrel asks for more than the layers need: the
# first two fill up by
# themselves, as their authors do, the third halves twice.
SIDES: Mapping[str, tuple[int, int]] = {
    "CRAFT": (1, 16),
    "DITN": (1, 8),
    "RetinexFormer": (4, 4),
}
# pixels: windows, pools and halvings of networks that see all of their picture begin at multiples
# of it
WINDOW = 16
# rows of the small picture that an ESRGAN's last part, 16 times as large, is made of at a time
STRIP = 64
TAIL_REACH = 4  # rows of the small picture that this part looks beyond


class SpandrelUpscaler(contracts.Upscaler):
    """One of spandrel's networks, and what its layers and its family say of it. Beyond the `reach`
    of an ESRGAN a pixel changes by less than 1/255.
    """

    def __init__(self, descriptor: Any) -> None:
        super().__init__()
        self.family = descriptor.architecture.id
        self.body, self._call = descriptor.model, descriptor._call_fn
        self.scale: int = descriptor.scale
        self.channels: int = descriptor.input_channels
        self.multiple, self.minimum = _sides(descriptor)
        self.tile, self.memory = COSTS.get(self.family, UNKNOWN)
        self.reach = _reach(self.body, self.family)
        self.step = self.multiple if self.reach else math.lcm(self.multiple, _window(self.body))
        self.draws = self.family == "AuraSR"  # for its styles and on its input
        self.precisions = tuple(
            name
            for name, works in (
                ("bfloat16", descriptor.supports_bfloat16),
                ("float16", descriptor.supports_half),
            )
            if works
        )

    def forward(self, x: Tensor, seed: int = 0) -> Tensor:
        """The enlarged x. A network that draws noise draws the same of `seed` for every sample, so
        that none depends on its batch, and leaves the global random state alone.
        """
        if not self.draws:
            return self._call(self.body, x)
        made = []
        with torch.random.fork_rng([x.device] if x.is_cuda else []):
            for sample in x.split(1):
                torch.manual_seed(seed)
                made.append(self._call(self.body, sample))
        return torch.cat(made)


def _sides(descriptor: Any) -> tuple[int, int]:
    """What both sides of a picture must be multiples of, and how long they are at least: what its
    layers can't do without, for any more moves the right and bottom edges away from what the
    authors' programs make.
    """
    family, body, need = descriptor.architecture.id, descriptor.model, descriptor.size_requirements
    multiple, minimum = SIDES.get(family, (need.multiple_of, need.minimum))
    if family == "ESRGAN":
        multiple = body.shuffle_factor or 1
    elif family == "DRCT":
        multiple = minimum = body.window_size
    elif family == "KBNet":
        multiple = min(multiple, 8)  # three halvings; one kind of it fills up by itself
    elif family == "SAFMNBCIE":
        # its pools, of eight pixels of what it has folded, lie alike in tiles then
        multiple = 8 * body.to_feat[0].downscale_factor
    elif family == "RCAN":
        # one that folds fills up by itself, with a mirror image: of one pixel there is none
        minimum = getattr(body, "downscale_factor", 1)
    elif family == "SwinIR" and body.start_unshuffle > 1:  # its windows lie behind the folding
        multiple = body.start_unshuffle * body.window_size
    return multiple, max(minimum, multiple, 1)


def _reach(body: nn.Module, family: str) -> int | None:
    """How many input pixels away something may lie that a pixel depends on; None: anywhere."""
    if family == "SPAN":
        return span.SPAN.reach
    if family not in STRAIGHT:
        return None
    # behind a folding, a step is so many pixels
    folded = getattr(body, "shuffle_factor", None) or 1
    steps = _farthest(body)
    return folded * (min(steps, ESRGAN_REACH) if family == "ESRGAN" else steps)


def _window(body: nn.Module) -> int:
    own = getattr(body, "window_size", None)
    return own if isinstance(own, int) else WINDOW


def _farthest(body: nn.Module) -> int:
    """How many pixels the convolutions can look around at most: what each adds, one after the
    other.
    """
    added = 0
    for layer in body.modules():
        if isinstance(layer, nn.Conv2d):
            added += max((k - 1) * d // 2 for k, d in zip(layer.kernel_size, layer.dilation))
    return added


class InFloat32(nn.Module):
    """The last convolution without autocast: bfloat16 would round every pixel to 8 bits."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return self.layer(x.float())


class InStrips(nn.Module):
    """Layers that look at most `reach` rows around, on strips of `rows` rows: the same numbers in
    far less memory.
    """

    def __init__(self, layers: nn.Module, rows: int, reach: int, scale: int) -> None:
        super().__init__()
        self.layers, self.rows, self.reach, self.scale = layers, rows, reach, scale

    def forward(self, x: Tensor) -> Tensor:
        """x [N, width, H, W] -> [N, C, scale * H, scale * W]."""
        height, strips = x.shape[2], []
        for top in range(0, height, self.rows):
            above = min(top, self.reach)
            y = self.layers(x[:, :, top - above : min(top + self.rows + self.reach, height)])
            strips.append(
                y[:, :, above * self.scale : (above + min(self.rows, height - top)) * self.scale]
            )
        return strips[0] if len(strips) == 1 else torch.cat(strips, dim=2)


def recognise(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Does spandrel know this layout, and can the network be made of these shapes?"""
    return swinir_onnx.recognise(shapes) or why_not(shapes) == ""


def build(tensors: Mapping[str, Tensor], settings: Mapping) -> SpandrelUpscaler:
    """The network of a checkpoint, float32; of ONNX files, whose `settings` have `nodes`, SwinIR.

    `act_type` ("relu" or "leakyrelu"), which training programs keep as well under `network_g`,
    `opt` or `args`, is the activation of a Compact that has no PReLU. Raises ValueError that says
    what spandrel does not know, misses or has left over.
    """
    if "nodes" in settings:
        tensors = swinir_onnx.named(tensors, settings["nodes"])
    wide = {
        name: tensor.float() if tensor.is_floating_point() else tensor
        for name, tensor in tensors.items()
    }
    network = SpandrelUpscaler(known.loaded(wide, lambda: known.slope(settings)))
    _channels_last(network.float())
    if network.family == "ESRGAN":
        _in_strips(network)
    if network.family in ("ESRGAN", "Compact", "SPAN"):
        _last_in_float32(network.body)
    return network.eval().requires_grad_(False)


def _channels_last(network: nn.Module) -> None:
    """Convolutions' weights lie as they are quickest; AuraSR's banks of kernels have five
    dimensions and stay.
    """
    for weight in network.parameters():
        if weight.dim() == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)


def _in_strips(network: SpandrelUpscaler) -> None:
    """An ESRGAN works on small features, then grows them: only the growing takes memory, and it
    looks no further than a few pixels.
    """
    layers = network.body.model
    grown = network.scale * (network.body.shuffle_factor or 1)
    network.body.model = nn.Sequential(layers[:2], InStrips(layers[2:], STRIP, TAIL_REACH, grown))


def _last_in_float32(body: nn.Module) -> None:
    name = [name for name, layer in body.named_modules() if isinstance(layer, nn.Conv2d)][-1]
    parent, _, own = name.rpartition(".")
    setattr(body.get_submodule(parent), own, InFloat32(body.get_submodule(name)))
