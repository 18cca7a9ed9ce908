"""The networks by name: each is one file that knows its published layouts and builds itself from
their tensors.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib import import_module
from itertools import count
from types import ModuleType
from typing import TypeVar

import torch
from torch import Tensor

from ganapps.networks import bounds
from ganapps.networks.contracts import Network
from ganapps.networks.places import places, under, unwrapped
from ganapps.networks.taking import Misfit, check_kinds, load_strictly, misfit, written
from ganapps.networks.torchvision_ops import ensure_torchvision

__all__ = [
    "build",
    "check_resolution",
    "check_scale",
    "check_signs",
    "found",
    "is_discriminator",
    "length",
    "load_strictly",
    "recognise",
    "shape_of",
    "why_not",
]

Value = TypeVar("Value")

# A name here is a file of that room with `recognise` and `build`. Where two could match, the first
# is asked first.
ROOMS: Mapping[str, tuple[str, ...]] = {
    "faces": (
        *("stylegan2", "r3gan", "dcgan", "stylegan"),
        *("stylegan3", "stylegan1", "progan", "biggan", "lab"),
    ),
    "diffusion": ("diffusion_upscaler", "stable_diffusion", "diffusion"),
    "translate": ("cyclegan", "pix2pix", "animegan", "stargan", "styles26", "cartoongan"),
    "repair": (
        *("partial", "denoiser", "scratches", "lama", "migan", "prior", "face_restorer"),
        "ddcolor",
    ),
    "upscale": ("interpolated", "srresnet", "span", "upscalers"),
}
LIBRARIES = (
    "diffusers.models.unets.unet_2d_condition",
    "diffusers.models.autoencoders.autoencoder_kl",
    "transformers.models.clip.modeling_clip",
    "spandrel",
)
NAMES = tuple(name for names in ROOMS.values() for name in names)

# What a person can set on a network beside what its task asks of all: how much noise a TwinUpscaler
# removes, which of many styles a picture gets, what a face should have. Whoever lists models must
# know it before a file is read.
CONTROLS: Mapping[str, tuple[str, ...]] = {
    "interpolated": ("denoise",),
    "styles26": ("style",),
    "stargan": ("face",),
    # how what it draws is turned (degrees) and moved (of the picture's side)
    "stylegan3": ("turn", "right", "down"),
}
# Tensors of a network that its files keep beside it: rosinality's average w.
BESIDE = {"stylegan2": ("latent_avg",)}
# Where judges with labels, whose outputs are many, take the picture: StyleGAN2's and R3GAN's.
JUDGES = (".fromrgb.weight", ".ExtractionLayer.Layer.weight")
FEW = 5  # tensors that are no network
# the share of a file's tensors that may be wrong where we still say which network it was meant to
# be
NEAR = 0.2
LARGEST_SCALE = 16


def build(name: str, tensors: Mapping[str, Tensor], settings: Mapping) -> Network:
    """The network `name` with the weights `tensors`: float32, ready to run, without gradients.

    `tensors` are a checkpoint's tensors under their published names, wherever in the file they
    stand; `settings` what the file or its catalogue row says of the constructor. `member` there
    names one of several networks ("G_A"). Raises ValueError where the name is unknown, a tensor is
    missing, left over, misshapen or no weight, or where building takes far more than the file
    holds.
    """
    if name not in NAMES:
        raise ValueError(f"there is no network {name!r}; known are {', '.join(NAMES)}")
    state = found(name, tensors, settings)
    if state is not None:
        return _built(name, state, settings)
    errors = []
    for state in _candidates(tensors, settings).values():
        try:
            return _built(name, state, settings)
        except ValueError as error:
            errors.append(error)
    raise min(errors, key=_faults)


def _built(name: str, state: Mapping[str, Tensor], settings: Mapping) -> Network:
    if "nodes" not in settings:  # an ONNX file holds other constants too
        check_kinds(state)
    with bounds.building(state):
        try:
            return _module(name).build(state, settings)
        except RuntimeError as error:  # torch's own, of shapes that do not go together
            raise ValueError(" ".join(str(error).split())[:250]) from error


def found(name: str, tensors: Mapping[str, Tensor], settings: Mapping) -> dict[str, Tensor] | None:
    """Of all tensors of a file those of the network `name`, by its own names; None where it does
    not stand there.
    """
    for prefix, state in _candidates(tensors, settings).items():
        if _module(name).recognise(_shapes(state)):
            return _with_beside(name, prefix, state, tensors)
    return None


def recognise(shapes: Mapping[str, tuple[int, ...]]) -> str | None:
    """The name of the network that a checkpoint with tensors of these names and shapes is, None for
    a stranger. Raises ValueError for names that claim more layers than there are tensors.
    """
    candidates = _candidates(shapes, {})
    for name in NAMES:
        if any(_module(name).recognise(inner) for inner in candidates.values()):
            return name
    return None


def why_not(shapes: Mapping[str, tuple[int, ...]]) -> str | None:
    """What keeps a stranger, whose names are nearly those of a network here, from being one; None
    for other names.
    """
    candidates = [inner for inner in _candidates(shapes, {}).values() if len(inner) >= FEW]
    shares: dict[str, float] = {}
    with torch.device("meta"):
        for inner in candidates:
            state = {name: torch.empty(shape) for name, shape in inner.items()}
            for name in NAMES:
                said, faults = _misfit(name, state)
                shares[said] = min(faults / len(state), shares.get(said, math.inf))
    said = min(shares, key=lambda said: shares[said], default="")
    if said and shares[said] <= NEAR:
        return said
    return next(filter(None, map(_module("upscalers").why_not, candidates)), None)


def _misfit(name: str, state: Mapping[str, Tensor]) -> tuple[str, float]:
    """What is wrong with these tensors as the network `name`, and how many of them are."""
    try:
        _built(name, state, {})
    except ValueError as error:
        return str(error) if str(error).startswith("as ") else f"as {name}: {error}", _faults(error)
    return "", math.inf


def is_discriminator(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Do these tensors look like a judge of pictures: a picture comes in, one number for a patch or
    for all of it, or one for each label, goes out?
    """
    weights = {
        name: shape for name, shape in shapes.items() if len(shape) in (2, 4) and min(shape) > 0
    }
    pictures = [
        shape
        for shape in weights.values()
        if len(shape) == 4 and shape[1] in (3, 6) and shape[2] in (1, 3, 4)
    ]
    if len(weights) < 3 or not pictures:
        return False
    if any(sign in f".{name}" for name in weights for sign in JUDGES):
        return True
    last = [shape for shape in weights.values() if shape[0] == 1 and shape[1] > 1]
    return any(len(shape) == 2 or shape[2] > 1 for shape in last)  # a map of 1x1 is a mask


