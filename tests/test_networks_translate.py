"""The translators against pictures that the original code made, and the promises that every one of
them keeps.

`golden/translate.npz` holds small float32 pictures of the ORIGINAL code, run on a CPU in float32,
each for one case below: taesungp/contrastive-unpaired-translation b3ac297 (`models.networks`, which
holds CycleGAN's and pix2pix's generators too), huggingface/community-events 33a0ed2, the CycleGAN
notebook of johko/computer-vision-course 7cc8015, carolineec/informative-drawings 2349aee,
Mukosame/Anime2Sketch 1c1a2ed, bryandlee/animegan2-pytorch 25d7b01, yunjey/stargan 94dd002. Weights
are made by rule: every tensor is numpy.random.RandomState(crc32 of its published
name).standard_normal, scaled by `by_rule`; the picture is RandomState(7)'s uniform noise. So
neither the weights nor the original are needed here. Of U-Nets every eighth pixel is kept.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganapps import networks
from ganapps.networks.translate import narrow, winograd
from ganapps.networks.translate.layered import Layered
from ganapps.tasks import translate

GOLDEN = Path(__file__).parent / "golden" / "translate.npz"
Shapes = dict[str, tuple[int, ...]]


# The published layouts, small: names and shapes.


def convolution(
    name: str, inputs: int, outputs: int, kernel: int, bias: bool = True, transposed: bool = False
) -> Shapes:
    shape = (inputs, outputs) if transposed else (outputs, inputs)
    return {f"{name}.weight": (*shape, kernel, kernel)} | (
        {f"{name}.bias": (outputs,)} if bias else {}
    )


def normed(name: str, width: int, norm: str) -> Shapes:
    """What a norm layer leaves in a file: nothing, scale and shift, statistics that nothing uses,
    or a batch norm.
    """
    leaves = {"plain": (), "affine": ("weight", "bias"), "old": ("running_mean", "running_var")}
    leaves["batch"] = leaves["both"] = leaves["affine"] + leaves["old"]
    counter = {} if norm in ("plain", "affine") else {f"{name}.num_batches_tracked": ()}
    return {f"{name}.{leaf}": (width,) for leaf in leaves[norm]} | counter


def resnet(
    width: int = 8,
    blocks: int = 2,
    norm: str = "plain",
    inner: str = "conv_block",
    places: tuple[int, int] = (1, 5),
    down: str = "stride",
    up: str = "transposed",
) -> Shapes:
    """junyanz's ResNet generator and its heirs; `places` are the convolutions' indices in a
    block.
    """
    bias = norm != "batch"
    shapes = convolution("model.1", 3, width, 7, bias) | normed("model.2", width, norm)
    place = 4
    for _ in range(2):
        shapes |= convolution(f"model.{place}", width, 2 * width, 3, bias) | normed(
            f"model.{place + 1}", 2 * width, norm
        )
        width, place = 2 * width, place + 3
        if down == "blur":
            shapes[f"model.{place}.filt"] = (width, 1, 3, 3)
            place += 1
    for _ in range(blocks):
        for k in places:
            shapes |= convolution(f"model.{place}.{inner}.{k}", width, width, 3, bias) | normed(
                f"model.{place}.{inner}.{k + 1}", width, norm
            )
        place += 1
    for _ in range(2):
        if up == "blur":
            shapes[f"model.{place}.filt"] = (width, 1, 4, 4)
        place += up != "transposed"
        shapes |= convolution(
            f"model.{place}", width, width // 2, 3, bias, up == "transposed"
        ) | normed(f"model.{place + 1}", width // 2, norm)
        width, place = width // 2, place + 3
    return shapes | convolution(f"model.{place + 1}", width, 3, 7)


def course(width: int = 8) -> Shapes:
    shapes = convolution("upfeature.conv", 3, width, 7) | convolution(
        "downfeature.conv", width, 3, 7
    )
    shapes |= convolution("encoder1.conv1", width, 2 * width, 3) | convolution(
        "encoder2.conv1", 2 * width, 4 * width, 3
    )
    for n in range(9):
        shapes |= convolution(f"res{n}.conv1", 4 * width, 4 * width, 3) | convolution(
            f"res{n}.conv2", 4 * width, 4 * width, 3
        )
    return (
        shapes
        | convolution("decoder1.conv1", 4 * width, 2 * width, 3, True, True)
        | convolution("decoder2.conv1", 2 * width, width, 3, True, True)
    )


def drawing() -> Shapes:
    shapes = (
        convolution("model0.1", 3, 64, 7)
        | convolution("model1.0", 64, 128, 3)
        | convolution("model1.3", 128, 256, 3)
    )
    for n in range(3):
        shapes |= convolution(f"model2.{n}.conv_block.1", 256, 256, 3) | convolution(
            f"model2.{n}.conv_block.5", 256, 256, 3
        )
    return (
        shapes
        | convolution("model3.0", 256, 128, 3, True, True)
        | convolution("model3.3", 128, 64, 3, True, True)
        | convolution("model4.1", 64, 1, 7)
    )


def unet(depth: int, colours: int, norm: str, width: int = 4) -> Shapes:
    """junyanz's U-Net: each block holds the next."""
    bias = norm == "plain"
    widths = [width * min(2**n, 8) for n in range(depth)]
    shapes = convolution("model.model.0", 3, width, 4, bias) | convolution(
        "model.model.3", 2 * width, colours, 4, True, True
    )
    prefix = "model.model.1.model."
    for n in range(1, depth):
        inner = n == depth - 1
        shapes |= convolution(f"{prefix}1", widths[n - 1], widths[n], 4, bias)
        shapes |= {} if inner else normed(f"{prefix}2", widths[n], norm)
        up = 3 if inner else 5
        shapes |= convolution(
            f"{prefix}{up}", widths[n] * (1 if inner else 2), widths[n - 1], 4, bias, True
        )
        shapes |= normed(f"{prefix}{up + 1}", widths[n - 1], norm)
        prefix += "3.model."
    return shapes


