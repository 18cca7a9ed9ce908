"""Two pictures that look the same give the same results, whatever colours they hide under full
transparency.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data
from torch import nn

from ganapps import networks
from ganapps.device import Device
from ganapps.engine import Engine, on_files
from ganapps.models import formats
from ganapps.models.catalog import WEIGHTS
from ganapps.pictures.uploads import Upload
from ganapps.recipe import Recipe
from ganapps.report import Step
from ganapps.tasks import cycle, figures, hidden, translate, upscale
from tests.test_denoised_tiles import network as diffusion_upscaler
from tests.test_networks_translate import made, resnet, stargan, unet

CPU = Device("cpu")
SAID = [
    "Where the picture is fully transparent, its hidden colours were replaced by those around them."
]


def alike(
    height: int = 40, width: int = 52, kind: type = np.uint8, channels: int = 4
) -> tuple[np.ndarray, np.ndarray]:
    """A disc cut out of a photograph, its edge half transparent; outside it once bright green, once
    noise.
    """
    y, x = np.mgrid[:height, :width]
    inside = (min(height, width) / 2.2 - np.hypot(y - height / 2, x - width / 2)).clip(0, 1)
    scene = data.astronaut()[100 : 100 + height, 200 : 200 + width, : channels - 1]
    pixels = (
        np.dstack([scene, 255 * inside]).astype(np.uint16) * (257 if kind == np.uint16 else 1)
    ).astype(kind)
    green, noise = pixels.copy(), pixels.copy()
    nowhere = pixels[..., -1] == 0
    assert 0.2 < nowhere.mean() < 0.8
    green[nowhere, :-1] = [0, np.iinfo(kind).max, 0][: channels - 1]
    noise[nowhere, :-1] = np.random.default_rng(0).integers(
        0, np.iinfo(kind).max, (nowhere.sum(), channels - 1)
    )
    return green, noise


def upload(pixels: np.ndarray) -> Upload:
    return Upload(pixels, pixels.shape[1::-1], "0" * 64)


def span() -> nn.Module:
    return networks.build(
        "span", formats.read(next(WEIGHTS.glob("*span*.safetensors"))).tensors, {}
    )


UPSCALERS: dict[str, Callable[[Path], nn.Module]] = {
    "shipped": lambda place: span(),
    "diffusion by text": lambda place: diffusion_upscaler(place, "text"),
    "diffusion of latents": lambda place: diffusion_upscaler(place, "latent"),
}
TRANSLATORS: dict[str, Callable[[], nn.Module]] = {
    "cyclegan": lambda: networks.build("cyclegan", made(resnet()), {}),
    "pix2pix": lambda: networks.build("pix2pix", made(unet(7, 3, "batch")), {}),
    "stargan": lambda: networks.build("stargan", made(stargan()), {}),
}


def last(steps: Iterator[Step]) -> tuple[Step, list[str]]:
    every = list(steps)
    return every[-1], [
        template.format(**values) for step in every for template, values in step.changes
    ]


@pytest.mark.parametrize("name", UPSCALERS)
def test_every_upscaler(name: str, tmp_path: Path) -> None:
    network = UPSCALERS[name](tmp_path)
    settings = {"steps": 2} if "diffusion" in name else {"keep_colours": True, "strength": 0.7}
    results = []
    for pixels in alike(16, 24) if "diffusion" in name else alike():
        step, said = last(upscale.upscale(network, CPU, None, upload(pixels), **settings))
        assert set(SAID) <= set(said)
        results.append(step.made[0])
    one, other = results
    assert np.array_equal(one.picture, other.picture) and one.figures == other.figures
    assert all(np.array_equal(one.beside[n], other.beside[n]) for n in one.beside)


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "strips"])
@pytest.mark.parametrize("name", TRANSLATORS)
def test_every_translator(name: str, whole: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translate, "WHOLE", 1 << 40 if whole else 0)
    network = TRANSLATORS[name]()
    for kind in (np.uint8, np.uint16):
        for settings in ({}, {"keep_alpha": False}, {"keep_colours": True, "strength": 0.5}):
            results = [
                last(translate.translate(network, CPU, None, upload(p), **settings))
                for p in alike(64, 64, kind)
            ]
            assert np.array_equal(results[0][0].made[0].picture, results[1][0].made[0].picture)
            assert all(set(SAID) <= set(said) for _, said in results)


def test_what_is_opaque_stays_and_nothing_is_said() -> None:
    pixels = np.dstack([data.astronaut()[:40, :40], np.full((40, 40), 1, np.uint8)])
    assert hidden.extended(pixels) is pixels
    _, said = last(upscale.upscale(span(), CPU, None, upload(pixels)))
    assert not set(SAID) & set(said)
    rgb = data.astronaut()[:9, :9]
    assert hidden.extended(rgb) is rgb


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("size", [(1, 9), (9, 1), (40, 52), (33, 64)])
def test_visible_pixels_stay_and_hidden_ones_lie_between_them(
    size: tuple[int, int], channels: int, kind: type
) -> None:
    dice = np.random.default_rng(1)
    pixels = dice.integers(0, np.iinfo(kind).max, (*size, channels)).astype(kind)
    pixels[..., -1] *= dice.random(size) < 0.2
    pixels[0, 0, -1] = 9
    before, seen = pixels.copy(), pixels[..., -1] > 0
    result = hidden.extended(pixels)
    assert np.array_equal(pixels, before) and np.array_equal(result[seen], pixels[seen])
    assert np.array_equal(result[..., -1], pixels[..., -1])
    colours = pixels[seen][:, :-1]
    assert (result[..., :-1] >= colours.min(0)).all() and (result[..., :-1] <= colours.max(0)).all()


def test_a_hole_in_one_colour_is_filled_with_it_and_nothing_at_all_is_white() -> None:
    pixels = np.zeros((30, 41, 4), np.uint8)
    pixels[11, 7] = [10, 200, 30, 255]
    assert (hidden.extended(pixels)[..., :3] == [10, 200, 30]).all()
    pixels[..., 3] = 0
    assert (hidden.extended(pixels)[..., :3] == 255).all()
    words = np.zeros((5, 4, 2), np.uint16)
    assert (hidden.extended(words)[..., 0] == 65535).all()


def test_strips_fill_as_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = hidden.extended(alike()[0])
    monkeypatch.setattr(hidden.resample, "STRIP", 60)
    assert np.array_equal(hidden.extended(alike()[1]), whole)


def test_figures_know_no_difference() -> None:
    green, noise = alike()
    truth = np.roll(green, 1, axis=1)
    assert figures.against_truth(green, truth) == figures.against_truth(noise, truth)
    assert figures.against_truth(truth, green) == figures.against_truth(truth, noise)
    one, other = cycle.returned(green, truth), cycle.returned(noise, truth)
    assert (one.percent, one.loss) == (other.percent, other.loss) and np.array_equal(
        one.map, other.map
    )
    assert cycle.distance(truth, green) == cycle.distance(truth, noise)


def test_finishing_otherwise_knows_none_either(engine: Engine, tmp_path: Path) -> None:
    made_of = []
    raw = tmp_path / "raw.png"
    Image.fromarray(np.repeat(np.repeat(alike()[0], 2, 0), 2, 1)).save(raw)
    for pixels in alike():
        Image.fromarray(pixels).save(tmp_path / "in.png")
        kept = on_files.finished(
            Recipe("upscale", "any"), str(tmp_path / "in.png"), str(raw), 0.5, True
        )
        made_of.append(kept.picture)
    assert np.array_equal(*made_of)
