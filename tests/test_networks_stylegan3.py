"""StyleGAN3 beside a plain twin that does what the paper says one step after another, in float64,
on random weights.
"""

from __future__ import annotations

import math
import pickle
from pathlib import Path

import numpy
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganapps import networks
from ganapps.models import formats
from ganapps.networks.faces import stylegan3
from ganapps.networks.faces.resampling import Axis, Resampling
from tests.snapshot_files import PLACES, EasyDict, Persistent, stand_ins

Z, W = 8, 10
# name: side, samples per picture, channels, kernel, whether the filter back is round
LAYERS = {
    "t": [
        ("L0_36_12", 36, 16, 12, 3),
        ("L1_52_12", 52, 32, 12, 3),
        ("L2_32_6", 32, 32, 6, 3),
        ("L3_32_3", 32, 32, 3, 1),
    ],
    "r": [
        ("L0_36_12", 36, 16, 12, 1),
        ("L1_52_12", 52, 32, 12, 1),
        ("L2_32_6", 32, 32, 6, 1),
        ("L3_32_3", 32, 32, 3, 1),
    ],
}
RATE, BANDWIDTH = 16, 2.0
CLAMP = 0.9  # so low that it acts


def drawn(*shape: int, seed: int, scale: float = 1.0, offset: float = 0.0) -> Tensor:
    numbers = np.random.RandomState(seed).standard_normal(shape or (1,)).reshape(shape)
    return torch.from_numpy(numbers.astype(np.float32)) * scale + offset


def state(kind: str, labels: int = 0) -> dict[str, Tensor]:
    """A small network in NVIDIA's layout; its filters are random, so that turning one over would
    show.
    """
    made: dict[str, Tensor] = {"mapping.w_avg": drawn(W, seed=1)}
    for number, inputs in enumerate((Z + (W if labels else 0), W)):
        made |= {f"mapping.fc{number}.weight": drawn(W, inputs, seed=2 + number, scale=100)}
        made |= {f"mapping.fc{number}.bias": drawn(W, seed=4 + number, scale=10)}
    if labels:
        made |= {
            "mapping.embed.weight": drawn(W, labels, seed=6),
            "mapping.embed.bias": drawn(W, seed=7),
        }
    channels = LAYERS[kind][0][3]
    made |= {
        "synthesis.input.freqs": drawn(channels, 2, seed=8, scale=1.5),
        "synthesis.input.phases": drawn(channels, seed=9),
    }
    made |= {
        "synthesis.input.transform": torch.eye(3),
        "synthesis.input.weight": drawn(channels, channels, seed=10),
    }
    made |= {
        "synthesis.input.affine.weight": drawn(4, W, seed=11, scale=0.5),
        "synthesis.input.affine.bias": torch.tensor([1.0, 0, 0, 0]),
    }
    rate = RATE
    for number, (name, _, out_rate, outputs, kernel) in enumerate(LAYERS[kind]):
        here, seed = f"synthesis.{name}", 20 * (number + 1)
        made |= {
            f"{here}.weight": drawn(outputs, channels, kernel, kernel, seed=seed),
            f"{here}.bias": drawn(outputs, seed=seed + 1),
        }
        made |= {
            f"{here}.affine.weight": drawn(channels, W, seed=seed + 2),
            f"{here}.affine.bias": drawn(channels, seed=seed + 3, offset=1),
        }
        made |= {f"{here}.magnitude_ema": drawn(seed=seed + 4).abs() + 0.5}
        if number < len(LAYERS[kind]) - 1:
            taps = 6 * 2 * out_rate // rate
            made |= {f"{here}.up_filter": drawn(taps, seed=seed + 5, scale=taps**-0.5)}
            round_one = kind == "r" and number == 0
            made |= {
                f"{here}.down_filter": drawn(
                    *[12] * (2 if round_one else 1), seed=seed + 6, scale=0.1 if round_one else 0.3
                )
            }
        channels, rate = outputs, out_rate
    return made


# The twin.


def dense(made: dict[str, Tensor], name: str, x: Tensor, rate: float = 1.0) -> Tensor:
    weight, bias = made[f"{name}.weight"], made[f"{name}.bias"]
    return x @ weight.t() * (rate / math.sqrt(weight.shape[1])) + bias * rate


def unit(x: Tensor) -> Tensor:
    return x / (x.square().mean(dim=1, keepdim=True) + 1e-8).sqrt()