def huggan_unet() -> Shapes:
    widths = [64, 128, 256, 512, 512, 512, 512, 512]
    shapes = convolution("final.2", 128, 3, 4)
    for n, (inputs, outputs) in enumerate(zip([3, *widths], widths), 1):
        shapes |= convolution(f"down{n}.model.0", inputs, outputs, 4, False)
    inputs = 512
    for n, outputs in enumerate(widths[-2::-1], 1):
        shapes |= convolution(f"up{n}.model.0", inputs, outputs, 4, False, True)
        inputs = 2 * outputs
    return shapes


def animegan() -> Shapes:
    shapes: Shapes = {}
    for name, inputs, outputs, kernel in (
        ("a.0", 3, 32, 7),
        ("a.1", 32, 64, 3),
        ("a.2", 64, 64, 3),
        ("b.0", 64, 128, 3),
        ("b.1", 128, 128, 3),
        ("c.0", 128, 128, 3),
        ("c.5", 256, 128, 3),
        ("d.0", 128, 128, 3),
        ("d.1", 128, 128, 3),
        ("e.0", 128, 64, 3),
        ("e.1", 64, 64, 3),
        ("e.2", 64, 32, 7),
    ):
        shapes |= convolution(f"block_{name}.1", inputs, outputs, kernel, False) | normed(
            f"block_{name}.2", outputs, "affine"
        )
    for n in range(1, 5):
        inputs, place = 128 if n == 1 else 256, f"block_c.{n}.layers"
        shapes |= convolution(f"{place}.0.1", inputs, 2 * inputs, 1, False) | normed(
            f"{place}.0.2", 2 * inputs, "affine"
        )
        shapes |= convolution(f"{place}.1.1", 1, 2 * inputs, 3) | normed(
            f"{place}.1.2", 2 * inputs, "affine"
        )
        shapes |= convolution(f"{place}.2", 2 * inputs, 256, 1, False) | normed(
            f"{place}.3", 256, "affine"
        )
    return shapes | convolution("out_layer.0", 32, 3, 1, False)


def stargan(width: int = 8, labels: int = 5, blocks: int = 2) -> Shapes:
    shapes = convolution("main.0", 3 + labels, width, 7, False) | normed("main.1", width, "both")
    for n, k in ((3, 1), (6, 2)):
        shapes |= convolution(f"main.{n}", k * width, 2 * k * width, 4, False) | normed(
            f"main.{n + 1}", 2 * k * width, "both"
        )
    for n in range(9, 9 + blocks):
        for k in (0, 3):
            shapes |= convolution(f"main.{n}.main.{k}", 4 * width, 4 * width, 3, False) | normed(
                f"main.{n}.main.{k + 1}", 4 * width, "both"
            )
    for n, k in ((9 + blocks, 2), (12 + blocks, 1)):
        shapes |= convolution(f"main.{n}", 2 * k * width, k * width, 4, False, True) | normed(
            f"main.{n + 1}", k * width, "both"
        )
    return shapes | convolution(f"main.{15 + blocks}", width, 3, 7, False)


