"""The face generators against pictures that the original code made, and the promises that every one
of them keeps.

`golden/faces.npz` holds small float32 pictures of the ORIGINAL code, run on a CPU in float32, each
for one of `CASES`: stylegan2-ada-pytorch d72cc7d (`training.networks`, reference operations),
stylegan3 c233a91 (`training.networks_stylegan2`), rosinality/stylegan2-pytorch bef283a (native
operations), brownvc/R3GAN 19a7ddf, HajarHAMDOUCH01/Face-Generator-StyleGAN-PyTorch aa9c7a1, and the
generator of PyTorch's DCGAN tutorial in eval mode. The weights are those of `face_layouts.made`,
loaded strictly; z is RandomState(7).standard_normal, the label of picture n is n, one-hot. So
neither published weights nor the originals are needed here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganapps import networks
from ganapps.networks.faces import stylegan2
from tests.face_layouts import dcgan, made, nvidia, r3gan, rosinality, stylegan

GOLDEN = Path(__file__).parent / "golden" / "faces.npz"
Settings = dict[str, object]
# rosinality's layers, and NVIDIA's.
TWINS = {
    "conv1": "b4.conv1",
    "convs.0": "b8.conv0",
    "convs.1": "b8.conv1",
    "to_rgb1": "b4.torgb",
    "to_rgbs.0": "b8.torgb",
}


def latents(network: nn.Module, count: int = 2) -> tuple[Tensor, Tensor | None]:
    """z, and one-hot labels if the network takes them."""
    z = torch.from_numpy(np.random.RandomState(7).standard_normal((count, network.z_dim)))
    return z, torch.eye(network.label_dim)[:count] if network.label_dim else None


def off(ours: Tensor, reference: Tensor) -> float:
    """The largest difference, relative to the largest number."""
    assert ours.shape == reference.shape
    return ((ours - reference).abs().max() / reference.abs().max()).item()


def in_style_space(
    network: nn.Module, noise: str = "const", psi: float = 1.0, cutoff: int | None = None
) -> Tensor:
    return network.synthesis(
        network.mapping(*latents(network), psi=psi, cutoff=cutoff), noise=noise
    )


def nested(**synthesis: object) -> Settings:
    return {
        "G_ema": {
            "z_dim": 10,
            "class_name": "Generator",
            "mapping_kwargs": {"num_layers": 2},
            "synthesis_kwargs": synthesis,
        }
    }


# name: (network, tensors, settings, how its picture is made)
CASES: dict[
    str, tuple[str, Callable[[], dict[str, Tensor]], Settings, Callable[[nn.Module], Tensor]]
] = {
    "ada-skip-32": ("stylegan2", lambda: made(nvidia(32), "G_ema."), nested(), in_style_space),
    "ada-labels-psi-cutoff": (
        "stylegan2",
        lambda: made(nvidia(labels=3)),
        {},
        lambda n: in_style_space(n, psi=0.6, cutoff=3),
    ),
    "ada-resnet": (
        "stylegan2",
        lambda: made(nvidia(architecture="resnet")),
        {},
        lambda n: in_style_space(n, psi=-0.5),
    ),
    "ada-orig-no-noise-mode": (
        "stylegan2",
        lambda: made(nvidia(architecture="orig")),
        {},
        lambda n: in_style_space(n, "none"),
    ),
    "ada-without-noise": ("stylegan2", lambda: made(nvidia(noise=False)), {}, in_style_space),
    "ada-clamped": (
        "stylegan2",
        lambda: made(nvidia(architecture="resnet"), "G_ema."),
        nested(conv_clamp=0.6),
        in_style_space,
    ),
    "ada-4": ("stylegan2", lambda: made(nvidia(4)), {}, in_style_space),
    "sg3-clamped-by-default": (
        "stylegan2",
        lambda: loud(made(nvidia(), "G_ema.")),
        {"G_ema": {"channel_base": 256}},
        in_style_space,
    ),
    "rosinality": ("stylegan2", lambda: made(rosinality(), "g_ema."), {}, in_style_space),
    "rosinality-psi": (
        "stylegan2",
        lambda: made(rosinality(), "g_ema.") | made({"latent_avg": (12,)}),
        {},
        lambda n: in_style_space(n, psi=0.5),
    ),
    "r3gan": ("r3gan", lambda: made(r3gan(), "G_ema.Model."), {}, lambda n: n(*latents(n))),
    "r3gan-labels": ("r3gan", lambda: made(r3gan(3), "G_ema.Model."), {}, lambda n: n(*latents(n))),
    "dcgan": ("dcgan", lambda: made(dcgan()), {}, lambda n: n(*latents(n))),
    "dcgan-128-grey": (
        "dcgan",
        lambda: made(dcgan(1, 6), "netG_state_dict."),
        {},
        lambda n: n(*latents(n))[:, :1],
    ),
    "stylegan": ("stylegan", lambda: made(stylegan()), {}, lambda n: in_style_space(n, "none")),
    "stylegan-psi": (
        "stylegan",
        lambda: made(stylegan(), "generator_state_dict."),
        {},
        lambda n: in_style_space(n, "none", psi=0.7),
    ),
}
LAYOUTS = [
    "ada-skip-32",
    "ada-labels-psi-cutoff",
    "ada-resnet",
    "rosinality",
    "r3gan-labels",
    "dcgan",
    "stylegan",
]


def loud(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Noise so strong that activations pass 256."""
    return {
        name: tensor * 1000 if name.endswith("noise_strength") else tensor
        for name, tensor in tensors.items()
    }


