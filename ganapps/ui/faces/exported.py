"""Export: many faces with their labels and a card, in one file."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from contextvars import copy_context
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr

from ganapps.errors import UserError
from ganapps.export import exported
from ganapps.recipe import Recipe
from ganapps.ui.doors import files
from ganapps.ui.faces.section import Section
from ganapps.ui.parts import common, progress
from ganapps.ui.parts.boxes import NumberBox
from ganapps.ui.words import say, t

MOST = 1000
ARCHIVES = (".zip", ".tar")
PATIENCE = 60.0  # seconds until a run that was stopped has ended its step
LAYOUTS = (("a ZIP of that folder", "zip"), ("WebDataset shards", "webdataset"))


@dataclass(frozen=True)
class Begun:
    """An export that was stopped: what it was asked (JSON), how many faces of how many are there,
    and where all of it lies.
    """

    asked: str
    done: int
    total: int
    paths: tuple[str, ...]


@dataclass
class Writing:
    """An export under way: how many faces are there, and when it is `over` what is left of it. A
    page asks as soon as it has pressed Stop; the run ends with its step.
    """

    done: int = 0
    left: Begun | UserError | None = None
    over: threading.Event = field(default_factory=threading.Event)

    def end(self, recipe: Recipe, folder: Path) -> None:
        """Keep what lies in the folder for the visitor."""
        try:
            if self.done:
                paths = tuple(files.keep(path) for path in sorted(folder.iterdir()))
                self.left = Begun(recipe.to_json(), self.done, recipe.settings["count"], paths)
        except UserError as e:  # there is no room for it
            self.left = e
        self.over.set()


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
        self.begun: gr.State = gr.State(None)  # the one that was stopped

    def listen(self) -> list:
        """Its events; Stop ends those that are returned."""
        asked = {*self.given, self.count, self.layout, self.begun}
        filled = [self.file, self.begun, *self.buttons]
        return [self.go.click(self.tab.stoppable(self.made), asked, filled, **common.BUSY)]

    def made(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """Faces of the seed in the tab and of those behind it; one that was stopped goes on."""
        lang = common.language(request)
        asked = self.tab.recipe(values).settings
        settings = {n: asked[n] for n in ("seed", "psi", "labels") if asked.get(n) is not None}
        settings |= {"count": values[self.count], "layout": values[self.layout]}
        recipe = self.recipe("export", values, settings)
        yield self.tab.busy(True) | {self.file: "", self.begun: None}
        visitor = copy_context()  # a run is ended in nobody's name
        with (
            tempfile.TemporaryDirectory(prefix="ganapps-") as name,
            self.tab.underway.of(request.session_hash) as held,
        ):
            folder, writing = Path(name), Writing()
            held.it = writing
            try:
                files.check_room()
                if settings["count"] and settings["count"] > MOST:
                    raise UserError(
                        "From the window up to {most} faces are exported; the command makes any "
                        "number: python -m ganapps export.",
                        most=MOST,
                    )
                writing.done = _gone_on(values[self.begun], recipe, folder)
                paths = yield from self._written(recipe, values, folder, writing, lang)
                yield {self.file: _links([files.keep(path) for path in paths], lang)}
            except UserError as e:
                writing.end(recipe, folder)
                yield self._shown(writing.left, lang) | {self.line: common.refusal(e, lang)}
            except GeneratorExit:
                visitor.run(writing.end, recipe, folder)
                raise

    def stopped(self, writing: Writing | None, lang: str) -> dict[Any, Any]:
        """What was done of the one that Stop has ended; None: there was none."""
        if writing is None:
            return {}
        writing.over.wait(PATIENCE)
        return self._shown(writing.left, lang)

    def _shown(self, begun: Begun | UserError | None, lang: str) -> dict[Any, Any]:
        if isinstance(begun, UserError):
            return {self.line: common.refusal(begun, lang)}
        if begun is None:
            return {}
        facts = [
            _faces(begun.done, begun.total, lang),
            say(lang, "stopped"),
            say(lang, "Export goes on from there"),
        ]
        archives = [path for path in begun.paths if path.endswith(ARCHIVES)]
        return {
            self.line: progress.line(" · ".join(facts), None, ""),
            self.file: _links(archives, lang),
            self.begun: begun,
        }

    def _written(
        self, recipe: Recipe, values: Mapping, folder: Path, writing: Writing, lang: str
    ) -> Generator[dict, None, list[Path]]:
        """Says how far it is, also to whoever stops it; returns what lies in the folder at the
        end.
        """
        results = exported(self.tab.engine, recipe, folder, weights=self.tab.weights.path(values))
        with closing(results):
            while True:
                try:
                    result = next(results)
                except StopIteration as end:
                    return end.value
                if result.waiting is None:
                    writing.done = int(result.done)
                told = _faces(int(result.done), int(result.total), lang)
                yield {self.line: progress.line(told, (result.done, result.total), "")}


def _faces(done: int, total: int, lang: str) -> str:
    return say(lang, "{done} of {count:face|faces}", done=done, count=total)


def _links(paths: Iterable[str], lang: str) -> str:
    return " ".join(common.download(path, Path(path).name, lang) for path in paths)


def _gone_on(begun: Begun | None, recipe: Recipe, folder: Path) -> int:
    """Lays what was done of the same export into the folder: so many faces."""
    if begun is None or begun.asked != recipe.to_json():
        return 0
    if not all(Path(path).exists() for path in begun.paths):
        return 0
    for path in begun.paths:
        shutil.copy(path, folder)
    return begun.done
