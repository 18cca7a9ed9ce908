"""Moving a face through its generator's styles: what moves, what stays, and what is told of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from ganapps import networks
from ganapps.device import Device
from ganapps.engine import Engine, Result
from ganapps.errors import UserError
from ganapps.models import catalog, directions
from ganapps.models.catalog import WEIGHTS
from ganapps.networks.contracts import StyleGenerator
from ganapps.recipe import Recipe
from ganapps.report import Made, Step
from ganapps.tasks import edit as task
from ganapps.tasks.directions import Directions, Known
from ganapps.tasks.edit import edit
from ganapps.tasks.labels import Labels
from ganapps.tasks.styles import packed, unpacked
from tests.face_layouts import made, nvidia
from tests.small_generator import Plain

CPU = Device("cpu")


@pytest.fixture(scope="module")
def small() -> StyleGenerator:
    """A StyleGAN2 of random weights and three labels."""
    network = networks.build("stylegan2", made(nvidia(labels=3)), {})
    return network.eval().requires_grad_(False)


def table() -> Labels:
    rows = np.random.RandomState(5).rand(40, 3).astype(np.float32)
    number = {"id": "age", "title": "Age", "kind": "number", "weights": {"a": [1, 0]}}
    number |= {"min": 0, "max": 1, "step": 0.1}
    choice = {"id": "hat", "title": "Hat", "kind": "choice"}
    choice |= {"options": {"none": {"b": 0.0, "c": 0.0}, "red": {"b": 1.0, "c": 0.0}}}
    return Labels(rows, ("a", "b", "c"), (number, choice))


def run(engine: Engine, checkpoint: str = "heads-128", **settings: object) -> Result:
    *_, last = engine.run(Recipe("edit", checkpoint, settings))
    return last


def only(steps: Iterator[Step]) -> Made:
    (step,) = steps
    return step.made[0]


def pixels(picture: object) -> np.ndarray:
    return np.asarray(picture, np.float32)


def test_without_edits_it_is_the_face_of_the_seed(engine: Engine) -> None:
    settings = {"seed": 7, "labels": {"age": 60}, "psi": 0.9}
    *_, face = engine.run(Recipe("faces", "heads-128", {**settings, "count": 1}))
    edited = run(engine, **settings)
    assert np.array_equal(pixels(edited.made[0].picture), pixels(face.made[0].picture))
    assert edited.made[0].caption == "as it is"


def test_a_face_smiles_and_says_what_else_moved(engine: Engine) -> None:
    for seed in (3, 11):
        kept = run(engine, seed=seed, edits={"smile": 1, "yaw": 0}).made[0]
        assert kept.caption == "smile +1"
        moved = kept.figures["moved"]["smile"]
        assert moved["smile"] > 0.4
        others = [abs(value) for name, value in moved.items() if name != "smile"]
        assert moved["smile"] > max(others, default=0)
        assert pixels(kept.beside["before"]).shape == pixels(kept.picture).shape


def test_what_is_held_moves_less(engine: Engine) -> None:
    free, held = 0.0, 0.0
    for seed in range(5):
        settings = {"seed": seed, "edits": {"pca-3": 1.5}}
        free += abs(run(engine, **settings).made[0].figures["moved"]["pca-3"].get("yaw", 0))
        kept = run(engine, **settings, hold=["yaw"]).made[0]
        held += abs(kept.figures["moved"]["pca-3"].get("yaw", 0))
    assert held < 0.7 * free


def test_two_edits_are_told_apart(engine: Engine) -> None:
    kept = run(engine, seed=4, edits={"smile": 1, "yaw": 0.5}).made[0]
    moved = kept.figures["moved"]
    assert moved["yaw"]["yaw"] > 0.25 > abs(moved["smile"].get("yaw", 0))


def test_names_that_a_person_gave_stay_in_the_recipe(engine: Engine) -> None:
    kept = run(engine, edits={"pca-3": -1.5}, names={"pca-3": "hat"}).made[0]
    assert kept.caption == "hat -1.5"
    assert "hat" in kept.figures["moved"]
    assert json.loads(kept.recipe.to_json())["settings"]["names"] == {"pca-3": "hat"}


def test_a_face_as_text_is_the_same_face(engine: Engine) -> None:
    first = run(engine, seed=9, edits={"age": 1})
    text = first.made[0].figures["styles"]
    again = run(engine, styles=text)
    difference = np.abs(pixels(again.made[0].picture) - pixels(first.made[0].picture))
    assert difference.max() <= 2  # of 255: the text has 16 bits a number
    assert len(text) < 32_000


def test_a_text_gives_all_layers_back(small: StyleGenerator) -> None:
    ws = torch.randn(1, small.num_ws, 12, generator=torch.Generator().manual_seed(0)).half().float()
    assert torch.equal(unpacked(packed(ws), ws), ws)
    alike = ws[:, :1].expand_as(ws)
    assert torch.equal(unpacked(packed(alike), ws), alike)
    assert len(packed(alike)) < len(packed(ws))


@pytest.mark.parametrize("text", ["AAAA", "no text!", packed(torch.full((1, 1, 12), torch.nan))])
def test_a_text_of_another_model_is_refused(small: StyleGenerator, text: str) -> None:
    with pytest.raises(UserError, match="no face of this model, whose faces have 6 layers of 12"):
        list(edit(small, CPU, table(), styles=text))


def test_only_the_layers_that_are_asked_for_move(small: StyleGenerator) -> None:
    found = Directions(small, "cpu", table(), Known(), (2, 3)).find("age")
    assert found.step[2:4].any() and not found.step[:2].any() and not found.step[4:].any()


def test_a_label_direction_is_the_mean_way_between_its_ends(small: StyleGenerator) -> None:
    directions = Directions(small, "cpu", table(), Known())
    sample = directions.sample()
    low, high = sample.rows[:128].clone(), sample.rows[:128].clone()
    low[:, 0], high[:, 0] = 0, 1
    z = sample.z[:128]
    expected = (small.mapping(z, high) - small.mapping(z, low)).mean(0)
    assert torch.allclose(directions.find("age").step, expected, atol=1e-5)
    assert {"age", "hat: none", "hat: red"} == set(directions.ways)


def test_principal_components_are_numpys(small: StyleGenerator) -> None:
    directions = Directions(small, "cpu", table(), Known())
    w = directions.sample().w.double().numpy()
    _, spread, rows = np.linalg.svd(w - w.mean(0), full_matrices=False)
    for number in (1, 2, 5):
        step = directions.find(f"pca-{number}").step[0].double().numpy()
        assert abs(step @ rows[number - 1]) == pytest.approx(np.linalg.norm(step), rel=1e-4)
        deviation = spread[number - 1] / np.sqrt(len(w))
        assert np.linalg.norm(step) == pytest.approx(deviation, rel=1e-3)
        assert step[np.abs(step).argmax()] > 0


def test_the_closed_form_is_its_definition(small: StyleGenerator) -> None:
    weights = torch.cat(small.style_weights()).double()
    weights = weights / weights.norm(dim=1, keepdim=True)
    matrix = weights.T @ weights
    first = Directions(small, "cpu", table(), Known()).find("sefa-1").step[0].double()
    moved = matrix @ first
    assert torch.allclose(moved, first * torch.linalg.eigvalsh(matrix)[-1], rtol=1e-3, atol=1e-4)


def test_what_is_held_has_no_share_in_the_step(small: StyleGenerator) -> None:
    directions = Directions(small, "cpu", table(), Known())
    step = directions.held("hat: red", ["age", "pca-1"]).step
    for name in ("age", "pca-1"):
        assert (step @ directions.find(name).normal).abs().max() < 1e-4 * step.norm()


def test_a_direction_in_z_acts_in_z_or_as_its_mean(small: StyleGenerator) -> None:
    push = torch.randn(10, generator=torch.Generator().manual_seed(3))
    known = Known({"z.hat": push})
    made = only(edit(small, CPU, table(), known, seed=2, psi=1.0, edits={"hat": 0.5}))
    random = np.random.RandomState(2)
    z = torch.from_numpy(random.randn(1, 10).astype(np.float32)) + 0.5 * push
    row = torch.from_numpy(table().row(random, {}))[None]
    ws = small.mapping(z, row)
    assert torch.allclose(unpacked(made.figures["styles"], ws), ws, atol=1e-2)
    text = packed(ws)
    (step,) = edit(small, CPU, table(), known, styles=text, edits={"hat": 0.5})
    assert [str(c) for c in step.changes] == [
        "The direction hat was found in z: here its mean step in the styles is taken."
    ]


def test_layers_that_the_model_lacks_are_said(small: StyleGenerator) -> None:
    def said(**settings: int) -> list[str]:
        (step,) = edit(small, CPU, table(), edits={"age": 1}, **settings)
        return [str(change) for change in step.changes]

    assert said(first_layer=1, last_layer=2) == []
    for first, last in ((2, 1), (31, 31)):
        sentence = f"This model has no layer from {first} to {last}: nothing changes there."
        assert said(first_layer=first, last_layer=last) == [sentence]


BAD = {
    "The direction nope is unknown to this model: accepted are ": {"hold": ["nope"]},
    "The direction grin is unknown to this model: accepted are ": {"edits": {"grin": 1}},
    "The direction age can't be gone by 'far': a number from -5.0 to 5.0 is accepted.": {
        "edits": {"age": "far"}
    },
    "The direction age can't be gone by 9: ": {"edits": {"age": 9}},
    "The direction age can't be gone by 1000": {"edits": {"age": 10**400}},
    "The direction age can't be gone by True: ": {"edits": {"age": True}},
    "The direction age can't be moved and held at once: leave one out.": {
        "edits": {"age": 1},
        "hold": ["age"],
    },
    "What is held is a list of directions' names, and 3 is none.": {"hold": [3]},
    "There is no pca-99: this model's styles have 12 numbers.": {"edits": {"pca-99": 1}},
    "The direction pca-1 can't be called '': a name has 1 to 40 characters.": {
        "names": {"pca-1": ""}
    },
    "The direction what is unknown": {"names": {"what": "a hat"}},
    "21 directions at once are too many: up to 20 are accepted.": {
        "edits": {f"pca-{n}": 1 for n in range(1, 22)}
    },
    "Nothing is left of hat: red where ": {
        "edits": {"hat: red": 1},
        "hold": [f"pca-{n}" for n in range(1, 13)],
    },
}


@pytest.mark.parametrize("said", BAD)
def test_bad_edits_are_a_sentence(small: StyleGenerator, said: str) -> None:
    with pytest.raises(UserError) as caught:
        list(edit(small, CPU, table(), **BAD[said]))
    assert str(caught.value).startswith(said)


def test_a_model_without_styles_says_so() -> None:
    with pytest.raises(UserError, match="no style space to move in"):
        list(edit(Plain(), CPU, edits={"pca-1": 1}))


# What ships.

ROWS = {row.id: row for row in catalog.load(networks.NAMES, own="").values()}


@pytest.mark.parametrize("entry", directions.entries(), ids=lambda entry: entry.file)
def test_what_ships_is_for_generators_of_the_catalogue(entry: directions.Entry) -> None:
    listed = {source.sha256 for row in ROWS.values() for source in row.sources}
    assert set(entry.generators) <= listed
    for sha256 in entry.generators:
        assert directions.for_generator(sha256)
    assert entry.licence in ("CC0-1.0", "MIT") and entry.source and entry.sure


def test_what_ships_is_small() -> None:
    files = [WEIGHTS / entry.file for entry in directions.entries()]
    assert sum(path.stat().st_size for path in files) < 1_000_000
    assert directions.for_generator("0" * 64) == [] == directions.for_generator(None)


def test_the_engine_names_a_models_directions(engine: Engine) -> None:
    heads = engine.models.directions(ROWS["heads-128"])
    assert heads["smile"] == "Smile" and heads["glasses: none"] == "Glasses: none"
    ffhq = engine.models.directions(ROWS["stylegan2-ffhq-1024"])
    assert {"age", "smile", "pose", "eyeglasses"} <= set(ffhq)
    assert ffhq["mouth_slightly_open"] == "mouth slightly open"
    assert engine.models.directions(ROWS["progan-celebahq-1024"]) == {}


def test_published_steps_have_the_reach_of_their_scripts() -> None:
    shipped = directions.for_generator(ROWS["stylegan2-ffhq-1024"].sources[0].sha256)
    tensors = shipped[0].tensors
    assert tensors["w.age"].float().norm() == pytest.approx(5, rel=0.01)
    assert tensors["w.pose"].shape == (18, 512)
    in_z = [name for name in tensors if name.startswith("z.")]
    assert len(in_z) == 39
    assert all(tensors[name].float().norm() == pytest.approx(3, rel=0.01) for name in in_z)


def test_a_task_with_directions_says_so() -> None:
    assert task.EDIT.directed


def test_a_recipe_of_an_edit_survives_its_file(engine: Engine, tmp_path: Path) -> None:
    kept = run(engine, edits={"smile": 0.5}, hold=["age"]).made[0]
    again = list(engine.run(kept.recipe))[-1].made[0]
    assert np.array_equal(pixels(again.picture), pixels(kept.picture))