def built(case: str) -> nn.Module:
    name, tensors, settings, _ = CASES[case]
    return networks.build(name, tensors(), settings)


# Equal to the originals.


@pytest.mark.parametrize("case", CASES)
def test_a_picture_equals_the_originals(case: str) -> None:
    picture = CASES[case][3](built(case))
    assert off(picture, torch.from_numpy(np.load(GOLDEN)[case])) < 1e-4
    assert not picture.requires_grad and picture.dtype == torch.float32


def test_every_golden_picture_belongs_to_a_case() -> None:
    assert set(np.load(GOLDEN)) == set(CASES)


def test_both_layouts_of_stylegan2_give_the_same_picture() -> None:
    theirs = made(rosinality(channels=16)) | made({"latent_avg": (12,)})
    ours = {"synthesis.b4.const": theirs["input.input"][0], "mapping.w_avg": theirs["latent_avg"]}
    for n in (0, 1):
        ours |= {
            f"mapping.fc{n}.{leaf}": theirs[f"style.{n + 1}.{leaf}"] for leaf in ("weight", "bias")
        }
    for n, (layer, place) in enumerate(
        (("conv1", "b4.conv1"), ("convs.0", "b8.conv0"), ("convs.1", "b8.conv1"))
    ):
        ours[f"synthesis.{place}.noise_const"] = theirs[f"noises.noise_{n}"][0, 0]
        ours[f"synthesis.{place}.noise_strength"] = theirs[f"{layer}.noise.weight"][0]
        ours[f"synthesis.{place}.bias"] = theirs[f"{layer}.activate.bias"]
    for layer, place in (("to_rgb1", "b4.torgb"), ("to_rgbs.0", "b8.torgb")):
        ours[f"synthesis.{place}.bias"] = theirs[f"{layer}.bias"][0, :, 0, 0]
    for layer, place in TWINS.items():
        ours[f"synthesis.{place}.weight"] = theirs[f"{layer}.conv.weight"][0]
        for leaf in ("weight", "bias"):
            ours[f"synthesis.{place}.affine.{leaf}"] = theirs[f"{layer}.conv.modulation.{leaf}"]
    pictures = [
        in_style_space(networks.build("stylegan2", file, {}), psi=0.7) for file in (ours, theirs)
    ]
    assert torch.equal(*pictures)


