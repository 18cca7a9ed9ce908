"""A texture whose edges meet is one after it was enlarged, whatever was asked of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganapps.engine import Engine, on_files
from ganapps.pictures import images
from ganapps.recipe import Recipe
from ganapps.tasks import resample, wrapping


def texture(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Soft noise that goes on at its edges, [H, W, C] uint8."""
    noise = np.random.RandomState(seed).randn(height, width, channels)
    down, across = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)
    soft = np.exp(-((down**2 + across**2) * 60))[..., None]
    made = np.fft.ifft2(np.fft.fft2(noise, axes=(0, 1)) * soft, axes=(0, 1)).real
    return (127 + 50 * made / made.std()).clip(0, 255).astype(np.uint8)


def steps(pixels: np.ndarray) -> tuple[float, float]:
    """The mean difference of neighbours across the wrap, and the largest such mean inside: of
    columns or rows, whichever is worse.
    """
    worst = (0.0, 1.0)
    for axis in (0, 1):
        lines = np.moveaxis(pixels.astype(float), axis, 0)
        between = np.abs(lines - np.roll(lines, 1, axis=0)).mean(axis=tuple(range(1, lines.ndim)))
        worst = max(worst, (between[0], between[1:].max()), key=lambda pair: pair[0] / pair[1])
    return worst


def enlarged(engine: Engine, pixels: np.ndarray, place: Path, **settings: object) -> np.ndarray:
    Image.fromarray(pixels).save(place / "texture.png")
    recipe = Recipe("upscale", "spanx4", {"inspect": False, **settings})
    *_, last = engine.run(recipe, [str(place / "texture.png")])
    return last.made[-1].picture


SETTINGS = [
    {},
    {"tile": 40},
    {"width": 100},
    {"scale": 0.6},
    {"strength": 0.4},
    {"keep_colours": True},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_the_step_across_the_wrap_is_like_those_inside(
    engine: Engine, tmp_path: Path, settings: dict
) -> None:
    pixels = texture(48, 56)
    wrap, inside = steps(enlarged(engine, pixels, tmp_path, tileable=True, **settings))
    assert wrap < 1.1 * inside
    if not settings:
        wrap, inside = steps(enlarged(engine, pixels, tmp_path))
        assert wrap > 1.5 * inside, "there is something to see"


def test_a_texture_may_begin_anywhere(engine: Engine, tmp_path: Path) -> None:
    """Moved on by half of itself it gives the same result, moved on as far."""
    pixels = texture(40, 40)
    made = enlarged(engine, pixels, tmp_path, tileable=True)
    moved = enlarged(engine, np.roll(pixels, 20, axis=(0, 1)), tmp_path, tileable=True)
    distance = np.abs(np.roll(made, 80, axis=(0, 1)).astype(int) - moved.astype(int))
    assert distance.max() <= 1


def test_rows_that_come_on_the_way_are_the_picture_without_its_margin(
    engine: Engine, tmp_path: Path
) -> None:
    Image.fromarray(texture(48, 56)).save(tmp_path / "texture.png")
    recipe = Recipe("upscale", "spanx4", {"inspect": False, "tile": 40, "tileable": True})
    *_, last = engine.run(recipe, [str(tmp_path / "texture.png")])
    rows = np.concatenate([part.rows for part in last.parts])
    made = last.made[-1].picture
    assert rows.shape == made.shape
    assert np.abs(rows[64:, 64:].astype(int) - made[64:, 64:].astype(int)).max() <= 1


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("size", [(50, 33), (20, 90)])
def test_resizing_a_texture_is_resizing_it_three_times_over(
    kind: type, channels: int, size: tuple[int, int]
) -> None:
    pixels = texture(30, 40, channels).astype(kind)
    whole = resample.resize(np.tile(pixels, (3, 3, 1)), (3 * size[0], 3 * size[1]))
    middle = whole[size[1] : 2 * size[1], size[0] : 2 * size[0]]
    made = resample.resize(pixels, size, wraps=True)
    assert np.abs(made.astype(int) - middle.astype(int)).max() <= 1


def test_the_smallest_texture_is_repeated_as_often_as_it_takes() -> None:
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)
    wide = wrapping.wrapped(pixels, 8)
    assert wide.shape == (18, 19, 1)
    assert np.array_equal(wrapping.closed(wide, 8, 8), pixels)


def test_strength_and_colours_at_once_are_those_of_a_run(engine: Engine, tmp_path: Path) -> None:
    asked = {"tileable": True, "strength": 0.4, "keep_colours": True}
    made = enlarged(engine, texture(24, 24), tmp_path, **asked)
    raw = enlarged(engine, texture(24, 24), tmp_path, tileable=True)
    images.save_plain(raw, tmp_path / "raw.png")
    recipe = Recipe("upscale", "spanx4", {"tileable": True})
    files = (str(tmp_path / "texture.png"), str(tmp_path / "raw.png"))
    assert np.array_equal(on_files.finished(recipe, *files, 0.4, True).picture, made)
