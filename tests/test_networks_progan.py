"""ProGAN in both published layouts, beside a plain twin of each that does one step after another,
on random weights.
"""

from __future__ import annotations

import io
import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from ganapps import networks
from ganapps.models import formats

Z, CHANNELS = 10, (16, 16, 8)  # to 16 px


def drawn(*shape: int, seed: int) -> Tensor:
    return torch.from_numpy(np.random.RandomState(seed).standard_normal(shape).astype(np.float32))


def genforce(fused: bool = False) -> dict[str, Tensor]:
    """`PGGANGenerator`: layerN.{weight,bias}, outputN.{weight,bias}, lod."""
    made = {
        "lod": torch.zeros(()),
        "layer0.weight": drawn(CHANNELS[0], Z, 4, 4, seed=0),
        "layer0.bias": drawn(CHANNELS[0], seed=1),
    }
    for number in range(1, 2 * len(CHANNELS)):
        block, up = number // 2, number % 2 == 0
        inputs, outputs = CHANNELS[block - up], CHANNELS[block]
        sides = (inputs, outputs) if up and fused else (outputs, inputs)
        made |= {
            f"layer{number}.weight": drawn(*sides, 3, 3, seed=10 + number),
            f"layer{number}.bias": drawn(outputs, seed=30 + number),
        }
    for block, channels in enumerate(CHANNELS):
        made |= {
            f"output{block}.weight": drawn(3, channels, 1, 1, seed=50 + block),
            f"output{block}.bias": drawn(3, seed=60 + block),
        }
    return made


def zoo() -> dict[str, Tensor]:
    """pytorch_GAN_zoo's `GNet`: formatLayer, groupScale0, scaleLayers, toRGBLayers, each a
    `module`.
    """
    places = {
        "formatLayer": (16 * CHANNELS[0], Z),
        "groupScale0.0": (CHANNELS[0], CHANNELS[0], 3, 3),
        "toRGBLayers.0": (3, CHANNELS[0], 1, 1),
    }
    for number, (inputs, outputs) in enumerate(itertools.pairwise(CHANNELS)):
        places |= {
            f"scaleLayers.{number}.0": (outputs, inputs, 3, 3),
            f"scaleLayers.{number}.1": (outputs, outputs, 3, 3),
        }
        places |= {f"toRGBLayers.{number + 1}": (3, outputs, 1, 1)}
    made = {}
    for seed, (place, shape) in enumerate(places.items()):
        made |= {
            f"{place}.module.weight": drawn(*shape, seed=seed),
            f"{place}.module.bias": drawn(shape[0], seed=100 + seed),
        }
    return made


def norm(x: Tensor) -> Tensor:
    return x / torch.sqrt((x**2).mean(dim=1, keepdim=True) + 1e-8)


def doubled(x: Tensor) -> Tensor:
    return x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)


def twin_of_genforce(made: dict[str, Tensor], z: Tensor, fused: bool = False) -> Tensor:
    """Norm, doubling, convolution, activation, layer by layer; with `fused`, TensorFlow's
    transposed convolution.
    """
    x = norm(z)[:, :, None, None]
    for number in range(2 * len(CHANNELS)):
        weight, bias = made[f"layer{number}.weight"], made[f"layer{number}.bias"]
        up = number > 0 and number % 2 == 0
        inputs = weight.shape[0 if up and fused else 1]
        weight = weight * math.sqrt(2 / (inputs * weight.shape[2] ** 2))
        x = norm(x)
        if up and fused:
            padded = F.pad(weight, (1, 1, 1, 1))
            kernel = sum(padded[:, :, a : a + 4, b : b + 4] for a in (0, 1) for b in (0, 1))
            x = F.conv_transpose2d(x, kernel, bias, stride=2, padding=1)
        else:
            x = F.conv2d(doubled(x) if up else x, weight, bias, padding=1 if number else 3)
        x = F.leaky_relu(x, 0.2)
    last = len(CHANNELS) - 1
    return F.conv2d(
        norm(x), made[f"output{last}.weight"] / math.sqrt(x.shape[1]), made[f"output{last}.bias"]
    )