def made(shapes: Shapes, prefix: str = "") -> dict[str, Tensor]:
    """The tensors of a layout, by the rule that the docstring of this file states."""
    return {prefix + name: by_rule(name, shape) for name, shape in shapes.items()}


def by_rule(name: str, shape: tuple[int, ...]) -> Tensor:
    leaf = name.rsplit(".", 1)[-1]
    if leaf == "filt":
        row = torch.tensor({3: [1.0, 2.0, 1.0], 4: [1.0, 3.0, 3.0, 1.0]}[shape[-1]])
        return (
            (row.outer(row) / row.sum() ** 2 * (4 if shape[-1] == 4 else 1)).expand(shape).clone()
        )
    numbers = (
        np.random.RandomState(zlib.crc32(name.encode()))
        .standard_normal(shape or (1,))
        .astype(np.float32)
        .reshape(shape)
    )
    n = torch.from_numpy(numbers)
    if leaf == "num_batches_tracked":
        return torch.zeros(shape, dtype=torch.long)
    if leaf == "running_var":
        return 1 + 0.1 * n.abs()
    if len(shape) == 4:
        return n / float(np.prod(shape[1:])) ** 0.5
    return 1 + 0.3 * n if leaf == "weight" else 0.3 * n


def picture(height: int, width: int, low: float = -1.0) -> Tensor:
    return torch.from_numpy(
        np.random.RandomState(7).uniform(low, 1, (1, 3, height, width)).astype(np.float32)
    )


def off(ours: Tensor, reference: Tensor) -> float:
    """The largest difference, relative to the largest number."""
    assert ours.shape == reference.shape
    return ((ours - reference).abs().max() / reference.abs().max()).item()


Case = tuple[str, Callable[[], dict[str, Tensor]], dict, Tensor, Tensor | None]
SMALL, SMALLER = picture(36, 52), picture(32, 40)
SIDES = {7: picture(128, 128), 8: picture(256, 256)}
CASES: dict[str, Case] = {
    "resnet-9": ("cyclegan", lambda: made(resnet(16, 9)), {}, SMALL, None),
    "resnet-affine": ("cyclegan", lambda: made(resnet(16, 6, "affine")), {}, SMALL, None),
    "resnet-old-zero": (
        "cyclegan",
        lambda: made(resnet(norm="old", places=(0, 3)), "module."),
        {"padding": "zero"},
        SMALL,
        None,
    ),
    "resnet-replicate-dropout": (
        "cyclegan",
        lambda: made(resnet(places=(1, 6))),
        {"padding": "replicate"},
        SMALL,
        None,
    ),
    "resnet-batch": ("cyclegan", lambda: made(resnet(norm="batch")), {}, SMALL, None),
    "resnet-batch-picture": (
        "cyclegan",
        lambda: made(resnet(norm="batch")),
        {"statistics": "picture"},
        SMALL,
        None,
    ),
    "cut": ("cyclegan", lambda: made(resnet(16, 3, down="blur", up="blur")), {}, SMALL, None),
    "cut-down-only": ("cyclegan", lambda: made(resnet(down="blur")), {}, SMALL, None),
    "huggan": (
        "cyclegan",
        lambda: made(resnet(64, inner="block", up="nearest")),
        {},
        SMALLER,
        None,
    ),
    "course": ("cyclegan", lambda: made(course()), {}, SMALL, None),
    "drawing": ("cyclegan", lambda: made(drawing()), {}, picture(36, 52, 0.0), None),
    "animegan": ("animegan", lambda: made(animegan()), {}, SMALLER, None),
    "animegan-not-aligned": (
        "animegan",
        lambda: made(animegan()),
        {"align_corners": False},
        SMALLER,
        None,
    ),
    "stargan": ("stargan", lambda: made(stargan()), {}, SMALLER, torch.tensor([[1.0, 0, 1, 0, 1]])),
    "unet-128-batch": ("pix2pix", lambda: made(unet(7, 3, "batch")), {}, SIDES[7], None),
    "unet-128-running": (
        "pix2pix",
        lambda: made(unet(7, 3, "batch")),
        {"statistics": "running"},
        SIDES[7],
        None,
    ),
    "unet-256-batch": ("pix2pix", lambda: made(unet(8, 3, "batch")), {}, SIDES[8], None),
    "line-art": ("pix2pix", lambda: made(unet(8, 1, "plain"), "module."), {}, SIDES[8], None),
    "huggan-unet": ("pix2pix", lambda: made(huggan_unet()), {}, SIDES[8], None),
}
QUICK = [
    name
    for name in CASES
    if name not in ("huggan-unet", "unet-256-batch", "line-art", "animegan-not-aligned")
]