@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
def test_strips_join_without_a_seam(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network = networks.build("stylegan2", made(nvidia(64, architecture)), {"conv_clamp": 2})
    whole = in_style_space(network)
    monkeypatch.setitem(stylegan2.STRIP, "cpu", 64)  # eight rows, the least
    assert off(in_style_space(network), whole) < 1e-5


# Promises of every face network.


@pytest.mark.parametrize("case", LAYOUTS)
def test_a_network_states_its_facts(case: str) -> None:
    network = built(case)
    x = network(*latents(network, 1))
    assert x.shape == (1, 3, network.resolution, network.resolution)
    assert network.value_range == (-1.0, 1.0) and network.label_dim == (
        3 if "labels" in case else 0
    )
    assert not network.training and not any(p.requires_grad for p in network.parameters())
    if network.num_ws:
        assert network.mapping(*latents(network)).shape == (2, network.num_ws, len(network.w_avg))


@pytest.mark.parametrize("case", LAYOUTS)
def test_a_picture_does_not_depend_on_its_batch(case: str) -> None:
    network = built(case)
    z, c = latents(network, 3)
    together = network(z, c)
    for n in range(3):
        assert (
            off(network(z[n : n + 1], None if c is None else c[n : n + 1]), together[n : n + 1])
            < 1e-4
        )


@pytest.mark.parametrize("case", LAYOUTS)
def test_building_leaves_the_file_and_the_random_state_alone(case: str) -> None:
    name, tensors, settings, _ = CASES[case]
    given = tensors()
    state = torch.get_rng_state()
    network = networks.build(name, given, settings)
    network(*latents(network))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(tensor, given[key]) for key, tensor in tensors().items())


@pytest.mark.parametrize("case", LAYOUTS)
def test_half_precision_files_are_computed_in_float32(case: str) -> None:
    name, tensors, settings, _ = CASES[case]
    halves = {key: tensor.half() for key, tensor in tensors().items()}
    network = networks.build(name, halves, settings)
    assert {p.dtype for p in network.parameters()} == {torch.float32}
    assert off(network(*latents(network)), built(case)(*latents(network))) < 0.05


@pytest.mark.parametrize("case", LAYOUTS)
def test_lower_precision_is_near(case: str) -> None:
    network = built(case)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        x = network(*latents(network))
    assert x.dtype == torch.float32
    assert 0 < off(x, network(*latents(network))) < 0.1


# Style networks: noise and truncation.


@pytest.mark.parametrize("case", ["ada-labels-psi-cutoff", "stylegan"])
def test_random_noise_is_each_pictures_own(case: str) -> None:
    network = built(case)
    ws = network.mapping(*latents(network, 3))
    state = torch.get_rng_state()
    together = network.synthesis(
        ws, noise="random", generators=[torch.Generator().manual_seed(n) for n in range(3)]
    )
    assert torch.equal(torch.get_rng_state(), state)
    alone = network.synthesis(ws[2:], noise="random", generators=[torch.Generator().manual_seed(2)])
    assert off(alone, together[2:]) < 1e-5
    assert (
        off(
            network.synthesis(
                ws[2:], noise="random", generators=[torch.Generator().manual_seed(3)]
            ),
            alone,
        )
        > 1e-3
    )


def test_random_noise_takes_the_place_of_the_files_noise() -> None:
    tensors = made(nvidia())
    network = networks.build("stylegan2", tensors, {})
    generator = torch.Generator().manual_seed(5)
    random = network.synthesis(
        network.mapping(*latents(network, 1)), noise="random", generators=[generator]
    )
    generator.manual_seed(5)
    for side in (4, 8, 16):
        for name in (f"synthesis.b{side}.{layer}.noise_const" for layer in ("conv0", "conv1")):
            if name in tensors:
                tensors[name] = torch.randn(side, side, generator=generator)
    assert off(networks.build("stylegan2", tensors, {})(*latents(network, 1)), random) < 1e-5


