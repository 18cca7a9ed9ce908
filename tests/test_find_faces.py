"""Faces in a photograph: all of them found, each turned upright, mended and compared."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from torch import Tensor

from ganapps.device import Device
from ganapps.engine import Engine, on_files
from ganapps.errors import UserError
from ganapps.models import finder
from ganapps.networks.contracts import FaceRestorer
from ganapps.pictures.images import to_tensor
from ganapps.tasks import find_faces
from ganapps.tasks.mend_faces import FaceMending
from ganapps.tasks.restore import restore
from tests.test_repair import Grey, noise, upload

FINDER, LIKENESS = finder.shipped(), finder.likeness()
# what face-api.js 1.7.15 gives on tfjs's processor for the picture below: every eighth number
THEIRS = (
    *(-0.05748, 0.09774, -0.10674, -0.05053, -0.2309, -0.09383, 0.12106, 0.01002),
    *(0.20922, -0.07785, -0.12194, 0.18933, -0.08291, -0.23005, 0.16011, -0.0523),
)


def astronaut(side: int = 512, degrees: float = 0) -> Image.Image:
    picture = Image.fromarray(data.astronaut()).rotate(degrees, Image.Resampling.BICUBIC)
    return picture.resize((side, side), Image.Resampling.BICUBIC)


def middle(square: list[int]) -> tuple[float, float]:
    return square[0] + square[2] / 2, square[1] + square[2] / 2


class Given(FaceRestorer):
    """Gives what it is told to, and keeps what it was shown."""

    side = 256

    def __init__(self, answer: Tensor | None = None) -> None:
        super().__init__()
        self.answer, self.shown = answer, torch.empty(0)

    def forward(self, x: Tensor) -> Tensor:
        self.shown = x
        return x if self.answer is None else self.answer


def mended(
    network: FaceRestorer, pixels: np.ndarray, squares: list[list[int]], fidelity: float = 0.0
) -> FaceMending:
    places = [(x, y, side) for x, y, side in squares]
    work = FaceMending(network, Device("cpu"), pixels, places, fidelity, FINDER, LIKENESS)
    assert list(work.through()) == list(range(1, len(places) + 1))
    return work


def test_likeness_is_what_its_authors_program_gives() -> None:
    x = torch.rand(2, 3, 150, 150, generator=torch.Generator().manual_seed(0))[:1]
    with torch.inference_mode():
        made = LIKENESS(x)
    assert torch.allclose(made[0, ::8], torch.tensor(THEIRS), atol=1e-5)


def test_every_face_is_found_once_from_left_to_right_small_ones_too() -> None:
    canvas = Image.new("RGB", (1600, 1000), (120, 110, 100))
    places = [(20, 500, 240), (300, 40, 700), (1060, 430, 512)]
    for x, y, side in places:
        canvas.paste(astronaut(side), (x, y))
    found = find_faces.squares(FINDER, np.asarray(canvas))
    assert len(found) == 3
    for (x, y, side), square in zip(places, found, strict=True):
        nose = (x + 225 * side / 512, y + 122 * side / 512)
        assert math.dist(middle(square), nose) < 0.1 * side
        assert 0.2 * side < square[2] < 0.6 * side


def test_where_there_is_nobody_nobody_is_found() -> None:
    for pixels in (noise(1, 1), noise(40, 3, 4), noise(150, 200, 1, np.uint16), data.chelsea()):
        assert find_faces.squares(FINDER, pixels) == []


@pytest.mark.parametrize("degrees", [0, 25])
def test_a_face_is_turned_upright_for_its_restorer_and_back(degrees: float) -> None:
    pixels = np.asarray(astronaut(400, degrees))
    (square,) = find_faces.squares(FINDER, pixels)
    network = Given()
    work = mended(network, pixels, [square])
    (face,) = FINDER.find(network.shown)
    for found, wanted in zip(face.points, find_faces.own_points(256), strict=True):
        assert math.dist(found, wanted) < 16, "of 256: as the restorer learned it"
    away = np.abs(work.result.astype(int) - pixels).mean(axis=2)
    assert away[away > 0].mean() < 4, "what it leaves as it is comes back"
    assert (away > 0).mean() < 0.12, "and nothing else is touched"
    assert work.changed[0]["changed"] == 0 and work.changed[0]["distance"] < 0.25


def test_somebody_else_is_told_and_a_blur_is_not() -> None:
    pixels = np.asarray(astronaut(400))
    squares = find_faces.squares(FINDER, pixels)
    network = Given()
    mended(network, pixels, squares)
    soft = torch.nn.functional.avg_pool2d(network.shown, 9, 1, 4, count_include_pad=False)
    same = mended(Given(soft), pixels, squares)
    assert same.changed[0]["distance"] < LIKENESS.same and not same.changes()
    other = mended(Given(network.shown.flip(2)), pixels, squares)
    assert other.changed[0]["distance"] >= LIKENESS.same
    (said,) = other.changes()
    assert str(said).startswith("Face 1 came out as somebody else")
    kept = mended(Given(network.shown.flip(2)), pixels, squares, fidelity=0.9)
    assert kept.changed[0]["distance"] < LIKENESS.same


def test_without_squares_every_face_that_is_found_is_mended(engine: Engine, tmp_path) -> None:
    pixels = np.asarray(astronaut(400))
    others = {"faces": Given(torch.zeros(1, 3, 256, 256))}
    chain = restore(Grey(), Device("cpu"), others, FINDER, LIKENESS, upload(pixels))
    made = list(chain)[-1].made[0]
    assert len(made.figures["faces"]) == 1 and made.figures["same_person_below"] == 0.6
    path = tmp_path / "photo.png"
    Image.fromarray(pixels).save(path)
    assert on_files.faces(str(path)) == [made.figures["faces"][0]["face"]]


@pytest.mark.parametrize(
    ("heads", "sentence"), [(None, "none was found"), ([], "say where each is")]
)
def test_without_a_face_one_sentence_says_so(heads: list | None, sentence: str) -> None:
    others = {"faces": Given()}
    photograph = upload(noise(60, 60))
    chain = restore(Grey(), Device("cpu"), others, FINDER, LIKENESS, photograph, heads=heads)
    with pytest.raises(UserError, match=f"No face is marked.*{sentence}"):
        next(chain)


def test_a_square_at_the_border_where_no_face_is_seen_is_mended_without_a_comparison() -> None:
    pixels = noise(50, 60)
    work = mended(Given(torch.ones(1, 3, 256, 256)), pixels, [[-10, -10, 30], [50, 40, 30]])
    assert work.result[0, 0].min() > 250 and work.result[49, 59].min() > 250
    assert np.array_equal(work.result[21:39, 21:49], pixels[21:39, 21:49])
    assert all(face.keys() == {"face", "changed"} for face in work.changed)


def test_two_pictures_of_one_face_are_near_whatever_their_size() -> None:
    large, small = np.asarray(astronaut()), np.asarray(astronaut(140).resize((512, 512)))
    (face,) = FINDER.find(to_tensor(large))
    points = list(face.points)
    pair = to_tensor(large), to_tensor(small)
    assert find_faces.distance(LIKENESS, pair[0], pair[0], points) == 0
    assert 0.05 < find_faces.distance(LIKENESS, *pair, points) < 0.5