def built(case: str) -> Layered:
    name, tensors, settings, _, _ = CASES[case]
    return networks.build(name, tensors(), settings)


def result(case: str) -> Tensor:
    with torch.inference_mode():
        return built(case)(*CASES[case][3:])


# Equal to the originals.


@pytest.mark.parametrize("case", CASES)
def test_a_picture_equals_the_originals(case: str) -> None:
    y, step = result(case), 8 if CASES[case][0] == "pix2pix" else 1
    assert off(y[..., ::step, ::step], torch.from_numpy(np.load(GOLDEN)[case])) < 1e-4
    assert y.dtype == torch.float32 and y.shape[2:] == CASES[case][3].shape[2:]


def test_every_golden_picture_belongs_to_a_case() -> None:
    assert set(np.load(GOLDEN)) == set(CASES)


@pytest.mark.parametrize("case", QUICK)
def test_the_layout_is_recognised(case: str) -> None:
    assert (
        networks.recognise({name: tuple(t.shape) for name, t in CASES[case][1]().items()})
        == CASES[case][0]
    )


def test_of_a_file_with_both_directions_the_one_that_is_named_is_taken() -> None:
    # UPIT's are bare sequences
    plain = {name.removeprefix("model."): t for name, t in made(resnet()).items()}
    both = (
        {f"G_A.{n}": t for n, t in plain.items()}
        | {f"G_B.{n}": t * 0.5 for n, t in plain.items()}
        | {"D_A.0.weight": torch.ones(4, 3, 4, 4)}
    )
    assert networks.recognise({name: tuple(t.shape) for name, t in both.items()}) == "cyclegan"
    with torch.inference_mode():
        a, b, neither = (
            networks.build("cyclegan", both, s)(SMALL)
            for s in ({"member": "G_A"}, {"member": "G_B"}, {})
        )
        assert torch.equal(
            a, networks.build("cyclegan", made(resnet()), {})(SMALL)
        ) and torch.equal(a, neither)
        assert (
            torch.equal(
                b,
                networks.build("cyclegan", {n: t * 0.5 for n, t in made(resnet()).items()}, {})(
                    SMALL
                ),
            )
            and off(a, b) > 0.01
        )
    with pytest.raises(ValueError, match="no tensor's name starts with G_C."):
        networks.build("cyclegan", both, {"member": "G_C"})


# Promises of every translator.


@pytest.mark.parametrize("case", QUICK)
def test_no_tensor_may_be_missing_left_over_or_of_another_shape(case: str) -> None:
    name, tensors, settings, _, _ = CASES[case]
    given = tensors()
    needed = [
        key
        for key in given
        if not key.endswith(("num_batches_tracked", "running_mean", "running_var"))
        or case == "resnet-batch"
    ]
    needed = [key for key in needed if not key.endswith("num_batches_tracked")]
    for key in needed[2:12] + needed[-3:]:
        with pytest.raises(ValueError, match="is missing|should|left over"):
            networks.build(name, {k: t for k, t in given.items() if k != key}, settings)
        with pytest.raises(ValueError, match="is missing|should|left over"):
            networks.build(name, given | {key: torch.zeros(7, 7)}, settings)
    with pytest.raises(ValueError, match="surplus.weight is left over"):
        networks.build(name, given | {"surplus.weight": torch.zeros(1)}, settings)


