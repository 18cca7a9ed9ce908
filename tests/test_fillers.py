"""Published fillers on random weights: LaMa beside spandrel's, MI-GAN from both kinds of file."""

from __future__ import annotations

import importlib

import pytest
import torch
from torch import Tensor

from ganapps import networks
from ganapps.networks.repair import migan
from ganapps.networks.torchvision_ops import ensure_torchvision


def hole(side: int) -> tuple[Tensor, Tensor]:
    x = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(1))
    known = torch.ones(1, 1, side, side)
    known[..., side // 4 : side // 2, side // 3 :] = 0
    return x, known


def test_lama_fills_as_spandrels_does_under_any_name():
    ensure_torchvision()
    arch = importlib.import_module("spandrel.architectures.LaMa.__arch.LaMa")
    torch.manual_seed(0)
    original = arch.LaMa(in_nc=4).eval()
    state = {n.removeprefix("model.model."): t for n, t in original.state_dict().items()}
    x, known = hole(64)
    with torch.no_grad():
        wanted = original(x, 1 - known)
    for prefix in ("generator.model.", "model.model.", "model."):
        file = {prefix + name: tensor for name, tensor in state.items()}
        assert networks.recognise({name: tuple(t.shape) for name, t in file.items()}) == "lama"
        if prefix == "model.model.":
            continue  # the same file once more
        network = networks.build("lama", file, {})
        with torch.no_grad():
            made = network(x, known)
        assert torch.allclose(torch.where(known > 0, x, made), wanted, atol=1e-5)
    del file["model.34.bias"]
    with pytest.raises(ValueError, match="LaMa"):
        networks.build("lama", file, {})


def small_migan() -> migan.MiGan:
    torch.manual_seed(0)
    network = migan.MiGan({4: 8, 8: 8, 16: 6, 32: 4}).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0, 0.2)
    return network


def strength(name: str) -> float:
    return 0.5 + len(name) / 100


def pytorch_file(network: migan.MiGan) -> dict[str, Tensor]:
    """As its authors save it: noise beside its strength, filters once a layer."""
    file: dict[str, Tensor] = {}
    for name, tensor in network.state_dict().items():
        if name.endswith(".noise"):
            file[f"{name}_const"] = tensor / strength(name)
            file[f"{name}_strength"] = torch.tensor(strength(name))
        else:
            file[name] = tensor
    file["synthesis.b8.conv1.upsample.filter.weight"] = torch.ones(1, 1, 4, 4)
    return file


def onnx_file(network: migan.MiGan) -> tuple[dict[str, Tensor], dict]:
    """As torch exports it: noise times its strength is a constant without a name."""
    file: dict[str, Tensor] = {"onnx::filter_1": torch.ones(4, 1, 4, 4)}
    nodes = []
    for name, tensor in network.state_dict().items():
        if not name.endswith(".noise"):
            file[f"model.{name}"] = tensor
    for number, layer in enumerate(migan._noisy(network.state_dict())):
        constant = f"onnx::Add_{number}"
        file[constant] = network.state_dict()[f"{layer}.noise"][None, None]
        nodes.append({"operation": "Add", "inputs": [f"/{layer}", constant], "outputs": [layer]})
    shared = "model.encoder.b8.conv1.conv1.bias"
    nodes.append({"operation": "Identity", "inputs": ["onnx::same"], "outputs": [shared]})
    file["onnx::same"] = file.pop(shared)
    return file, {"nodes": nodes}


@pytest.mark.parametrize("layout", ["pytorch", "onnx"])
def test_mi_gan_is_read_from_both_kinds_of_file(layout):
    network = small_migan()
    file, settings = (pytorch_file(network), {}) if layout == "pytorch" else onnx_file(network)
    assert networks.recognise({name: tuple(t.shape) for name, t in file.items()}) == "migan"
    read = networks.build("migan", file, settings)
    assert read.tile == read.multiple == read.minimum == 32
    x, known = hole(32)
    with torch.no_grad():
        assert torch.allclose(read(x, known), network(x, known), atol=1e-5)
        filled = read(torch.where(known > 0, x, torch.full_like(x, 0.9)), known)
    assert torch.allclose(filled, read(x, known)), "what lies in the hole has no say"
    missing = next(name for name in file if name.endswith("encoder.b16.conv2.conv2.weight"))
    del file[missing]
    with pytest.raises(ValueError, match="encoder.b16.conv2.conv2.weight"):
        networks.build("migan", file, settings)


def test_mi_gans_resizes_are_stylegan2s():
    """Zeros between, then the 1 3 3 1 filter, as the authors write it with two padded rows."""
    x = torch.rand(1, 2, 6, 6)
    row = torch.tensor([1.0, 3.0, 3.0, 1.0])
    kernel = (torch.outer(row, row) / 64).expand(2, 1, 4, 4)
    spread = torch.zeros(1, 2, 12, 12)
    spread[..., ::2, ::2] = x
    padded = torch.nn.functional.pad(spread, (2, 1, 2, 1))
    doubled = torch.nn.functional.conv2d(padded, 4 * kernel, groups=2)
    assert torch.allclose(migan.doubled(x), doubled, atol=1e-6)
    padded = torch.nn.functional.pad(x, (1, 1, 1, 1))
    halved = torch.nn.functional.conv2d(padded, kernel, groups=2)[..., ::2, ::2]
    assert torch.allclose(migan.halved(x), halved, atol=1e-6)
