"""Figures, maps and colours against computations written out here, and their cost at 12
megapixels.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import color, data, metrics

from ganapps.errors import UserError
from ganapps.tasks import colours, figures, resample
from tests.picture_files import noise

ASTRONAUT = np.ascontiguousarray(data.astronaut()[40:136, 170:290])  # 96 x 120


def keys(x: np.ndarray) -> np.ndarray:
    """The cubic kernel with a = -0.5 (Keys 1981)."""
    x = np.abs(x)
    return np.where(
        x < 1, (1.5 * x - 2.5) * x * x + 1, np.where(x < 2, ((-0.5 * x + 2.5) * x - 4) * x + 2, 0.0)
    )


def weights(length: int, to: int) -> np.ndarray:
    """[to, length]: what each pixel of a line of `length` gives to each of `to`, the kernel widened
    when it shrinks.
    """
    scale = length / to
    table = keys(
        (np.arange(length) + 0.5 - (np.arange(to)[:, None] + 0.5) * scale) / max(scale, 1.0)
    )
    return table / table.sum(axis=1, keepdims=True)


def resized(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.einsum(
        "yh,hwc,xw->yxc",
        weights(pixels.shape[0], size[1]),
        pixels.astype(np.float64),
        weights(pixels.shape[1], size[0]),
        optimize=True,  # two products, not one over all indices
    )


@pytest.fixture(autouse=True)
def _narrow_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strips of a few rows, so that every test crosses their borders."""
    monkeypatch.setattr(resample, "STRIP", 700)


# --- resizing

SIZES = [(240, 192), (180, 144), (60, 48), (41, 37), (120, 96), (130, 90), (1, 1), (120, 500)]