@pytest.mark.parametrize(
    "case", ["resnet-batch", "cut", "course", "animegan", "stargan", "unet-128-running"]
)
def test_odd_shapes_are_refused_never_a_crash(case: str) -> None:
    name, tensors, settings, _, _ = CASES[case]
    given = tensors()
    keys = [
        key
        for key in given
        if not key.endswith(("running_mean", "running_var", "num_batches_tracked"))
    ]
    for key in keys[:4] + keys[len(keys) // 2 :][:2] + keys[-2:]:
        for shape in ((), (0,), (7, 7), (1, 1, 1, 1), (0, 3, 7, 7), (64, 4, 7, 7)):
            odd = given | {key: torch.zeros(shape)}
            networks.recognise({n: tuple(t.shape) for n, t in odd.items()})
            with pytest.raises(ValueError):
                networks.build(name, odd, settings)


def test_a_generator_that_would_change_the_size_is_refused() -> None:
    shapes = resnet()
    more = shapes | convolution("model.30", 3, 3, 3)
    with pytest.raises(
        ValueError,
        match="as many convolutions before residual blocks as behind them, found 3 and 4",
    ):
        networks.build("cyclegan", made(more), {})


@pytest.mark.parametrize("case", QUICK)
def test_a_picture_depends_on_nothing_but_itself(case: str) -> None:
    _, _, _, x, condition = CASES[case]
    network, state = built(case), torch.get_rng_state()
    with torch.inference_mode():
        alone, together = network(x, condition), network(torch.cat([x.flip(3), x]), condition)
    assert torch.equal(together[1:], alone) and torch.equal(torch.get_rng_state(), state)
    assert not network.training and not any(p.requires_grad for p in network.parameters())
    assert sum(p.numel() for p in network.parameters()) > 1000


@pytest.mark.parametrize("case", QUICK)
def test_a_picture_is_filled_up_to_what_the_layers_need_and_no_further(case: str) -> None:
    """With half of `multiple`, maps that are joined, or the result, would have other sides."""
    network = built(case)

    def fits(side: int) -> bool:
        sizes = network.sizes(side, side)
        joined = [{sizes[source][1:] for source in layer.sources} for layer in network.layers]
        return all(len(some) == 1 for some in joined) and sizes[len(network.layers) - 1][1:] == (
            side,
            side,
        )

    step = network.multiple
    assert fits(512) and fits(512 + step)
    assert step == 1 or not fits(512 + step // 2)


class AnimeGAN(nn.Module):
    """bryandlee's generator, written plainly, called as his program is: maps grow to the sides that
    they had.
    """

    def __init__(self) -> None:
        super().__init__()
        down = (0, 1, 0, 1)
        self.block_a = nn.Sequential(
            self.layer(3, 32, 7, 3), self.layer(32, 64, 3, down, 2), self.layer(64, 64)
        )
        self.block_b = nn.Sequential(self.layer(64, 128, 3, down, 2), self.layer(128, 128))
        inverted = [self.inverted(width) for width in (128, 256, 256, 256)]
        self.block_c = nn.Sequential(self.layer(128, 128), *inverted, self.layer(256, 128))
        self.block_d = nn.Sequential(self.layer(128, 128), self.layer(128, 128))
        self.block_e = nn.Sequential(
            self.layer(128, 64), self.layer(64, 64), self.layer(64, 32, 7, 3)
        )
        self.out_layer = nn.Sequential(nn.Conv2d(32, 3, 1, bias=False), nn.Tanh())

    @staticmethod
    def layer(
        inputs: int,
        outputs: int,
        kernel: int = 3,
        pad: int | tuple[int, ...] = 1,
        stride: int = 1,
        groups: int = 1,
    ) -> nn.Module:
        convolution = nn.Conv2d(inputs, outputs, kernel, stride, groups=groups, bias=groups > 1)
        return nn.Sequential(
            nn.ReflectionPad2d(pad), convolution, nn.GroupNorm(1, outputs), nn.LeakyReLU(0.2)
        )

    def inverted(self, width: int) -> nn.Module:
        block, wide = nn.Module(), 2 * width
        first, second = self.layer(width, wide, 1, 0), self.layer(wide, wide, groups=wide)
        block.layers = nn.Sequential(
            first, second, nn.Conv2d(wide, 256, 1, bias=False), nn.GroupNorm(1, 256)
        )
        return block

    def forward(self, x: Tensor) -> Tensor:
        half = self.block_a(x)
        first, *inverted, last = self.block_c
        y = first(self.block_b(half))
        for block in inverted:
            made = block.layers(y)
            y = made + y if made.shape == y.shape else made
        y = F.interpolate(last(y), half.shape[2:], mode="bilinear", align_corners=True)
        y = F.interpolate(self.block_d(y), x.shape[2:], mode="bilinear", align_corners=True)
        return self.out_layer(self.block_e(y))


@pytest.mark.parametrize("size", [(32, 40), (45, 61), (46, 39), (9, 11)])
def test_animegan_is_the_originals_at_odd_sizes(size: tuple[int, int]) -> None:
    """His program fills up nothing; so nothing is filled up here, whole and in strips."""
    original = AnimeGAN().eval()
    original.load_state_dict(made(animegan()))
    network = networks.build("animegan", made(animegan()), {})
    x = picture(*size)
    with torch.inference_mode():
        theirs = original(x)
        assert translate._padded(network, x) is x
        whole, strips = network(x), translate._run_out(network.in_strips(x, room=0, strip=60_000))
    assert off(whole, theirs) < 1e-4 and off(strips, theirs) < 1e-4
    if size == (32, 40):
        assert off(theirs, torch.from_numpy(np.load(GOLDEN)["animegan"])) < 1e-4, (
            "the twin is the original"
        )


def test_half_precision_files_are_computed_in_float32() -> None:
    name, tensors, settings, x, _ = CASES["resnet-affine"]
    network = networks.build(name, {key: t.half() for key, t in tensors().items()}, settings)
    assert {p.dtype for p in network.parameters()} == {torch.float32}
    assert off(network(x), result("resnet-affine")) < 0.05


def test_lower_precision_is_near() -> None:
    for case in ("resnet-affine", "animegan"):
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            y = built(case)(CASES[case][3])
        assert y.dtype == torch.float32 and 0 < off(y, result(case)) < 0.2


def test_an_unknown_padding_is_named() -> None:
    with pytest.raises(
        ValueError, match="padding is 'wrap' and should be one of reflect, replicate, zero"
    ):
        networks.build("cyclegan", made(resnet()), {"padding": "wrap"})


def test_a_filter_that_is_not_cuts_is_refused() -> None:
    tensors = made(resnet(down="blur", up="blur"))
    name = [name for name in tensors if name.endswith("filt")][-1]
    tensors[name] = tensors[name] * 1.1
    with pytest.raises(ValueError, match="is not the binomial filter"):
        networks.build("cyclegan", tensors, {})


def test_labels_and_styles_are_asked_for() -> None:
    network = built("stargan")
    assert (
        network.label_dim == 5
        and off(network(SMALLER, torch.zeros(1, 5)), result("stargan")) > 0.01
    )
    with pytest.raises(AssertionError, match="needs 5 labels"):
        network(SMALLER)


def test_dropout_is_drawn_by_the_seed_alone() -> None:
    network, x = built("unet-128-batch"), SIDES[7]
    state = torch.get_rng_state()
    one, other = network(x, seed=1), network(x, seed=2)
    assert (
        torch.equal(one, network(x, seed=1))
        and off(one, other) > 1e-3
        and torch.equal(torch.get_rng_state(), state)
    )


# The two ways to convolve that are quicker than the library's.


@pytest.mark.parametrize(("height", "width"), [(4, 4), (1, 1), (5, 9), (130, 3)])
def test_winograds_convolution_is_the_plain_one(height: int, width: int) -> None:
    generator = torch.Generator().manual_seed(0)
    x, weight = (
        torch.randn(1, 5, height + 2, width + 2, generator=generator),
        torch.randn(6, 5, 3, 3, generator=generator),
    )
    plain = nn.functional.conv2d(x.double(), weight.double()).float()
    assert (
        off(
            winograd.convolve(
                x.contiguous(memory_format=torch.channels_last), winograd.transform(weight)
            ),
            plain,
        )
        < 2e-5
    )


@pytest.mark.parametrize("outputs", [1, 3])
def test_columns_first_is_the_plain_convolution(outputs: int) -> None:
    generator = torch.Generator().manual_seed(0)
    x, weight = (
        torch.randn(1, 8, 20, 17, generator=generator),
        torch.randn(outputs, 8, 7, 7, generator=generator),
    )
    bias = torch.randn(outputs, generator=generator)
    plain = nn.functional.conv2d(x.double(), weight.double(), bias.double()).float()
    assert off(narrow.convolve(x, narrow.transform(weight), outputs, bias), plain) < 2e-6
