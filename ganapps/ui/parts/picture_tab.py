"""What every tab that works on a picture has: the upload, the model, one big button, the result,
every model at once, many pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import gradio as gr
from gradio.i18n import I18nData

from ganapps.engine import Engine
from ganapps.errors import Message, UserError
from ganapps.models.catalog import Checkpoint
from ganapps.recipe import Recipe
from ganapps.tasks.table import TASKS
from ganapps.ui.doors import files
from ganapps.ui.parts import common
from ganapps.ui.parts.before_after import (
    EXAMPLES,
    FINISHING,
    ResultArea,
    captioned,
    examples,
    picture_box,
)
from ganapps.ui.parts.dials import DIALS, Dials
from ganapps.ui.parts.many import Many
from ganapps.ui.parts.picture_runs import PictureRuns
from ganapps.ui.parts.sheet import Sheet
from ganapps.ui.parts.tab import Tab
from ganapps.ui.words import t


@dataclass(frozen=True)
class Words:
    """What a tab calls its big button, the button for many pictures, its contact sheet; `note` says
    what the first visit shows.
    """

    go: I18nData
    go_all: I18nData
    every: I18nData
    note: tuple[str, str]


class PictureTab(PictureRuns):
    """One layout and one behaviour; a tab says what differs: its own widgets (`panel`, `actions`,
    `below`, `more`), what they ask for and how a recipe fills them, and what it shows beside a
    result.
    """

    at_once: ClassVar[bool] = True  # is an example worked on as soon as it is taken?
    given_examples: ClassVar[Sequence[Path]] = EXAMPLES

    def __init__(self, engine: Engine, receivers: Sequence[type[Tab]], words: Words) -> None:
        self.words = words
        self.finishes = set(FINISHING) <= set(TASKS[self.name].settings)
        self.run_widgets: list = []  # those of the tab itself that only a run looks at
        self.more_uploads: list = []  # boxes beside that of the picture
        self.on_stage: dict[str | None, str] = {}  # by session: the picture that came last
        super().__init__(engine, receivers, words.go)

    # -- what a tab says of itself; of each, the least

    def actions(self) -> None:
        """Buttons beside the download."""

    def below(self) -> None:
        """What stands under the result."""

    def takes(self, name: str, row: Checkpoint | None) -> bool:
        """Does a model take what the widget of this setting says? `row` None: a model that is not
        in the catalogue.
        """
        return name not in DIALS or self.dials.takes(name, row)

    def model_chosen(self, row: Checkpoint, lang: str) -> dict:
        """Updates for another model."""
        return self.dials.chosen(row)

    def file_came(self, kind: str, model: str, request: gr.Request) -> dict:
        """Updates for a person's own file that holds a network of this kind; "" for the model
        again.
        """
        controls = self.model_chosen(common.row(self.engine, model), common.language(request))
        return dict.fromkeys(controls, gr.skip()) | self.dials.chosen(None) if kind else controls

    def running_events(self) -> list:
        """The tab's own events; those that are returned, Stop ends."""
        return []

    # -- what stands where

    def brought(self) -> None:
        """The picture, and how it leaves again."""
        self.picture = picture_box(t("Your picture"), f"{self.name}-picture")
        self.privacy = gr.HTML(common.privacy("en"))
        self.delete = gr.Button(t("Delete it now"), size="sm", elem_id=f"{self.name}-delete")

    def usual(self) -> None:
        """What a diffusion model can be told, then the rest."""
        self.dials = Dials(self.widgets, self.engine.models.rows(self.listed), self.first)
        self.widgets.make_usual(elsewhere=(*DIALS, *FINISHING))

    def offered(self) -> None:
        """Three pictures that one click takes."""
        self.examples = examples(self.name, self.given_examples)

    def result_column(self) -> None:
        """Before and after, what one can do with it, every model at once."""
        name = self.name
        self.area = ResultArea(self.engine, self.widgets, self.words.note)
        self.line = self.area.line
        with gr.Row(elem_classes="actions"):
            self.area.buttons()
            self.try_all = gr.Button(self.words.every, size="sm", elem_id=f"{name}-try")
            self.actions()
            self.make_sends()
            self.make_restore()
        self.area.formats_below()
        self.below()
        self.sheet = Sheet(self.engine, name, self.words.every)

    def more_column(self) -> None:
        """Many pictures, above the rest."""
        with gr.Accordion(t("Many pictures"), open=False, elem_id=f"{self.name}-many"):
            self.many = Many(self.engine, self.name, self.words.go_all)
        super().more_column()

    # -- what happens when

    def pictures(self, values: Mapping) -> list[str] | None:
        """The upload, for the price."""
        return [values[self.picture]] if values[self.picture] else None

    def changes_price(self) -> list:
        """The picture, every setting that costs time, and a sheet that has measured."""
        settings = self.widgets.by_name.items()
        costly = [widget for name, widget in settings if name not in FINISHING]
        return [self.picture, self.sheet.tried, *costly, *self.extra_widgets]

    def events(self) -> None:
        """What the buttons do, and what a file of one's own changes."""
        buttons = [self.go, self.stop]
        runs = [*self._runs(buttons), *self.running_events()]
        self.price_after(runs)
        common.stops(
            self.stop,
            runs,
            self.stopped,
            {self.line, self.area.traces, *self.area.finishing.values()},
            [*self.area.outputs, *self.cleared(), *buttons],
        )
        self.picture.change(
            self.came,
            {self.picture, self.area.staged, self.area.traces},
            [*self.area.cleared("en"), *self.cleared(), *self.sheet.cleared()],
            **common.QUIET,
        )
        self.sheet.listen(self.model, self.place, self.weights.box)
        self.file_event.then(
            self.file_came,
            [self.weights.kind, self.model],
            [*self.model_chosen(self.first, "en")],
            **common.QUIET,
        )
        common.stops(  # a run under way would bring back what is deleted
            self.delete,
            runs,
            self.deleted,
            {*self.boxes, self.area.traces, self.many.box, self.many.archives},
            [*self.boxes, *self._emptied("en"), *buttons],
        )

    def _runs(self, buttons: list) -> list:
        """The events that run something."""
        given = self.asked | {self.area.traces, self.area.staged, *self.run_widgets}
        shown = [*self.area.outputs, *self.cleared(), *buttons]
        sheet = [*self.sheet.cleared(), self.line, *buttons]
        many = self.asked | self.many.asked
        taken = self.examples.select(self._example, None, self.picture, **common.EACH)
        run, every = self.stoppable(self.run), self.stoppable(self.every_model)
        own = [taken.success(run, given, shown, **common.BUSY)] if self.at_once else []
        on_many = self.stoppable(self.run_many)
        return [
            *own,
            self.go.click(run, given, shown, **common.BUSY),
            self.try_all.click(every, given, sheet, **common.BUSY),
            self.many.go.click(on_many, many, [*self.many.shown, *buttons], **common.BUSY),
        ]

    def _emptied(self, lang: str) -> dict:
        """Updates for a tab without results."""
        area, sheet, many = self.area.cleared(lang), self.sheet.cleared(), self.many.cleared()
        return area | self.cleared() | sheet | many

    @property
    def boxes(self) -> list:
        """What holds one file of the visitor's each."""
        return [self.picture, self.weights.box, *self.more_uploads]

    @property
    def uploads(self) -> set:
        """What no recipe holds, and so no recipe fills."""
        return {self.picture, *self.weights.asked}

    # -- the first visit

    @property
    def opening_outputs(self) -> list:
        """What `opened` fills."""
        more = [self.privacy, self.examples, *self.area.opened("en")]
        return list({*super().opening_outputs, *more})

    def opened(self, request: gr.Request) -> dict:
        """The words that depend on the visitor's language, and the settings of the link that was
        followed.
        """
        lang = common.language(request)
        linked = self._linked(dict(request.query_params), lang)
        updates = self.greeted(linked.pop(self.model, self.first.id), lang)
        updates[self.privacy] = common.privacy(lang)
        updates[self.examples] = gr.skip() if lang == "en" else captioned(self.given_examples, lang)
        return updates | self.area.opened(lang) | linked

    def _linked(self, query: dict[str, str], lang: str) -> dict:
        """Updates for a link's recipe; none where it is not this tab's."""
        try:
            recipe = self.linked(query)
            return self.filled(recipe, {}, lang) if recipe else {}
        except UserError as e:
            return {self.line: common.refusal(e, lang)}

    # -- a picture comes and goes

    def came(self, values: Mapping, request: gr.Request) -> dict:
        """A picture is there: it stands on the stage, and nothing of another one is left."""
        if values[self.picture]:
            self.on_stage[request.session_hash] = values[self.picture]
        brought = self.area.brought(values[self.picture], values, common.language(request))
        if not brought:
            return {self.line: gr.skip()}
        return self.cleared() | self.sheet.cleared() | brought

    def _example(self, event: gr.SelectData) -> str:
        """The path of the example that was clicked."""
        return str(self.given_examples[event.index])

    def deleted(self, values: Mapping, request: gr.Request) -> dict:
        """The upload and everything made of it are gone from this machine's disk now."""
        self.underway.take(request.session_hash)
        files.delete(
            [
                *(values[box] for box in self.boxes),
                *values[self.area.traces],
                *self.many.paths(values),
            ]
        )
        emptied = self._emptied(common.language(request))
        return dict.fromkeys(self.boxes) | emptied | self.busy(False)

    @property
    def result_inputs(self) -> set:
        """The finished picture."""
        return {self.area.file}

    def result(self, values: Mapping) -> str | None:
        """The finished picture's path."""
        return values[self.area.file]

    def came_back(self, recipe: Recipe) -> Message:
        """The settings; no upload is ever in a recipe."""
        if recipe.checkpoint.startswith("sha256:"):
            return Message(
                "The settings are back. Choose the picture again, and under More your checkpoint "
                "file: no upload is ever kept in a recipe."
            )
        return Message(
            "The settings are back. Choose the picture again: no upload is ever kept in a recipe."
        )
