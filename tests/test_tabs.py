"""The table of tabs: each task has one tab, which its links open and its files come back on."""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast, get_args

import gradio as gr
import pytest

from ganapps import engine, ui
from ganapps.engine import Engine
from ganapps.measure.prices import Ledger
from ganapps.recipe import Recipe
from ganapps.tasks.sampling import Scheduler
from ganapps.tasks.table import TASKS
from ganapps.ui.doors import turns
from ganapps.ui.parts import choices, sending
from ganapps.ui.parts.before_after import EXAMPLES
from ganapps.ui.parts.boxes import NumberBox, SliderBox
from ganapps.ui.parts.tab import RACE, Tab
from ganapps.ui.tabs.compare import CompareTab
from ganapps.ui.tabs.restore import RestoreTab
from ganapps.ui.tabs.table import TABS
from ganapps.ui.tabs.translate import TranslateTab
from ganapps.ui.tabs.upscale import UpscaleTab
from ganapps.ui.words import chinese


@pytest.fixture(scope="module")
def there(engine: Engine) -> list[Tab]:
    """The tabs of a window that nobody serves."""
    with gr.Blocks():
        return [tab(engine, sending.receivers(TABS, tab)) for tab in TABS]


def opened(query: dict[str, str]) -> Any:
    return sending.opened(TABS, SimpleNamespace(query_params=query)).get("selected")


def test_each_task_opens_one_tab() -> None:
    assert Counter(task for tab in TABS for task in tab.shows) == Counter([*TASKS, RACE])
    assert {task for tab in TABS for task in tab.also} <= set(TASKS)
    assert len({tab.name for tab in TABS}) == len(TABS)


@pytest.mark.parametrize(
    ("query", "tab"),
    [
        ({"task": "upscale", "checkpoint": "spanx4"}, "upscale"),
        ({"task": "loop", "checkpoint": "heads-64"}, "faces"),
        ({"task": "denoise", "checkpoint": "heads-ddpm-64"}, "compare"),
        ({"task": "compare"}, "compare"),
        ({"race": "pictures", "gan": "task=faces&checkpoint=heads-64"}, "compare"),
        ({"task": "nothing"}, None),
        ({}, None),
    ],
)
def test_a_link_opens_the_tab_of_its_task(query: dict[str, str], tab: str | None) -> None:
    assert opened(query) == tab


@pytest.mark.parametrize(
    ("slow", "quick", "offered"),
    [(60.0, 3.0, "spanx4"), (60.0, 30.0, ""), (2.0, 0.1, ""), (60.0, None, "")],
)
def test_a_long_run_offers_a_model_that_is_much_quicker(
    there: list[Tab],
    engine: Engine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    slow: float,
    quick: float | None,
    offered: str,
) -> None:
    monkeypatch.setattr(engine, "ledger", Ledger(tmp_path / "prices.json"))
    (tab,) = [tab for tab in there if isinstance(tab, UpscaleTab)]
    values = {widget: getattr(widget, "value", None) for widget in tab.asked}
    values[tab.picture], values[tab.model] = str(EXAMPLES[0]), "realesrgan-x4plus"
    for model, seconds in (("realesrgan-x4plus", slow), ("spanx4", quick)):
        recipe = engine.checked(Recipe("upscale", model, {}))[0]
        units = TASKS["upscale"].units(replace(recipe, pictures=({"size": [200, 150]},)))
        for _ in range(2 if seconds else 0):
            engine.ledger.add(engine._key(recipe), seconds, units, None)
    told = tab.quicker(values, SimpleNamespace(headers={}))
    assert told[tab.quick_model] == offered
    assert told[tab.quick]["visible"] == bool(offered)
    if offered:
        assert "3.0 s" in told[tab.quick]["value"] and "SPAN" in told[tab.quick]["value"]


def test_a_link_of_one_diffusion_model_fills_its_side_of_the_race(there: list[Tab]) -> None:
    (tab,) = [tab for tab in there if isinstance(tab, CompareTab)]
    query = {"task": "denoise", "checkpoint": "heads-ddpm-64", "steps": "7", "seed": "31"}
    shown = tab.opened(SimpleNamespace(query_params=query, headers={}))
    assert (shown[tab.form.steps], shown[tab.form.seed]) == (7, "31")


def test_a_result_can_be_sent_to_every_other_tab_that_takes_pictures(there: list[Tab]) -> None:
    names = {tab.name: [to.name for to in sending.receivers(TABS, tab)] for tab in TABS}
    pictures = [tab.name for tab in TABS if tab.send]
    assert names["faces"] == pictures and len(pictures) > 1
    assert "upscale" not in names["upscale"]
    laid_out = [tab for tab in there if tab.sends]
    assert len(laid_out) > 2 and all(list(tab.sends) == names[tab.name] for tab in laid_out)


def test_each_tab_that_takes_pictures_has_a_box_for_them(there: list[Tab]) -> None:
    assert all(tab.picture.elem_id == f"{tab.name}-picture" for tab in there if tab.send)


# what a recipe of a task can't do without
NEEDED: dict[str, dict[str, Any]] = {
    "drag": {"points": [[1, 1, 2, 2]]},
    "breed": {"family": {"ada": {"seed": 1}, "ben": {"seed": 2}}, "parents": ["ada", "ben"]},
    "morph": {"family": {"ada": {"seed": 1}, "ben": {"seed": 2}}, "begin": "ada", "end": "ben"},
    "say": {"sentence": "an old woman"},
}