@pytest.mark.parametrize("case", ["ada-resnet", "stylegan"])
def test_odd_noise_is_refused(case: str) -> None:
    network = built(case)
    ws = network.mapping(*latents(network))
    with pytest.raises(ValueError, match="'loud'; known are const, random and none"):
        network.synthesis(ws, noise="loud")
    with pytest.raises(ValueError, match="one generator per picture, 2"):
        network.synthesis(ws, noise="random", generators=[torch.Generator()])


@pytest.mark.parametrize("case", ["ada-labels-psi-cutoff", "stylegan"])
def test_truncation_pulls_the_first_layers_to_the_average(case: str) -> None:
    network = built(case)
    free, pulled = (network.mapping(*latents(network), psi=psi, cutoff=2) for psi in (1.0, 0.25))
    assert torch.equal(free[:, 2:], pulled[:, 2:])
    assert torch.allclose(
        pulled[:, :2] - network.w_avg, 0.25 * (free[:, :2] - network.w_avg), atol=1e-5
    )
    assert torch.allclose(
        network.mapping(*latents(network), psi=0.0), network.w_avg.expand_as(free)
    )


@pytest.mark.parametrize(
    "case, average",
    [("rosinality", "latent_avg"), ("ada-resnet", "mapping.w_avg"), ("stylegan", "w_mean")],
)
def test_an_average_that_the_file_lacks_is_estimated_alike_each_time(
    case: str, average: str
) -> None:
    name, tensors, settings, _ = CASES[case]
    given = tensors()
    given.pop(average, None)
    first, second = (networks.build(name, given, settings) for _ in range(2))
    assert torch.equal(first.w_avg, second.w_avg)
    z = torch.from_numpy(np.random.RandomState(1).standard_normal((20_000, first.z_dim)))
    mean = first.mapping(z)[:, 0].mean(dim=0)
    assert (first.w_avg - mean).norm() < 0.05 * first.mapping(z)[:, 0].std(dim=0).norm()


def test_a_file_of_rosinality_without_noise_gets_the_same_noise_each_time() -> None:
    tensors = {
        name: tensor
        for name, tensor in made(rosinality(channels=16)).items()
        if not name.startswith("noises")
    }
    first, second = (in_style_space(networks.build("stylegan2", tensors, {})) for _ in range(2))
    assert torch.equal(first, second)
    assert off(in_style_space(networks.build("stylegan2", tensors, {}), "none"), first) > 1e-3


# What the file or its row says of the constructor.


def pickled_layers(**convolution: object) -> Settings:
    """Settings as they come from a pickle: the constructor's, and those of every layer."""
    return {
        "G_ema": {
            "synthesis_kwargs": {"conv_clamp": 5.0},
            "modules": {"synthesis.b4.conv1": convolution, "mapping.fc0": {"bias_gain": 0.01}},
        }
    }


@pytest.mark.parametrize(
    "settings, clamp",
    [
        ({}, None),
        (nested(), None),
        (nested(conv_clamp=None), None),
        (nested(conv_clamp=64), 64.0),
        ({"G_ema": {"z_dim": 10}}, 256.0),
        ({"G_ema": {"conv_clamp": None}}, None),
        ({"conv_clamp": "none"}, None),
        ({"conv_clamp": "256"}, 256.0),
        ({"conv_clamp": 8, **nested(conv_clamp=64)}, 8.0),
        (pickled_layers(conv_clamp=32.0, activation="lrelu"), 32.0),
        (pickled_layers(conv_clamp=None), None),
    ],
)
def test_the_clamp_is_what_the_file_or_its_row_says(
    settings: Settings, clamp: float | None
) -> None:
    network = networks.build("stylegan2", made(nvidia()), settings)
    assert network.synthesis.b8.conv0.clamp == clamp and network.synthesis.b16.torgb.clamp == clamp