def mapped(made: dict[str, Tensor], z: Tensor, c: Tensor | None) -> Tensor:
    x = unit(z)
    if c is not None:
        x = torch.cat([x, unit(dense(made, "mapping.embed", c))], dim=1)
    for number in range(2):
        x = F.leaky_relu(dense(made, f"mapping.fc{number}", x, 0.01), 0.2) * math.sqrt(2)
    return x


def features(made: dict[str, Tensor], w: Tensor, size: int, placed: Tensor) -> Tensor:
    """One picture's input, w [W] -> [C, size, size]; `placed` is the caller's transform,
    inverted.
    """
    c, s, x, y = (t := dense(made, "synthesis.input.affine", w[None])[0]) / t[:2].norm()
    turn, move = torch.eye(3).double(), torch.eye(3).double()
    turn[:2, :2] = torch.stack([torch.stack([c, -s]), torch.stack([s, c])])
    move[:2, 2] = -torch.stack([x, y])
    whole = turn @ move @ placed
    freqs = made["synthesis.input.freqs"] @ whole[:2, :2]
    phases = made["synthesis.input.phases"] + made["synthesis.input.freqs"] @ whole[:2, 2]
    fade = (1 - (freqs.norm(dim=1) - BANDWIDTH) / (RATE / 2 - BANDWIDTH)).clamp(0, 1)
    place = (torch.arange(size).double() + 0.5 - size / 2) / RATE
    waves = (
        freqs[:, 0, None, None] * place
        + freqs[:, 1, None, None] * place[:, None]
        + phases[:, None, None]
    )
    weight = made["synthesis.input.weight"] / math.sqrt(len(freqs))
    return torch.einsum("oi,ihw->ohw", weight, torch.sin(2 * math.pi * waves) * fade[:, None, None])


def filtered(x: Tensor, taps: Tensor, up: int, down: int, before: int, after: int) -> Tensor:
    """[C, h, h]: zeros between samples and around them, a true convolution, every `down`th sample
    kept.
    """
    spread = x.new_zeros(len(x), x.shape[1] * up, x.shape[2] * up)
    spread[:, ::up, ::up] = x
    spread = F.pad(spread, (before, after, before, after))
    taps = taps.flip(*range(taps.dim()))
    kernels = [taps[None], taps[:, None]] if taps.dim() == 1 else [taps]
    for kernel in kernels:
        spread = F.conv2d(spread[:, None], kernel[None, None])[:, 0]
    return spread[:, ::down, ::down] * up**2


def twin(
    made: dict[str, Tensor],
    kind: str,
    ws: Tensor,
    placed: Tensor | None = None,
    clamp: float | None = CLAMP,
) -> Tensor:
    """ws [N, num_ws, W] -> [N, 3, H, H]."""
    made = {name: tensor.double() for name, tensor in made.items()}
    pictures = []
    for w in ws.double():
        size = LAYERS[kind][0][1]
        rate = RATE
        x = features(made, w[0], size, torch.eye(3).double() if placed is None else placed)
        for number, (name, out_size, out_rate, _, kernel) in enumerate(LAYERS[kind]):
            here, last = f"synthesis.{name}", number == len(LAYERS[kind]) - 1
            style = dense(made, f"{here}.affine", w[number + 1][None])[0]
            weight = made[f"{here}.weight"]
            if last:
                weight = weight * style[:, None, None] / math.sqrt(len(style))
            else:
                weight = (
                    weight
                    / weight.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
                    * (style / style.square().mean().sqrt())[:, None, None]
                )
                weight = weight / (weight.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-8).sqrt()
            weight = weight / made[f"{here}.magnitude_ema"].sqrt()
            x = (
                F.conv2d(x[None], weight, padding=kernel - 1)[0]
                + made[f"{here}.bias"][:, None, None]
            )

            def bound(y: Tensor, most: float | None = clamp) -> Tensor:
                return y if most is None else y.clamp(-most, most)

            if last:
                x = bound(x)
                continue
            up_taps, down_taps = made[f"{here}.up_filter"], made[f"{here}.down_filter"]
            up, down = 2 * out_rate // rate, 2
            missing = (
                (out_size - 1) * down + 1 - x.shape[1] * up + len(up_taps) + len(down_taps) - 2
            )
            before = (missing + up) // 2
            x = filtered(x, up_taps, up, 1, before, missing - before)
            x = filtered(bound(F.leaky_relu(x, 0.2) * math.sqrt(2)), down_taps, 1, down, 0, 0)
            rate = out_rate
        pictures.append(x * 0.25)
    return torch.stack(pictures).float()


def off(ours: Tensor, reference: Tensor) -> float:
    assert ours.shape == reference.shape
    return ((ours - reference).abs().max() / reference.abs().max()).item()


