"""The parts of a diffusers folder: each of the class that is expected there, filled strictly from
the folder's tensors.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

from ganapps.networks import load_strictly
from ganapps.networks.places import inside
from ganapps.networks.torchvision_ops import ensure_torchvision

# How attention was called in the files of diffusers before 0.13, and is today.
RENAMED = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
OLD_ATTENTION = re.compile(r"(attentions\.\d+)\.(query|key|value|proj_attn)\.")
# What a folder's scheduler may call itself. All of them describe the same thing, the betas and what
# the network
# predicts; consistency models describe their noise levels instead.
BETAS = (
    "DDPMScheduler",
    "DDIMScheduler",
    "PNDMScheduler",
    "LMSDiscreteScheduler",
    "HeunDiscreteScheduler",
    "EulerDiscreteScheduler",
    "EulerAncestralDiscreteScheduler",
    "DPMSolverMultistepScheduler",
    "DPMSolverSinglestepScheduler",
    "DEISMultistepScheduler",
    "UniPCMultistepScheduler",
    "LCMScheduler",
)
CONSISTENCY = "CMStochasticIterativeScheduler"


class Part(Protocol):
    """A part of a folder as diffusers makes it, which types none of them."""

    @property
    def config(self) -> Any:
        """What its constructor was told, as attributes."""

    def __call__(self, *values: Any, **named: Any) -> Any: ...


class Decoder(Part, Protocol):
    """A part that knows latents: AutoencoderKL, VQModel."""

    def encode(self, x: Tensor) -> Any:
        """x [N, 3, H, W] in -1 to 1 -> the distribution of its latents."""

    def decode(self, z: Tensor, return_dict: bool = True) -> Any:
        """Latents [N, C, h, w] -> x [N, 3, H, W]."""


def expect(tensors: Mapping[str, Tensor], names: Collection[str]) -> set[str]:
    """The parts that the tensors belong to. Raises ValueError where there is one that is none of
    `names`.
    """
    parts = {name.split(".")[0] for name in tensors}
    if strange := parts - set(names):
        raise ValueError(
            f"the folder holds parts of another kind of model: {', '.join(sorted(strange))}"
        )
    return parts


def part(kind: str, name: str, tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> Any:
    """One part, a module, by the class `kind` of diffusers that we expect there: what the folder's
    own config calls itself is compared, never imported.

    Raises ValueError where the config is of another class, or a tensor is missing, left over or of
    the wrong shape.
    """
    ensure_torchvision()
    import diffusers

    config = settings.get(name)
    said = config.get("_class_name") if isinstance(config, Mapping) else None
    if not isinstance(config, Mapping) or said != kind:
        raise ValueError(f"{name} should be a {kind}, but is {said}")
    try:
        with torch.device("meta"):
            module = getattr(diffusers, kind).from_config(dict(config))
    except (TypeError, KeyError, AttributeError, ZeroDivisionError) as e:
        raise ValueError(f"the config of {name} makes no {kind}: {e}") from e
    state = inside(f"{name}.", tensors)
    return load_strictly(module, {_today(key): tensor for key, tensor in state.items()})


def schedule(settings: Mapping[str, Any], name: str = "scheduler") -> dict[str, Any]:
    """The folder's noise schedule: its config as it is. Raises ValueError where it is missing or of
    a class that is none of the known ones.
    """
    config = settings.get(name)
    if not isinstance(config, Mapping):
        raise ValueError(f"the folder lacks {name}/scheduler_config.json")
    if config.get("_class_name") not in (*BETAS, CONSISTENCY):
        raise ValueError(
            f"its {name} calls itself {config.get('_class_name')}, which is none of those known "
            "here"
        )
    return dict(config)


def side_of(unet: Part) -> int:
    """The side of the square that a U-Net was trained on. Raises ValueError where its config does
    not say.
    """
    side = unet.config.sample_size
    side = side[0] if isinstance(side, (list, tuple)) and len(set(side)) == 1 else side
    if not isinstance(side, int) or not 0 < side <= 1024:
        raise ValueError(f"the config of unet has the sample_size {side}")
    return side


def _today(name: str) -> str:
    return OLD_ATTENTION.sub(lambda match: f"{match[1]}.{RENAMED[match[2]]}.", name)
