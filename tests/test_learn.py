"""The Lab's engine room: a run is a stream of small numbers that its recipe makes again, what it
trained can be kept, and every preset shows what it says.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ganapps import networks
from ganapps.device import Device
from ganapps.engine import Engine
from ganapps.errors import UserError
from ganapps.learning import seen_pictures, sets
from ganapps.learning.game import Game
from ganapps.learning.kept import going_on, kept
from ganapps.learning.presets import BY_NAME, MEASURED, PRESETS, Preset
from ganapps.models.catalog import NEW
from ganapps.networks.contracts import Network
from ganapps.networks.faces import lab
from ganapps.pictures import images
from ganapps.pictures.inside import from_picture
from ganapps.pictures.uploads import Upload
from ganapps.recipe import Recipe, from_link
from ganapps.report import Step
from ganapps.settings import check, settings_of
from ganapps.tasks import learn, learn_data, learn_lanes
from ganapps.ui.words import chinese, say
from ganapps.workers.here import Here

SMALLEST = {"noise": 4, "width": 8}  # networks that learn at once


def run(**settings: Any) -> Iterator[Step]:
    return learn.learn(Network(), Device("cpu"), None, **settings)


def lane_of(choices: dict[str, Any], own: Sequence[Upload], network: Network) -> learn_lanes.Lane:
    return learn_lanes.lane(choices, own, network, settings_of(learn.learn))


def last(**settings: Any) -> Step:
    *_, step = run(**settings)
    return step


def first_run(step: Step) -> dict[str, Any]:
    return step.numbers["runs"][0]


def asked(**settings: Any) -> Recipe:
    return Recipe("learn", NEW.id, settings)


def without_clock(numbers: dict[str, Any]) -> dict[str, Any]:
    runs = [{k: v for k, v in one.items() if k != "seconds"} for one in numbers["runs"]]
    return {**numbers, "runs": runs}


# A run through the door


def test_a_run_goes_through_the_door(engine: Engine, tmp_path: Path) -> None:
    results = list(engine.run(asked(steps=30)))
    assert results[0].done == 0 and results[-1].done == results[-1].total
    assert first_run(results[-1])["step"] == 30
    report = results[-1].report
    assert (report.checkpoint, report.source) == ("new", "made from the seed")
    assert report.network_calls == 30 * 5 and report.changes == ()
    (made,) = results[-1].made
    path = images.keep(made, tmp_path, 1)
    assert from_picture(path).settings["steps"] == 30
    assert from_link(asked(steps=30).to_link()) == asked(steps=30)


def test_the_same_recipe_gives_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often somebody looks: looking changes nothing."""
    settings: dict[str, Any] = {"steps": 40, "spectral": True, "against": [{"pack": 4, "r1": 1.0}]}
    one = last(**settings)
    monkeypatch.setattr(learn, "SLICE", 0.01)
    monkeypatch.setattr(learn, "LONGEST", 0.01)
    *others, other = run(**settings)
    assert len(others) > 2
    assert without_clock(one.numbers) == without_clock(other.numbers)


def test_the_same_pictures_too(monkeypatch: pytest.MonkeyPatch) -> None:
    one = last(data="digits", steps=6, **SMALLEST)
    monkeypatch.setattr(learn, "LONGEST", 0.001)
    other = last(data="digits", steps=6, **SMALLEST)
    assert without_clock(one.numbers) == without_clock(other.numbers)
    assert one.weights == other.weights


def test_a_run_by_the_clock_names_its_steps(engine: Engine) -> None:
    """Its recipe makes the same run again, on a machine of any speed."""
    *_, result = engine.run(asked(seconds=0.6, against=[{"objective": "hinge"}]))
    recipe = result.made[0].recipe
    assert recipe.settings["steps"] == first_run(result)["step"]
    assert recipe.settings["against"][0]["objective"] == "hinge"
    *_, again = engine.run(recipe)
    assert without_clock(again.numbers) == without_clock(result.numbers)


def test_its_price_is_what_it_was_given(engine: Engine) -> None:
    price = engine.price(asked(seconds=7))
    assert (price.seconds, price.download) == (7, 0)
    assert not engine.fetches(asked())
    list(engine.run(asked(steps=20)))
    assert engine.price(asked(steps=4_000)).seconds > engine.price(asked(steps=40)).seconds
    assert engine.price(asked(seconds=7)).seconds == 7


def test_it_yields_at_least_twice_a_second() -> None:
    """Of its own computing: what a busy machine takes in between is not its own."""
    played = [first_run(step)["seconds"] for step in run(seconds=1.5)]
    assert len(played) >= 4
    assert max(np.diff(played)) < 0.75


