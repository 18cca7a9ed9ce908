"""Children of faces: each layer has a parent, the same child comes of the same birth, and a family
that is none is a sentence.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganapps import networks
from ganapps.device import Device
from ganapps.engine import Engine
from ganapps.errors import UserError
from ganapps.networks.contracts import StyleGenerator
from ganapps.pictures import family as trees
from ganapps.pictures import images
from ganapps.pictures.inside import from_picture
from ganapps.recipe import Recipe
from ganapps.report import Kept
from ganapps.tasks.breed import Birth, People, breed
from ganapps.tasks.maker import Maker
from tests.face_layouts import made, nvidia
from tests.small_generator import Plain

CPU = Device("cpu")
TWO = {"ada": {"seed": 1}, "ben": {"seed": 2}}


@pytest.fixture(scope="module")
def small() -> StyleGenerator:
    return networks.build("stylegan2", made(nvidia()), {}).eval().requires_grad_(False)


def litter(engine: Engine, **settings: object) -> list[Kept]:
    asked = {"family": TWO, "parents": ["ada", "ben"], "count": 4, **settings}
    results = engine.run(Recipe("breed", "heads-64", asked))
    return [kept for result in results for kept in result.made]


def pixels(kept: Kept) -> np.ndarray:
    return np.asarray(kept.picture, np.float32)


def people(network: StyleGenerator, family: dict | None = None) -> People:
    return People(Maker(network, CPU, None, None, "const"), family or TWO, 0.7)


def test_a_litter_comes_child_by_child_with_its_diversity(engine: Engine) -> None:
    children = litter(engine, mutation=0.2)
    assert len(children) == 4
    assert children[0].figures["diversity"] == 0 < children[-1].figures["diversity"]
    assert len(children[0].figures["from parents"]) == 2
    same = litter(engine, mutation=0.0, crossing="mixed", parents=["ada", "ada"])
    assert same[-1].figures["diversity"] == 0
    assert same[-1].figures["from parents"] == [0, 0]


def test_more_mutation_is_more_diversity(engine: Engine) -> None:
    calm = litter(engine, mutation=0.0, crossing="mixed")[-1].figures["diversity"]
    wild = litter(engine, mutation=0.8, crossing="mixed")[-1].figures["diversity"]
    assert wild > 1.3 * calm


def test_a_child_is_the_same_alone_and_in_its_litter(engine: Engine, tmp_path: Path) -> None:
    third = litter(engine, mutation=0.3)[2]
    path = images.keep(third, tmp_path, 0)
    again = list(engine.run(from_picture(path)))[-1].made
    assert len(again) == 1 and np.array_equal(pixels(again[0]), pixels(third))


def test_a_recipe_holds_a_childs_lineage_and_no_more(engine: Engine) -> None:
    child = litter(engine, count=1)[0]
    family = {**TWO, "eve": {"seed": 9, "psi": 0.5}, "kim": child.figures["birth"]}
    grandchild = litter(engine, family=family, parents=["kim", "ada"], count=1)[0]
    kept = grandchild.recipe.settings["family"]
    assert set(kept) == {"ada", "ben", "kim"}
    assert kept["ada"] == {"seed": 1, "psi": 0.7} and kept["kim"]["of"] == ["ada", "ben"]
    # another variety later leaves the ancestors as they are
    again = litter(engine, family=kept, parents=["kim", "ada"], count=1, psi=0.1)[0]
    assert np.array_equal(pixels(again), pixels(grandchild))


def test_a_family_of_many_generations_fits(engine: Engine) -> None:
    family: dict = dict(TWO)
    names = list(TWO)
    for number in range(120):
        family[f"c{number}"] = {"of": names[-2:], "seed": number, "mutation": 0.1}
        names.append(f"c{number}")
    child = litter(engine, family=family, parents=names[-2:], count=1)[0]
    assert len(json.dumps(child.recipe.settings["family"])) < 32_000


def test_each_layer_has_one_parent_and_each_parent_gives(small: StyleGenerator) -> None:
    them = people(small)
    of = [them.styles("ada"), them.styles("ben")]
    cuts = set()
    for seed in range(12):
        ws = them.child(of, Birth(seed, 0.0, "layers"))[0]
        from_ada = [torch.equal(layer, of[0][0, n]) for n, layer in enumerate(ws)]
        from_ben = [torch.equal(layer, of[1][0, n]) for n, layer in enumerate(ws)]
        assert all(a or b for a, b in zip(from_ada, from_ben))
        assert any(from_ada) and any(from_ben)
        assert sum(a != b for a, b in itertools.pairwise(from_ada)) == 1
        cuts.add(tuple(from_ada))
    assert len(cuts) > 3


def test_mixed_children_lie_between_their_parents(small: StyleGenerator) -> None:
    them = people(small)
    of = [them.styles("ada"), them.styles("ben")]
    ws = them.child(of, Birth(3, 0.0, "mixed"))
    low, high = torch.minimum(*of), torch.maximum(*of)
    assert ((ws >= low - 1e-5) & (ws <= high + 1e-5)).all()


def test_an_ancestor_may_be_a_face_as_text_and_have_labels(engine: Engine) -> None:
    *_, edited = engine.run(Recipe("edit", "heads-64", {"seed": 5, "edits": {"smile": 1}}))
    family = {
        "text": {"styles": edited.made[0].figures["styles"]},
        "old": {"seed": 3, "labels": {"age": 75}},
    }
    assert litter(engine, family=family, parents=["text", "old"], count=1)


BAD = {
    "1 parent is named: 2 to 8 are needed.": {"parents": ["ada"]},
    "9 parents are named: 2 to 8 are needed.": {"parents": ["ada"] * 9},
    "The parent eve is not in the family: ada, ben are.": {"parents": ["ada", "eve"]},
    "The parent ['ada'] is not in the family": {"parents": [["ada"], "ben"]},
    "cat is nobody of a family: ": {"family": {**TWO, "cat": {"meows": True}}},
    "dan is nobody of a family: ": {"family": {**TWO, "dan": {"of": ["ada", "who"]}}},
    "eve is nobody of a family: ": {"family": {**TWO, "eve": {"of": ["ada"]}}},
    "fay is nobody of a family: ": {"family": {**TWO, "fay": 7}},
    "gus is nobody of a family: ": {"family": {**TWO, "gus": {"seed": 1, "psi": 9}}},
    "hal is nobody of a family: ": {"family": {**TWO, "hal": {"seed": 1, "psi": 10**400}}},
    "In this family ada comes from itself: ": {
        "family": {"ada": {"of": ["ben", "ada"]}, "ben": {"seed": 1}}
    },
    "This family is too large: ": {
        "family": {**TWO, **{f"n{number}": {"seed": "x" * 400} for number in range(90)}}
    },
    "These styles are no face of this model": {"family": {**TWO, "ada": {"styles": "AAAA"}}},
}


@pytest.mark.parametrize("said", BAD)
def test_a_bad_family_is_a_sentence(small: StyleGenerator, said: str) -> None:
    with pytest.raises(UserError) as caught:
        list(breed(small, CPU, **{"family": TWO, "parents": ["ada", "ben"], **BAD[said]}))
    assert str(caught.value).startswith(said)


def test_a_long_ring_of_a_family_is_found(small: StyleGenerator) -> None:
    ring = {f"n{n}": {"of": [f"n{(n + 1) % 300}", f"n{(n + 1) % 300}"]} for n in range(300)}
    with pytest.raises(UserError, match="comes from itself"):
        list(breed(small, CPU, family=ring, parents=["n0", "n1"]))


def test_a_model_without_styles_says_so() -> None:
    with pytest.raises(UserError, match="no style space to move in"):
        list(breed(Plain(), CPU, family=TWO, parents=["ada", "ben"]))


def test_a_film_goes_between_any_two_of_a_family(engine: Engine) -> None:
    child = litter(engine, count=1)[0]
    family = {**TWO, "eve": {"seed": 9}, "kim": child.figures["birth"]}
    settings = {"family": family, "begin": "kim", "end": "ada", "frames": 5}
    *_, last = engine.run(Recipe("morph", "heads-64", settings))
    (film,) = last.made
    assert len(film.frames) == 8  # five there, and back to the first
    assert np.array_equal(np.asarray(film.frames[0]), np.asarray(child.picture))
    assert set(film.recipe.settings["family"]) == {"ada", "ben", "kim"}
    assert 0 < film.figures["mean_step"] <= film.figures["largest_step"]
    nobody = Recipe("morph", "heads-64", {**settings, "end": "who"})
    with pytest.raises(UserError, match="who is not in the family: ada, ben, eve, kim are."):
        list(engine.run(nobody))


def test_a_family_is_one_picture_with_a_row_for_each_generation(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), "#ff0000").save(tmp_path / "face.png")
    people = {**TWO, "kim": {"of": ["ada", "ben"]}, "lee": {"of": ["kim", "ada"]}}
    assert trees.generations(people) == {"ada": 0, "ben": 0, "kim": 1, "lee": 2}
    tree = trees.laid_out(people)
    assert len(tree.curves) == 4
    assert tree.places["ada"][1] < tree.places["kim"][1] < tree.places["lee"][1]
    picture = trees.drawn(people, {"lee": str(tmp_path / "face.png"), "kim": "gone.png"})
    assert picture.size == (trees.SCALE * tree.width, trees.SCALE * tree.height)
    left, top = (round(trees.SCALE * place) for place in tree.places["lee"])
    assert picture.getpixel((left + 5, top + 5)) == (255, 0, 0)
    assert picture.getpixel((left - 9, top + 5)) == (255, 255, 255)
