"""What training programs put around a generator's names is found, for every network alike."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import spandrel_files
import torch
import upscaler_files
from test_networks_faces import CASES as FACES
from test_networks_translate import CASES as TRANSLATORS
from torch import Tensor

from ganapps import networks

FILES: dict[str, tuple[str, Callable[[], dict[str, Tensor]], dict]] = (
    {
        name: FACES[name][:3]
        for name in ("ada-skip-32", "rosinality", "r3gan-labels", "dcgan", "stylegan")
    }
    | {
        name: TRANSLATORS[name][:3]
        for name in ("resnet-affine", "cut", "animegan", "stargan", "unet-128-batch")
    }
    | {
        "srresnet": ("srresnet", lambda: upscaler_files.Lornatang().state_dict(), {}),
        "span": ("span", lambda: upscaler_files.SPAN().state_dict(), {}),
        "rrdb": ("upscalers", lambda: upscaler_files.RRDB().state_dict(), {}),
        "hat": ("upscalers", lambda: spandrel_files.module("HAT").state_dict(), {}),
    }
)
PREFIXES = [
    "state_dict.",
    "model.",
    "netG.",
    "generator.",
    "G_state_dict.",
    "netG_A2B.",
    "_orig_mod.",
    "g_ema.module.",
    "model._orig_mod.module.",
    "state_dict.netG.",
]
SETTINGS = {"ada-skip-32", "r3gan-labels"}


def bare(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Without what a file has around its names already."""
    for known in (
        "G_ema.Model.",
        "Model.",
        "g_ema.",
        "G_ema.",
        "avgG.",
        "generator_state_dict.",
        "module.",
    ):
        if all(name.startswith(known) for name in tensors):
            return {name[len(known) :]: tensor for name, tensor in tensors.items()}
    return tensors


@pytest.mark.parametrize("name", FILES)
def test_a_wrapped_network_is_found(name: str) -> None:
    kind, file, settings = FILES[name]
    plain = bare(file())
    assert networks.recognise({n: tuple(t.shape) for n, t in plain.items()}) == kind
    count = sum(weight.numel() for weight in networks.build(kind, plain, settings).parameters())
    for prefix in PREFIXES:
        wrapped = {prefix + n: t for n, t in plain.items()} | {"optimizer.step": torch.zeros(3)}
        assert networks.recognise({n: tuple(t.shape) for n, t in wrapped.items()}) == kind, prefix
        network = networks.build(kind, wrapped, settings)
        assert sum(weight.numel() for weight in network.parameters()) == count, prefix


def test_the_average_is_taken_where_both_are_there() -> None:
    plain = upscaler_files.RRDB().state_dict()
    both = {f"netG.{n}": t for n, t in plain.items()} | {
        f"g_ema.{n}": t + 1 for n, t in plain.items()
    }
    network = networks.build("upscalers", both, {})
    assert torch.allclose(next(network.parameters()).detach(), plain["conv_first.weight"] + 1)
