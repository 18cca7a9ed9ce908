"""Marks on a picture: as text and back, from files and numbers, grown; damaged ones refused."""

from __future__ import annotations

import numpy as np
import pytest

from ganapps.errors import UserError
from ganapps.pictures import masks
from ganapps.pictures.uploads import Upload


def upload(pixels: np.ndarray) -> Upload:
    return Upload(pixels, pixels.shape[1::-1], "0" * 64)


def blob(height: int = 37, width: int = 53) -> np.ndarray:
    return np.random.RandomState(0).rand(height, width) < 0.2


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (8, 8), (37, 53)])
def test_a_mask_is_the_same_again_after_it_was_text(size):
    mask = blob(*size)
    assert np.array_equal(masks.unpacked(masks.packed(mask)), mask)


def test_strokes_on_twelve_megapixels_are_small_as_text():
    mask = np.zeros((3000, 4000), bool)
    for step in range(40):
        mask[100 + 60 * step : 130 + 60 * step, 200 + 50 * step : 1200 + 60 * step] = True
    assert len(masks.packed(mask)) < masks.LONGEST


@pytest.mark.parametrize(
    "text",
    [
        "",
        "8x8",
        "0x8:",
        "8x8:!!!!",
        "8x8:AAAA",
        masks.packed(blob())[:-8],
        masks.packed(blob()).replace("53x37", "57x37"),
        masks.packed(blob()).replace("53x37", "53x36"),
        "99999x99999:" + masks.packed(blob()).split(":")[1],
    ],
)
def test_a_damaged_mask_is_one_sentence(text):
    with pytest.raises(UserError, match="damaged"):
        masks.unpacked(text)


def test_a_bomb_is_not_unpacked():
    """A small text whose bits would be far more than its size says."""
    bomb = masks.packed(np.zeros((4000, 8000), bool)).replace("8000x4000", "8x8")
    with pytest.raises(UserError, match="damaged"):
        masks.unpacked(bomb)


def test_a_mask_file_is_what_is_light_or_what_is_painted_on_nothing():
    mask = blob()
    grey = np.where(mask, 255, 0).astype(np.uint8)[..., None]
    assert np.array_equal(masks.of_file(upload(grey)), mask)
    assert np.array_equal(masks.of_file(upload(grey.astype(np.uint16) * 257)), mask)
    painted = np.concatenate([np.zeros((37, 53, 3), np.uint8), grey], 2)
    assert np.array_equal(masks.of_file(upload(painted)), mask), "black, but opaque"
    opaque = np.concatenate([np.repeat(grey, 3, 2), np.full_like(grey, 255)], 2)
    assert np.array_equal(masks.of_file(upload(opaque)), mask)


def test_a_box_is_cut_at_the_border_and_refused_outside():
    mask = masks.boxed((20, 10), [-5, 4, 8, 99])
    assert mask.sum() == 3 * 6 and mask[4:, :3].all()
    for box in ([0, 0, 5], [0, 0, 0, 5], [0, 0, 5, 5.5], [True, 0, 5, 5]):
        with pytest.raises(UserError, match="four whole numbers"):
            masks.boxed((20, 10), box)
    with pytest.raises(UserError, match="outside the picture of 20 x 10"):
        masks.boxed((20, 10), [20, 0, 5, 5])


def test_a_mask_of_the_same_shape_is_fitted_another_one_refused():
    mask = np.zeros((10, 20), bool)
    mask[2:4, 10:] = True
    large = masks.fitted(mask, (40, 20))
    assert large.shape == (20, 40) and large.sum() == 4 * mask.sum() and large[4:8, 20:].all()
    with pytest.raises(UserError, match="20 x 10 pixels, the picture 20 x 20"):
        masks.fitted(mask, (20, 20))


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (30, 1), (25, 31)])
def test_distances_are_those_of_every_pair(size):
    mask = np.random.RandomState(1).rand(*size) < 0.03
    mask[-1, -1] = True
    marked = np.argwhere(mask)
    every = np.stack(np.meshgrid(*map(np.arange, size), indexing="ij"), -1)
    true = np.sqrt(((every[:, :, None] - marked) ** 2).sum(-1)).min(-1)
    for most in (1, 6, 40):
        expected = np.where(true <= most, true, most + 1)
        assert np.allclose(masks.distances(mask, most), expected, atol=1e-4)
    assert np.array_equal(masks.grown(mask, 3), true <= 3)
    assert masks.grown(mask, 0) is mask


def test_transparent_is_what_can_hardly_be_seen():
    pixels = np.zeros((2, 3, 4), np.uint8)
    pixels[0, :, 3] = 0, 127, 128
    pixels[1, :, 3] = 255
    assert masks.transparent(pixels).tolist() == [[True, True, False], [False] * 3]
    assert not masks.transparent(pixels[..., :3]).any()
