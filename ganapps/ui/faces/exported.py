"""Export: many faces with their labels and a card, in one file."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import gradio as gr

from ganapps.errors import UserError
from ganapps.export import exported
from ganapps.recipe import Recipe
from ganapps.ui.doors import files
from ganapps.ui.faces.section import Section
from ganapps.ui.parts import common
from ganapps.ui.parts.boxes import NumberBox
from ganapps.ui.words import escaped, t

MOST = 1000
LAYOUTS = (("a ZIP of that folder", "zip"), ("WebDataset shards", "webdataset"))


class Export(Section):
    """How many, in which layout."""

    name = "export"

    def make(self) -> None:
        """Lay it out."""
        with gr.Row(elem_classes="bench"):
            self.count = NumberBox(
                100,
                minimum=1,
                maximum=MOST,
                precision=0,
                label=t("How many faces"),
                elem_id="faces-export-count",
            )
            self.layout = gr.Dropdown(
                list(LAYOUTS),
                value="zip",
                label=t("As"),
                filterable=False,
                elem_id="faces-export-layout",
            )
            self.go = gr.Button(t("Export"), elem_id="faces-export-go")
        self.make_line()
        self.file = gr.HTML("", elem_id="faces-export-file")

    def listen(self) -> list:
        """Its events; Stop ends those that are returned."""
        asked = {*self.given, self.count, self.layout}
        return [self.go.click(self.made, asked, [self.file, *self.buttons], **common.BUSY)]

    def made(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """Faces of the seed in the tab and of those behind it."""
        lang = common.language(request)
        asked = self.tab.recipe(values).settings
        settings = {n: asked[n] for n in ("seed", "psi", "labels") if asked.get(n) is not None}
        settings |= {"count": values[self.count], "layout": values[self.layout]}
        yield self.tab.busy(True) | {self.file: ""}
        with tempfile.TemporaryDirectory(prefix="ganapps-") as folder:
            try:
                files.check_room()
                if settings["count"] and settings["count"] > MOST:
                    raise UserError(
                        "From the window up to {most} faces are exported; the command makes any "
                        "number: python -m ganapps export.",
                        most=MOST,
                    )
                recipe = self.recipe("export", values, settings)
                paths = yield from self._written(recipe, values, Path(folder), lang)
                links = [common.download(files.keep(path), path.name, lang) for path in paths]
                yield {self.file: " ".join(links)}
            except UserError as e:
                yield {self.line: common.refusal(e, lang)}
        yield self.tab.busy(False)

    def _written(
        self, recipe: Recipe, values: Mapping, folder: Path, lang: str
    ) -> Generator[dict, None, list[Path]]:
        """Says how far it is; returns what lies in the folder at the end."""
        results = exported(self.tab.engine, recipe, folder, weights=self.tab.weights.path(values))
        with closing(results):
            while True:
                try:
                    result = next(results)
                except StopIteration as end:
                    return end.value
                told = escaped(
                    lang,
                    "{done} of {count:face|faces}",
                    done=int(result.done),
                    count=int(result.total),
                )
                yield {self.line: f'<div class="line" role="status">{told}</div>'}