def test_it_stops_between_two_steps(engine: Engine) -> None:
    stream = engine.run(asked(seconds=600))
    next(stream)
    next(stream)
    stream.close()
    assert isinstance(engine.worker, Here)
    assert not engine.worker.device.busy, "the device is free again"


def test_it_leaves_the_global_chance_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    last(steps=3, norm="virtual", spectral=True)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    "settings",
    [
        {"against": [{"objective": "wasserstein", "gradient_penalty": 1.0}]},
        {"against": [{"learner": "vae"}, {"learner": "diffusion"}, {"spectral": True}]},
        {"data": "heads", "attention": True, "against": [{"r1": 0.1}], **SMALLEST},
        {"data": "dirac", "objective": "minimax", "against": [{"r1": 1.0}]},
    ],
    ids=["two", "four", "pictures", "dirac"],
)
def test_its_numbers_are_few(settings: dict[str, Any]) -> None:
    for step in run(steps=2, **settings):
        assert len(json.dumps(step.numbers, allow_nan=False)) <= 20_000


# What it refuses


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"data": "drawn"}, "Nothing is drawn: give points as"),
        ({"data": "drawn", "points": []}, "Nothing is drawn: give points as"),
        ({"data": "drawn", "points": [[0, 0]] * 2001}, "2001 points are drawn: up to 2000 are"),
        ({"data": "drawn", "points": [[0, 0], [0, 9]]}, r"Point 2 is \[0, 9\]: x and y from -2.2"),
        ({"data": "drawn", "points": [[0, math.nan]]}, r"Point 1 is \[0, nan\]: x and y"),
        ({"data": "drawn", "points": ["no"]}, "Point 1 is 'no': x and y from"),
        ({"data": "drawn", "points": [[True, 0]]}, r"Point 1 is \[True, 0\]: x and y from"),
        ({"data": "own"}, "0 pictures came: to learn from, 50 to 400 are needed"),
        ({"data": "heads", "batch": 512}, "The setting batch is 512: for pictures up to 128"),
        ({"data": "heads", "learner": "vae"}, "The rivals learn from points only"),
        ({"data": "dirac", "objective": "hinge"}, "Two numbers play by minimax, non-saturating"),
        ({"batch": 100, "pack": 8}, "The batch 100 is no multiple of pack, 8"),
        ({"against": [{"seed": 1}]}, "The setting seed is one for all runs: take it out"),
        ({"against": [{"r1": "x"}]}, "The setting r1 can't be 'x'"),
        ({"against": ["x"]}, "The setting against is a list of tables of settings"),
        ({"against": [{}] * 4}, "Up to 4 runs play beside each other"),
        ({"steps": 0}, "The setting steps is 0: from 1 to 200000 is accepted"),
        ({"data": "digits", "pretrain": 5}, "Pretraining is on the pictures that are left over"),
    ],
)
def test_what_does_not_go_together_is_one_sentence(
    engine: Engine, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        list(engine.run(asked(**{"steps": 2, **settings})))


@pytest.mark.parametrize(
    ("settings", "label"),
    [
        ({"data": "heads", "batch": 512}, "Batch (0: what suits)"),
        ({"batch": 100, "pack": 8}, "Samples packed together"),
        ({"against": [{"seed": 1}]}, "Seed: a number or any words"),
    ],
)
def test_the_window_says_a_refused_setting_by_its_label(
    engine: Engine, settings: dict[str, Any], label: str
) -> None:
    with pytest.raises(UserError) as refused:
        list(engine.run(asked(**{"steps": 2, **settings})))
    assert f"“{label}”" in say("en", refused.value.message)


def test_what_a_visitor_drew_is_learned_from() -> None:
    places = [[round(math.cos(i / 300), 3), round(math.sin(i / 300), 3)] for i in range(2_000)]
    assert len(asked(data="drawn", points=places).to_json()) < 32 * 1024
    assert first_run(last(data="drawn", points=places, steps=2))["step"] == 2


def test_a_rate_out_of_bounds_is_one_sentence(engine: Engine) -> None:
    wild = {"rate_generator": 10.0, "rate_discriminator": 10.0}
    with pytest.raises(UserError, match=r"The numbers left all bounds at step \d+: lower the rat"):
        list(engine.run(asked(steps=2_000, **wild)))
    *_, result = engine.run(asked(steps=20, against=[wild]))
    said = result.report.as_dict()["changes"]
    assert len(said) == 1 and said[0].startswith("The numbers of run 2 left all bounds at step ")
    assert result.numbers["runs"][1]["left all bounds"] > 0
    assert first_run(result)["step"] == 20, "the other one goes on"


def test_choices_without_effect_are_told() -> None:
    (said,) = next(run(augment="always", examples=5)).changes
    assert str(said) == "For ring this has no effect: examples, augment."
    labels = "“How many of the pictures (0: all)”, “Augmentation”"
    assert say("en", said) == f"For ring this has no effect: {labels}."
    assert next(run()).changes == ()


# Pictures


def test_what_ships_is_what_its_list_says() -> None:
    pictures, classes = learn_data.digits()
    assert pictures.shape == (1797, 1, 16, 16) and torch.bincount(classes).tolist() == [
        *(178, 182, 177, 183, 181, 182, 181, 179, 174, 180)
    ]
    assert learn_data.heads().shape == (5000, 3, 32, 32)
    assert (learn_data.FOLDER / "heads.jpg").stat().st_size < 3_000_000
    told = (learn_data.FOLDER / "README.md").read_text()
    assert all(p.name in told for p in learn_data.FOLDER.iterdir() if p.name != "README.md")


def test_every_tenth_is_held_back_and_a_share_is_drawn_by_the_seed() -> None:
    pictures = torch.arange(100, dtype=torch.uint8)[:, None, None, None].expand(-1, 1, 2, 2)
    whole = sets.split(pictures, None, 0, 0)
    assert whole.held_back[:, 0, 0, 0].tolist() == list(range(0, 100, 10))
    assert len(whole.learning) == 90
    few, same, other = (sets.split(pictures, None, 7, seed).learning for seed in (0, 0, 1))
    assert len(few) == 7 and torch.equal(few, same) and not torch.equal(few, other)


def test_the_nearest_real_picture_is_found() -> None:
    pictures = torch.randint(256, (9, 1, 4, 4), dtype=torch.uint8)
    assert sets.nearest(sets.scaled(pictures[[4, 2]]), pictures).tolist() == [4, 2]


def test_own_pictures_are_cropped_and_learned_from(engine: Engine, tmp_path: Path) -> None:
    paths = []
    for number in range(learn_data.FEWEST):
        path = tmp_path / f"{number}.png"
        Image.new("RGB", (64, 40), (number, 99, 0)).save(path)
        paths.append(str(path))
    Image.new("RGBA", (40, 64), (0, 0, 0, 0)).save(paths[0])
    assert learn_data.opened(paths[0]).pixels.min() == 255, "what can't be seen is white"
    *_, result = engine.run(asked(data="own", steps=2, **SMALLEST), paths)
    assert len(result.recipe.pictures) == learn_data.FEWEST
    (tmp_path / "none.png").write_text("no picture")
    with pytest.raises(UserError, match="^none.png: "):
        list(engine.run(asked(data="own", steps=2), [*paths, str(tmp_path / "none.png")]))
    assert len(result.recipe.to_json()) < 64 * 1024 * learn_data.FEWEST / learn_data.MOST


def test_a_wall_has_its_verdicts_and_ends_with_what_was_learned_besides() -> None:
    step = last(data="digits", steps=2, attention=True, **SMALLEST)
    told = first_run(step)
    assert len(told["verdicts"]) == seen_pictures.MADE + seen_pictures.REAL
    assert 0.5 < told["probe of pixels"] <= 1 and 0.2 < told["probe of features"] <= 1
    assert 0 < told["far"] < 1 and "looks" in told
    assert len(step.preview) == 1 and set(step.made[0].beside) == {"nearest"}


def test_how_much_is_augmented_is_told() -> None:
    for augment, told in (("none", 0), ("always", 1)):
        step = last(data="digits", steps=2, augment=augment, **SMALLEST)
        assert first_run(step)["augmented"] == told


def test_a_trained_generator_is_kept_opened_and_gone_on_with(
    engine: Engine, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"data": "heads", "attention": True, "steps": 4, **SMALLEST}
    *_, result = engine.run(asked(**settings))
    assert result.weights is not None
    path = tmp_path / "mine.safetensors"
    path.write_bytes(result.weights)
    assert engine.models.own_file(str(path)).network == "lab"
    *_, faces = engine.run(Recipe("faces", NEW.id, {"seed": 1, "count": 2}), (), str(path))
    assert [made.picture.size for made in faces.made] == [(32, 32)]
    *_, on = engine.run(asked(**settings), (), str(path))
    assert on.recipe.checkpoint.startswith("sha256:")
    assert on.weights is not None and first_run(on)["step"] == 4


def test_a_new_critic_learns_alone_before_a_kept_generator_does() -> None:
    chosen = {"seed": 0, "data": "digits", **SMALLEST, "attention": True}
    choices = check(learn.learn, chosen)
    before = lane_of(choices, (), Network())
    network = lab.build(kept(before.trainer), {})
    network.critic = {}  # as files of before have it
    on = lane_of(choices, (), network)
    assert on.trainer.rules.alone == learn_lanes.ALONE
    (said,) = learn_lanes.anew_sentence([on])
    assert said.values == {"steps": learn_lanes.ALONE}
    z = torch.randn(8, 4)
    same = going_on(network).eval()
    assert torch.allclose(same(z), network(z), atol=1e-5)
    start = on.trainer.made(z)
    on.trainer.step()
    assert torch.equal(on.trainer.made(z), start)
    with pytest.raises(UserError, match="This generator makes pictures of 16 px in 1 colours"):
        lane_of({**choices, "data": "heads"}, (), network)
    with pytest.raises(UserError, match="This file can't be gone on with here"):
        lane_of({**choices, "data": "ring"}, (), network)


@pytest.mark.parametrize("spectral", [True, False])
def test_a_kept_critic_goes_on_too(spectral: bool) -> None:
    """Beside its generator, whatever becomes of spectral norm; the file stays as it is."""
    chosen = {"seed": 0, "data": "digits", **SMALLEST, "attention": True, "spectral": spectral}
    before = lane_of(check(learn.learn, chosen), (), Network())
    for _ in range(5):
        before.trainer.step()
    tensors = kept(before.trainer)
    assert sum(v.numel() for k, v in tensors.items() if k.startswith(lab.CRITIC)) > 2_000
    network = networks.build("lab", tensors, {})
    on = lane_of(check(learn.learn, chosen), (), network)
    assert on.trainer.rules.alone == 0 and learn_lanes.anew_sentence([on]) == ()
    pictures = torch.rand(8, 1, 16, 16)
    with before.trainer.looked_at(), on.trainer.looked_at():
        same, scores = on.trainer.scores(pictures), before.trainer.scores(pictures)
    assert torch.allclose(same, scores, atol=1e-2 * float(scores.abs().max()))
    state = {name: value.clone() for name, value in network.state_dict().items()}
    on.trainer.step()
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in state.items())
    other = check(learn.learn, {**chosen, "spectral": not spectral})
    assert lane_of(other, (), network).trainer.rules.alone == 0
    other = check(learn.learn, {**chosen, "batch_layer": "deviation"})
    assert lane_of(other, (), network).trainer.rules.alone == learn_lanes.ALONE


