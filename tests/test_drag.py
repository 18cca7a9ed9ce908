"""Points of a face that are pulled: they come where they shall, what may not move stays, and what
is no point is a sentence.
"""

from __future__ import annotations

import base64

import numpy as np
import pytest
import torch
from PIL import Image

from ganapps import networks
from ganapps.device import Device
from ganapps.engine import Engine, Result
from ganapps.errors import UserError
from ganapps.networks.contracts import StyleGenerator
from ganapps.pictures import masks
from ganapps.recipe import Recipe
from ganapps.tasks import drag as task
from ganapps.tasks.drag import drag
from tests.face_layouts import made, nvidia
from tests.small_generator import Plain, Small

CPU = Device("cpu")
SMILE = [[52, 92, 46, 88], [76, 92, 82, 88]]  # the corners of a mouth


@pytest.fixture(scope="module")
def small() -> StyleGenerator:
    return networks.build("stylegan2", made(nvidia()), {}).eval().requires_grad_(False)


def run(engine: Engine, **settings: object) -> Result:
    *_, last = engine.run(Recipe("drag", "heads-128", settings))
    return last


def pixels(picture: object) -> np.ndarray:
    return np.asarray(picture, np.float32)


def mask(free: np.ndarray) -> str:
    """As the window makes it, with Pillow alone."""
    picture = Image.fromarray(free.astype(np.uint8) * 255).convert("1")
    return base64.b64encode(picture.tobytes()).decode()


def test_points_come_where_they_shall(engine: Engine) -> None:
    result = run(engine, seed=9, points=SMILE, steps=60)
    kept = result.made[0]
    for (x, y), (*_, there_x, there_y) in zip(kept.figures["points"], SMILE):
        assert np.hypot(x - there_x, y - there_y) <= 2
    assert kept.figures["left"] <= 2
    assert result.report.changes[-1].template.startswith("All points are there")
    again = run(engine, seed=9, points=SMILE, steps=60)
    assert np.array_equal(pixels(again.made[0].picture), pixels(kept.picture))
    # the face as text is the same picture: to go on from, and to come back to
    *_, text = engine.run(Recipe("edit", "heads-128", {"styles": kept.figures["styles"]}))
    assert np.array_equal(pixels(text.made[0].picture), pixels(kept.picture))


def test_one_may_go_on_from_a_face_and_come_back_to_it(engine: Engine) -> None:
    first = run(engine, seed=9, points=SMILE[:1], steps=5).made[0]
    further = run(engine, styles=first.figures["styles"], points=SMILE[1:], steps=5).made[0]
    assert further.figures["styles"] != first.figures["styles"]
    *_, undone = engine.run(Recipe("edit", "heads-128", {"styles": first.figures["styles"]}))
    assert np.array_equal(pixels(undone.made[0].picture), pixels(first.picture))


def test_what_may_not_move_moves_less(engine: Engine) -> None:
    free = np.zeros((64, 64), bool)
    free[40:52, 20:44] = True  # around the mouth
    *_, before = engine.run(Recipe("faces", "heads-128", {"seed": 9, "count": 1}))
    face = pixels(before.made[0].picture)
    changed = []
    for may_move in (None, mask(free)):
        kept = run(engine, seed=9, points=SMILE, steps=20, may_move=may_move).made[0]
        changed.append(np.abs(pixels(kept.picture) - face)[:60].mean())
    assert changed[1] < 0.8 * changed[0]


def test_a_painted_mask_says_it_pixel_by_pixel(engine: Engine) -> None:
    free = np.zeros((64, 64), bool)
    free[40:52, 20:44] = True
    painted = masks.packed(free.repeat(2, 0).repeat(2, 1))
    made = [
        run(engine, seed=9, points=SMILE, steps=8, may_move=text).made[0]
        for text in (mask(free), painted)
    ]
    assert made[0].figures == made[1].figures
    free[40:52, 32:44] = False
    less = masks.packed(free.repeat(2, 0).repeat(2, 1))
    other = run(engine, seed=9, points=SMILE, steps=8, may_move=less).made[0]
    assert other.figures != made[0].figures


def test_a_mask_of_any_line_fits_and_none_larger_is_taken(engine: Engine) -> None:
    speckled = np.random.RandomState(0).rand(400, 400) > 0.5
    text = masks.packed(speckled)
    assert 20_000 < len(text) <= masks.LONGEST
    result = run(engine, seed=9, points=SMILE, steps=1, may_move=text)
    assert result.made[0].recipe.settings["may_move"] == text
    with pytest.raises(UserError, match="up to 32768"):
        run(
            engine,
            points=SMILE,
            may_move=masks.packed(np.random.RandomState(0).rand(600, 600) > 0.5),
        )


