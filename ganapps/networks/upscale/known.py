"""What spandrel knows: which architecture tensors are of, and its network with them in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from ganapps.networks.taking import stumbled
from ganapps.networks.torchvision_ops import ensure_torchvision

# They take or make something else than a picture to enlarge.
OTHERS: Mapping[str, str] = {
    "GFPGAN": "it repairs faces, and is no upscaler of pictures",
    "RestoreFormer": "it repairs faces, and is no upscaler of pictures",
    "LaMa": "it fills holes that a mask marks, and is no upscaler of pictures",
    "MMRealSR": "it is told what to do by two dials, which nothing here sets",
    "IPT": "it is told what to do by the choice of a head, which nothing here makes",
}


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


def why_not(shapes: Mapping[str, tuple[int, ...]]) -> str | None:
    """What is wrong with tensors whose names spandrel knows; "" for nothing, None where it does not
    know the names.
    """
    found = _found(shapes)
    if found is None or found[0].id in OTHERS:
        return None if found is None else ""  # building says what it is
    try:
        with torch.device("meta"):
            loaded({name: torch.empty(shape, device="meta") for name, shape in shapes.items()})
    except ValueError as error:
        said = str(error)
        # some look at numbers while they are made,
        numbers = "meta" in said or "incompatible tensor type" in said
        return "" if numbers else said  # so their names must do
    return ""


@cache
def spandrel() -> ModuleType:
    """spandrel, whose import takes seconds: not before a file needs it."""
    ensure_torchvision()
    import spandrel

    return spandrel


def architecture(name: str) -> Any:
    """What spandrel knows of the architecture of that name."""
    return spandrel().MAIN_REGISTRY[name].architecture


def _found(names: Mapping[str, Any]) -> tuple[Any, dict[str, Any]] | None:
    """The architecture, and the tensors under the names that it knows them by."""
    state = {_kair(name): value for name, value in names.items()}
    for support in spandrel().MAIN_REGISTRY.architectures("detection"):
        if support.detect(state):
            return support.architecture, state
    if _without_prelu(state):
        return spandrel().MAIN_REGISTRY["Compact"].architecture, state
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


def slope(settings: Mapping) -> float:
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


def loaded(tensors: Mapping[str, Tensor], slope: Callable[[], float] = lambda: 0.0) -> Any:
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
