"""How published StyleGAN2 files name tensors and settings: NVIDIA's layout, and rosinality's and
TensorFlow's in NVIDIA's names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ganapps.networks import check_resolution, check_signs, shape_of
from ganapps.networks.faces import tensorflow_names
from ganapps.networks.taking import written

# What tells the layouts from others.
NVIDIA = ("synthesis.b4.const", "synthesis.b4.conv1.affine.weight", "mapping.fc0.weight")
ROSINALITY = ("input.input", "conv1.conv.modulation.weight", "style.1.weight")
CLAMP_OF_STYLEGAN3_REPOSITORY = 256.0
LONGEST_FILTER = 32  # taps; the published ones have 4


@dataclass(frozen=True)
class BlockShape:
    """What one resolution is made of."""

    resolution: int
    inputs: int  # channels, 0 = the learned constant
    outputs: int
    skip: bool  # a residual connection beside the two convolutions
    colours: int  # channels of its own picture, 0 = none


@dataclass(frozen=True)
class Layout:
    """One generator as a file holds it: tensors under NVIDIA's names, and what the constructor was
    told.
    """

    state: dict[str, Tensor]
    blocks: tuple[BlockShape, ...]
    fir: Tensor  # [h, w], the low-pass filter of up-sampling
    noise: bool
    z_dim: int
    label_dim: int
    embedding: int
    widths: tuple[int, ...]  # of the mapping layers; the last is w_dim
    clamp: float | None
    rate: float  # learning rate multiplier of the mapping
    activation: str  # of the synthesis, by NVIDIA's name
    mapping_activation: str


def recognise(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Is this a StyleGAN2 generator in a layout that we read?"""
    known = any(set(layout) <= shapes.keys() for layout in (NVIDIA, ROSINALITY))
    return known or tensorflow_names.is_stylegan2(shapes)


def read(tensors: Mapping[str, Tensor], settings: Mapping) -> Layout:
    """The generator in a file. What shapes say is read from shapes; ValueError names the tensor
    that is missing or odd.

    Shapes don't say four things. The clamp of activations is `conv_clamp`: where a pickle leaves it
    out it is that constructor's default (none in the ADA repository, whose settings are nested; 256
    in the StyleGAN3 repository, whose are flat), and none where nothing is known: it guards
    float16, and float32 pictures hardly ever meet it. The mapping's `lr_multiplier` is 0.01 if not
    given. The activations of synthesis and mapping are leaky ReLU if not given.
    """
    if tensorflow_names.is_stylegan2(tensors):
        tensors, settings = tensorflow_names.stylegan2(tensors, settings)
    state = _state(tensors)
    fir = _take_filter(state)
    blocks = _blocks(state)
    count = sum(re.fullmatch(r"mapping\.fc\d+\.weight", name) is not None for name in state)
    mapping = [shape_of(state, f"mapping.fc{number}.weight", 2) for number in range(max(count, 1))]
    labelled = "mapping.embed.weight" in state
    embedding, label_dim = shape_of(state, "mapping.embed.weight", 2) if labelled else (0, 0)
    if mapping[0][1] <= embedding:
        raise ValueError(f"mapping.fc0.weight takes {mapping[0][1]} numbers, none of them from z")
    told = _constructor(settings)
    rate = _number("lr_multiplier", told["lr_multiplier"])
    if rate is None:
        raise ValueError("lr_multiplier is none; a number is needed")
    return Layout(
        state=(_missing_noise(state, blocks) if _is_rosinality(tensors) else {}) | state,
        blocks=blocks,
        fir=fir,
        noise="synthesis.b4.conv1.noise_strength" in state,
        z_dim=mapping[0][1] - embedding,
        label_dim=label_dim,
        embedding=embedding,
        widths=tuple(shape[0] for shape in mapping),
        clamp=_number("conv_clamp", told["conv_clamp"]),
        rate=rate,
        activation=str(told["activation"]),
        mapping_activation=str(told["mapping_activation"]),
    )


