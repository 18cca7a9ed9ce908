"""The widgets of the Lab: which preset, who plays beside it, what is learned from and by what; how
they turn into a recipe and back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from ganapps.engine import Engine
from ganapps.errors import UserError
from ganapps.learning.presets import PICTURES, Preset
from ganapps.models.catalog import NEW
from ganapps.recipe import Recipe
from ganapps.ui.parts import common, lab_presets, lab_stage
from ganapps.ui.parts.boxes import ChangingChoices, FileBox
from ganapps.ui.parts.settings import Widgets, asked, shown
from ganapps.ui.words import named, t

PAIR = re.compile(r"(-?[\d.]+)[\s,;]+(-?[\d.]+)")  # one typed point
LONGEST = 60_000  # characters of typed points
OF_ANY = ("seed", "steps", "seconds")  # a preset stays itself, whatever these are
CURES = ("spectral", "r1", "gradient_penalty")
TASK = "learn"


class LabForm:
    """`make_usual` and `make_rest` lay the widgets out, where the layout stands."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.widgets = Widgets(TASK)

    def make_usual(self) -> None:
        """The presets, and who plays beside."""
        first = next(iter(lab_presets.ALL.values()))
        self.preset = gr.Radio(
            lab_presets.choices(),
            value=first.name,
            label=t("See it happen"),
            elem_id="learn-preset",
            elem_classes="presets",
        )
        self.others = gr.State(lab_presets.others(first))
        self.beside = ChangingChoices(
            [],
            value=[],
            label=t("Beside it, on the same clock and seed"),
            elem_id="learn-beside",
            elem_classes="describe",
        )

    def make_rest(self) -> None:
        """What a game of one's own is made of."""
        with gr.Accordion(t("A game of your own"), open=False, elem_id="learn-own"):
            self.widgets.make("data")
            self.pad = gr.HTML(lab_stage.pad("en"), elem_id="learn-pad", visible=False)
            self.points = gr.Textbox(
                "",
                label=t("Points: x, y from -2.2 to 2.2, one a line"),
                lines=3,
                max_lines=6,
                max_length=LONGEST,
                visible=False,
                elem_id="learn-points",
            )
            self.own = FileBox(
                label=t("50 to 400 pictures to learn from"),
                file_count="multiple",
                file_types=["image"],
                height=150,
                visible=False,
                elem_id="learn-pictures",
            )
            self.widgets.make("objective")
            for name in CURES:
                self.widgets.make(name)
            self.widgets.make("seed")
            self.widgets.make_usual()
        with gr.Accordion(t("More"), open=False, elem_id="learn-more"):
            self.widgets.make_seldom()
            self.kept = FileBox(
                label=t("Go on from a kept generator"),
                file_count="single",
                height=150,
                elem_id="learn-weights",
            )

    @property
    def asked(self) -> set:
        """What a recipe is made from."""
        chosen = {self.preset, self.beside, self.others, self.points, self.own, self.kept}
        return {*self.widgets, *chosen}

    @property
    def filled(self) -> list:
        """What `shown` fills."""
        data = [self.points, self.pad, self.own]
        return [*self.widgets, self.preset, self.beside, self.others, *data]

    @property
    def prices(self) -> list[Any]:
        """What the price goes by."""
        return [*self.widgets, self.beside, self.points]

    def listen(self, sentence: gr.HTML) -> None:
        """Wire what the widgets change of each other; a preset's words are in `sentence`."""
        widgets: dict[str, Any] = dict(self.widgets.by_name)
        data = widgets["data"]
        data.change(self._data_chosen, data, [self.pad, self.points, self.own], **common.QUIET)
        self._sentence = sentence
        of_the_game = [w for name, w in widgets.items() if name not in OF_ANY and name != "data"]
        gr.on(
            [widget.input for widget in of_the_game],
            self._changed,
            {self.preset, self.beside, self.others},
            [self.preset, self.beside, self.others, sentence],
            **common.QUIET,
        )
        data.input(
            self._data_changed,
            {*widgets.values(), self.preset, self.beside, self.others},
            [*widgets.values(), self.preset, self.beside, self.others, sentence],
            **common.QUIET,
        )

    def _data_changed(self, values: Mapping, request: gr.Request) -> dict:
        """Other data, chosen by hand. Where it is of another kind, what the preset had set for its
        own goes back to what suits; what the visitor set stays.
        """
        preset, widgets = lab_presets.ALL[values[self.preset]], self.widgets.by_name
        updates = self._changed(values, request)
        if _kind(values[widgets["data"]]) == _kind(preset.settings["data"]):
            return updates
        for name, value in preset.settings.items():
            declared = self.widgets.declared[name]
            if name != "data" and asked(declared, values[widgets[name]]) == value:
                updates[widgets[name]] = shown(declared, declared.default)
        return updates

    def _data_chosen(self, data: str) -> tuple:
        drawn, own = gr.update(visible=data == "drawn"), gr.update(visible=data == "own")
        return drawn, drawn, own

    def _changed(self, values: Mapping, request: gr.Request) -> dict:
        """A setting changed by hand: the game is the visitor's own; what plays beside it stays."""
        if values[self.preset] == lab_presets.OWN.name:
            return {self.preset: gr.skip()}
        lang = common.language(request)
        return self._beside(lab_presets.OWN, self._against(values), lang) | {
            self.preset: lab_presets.OWN.name,
            self._sentence: lab_presets.told(lab_presets.OWN, lang),
        }

    def recipe(self, values: Mapping) -> Recipe:
        """What the widgets ask for. Raises UserError for typed points that are none."""
        settings = self.widgets.asked(values, lambda name: True)
        if settings.get("data") == "drawn":
            settings["points"] = typed_points(values[self.points])
        settings["against"] = self._against(values) or None
        checkpoint = NEW.id
        if values[self.kept]:
            checkpoint = self.engine.models.own_file(values[self.kept]).name
        return Recipe(TASK, checkpoint, settings)

    def _against(self, values: Mapping) -> list[dict]:
        chosen = values[self.beside] or []
        return [change for name, change in values[self.others] if name in chosen]

    def names(self, values: Mapping) -> list[str]:
        """What the runs are called."""
        preset = lab_presets.ALL[values[self.preset]]
        chosen = values[self.beside] or []
        return [preset.first, *(name for name, _ in values[self.others] if name in chosen)]

    def _beside(self, preset: Preset, against: Sequence[Mapping], lang: str) -> dict:
        offered, chosen = lab_presets.beside_of(against, preset)
        choices = [(named(lang, name), name) for name, _ in offered]
        return {
            self.others: offered,
            self.beside: gr.update(choices=choices, value=chosen, visible=bool(choices)),
        }

    def shown(self, recipe: Recipe, preset: Preset, lang: str) -> dict:
        """Updates that show a checked recipe in the widgets."""
        settings = recipe.settings
        updates = dict.fromkeys(self.widgets, None)  # of what is None, the box is empty
        updates |= self.widgets.restored(settings)
        points = "\n".join(f"{x:g}, {y:g}" for x, y in settings["points"] or ())
        drawn, own = settings["data"] == "drawn", settings["data"] == "own"
        updates |= {
            self.preset: preset.name,
            self.points: gr.update(value=points, visible=drawn),
            self.pad: gr.update(visible=drawn),
            self.own: gr.update(visible=own),
        }
        return updates | self._beside(preset, settings["against"] or (), lang)

    def of(self, preset: Preset, seed: Any) -> Recipe:
        """The recipe of a preset with what plays beside it at first."""
        settings = preset.recipe(*lab_presets.first_beside(preset))
        return Recipe(TASK, NEW.id, {**settings, "seed": seed})


def _kind(data: str) -> str:
    """Points, pictures, or two numbers."""
    if data == "dirac":
        return data
    return "pictures" if data in PICTURES else "points"


def typed_points(text: str) -> list[list[float]]:
    """[[x, y], ...] of what was typed or drawn. Raises UserError where a line is no point."""
    points = []
    for line in re.split(r"[\n|]|\]\s*,", text or ""):  # a list in brackets is as good
        if not line.strip():
            continue
        found = PAIR.fullmatch(line.strip(" []()"))
        try:
            if found is None:
                raise ValueError
            points.append([float(found[1]), float(found[2])])
        except ValueError:
            raise UserError(
                "{line} is no point: write x and y, as 0.5, -1.2, one point a line.",
                line=line.strip()[:40],
            ) from None
    return points