@pytest.mark.parametrize(
    "settings",
    [
        {"G_ema": {"mapping_kwargs": {"lr_multiplier": 1}}},
        {"lr_multiplier": "1"},
        {"G_ema": {"modules": {"mapping.fc0": {"bias_gain": 1.0}}}},
    ],
)
def test_the_mappings_rate_is_read(settings: Settings) -> None:
    tensors = made(nvidia())
    slow = {name: tensor * (100 if ".fc" in name else 1) for name, tensor in tensors.items()}
    expected = networks.build("stylegan2", slow, {}).mapping(torch.ones(1, 10))
    assert (
        off(networks.build("stylegan2", tensors, settings).mapping(torch.ones(1, 10)), expected)
        < 1e-5
    )


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="conv_clamp is 'much'; a number or none is needed"):
        networks.build("stylegan2", made(nvidia()), {"conv_clamp": "much"})
    with pytest.raises(ValueError, match="lr_multiplier is none; a number is needed"):
        networks.build("stylegan2", made(nvidia()), {"lr_multiplier": "none"})
    with pytest.raises(ValueError, match="activation is 'gelu'; known are lrelu, relu, linear, "):
        networks.build("stylegan2", made(nvidia()), nested(activation="gelu"))


# Recognising and refusing.


@pytest.mark.parametrize("case", CASES)
def test_a_layout_is_recognised_by_names_and_shapes(case: str) -> None:
    name, tensors, _, _ = CASES[case]
    others = {
        "D.b4.conv.weight": (8, 9, 3, 3),
        "netD.main.0.weight": (4, 3, 4, 4),
        "discriminator_state_dict.from_rgb.weight": (8, 3, 1, 1),
    }
    prefixed = not any(
        key.startswith(("main.", "synthesis.", "mapping.", "w_mean")) for key in tensors()
    )
    shapes = {key: tuple(tensor.shape) for key, tensor in tensors().items()} | (
        others if prefixed else {}
    )
    assert networks.recognise(shapes) == name
    if prefixed:
        networks.build(
            name, tensors() | {key: torch.zeros(shape) for key, shape in others.items()}, {}
        )


@pytest.mark.parametrize(
    "shapes",
    [
        {},
        {"weight": (3, 3)},
        {"synthesis.b4.const": (8, 4, 4)},
        # DCGAN's discriminator
        {
            "main.0.weight": (64, 3, 4, 4),
            "main.2.weight": (128, 64, 4, 4),
            "main.3.running_mean": (128,),
        },
        {"main.0.weight": (10, 8, 3, 3), "main.1.running_mean": (8,)},
        # StyleGAN3
        {
            "synthesis.input.weight": (8, 8),
            "mapping.fc0.weight": (8, 8),
            "synthesis.L0_36_8.affine.weight": (8, 8),
        },
        {"D.b4.fc.weight": (8, 8)},
        # R3GAN's critic
        {
            "MainLayers.0.Layers.0.LinearLayer1.Layer.weight": (8, 8, 1, 1),
            "ExtractionLayer.Layer.weight": (8, 3, 1, 1),
        },
    ],
)
def test_strangers_are_not_recognised(shapes: Mapping[str, tuple[int, ...]]) -> None:
    assert networks.recognise(shapes) is None
    for name in networks.NAMES[:4]:
        with pytest.raises(ValueError, match="missing"):
            networks.build(name, {key: torch.zeros(shape) for key, shape in shapes.items()}, {})


@pytest.mark.parametrize("case", LAYOUTS)
def test_no_tensor_may_be_missing(case: str) -> None:
    name, tensors, settings, _ = CASES[case]
    given = tensors()
    optional = (
        r"w_avg|w_mean|latent_avg|noises\.|resample_filter|kernel$|num_batches_tracked"
        r"|Embedding|embed|skip"
    )
    for key in [key for key in given if not re.search(optional, key)]:
        with pytest.raises(ValueError) as refusal:
            networks.build(
                name, {other: tensor for other, tensor in given.items() if other != key}, settings
            )
        assert re.search(r"is missing|is left over|and should be", str(refusal.value)), key