def twin_of_zoo(made: dict[str, Tensor], z: Tensor) -> Tensor:
    """The runtime scale multiplies what a layer gives, its bias too."""

    def scaled(name: str, x: Tensor) -> Tensor:
        weight, bias = made[f"{name}.module.weight"], made[f"{name}.module.bias"]
        y = (
            F.linear(x, weight, bias)
            if weight.dim() == 2
            else F.conv2d(x, weight, bias, padding=weight.shape[2] // 2)
        )
        return y * math.sqrt(2 / weight[0].numel())

    x = norm(F.leaky_relu(scaled("formatLayer", norm(z)), 0.2).view(len(z), -1, 4, 4))
    x = norm(F.leaky_relu(scaled("groupScale0.0", x), 0.2))
    for number in range(len(CHANNELS) - 1):
        x = doubled(x)
        for layer in (0, 1):
            x = norm(F.leaky_relu(scaled(f"scaleLayers.{number}.{layer}", x), 0.2))
    return scaled(f"toRGBLayers.{len(CHANNELS) - 1}", x)


def off(ours: Tensor, reference: Tensor) -> float:
    assert ours.shape == reference.shape
    return ((ours - reference).abs().max() / reference.abs().max()).item()


Z_ROWS = drawn(3, Z, seed=7)
CASES = {"genforce": (genforce, twin_of_genforce), "zoo": (zoo, twin_of_zoo)}


@pytest.mark.parametrize("layout", CASES)
def test_a_picture_equals_the_twins(layout: str) -> None:
    made, twin = CASES[layout]
    network = networks.build("progan", made(), {})
    picture = network(Z_ROWS)
    assert off(picture, twin(made(), Z_ROWS)) < 1e-4
    assert off(network(Z_ROWS[2:]), picture[2:]) < 1e-5
    assert (
        network.z_dim,
        network.num_ws,
        network.label_dim,
        network.resolution,
        network.value_range,
    ) == (Z, 0, 0, 16, (-1.0, 1.0))
    assert not picture.requires_grad and picture.dtype == torch.float32


@pytest.mark.parametrize("settings", [{"fused_scale": True}, {"fused_scale": "true"}, {}])
def test_fused_doublings_are_known_by_their_shape_or_by_the_row(settings: dict) -> None:
    made = genforce(fused=True)
    assert (
        off(
            networks.build("progan", made, settings)(Z_ROWS),
            twin_of_genforce(made, Z_ROWS, fused=True),
        )
        < 1e-4
    )


def test_layouts_are_recognised_as_published(tmp_path: Path) -> None:
    """genforce's file on the Hub is a bare state dict, pytorch_GAN_zoo's an old stream with three
    networks and a class of its own.
    """
    discriminator = {"fromRGBLayers.0.module.weight": torch.zeros(4, 3, 1, 1)}
    old = io.BytesIO()
    torch.save(
        {"netG": {k: v + 1 for k, v in zoo().items()}, "netD": discriminator, "avgG": zoo()},
        old,
        _use_new_zipfile_serialization=False,
    )
    (tmp_path / "zoo.pth").write_bytes(old.getvalue())
    torch.save(genforce(), tmp_path / "pytorch_model.bin")
    for file, twin, made in (
        ("zoo.pth", twin_of_zoo, zoo()),
        ("pytorch_model.bin", twin_of_genforce, genforce()),
    ):
        contents = formats.read(tmp_path / file)
        assert (
            networks.recognise({name: tuple(t.shape) for name, t in contents.tensors.items()})
            == "progan"
        )
        assert (
            off(
                networks.build("progan", contents.tensors, contents.settings)(Z_ROWS),
                twin(made, Z_ROWS),
            )
            < 1e-4
        )


@pytest.mark.parametrize(
    "layout, change, refusal",
    [
        ("genforce", {"lod": torch.tensor(1.5)}, "lod is 1.5: this network was still growing"),
        ("genforce", {"layer3.bias": None}, "layers.2.bias is missing"),
        ("genforce", {"layer0.bias": None}, "first.bias is missing"),
        ("genforce", {"more": torch.zeros(1)}, "more is left over"),
        (
            "genforce",
            {"output2.weight": torch.zeros(4, 8, 1, 1)},
            "it makes 4 channels; a picture has 1 or 3",
        ),
        (
            "genforce",
            {"layer2.weight": torch.zeros(3, 3)},
            "layers.1.weight is 3x3, which is no shape for it",
        ),
        ("zoo", {"scaleLayers.1.1.module.bias": None}, "layers.4.bias is missing"),
        (
            "zoo",
            {"scaleLayers.0.0.module.weight": torch.zeros(16, 9, 3, 3)},
            "layers.1.weight is 16x9x3x3 and should be 16x16x3x3",
        ),
        (
            "zoo",
            {"scaleLayers.1.2.module.weight": torch.zeros(8, 8, 3, 3)},
            "scaleLayers.1.2.module.weight is left over",
        ),
    ],
)
def test_a_file_that_does_not_fit_is_named(
    layout: str, change: dict[str, Tensor | None], refusal: str
) -> None:
    made = {
        name: tensor for name, tensor in (CASES[layout][0]() | change).items() if tensor is not None
    }
    with pytest.raises(ValueError, match=refusal):
        networks.build("progan", made, {})
