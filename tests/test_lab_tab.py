"""The Lab's tab without a browser: presets come back as themselves, what was seen is kept small, a
held game computes nothing, and a film is made of looks.
"""

from __future__ import annotations

import csv
import html
import io
import json
import re
import threading
import time
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
import torch
from PIL import Image

from ganapps.engine import Engine, on_files
from ganapps.errors import UserError
from ganapps.learning import packed
from ganapps.learning.presets import BY_NAME, PRESETS, Preset
from ganapps.recipe import Recipe, from_link
from ganapps.ui.parts import lab_history, lab_presets
from ganapps.ui.parts.lab_form import typed_points
from ganapps.ui.parts.lab_play import MOST_LOOKS, Play
from ganapps.ui.tabs.lab import LabTab
from tests.waiting import wait

VISITOR = SimpleNamespace(headers={}, session_hash="somebody", query_params={})


@pytest.fixture(scope="module")
def lab(engine: Engine) -> LabTab:
    with gr.Blocks():
        return LabTab(engine)


def widgets(lab: LabTab, **changed: Any) -> dict:
    """What the widgets hold on a page that was just opened, with some settings changed."""
    updates = lab.opened(VISITOR)
    values = {}
    for widget in lab.asked:
        update = updates.get(widget, widget.value)
        value = update.get("value") if isinstance(update, dict) else update
        values[widget] = value
    for name, value in changed.items():
        values[lab.form.widgets.by_name[name]] = value
    return values


def told(update: str) -> dict[str, Any]:
    found = re.search(r'data-told="([^"]*)"', update)
    assert found
    return json.loads(html.unescape(found[1]))


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_a_preset_comes_back_as_itself(lab: LabTab, preset: Preset, engine: Engine) -> None:
    recipe = lab.form.of(preset, 7)
    linked = from_link(recipe.to_link())
    assert linked
    checked, _ = engine.checked(linked)
    assert lab_presets.of_recipe(checked.settings) is preset
    updates = lab.filled(linked, {}, "en")
    assert updates[lab.form.preset] == preset.name
    assert updates[lab.form.beside]["value"] == lab_presets.first_beside(preset)
    assert html.escape(preset.sentence) in updates[lab.sentence]


def test_a_changed_game_is_the_visitor_s_own(engine: Engine) -> None:
    checked, _ = engine.checked(Recipe("learn", "new", {"data": "spiral", "against": [{"r1": 3}]}))
    assert lab_presets.of_recipe(checked.settings) is lab_presets.OWN
    offered, chosen = lab_presets.beside_of(checked.settings["against"], lab_presets.OWN)
    assert chosen == ["r1 3"] and ["r1 3", {"r1": 3}] in offered


def test_other_data_lets_go_of_what_the_preset_had_set_for_its_own(lab: LabTab) -> None:
    """5,000 steps are seconds for points and minutes for pictures."""
    form, by_name = lab.form, lab.form.widgets.by_name
    values = widgets(lab, data="own")
    assert values[by_name["steps"]] == 5_000 and values[by_name["objective"]] == "minimax"
    updates = form._data_changed(values, VISITOR)
    assert updates[form.preset] == "own"
    assert updates[by_name["steps"]] == 0 and updates[by_name["objective"]] == ""
    # what the visitor set stays, and points are as points
    updates = form._data_changed(widgets(lab, data="own", steps=40), VISITOR)
    assert by_name["steps"] not in updates
    updates = form._data_changed(widgets(lab, data="spiral"), VISITOR)
    assert updates[form.preset] == "own" and by_name["steps"] not in updates


def test_names_that_are_new_may_be_checked_before_gradio_knows_them(lab: LabTab) -> None:
    """They stand on the page as soon as a preset is clicked, and a price is asked for."""
    assert lab.form.beside.preprocess(["a VAE"]) == ["a VAE"]
    values = widgets(lab) | {lab.form.beside: ["a VAE"]}
    assert lab.form.recipe(values).settings["against"] is None, "of another preset it means nothing"


def test_what_rivals_are_judged_by_stands_beside_their_counts(lab: LabTab) -> None:
    said = lab_presets.told(BY_NAME["rivals"], "en")
    assert lab_presets.first_beside(BY_NAME["rivals"]) == ["a VAE", "a diffusion model"]
    for words in ("points around at least 8 modes", "calls a sample: 50", "moves went up"):
        assert words in said
    assert "calls a sample" not in lab_presets.told(BY_NAME["works"], "en")


def test_a_run_shows_two_games_and_keeps_their_files(lab: LabTab) -> None:
    values = widgets(lab, steps=30, data="two moons")
    values[lab.form.others], values[lab.form.beside] = [["R1", {"r1": 1.0}]], ["R1"]
    updates = list(lab.play(values, VISITOR))
    shown = [told(update[lab.told]) for update in updates if update.get(lab.told)]
    looks = [look for update in shown for look in update["looks"]]
    assert [look["at"] for look in looks] == list(range(len(looks))), "each is told once"
    assert [run["step"] for run in looks[-1]["runs"]] == [30, 30]
    assert shown[-1]["names"] == ["minimax of 2014", "R1"] and len(shown[-1]["rows"]) == 2
    assert all(len(json.dumps(look)) < 25_000 for look in looks)
    last = {key: value for update in updates for key, value in update.items()}
    assert "download>" in last[lab.saved] and "download>" in last[lab.curves]
    assert from_link(last[lab.link]).settings["steps"] == 30
    (update,) = lab.filmed(VISITOR)
    assert "film.webp" in update[lab.film]
    lab.left("somebody")
    (update,) = lab.filmed(VISITOR)
    assert "press Learn first" in update[lab.line]