def _state(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The generator's tensors under NVIDIA's names, whatever the layout."""
    if not _is_rosinality(tensors):
        check_signs(tensors, NVIDIA)
        return dict(tensors)
    check_signs(tensors, ROSINALITY)
    state = dict(tensors)
    average = state.pop("latent_avg", None)
    return _from_rosinality(state) | (
        {} if average is None else {"mapping.w_avg": average.reshape(-1)}
    )


def _is_rosinality(names: Mapping[str, object]) -> bool:
    return sum(name in names for name in ROSINALITY) > sum(name in names for name in NVIDIA)


def _from_rosinality(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """rosinality's names -> NVIDIA's. The values are equal, but shapes have ones more and filters
    sum to 4.
    """
    state = {}
    for name, tensor in tensors.items():
        ours = _nvidia_name(name)
        kind = ours.rpartition(".")[2]
        state[ours] = tensor / 4 if kind == "resample_filter" else tensor
        if tensor.dim() == 5 or (kind == "const" and tensor.dim() == 4):
            state[ours] = tensor.squeeze(0)
        elif kind in ("bias", "noise_const", "noise_strength"):
            state[ours] = tensor.squeeze()
    return state


def _missing_noise(
    state: Mapping[str, Tensor], blocks: tuple[BlockShape, ...]
) -> dict[str, Tensor]:
    """Constant noise for a file that was saved without (rosinality's older ones), from a fixed
    seed: a face stays.
    """
    generator = torch.Generator().manual_seed(0)
    drawn = {}
    for side in (block.resolution for block in blocks):
        for layer in (f"synthesis.b{side}.conv0", f"synthesis.b{side}.conv1"):
            if f"{layer}.noise_strength" in state and f"{layer}.noise_const" not in state:
                drawn[f"{layer}.noise_const"] = torch.randn(side, side, generator=generator)
    return drawn


def _nvidia_name(name: str) -> str:
    """NVIDIA's name of one of rosinality's tensors; a name that has none comes back as it is."""
    for pattern, place in _PLACES:
        match = re.fullmatch(pattern, name)
        if match and match["rest"] in _RESTS:
            number = int(match.groupdict().get("n") or 0)
            return f"{place(number)}.{_RESTS[match['rest']]}"
    return name


_PLACES = (
    (r"style\.(?P<n>\d{1,2})\.(?P<rest>weight|bias)", lambda n: f"mapping.fc{n - 1}"),
    (r"input\.(?P<rest>input)", lambda n: "synthesis.b4"),
    (r"conv1\.(?P<rest>.+)", lambda n: "synthesis.b4.conv1"),
    (r"to_rgb1\.(?P<rest>.+)", lambda n: "synthesis.b4.torgb"),
    (r"convs\.(?P<n>\d{1,2})\.(?P<rest>.+)", lambda n: f"synthesis.b{8 << n // 2}.conv{n % 2}"),
    (r"to_rgbs\.(?P<n>\d{1,2})\.(?P<rest>.+)", lambda n: f"synthesis.b{8 << n}.torgb"),
    (
        r"noises\.(?P<rest>noise)_(?P<n>\d{1,2})",
        lambda n: f"synthesis.b{4 << (n + 1) // 2}.conv{(n + 1) % 2}",
    ),
)
_RESTS = {
    "weight": "weight",
    "bias": "bias",
    "input": "const",
    "conv.weight": "weight",
    "conv.modulation.weight": "affine.weight",
    "conv.modulation.bias": "affine.bias",
    "conv.blur.kernel": "resample_filter",
    "upsample.kernel": "resample_filter",
    "noise": "noise_const",
    "noise.weight": "noise_strength",
    "activate.bias": "bias",
}


def _take_filter(state: dict[str, Tensor]) -> Tensor:
    """The low-pass filter [h, w] of up-sampling, taken out of `state`; 1 3 3 1 where the file has
    none.

    A long one is kept as its taps [n], for both directions alike.
    """
    found = [state.pop(name) for name in list(state) if name.endswith("resample_filter")]
    first = found[0].float() if found else torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    if any(each.shape != first.shape or not torch.allclose(each.float(), first) for each in found):
        raise ValueError("resample_filter is not the same filter everywhere")
    if (
        first.dim() not in (1, 2)
        or not 0 < max(first.shape, default=0) <= LONGEST_FILTER
        or not first.numel()
    ):
        raise ValueError(f"resample_filter is {written(first.shape)}, which is no shape for it")
    return torch.outer(first, first) if first.dim() == 1 else first


def _blocks(state: Mapping[str, Tensor]) -> tuple[BlockShape, ...]:
    """What each resolution from 4 to the picture's is made of."""
    top = max(
        int(match[1]) for match in map(re.compile(r"synthesis\.b(\d{1,9})\.").match, state) if match
    )
    check_resolution(top)
    blocks, inputs, side = [], 0, 4
    while side <= top:
        prefix = f"synthesis.b{side}"
        outputs = shape_of(state, f"{prefix}.conv1.weight", 4)[0]
        torgb = f"{prefix}.torgb.weight"
        colours = shape_of(state, torgb, 4)[0] if side * 2 > top or torgb in state else 0
        blocks.append(BlockShape(side, inputs, outputs, f"{prefix}.skip.weight" in state, colours))
        inputs, side = outputs, side * 2
    if any(block.colours not in (0, 1, 3) for block in blocks):
        raise ValueError(
            f"synthesis.b4.torgb.weight and its like make {blocks[-1].colours} channels; a picture "
            "has 1 or 3"
        )
    return tuple(blocks)


def _constructor(settings: Mapping) -> dict[str, Any]:
    """What shapes don't say: the row's word first, then the pickled layers', then the
    constructor's.

    A row's `activation` is that of both parts.
    """
    pickled = settings.get("G_ema") or {}
    nested = "synthesis_kwargs" in pickled
    said: dict[str, Any] = {
        "conv_clamp": CLAMP_OF_STYLEGAN3_REPOSITORY if pickled and not nested else None,
        "lr_multiplier": 0.01,
        "activation": "lrelu",
        "mapping_activation": "lrelu",
    }
    synthesis = pickled.get("synthesis_kwargs") or {} if nested else pickled
    modules = pickled.get("modules") or {}
    dense = modules.get("mapping.fc0") or {}
    if "bias_gain" in dense:
        dense = dense | {"lr_multiplier": dense["bias_gain"]}
    mapping = [_of_mapping(part) for part in (pickled.get("mapping_kwargs") or {}, dense)]
    convolution = modules.get("synthesis.b4.conv1") or {}
    row = {"mapping_activation": settings["activation"]} if "activation" in settings else {}
    for part in (*mapping, synthesis, convolution, settings, row):
        said |= {name: part[name] for name in said if name in part}
    return said


def _of_mapping(part: Mapping) -> dict:
    """What one of the mapping's parts says, its activation under the mapping's name."""
    return {
        ("mapping_activation" if name == "activation" else name): value
        for name, value in part.items()
    }


def _number(name: str, value: Any) -> float | None:
    """A number as a pickle (float, None) or a safetensors file ("256", "none") says it."""
    if value is None or str(value).lower() == "none":
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is {value!r}; a number or none is needed") from None