@pytest.mark.parametrize("task", TASKS)
def test_every_task_comes_back_on_its_tab(task: str, engine: Engine, there: list[Tab]) -> None:
    models = TASKS[task].models
    recipe = Recipe(task, next(row.id for row in engine.models.rows(models)), NEEDED.get(task, {}))
    for tab in there:
        home = sending.home(recipe, tab, there)
        assert home is tab or task in home.shows
        values = {box: box.value for box in home.filling_inputs}
        updates = home.filled(recipe, values, "en")
        assert set(updates) <= home.filling_outputs and home.line in updates


def test_a_page_keeps_one_status_for_all_that_shows_none(engine: Engine) -> None:
    window = ui.build(engine)
    quiet = [function for function in window.fns.values() if function.show_progress == "hidden"]
    kept = {box._id for function in quiet for box in function.show_progress_on or function.outputs}
    assert len(quiet) > 40 and len(kept) == 1


def test_a_price_needs_only_what_is_asked(there: list[Tab]) -> None:
    for tab in there:
        values = {widget: widget.value for widget in tab.asked}
        assert isinstance(tab.priced(values, SimpleNamespace(headers={})), str), tab.name


def test_every_step_by_step_answer_of_the_window_begins_with_a_step() -> None:
    """Of one that ends before its first step Gradio empties all that it fills, states too."""
    silent = []
    for path in Path(ui.__file__).parent.rglob("*.py"):
        for function in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(function, ast.FunctionDef):
                parts = list(ast.walk(function))
                steps = [p.lineno for p in parts if isinstance(p, ast.Yield | ast.YieldFrom)]
                ends = [p.lineno for p in parts if isinstance(p, ast.Return) and not p.value]
                silent += [function.name] if steps and min([*ends, 10**6]) < min(steps) else []
    assert silent == []


def test_no_number_is_refused_in_english_by_gradio_itself(engine: Engine) -> None:
    """A box may hold any number when a run begins: its check says what is wrong, in the visitor's
    language and under the button.
    """
    boxes = ui.build(engine).blocks.values()
    numbers = [box for box in boxes if isinstance(box, gr.Slider | gr.Number)]
    assert {type(box) for box in numbers} == {SliderBox, NumberBox} and len(numbers) > 40


@pytest.mark.parametrize("typed", [-1e6, 2.5, 1e6, None])
def test_a_price_is_said_whatever_a_number_box_holds(there: list[Tab], typed: float | None) -> None:
    numbers = 0
    for tab in there:
        values = {widget: widget.value for widget in tab.asked}
        for box in tab.asked:
            if isinstance(box, gr.Slider | gr.Number):
                numbers += 1
                told = tab.priced({**values, box: typed}, SimpleNamespace(headers={}))
                assert isinstance(told, str), box.elem_id
    assert numbers > 20


# names of samplers and number formats, which are the same everywhere
TECHNICAL = {*get_args(Scheduler), "float32", "bfloat16", "float16"}


def test_every_choice_is_there_in_chinese(there: list[Tab]) -> None:
    boxes = [box for tab in there for box in choices.boxes(tab.asked - tab.models)]
    words = {words for box in boxes for words, _ in box.choices}
    assert {"fixed", "as the model does", "Ancestry", "dark frame", "equal seconds"} <= words
    assert words - TECHNICAL - set(chinese()) == set()


def test_choices_are_said_in_the_visitor_s_language(there: list[Tab]) -> None:
    (noise,) = [box for box in choices.boxes(there[0].asked) if box.elem_id == "faces-noise"]
    (said,) = choices.said([noise], "zh").values()
    assert said["choices"] == [("固定", "const"), ("由种子决定", "random"), ("无", "none")]
    assert choices.said([noise], "en") == {noise: gr.skip()}


def test_our_painter_begins_at_the_size_it_learned_from(there: list[Tab], engine: Engine) -> None:
    (tab,) = [tab for tab in there if isinstance(tab, TranslateTab)]
    brush, ours = tab.widgets.by_name["brush"], engine.models.row("photo-to-bold-painting")
    assert tab.first == ours and brush.value == ours.learned_at == 512
    values = {widget: getattr(widget, "value", None) for widget in tab.asked}
    assert tab.recipe(values).settings["brush"] == 512
    values[brush] = 0  # the picture's own size
    assert tab.recipe(values).settings.get("brush") is None
    styles = tab.model_chosen(engine.models.row("styles-26"), "en")
    assert styles[brush] == 0


def test_the_window_begins_with_the_newest_finder_and_recipes_keep_theirs(
    there: list[Tab], engine: Engine
) -> None:
    (tab,) = [tab for tab in there if isinstance(tab, RestoreTab)]
    values = {widget: getattr(widget, "value", None) for widget in tab.asked}
    values[tab.heads] = values[tab.hints] = ""
    assert tab.recipe(values).settings["scratches"] == "scratches-wide-ours"
    old, _ = engine.checked(Recipe("restore", "filler-ours"))
    assert tab.restored(old, "en")[tab.steps["scratches"]] == "scratches-ours"


def test_an_app_that_ends_before_its_first_wall_logs_no_bug(
    caplog: pytest.LogCaptureFixture,
) -> None:
    own = engine.start("cpu", offline=True)
    window = ui.build(own)
    own.close()
    (prepare,) = cast(turns.Turns, window._queue).at_start
    prepare()
    assert not [record for record in caplog.records if record.name == "ganapps"]
