"""The widgets of a race: what is made, who runs, what a person brings, what is fair; and how they
turn into a race and back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component

from ganapps.engine import Engine
from ganapps.errors import UserError
from ganapps.race import Race
from ganapps.recipe import Recipe
from ganapps.tasks.table import TASKS
from ganapps.ui.parts import common, pairs
from ganapps.ui.parts.before_after import picture_box
from ganapps.ui.parts.pairs import FACES, Kind
from ganapps.ui.parts.settings import made, restored
from ganapps.ui.words import named, say, t

FAIR = [
    ("equal pictures", "pictures"),
    ("equal seconds", "seconds"),
    ("equal network calls", "calls"),
    ("equal memory", "memory"),
]
# a text to begin with
SHOWN = {
    "text": "a photograph of a red fox in the snow",
    "translate": "turn the horses into zebras",
}


class RaceForm:
    """The GAN's widgets stand left, those of the diffusion model right. `more` lays out those that
    few people turn.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.faces_only: list[Block] = []  # what is there for a race of faces only
        self._runners()
        self._brought()

    def _runners(self) -> None:
        kinds = pairs.offered(self.engine)
        self.kind = gr.Radio(
            [(k.title, k.id) for k in kinds],
            value=FACES.id,
            label=t("What do they make?"),
            visible=len(kinds) > 1,
            elem_id="compare-kind",
        )
        with gr.Row(elem_classes="lanes"):
            with gr.Group():
                # any value: when the kind changes, Gradio's own check still knows the last kind's
                # models; the engine checks
                self.gan = gr.Dropdown(
                    self.choices(FACES, 0, "en"),
                    value=FACES.first[0],
                    label=t("GAN"),
                    allow_custom_value=True,
                    elem_id="compare-gan",
                )
                self.psi = _setting("faces", "psi")
                self.few = _setting(
                    "text",
                    "steps",
                    value=1,
                    maximum=50,
                    label=t("Steps of this one"),
                    visible=False,
                    elem_id="compare-few",
                )
            with gr.Group():
                self.diffusion = gr.Dropdown(
                    self.choices(FACES, 1, "en"),
                    value=FACES.first[1],
                    label=t("Diffusion model"),
                    allow_custom_value=True,
                    elem_id="compare-diffusion",
                )
                self.steps = _setting("denoise", "steps", maximum=250, label=t("Diffusion steps"))

    def _brought(self) -> None:
        """What a person brings: a seed, a text, a picture."""
        self.prompt = _setting("text", "prompt", max_lines=2, visible=False)
        with gr.Column(visible=False, elem_id="compare-picture-row") as self.picture_row:
            self.picture = picture_box(t("Your picture"), "compare-picture")
            self.privacy = gr.HTML(common.privacy("en"))
        with gr.Row(elem_classes="brought"):
            with gr.Group():
                self.seed = _setting("denoise", "seed")
            with gr.Group():
                self.fair = gr.Radio(
                    FAIR, value="pictures", label=t("What is fair?"), elem_id="compare-fair"
                )

    def more(self) -> None:
        """Widgets that few people turn."""
        self.scheduler = _setting("denoise", "scheduler")
        self.eta = _setting("denoise", "eta")
        # from 0 on: a distilled model wants none
        self.guidance = _setting("text", "guidance", minimum=0, visible=False)
        self.precision = gr.Dropdown(
            ["auto", "float32", "bfloat16", "float16"],
            value="auto",
            label=t("Precision"),
            filterable=False,
        )

    @property
    def asked(self) -> set:
        """What a race is made from."""
        return {
            self.kind,
            self.gan,
            self.diffusion,
            self.psi,
            self.seed,
            self.steps,
            self.eta,
            self.scheduler,
            self.precision,
            self.fair,
            self.prompt,
            self.guidance,
            self.few,
            self.picture,
        }

    @property
    def by_kind(self) -> list:
        """What another kind of race changes."""
        return [
            self.gan,
            self.diffusion,
            self.psi,
            self.few,
            self.prompt,
            self.picture_row,
            self.fair,
            self.guidance,
            self.steps,
            self.scheduler,
            *self.faces_only,
        ]

    def choices(self, kind: Kind, side: int, lang: str) -> list[tuple[str, str]]:
        """The models of a side, as its list shows them."""
        listed = []
        for row in kind.rows(self.engine, side):
            title = named(lang, row.title)
            if not self.engine.models.here(row):
                title = f"{title} ({say(lang, 'not here yet')})"
            listed.append((title, row.id))
        return listed

    def opened(self, lang: str) -> dict:
        """The words that depend on the visitor's language."""
        return {
            self.gan: gr.update(choices=self.choices(FACES, 0, lang)),
            self.diffusion: gr.update(choices=self.choices(FACES, 1, lang)),
            self.privacy: common.privacy(lang),
        }

    # -- widgets -> race -> widgets

    def race(self, values: Mapping) -> Race:
        """What the widgets ask for."""
        kind = pairs.named(values[self.kind])
        left, right = pairs.given(
            kind,
            common.seed(values[self.seed]),
            values[self.prompt],
            values[self.psi],
            values[self.few],
            values[self.steps],
            values[self.scheduler],
            values[self.eta],
            values[self.guidance],
        )
        recipes = kind.recipes(
            (values[self.gan], values[self.diffusion]), values[self.precision], left, right
        )
        return Race(recipes, values[self.fair] if kind.brings != "picture" else "pictures")

    def restored(self, asked: Race, lang: str) -> dict:
        """Updates that show a race in the widgets."""
        kind = pairs.kind_of(asked.recipes)
        updates = self.kind_shown(kind, lang) | {self.kind: kind.id, self.fair: asked.fair}
        for side, recipe in enumerate(asked.recipes):
            updates |= self._side_shown(kind, side, recipe, lang)
        return updates

    def _side_shown(self, kind: Kind, side: int, recipe: Recipe, lang: str) -> dict:
        known: dict[str, Component] = {"seed": self.seed, "prompt": self.prompt}
        if side == 0:
            known |= {"psi": self.psi, "steps": self.few}
        else:
            known |= {"steps": self.steps, "scheduler": self.scheduler}
            known |= {"eta": self.eta, "guidance": self.guidance}
        declared = TASKS[recipe.task].settings
        known = {name: widget for name, widget in known.items() if name in declared}
        updates = restored(known, declared, recipe.settings)
        model = (self.gan, self.diffusion)[side]
        choices = self.choices(kind, side, lang)
        value = (
            recipe.checkpoint
            if recipe.checkpoint in {id_ for _, id_ in choices}
            else kind.first[side]
        )
        return updates | {
            model: gr.update(choices=choices, value=value),
            self.precision: recipe.precision,
        }

    def kind_shown(self, kind: Kind, lang: str) -> dict:
        """The widgets that a kind of race has, and its first pair as that wants to be run."""
        text, picture, faces = kind.brings == "text", kind.brings == "picture", kind is FACES
        updates = self.suited(kind, 0, kind.first[0]) | self.suited(kind, 1, kind.first[1])
        updates |= {
            model: gr.update(
                choices=self.choices(kind, side, lang),
                value=kind.first[side],
                label=say(lang, kind.heads[side]),
            )
            for side, model in enumerate((self.gan, self.diffusion))
        }
        updates |= {
            self.psi: gr.update(visible=faces),
            self.prompt: gr.update(visible=kind.id in SHOWN, value=SHOWN.get(kind.id, "")),
            self.picture_row: gr.update(visible=picture),
            self.fair: gr.update(visible=not picture),
            self.guidance: gr.update(visible=not faces),
        }
        updates |= {stage: gr.update(visible=faces) for stage in self.faces_only}
        updates[self.few] = gr.update(visible=text, value=updates.get(self.few, 1))
        return updates

    def suited(self, kind: Kind, side: int, model: str) -> dict:
        """What a model's row says that suits it, in the widgets of its side."""
        row = self.engine.models.row(model)
        own = dict(row.defaults) if row else {}
        if side == 0:
            return {self.few: own["steps"]} if "steps" in own else {}
        widgets = {"steps": self.steps, "scheduler": self.scheduler, "guidance": self.guidance}
        usual = {"steps": 25, "scheduler": "ddim"}
        return {
            widget: own.get(name, usual.get(name))
            for name, widget in widgets.items()
            if name in own or name in usual
        }

    def shown(self, asked: Recipe | Race, now: Kind, lang: str) -> dict:
        """Updates for a race, or for one recipe, in the kind of race shown `now` where it fits
        there. Raises UserError.
        """
        for recipe in asked.recipes if isinstance(asked, Race) else [asked]:
            self.engine.checked(recipe)
        if isinstance(asked, Race):
            return self.restored(asked, lang)
        kind, side = pairs.side_of(asked, now)
        updates: dict = {}
        if kind is not now:
            updates = self.kind_shown(kind, lang) | {self.kind: kind.id}
        return updates | self._side_shown(kind, side, asked, lang)

    def waits(self, values: Mapping) -> bool:
        """Is the picture that both sides work on still missing?"""
        return pairs.named(values[self.kind]).brings == "picture" and not values[self.picture]

    def uploads(self, values: Mapping) -> list[str]:
        """The picture that both sides work on, where they work on one. Raises UserError where it is
        missing.
        """
        if pairs.named(values[self.kind]).brings != "picture":
            return []
        if self.waits(values):
            raise UserError("There is no picture yet: drop one into the box.")
        return [values[self.picture]]


def _setting(task: str, name: str, **otherwise: Any) -> Any:
    """The widget of a setting that one of the tasks here has."""
    return made(TASKS[task].settings[name], "compare", **otherwise)