def test_keeping_a_game_leaves_it_playable() -> None:
    lane = lane_of(
        check(learn.learn, {"data": "digits", **SMALLEST, "attention": True}), (), Network()
    )
    kept(lane.trainer)
    lane.trainer.step()
    assert lane.trainer.steps == 1


def test_pretraining_is_on_the_other_pictures_and_layers_are_held_after_it() -> None:
    chosen = {"data": "digits", "examples": 60, "pretrain": 2, "frozen_layers": 1, **SMALLEST}
    choices = check(learn.learn, {**chosen, "spectral": False})  # which moves by itself
    lane = lane_of(choices, (), Network())
    real, game = lane.view.real, lane.trainer
    chance = torch.Generator().manual_seed(0)
    assert len(real.learning) + len(real.rest) + len(real.held_back) == 1797
    sources = []
    game.real = lambda count, chance: sources.append("60") or real.sample(count, chance)
    game.others = lambda count, chance: sources.append("others") or real.others(count, chance)
    convolutions = [m for m in game.critic.features if isinstance(m, torch.nn.Conv2d)]
    moved = []
    for _ in range(4):
        before = [convolution.weight.clone() for convolution in convolutions]
        game.step()
        moved.append(
            [
                not torch.allclose(one, now.weight)
                for one, now in zip(before, convolutions, strict=True)
            ]
        )
    assert sources == ["others"] * 2 + ["60"] * 2
    assert moved == [[True, True]] * 2 + [[False, True]] * 2
    assert real.others(3, chance).shape == (3, 1, 16, 16)


