"""A film as MP4: what players see, and what machines read in it."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from ganapps.errors import UserError
from ganapps.pictures import images, mp4
from ganapps.pictures.inside import XMP_BOX, from_file, xmp
from ganapps.recipe import Recipe

RECIPE = Recipe("loop", "heads-64", {"seed": 7, "psi": 0.5})


@pytest.mark.parametrize(
    ("size", "expected"), [((64, 64), (512, 512)), ((48, 31), (792, 512)), ((601, 700), (600, 700))]
)
def test_all_frames_are_there_even_and_at_least_512_pixels(
    tmp_path: Path, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    frames = [Image.new("RGB", size, (40 * n, 255 - 40 * n, 90)) for n in range(6)]
    film = images.save_film(frames, tmp_path / "film.webp", 20, RECIPE)
    made = mp4.from_film(film, tmp_path / "film.mp4")
    with av.open(str(made)) as played:
        decoded = list(played.decode(video=0))
    seen = [frame.to_ndarray(format="rgb24") for frame in decoded]
    assert [round(frame.time, 3) for frame in decoded] == [0, 0.05, 0.1, 0.15, 0.2, 0.25]
    assert [(frame.shape[1], frame.shape[0]) for frame in seen] == [expected] * 6
    for frame, given in zip(seen, frames):
        assert np.abs(frame.mean((0, 1)) - np.array(given.getpixel((0, 0)))).max() < 6


def test_the_mark_and_the_recipe_stand_in_it(tmp_path: Path) -> None:
    film = images.save_film([Image.new("RGB", (64, 64))] * 2, tmp_path / "film.webp", 20, RECIPE)
    content = mp4.from_film(film, tmp_path / "film.mp4").read_bytes()
    packet = xmp(RECIPE).encode()
    assert "trainedAlgorithmicMedia" in xmp(RECIPE) and RECIPE.checkpoint in xmp(RECIPE)
    box = (24 + len(packet)).to_bytes(4, "big") + XMP_BOX + packet
    assert content.endswith(box) and content[4:8] == b"ftyp"
    assert len(XMP_BOX) == 20 and from_file(tmp_path / "film.mp4") == RECIPE


def test_a_film_of_another_program_holds_no_recipe(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(60))
    with pytest.raises(UserError, match=r"film\.mp4 holds no recipe"):
        from_file(tmp_path / "film.mp4")


def test_a_film_of_somebody_else_is_a_sentence(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "film.webp")
    with pytest.raises(UserError, match="holds no recipe"):
        mp4.from_film(tmp_path / "film.webp", tmp_path / "film.mp4")
    assert not (tmp_path / "film.mp4").exists()
