"""What training programs put around a generator's names is found, for every network alike."""

from __future__ import annotations

import argparse
import datetime
import importlib
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import test_colour
import test_networks_biggan
import test_networks_progan
import test_networks_stylegan1
import test_networks_stylegan3
import torch
from test_fillers import small_migan
from test_networks_faces import CASES as FACES
from test_networks_translate import CASES as TRANSLATORS
from torch import Tensor, nn

from ganapps import networks
from ganapps.models import formats
from ganapps.models.catalog import WEIGHTS
from ganapps.models.formats import folders
from ganapps.networks.faces.lab import LabGenerator
from ganapps.networks.torchvision_ops import ensure_torchvision
from tests import small_diffusion, small_stable, spandrel_files, upscaler_files

Build = Callable[[], tuple[dict[str, Tensor], dict]]


def shipped(name: str) -> Build:
    """The tensors of a file that ships."""
    return lambda: (formats.read(WEIGHTS / f"{name}.safetensors").tensors, {})


def parts(write: Callable[[Path], tuple[str, ...]]) -> Build:
    """The tensors and configs of a diffusers folder."""

    def read() -> tuple[dict[str, Tensor], dict]:
        with tempfile.TemporaryDirectory() as place:
            contents = folders.read(Path(place), write(Path(place)), "small")
            return {
                name: tensor.clone() for name, tensor in contents.tensors.items()
            }, contents.settings

    return read


def case(cases: dict, name: str) -> tuple[str, Build]:
    kind, tensors, settings = cases[name][:3]
    return kind, lambda: (bare(tensors()), settings)


def module(kind: str, make: Callable[[], nn.Module]) -> tuple[str, Build]:
    return kind, lambda: (make().state_dict(), {})


def lama() -> tuple[dict[str, Tensor], dict]:
    """LaMa of spandrel's class, which is told of colours and a mask."""
    ensure_torchvision()
    made = importlib.import_module("spandrel.architectures.LaMa.__arch.LaMa").LaMa(in_nc=4)
    return {n.removeprefix("model."): t for n, t in made.state_dict().items()}, {}


FILES: dict[str, tuple[str, Build]] = {
    **{
        name: case(FACES, name)
        for name in ("ada-skip-32", "rosinality", "r3gan-labels", "dcgan", "stylegan")
    },
    **{
        name: case(TRANSLATORS, name)
        for name in (
            "resnet-affine",
            "cut",
            "course",
            "drawing",
            "huggan",
            "animegan",
            "stargan",
            "unet-128-batch",
        )
    },
    "stylegan3": ("stylegan3", lambda: (test_networks_stylegan3.state("t"), {})),
    "stylegan1": ("stylegan1", lambda: (test_networks_stylegan1.genforce(), {})),
    "progan": ("progan", lambda: (test_networks_progan.genforce(), {})),
    "progan zoo": ("progan", lambda: (test_networks_progan.zoo(), {})),
    "biggan": ("biggan", lambda: (test_networks_biggan.state(), {})),
    "cartoongan": ("cartoongan", shipped("cartoongan-shinkai")),
    "styles26": ("styles26", shipped("multistyle26")),
    "srresnet": module("srresnet", upscaler_files.Lornatang),
    "leftthomas": module("srresnet", upscaler_files.Leftthomas),
    "basicsr": module("srresnet", upscaler_files.BasicSR),
    "span": module("span", upscaler_files.SPAN),
    "rrdb": module("upscalers", upscaler_files.RRDB),
    "compact": module("upscalers", upscaler_files.Compact),
    "hat": module("upscalers", lambda: spandrel_files.module("HAT")),
    "scratches": ("scratches", shipped("scratches-ours")),
    "partial": ("partial", shipped("filler-ours")),
    "denoiser": ("denoiser", shipped("denoiser-ours")),
    "gfpgan": ("face_restorer", lambda: (spandrel_files.tensors("GFPGAN"), {})),
    "lama": ("lama", lama),
    "ddcolor": ("ddcolor", lambda: (test_colour.published(test_colour.SMALL), {})),
    "migan": module("migan", small_migan),
    "lab": module("lab", lambda: LabGenerator(8, (16, 8), 3)),
    "diffusion": ("diffusion", parts(small_diffusion.folder)),
    "stable": ("stable_diffusion", parts(small_stable.folder)),
    "enlarger": ("diffusion_upscaler", parts(small_stable.upscaler)),
}
PREFIXES = [
    "state_dict.",
    "model.",
    "netG.",
    "net_g.",
    "generator.",
    "gen.",
    "G_state_dict.",
    "netG_A2B.",
    "G_AB.",
    "_orig_mod.",
    "g_ema.module.",
    "params_ema.",
    "params-ema.",
    "ema_model.",
    "model._orig_mod.module.",
    "state_dict.netG.",
    "state_dict.model.",
    "state_dict.generator.",
    "state_dict.model.generator._orig_mod.",
]


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
    kind, file = FILES[name]
    plain, settings = file()
    assert networks.recognise({n: tuple(t.shape) for n, t in plain.items()}) == kind
    count = sum(weight.numel() for weight in networks.build(kind, plain, settings).parameters())
    for prefix in PREFIXES:
        wrapped = {prefix + n: t for n, t in plain.items()} | {"optimizer.step": torch.zeros(3)}
        assert networks.recognise({n: tuple(t.shape) for n, t in wrapped.items()}) == kind, prefix
        own = networks.found(kind, wrapped, settings)
        assert own.keys() == plain.keys() and all(own[n] is plain[n] for n in plain), prefix
    network = networks.build(kind, wrapped, settings)
    assert sum(weight.numel() for weight in network.parameters()) == count


