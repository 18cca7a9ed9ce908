"""Every upscaler and restorer that spandrel knows (ESRGAN, Compact, SwinIR, HAT, RealCUGAN, AuraSR,
...), from tensors that were already read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from ganapps.networks.torchvision_ops import ensure_torchvision
from ganapps.networks.upscale import swinir_onnx

# Where files keep the network, the best first. Old ESRGAN names begin with "model." themselves, so
# what is left must be
# recognised.
PREFIXES = (
    "params_ema.",
    "params-ema.",
    "ema.",
    "model_state_dict.",
    "state_dict.",
    "params.",
    "model.",
    "net.",
    "generator.",
    "",
)
WRAPPINGS = ("", "module.", "_orig_mod.", "netG.", "net_g.")
# They repair faces or fill holes: another task, with other inputs.
OTHERS = ("GFPGAN", "RestoreFormer", "LaMa", "MMRealSR", "IPT")
# Of each family: `reach`, the input pixels beyond which a pixel's surroundings change it by less
# than 1/255 (measured
# on photographs for the shipped ones, bounded for the others; None: all of the picture counts).
# Where a network's own
# layers look less far than that, they count. Then `tile`, the side that is quickest where memory
# allows, and `memory`,
# bytes per input pixel in float32.
FACTS: Mapping[str, tuple[int | None, int, int]] = {
    "ESRGAN": (56, 768, 3_600),
    "Compact": (1_000, 640, 800),  # a straight line of convolutions: they say it themselves
    "SPAN": (16, 384, 4_000),
    "PLKSR": (32, 384, 6_000),
    "HAT": (None, 256, 24_000),
    "SwinIR": (None, 192, 16_000),
    "SwiftSRGAN": (1_000, 384, 4_000),
    "RealCUGAN": (None, 384, 8_000),
    "AuraSR": (None, 256, 60_000),
    "RCAN": (None, 256, 8_000),
    "SAFMN": (None, 384, 8_000),
    "OmniSR": (None, 256, 16_000),
    "MMRealSR": (None, 256, 16_000),
}
UNKNOWN = (None, 256, 16_000)
# nothing but convolutions: what these add up to is all they see
STRAIGHT = (
    "ESRGAN",
    "Compact",
    "SPAN",
    "SwiftSRGAN",
)
# rows of the small picture that an ESRGAN's last part, 16 times as large, is made of at a time
STRIP = 64
TAIL_REACH = 4  # rows of the small picture that this part looks beyond


class Upscaler(nn.Module):
    """x [N, channels, H, W] in 0 to 1 -> [N, channels, scale * H, scale * W], and what the task
    must know to cut tiles.
    """

    value_range = (0.0, 1.0)

    def __init__(self, descriptor: Any) -> None:
        super().__init__()
        self.family = descriptor.architecture.id
        self.body, self._call = descriptor.model, descriptor._call_fn
        self.scale, self.channels = descriptor.scale, descriptor.input_channels
        need = descriptor.size_requirements
        self.multiple, self.minimum = _multiple(descriptor), max(need.minimum, 1)
        reach, self.tile, self.memory = FACTS.get(self.family, UNKNOWN)
        self.reach = min(reach, _farthest(self.body)) if self.family in STRAIGHT else reach
        self.precisions = tuple(
            name
            for name, works in (
                ("bfloat16", descriptor.supports_bfloat16),
                ("float16", descriptor.supports_half),
            )
            if works
        )

    @property
    def draws(self) -> bool:
        """Does it draw noise: for its styles and on its input?"""
        return self.family == "AuraSR"

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


def _multiple(descriptor: Any) -> int:
    """What both sides must be multiples of. An ESRGAN that first folds pixels into channels needs
    them to fold evenly, and fills up by mirroring itself: more than that would move its edges.
    """
    if descriptor.architecture.id == "ESRGAN":
        return descriptor.model.shuffle_factor or 1
    return descriptor.size_requirements.multiple_of


def _farthest(body: nn.Module) -> int:
    """How many input pixels the convolutions can look around at most: what each adds, one after the
    other.
    """
    added = 0
    for layer in body.modules():
        if isinstance(layer, nn.Conv2d):
            added += max((k - 1) * d // 2 for k, d in zip(layer.kernel_size, layer.dilation))
    # behind a folding, a step is so many pixels
    return added * (getattr(body, "shuffle_factor", None) or 1)


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


def why_not(shapes: Mapping[str, tuple[int, ...]]) -> str | None:
    """What is wrong with tensors whose names spandrel knows; "" for nothing, None where it does not
    know the names.
    """
    found = _found(shapes)
    if found is None or found[0].id in OTHERS:
        return None if found is None else ""  # building says what it is
    try:
        with torch.device("meta"):
            _loaded({name: torch.empty(shape, device="meta") for name, shape in shapes.items()})
    except ValueError as error:
        said = str(error)
        # some look at numbers while they are made,
        numbers = "meta" in said or "incompatible tensor type" in said
        return "" if numbers else said  # so their names must do
    return ""


def build(tensors: Mapping[str, Tensor], settings: Mapping) -> nn.Module:
    """The network of a checkpoint, float32; of ONNX files, whose `settings` have `nodes`, SwinIR.
    Raises ValueError that says what spandrel does not know, misses or has left over.
    """
    if "nodes" in settings:
        tensors = swinir_onnx.named(tensors, settings["nodes"])
    network = Upscaler(
        _loaded(
            {
                name: tensor.float() if tensor.is_floating_point() else tensor
                for name, tensor in tensors.items()
            }
        )
    )
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


def _in_strips(network: Upscaler) -> None:
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


@cache
def _spandrel() -> ModuleType:
    """spandrel, whose import takes seconds: not before a file needs it."""
    ensure_torchvision()
    import spandrel

    return spandrel


def _found(names: Mapping[str, Any]) -> tuple[Any, dict[str, Any]] | None:
    """The architecture, and the tensors under the names that it knows them by."""
    for prefix in PREFIXES:
        if not any(name.startswith(prefix) for name in names):
            continue
        state = {
            name[len(prefix) :]: value for name, value in names.items() if name.startswith(prefix)
        }
        for wrapping in WRAPPINGS:
            if all(name.startswith(wrapping) for name in state):
                state = {_kair(name[len(wrapping) :]): value for name, value in state.items()}
        for support in _spandrel().MAIN_REGISTRY.architectures("detection"):
            if support.detect(state):
                return support.architecture, state
    return None


def _kair(name: str) -> str:
    """KAIR leaves the `.0` out where the layer has no activation; BSRGAN and others came from
    there.
    """
    return re.sub(r"^(model\.1\.sub\.\d+\.RDB\d\.conv\d)\.(weight|bias)$", r"\1.0.\2", name)


def _loaded(tensors: Mapping[str, Tensor]) -> Any:
    """spandrel's description of the network with these weights. Raises ValueError where they are
    none that it can load whole.
    """
    found = _found(tensors)
    if found is None:
        raise ValueError("no upscaler that spandrel knows has these tensors")
    architecture, state = found
    if architecture.id in OTHERS:
        raise ValueError(
            f"as {architecture.id}: it repairs faces, fills holes, or is told what to do; it is no "
            "upscaler of pictures"
        )
    if "conv_up1.weight" in state and "conv_up2.weight" not in state:
        raise ValueError(f"as {architecture.id}: conv_up2.weight is missing")
    given = {name: tuple(value.shape) for name, value in state.items()}
    try:
        descriptor = architecture.load(state)
    except (
        KeyError,
        IndexError,
        AttributeError,
        AssertionError,
        TypeError,
        ValueError,
        ZeroDivisionError,
        RuntimeError,
    ) as error:
        why = " ".join(str(error).split())[:250]
        raise ValueError(f"as {architecture.id}: {type(error).__name__}: {why}") from error
    # its loader passes over names that it does not know
    if len(descriptor.model.state_dict()) < len(given) and architecture.id == "ESRGAN":
        raise ValueError(
            f"as ESRGAN: {len(given) - len(descriptor.model.state_dict())} tensors are left over"
        )
    if descriptor.input_channels != descriptor.output_channels or descriptor.input_channels not in (
        1,
        3,
    ):
        raise ValueError(
            f"as {architecture.id}: {descriptor.input_channels} channels in, "
            f"{descriptor.output_channels} out; "
            "a picture has 1 or 3"
        )
    if descriptor.size_requirements.square:
        raise ValueError(f"as {architecture.id}: it takes square pictures only")
    return descriptor