@pytest.mark.parametrize(
    "case, key, missing",
    [
        (
            "ada-resnet",
            "synthesis.b8.conv0.affine.bias",
            "synthesis.b8.conv0.affine.bias is missing",
        ),
        (
            "ada-skip-32",
            "G_ema.synthesis.b32.torgb.weight",
            "synthesis.b32.torgb.weight is missing",
        ),
        (
            "rosinality",
            "g_ema.convs.0.noise.weight",
            "synthesis.b8.conv0.noise_strength is missing",
        ),
        (
            "r3gan-labels",
            "G_ema.Model.MainLayers.1.Layers.2.NonLinearity1.Bias",
            "MainLayers.1.Layers.2.NonLinearity1.Bias is missing",
        ),
        ("dcgan", "main.4.running_var", "main.4.running_var is missing"),
        (
            "stylegan",
            "synthesis.blocks.1.adain.style_bias.bias",
            "synthesis.blocks.1.adain.style_bias.bias is missing",
        ),
    ],
)
def test_a_missing_tensor_is_named(case: str, key: str, missing: str) -> None:
    name, tensors, settings, _ = CASES[case]
    given = tensors()
    del given[key]
    with pytest.raises(ValueError, match=re.escape(missing)):
        networks.build(name, given, settings)


@pytest.mark.parametrize("case", LAYOUTS)
def test_a_tensor_too_many_or_of_another_shape_is_named(case: str) -> None:
    name, tensors, settings, _ = CASES[case]
    given = tensors()
    prefix = next(
        p
        for p in ("G_ema.Model.", "G_ema.", "g_ema.", "")
        if any(key.startswith(p) for key in given)
    )
    with pytest.raises(ValueError, match="surplus.weight is left over"):
        networks.build(name, given | {f"{prefix}surplus.weight": torch.zeros(1)}, settings)
    biases = ("conv1.bias", "activate.bias", "NonLinearity1.Bias", "main.1.bias", "conv1.conv.bias")
    key = next(key for key in given if key.endswith(biases))
    with pytest.raises(ValueError, match=r" is 7 and should be \d+"):
        networks.build(name, given | {key: torch.zeros(7)}, settings)


@pytest.mark.parametrize("case", LAYOUTS)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0), (1, 2, 3), (1, 1, 1, 1, 1, 1)], ids=str)
def test_a_shape_that_makes_no_sense_is_refused(case: str, shape: tuple[int, ...]) -> None:
    name, tensors, settings, _ = CASES[case]
    given = tensors()
    for key in [
        key for key in given if given[key].squeeze().shape != shape and given[key].numel() != 1
    ]:
        with pytest.raises(ValueError, match=r"\w"):
            networks.build(name, given | {key: torch.zeros(shape)}, settings)


def test_a_picture_too_large_for_anybody_is_refused() -> None:
    huge = {name.replace("b16", "b8192"): tensor for name, tensor in made(nvidia()).items()}
    with pytest.raises(ValueError, match="pictures of 8192 px; at most 4096"):
        networks.build("stylegan2", huge, {})
    convolutions = 15
    tensors = {f"main.{3 * n}.weight": torch.zeros(1, 1, 4, 4) for n in range(convolutions)}
    norms = {
        f"main.{3 * n + 1}.{leaf}": torch.ones(1)
        for n in range(14)
        for leaf in ("weight", "bias", "running_mean", "running_var")
    }
    with pytest.raises(ValueError, match="pictures of 65536 px"):
        networks.build("dcgan", tensors | norms, {})


def test_an_unknown_network_is_named() -> None:
    with pytest.raises(ValueError, match="there is no network 'stylegan9'; known are stylegan2, "):
        networks.build("stylegan9", {}, {})