def latents(count: int = 2) -> Tensor:
    return drawn(count, Z, seed=77)


def built(kind: str, labels: int = 0, **settings: object) -> stylegan3.StyleGAN3:
    return networks.build("stylegan3", state(kind, labels), {"conv_clamp": CLAMP, **settings})


# Equal to the twin.


@pytest.mark.parametrize("kind", LAYERS)
def test_a_picture_equals_the_papers(kind: str) -> None:
    made, network = state(kind), built(kind)
    ws = mapped(made, latents(), None)[:, None].repeat(1, network.num_ws, 1)
    assert off(network.mapping(latents()), ws) < 1e-4
    picture = network.synthesis(ws)
    assert off(picture, twin(made, kind, ws)) < 1e-4
    assert (
        off(built(kind, conv_clamp="none").synthesis(ws), twin(made, kind, ws, clamp=None)) < 1e-4
    )
    assert off(picture, twin(made, kind, ws, clamp=None)) > 1e-2  # the clamp acts
    assert (
        picture.shape == (2, 3, network.resolution, network.resolution)
        and not picture.requires_grad
    )


def test_labels_and_truncation_are_those_of_stylegan2() -> None:
    network = built("t", labels=3)
    c = torch.eye(3)[:2]
    free = mapped(state("t", 3), latents(), c)
    pulled = network.w_avg + 0.6 * (free - network.w_avg)
    ws = network.mapping(latents(), c, psi=0.6, cutoff=2)
    assert off(ws[:, 0], pulled) < 1e-4 and off(ws[:, 2], free) < 1e-4


@pytest.mark.parametrize("kind", LAYERS)
def test_the_input_is_turned_and_moved(kind: str) -> None:
    """As the official scripts do: their matrix turns and moves the picture, and its inverse acts on
    the input.
    """
    made, network = state(kind), built(kind, conv_clamp="none")
    ws = network.mapping(latents(1))
    angle, (right, down) = 25 * math.pi / 180, (0.1, -0.2)
    matrix = torch.tensor(
        [
            [math.cos(angle), math.sin(angle), right],
            [-math.sin(angle), math.cos(angle), down],
            [0, 0, 1],
        ]
    ).double()
    placed = network.synthesis(ws, rotation=25, translation=(right, down))
    assert off(placed, twin(made, kind, ws, torch.linalg.inv(matrix), clamp=None)) < 1e-4
    assert off(placed, network.synthesis(ws)) > 0.1
    assert torch.equal(network.synthesis(ws, rotation=0, translation=(0, 0)), network.synthesis(ws))


