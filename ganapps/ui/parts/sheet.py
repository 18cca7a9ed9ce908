"""The contact sheet: every model that is here, or every style of one, on one small picture, and a
click takes one.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.i18n import I18nData

from ganapps.engine import Engine
from ganapps.models.catalog import Checkpoint
from ganapps.pictures import images
from ganapps.recipe import Recipe, source_type
from ganapps.report import seconds
from ganapps.ui.parts import common, keeping
from ganapps.ui.words import named, say


@dataclass(frozen=True)
class Trial:
    """What one cell shows: a `recipe` on the picture, by a person's own file where `weights` is its
    path; `value` is what a click takes. `timed`: are its seconds worth telling?
    """

    value: str
    title: str
    licence: str
    recipe: Recipe
    weights: str | None = None
    timed: bool = True


class Sheet:
    """A gallery with seconds and licence under each picture; `tried` holds the value of each cell,
    "" where there is none.
    """

    def __init__(self, engine: Engine, name: str, words: I18nData, columns: int = 4) -> None:
        """`name` is what the gallery's id begins with."""
        self.engine = engine
        self.gallery = gr.Gallery(
            label=words,
            show_label=False,
            columns=columns,
            object_fit="cover",
            height="auto",
            format="png",
            type="filepath",
            buttons=[],
            interactive=False,
            elem_id=f"{name}-sheet",
            elem_classes=["wall", "sheet", "later"],
        )
        self.tried = gr.State([])

    def listen(self, model: gr.Dropdown, own: gr.Textbox, file: gr.File) -> None:
        """A click on a cell takes its model."""
        self.gallery.select(self.picked, self.tried, [model, own, file], **common.EACH)

    def picked(self, tried: list[str], event: gr.SelectData) -> tuple:
        """The model of the cell that was clicked, in place of whatever else was asked for; a
        person's own file stays where it is.
        """
        chosen = tried[event.index] if event.index < len(tried) else ""
        return (chosen, "", None) if chosen else (gr.skip(), gr.skip(), gr.skip())

    def cleared(self) -> dict:
        """No pictures."""
        return {self.gallery: [], self.tried: []}

    def filled(
        self,
        picture: str,
        trials: Iterable[Trial],
        plain: str,
        line: gr.HTML,
        traces: list[str],
        lang: str,
    ) -> Generator[dict, None, None]:
        """Cell by cell. `plain` is what stands under the picture as no model made it, "" for no
        such cell. A model that is refused says so in `line`, and the rest goes on. The cells' files
        are added to `traces`. Raises UserError where there is no room for them.
        """
        cells: list[tuple] = []
        refused = ""

        def add(made: images.Picture, caption: str, value: str, kind: str) -> None:
            cells.append(((keeping.shown_file(made, traces, kind), caption), value))

        for trial in trials:
            results = self.engine.run(trial.recipe, [picture], trial.weights)
            *_, shown = common.show(results, trial.recipe, lang, keep=str)
            if shown.failed or shown.report is None:
                refused += f'<div class="line">{html.escape(trial.title)}</div>{shown.line}'
                yield {line: refused}
                if shown.ended:
                    return
                continue
            kept = shown.kept[-1]
            if plain and not cells:
                add(kept.beside["before"], plain, "", "")
            took = seconds(shown.report.seconds) if trial.timed else ""
            facts = (trial.title, took, trial.licence)
            caption = " · ".join(fact for fact in facts if fact)
            add(kept.beside["after"], caption, trial.value, source_type(kept.recipe))
            yield {
                self.gallery: [cell for cell, _ in cells],
                self.tried: [value for _, value in cells],
            }


def every_model(
    engine: Engine,
    task: str,
    settings: Callable[[Checkpoint | None], Mapping[str, Any] | None],
    weights: str | None,
    lang: str,
) -> Iterator[Trial]:
    """The models that are here, a person's own file first. `settings` of a row, None for the file,
    may leave it out: None.
    """
    asked = settings(None) if weights else None
    if asked is not None:
        yield Trial("", say(lang, "your file"), "", Recipe(task, "file", asked), weights)
    for row in engine.models.rows(task):
        asked = settings(row) if engine.models.here(row) else None
        if asked is not None:
            licence = row.licence.split(";")[0][:28]
            yield Trial(row.id, named(lang, row.title), licence, Recipe(task, row.id, asked))
