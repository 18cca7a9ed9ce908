"""StyleGAN of 2019 in three published layouts, beside a plain twin that does one step after
another, on random weights.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from ganapps import networks
from ganapps.models import formats
from tests.snapshot_files import tensorflow_networks

Z, W, CHANNELS = 10, 12, (16, 16, 8)  # to 16 px


def drawn(*shape: int, seed: int, scale: float = 1.0) -> Tensor:
    return (
        torch.from_numpy(np.random.RandomState(seed).standard_normal(shape).astype(np.float32))
        * scale
    )


def genforce() -> dict[str, Tensor]:
    """`StyleGANGenerator`: mapping.denseN, truncation.w_avg, synthesis.layerN,
    synthesis.outputN.
    """
    made = {"truncation.w_avg": drawn(W, seed=1), "synthesis.lod": torch.zeros(())}
    for number, inputs in enumerate((Z, W)):
        made |= {f"mapping.dense{number}.weight": drawn(W, inputs, seed=2 + number, scale=100)}
        made |= {f"mapping.dense{number}.bias": drawn(W, seed=4 + number, scale=10)}
    for number in range(2 * len(CHANNELS)):
        block, here, seed = number // 2, f"synthesis.layer{number}", 20 * (number + 1)
        up = number > 0 and number % 2 == 0
        inputs, outputs, side = CHANNELS[block - up], CHANNELS[block], 4 << block
        made |= (
            {f"{here}.weight": drawn(outputs, inputs, 3, 3, seed=seed)}
            if number
            else {f"{here}.const": drawn(1, outputs, 4, 4, seed=seed)}
        )
        made |= {
            f"{here}.bias": drawn(outputs, seed=seed + 1),
            f"{here}.style.weight": drawn(2 * outputs, W, seed=seed + 2),
        }
        made |= {
            f"{here}.style.bias": drawn(2 * outputs, seed=seed + 3),
            f"{here}.apply_noise.weight": drawn(outputs, seed=seed + 4),
        }
        made |= {f"{here}.apply_noise.noise": drawn(1, 1, side, side, seed=seed + 5)}
        made |= {f"{here}.blur.kernel": torch.zeros(outputs, 1, 3, 3)} if up else {}
    for block, channels in enumerate(CHANNELS):
        made |= {
            f"synthesis.output{block}.weight": drawn(3, channels, 1, 1, seed=300 + block),
            f"synthesis.output{block}.bias": drawn(3, seed=310 + block),
        }
    return made


def lernapparat() -> dict[str, Tensor]:
    """`g_mapping.denseN`, `g_synthesis.blocks.8x8.conv0_up`, `...epi1.top_epi.noise`: no constant
    noise, no average.
    """
    made = {}
    for name, tensor in genforce().items():
        match = re.fullmatch(r"synthesis\.layer(\d)\.(.+)", name)
        if name.startswith("mapping."):
            made[f"g_{name}"] = tensor
        elif name.startswith("synthesis.output2."):
            made[name.replace("synthesis.output2", "g_synthesis.torgb")] = tensor
        elif match and not match[2].endswith(("noise.noise", "kernel")):
            number, leaf = int(match[1]), match[2]
            block = f"g_synthesis.blocks.{4 << number // 2}x{4 << number // 2}"
            epilogue = f"{block}.epi{1 + number % 2}"
            second = "conv1" if number > 1 else "conv"
            layer = f"{block}.{second if number % 2 else 'conv0_up'}"
            place = {
                "const": block,
                "weight": layer,
            }.get(leaf)
            if leaf == "bias":
                place = block if not number else layer
            if place is None:
                place = (
                    f"{epilogue}.style_mod.lin"
                    if leaf.startswith("style")
                    else f"{epilogue}.top_epi.noise"
                )
            made[f"{place}.{leaf.rpartition('.')[2]}"] = tensor
    return made | {"g_synthesis.blocks.8x8.conv0_up.intermediate.kernel": torch.zeros(1, 1, 3, 3)}


def tensorflow() -> dict[str, Tensor]:
    """The names and shapes of NVIDIA's TensorFlow program."""
    made = {}
    for name, tensor in genforce().items():
        if match := re.fullmatch(r"mapping\.dense(\d)\.(\w+)", name):
            made[f"mapping/Dense{match[1]}/{match[2]}"] = (
                tensor.t() if match[2] == "weight" else tensor
            )
        elif match := re.fullmatch(r"synthesis\.output(\d)\.(\w+)", name):
            made[f"synthesis/ToRGB_lod{2 - int(match[1])}/{match[2]}"] = (
                tensor.permute(2, 3, 1, 0) if match[2] == "weight" else tensor
            )
        elif match := re.fullmatch(r"synthesis\.layer(\d)\.(.+)", name):
            number, leaf = int(match[1]), match[2]
            side = 4 << number // 2
            layer = ("Const", "Conv")[number] if number < 2 else ("Conv0_up", "Conv1")[number % 2]
            names = {
                "style.weight": "StyleMod/weight",
                "style.bias": "StyleMod/bias",
                "apply_noise.weight": "Noise/weight",
            }
            if leaf == "apply_noise.noise":
                made[f"synthesis/noise{number}"] = tensor
            elif not leaf.endswith("kernel"):
                lies = {
                    "weight": lambda t: t.permute(2, 3, 1, 0),
                    "style.weight": lambda t: t.t(),
                }.get(leaf, lambda t: t)
                made[f"synthesis/{side}x{side}/{layer}/{names.get(leaf, leaf)}"] = lies(tensor)
    return made | {
        "dlatent_avg": genforce()["truncation.w_avg"],
        "lod": torch.zeros(()),
        "synthesis/lod": torch.zeros(()),
    }