def test_looking_leaves_the_game_as_it_was() -> None:
    torch.manual_seed(0)
    lane = lane_of(check(learn.learn, {"spectral": True}), (), Network())
    state = {k: v.clone() for k, v in lane.trainer.critic.state_dict().items()}
    chance = lane.trainer.chance.get_state()
    lane.view.numbers(1)
    assert all(torch.equal(v, lane.trainer.critic.state_dict()[k]) for k, v in state.items())
    assert torch.equal(lane.trainer.chance.get_state(), chance)


@pytest.mark.parametrize("layer", ["discrimination", "deviation"])
def test_looking_shows_a_critic_of_batches_no_more_than_a_batch(layer: str) -> None:
    """Of 4,096 points at once minibatch discrimination measured 16 million distances a kernel: a
    look took three seconds.
    """
    lane = lane_of(check(learn.learn, {"batch_layer": layer, "batch": 64}), (), Network())
    game, sizes = lane.trainer, []
    assert isinstance(game, Game)
    game.critic.register_forward_pre_hook(lambda module, given: sizes.append(len(given[0])))
    scores = game.scores(torch.zeros(150, 2))
    assert sizes == [64, 64, 22] and scores.shape == (150, 1)


def test_before_the_first_step_no_gradient_is_told() -> None:
    first, *_, end = run(steps=2)
    assert first_run(first)["gradient at G"] is None and first_run(end)["gradient at G"] > 0