def test_a_picture_does_not_depend_on_its_batch_nor_on_the_strips(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = built("r")
    together = network(latents(3))
    assert off(network(latents(3)[2:]), together[2:]) < 1e-4
    monkeypatch.setitem(stylegan3.STRIP, "cpu", 1)
    assert off(network(latents(3)), together) < 1e-4


def test_lower_precision_is_near() -> None:
    network = built("t")
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        x = network(latents())
    assert x.dtype == torch.float32 and 0 < off(x, network(latents())) < 0.1


def test_gradients_reach_the_styles() -> None:
    network = built("t")
    ws = network.mapping(latents(1)).requires_grad_()
    network.synthesis(ws).square().sum().backward()
    assert ws.grad.abs().sum() > 0


# Filters of any design.


@pytest.mark.parametrize(
    "up, down, before",
    [(1, 1, 0), (2, 1, 5), (4, 1, 11), (3, 1, -4), (1, 2, 0), (1, 3, 2), (2, 1, 40)],
)
@pytest.mark.parametrize("square", [False, True])
def test_a_resampling_is_what_its_definition_says(
    up: int, down: int, before: int, square: bool
) -> None:
    x, taps = drawn(3, 70, 70, seed=5), drawn(*[7] * (2 if square else 1), seed=6)
    outputs = (70 * up + before + 9 - 7) // down + 1
    expected = (
        filtered(x.double(), taps.double(), up, down, before, 9)[:, :outputs, :outputs] / up**2
    )
    assert off(Resampling(taps, 70, outputs, up, down, before)(x), expected.float()) < 1e-5


def test_a_resampling_beyond_the_picture_is_zero() -> None:
    assert not Axis(torch.ones(3), 4, 9, before=100).across(torch.ones(1, 2, 4)).any()


# Files.


def test_a_pickle_says_what_shapes_do_not(tmp_path: Path) -> None:
    """Factors of a grid four times as fine, no clamp, another scale and bandwidth: the pickled
    layers have the word.
    """

    def module(
        attributes: dict[str, object], tensors: dict[str, Tensor], inner: dict[str, nn.Module]
    ) -> Persistent:
        made = Persistent()
        vars(made).update(attributes)
        for name, tensor in tensors.items():
            made.register_buffer(name, tensor)
        for name, each in inner.items():
            made.add_module(name, each)
        return made

    def tree(tensors: dict[str, Tensor], path: str = "") -> Persistent:
        leaves = {name: tensor for name, tensor in tensors.items() if "." not in name}
        parts = {name.split(".")[0] for name in tensors if "." in name}
        inner = {
            p: tree(
                {n[len(p) + 1 :]: t for n, t in tensors.items() if n.startswith(p + ".")},
                f"{path}{p}.",
            )
            for p in sorted(parts)
        }
        return module(attributes.get(path[:-1], {}), leaves, inner)

    made = state("t")
    attributes = {
        f"synthesis.{name}": dict(
            up_factor=numpy.int64(4 if n == 1 else 2),
            down_factor=2,
            conv_clamp=None,
            out_size=numpy.array([size] * 2),
        )
        for n, (name, size, *_) in enumerate(LAYERS["t"])
    }
    attributes["synthesis.L3_32_3"] |= dict(up_factor=1, down_factor=1)
    attributes |= {
        "synthesis": dict(output_scale=0.5),
        "synthesis.input": dict(sampling_rate=numpy.float64(16), bandwidth=numpy.float64(2)),
    }
    with stand_ins(
        {EasyDict: PLACES[EasyDict], **{k: v for k, v in PLACES.items() if k is not EasyDict}}
    ):
        (tmp_path / "network.pkl").write_bytes(pickle.dumps(dict(G_ema=tree(made)), 4))
    contents = formats.read(tmp_path / "network.pkl")
    assert (
        networks.recognise({name: tuple(t.shape) for name, t in contents.tensors.items()})
        == "stylegan3"
    )
    network = networks.build("stylegan3", contents.tensors, contents.settings)
    ws = network.mapping(latents())
    assert off(network.synthesis(ws), 2 * twin(made, "t", ws, clamp=None)) < 1e-4


def test_a_state_dict_of_studiogan_is_recognised() -> None:
    wrapped = {f"state_dict.{name}": tensor for name, tensor in state("r", 3).items()}
    assert networks.recognise({name: tuple(t.shape) for name, t in wrapped.items()}) == "stylegan3"
    assert networks.build("stylegan3", wrapped, {}).label_dim == 3


@pytest.mark.parametrize(
    "change, refusal",
    [
        ({"synthesis.L1_52_12.bias": None}, "synthesis.L1_52_12.bias is missing"),
        ({"synthesis.L1_52_12.weight": None}, "synthesis.L1_52_12.weight is missing"),
        ({"synthesis.extra": torch.zeros(1)}, "synthesis.extra is left over"),
        (
            {"synthesis.L0_36_12.up_filter": torch.zeros(2, 3, 4)},
            "up_filter is 2x3x4, which is no shape for it",
        ),
        ({"synthesis.L0_36_12.up_filter": torch.zeros(600)}, "up_filter is 600"),
        ({"synthesis.L7_36_12.bias": torch.zeros(12)}, "are not the layers of one network"),
        (
            {"synthesis.L3_32_3.weight": torch.zeros(5, 6, 1, 1)},
            "makes 5 channels; a picture has 1 or 3",
        ),
        (
            {"synthesis.L3_32_3.weight": torch.zeros(3, 6, 3, 3)},
            "no plain 1x1 convolution to colours",
        ),
        ({"mapping.fc0.weight": torch.zeros(12, 0)}, "which is no shape for it"),
    ],
)
def test_a_file_that_does_not_fit_is_named(change: dict[str, Tensor | None], refusal: str) -> None:
    made = {name: tensor for name, tensor in (state("t") | change).items() if tensor is not None}
    with pytest.raises(ValueError, match=refusal):
        networks.build("stylegan3", made, {})


@pytest.mark.parametrize(
    "settings, refusal",
    [
        ({"conv_clamp": "much"}, "conv_clamp is 'much'; a number or none is needed"),
        ({"margin_size": "30"}, "no room for waves of 2"),
        ({"G_ema": {"modules": {"synthesis.L0_36_12": {"up_factor": 99}}}}, "up_factor 99"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict, refusal: str) -> None:
    with pytest.raises(ValueError, match=refusal):
        networks.build("stylegan3", state("t"), settings)
