"""What a generator tells of its inside: its stages, the matrices behind its styles, and gradients
that are those of a finite difference.
"""

from __future__ import annotations

import pytest
import test_networks_stylegan3
import torch
from torch import Tensor

from ganapps import networks
from ganapps.networks.contracts import StyleGenerator
from tests.face_layouts import made, nvidia


def network(kind: str) -> StyleGenerator:
    """A small one of random weights."""
    if kind == "stylegan3":
        return test_networks_stylegan3.built("t")
    settings = {"conv_clamp": 2.0} if kind == "clamped" else {}
    architecture = "skip" if kind == "clamped" else kind
    return networks.build("stylegan2", made(nvidia(architecture=architecture)), settings)


KINDS = ("skip", "orig", "resnet", "clamped", "stylegan3")


def styles(network: StyleGenerator, count: int = 1) -> Tensor:
    z = torch.randn(count, network.z_dim, generator=torch.Generator().manual_seed(1))
    return network.mapping(z)


@pytest.mark.parametrize("kind", KINDS)
def test_the_last_stage_is_the_picture(kind: str) -> None:
    made = network(kind)
    ws = styles(made)
    stages = list(made.stages(ws))
    assert stages[-1].side == made.resolution and stages[-1].features is None
    assert torch.equal(stages[-1].picture, made.synthesis(ws))
    for stage in stages[:-1]:
        assert stage.features.shape[2:] == (stage.side, stage.side)


def test_a_skip_generator_shows_its_picture_at_every_size() -> None:
    made = network("skip")
    seen = [stage.picture.shape for stage in made.stages(styles(made))]
    assert seen == [(1, 3, side, side) for side in made.synthesis.sides]


def test_who_stops_listening_stops_the_synthesis() -> None:
    made = network("skip")
    called: list[int] = []
    for side in made.synthesis.sides:
        made.synthesis.block(side).register_forward_hook(lambda *_, side=side: called.append(side))
    next(made.stages(styles(made)))
    assert called == made.synthesis.sides[:1]


@pytest.mark.parametrize("kind", KINDS)
def test_every_layer_has_its_matrix(kind: str) -> None:
    made = network(kind)
    weights = made.style_weights()
    w_dim = made.mapping.w_avg.shape[0]
    assert len(weights) == made.num_ws
    assert {weight.shape[1] for weight in weights} == {w_dim}


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_a_finite_difference(kind: str) -> None:
    made = network(kind)
    assert made.bends
    ws = styles(made).clone().requires_grad_()
    way = torch.randn(ws.shape, generator=torch.Generator().manual_seed(2))
    weight = torch.randn(made.synthesis(ws).shape, generator=torch.Generator().manual_seed(3))

    def height(ws: Tensor) -> Tensor:
        return (made.synthesis(ws) * weight).sum().double()

    height(ws).backward()
    assert ws.grad is not None
    asked = float((ws.grad * way).sum())
    with torch.no_grad():
        small = 1e-3
        found = float(height(ws + small * way) - height(ws - small * way)) / (2 * small)
    assert abs(asked - found) <= 0.05 * max(abs(found), 1.0)