def _candidates(values: Mapping[str, Value], settings: Mapping) -> dict[str, dict[str, Value]]:
    """What may be a network's own tensors, by the prefix that they have in the file, the best
    first.
    """
    member = settings.get("member")
    plain = {unwrapped(name): value for name, value in values.items()}
    if len(plain) < len(values):
        raise ValueError("it holds tensors of one name twice, with and without module.")
    values = plain
    prefixes = [""] if "nodes" in settings else places(values, member)
    if not prefixes:
        raise ValueError(f"no tensor's name starts with {member}.")
    candidates: dict[str, dict[str, Value]] = {}
    refused: ValueError | None = None
    for prefix in prefixes:
        inner = under(prefix, values)
        try:
            bounds.check_names(inner)
            candidates[prefix] = inner
        except ValueError as error:
            refused = error
    if refused and not candidates:
        raise refused
    return candidates


def _with_beside(
    name: str, prefix: str, state: dict[str, Tensor], tensors: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    beside = BESIDE.get(name, ()) if prefix else ()
    return {other: tensors[other] for other in beside if other in tensors} | state


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def _faults(error: ValueError) -> float:
    return error.faults if isinstance(error, Misfit) else math.inf


def shape_of(
    state: Mapping[str, Tensor], name: str, dimensions: int | None = None
) -> tuple[int, ...]:
    """The shape of a tensor that must be there, with so many dimensions; if not, a ValueError that
    names it.
    """
    if name not in state:
        raise Misfit(f"{name} is missing", 1)
    shape = tuple(state[name].shape)
    if 0 in shape or dimensions not in (None, len(shape)):
        raise Misfit(f"{name} is {written(shape)}, which is no shape for it", 1)
    return shape


def check_signs(names: Mapping[str, object], needed: Sequence[str]) -> None:
    """Raises ValueError that names those of `needed` that are missing; where half of several are,
    this is another network's file, and no Misfit.
    """
    missing = [f"{name} is missing" for name in needed if name not in names]
    if len(missing) == len(needed) or 2 <= len(missing) >= len(needed) / 2:
        raise ValueError("; ".join(missing))
    if missing:
        raise misfit(missing)


def length(names: Mapping[str, object], name: str) -> int:
    """How many of `name` (with {} for the number, from 0) there are in a row."""
    return next(number for number in count() if name.format(number) not in names)


def check_resolution(side: int) -> None:
    """Raises ValueError if a file promises pictures that no published network makes and no machine
    here holds.
    """
    if side > 4096:
        said = f"{side} px" if side < 2**63 else "too many px"
        raise ValueError(f"it makes pictures of {said}; at most 4096 are drawn")


def check_scale(scale: int) -> None:
    """Raises ValueError if a file promises an enlargement that no published network makes."""
    if not 0 < scale <= LARGEST_SCALE:
        raise ValueError(f"it enlarges {scale} times; at most {LARGEST_SCALE} are known")


def import_all() -> None:
    """Every network's module now, and the libraries that take seconds to import, which otherwise
    wait until a file needs them.
    """
    ensure_torchvision()
    for name in LIBRARIES:
        import_module(name)
    for name in NAMES:
        _module(name)


def _module(name: str) -> ModuleType:
    room = next(room for room, names in ROOMS.items() if name in names)
    return import_module(f"{__name__}.{room}.{name}")
