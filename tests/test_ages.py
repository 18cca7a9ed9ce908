"""The same person otherwise: older and younger, from the front, the rest as it was."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from ganapps import networks
from ganapps.device import Device
from ganapps.engine import Engine
from ganapps.errors import UserError
from ganapps.networks.contracts import StyleGenerator
from ganapps.recipe import Recipe
from ganapps.report import Kept, Made
from ganapps.tasks.ages import ages
from ganapps.tasks.directions import Directions, Known
from ganapps.tasks.frontal import frontal
from ganapps.tasks.styles import unpacked
from tests.face_layouts import made, nvidia
from tests.small_generator import Plain
from tests.test_edit import table

CPU = Device("cpu")


@pytest.fixture(scope="module")
def small() -> StyleGenerator:
    """A StyleGAN2 of random weights and three labels."""
    network = networks.build("stylegan2", made(nvidia(labels=3)), {})
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def bare() -> StyleGenerator:
    """The same without labels."""
    return networks.build("stylegan2", made(nvidia()), {}).eval().requires_grad_(False)


def run(engine: Engine, task: str, **settings: object) -> list[Kept]:
    results = engine.run(Recipe(task, "heads-128", settings))
    return [kept for result in results for kept in result.made]


def pixels(picture: object) -> np.ndarray:
    return np.asarray(picture, np.float32)


def old(engine: Engine, picture: Kept, first: Kept) -> float:
    """How many years older one picture's face is than another's, by their styles."""
    before, after = first.figures["styles"], picture.figures["styles"]
    aged = run(engine, "ages", styles=after, count=2)[0].figures["far"]
    return 57 * (run(engine, "ages", styles=before, count=2)[0].figures["far"] - aged)


def test_a_strip_is_one_person_from_18_to_75(engine: Engine) -> None:
    strip = run(engine, "ages", seed=57, count=5)
    assert [kept.caption for kept in strip] == ["18", "32", "46", "61", "75"]
    assert all(b.figures["far"] > a.figures["far"] for a, b in pairwise(strip))
    assert old(engine, strip[-1], strip[0]) == pytest.approx(57, abs=3)
    # the nearer to the face's own age the less else moves, and never much
    beside = [kept.figures["others_moved"] for kept in strip]
    alike = [kept.figures["likeness"] for kept in strip]
    assert min(alike) > 0.7 and max(alike) > 0.95, "more alike than one person on two days"
    assert max(beside) < 0.15 and min(beside) not in (beside[0], beside[-1])
    middle = strip[2]
    (again,) = run(engine, middle.recipe.task, **middle.recipe.settings)
    assert middle.recipe.task == "edit"
    assert np.array_equal(pixels(again.picture), pixels(middle.picture))


def test_a_face_as_text_ages_too(engine: Engine) -> None:
    (own,) = run(engine, "edit", seed=8, edits={"pca-2": 1})
    young, aged = run(engine, "ages", styles=own.figures["styles"], count=2)
    assert old(engine, aged, young) == pytest.approx(57, abs=3)
    assert "styles" in aged.recipe.settings


def test_years_of_a_face_that_was_looked_for_come_with_their_error(engine: Engine) -> None:
    first = run(engine, "ages", seed=9, count=2)[0]
    asked = ({"seed": 9}, {"styles": first.figures["styles"]})
    drawn, found = (list(engine.run(Recipe("ages", "heads-128", {**a, "count": 2}))) for a in asked)
    assert "23 years off" not in " ".join(map(str, drawn[-1].report.changes))
    assert "years old; of a face that was looked for" in str(found[-1].report.changes[0])


def test_a_turned_head_comes_to_the_front(engine: Engine) -> None:
    for yaw in (-20, 20):
        (front,) = run(engine, "frontal", seed=3, labels={"yaw": yaw, "pitch": 6}, psi=1.0)
        assert front.figures["yaw"] == pytest.approx(yaw, abs=6)
        (again,) = run(engine, "frontal", styles=front.figures["styles"])
        assert abs(again.figures["yaw"]) < 2 and abs(again.figures["pitch"]) < 2
        assert pixels(front.beside["before"]).shape == pixels(front.picture).shape


def test_where_a_face_stands_on_a_labels_way_is_read_off_its_styles(small: StyleGenerator) -> None:
    directions = Directions(small, "cpu", table(), Known())
    sample = directions.sample()
    middle = sample.w.mean(0).expand(1, small.num_ws, -1)
    true = float(sample.rows[:, 0].mean())
    assert directions.gone("age", middle) == pytest.approx(true, abs=1e-4)
    onward = middle + 0.5 * directions.find("age").step
    assert directions.gone("age", onward) == pytest.approx(true + 0.5, abs=1e-4)


def test_a_way_without_years_goes_back_and_on(bare: StyleGenerator) -> None:
    way = torch.ones(12)
    strip = [
        step.made[0] for step in ages(bare, CPU, None, Known({"w.age": way}), count=3, psi=1.0)
    ]
    assert [made.caption for made in strip] == ["age -1", "age +0", "age +1"]
    assert [made.figures["age"] for made in strip] == [None] * 3
    assert strip[0].figures["others_moved"] is None and "likeness" not in strip[0].figures
    first, middle, last = (styles(bare, made) for made in strip)
    assert torch.allclose(last - middle, way.expand_as(last), atol=0.01)
    assert torch.allclose(middle - first, way.expand_as(last), atol=0.01)


def styles(network: StyleGenerator, made: Made) -> torch.Tensor:
    return unpacked(made.figures["styles"], torch.zeros(1, network.num_ws, 12))


def test_what_a_model_can_not_is_a_sentence(small: StyleGenerator, bare: StyleGenerator) -> None:
    with pytest.raises(UserError, match="no direction of age"):
        list(ages(bare, CPU))
    with pytest.raises(UserError, match="does not tell how far a head is turned"):
        list(frontal(bare, CPU))
    with pytest.raises(UserError, match="age can't be moved and held at once"):
        list(ages(small, CPU, table(), hold=["age"]))
    for task in (ages, frontal):
        with pytest.raises(UserError, match="no style space to move in"):
            list(task(Plain(), CPU))
