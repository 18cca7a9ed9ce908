"""StyleGAN2 with other low-pass filters and activations, beside a plain twin written from the
definitions.
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from ganapps import networks
from ganapps.networks.faces import stylegan2
from tests.face_layouts import made, nvidia, rosinality

# By name: the function, and the gain after it.
ACTIVATIONS: dict[str, tuple[Callable[[Tensor], Tensor], float]] = {
    "linear": (lambda x: x, 1),
    "relu": (lambda x: x.clamp(min=0), sqrt(2)),
    "lrelu": (lambda x: torch.where(x > 0, x, 0.2 * x), sqrt(2)),
    "tanh": (lambda x: x.tanh(), 1),
    "sigmoid": (lambda x: 1 / (1 + (-x).exp()), 1),
    "elu": (F.elu, 1),
    "selu": (F.selu, 1),
    "softplus": (F.softplus, 1),
    "swish": (lambda x: x / (1 + (-x).exp()), sqrt(2)),
}
# Taps of the low-pass filter: fewer, more, odd numbers of them, and some that are not alike from
# both ends.
FILTERS = {
    "1": (1,),
    "1-1": (1, 1),
    "1-2-1": (1, 2, 1),
    "1-3-3-1": (1, 3, 3, 1),
    "1-2-3-4": (1, 2, 3, 4),
    "1-4-6-4-1": (1, 4, 6, 4, 1),
    "six": (1, 5, 10, 10, 5, 1),
    "eight": (1, 7, 21, 35, 35, 21, 7, 1),
}


def upfirdn(x: Tensor, taps: Tensor, up: int, before: int, after: int) -> Tensor:
    """Zeros between the pixels, padding, and a convolution with the filter, as upfirdn2d is
    defined.
    """
    count, channels, height, width = x.shape
    wide = x.new_zeros(count, channels, height * up, width * up)
    wide[:, :, ::up, ::up] = x
    wide = F.pad(wide, (before, after, before, after))
    kernel = torch.outer(taps, taps).flip(0, 1) * up**2
    return F.conv2d(wide, kernel.expand(channels, 1, *kernel.shape), groups=channels)


def doubled(x: Tensor, taps: Tensor, more: int = 0) -> Tensor:
    """Twice the sides, and `more` pixels around."""
    return upfirdn(x, taps, 2, (len(taps) + 1) // 2 + more, (len(taps) - 2) // 2 + more)


class Twin:
    """The generator as its formulas say, one sample and one operation at a time."""

    def __init__(
        self, state: dict[str, Tensor], taps: Tensor, mapping: str, synthesis: str
    ) -> None:
        self.state, self.taps, self.mapping, self.synthesis = state, taps, mapping, synthesis

    def picture(self, z: Tensor) -> Tensor:
        return torch.cat([self.one(w[None]) for w in self.w(z)])

    def w(self, z: Tensor) -> Tensor:
        function, gain = ACTIVATIONS[self.mapping]
        x = z / (z.square().mean(1, keepdim=True) + 1e-8).sqrt()
        for name in ("mapping.fc0", "mapping.fc1"):
            weight, bias = self.state[f"{name}.weight"] * 0.01, self.state[f"{name}.bias"] * 0.01
            x = function(x @ weight.t() / sqrt(weight.shape[1]) + bias) * gain
        return x

    def one(self, w: Tensor) -> Tensor:
        x, picture = self.state["synthesis.b4.const"][None], None
        for side in (4, 8, 16):
            here = f"synthesis.b{side}"
            residual = None
            if f"{here}.skip.weight" in self.state:
                weight = self.state[f"{here}.skip.weight"]
                residual = doubled(F.conv2d(x, weight / sqrt(weight.shape[1])), self.taps) * sqrt(
                    0.5
                )
            if side > 4:
                x = self.layer(f"{here}.conv0", x, w, up=True)
            x = self.layer(f"{here}.conv1", x, w)
            if residual is not None:
                x = x * sqrt(0.5) + residual
            picture = None if picture is None else doubled(picture, self.taps)
            if f"{here}.torgb.weight" in self.state:
                own = self.colours(f"{here}.torgb", x, w)
                picture = own if picture is None else picture + own
        return picture

    def style(self, name: str, w: Tensor) -> Tensor:
        weight, bias = self.state[f"{name}.affine.weight"], self.state[f"{name}.affine.bias"]
        return (w @ weight.t() / sqrt(weight.shape[1]) + bias)[0]

    def layer(self, name: str, x: Tensor, w: Tensor, up: bool = False) -> Tensor:
        weight = self.state[f"{name}.weight"] * self.style(name, w)[:, None, None]
        weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        if up:
            x = F.conv2d(doubled(x, self.taps, more=1), weight.flip(2, 3))
        else:
            x = F.conv2d(x, weight, padding=1)
        x = x + self.state[f"{name}.noise_const"] * self.state[f"{name}.noise_strength"]
        function, gain = ACTIVATIONS[self.synthesis]
        return function(x + self.state[f"{name}.bias"][:, None, None]) * gain

    def colours(self, name: str, x: Tensor, w: Tensor) -> Tensor:
        weight = self.state[f"{name}.weight"]
        weight = weight * self.style(name, w)[:, None, None] / sqrt(weight.shape[1])
        return F.conv2d(x, weight) + self.state[f"{name}.bias"][:, None, None]


def tensors(architecture: str, taps: Tensor) -> dict[str, Tensor]:
    """A file as NVIDIA's programs write it: filters of eight taps and more stay as their taps."""
    state = made(nvidia(architecture=architecture))
    kept = taps if len(taps) >= 8 else torch.outer(taps, taps)
    return {
        name: kept if name.endswith("resample_filter") else tensor for name, tensor in state.items()
    }


