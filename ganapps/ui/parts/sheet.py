"""The contact sheet: every model that is here on one small picture, and a click takes one."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Mapping
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


class Sheet:
    """A gallery with seconds and licence under each picture; `tried` holds the model of each cell,
    "" where there is none.
    """

    def __init__(self, engine: Engine, task: str, words: I18nData) -> None:
        self.engine, self.task = engine, task
        self.gallery = gr.Gallery(
            label=words,
            show_label=False,
            columns=4,
            object_fit="cover",
            height="auto",
            format="png",
            type="filepath",
            buttons=[],
            interactive=False,
            elem_id=f"{task}-sheet",
            elem_classes=["wall", "sheet", "later"],
        )
        self.tried = gr.State([])

    def listen(self, model: gr.Dropdown, own: gr.Textbox, file: gr.File) -> None:
        """A click on a cell takes its model."""
        self.gallery.select(self.picked, self.tried, [model, own, file], **common.QUIET)

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
        settings: Callable[[Checkpoint | None], Mapping[str, Any] | None],
        weights: str | None,
        plain: str,
        line: gr.HTML,
        traces: list[str],
        lang: str,
    ) -> Iterator[dict]:
        """Cell by cell, a person's own file first. `settings` of a row, None for the file, may
        leave it out: None. `plain` is what stands under the picture as no model made it, "" for no
        such cell. A model that is refused says so in `line`, and the rest goes on. The cells' files
        are added to `traces`. Raises UserError where there is no room for them.
        """
        cells: list[tuple] = []
        refused = ""

        def add(made: images.Picture, caption: str, model: str, kind: str) -> None:
            cells.append(((keeping.shown_file(made, traces, kind), caption), model))

        for model, title, licence, file, asked in self._tried(settings, weights, lang):
            recipe = Recipe(self.task, model or "file", asked)
            results = self.engine.run(recipe, [picture], file)
            *_, shown = common.show(results, recipe, lang, keep=str)
            if shown.failed or shown.report is None:
                refused += f'<div class="line">{html.escape(title)}</div>{shown.line}'
                yield {line: refused}
                if shown.ended:
                    return
                continue
            kept = shown.kept[-1]
            if plain and not cells:
                add(kept.beside["before"], plain, "", "")
            facts = (title, seconds(shown.report.seconds), licence)
            caption = " · ".join(fact for fact in facts if fact)
            add(kept.beside["after"], caption, model, source_type(kept.recipe))
            yield {
                self.gallery: [cell for cell, _ in cells],
                self.tried: [model for _, model in cells],
            }

    def _tried(
        self,
        settings: Callable[[Checkpoint | None], Mapping[str, Any] | None],
        weights: str | None,
        lang: str,
    ) -> Iterator[tuple[str, str, str, str | None, Mapping[str, Any]]]:
        """Row, title, licence, own file and settings of whatever is tried."""
        asked = settings(None) if weights else None
        if asked is not None:
            yield "", say(lang, "your file"), "", weights, asked
        for row in self.engine.models.rows(self.task):
            asked = settings(row) if self.engine.models.here(row) else None
            if asked is not None:
                licence = row.licence.split(";")[0][:28]
                yield row.id, named(lang, row.title), licence, None, asked