def test_it_ends_after_the_steps_that_were_asked_for(engine: Engine) -> None:
    result = run(engine, points=[[64, 20, 64, 110]], steps=3)
    assert result.report.changes[-1].template.startswith("After {count:step|steps} a point is")
    assert result.report.changes[-1].values["count"] == 3
    assert result.made[0].figures["left"] > 50


def test_a_point_that_is_there_moves_nothing(engine: Engine) -> None:
    kept = run(engine, seed=2, points=[[64, 64, 64, 64]]).made[0]
    assert kept.caption == "as it is" and kept.figures["left"] == 0


@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
def test_every_stylegan2_can_be_pulled(architecture: str) -> None:
    network = networks.build("stylegan2", made(nvidia(architecture=architecture)), {})
    network = network.eval().requires_grad_(False)
    *_, short = drag(network, CPU, points=[[3, 3, 9, 9]], steps=1)
    *_, longer = drag(network, CPU, points=[[3, 3, 9, 9]], steps=4)
    assert longer.made[0].figures["styles"] != short.made[0].figures["styles"]
    assert longer.network_calls >= 4


def test_weights_and_random_state_stay_as_they_were(small: StyleGenerator) -> None:
    before = {name: value.clone() for name, value in small.state_dict().items()}
    state = torch.random.get_rng_state()
    list(drag(small, CPU, points=[[3, 3, 9, 9]], steps=3))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in small.state_dict().items())


def test_places_are_those_of_pixels(small: StyleGenerator) -> None:
    features = torch.arange(16.0).view(1, 1, 4, 4)
    places = torch.tensor([[0.0, 0.0], [3.0, 1.0], [1.5, 2.0]])
    assert task._at(features, places)[:, 0].tolist() == [0, 7, 9.5]
    disc = task._disc(2, 0.5)
    assert disc[0].tolist() == [0, 0] and disc.norm(dim=1).max() == 2


BAD = {
    "0 points are given: 1 to 20 are accepted.": {"points": []},
    "1000 points are given: 1 to 20 are accepted.": {"points": [[1, 1, 2, 2]] * 1000},
    "Point 1 is [1, 1, 2]: x, y, to x and to y from 0 to 15 are accepted.": {"points": [[1, 1, 2]]},
    "Point 2 is [1, 1, 16, 2]: ": {"points": [[1, 1, 2, 2], [1, 1, 16, 2]]},
    "Point 1 is ['a', 1, 2, 2]: ": {"points": [["a", 1, 2, 2]]},
    "Point 1 is [True, 1, 2, 2]: ": {"points": [[True, 1, 2, 2]]},
    "Point 1 is [1000": {"points": [[10**400, 1, 2, 2]]},
    "Point 1 is here: ": {"points": ["here"]},
    "The mask of what may move is none: ": {"points": [[1, 1, 2, 2]], "may_move": "AAAA"},
    "This mask is damaged: ": {"points": [[1, 1, 2, 2]], "may_move": "9x9:AAAA"},
    "By this mask nothing may move: ": {
        "points": [[1, 1, 2, 2]],
        "may_move": mask(np.zeros((64, 64), bool)),
    },
}


@pytest.mark.parametrize("said", BAD)
def test_bad_points_are_a_sentence(small: StyleGenerator, said: str) -> None:
    with pytest.raises(UserError) as caught:
        list(drag(small, CPU, **BAD[said]))
    assert str(caught.value).startswith(said)


def test_a_mask_of_everything_is_no_mask(small: StyleGenerator) -> None:
    free = [
        list(drag(small, CPU, points=[[3, 3, 9, 9]], steps=3, may_move=may_move))[-1].made[0]
        for may_move in (None, mask(np.ones((64, 64), bool)))
    ]
    assert free[0].figures == free[1].figures


@pytest.mark.parametrize(
    ("network", "said"),
    [(Plain(), "no style space to move in"), (Small(), "can't be pulled: choose a StyleGAN2")],
)
def test_other_models_say_so(network: object, said: str) -> None:
    with pytest.raises(UserError, match=said):
        list(drag(network, CPU, points=[[1, 1, 2, 2]]))
