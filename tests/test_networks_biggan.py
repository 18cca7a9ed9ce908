"""BigGAN-deep in Hugging Face's layout, beside a plain twin that does one step after another, on
random weights.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import norm, truncnorm
from torch import Tensor
from torch.nn import functional as F

from ganapps import networks
from ganapps.models import formats
from ganapps.networks.faces import biggan

Z, CLASSES, CH, ROWS = 8, 5, 8, 51
# times nothing: channels in and out; every second doubles
BLOCKS = (
    (16, 16),
    (16, 16),
    (16, 8),
    (8, 8),
    (8, 8),
    (8, 8),
)
ATTENTION = 4  # stands before the fifth block
EPSILON = 1e-4


def drawn(*shape: int, seed: int, scale: float = 1.0, offset: float = 0.0) -> Tensor:
    return (
        torch.from_numpy(np.random.RandomState(seed).standard_normal(shape).astype(np.float32))
        * scale
        + offset
    )


def normed(name: str, *shape: int, seed: int) -> dict[str, Tensor]:
    """A spectrally normalised weight: as stored, and its two vectors after one step of the power
    iteration.
    """
    weight = drawn(*shape, seed=seed)
    u = F.normalize(drawn(shape[0], seed=seed + 1), dim=0)
    v = F.normalize(weight.flatten(1).t() @ u, dim=0)
    return {
        f"{name}.weight_orig": weight,
        f"{name}.weight_u": F.normalize(weight.flatten(1) @ v, dim=0),
        f"{name}.weight_v": v,
    }


def state() -> dict[str, Tensor]:
    made = {
        "embeddings.weight": drawn(Z, CLASSES, seed=1),
        "generator.gen_z.bias": drawn(16 * 16, seed=2),
    }
    made |= normed("generator.gen_z", 16 * 16, 2 * Z, seed=3)
    index = 0
    for number, (inputs, outputs) in enumerate(BLOCKS):
        if number == ATTENTION:
            made |= {f"generator.layers.{index}.gamma": torch.tensor([0.7])}
            for k, (name, shape) in enumerate(
                {"theta": (1, 8), "phi": (1, 8), "g": (4, 8), "o_conv": (8, 4)}.items()
            ):
                made |= normed(
                    f"generator.layers.{index}.snconv1x1_{name}", *shape, 1, 1, seed=900 + 10 * k
                )
            index += 1
        here, middle = f"generator.layers.{index}", inputs // 4
        sides = (inputs, middle, middle, middle, outputs)
        for k, kernel in enumerate((1, 3, 3, 1)):
            seed = 1000 * (number + 1) + 100 * k
            made |= normed(
                f"{here}.conv_{k}", sides[k + 1], sides[k], kernel, kernel, seed=seed
            ) | {f"{here}.conv_{k}.bias": drawn(sides[k + 1], seed=seed + 5)}
            made |= normed(f"{here}.bn_{k}.scale", sides[k], 2 * Z, seed=seed + 10) | normed(
                f"{here}.bn_{k}.offset", sides[k], 2 * Z, seed=seed + 20
            )
            made |= statistics(f"{here}.bn_{k}", sides[k], seed + 30)
        index += 1
    made |= statistics("generator.bn", CH, 77) | {
        "generator.bn.weight": drawn(CH, seed=78),
        "generator.bn.bias": drawn(CH, seed=79),
    }
    return (
        made
        | normed("generator.conv_to_rgb", CH, CH, 3, 3, seed=80)
        | {"generator.conv_to_rgb.bias": drawn(CH, seed=81)}
    )


def statistics(name: str, channels: int, seed: int) -> dict[str, Tensor]:
    return {
        f"{name}.running_means": drawn(ROWS, channels, seed=seed),
        f"{name}.running_vars": drawn(ROWS, channels, seed=seed + 1).abs() + 0.5,
    }


def twin(made: dict[str, Tensor], conditions: list[Tensor], truncation: float) -> Tensor:
    """The condition [N, 2 Z] of the first layer and of each block; the published program's
    steps.
    """

    def weight(name: str) -> Tensor:
        stored = made[f"{name}.weight_orig"]
        return stored / torch.dot(
            made[f"{name}.weight_u"], stored.flatten(1) @ made[f"{name}.weight_v"]
        )

    def rows(name: str) -> tuple[Tensor, Tensor]:
        share, row = math.modf(truncation / (1 / (ROWS - 1)))
        tables = made[f"{name}.running_means"], made[f"{name}.running_vars"]
        return tuple(
            t[int(row)] * share + t[int(row) + 1] * (1 - share) if share else t[int(row)]
            for t in tables
        )

    def batch_norm(name: str, x: Tensor, c: Tensor) -> Tensor:
        mean, variance = (t[None, :, None, None] for t in rows(name))
        scale = 1 + (c @ weight(f"{name}.scale").t())[:, :, None, None]
        return F.relu(
            (x - mean) / torch.sqrt(variance + EPSILON) * scale
            + (c @ weight(f"{name}.offset").t())[:, :, None, None]
        )

    x = (
        F.linear(conditions[0], weight("generator.gen_z"), made["generator.gen_z.bias"])
        .view(-1, 4, 4, 16)
        .permute(0, 3, 1, 2)
    )
    index = 0
    for number, (_, outputs) in enumerate(BLOCKS):
        c = conditions[number + 1]
        if number == ATTENTION:
            theta, phi, g = (
                F.conv2d(x, weight(f"generator.layers.{index}.snconv1x1_{n}"))
                for n in ("theta", "phi", "g")
            )
            phi, g = F.max_pool2d(phi, 2).flatten(2), F.max_pool2d(g, 2).flatten(2)
            looks = torch.softmax(torch.einsum("nch,nck->nhk", theta.flatten(2), phi), dim=-1)
            seen = torch.einsum("nck,nhk->nch", g, looks).view(len(x), -1, *x.shape[2:])
            x = x + made[f"generator.layers.{index}.gamma"] * F.conv2d(
                seen, weight(f"generator.layers.{index}.snconv1x1_o_conv")
            )
            index += 1
        here, up = f"generator.layers.{index}", number % 2 == 1
        y = x
        for k in range(4):
            y = batch_norm(f"{here}.bn_{k}", y, c)
            y = F.interpolate(y, scale_factor=2) if up and k == 1 else y
            y = F.conv2d(
                y,
                weight(f"{here}.conv_{k}"),
                made[f"{here}.conv_{k}.bias"],
                padding=int(k in (1, 2)),
            )
        x = y + (F.interpolate(x, scale_factor=2) if up else x)[:, :outputs]
        index += 1
    mean, variance = rows("generator.bn")
    x = F.relu(
        F.batch_norm(
            x, mean, variance, made["generator.bn.weight"], made["generator.bn.bias"], eps=EPSILON
        )
    )
    return torch.tanh(
        F.conv2d(x, weight("generator.conv_to_rgb"), made["generator.conv_to_rgb.bias"], padding=1)[
            :, :3
        ]
    )


def off(ours: Tensor, reference: Tensor) -> float:
    assert ours.shape == reference.shape
    return ((ours - reference).abs().max() / reference.abs().max()).item()


Z_ROWS, LABELS = drawn(3, Z, seed=7), torch.eye(CLASSES)[[1, 4, 1]]


def condition(psi: float) -> Tensor:
    """z cut at two standard deviations and shrunk, then the class."""
    cut = torch.from_numpy(truncnorm.ppf(norm.cdf(Z_ROWS.double().numpy()), -2, 2)).float()
    return torch.cat([cut * psi, LABELS @ state()["embeddings.weight"].t()], dim=1)


@pytest.mark.parametrize("psi", [1.0, 0.4, 0.7, 0.513, 0.02])
def test_a_picture_equals_the_twins(psi: float) -> None:
    """Also between two rows of the statistics, where the published shares are the wrong way
    round.
    """
    network = networks.build("biggan", state(), {})
    ws = network.mapping(Z_ROWS, LABELS, psi=psi)
    assert ws.shape == (3, network.num_ws, 2 * Z + 1)
    assert off(ws[:, 0, :-1], condition(psi)) < 1e-5
    picture = network.synthesis(ws)
    assert off(picture, twin(state(), [condition(psi)] * (1 + len(BLOCKS)), psi)) < 1e-4
    assert off(network.synthesis(ws[2:]), picture[2:]) < 1e-4
    assert (network.z_dim, network.label_dim, network.resolution, network.value_range) == (
        Z,
        CLASSES,
        32,
        (-1.0, 1.0),
    )


def test_blocks_can_be_mixed() -> None:
    network = networks.build("biggan", state(), {})
    ws = network.mapping(Z_ROWS, LABELS)
    mixed = ws.clone()
    mixed[:, 2:] = ws.flip(0)[:, 2:]
    conditions = [condition(1.0)] * 2 + [condition(1.0).flip(0)] * 5
    assert off(network.synthesis(mixed), twin(state(), conditions, 1.0)) < 1e-4


def test_beyond_what_was_published_psi_goes_on() -> None:
    """At 0 every seed gives a class's middle picture; past 1, and below 0, statistics are those of
    the nearest size.
    """
    network = networks.build("biggan", state(), {})
    middle = network.synthesis(network.mapping(Z_ROWS, LABELS, psi=0.0))
    assert off(middle[:1], middle[2:]) < 1e-5 and off(middle[:1], middle[1:2]) > 0.01
    for psi in (1.2, -0.4):
        wild = network.synthesis(network.mapping(Z_ROWS, LABELS, psi=psi))
        assert off(wild, twin(state(), [condition(psi)] * 7, min(abs(psi), 1.0))) < 1e-4
    few = network.mapping(Z_ROWS, LABELS, psi=0.5, cutoff=2)
    assert torch.equal(few[:, 2:], network.mapping(Z_ROWS, LABELS)[:, 2:]) and torch.equal(
        few[:, :2], network.mapping(Z_ROWS, LABELS, psi=0.5)[:, :2]
    )


def test_lower_precision_is_near() -> None:
    network = networks.build("biggan", state(), {})
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        x = network(Z_ROWS, LABELS)
    assert x.dtype == torch.float32 and 0 < off(x, network(Z_ROWS, LABELS)) < 0.2


def test_the_published_file_is_recognised(tmp_path: Path) -> None:
    torch.save(state(), tmp_path / "pytorch_model.bin")
    contents = formats.read(tmp_path / "pytorch_model.bin")
    assert (
        networks.recognise({name: tuple(t.shape) for name, t in contents.tensors.items()})
        == "biggan"
    )
    # as a folder's config.json comes
    config = {"unet": {"layers": [[up % 2 == 1, 1, 1] for up in range(6)]}}
    for settings in ({}, config):
        assert networks.build("biggan", contents.tensors, settings).resolution == 32
    flat = {"layers": [[False, 1, 1]] * 6}
    assert networks.build("biggan", contents.tensors, flat).resolution == 4
    # a power iteration before the last
    without = {name: tensor for name, tensor in state().items() if not name.endswith("weight_v")}
    assert (
        off(
            networks.build("biggan", without, {})(Z_ROWS, LABELS),
            networks.build("biggan", state(), {})(Z_ROWS, LABELS),
        )
        < 0.5
    )


@pytest.mark.parametrize(
    "change, refusal",
    [
        ({"generator.layers.2.conv_1.bias": None}, "generator.layers.2.conv_1.bias is missing"),
        (
            {"generator.layers.2.conv_1.weight_u": None},
            "generator.layers.2.conv_1.weight_u is missing or does not fit",
        ),
        (
            {"generator.layers.2.conv_1.weight_v": torch.zeros(3)},
            "generator.layers.2.conv_1.weight_v does not fit",
        ),
        ({"generator.more": torch.zeros(3)}, "generator.more is left over"),
        ({"embeddings.weight": torch.zeros(99, 5)}, "none of them from z"),
        ({"generator.layers.0.bn_0.running_means": torch.zeros(1, 16)}, "at least two are needed"),
    ],
)
def test_a_file_that_does_not_fit_is_named(change: dict[str, Tensor | None], refusal: str) -> None:
    made = {name: tensor for name, tensor in (state() | change).items() if tensor is not None}
    with pytest.raises(ValueError, match=refusal):
        networks.build("biggan", made, {})


def test_settings_that_do_not_fit_are_named() -> None:
    for layers, refusal in (("many", "layers is no list"), ([[True, 1, 1]], "knows? 1 blocks")):
        with pytest.raises(ValueError, match=refusal):
            networks.build("biggan", state(), {"layers": layers})


def test_ranks_of_z_stay() -> None:
    z = drawn(1, 1000, seed=3)
    cut = biggan.truncated(z)
    assert torch.equal(cut.argsort(), z.argsort()) and cut.abs().max() < 2