@pytest.mark.parametrize("size", SIZES)
def test_strips_make_the_whole_picture(size: tuple[int, int]) -> None:
    expected = resized(ASTRONAUT, size)
    found = np.concatenate(
        [resample.rows(ASTRONAUT, size, a, b) for a, b in resample.strips(size[1], size[0])]
    )
    assert found.shape == expected.shape and np.abs(found - expected).max() < 2e-3
    different = np.abs(
        resample.resize(ASTRONAUT, size).astype(int)
        - np.asarray(Image.fromarray(ASTRONAUT).resize(size, Image.Resampling.BICUBIC))
    )
    # ties: Pillow keeps the edges of a strip as float32
    assert different.max() <= 1 and (different > 0).mean() < 1e-3
    wide = resample.resize(ASTRONAUT.astype(np.uint16) * 257, size)
    assert np.abs(wide - (expected * 257).clip(0, 65535)).max() <= 1


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [2, 4])
def test_what_is_transparent_has_no_say(kind: type, channels: int) -> None:
    most = np.iinfo(kind).max
    pixels = np.full((8, 8, channels), most, kind)
    pixels[:, :4, :-1], pixels[:, :4, -1] = 0, 0  # black, but transparent, beside opaque white
    made = resample.resize(pixels, (32, 32))
    assert (
        made.dtype == kind
        and made[..., :-1][made[..., -1] > most // 50].min() >= most - most // 100
    )
    assert made[:, :10, -1].max() == 0 < made[16, 16, -1] < most


# --- consistency and drift


def test_a_faithful_enlargement_is_consistent() -> None:
    big = resample.resize(ASTRONAUT, (480, 384))
    found = figures.consistency(big, ASTRONAUT)
    expected = metrics.peak_signal_noise_ratio(
        ASTRONAUT / 255, resized(big, (120, 96)).clip(0, 255) / 255, data_range=1
    )
    assert found.db == pytest.approx(expected, abs=1e-3) and found.db > 35 and found.drift < 0.1


def test_equal_pictures() -> None:
    found = figures.consistency(ASTRONAUT, ASTRONAUT)
    assert (found.db, found.drift, found.contradiction.mean) == (100.0, 0.0, 0.0)
    assert found.contradiction.picture.size == (
        120,
        96,
    ) and found.contradiction.picture.getcolors() == [(120 * 96, (0, 0, 4))]


@pytest.mark.parametrize("scale", [1, 2, 3.5])
def test_a_flat_change_is_measured_exactly(scale: float) -> None:
    source, size = (
        np.full((40, 60, 3), (100, 120, 90), np.uint8),
        (int(60 * scale), int(40 * scale)),
    )
    result = np.full((size[1], size[0], 3), (108, 112, 98), np.uint8)
    found = figures.consistency(result, source)
    assert found.db == pytest.approx(20 * math.log10(255 / 8), abs=1e-4)
    assert found.drift == pytest.approx(
        color.deltaE_ciede2000(
            color.rgb2lab(result[0, 0] / 255), color.rgb2lab(source[0, 0] / 255)
        ),
        abs=1e-4,
    )
    assert found.contradiction.mean == pytest.approx(8, abs=1e-3) and (
        found.contradiction.low,
        found.contradiction.high,
    ) == (0, 16)
    ((count, colour),) = found.contradiction.picture.getcolors()
    # the middle of the scale
    assert count == 2400 and np.abs(np.subtract(colour, (188, 55, 84))).max() <= 1


def test_a_drift_is_no_noise() -> None:
    jitter = np.random.default_rng(0).integers(-20, 21, (512, 512, 3))
    grey = np.full((512, 512, 3), 128)
    assert figures.consistency((grey + jitter).astype(np.uint8), grey.astype(np.uint8)).drift < 0.5
    assert (
        figures.consistency((grey + [12, 0, -12]).astype(np.uint8), grey.astype(np.uint8)).drift > 4
    )


def test_the_contradiction_stands_where_it_is() -> None:
    result = ASTRONAUT.copy()
    result[10:20, 30:40] = 255 - result[10:20, 30:40]
    heat = (
        np.asarray(figures.consistency(result, ASTRONAUT).contradiction.picture)
        .astype(int)
        .sum(axis=2)
    )
    changed = np.zeros((96, 120), bool)
    changed[10:20, 30:40] = True
    assert (heat[~changed] == 4).all() and np.median(heat[changed]) > 600


def test_alpha_weighs_and_kinds_may_differ() -> None:
    alpha = np.zeros((96, 120, 1), np.uint8)
    alpha[20:60] = 255
    source, result = np.dstack([ASTRONAUT, alpha]), np.dstack([ASTRONAUT, alpha])
    result[:20, :, :3] = 7  # where nothing is seen
    assert (
        figures.consistency(result, source).db == 100
        and figures.consistency(result, source).drift == 0
    )
    assert figures.consistency(result, np.dstack([ASTRONAUT, alpha * 0])).drift == 0
    grey = ASTRONAUT[..., :1]
    assert figures.consistency(np.repeat(grey, 3, axis=2), grey).db == 100
    assert figures.consistency(grey.astype(np.uint16) * 257, grey).db == 100


# --- invention


def test_an_enlargement_invents_nothing_and_a_flat_change_neither() -> None:
    source = ASTRONAUT[..., :1]
    # rounding to bytes: 0.29
    assert figures.invention(resample.resize(source, (480, 384)), source).mean < 0.45
    assert (
        figures.invention(np.minimum(source, 200) + np.uint8(40), np.minimum(source, 200)).mean == 0
    )
    grey = np.full((10, 10, 1), 90, np.uint8)
    assert figures.invention(np.full((40, 40, 1), 120, np.uint8), grey).mean < 1e-3


def test_a_texture_within_pixels_is_invented_and_does_not_contradict() -> None:
    source = np.full((24, 30, 3), 100, np.uint8)
    result = np.full((96, 120, 3), 100, np.uint8)
    rows, columns = np.mgrid[:96, :120]
    result[..., :] += (((rows + columns) % 2) * 40)[..., None].astype(np.uint8)
    result -= 20
    found = figures.invention(result, source)
    assert (
        found.mean == pytest.approx(20, abs=1e-3)
        and (found.low, found.high) == (0, 32)
        and found.picture.size == (30, 24)
    )
    assert figures.consistency(result, source).db > 40


@pytest.mark.parametrize("size", [(240, 192), (180, 144), (131, 97), (300, 96)])
def test_invention_is_the_deviation_in_each_pixel_s_place(size: tuple[int, int]) -> None:
    result = (
        (
            resample.resize(ASTRONAUT, size).astype(int)
            + np.random.default_rng(1).integers(-9, 10, (size[1], size[0], 3))
        )
        .clip(0, 255)
        .astype(np.uint8)
    )
    luma = [0.299, 0.587, 0.114]
    extra = result @ luma - resized((ASTRONAUT @ luma)[..., None], size)[..., 0].clip(0, 255)
    places = [
        ((np.arange(n) + 0.5) * m / n).astype(int) for n, m in ((size[1], 96), (size[0], 120))
    ]
    expected = np.mean(
        [
            [extra[np.ix_(places[0] == y, places[1] == x)].std() for x in range(120)]
            for y in range(96)
        ]
    )
    assert (
        figures.invention(result, ASTRONAUT).mean == pytest.approx(expected, abs=1e-3)
        and expected > 0.2
    )


# --- the truth


def test_psnr_and_ssim_are_the_library_s() -> None:
    other = (
        (ASTRONAUT.astype(int) + np.random.default_rng(2).integers(-15, 16, ASTRONAUT.shape))
        .clip(0, 255)
        .astype(np.uint8)
    )
    found = figures.against_truth(other, ASTRONAUT)
    assert found["psnr_db"] == pytest.approx(
        metrics.peak_signal_noise_ratio(ASTRONAUT, other), abs=1e-4
    )
    whole = metrics.structural_similarity(
        ASTRONAUT / 255,
        other / 255,
        data_range=1,
        channel_axis=2,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert found["ssim"] == pytest.approx(whole, abs=1e-5) and 0.3 < whole < 0.95


def test_truth_of_other_kinds() -> None:
    grey = ASTRONAUT[..., :1]
    assert figures.against_truth(np.repeat(grey, 3, axis=2).astype(np.uint16) * 257, grey) == {
        "psnr_db": 100.0,
        "ssim": pytest.approx(1),
    }
    assert figures.against_truth(grey[:10], grey[:10]) == {"psnr_db": 100.0}
    with pytest.raises(
        UserError,
        match="The true picture has 120 x 95 pixels, the result 120 x 96: give one of the same "
        "size.",
    ):
        figures.against_truth(grey, grey[:95])


# --- seams


def test_a_seam_is_measured_in_levels() -> None:
    smooth = np.add.outer(np.arange(64), np.arange(80))[..., None].astype(np.uint8)
    assert figures.seam(smooth, [20, 40, 60], [32]) == 0
    torn = smooth.copy()
    torn[:, 40:] += 5
    assert (
        figures.seam(torn, [20, 40, 60], [32]) == pytest.approx(5)
        and figures.seam(torn, [20, 60], [32]) == 0
    )
    assert figures.seam(torn.swapaxes(0, 1).astype(np.uint16) * 257, [32], [40]) == pytest.approx(5)
    assert figures.seam(torn) == 0 and figures.seam(torn[:1, :1], [0, 1], [1]) == 0
    assert figures.seam(np.dstack([smooth] * 3 + [torn]), [40]) == 0, "alpha is no colour"


# --- strength, colours, alpha


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_strength(kind: type) -> None:
    before, after = noise(40, 50, 3, kind), noise(40, 50, 3, kind)[::-1]
    assert np.array_equal(colours.blend(before, after, 0), before) and np.array_equal(
        colours.blend(before, after, 1), after
    )
    expected = np.floor(before * 0.75 + after * 0.25 + 0.5)
    assert np.abs(colours.blend(before, after, 0.25) - expected).max() <= (kind is np.uint16)


@pytest.mark.filterwarnings("ignore:Conversion from CIE-LAB")
def test_kept_colours_are_lab_s() -> None:
    other = np.ascontiguousarray(np.rot90(ASTRONAUT, 2))
    lab = color.rgb2lab(ASTRONAUT / 255)
    lab[..., 1:] = color.rgb2lab(other / 255)[..., 1:]
    expected = color.lab2rgb(lab) * 255
    found = colours.keep_colours(ASTRONAUT, other)
    assert (
        found.dtype == np.uint8
        and np.abs(found - expected).max() < 1.1
        and np.abs(found.astype(int) - ASTRONAUT).max() > 50
    )
    wide = colours.keep_colours(ASTRONAUT.astype(np.uint16) * 257, other.astype(np.uint16) * 257)
    assert wide.dtype == np.uint16 and np.abs(wide / 257 - expected).max() < 0.7
    assert np.abs(colours.keep_colours(ASTRONAUT, ASTRONAUT).astype(int) - ASTRONAUT).max() <= 1


def test_colours_of_another_size_or_of_none() -> None:
    tinted = (ASTRONAUT * np.array([1, 0.8, 0.6])).astype(np.uint8)
    small = resample.resize(ASTRONAUT, (40, 32))
    found = figures.consistency(
        colours.keep_colours(tinted, small), colours.keep_colours(tinted, ASTRONAUT)
    )
    assert found.drift < 1 < figures.consistency(tinted, ASTRONAUT).drift
    grey = colours.keep_colours(ASTRONAUT, small[..., :1])
    assert (np.ptp(grey.astype(int), axis=2) <= 1).all() and np.abs(
        color.rgb2lab(grey / 255)[..., 0] - color.rgb2lab(ASTRONAUT / 255)[..., 0]
    ).max() < 0.4
    assert colours.keep_colours(ASTRONAUT[..., :1], small) is not None and np.array_equal(
        colours.keep_colours(ASTRONAUT[..., :1], small), ASTRONAUT[..., :1]
    )
    with_alpha = np.dstack([ASTRONAUT, ASTRONAUT[..., :1]])
    assert np.array_equal(colours.keep_colours(with_alpha, small)[..., 3], ASTRONAUT[..., 0])


# --- a photograph of 12 megapixels

LARGE = """
import json, time
import numpy as np, torch
from skimage import data
from ganapps.tasks import colours, figures, resample
torch.set_num_threads(1)
def peak():
    lines = open("/proc/self/status")
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024
source = np.ascontiguousarray(np.tile(data.astronaut(), (3, 4, 1))[:1500, :2000])
result, said = resample.resize(source, (4000, 3000)), {}
for name, work in {"consistency": lambda: figures.consistency(result, source),
                   "invention": lambda: figures.invention(result, source),
                   "keep colours": lambda: colours.keep_colours(result, source),
                   "blend": lambda: colours.blend(result, result, 0.5),
                   "truth": lambda: figures.against_truth(result[:1500], result[:1500])}.items():
    open("/proc/self/clear_refs", "w").write("5")
    before, began = peak(), time.process_time()
    work()
    said[name] = peak() - before, time.process_time() - began
print(json.dumps(said))
"""


@pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="peak memory is read from Linux's /proc"
)
def test_12_megapixels_in_bounded_memory_and_seconds() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LARGE],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent.parent,
    )
    said = json.loads(done.stdout)
    print(said)
    # the result itself has 36 MB, and is copied where one is made
    assert max(memory for memory, _ in said.values()) < 200_000_000
    assert max(seconds for _, seconds in said.values()) < 6
