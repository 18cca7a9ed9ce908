"""What every section of the workshop has: the face at hand, its line, and how it runs a task."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.i18n import I18nData

from ganapps.engine import Result
from ganapps.errors import UserError
from ganapps.recipe import DRAWN, Recipe
from ganapps.ui.faces.traces import Traces
from ganapps.ui.parts import common, keeping
from ganapps.ui.parts.model_tab import ModelTab
from ganapps.ui.words import t

OF_A_SEED = ("seed", "psi", "labels")  # what tells a face that the tab's widgets ask for
NEUTRAL = '<div class="line"></div>'


@dataclass
class Seen:
    """A run as it goes: what common.show says, and how the picture looks by now. Where it is made
    of an upload, `traces` lists its files, and takes those that are added to it.
    """

    shown: common.Shown
    preview: str | None  # the path of a small picture
    traces: list[str]


class Section(ABC):
    """One part of the workshop. Two States: `face` has the settings of the face at hand, empty for
    the one that the tab's widgets ask for; `traces` what was made of uploads.
    """

    name: str  # the ids of its elements begin with it

    def __init__(self, tab: ModelTab, face: gr.State, traces: gr.State) -> None:
        self.tab, self.face, self.traces = tab, face, traces

    @abstractmethod
    def listen(self) -> list:
        """Its events; Stop ends those that are returned."""

    def make_line(self) -> None:
        """Where it says what happens."""
        self.line = gr.HTML(NEUTRAL, elem_id=f"faces-{self.name}-line")

    def make_copy(self) -> None:
        """A button that copies the link of what is seen here."""
        place = f"faces-{self.name}"
        self.copy = gr.Button(t("Copy link"), size="sm", elem_id=f"{place}-copy")
        self.link = gr.Textbox(visible="hidden", elem_id=f"{place}-link", label=t("Link"))
        self.copy.click(None, self.link, None, js=common.copies(f"{place}-copy"))

    def made_strip(self, words: I18nData, columns: int, name: str) -> gr.Gallery:
        """A row of faces of which a click takes one; `name` ends its id."""
        return gr.Gallery(
            label=words,
            columns=columns,
            object_fit="cover",
            height="auto",
            format="png",
            buttons=[],
            allow_preview=False,
            interactive=False,
            elem_id=f"faces-{self.name}-{name}",
            elem_classes=["wall", "strip", "later"],
        )

    @property
    def given(self) -> set:
        """What every run here reads."""
        return {*self.tab.asked, self.face, self.traces}

    @property
    def buttons(self) -> list:
        """What every run here changes beside its own."""
        return [self.line, self.tab.go, self.tab.stop]

    def at_hand(self, values: Mapping) -> dict[str, Any]:
        """The settings of the face at hand."""
        if values[self.face]:
            return dict(values[self.face])
        asked = self.tab.recipe(values).settings
        return {name: asked[name] for name in OF_A_SEED if asked.get(name) is not None}

    def recipe(self, task: str, values: Mapping, settings: Mapping[str, Any]) -> Recipe:
        """A task with the model and the precision of the tab."""
        asked = self.tab.recipe(values)
        return Recipe(task, asked.checkpoint, dict(settings), asked.precision)

    def run(
        self, recipe: Recipe, values: Mapping, lang: str, pictures: Sequence[str] = ()
    ) -> Iterator[Seen]:
        """The run, step by step."""
        looks: list[Any] = []
        traces: Traces = values[self.traces]
        mine = traces if traces.reach(recipe.settings, pictures) else Traces()
        results = self.tab.engine.run(recipe, pictures, self.tab.weights.path(values))
        for shown in common.show(_noted(results, looks), recipe, lang, mine.keep):
            mine.faces |= {k.figures["styles"] for k in shown.kept if "styles" in k.figures}
            yield Seen(shown, _look(looks, mine.paths), mine.paths)


def _look(looks: list[Any], traces: list[str]) -> str | None:
    """The last of these pictures as a file; none is left of them."""
    look = looks[-1] if looks else None
    looks.clear()
    try:
        return None if look is None else keeping.shown_file(look, traces, DRAWN)
    except UserError:  # there is no room for it: the result will say so
        return None


def _noted(results: Iterator[Result], looks: list[Any]) -> Iterator[Result]:
    """The same results; how unfinished work looks stands in `looks`."""
    for result in results:
        looks += result.preview[:1]
        yield result
