"""Every upscaler and restorer that spandrel knows (ESRGAN, Compact, SwinIR, HAT, RealCUGAN, AuraSR,
...), from tensors that were already read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import cache
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from ganapps.networks import contracts
from ganapps.networks.taking import stumbled
from ganapps.networks.torchvision_ops import ensure_torchvision
from ganapps.networks.upscale import span, swinir_onnx

# They take or make something else than a picture to enlarge.
OTHERS: Mapping[str, str] = {
    "GFPGAN": "it repairs faces, and is no upscaler of pictures",
    "RestoreFormer": "it repairs faces, and is no upscaler of pictures",
    "LaMa": "it fills holes that a mask marks, and is no upscaler of pictures",
    "MMRealSR": "it is told what to do by two dials, which nothing here sets",
    "IPT": "it is told what to do by the choice of a head, which nothing here makes",
}
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
GROWTH = 32  # channels by which each layer of a dense block of spandrel's ESRGAN widens it
# A tensor of a dense block, by each of an ESRGAN's namings: (block, dense block, convolution,
# role).
DENSE = re.compile(
    r"(?:model\.1\.sub|RRDB_trunk|body)\.(\d+)\.(?:RDB|rdb)([123])\.conv([1-5]|1x1)(?:\.0)?\.(weight|bias)"
)
# what BasicSR's other activations leave of what is negative
SLOPES = {
    "relu": 0.0,
    "leakyrelu": 0.1,
}
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
    network = SpandrelUpscaler(_loaded(wide, lambda: _slope(settings)))
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


@cache
def _spandrel() -> ModuleType:
    """spandrel, whose import takes seconds: not before a file needs it."""
    ensure_torchvision()
    import spandrel

    return spandrel


def _found(names: Mapping[str, Any]) -> tuple[Any, dict[str, Any]] | None:
    """The architecture, and the tensors under the names that it knows them by."""
    state = {_kair(name): value for name, value in names.items()}
    for support in _spandrel().MAIN_REGISTRY.architectures("detection"):
        if support.detect(state):
            return support.architecture, state
    if _without_prelu(state):
        return _spandrel().MAIN_REGISTRY["Compact"].architecture, state
    return None


def _without_prelu(names: Mapping[str, Any]) -> bool:
    """Is this a Compact whose activations, between its convolutions, have no weights?"""
    convolutions = {name.rpartition(".")[0] for name in names}
    kinds = {name.rpartition(".")[2] for name in names}
    expected = {f"body.{2 * number}" for number in range(len(convolutions))}
    return kinds == {"weight", "bias"} and convolutions == expected and len(expected) > 2


def _with_prelu(state: Mapping[str, Tensor], slope: float) -> dict[str, Tensor]:
    """The same Compact with PReLUs that do what its activations do."""
    width, last = state["body.0.weight"].shape[0], len(state) - 2
    like = state["body.0.weight"]
    slopes = {f"body.{place}.weight": like.new_full((width,), slope) for place in range(1, last, 2)}
    return {**state, **slopes}


def _slope(settings: Mapping) -> float:
    """What is left of negative numbers. Raises ValueError where nothing says it."""
    option = settings.get("opt")
    places: tuple[object, ...] = (settings, settings.get("network_g"), option, settings.get("args"))
    places += (option.get("network_g"),) if isinstance(option, Mapping) else ()
    told = next(
        (
            place["act_type"]
            for place in places
            if isinstance(place, Mapping) and "act_type" in place
        ),
        None,
    )
    if told in SLOPES:
        return SLOPES[told]
    said = (
        "nothing beside them says which"
        if told is None
        else f"act_type beside them is {str(told)[:40]!r}"
    )
    raise ValueError(
        "as Compact: its tensors hold no PReLU, so that its activation is ReLU or LeakyReLU, and "
        f"{said}: the setting "
        "act_type, 'relu' or 'leakyrelu', would tell it, in the metadata of a safetensors file or "
        "beside the weights of "
        "a PyTorch file"
    )


def _kair(name: str) -> str:
    """KAIR leaves the `.0` out where the layer has no activation; BSRGAN and others came from
    there.
    """
    return re.sub(r"^(model\.1\.sub\.\d+\.RDB\d\.conv\d)\.(weight|bias)$", r"\1.0.\2", name)


def _loaded(tensors: Mapping[str, Tensor], slope: Callable[[], float] = lambda: 0.0) -> Any:
    """spandrel's description of the network with these weights; `slope` says what activations
    without weights leave of negative numbers. Raises ValueError where they are none that it can
    load whole.
    """
    found = _found(tensors)
    if found is None:
        raise ValueError("no upscaler that spandrel knows has these tensors")
    architecture, state = found
    if architecture.id in OTHERS:
        raise ValueError(f"as {architecture.id}: {OTHERS[architecture.id]}")
    if "conv_up1.weight" in state and "conv_up2.weight" not in state:
        raise ValueError(f"as {architecture.id}: conv_up2.weight is missing")
    if _without_prelu(state):
        state = _with_prelu(state, slope())
    given = {name: tuple(value.shape) for name, value in state.items()}
    try:
        descriptor = (
            _grown(architecture, state) if architecture.id == "ESRGAN" else architecture.load(state)
        )
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
        raise stumbled(architecture.id, error) from error
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


def _grown(architecture: Any, state: dict[str, Tensor]) -> Any:
    """spandrel's description of an ESRGAN whose dense blocks grow by as many channels as the file
    says.

    spandrel makes such that grow by GROWTH alone: it loads all but the dense blocks, whose
    convolutions are put in here.
    """
    dense = {name: found for name in state if (found := DENSE.fullmatch(name))}
    sizes = {found[3]: len(state[name]) for name, found in dense.items() if found[4] == "weight"}
    growth, width = sizes.get("1", GROWTH), sizes.get("5", 0)
    if growth == GROWTH:
        return architecture.load(state)
    shown = dict(state)
    for name, found in dense.items():
        shape, needed = tuple(state[name].shape), _dense_shape(found, width, growth)
        if shape != needed:
            raise ValueError(f"{name} is {shape} and should be {needed}")
        shown[name] = state[name].new_zeros(()).expand(_dense_shape(found, width, GROWTH))
    descriptor = architecture.load(shown)
    for name, found in dense.items():
        block, number, kind, role = found.groups()
        place = f"model.1.sub.{block}.RDB{number}.conv{kind}"
        layer = descriptor.model.get_submodule(place if kind == "1x1" else f"{place}.0")
        setattr(layer, role, nn.Parameter(state[name].clone(), requires_grad=False))
        layer.out_channels, layer.in_channels = layer.weight.shape[:2]
    return descriptor


def _dense_shape(found: re.Match[str], width: int, growth: int) -> tuple[int, ...]:
    """What a tensor of a dense block is like: each convolution sees the block's input and all that
    came before it.
    """
    _, _, kind, role = found.groups()
    if kind == "1x1":
        return growth, width, 1, 1
    outputs = width if kind == "5" else growth
    return (outputs,) if role == "bias" else (outputs, width + (int(kind) - 1) * growth, 3, 3)