def test_a_kind_of_run_is_no_measure_of_another() -> None:
    """After two numbers had circled, a thousand steps of a game were said to take no time."""
    works = {
        name: learn.units(check(learn.learn, {"steps": 1000, **more}))
        for name, more in {
            "ring": {},
            "dirac": {"data": "dirac"},
            "spectral": {"spectral": True},
            "heads": {"data": "heads"},
        }.items()
    }
    assert 200 * works["dirac"] < works["ring"] < works["spectral"] < works["heads"] / 20


# Presets, each for some seconds


def outcome(preset: Preset, name: str, **shorter: Any) -> dict[str, Any]:
    variant = next(v for v in preset.variants if v.name == name)
    return first_run(last(**{**preset.alone(variant), "seed": 1, **shorter}))


def test_the_gradient_dies_under_a_frozen_generator() -> None:
    preset = BY_NAME["dies-frozen"]
    for variant in preset.variants:
        reached = outcome(preset, variant.name, steps=400)["gradient at G"]
        assert reached < 1e-3 if variant.name == preset.first else reached > 1e-2, variant


def test_the_gradient_dies_while_both_learn() -> None:
    preset = BY_NAME["dies-live"]
    assert outcome(preset, preset.first, steps=40)["gradient at G"] < 1e-3
    assert outcome(preset, "non-saturating loss", steps=40)["gradient at G"] > 1e-2


def test_two_numbers_circle_and_are_pulled_in() -> None:
    preset = BY_NAME["dirac"]
    assert outcome(preset, preset.first)["from rest"] > 1
    assert outcome(preset, "R1")["from rest"] < 1e-2


def _short(other: dict[str, Any]) -> dict[str, Any]:
    """The same run, of two steps."""
    return other | {"steps": 2, "pretrain": min(1, other.get("pretrain", 0))}


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_a_preset_is_a_recipe_whose_runs_all_play(preset: Preset) -> None:
    names = [other.name for other in preset.others]
    for some in (names[:3], names[3:6], names[6:]):
        settings = check(learn.learn, preset.recipe(*some))
        short = [_short(other) for other in settings["against"] or []]
        step = last(**settings | SMALLEST | {"steps": 2, "batch": 32, "against": short or None})
        assert len(step.numbers["runs"]) == 1 + len(some)
        assert all(preset.judge.number in told for told in step.numbers["runs"]) or (
            preset.judge.number == "far"
        )
    said = [preset.title, preset.sentence, *(v.name for v in preset.variants)]
    assert [s for s in said if s not in chinese()] == []


def test_the_table_of_five_seeds_is_of_these_presets() -> None:
    known = json.loads(MEASURED.read_text())["presets"]
    for name, found in known.items():
        preset = BY_NAME[name]
        assert list(found["runs"]) == [variant.name for variant in preset.variants]
        for told in found["runs"].values():
            assert told["of"] == len(told["last"]) == 5
            assert told["well"] == sum(map(preset.judge.well, told["last"]))
            assert list(told.get("also", {})) == list(preset.also)


def test_the_docs_have_the_counts_that_ship() -> None:
    page = (Path(__file__).parents[1] / "docs" / "lab.md").read_text("utf-8")
    for name, found in json.loads(MEASURED.read_text())["presets"].items():
        for run, told in found["runs"].items():
            row = f"| {BY_NAME[name].title} | {run} | {told['well']} of {told['of']} | "
            assert row + f"{found['number']}: " in page
