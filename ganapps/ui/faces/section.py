"""What every section of the workshop has: the face at hand, its line, and how it runs a task."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.i18n import I18nData

from ganapps.engine import Result
from ganapps.recipe import Recipe
from ganapps.ui.parts import common
from ganapps.ui.parts.model_tab import ModelTab

OF_A_SEED = ("seed", "psi", "labels")  # what tells a face that the tab's widgets ask for
NEUTRAL = '<div class="line"></div>'


@dataclass
class Seen:
    """A run as it goes: what common.show says, and how the picture looks by now."""

    shown: common.Shown
    preview: Any  # a small picture, or None


class Section(ABC):
    """One part of the workshop. `face` is a State: the settings of the face at hand, empty for the
    one that the tab's widgets ask for.
    """

    name: str  # the ids of its elements begin with it

    def __init__(self, tab: ModelTab, face: gr.State) -> None:
        self.tab, self.face = tab, face

    @abstractmethod
    def listen(self) -> list:
        """Its events; Stop ends those that are returned."""

    def make_line(self) -> None:
        """Where it says what happens."""
        self.line = gr.HTML(NEUTRAL, elem_id=f"faces-{self.name}-line")

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
        return {*self.tab.asked, self.face}

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
        results = self.tab.engine.run(recipe, pictures, self.tab.weights.path(values))
        for shown in common.show(_noted(results, looks), recipe, lang):
            yield Seen(shown, looks.pop() if looks else None)
            looks.clear()


def _noted(results: Iterator[Result], looks: list[Any]) -> Iterator[Result]:
    """The same results; how unfinished work looks stands in `looks`."""
    for result in results:
        looks += result.preview[:1]
        yield result
