"""The wall of faces: the pictures of the last run, and what is known of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import gradio as gr

from ganapps.recipe import Recipe, from_json
from ganapps.ui.parts import common
from ganapps.ui.words import say, t


class Wall:
    """The gallery. Of each picture: `made` its recipe (JSON), `files` its path, `told` what the
    face has (labels); `whole` is the recipe of the run (JSON, "" at first).
    """

    def __init__(self) -> None:
        self.gallery = gr.Gallery(
            label=t("Faces"),
            show_label=False,
            columns=4,
            object_fit="cover",
            height="auto",
            format="png",
            buttons=[],
            elem_id="faces-wall",
            elem_classes="wall",
            interactive=False,
            allow_preview=False,
        )
        self.made, self.files, self.told = gr.State([]), gr.State([]), gr.State([])
        self.whole = gr.State("")

    @property
    def outputs(self) -> list:
        """What `under_way` and `whole_shown` fill."""
        return [self.gallery, self.made, self.files, self.told, self.whole]

    def hung(self, shown: common.Shown, lang: str) -> list[tuple[str, str]]:
        """What is looked at, and captions; a child goes by its number, for its name is long."""
        views = common.views(shown.files)
        if shown.recipe.task != "breed":
            return views
        return [
            (path, say(lang, "child {number}", number=number))
            for number, (path, _) in enumerate(views, 1)
        ]

    def under_way(self, shown: common.Shown, total: int, before: Sequence[str], lang: str) -> dict:
        """The new pictures, and behind them those of the run before that they have not replaced
        yet: the wall keeps its height.
        """
        left = before[len(shown.files) : total]
        old = common.views([(path, "") for path in left if Path(path).exists()])
        return {self.gallery: [*self.hung(shown, lang), *old], self.made: shown.recipes}

    def whole_shown(self, shown: common.Shown, lang: str) -> dict:
        """A run that is through."""
        told = [dict(kept.figures.get("labels", {})) for kept in shown.kept]
        return {
            self.gallery: self.hung(shown, lang),
            self.made: shown.recipes,
            self.files: [path for path, _ in shown.files],
            self.told: told,
            self.whole: shown.recipe.to_json(),
        }

    def recipe(self, values: Mapping, at: int) -> Recipe | None:
        """That of the picture at a place of the wall; None where none is there."""
        made = values[self.made]
        return from_json(made[at]) if at < len(made) else None

    def recipes(self, values: Mapping) -> list[Recipe]:
        """Those of all pictures."""
        return [from_json(text) for text in values[self.made]]
