"""Colours for grey photographs: DDColor beside spandrel's on random weights, dabs that spread."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from ganapps import networks
from ganapps.device import Device
from ganapps.errors import UserError
from ganapps.models import finder
from ganapps.networks.contracts import Colouriser
from ganapps.networks.repair import ddcolor
from ganapps.report import Made, Step
from ganapps.tasks import colourise, colours
from ganapps.tasks.restore import restore
from tests.test_repair import Grey, noise, upload

CPU = Device("cpu")
FACES = finder.shipped(), finder.likeness()
TINY = ddcolor.Sizes((3, 3, 9, 3), (96, 192, 384, 768), 512, 100, 9, 256, 2048)
SMALL = ddcolor.Sizes((1, 1, 2, 1), (8, 16, 24, 32), 32, 5, 4, 16, 24)
# kept as torch's spectral norm keeps them
NORMED = (
    *(f"decoder.layers.{number}.shuf.conv.0" for number in range(3)),
    *(f"decoder.layers.{number}.conv.0" for number in range(3)),
    "decoder.last_shuf.conv.0",
    "refine_net.0.0",
)


def published(sizes: ddcolor.Sizes) -> dict[str, Tensor]:
    """Random weights in the layout of the published files."""
    generator = torch.Generator().manual_seed(5)
    with torch.device("meta"):
        shapes = {name: t.shape for name, t in ddcolor.DDColor(sizes).state_dict().items()}
    file = {"mean": torch.zeros(1, 3, 1, 1), "std": torch.ones(1, 3, 1, 1)}
    file["encoder.arch.norm.weight"] = torch.ones(sizes.widths[-1])
    file["encoder.arch.norm.bias"] = torch.zeros(sizes.widths[-1])
    for name in sorted(shapes):
        own, _, kind = name.rpartition(".")
        drawn = torch.randn(shapes[name], generator=generator)
        if kind == "running_var":
            file[name] = 1 + drawn.abs()
        elif kind == "num_batches_tracked":
            file[name] = torch.tensor(1)
        elif kind == "weight" and own in NORMED:
            file[f"{own}.weight_orig"] = drawn
            right = torch.randn(drawn[0].numel(), generator=generator)
            right = right / right.norm()
            left = drawn.flatten(1) @ right
            file[f"{own}.weight_u"] = left / left.norm()
            file[f"{own}.weight_v"] = right
        elif drawn.dim() > 1:
            file[name] = drawn / drawn[0].numel() ** 0.5
        else:
            file[name] = 0.1 * drawn + (1.0 if kind in ("weight", "gamma") else 0.0)
    return file


def grey_picture(side: int) -> Tensor:
    x = torch.rand(1, 1, side, side, generator=torch.Generator().manual_seed(2))
    return x.expand(1, 3, -1, -1)


# what spandrel_extra_arches 0.2.0 makes of the same weights and picture, every 21st row at 13
SPANDRELS = (-7.2806, -7.6456, -11.2043, -3.0558, 3.7792, -3.3597, 0.1719, -1.743)


@pytest.fixture(scope="module")
def tiny() -> Colouriser:
    """The published size."""
    file = published(TINY)
    shapes = {name: tuple(tensor.shape) for name, tensor in file.items()}
    assert networks.recognise(shapes) == "ddcolor"
    network = networks.build("ddcolor", file, {})
    assert isinstance(network, Colouriser)
    return network


def test_ddcolor_makes_of_random_weights_what_spandrels_makes(tiny: Colouriser) -> None:
    with torch.no_grad():
        made = tiny(grey_picture(64))
    assert made.shape == (1, 2, 64, 64)
    assert torch.allclose(made[0, :, ::21, 13].flatten(), torch.tensor(SPANDRELS), rtol=1e-3)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda file: file.pop("decoder.last_shuf.conv.0.weight_u"), "weight_u.* missing"),
        (lambda file: file.pop("encoder.arch.norm2.bias"), "norm2.bias is missing"),
        (lambda file: file.update(more=torch.ones(2)), "more"),
        (
            lambda file: file.update({"refine_net.0.0.weight_orig": torch.ones(3, 8, 1, 1)}),
            "3 channels",
        ),
        (
            lambda file: file.update(
                {"decoder.color_decoder.query_feat.weight": torch.ones(7, 16)}
            ),
            "7 colours ask, 5 are painted",
        ),
    ],
)
def test_a_file_that_is_odd_is_refused_by_name(change, sentence: str) -> None:
    file = published(SMALL)
    networks.build("ddcolor", dict(file), {})
    change(file)
    with pytest.raises(ValueError, match=sentence):
        networks.build("ddcolor", file, {})


class Red(Colouriser):
    """Everything was red."""

    side = 32

    def forward(self, x: Tensor) -> Tensor:
        assert x.shape[1:] == (3, 32, 32) and torch.equal(x[:, 0], x[:, 2])
        return torch.tensor([60.0, 40.0])[None, :, None, None].expand(-1, -1, 32, 32)


def run(pixels: np.ndarray, network: Colouriser | None, **settings: object) -> tuple[Made, list]:
    others = {} if network is None else {"colour": network}
    steps: list[Step] = list(restore(Grey(), CPU, others, *FACES, upload(pixels), **settings))
    assert steps[-1].done == steps[-1].total
    return steps[-1].made[0], steps


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_picture_keeps_its_lightness_and_alpha_and_gets_colours(channels, kind) -> None:
    most = np.iinfo(kind).max
    pixels = (noise(40, 60, channels, kind) // 2 + most // 4).astype(kind)
    made, _ = run(pixels, Red())
    assert made.picture.shape == (40, 60, 3 + (channels in (2, 4))) and made.picture.dtype == kind
    assert list(made.beside)[:2] == ["colour before", "colour after"]
    red, green, blue = (made.picture[..., c].astype(int) for c in range(3))
    assert ((red > green) & (red > blue)).mean() > 0.99
    light = [colours.grey(each)[0, 0] for each in (pixels, made.picture)]
    assert (light[0] - light[1]).abs().median() < 0.01
    if channels in (2, 4):
        assert np.array_equal(made.picture[..., -1], pixels[..., -1])


def halves() -> np.ndarray:
    """Dark on the left, light on the right, a little uneven."""
    pixels = np.full((90, 120, 1), 90, np.uint8)
    pixels[:, 60:] = 180
    return pixels + (noise(90, 120, 1) % 3)


def test_a_dab_colours_what_is_evenly_light_and_stops_at_an_edge() -> None:
    made, _ = run(halves(), None, hints=[[10, 10, 4, "#3060c0"]])
    blue = made.picture[..., 2].astype(int) - made.picture[..., 0]
    assert blue[:, 4:56].min() > 40, "all of that half"
    assert blue[:, 64:].max() < 25, "and not the other"


def test_of_what_a_network_guessed_a_dab_changes_what_is_near() -> None:
    pixels = np.full((400, 500, 1), 120, np.uint8)
    made, _ = run(pixels, Red(), hints=[[40, 40, 8, "#2060d0"]])
    plain, _ = run(pixels, Red())
    near, far = made.picture[40, 40].astype(int), made.picture[380, 480].astype(int)
    assert near[2] > near[0] + 40, "blue where it was dabbed"
    assert np.abs(far - plain.picture[380, 480]).max() <= 3


def test_what_is_dabbed_is_that_colour_and_a_large_picture_gets_it_too() -> None:
    pixels = np.full((900, 1400, 3), 128, np.uint8)
    wanted = colours.opponent(np.array([[[200, 90, 40]]], np.uint8))[0, 0]
    made, steps = run(pixels, None, hints=[[700, 450, 60, "#c85a28"]])
    found = colours.opponent(made.picture[440:460, 690:710]).mean((0, 1))
    assert np.abs(found - wanted).max() < 4
    assert len(steps) >= 3


@pytest.mark.parametrize(
    "hint",
    [
        [1, 2, 3],
        [1, 2, 0, "#ffffff"],
        [1, 2, 3, "red"],
        ["1", 2, 3, "#ffffff"],
        [1, 2, float("nan"), "#ffffff"],
        "#ffffff",
        None,
    ],
)
def test_an_odd_dab_is_one_sentence(hint: object) -> None:
    with pytest.raises(UserError, match="is none: .x, y, radius, #rrggbb. is expected"):
        colourise.dabs_of([hint])


def test_too_many_dabs_are_refused_and_another_model_too() -> None:
    with pytest.raises(UserError, match="at most 1000"):
        colourise.dabs_of([[1, 2, 3, "#ffffff"]] * 1001)
    chain = restore(Grey(), CPU, {"colour": Grey()}, *FACES, upload(noise(20, 20)))
    with pytest.raises(UserError, match="does not colour pictures"):
        list(chain)
