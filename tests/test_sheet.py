"""The contact sheet: a cell for each model that is here, and one that is refused ends nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from ganapps.engine import Engine, Result
from ganapps.errors import WeightsError
from ganapps.models.catalog import Checkpoint, Source
from ganapps.recipe import Recipe
from ganapps.report import Kept, Report
from ganapps.ui.parts.sheet import Sheet, Trial, every_model
from ganapps.ui.tabs import translate
from ganapps.ui.tabs.translate import STYLES, TranslateTab

GREY = Image.new("L", (4, 4))


def row(name: str) -> Checkpoint:
    return Checkpoint(
        name,
        name.title(),
        "translate",
        "cyclegan",
        (Source("x"),),
        "torch",
        "MIT",
        "yes",
        "x",
        "x",
        0,
        "x",
    )


@dataclass
class Rows:
    """An engine whose model `broken` is refused and whose model `elsewhere` is not here."""

    asked: list[Recipe] = field(default_factory=list)

    @property
    def models(self) -> object:
        return self

    def rows(self, task: str) -> list[Checkpoint]:
        return [row(name) for name in ("first", "broken", "elsewhere", "last")]

    def here(self, checkpoint: Checkpoint) -> bool:
        return checkpoint.id != "elsewhere"

    def run(self, recipe: Recipe, pictures: list[str], weights: str | None) -> Iterator[Result]:
        self.asked.append(recipe)
        if recipe.checkpoint == "broken":
            raise WeightsError(
                "{file} holds no weights. Choose another file of the same model.", file="broken.pth"
            )
        kept = Kept(GREY, "4 x 4", recipe, beside={"before": GREY, "after": GREY})
        yield Result(
            recipe, Report(recipe.checkpoint, "CPU", "float32", "x", seconds=0.5), 1, 1, (kept,)
        )


@pytest.fixture
def sheet() -> Sheet:
    return Sheet(Rows(), "translate", "Every model")


def trials(sheet: Sheet) -> Iterator[Trial]:
    return every_model(sheet.engine, "translate", lambda row: {"crop": [0, 0, 4, 4]}, None, "en")


def filled(sheet: Sheet, plain: str) -> tuple[list, list, str]:
    """The last cells, their models, and what the line says."""
    line, cells, tried, said = gr.HTML(), [], [], ""
    for update in sheet.filled("small.png", trials(sheet), plain, line, [], "en"):
        if sheet.tried in update:
            cells, tried = update[sheet.gallery], update[sheet.tried]
        said = update.get(line, said)
    return cells, tried, said


def test_a_refused_model_is_said_and_the_rest_goes_on(sheet: Sheet) -> None:
    cells, tried, said = filled(sheet, "")
    assert tried == ["first", "last"] and [c[1] for c in cells] == [
        "First · 0.50 s · MIT",
        "Last · 0.50 s · MIT",
    ]
    assert "Broken" in said and "broken.pth holds no weights" in said
    assert [r.checkpoint for r in sheet.engine.asked] == [
        "first",
        "broken",
        "last",
    ] and sheet.engine.asked[0].settings == {"crop": [0, 0, 4, 4]}


def test_the_picture_that_no_model_made_comes_first_and_takes_none(sheet: Sheet) -> None:
    cells, tried, _ = filled(sheet, "bicubic")
    assert cells[0][1] == "bicubic" and tried == ["", "first", "last"]
    click = gr.SelectData(None, {"index": 0, "value": None})
    assert sheet.picked(tried, click) == (gr.skip(),) * 3
    click.index = 2
    assert sheet.picked(tried, click) == ("last", "", None)


def test_every_shipped_translator_can_be_tried(engine: Engine, tmp_path: Path) -> None:
    """The real engine over what ships."""
    Image.effect_noise((24, 16), 50).convert("RGB").save(tmp_path / "small.png")
    real = Sheet(engine, "translate", "Every model")
    line = gr.HTML()
    asked = every_model(engine, "translate", lambda row: {}, None, "en")
    *_, update = real.filled(str(tmp_path / "small.png"), asked, "", line, [], "en")
    assert (
        update[real.tried]
        == [c.id for c in engine.models.rows("translate") if engine.models.here(c)]
        and line not in update
    )


def test_a_cell_is_a_file_that_stays_as_it_is(sheet: Sheet) -> None:
    """A picture itself Gradio writes again with every update, and a page that reads it meanwhile
    gets half of it.
    """
    seen: dict[str, int] = {}
    traces: list[str] = []
    for update in sheet.filled("small.png", trials(sheet), "bicubic", gr.HTML(), traces, "en"):
        for path, _ in update.get(sheet.gallery, ()):
            assert Image.open(path).size == (4, 4)
            assert (
                seen.setdefault(path, Path(path).stat().st_mtime_ns)
                == Path(path).stat().st_mtime_ns
            )
    assert len(seen) == 3
    assert sorted(seen) == sorted(traces), "what Delete it now takes"


def test_every_style_is_tried_and_a_click_takes_one(engine: Engine, tmp_path: Path) -> None:
    Image.effect_noise((24, 16), 50).convert("RGB").save(tmp_path / "small.png")
    with gr.Blocks():
        tab = TranslateTab(engine)
    values = {widget: getattr(widget, "value", None) for widget in tab.asked}
    values[tab.area.traces] = []
    values[tab.model], values[tab.picture] = "styles-26", str(tmp_path / "small.png")
    told = list(tab.every_style(values, SimpleNamespace(headers={}, session_hash="s")))
    (*_, last) = [update for update in told if tab.styles.tried in update]
    assert last[tab.styles.tried] == [str(style) for style in range(STYLES)]
    captions = [caption for _, caption in last[tab.styles.gallery]]
    assert captions[7].startswith("style 7") and len({path for path, _ in last[tab.styles.gallery]})
    click = gr.SelectData(None, {"index": 7, "value": None})
    assert translate._style_of(last[tab.styles.tried], click) == 7
    made = [np.asarray(Image.open(path)) for path, _ in last[tab.styles.gallery]]
    assert not any(np.array_equal(made[7], other) for other in made[8:]), "each its own style"