def kwargs(mapping: str, synthesis: str) -> dict[str, object]:
    said = {
        "mapping_kwargs": {"activation": mapping},
        "synthesis_kwargs": {"activation": synthesis},
    }
    return {"G_ema": {"z_dim": 10, **said}}


def latents() -> Tensor:
    return torch.from_numpy(np.random.RandomState(7).standard_normal((2, 10))).float()


def off(ours: Tensor, theirs: Tensor) -> float:
    assert ours.shape == theirs.shape
    return float((ours - theirs).abs().max() / theirs.abs().max())


@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
@pytest.mark.parametrize("name", FILTERS)
def test_any_low_pass_filter_is_run_as_it_is_defined(
    architecture: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    taps = torch.tensor(FILTERS[name], dtype=torch.float32)
    taps = taps / taps.sum()
    state = tensors(architecture, taps)
    network = networks.build("stylegan2", state, {})
    expected = Twin(state, taps, "lrelu", "lrelu").picture(latents())
    assert off(network(latents()), expected) < 1e-4
    monkeypatch.setitem(stylegan2.STRIP, "cpu", 64)  # strips of eight rows, the least
    assert off(network(latents()), expected) < 1e-4


@pytest.mark.parametrize("architecture", ["skip", "resnet"])
@pytest.mark.parametrize("synthesis", ACTIVATIONS)
def test_any_activation_is_run_as_it_is_defined(architecture: str, synthesis: str) -> None:
    mapping = "lrelu" if synthesis == "relu" else synthesis
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    state = tensors(architecture, taps)
    network = networks.build("stylegan2", state, kwargs(mapping, synthesis))
    assert off(network(latents()), Twin(state, taps, mapping, synthesis).picture(latents())) < 1e-4


def test_the_activation_is_read_where_files_tell_it() -> None:
    state = made(nvidia())
    layers = {"synthesis.b4.conv1": {"activation": "swish"}, "mapping.fc0": {"activation": "elu"}}
    said = {
        "row": ({"activation": "relu"}, "relu", "relu"),
        "constructor": (kwargs("tanh", "linear"), "tanh", "linear"),
        "pickled layers": ({"G_ema": {"modules": layers}}, "elu", "swish"),
        "flat constructor": ({"G_ema": {"activation": "relu"}}, "lrelu", "relu"),
        "nothing": ({}, "lrelu", "lrelu"),
    }
    for place, (settings, mapping, synthesis) in said.items():
        network = networks.build("stylegan2", state, settings)
        found = network.mapping.activation, network.synthesis.b8.conv0.activation
        assert found == (stylegan2.ACTIVATIONS[mapping], stylegan2.ACTIVATIONS[synthesis]), place


def test_rosinality_s_filter_may_be_another_too() -> None:
    taps = torch.tensor([1.0, 2.0, 1.0]) / 4
    usual = made(rosinality(channels=16))
    given = {
        n: torch.outer(taps, taps) * 4 if n.endswith("kernel") else t for n, t in usual.items()
    }
    network = networks.build("stylegan2", given, {})
    ws = network.mapping(torch.ones(1, 12))
    fir = torch.outer(taps, taps) * 4
    assert torch.allclose(network.synthesis.b8.conv0.blur[0, 0], fir, atol=1e-6)
    assert network.synthesis(ws).shape == (1, 3, 8, 8)


def test_filters_that_make_no_sense_are_refused() -> None:
    state = made(nvidia())
    name = "synthesis.b8.resample_filter"
    with pytest.raises(ValueError, match="resample_filter is not the same filter everywhere"):
        networks.build("stylegan2", state | {name: torch.ones(3, 3) / 9}, {})
    for odd in (torch.ones(()), torch.ones(0), torch.ones(2, 2, 2), torch.ones(99)):
        with pytest.raises(ValueError, match="resample_filter is .*, which is no shape for it"):
            networks.build(
                "stylegan2", {n: odd if n.endswith("_filter") else t for n, t in state.items()}, {}
            )