def twin(
    made: dict[str, Tensor], ws: Tensor, noise: bool = True, fused_from: int = 1 << 30
) -> Tensor:
    """ws [N, 6, W] -> [N, 3, 16, 16]."""
    blur = torch.outer(torch.tensor([1.0, 2, 1]), torch.tensor([1.0, 2, 1])) / 16
    x = made["synthesis.layer0.const"].repeat(len(ws), 1, 1, 1)
    for number in range(2 * len(CHANNELS)):
        here = f"synthesis.layer{number}"
        if number:
            weight = made[f"{here}.weight"]
            weight = weight * math.sqrt(2 / weight[0].numel())
            up = number % 2 == 0
            if up and 2 * x.shape[2] >= fused_from:
                padded = F.pad(weight, (1, 1, 1, 1))
                kernel = sum(padded[:, :, a : a + 4, b : b + 4] for a in (0, 1) for b in (0, 1))
                x = F.conv_transpose2d(x, kernel.transpose(0, 1), stride=2, padding=1)
            else:
                x = x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3) if up else x
                x = F.conv2d(x, weight, padding=1)
            x = (
                F.conv2d(x, blur.expand(x.shape[1], 1, 3, 3), padding=1, groups=x.shape[1])
                if up
                else x
            )
        if noise:
            x = (
                x
                + made[f"{here}.apply_noise.noise"]
                * made[f"{here}.apply_noise.weight"][:, None, None]
            )
        x = F.leaky_relu(x + made[f"{here}.bias"][:, None, None], 0.2)
        x = x - x.mean(dim=(2, 3), keepdim=True)
        x = x / torch.sqrt(x.square().mean(dim=(2, 3), keepdim=True) + 1e-8)
        style = (
            ws[:, number] @ made[f"{here}.style.weight"].t() / math.sqrt(W)
            + made[f"{here}.style.bias"]
        )
        scale, shift = style[:, :, None, None].chunk(2, dim=1)
        x = x * (scale + 1) + shift
    return F.conv2d(
        x, made["synthesis.output2.weight"] / math.sqrt(x.shape[1]), made["synthesis.output2.bias"]
    )


def mapped(made: dict[str, Tensor], z: Tensor) -> Tensor:
    x = z / torch.sqrt(z.square().mean(dim=1, keepdim=True) + 1e-8)
    for number in range(2):
        weight, bias = made[f"mapping.dense{number}.weight"], made[f"mapping.dense{number}.bias"]
        x = F.leaky_relu(
            x @ weight.t() * (0.01 * math.sqrt(2 / weight.shape[1])) + bias * 0.01, 0.2
        )
    return x


def off(ours: Tensor, reference: Tensor) -> float:
    assert ours.shape == reference.shape
    return ((ours - reference).abs().max() / reference.abs().max()).item()


