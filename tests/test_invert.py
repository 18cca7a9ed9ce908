"""A face of one's own: found, turned upright, and looked for among a generator's faces."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from torch import Tensor

from ganapps import engine as engines
from ganapps.engine import Engine, Result
from ganapps.errors import UserError
from ganapps.models import finder
from ganapps.recipe import Recipe
from ganapps.tasks import invert, upright
from ganapps.training.finder import _laid_out

# of skimage's astronaut: eyes, nose, corners of the mouth, marked by hand
ASTRONAUT = [(203, 101), (246, 102), (225, 127), (204, 141), (243, 142)]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANAPPS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield engines.start("cpu", offline=True)


def saved(pixels: np.ndarray, folder: Path) -> str:
    path = folder / "picture.png"
    Image.fromarray(pixels).save(path)
    return str(path)


def planes(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255


def inverted(engine: Engine, picture: str, **settings: object) -> Result:
    recipe = Recipe("invert", "heads-64", {"steps": 10, **settings})
    *_, last = engine.run(recipe, [picture])
    return last


def said(result: Result) -> str:
    return " ".join(str(change) for change in result.report.changes)


def test_five_points_are_found_where_they_are() -> None:
    (face,) = finder.shipped().find(planes(data.astronaut()))
    assert face.score > 0.9
    for found, true in zip(face.points, ASTRONAUT, strict=True):
        assert math.dist(found, true) < 5


def test_a_face_that_fills_the_picture_and_a_small_one_are_found() -> None:
    head = planes(data.astronaut()[20:220, 120:320])
    assert len(finder.shipped().find(head)) == 1
    small = np.zeros((900, 900, 3), np.uint8)
    small[300:812, 300:812] = data.astronaut()
    assert len(finder.shipped().find(planes(small))) == 1


@pytest.mark.parametrize("scale", [0.3, 2.0])
def test_a_picture_is_turned_so_that_its_points_come_to_a_models_own(scale: float) -> None:
    angle = 0.4
    matrix = scale * np.array(
        [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    )
    own = [(20.0, 25.0), (44.0, 25.0), (32.0, 35.0), (24.0, 46.0), (40.0, 46.0)]
    middle = np.array([30.0, 30.0])
    points = [tuple(np.linalg.inv(matrix) @ (np.array(place) - middle) + 150) for place in own]
    found, _ = upright.similarity(points, own)
    assert found == pytest.approx(scale)
    x = torch.zeros(1, 3, 300, 300)
    row, column = torch.meshgrid(torch.arange(300), torch.arange(300), indexing="ij")
    for px, py in points:
        x += torch.exp(-((column - px) ** 2 + (row - py) ** 2) * scale**2 / 4)
    turned = upright.turned(x, points, own, 64)[0, 0]
    for px, py in own:
        around = turned[int(py) - 3 : int(py) + 4, int(px) - 3 : int(px) + 4]
        row, column = divmod(int(around.argmax()), 7)
        assert abs(row - 3) <= 1
        assert abs(column - 3) <= 1


def test_a_models_own_face_is_found_again_and_can_be_edited(engine: Engine, tmp_path: Path) -> None:
    *_, drawn = engine.run(Recipe("faces", "heads-64", {"seed": 5, "count": 1, "psi": 0.5}))
    drawn.made[0].picture.resize((256, 256)).save(tmp_path / "own.png")
    short = inverted(engine, str(tmp_path / "own.png"))
    long = inverted(engine, str(tmp_path / "own.png"), steps=60)
    (face,) = long.made
    assert face.figures["error"] < short.made[0].figures["error"]
    assert face.figures["error"] < 19
    assert set(face.beside) == {"before", "after"}
    assert said(long).startswith("The nearest face found differs from the picture by")
    assert "is not what this model knows" not in said(long)
    recipe = Recipe("edit", "heads-64", {"styles": face.figures["styles"], "edits": {"age": 1}})
    *_, edited = engine.run(recipe)
    assert "age" in edited.made[0].figures["moved"]


def test_a_photograph_is_not_what_rendered_heads_know(engine: Engine, tmp_path: Path) -> None:
    result = inverted(engine, saved(data.astronaut(), tmp_path))
    assert "This picture is not what this model knows" in said(result)
    given = inverted(engine, saved(data.astronaut(), tmp_path), points=[list(p) for p in ASTRONAUT])
    assert given.made[0].figures["points"] == [list(map(float, p)) for p in ASTRONAUT]


@pytest.mark.parametrize(("guessed", "most"), [(True, 14.0), (False, 17.0)])
def test_an_error_that_reads_as_the_most_there_may_be_is_unknown(
    guessed: bool, most: float
) -> None:
    assert len(invert._told(most, guessed)) == 2
    assert len(invert._told(most - 0.1, guessed)) == 1


def test_of_five_faces_the_largest_is_taken_and_said(engine: Engine, tmp_path: Path) -> None:
    face = Image.fromarray(data.astronaut()).crop((120, 0, 330, 210))
    together = Image.new("RGB", (720, 480), "white")
    for index, side in enumerate((190, 190, 230, 190, 190)):
        together.paste(face.resize((side, side)), (240 * (index % 3), 240 * (index // 3)))
    result = inverted(engine, saved(np.asarray(together), tmp_path))
    assert "There are 5 faces in this picture, and the largest was taken" in said(result)
    left, right = result.made[0].figures["points"][:2]
    assert 480 < left[0] < right[0]


@pytest.mark.parametrize(
    ("pixels", "settings", "sentence"),
    [
        (data.chelsea(), {}, "No face was found in this picture"),
        (np.zeros((1, 1, 3), np.uint8), {}, "A picture of 1 x 1 pixels shows no face"),
        (data.astronaut(), {"points": [[1, 2]]}, "The face's points are [[1, 2]]"),
        (data.astronaut(), {"points": [[5, 5]] * 5}, "are accepted, in pixels of the picture"),
        (data.astronaut(), {"points": [["a", 2]] * 5}, "The face's points are"),
        (data.astronaut(), {"points": [[float("nan"), 2]] * 5}, "The face's points are"),
    ],
)
def test_what_shows_no_face_is_a_sentence(
    engine: Engine, tmp_path: Path, pixels: np.ndarray, settings: dict, sentence: str
) -> None:
    with pytest.raises(UserError) as refused:
        inverted(engine, saved(pixels, tmp_path), **settings)
    assert sentence in str(refused.value)


def test_a_published_kernel_is_laid_out_as_torch_has_it() -> None:
    values = torch.arange(3 * 3 * 2 * 4).view(3, 3, 2, 4)
    plain = _laid_out("conv0/filters", values)
    assert plain.shape == (4, 2, 3, 3)
    assert plain[3, 1, 2, 0] == values[2, 0, 1, 3]
    alone = _laid_out("conv1/depthwise_filter", values[..., :1])
    assert alone.shape == (2, 1, 3, 3)
    assert alone[1, 0, 0, 2] == values[0, 2, 1, 0]


def test_a_copy_tuned_to_the_picture_comes_nearer_and_is_thrown_away(
    engine: Engine, tmp_path: Path
) -> None:
    path = saved(data.astronaut(), tmp_path)
    plain = inverted(engine, path).made[0]
    assert set(plain.beside) == {"before", "after"} and "tuned_error" not in plain.figures
    state = torch.random.get_rng_state()
    first, again = (inverted(engine, path, tuning=15) for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), state)
    face = first.made[0]
    assert face.figures["tuned_error"] < face.figures["error"] - 0.5
    # its steps are the same ones each time, and the model is as it was before them
    assert np.array_equal(face.picture, again.made[0].picture)
    assert np.array_equal(face.picture, face.beside["tuned"])
    assert np.array_equal(face.beside["after"], plain.picture)
    assert face.figures["styles"] == plain.figures["styles"]
    assert f"differs by {face.figures['tuned_error']}" in said(first)
    assert np.array_equal(inverted(engine, path).made[0].picture, plain.picture)


def test_a_tuned_copy_draws_the_edits(engine: Engine, tmp_path: Path) -> None:
    path, edits = saved(data.astronaut(), tmp_path), {"yaw": 1}
    tuned = inverted(engine, path, tuning=15).made[0]
    turned = inverted(engine, path, tuning=15, edits=edits).made[0]
    assert np.array_equal(turned.beside["tuned"], tuned.picture)
    assert not np.array_equal(turned.picture, tuned.picture)
    plain = inverted(engine, path, edits=edits).made[0]
    assert not np.array_equal(turned.picture, plain.picture)
    edit = Recipe("edit", "heads-64", {"styles": tuned.figures["styles"], "edits": edits})
    *_, edited = engine.run(edit)
    assert np.array_equal(plain.picture, edited.made[0].picture), (
        "without a copy it is the task edit"
    )
    with pytest.raises(UserError, match="can't be gone by 9"):
        inverted(engine, path, edits={"yaw": 9})
