"""A copy of a generator, tuned to one picture: of every kind whose styles bend."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from ganapps import networks
from ganapps.networks.contracts import StyleGenerator
from ganapps.tasks.alike import squares
from ganapps.tasks.tune import Tuning
from tests import test_networks_stylegan3
from tests.face_layouts import made, nvidia

KINDS: dict[str, Callable[[], dict]] = {
    "stylegan2 skip": lambda: made(nvidia(architecture="skip")),
    "stylegan2 resnet": lambda: made(nvidia(architecture="resnet")),
    "stylegan2 orig": lambda: made(nvidia(architecture="orig")),
    "stylegan3 t": lambda: test_networks_stylegan3.state("t"),
    "stylegan3 r": lambda: test_networks_stylegan3.state("r"),
}


def built(kind: str) -> StyleGenerator:
    network = networks.build(kind.split()[0], KINDS[kind](), {})
    return network.eval().requires_grad_(False)


@pytest.mark.parametrize("kind", KINDS)
def test_the_copy_comes_nearer_and_the_model_stays_as_it_was(kind: str) -> None:
    network = built(kind)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    random = torch.Generator().manual_seed(0)
    pivot = network.mapping(torch.randn(1, network.z_dim, generator=random), None)
    side = network.resolution
    wanted = torch.rand(1, 3, side, side, generator=random) * 2 - 1
    tuning = Tuning(network, pivot, wanted)
    far = [float(squares(network.synthesis(pivot), tuning.levels))]
    for _ in range(8):
        tuning.step()
    far.append(float(squares(tuning.network.synthesis(pivot), tuning.levels)))
    assert far[1] < 0.995 * far[0]
    assert tuning.calls() == 8 and tuning.calls() == 0
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not any(weight.requires_grad for weight in tuning.network.parameters())
    mapping = dict(network.mapping.named_parameters())
    tuned = dict(tuning.network.mapping.named_parameters())
    assert all(torch.equal(mapping[name], tuned[name]) for name in mapping), "only it draws anew"