Z_ROWS = drawn(3, Z, seed=7)
WS = mapped(genforce(), Z_ROWS)[:, None].repeat(1, 6, 1)


def test_a_picture_equals_the_twins() -> None:
    network = networks.build("stylegan1", genforce(), {})
    assert off(network.mapping(Z_ROWS), WS) < 1e-4
    picture = network.synthesis(WS)
    assert off(picture, twin(genforce(), WS)) < 1e-4
    assert off(network.synthesis(WS, noise="none"), twin(genforce(), WS, noise=False)) < 1e-4
    assert off(network.synthesis(WS[2:]), picture[2:]) < 1e-5
    assert (
        torch.equal(network.w_avg, genforce()["truncation.w_avg"])
        and network.resolution == 16
        and network.label_dim == 0
    )
    pulled = network.mapping(Z_ROWS, psi=0.5, cutoff=2)
    assert (
        off(pulled[:, 0], network.w_avg + (WS[:, 0] - network.w_avg) / 2) < 1e-4
        and off(pulled[:, 2], WS[:, 2]) < 1e-4
    )


def test_random_noise_is_each_pictures_own() -> None:
    network = networks.build("stylegan1", genforce(), {})
    together = network.synthesis(
        WS, noise="random", generators=[torch.Generator().manual_seed(n) for n in range(3)]
    )
    alone = network.synthesis(WS[2:], noise="random", generators=[torch.Generator().manual_seed(2)])
    assert off(alone, together[2:]) < 1e-5 and off(network.synthesis(WS), together) > 1e-2


@pytest.mark.parametrize("said, fused_from", [("true", 8), (False, 1 << 30), ("auto", 128)])
def test_fused_doublings_lie_the_other_way_round(said: object, fused_from: int) -> None:
    network = networks.build("stylegan1", genforce(), {"fused_scale": said})
    assert off(network.synthesis(WS), twin(genforce(), WS, fused_from=fused_from)) < 1e-4
    with pytest.raises(ValueError, match="fused_scale is 'maybe'; known are auto, true and false"):
        networks.build("stylegan1", genforce(), {"fused_scale": "maybe"})


def test_lernapparats_layout_lacks_the_average_and_the_noise() -> None:
    shapes = {name: tuple(tensor.shape) for name, tensor in lernapparat().items()}
    assert networks.recognise(shapes) == "stylegan1"
    network, again = (networks.build("stylegan1", lernapparat(), {}) for _ in range(2))
    assert off(network.synthesis(WS, noise="none"), twin(genforce(), WS, noise=False)) < 1e-4
    assert torch.equal(network(Z_ROWS), again(Z_ROWS)) and network.w_avg.any()


def test_a_tensorflow_pickle_is_read_as_data(tmp_path: Path) -> None:
    (tmp_path / "stylegan.pkl").write_bytes(
        tensorflow_networks(tensorflow(), dict(resolution=16, fused_scale=False))
    )
    contents = formats.read(tmp_path / "stylegan.pkl")
    assert (
        networks.recognise({name: tuple(t.shape) for name, t in contents.tensors.items()})
        == "stylegan1"
    )
    network = networks.build("stylegan1", contents.tensors, contents.settings)
    assert off(network.synthesis(network.mapping(Z_ROWS)), twin(genforce(), WS)) < 1e-4
    assert torch.equal(network.w_avg, genforce()["truncation.w_avg"])


@pytest.mark.parametrize(
    "change, refusal",
    [
        (
            {"synthesis.lod": torch.tensor(2.0)},
            "synthesis.lod is 2.0: this network was still growing",
        ),
        ({"synthesis.layer3.style.bias": None}, "synthesis.layer3.style.bias is missing"),
        ({"synthesis.layer4.bias": None}, "synthesis.layer4.bias is missing"),
        ({"mapping.label_weight": torch.zeros(3, 10)}, "mapping.label_weight is left over"),
        (
            {"synthesis.output2.weight": torch.zeros(2, 8, 1, 1)},
            "it makes 2 channels; a picture has 1 or 3",
        ),
    ],
)
def test_a_file_that_does_not_fit_is_named(change: dict[str, Tensor | None], refusal: str) -> None:
    made = {name: tensor for name, tensor in (genforce() | change).items() if tensor is not None}
    with pytest.raises(ValueError, match=refusal):
        networks.build("stylegan1", made, {})