def test_the_average_is_taken_where_both_are_there() -> None:
    plain = upscaler_files.RRDB().state_dict()
    both = {f"netG.{n}": t for n, t in plain.items()} | {
        f"g_ema.{n}": t + 1 for n, t in plain.items()
    }
    network = networks.build("upscalers", both, {})
    assert torch.allclose(next(network.parameters()).detach(), plain["conv_first.weight"] + 1)


def test_every_network_has_a_file_here() -> None:
    # only a row of the catalogue says which of two files is which; and one has no weights
    never = {"interpolated", "prior"}
    assert {kind for kind, _ in FILES.values()} == set(networks.NAMES) - never


@pytest.mark.parametrize("name", FILES)
def test_what_lies_beside_the_weights_does_no_harm(name: str, tmp_path: Path) -> None:
    kind, file = FILES[name]
    plain, settings = file()
    judge = {"conv0.weight": torch.zeros(4, 3, 4, 4), "conv1.weight": torch.zeros(1, 4, 4, 4)}
    torch.save(
        {
            "epoch": np.int64(7),
            "loss": np.float64(0.5),
            "means": np.zeros(3, np.float32),
            "args": argparse.Namespace(
                lr=0.1, place=Path("weights/last.pt"), device=torch.device("cpu")
            ),
            "seen": defaultdict(list, {"train": [1, 2]}),
            "when": datetime.datetime(2024, 2, 29, 12, 30),
            "device": torch.device("cuda:0"),
            "out": Path("results"),
            "netD": judge,
            "optimizer_G": {
                "state": {0: {"exp_avg": torch.zeros(2)}},
                "param_groups": [{"lr": 1e-4, "params": [0]}],
            },
            "generator": {f"module.{tensor}": value for tensor, value in plain.items()},
        },
        tmp_path / "last.pt",
    )
    contents = formats.read(tmp_path / "last.pt")
    assert networks.recognise({n: tuple(t.shape) for n, t in contents.tensors.items()}) == kind
    networks.build(kind, contents.tensors, settings)


def test_of_two_directions_the_first_is_taken_unless_the_other_is_named() -> None:
    plain = bare(TRANSLATORS["resnet-affine"][1]())
    file = {f"netG_B2A.{n}": t + 1 for n, t in plain.items()} | {
        f"netG_A2B.{n}": t for n, t in plain.items()
    }
    x = torch.rand(1, 3, 32, 32)
    expected = {
        word: networks.build("cyclegan", {n: t + more for n, t in plain.items()}, {})(x)
        for word, more in (("A2B", 0), ("B2A", 1))
    }
    assert torch.equal(networks.build("cyclegan", file, {})(x), expected["A2B"])
    for word, picture in expected.items():
        assert torch.equal(networks.build("cyclegan", file, {"member": f"netG_{word}"})(x), picture)