def test_every_look_at_pictures_has_its_walls_and_the_last_one_what_is_nearest(lab: LabTab) -> None:
    values = widgets(lab, data="digits", steps=3, width=8, noise=4, objective="hinge")
    values[lab.form.others], values[lab.form.beside] = [["R1", {"r1": 1.0}]], ["R1"]
    updates = list(lab.play(values, VISITOR))
    shown = [told(update[lab.told]) for update in updates if update.get(lab.told)]
    looks = [look for update in shown for look in update["looks"]]
    assert looks and all(len(look["walls"]) == 2 for look in looks)
    assert len(looks[-1]["nearest"]) == 2
    last = {key: value for update in updates for key, value in update.items()}
    assert "generator.safetensors" in last[lab.generator]
    # at the end a linear reader's share of unseen digits, by features and by pixels, of each run
    assert last[lab.line].count("<dt>") == 4
    assert len(re.findall(r'<i style="width:\d+%">', last[lab.line])) == 4
    assert "D&#x27;s features" in last[lab.line] and "raw pixels" in last[lab.line]


def test_what_suits_the_data_is_left_to_it(lab: LabTab) -> None:
    """Spectral norm has three answers: pictures have it, points have not, unless one chooses."""
    box = lab.form.widgets.by_name["spectral"]
    assert isinstance(box, gr.Dropdown)
    asked = lab.form.recipe(widgets(lab, data="heads"))
    assert asked.settings["spectral"] is None
    for chosen in (True, False):
        asked = lab.form.recipe(widgets(lab, data="heads", spectral=chosen))
        assert asked.settings["spectral"] is chosen


def results(count: int) -> Any:
    for step in range(count):
        runs = [{"step": 10 * step, "seconds": 0.1 * step, "modes": step % 8}]
        yield SimpleNamespace(numbers={"runs": runs}, preview=(), made=(), weights=None)


def test_of_a_long_run_a_film_keeps_every_so_many_looks_and_the_curves_all() -> None:
    play = Play(Recipe("learn", "new", {}), ["one"], "modes")
    for _ in play.watched(results(1_000)):
        pass
    assert MOST_LOOKS / 2 <= len(play.looks) <= MOST_LOOKS
    gaps = {b["at"] - a["at"] for a, b in zip(play.looks, play.looks[1:], strict=False)}
    assert len(gaps) == 1
    table = list(csv.DictReader(io.StringIO(play.curves())))
    assert len(table) == 1_000 and table[-1]["step"] == "9990"
    assert play.reached().settings["steps"] == 9_990


def test_a_held_game_computes_nothing_until_it_goes_on() -> None:
    play = Play(Recipe("learn", "new", {}), ["one"], "modes")
    play.hold(True)
    came = []
    reader = threading.Thread(target=lambda: came.extend(play.watched(results(5))), daemon=True)
    reader.start()
    time.sleep(0.5)
    assert len(came) == 1
    play.once()
    wait(lambda: len(came) == 2)
    play.hold(False)
    wait(lambda: len(came) == 5)


def test_points_are_typed_and_a_wrong_one_is_named() -> None:
    assert typed_points("0.5, -1.2\n\n[1 2]\n") == [[0.5, -1.2], [1.0, 2.0]]
    for wrong in ("0.5", "a, b", "1, 2, 3", "1..2, 3"):
        with pytest.raises(UserError) as refused:
            typed_points(f"0, 0\n{wrong}")
        assert wrong in str(refused.value)


def test_a_film_has_a_frame_a_look(engine: Engine, tmp_path: Any) -> None:
    recipe = Recipe("learn", "new", {"steps": 40, "every": 10, "data": "line"})
    looks = [dict(result.numbers) for result in engine.run(recipe)]
    assert [look["runs"][0]["step"] for look in looks[:5]] == [0, 10, 20, 30, 40]
    film = Image.open(on_files.film(looks, recipe, tmp_path))
    assert film.n_frames == len(looks) and film.size == (420, 420)


def test_packed_points_are_points_again() -> None:
    places = torch.rand(50, 2) * 4 - 2
    assert torch.allclose(packed.points_of(packed.points(places)).float(), places, atol=1e-4)


def test_six_moments_of_a_training_have_a_sheet_and_figures_each() -> None:
    moments = lab_history.moments()
    assert len(moments) == 6
    seen = [one["pictures"] for one in moments]
    assert seen == sorted(seen) and seen[-1] == 500_000
    assert moments[-1]["frechet"] < moments[0]["frechet"]
    for number, one in enumerate(moments, 1):
        sheet = lab_history.FOLDER / one["sheet"]
        assert Image.open(sheet).size == (1024, 256) and sheet.stat().st_size < 40_000
        shown = lab_history.shown(number, "en")
        assert one["sheet"] in shown and f"{one['pictures']:,} pictures seen" in shown
    assert lab_history.shown(99, "zh") == lab_history.shown(6, "zh") != lab_history.shown(6, "en")
