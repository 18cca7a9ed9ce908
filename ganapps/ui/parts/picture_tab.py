"""What every tab that works on a picture has: the upload, the model, one big button, the result,
every model at once, many pictures.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.i18n import I18nData

from ganapps.engine import Engine
from ganapps.errors import UserError
from ganapps.models.catalog import Checkpoint
from ganapps.recipe import Recipe, from_file
from ganapps.ui.doors import files
from ganapps.ui.parts import cards, common
from ganapps.ui.parts.before_after import (
    FINISHING,
    ResultArea,
    captioned,
    example,
    examples,
    picture_box,
)
from ganapps.ui.parts.dials import DIALS, Dials
from ganapps.ui.parts.many import Many
from ganapps.ui.parts.own_file import OwnFile
from ganapps.ui.parts.settings import Widgets
from ganapps.ui.parts.sheet import Sheet
from ganapps.ui.parts.underway import Underway
from ganapps.ui.words import say, t


@dataclass(frozen=True)
class Words:
    """What a tab calls its big button, the button for many pictures, its contact sheet; `note` says
    what the first visit shows; `next` is the tab that results can be sent to.
    """

    go: I18nData
    go_all: I18nData
    every: I18nData
    note: str
    next: str
    send: I18nData


class PictureTab:
    """One layout and one behaviour; a tab says what differs: its own widgets (`panel`, `actions`,
    `below`, `more`), what they ask for and how a recipe fills them, and what it shows beside a
    result.
    """

    def __init__(self, engine: Engine, task: str, words: Words) -> None:
        """`task` is also what the ids of the tab's elements begin with."""
        self.engine, self.task, self.words = engine, task, words
        self.first = common.here_first(engine, task)
        self.widgets = Widgets(task)  # of the task's settings, by their names
        self.own_widgets: list = []  # others of the tab itself that a recipe is made from
        self.beside_widgets: list = []  # and those that only a run looks at
        self._parts = Underway()  # of the runs under way, by session: what Stop shows
        with gr.Row(elem_classes="room"):
            with gr.Column(elem_classes="panel"):
                self._panel()
            with gr.Column(elem_classes="result"):
                self._result()
            with gr.Column(elem_classes="more"):
                self._more()
        self.asked = {
            self.picture,
            self.model,
            self.own,
            self.precision,
            *self.widgets,
            *self.weights.asked,
            *self.own_widgets,
        }
        self._events()

    # -- what a tab says of itself; of each, the least

    def panel(self) -> None:
        """Widgets between the model and the big button."""

    def actions(self) -> None:
        """Buttons beside the download."""

    def below(self) -> None:
        """What stands under the result."""

    def more(self) -> None:
        """Widgets that few people turn."""

    def takes(self, name: str, row: Checkpoint | None) -> bool:
        """Does a model take what the widget of this setting says? `row` None: a model that is not
        in the catalogue.
        """
        return name not in DIALS or self.dials.takes(name, row)

    def settings(self, values: Mapping, row: Checkpoint | None) -> dict[str, Any]:
        """The settings that `own_widgets` ask for."""
        return {}

    def restored(self, recipe: Recipe) -> dict:
        """Updates that show a recipe in the widgets."""
        return self.widgets.restored(recipe.settings)

    def model_chosen(self, row: Checkpoint, lang: str) -> dict:
        """Updates for another model."""
        return self.dials.chosen(row)

    def file_came(self, kind: str, model: str, request: gr.Request) -> dict:
        """Updates for a person's own file that holds a network of this kind; "" for the model
        again.
        """
        controls = self.model_chosen(common.row(self.engine, model), common.language(request))
        return dict.fromkeys(controls, gr.skip()) | self.dials.chosen(None) if kind else controls

    def cleared(self) -> dict:
        """Updates that empty what the tab shows under a result."""
        return {}

    def arrived(self, shown: common.Shown, values: Mapping, lang: str) -> dict:
        """Updates that show the tab's own of a result."""
        return {}

    def trial(self, upload: str, values: Mapping, folder: Path) -> tuple[str, str]:
        """For the contact sheet: a picture, small or cropped, and what its cell without a model
        says ("": no such cell).
        """
        return upload, ""

    def trial_settings(self, values: Mapping, row: Checkpoint | None) -> dict[str, Any] | None:
        """And a model's settings there; None leaves it out."""
        return {}

    def own_events(self) -> list:
        """The tab's own events; those that are returned, Stop ends."""
        return []

    # -- what stands where

    def _panel(self) -> None:
        name = self.task
        self.picture = picture_box(t("Your picture"), f"{name}-picture")
        self.privacy = gr.HTML(common.privacy("en"))
        self.delete = gr.Button(t("Delete it now"), size="sm", elem_id=f"{name}-delete")
        self.model = gr.Dropdown(
            common.choices(self.engine, name, "en"),
            value=self.first.id,
            label=t("Model"),
            filterable=False,
            elem_id=f"{name}-model",
        )
        self.chips = gr.HTML(cards.chips(self.first, True, "en"))
        self.panel()
        self.dials = Dials(self.widgets, self.engine.rows(name), self.first)
        self.widgets.make_usual(elsewhere=(*DIALS, *FINISHING))
        self.go = gr.Button(self.words.go, variant="primary", size="lg", elem_id=f"{name}-go")
        self.stop = gr.Button(
            t("Stop"), variant="stop", size="lg", visible=False, elem_id=f"{name}-stop"
        )
        self.price = gr.HTML('<div class="price"></div>', elem_id=f"{name}-price")
        self.examples = examples(name)

    def _result(self) -> None:
        name = self.task
        self.area = ResultArea(self.engine, self.widgets, self.words.note)
        with gr.Row(elem_classes="actions"):
            self.area.buttons()
            self.try_all = gr.Button(self.words.every, size="sm", elem_id=f"{name}-try")
            self.actions()
            self.sends = {
                self.words.next: gr.Button(
                    self.words.send, size="sm", elem_id=f"{name}-send-{self.words.next}"
                )
            }
            self.restore = common.by_path(
                gr.UploadButton(
                    t("Restore from a PNG"),  # type: ignore[arg-type]  # Gradio takes it here too
                    file_types=[".png", ".json"],
                    size="sm",
                    elem_id=f"{name}-restore",
                    elem_classes="restore",
                )
            )
        self.below()
        self.sheet = Sheet(self.engine, name, self.words.every)

    def _more(self) -> None:
        name = self.task
        with gr.Accordion(t("Many pictures"), open=False, elem_id=f"{name}-many"):
            self.many = Many(self.engine, name, self.words.go_all)
        with gr.Accordion(t("More"), open=False, elem_id=f"{name}-more"):
            self.more()
            self.precision = gr.Dropdown(
                ["auto", "float32", "bfloat16", "float16"],
                value="auto",
                label=t("Precision"),
                filterable=False,
            )
            self.widgets.make_seldom()
            self.own = gr.Textbox(
                "",
                label=t("Another checkpoint of the Hub"),
                placeholder="owner/repo:file@revision",
                max_lines=1,
                max_length=300,
                elem_id=f"{name}-own",
            )
            self.weights = OwnFile(self.engine, name)
        with gr.Accordion(t("About this model"), open=False, elem_id=f"{name}-about"):
            self.card = gr.HTML(cards.card(self.first, True, "en"))

    # -- what happens when

    def _events(self) -> None:
        buttons, given = [self.go, self.stop], self.asked | {self.area.traces, *self.beside_widgets}
        shown = [*self.area.outputs, *self.cleared(), *buttons]
        runs = [
            self.go.click(self.run, given, shown, **common.BUSY),
            self.examples.select(example, None, self.picture, **common.QUIET).success(
                self.run, given, shown, **common.BUSY
            ),
            self.try_all.click(
                self.every_model,
                given,
                [*self.sheet.cleared(), self.area.line, *buttons],
                **common.BUSY,
            ),
            self.many.go.click(
                self.run_many,
                self.asked | {self.many.box, self.many.archives},
                [self.many.rows, *buttons],
                **common.BUSY,
            ),
            *self.own_events(),
        ]
        common.stops(
            self.stop,
            runs,
            self.stopped,
            [self.area.line, self.area.traces],
            [self.area.line, self.area.view, *buttons],
        )
        self.sheet.listen(self.model, self.own, self.weights.box)
        of_model = [*self.model_chosen(self.first, "en")]
        self.weights.listen(self.model, self.chips, self.card, self.area.line).then(
            self.file_came, [self.weights.kind, self.model], of_model, **common.QUIET
        )
        everything = [
            self.picture,
            self.weights.box,
            *self.area.cleared("en"),
            *self.cleared(),
            *self.sheet.cleared(),
            *self.many.cleared(),
        ]
        self.delete.click(
            self.deleted,
            {self.picture, self.weights.box, self.area.traces, self.many.box, self.many.archives},
            everything,
            **common.QUIET,
        )
        self.restore.upload(
            self.dropped, self.restore, [*self.asked - self.uploads, self.area.line], **common.QUIET
        )
        self.model.change(
            self.chosen, self.model, [self.chips, self.card, *of_model], **common.QUIET
        )
        gr.on(
            [
                w.change
                for w in (
                    self.picture,
                    self.model,
                    self.own,
                    self.weights.name,
                    self.area.line,
                    self.sheet.tried,
                    *(w for name, w in self.widgets.by_name.items() if name not in FINISHING),
                    *self.own_widgets,
                )
            ],
            self.priced,
            self.asked,
            self.price,
            trigger_mode="always_last",
            **common.QUIET,
        )

    def busy(self, running: bool) -> dict:
        """Stop instead of the big button, while something runs."""
        return {self.go: gr.update(visible=not running), self.stop: gr.update(visible=running)}

    def recipe(self, values: Mapping) -> Recipe:
        """What the widgets ask for."""
        checkpoint = self.weights.checkpoint(values, values[self.own].strip() or values[self.model])
        row = self.engine.row(checkpoint)
        settings = self.widgets.asked(values, lambda name: self.takes(name, row))
        settings |= self.settings(values, row)
        return Recipe(self.task, checkpoint, settings, values[self.precision])

    @property
    def uploads(self) -> set:
        """What no recipe holds, and so no recipe fills."""
        return {self.picture, *self.weights.asked}

    @property
    def opening_outputs(self) -> list:
        """What `opened` fills."""
        return list(
            dict.fromkeys(
                [
                    self.model,
                    self.chips,
                    self.card,
                    self.privacy,
                    self.examples,
                    *self.area.opened("en"),
                    *self.weights.opened("en"),
                    self.area.line,
                    *self.asked - self.uploads,
                ]
            )
        )

    def opened(self, request: gr.Request) -> dict:
        """The words that depend on the visitor's language, and the settings of the link that was
        followed.
        """
        lang = common.language(request)
        linked = self._linked(dict(request.query_params), lang)
        model = linked.pop(self.model, self.first.id)
        chips, card = cards.about(self.engine, model, lang)
        return (
            {
                self.model: gr.update(
                    choices=common.choices(self.engine, self.task, lang), value=model
                ),
                self.chips: chips,
                self.card: card,
                self.privacy: common.privacy(lang),
                self.examples: gr.skip() if lang == "en" else captioned(lang),
            }
            | self.area.opened(lang)
            | self.weights.opened(lang)
            | linked
        )

    def _linked(self, query: dict[str, str], lang: str) -> dict:
        """Updates for a link's recipe; none where it is not this tab's."""
        try:
            recipe = self.engine.linked(query)
            return (
                self.filled(self.engine.checked(recipe)[0], lang)
                if recipe and recipe.task == self.task
                else {}
            )
        except UserError as e:
            return (
                {self.area.line: common.refusal(e, lang)} if query.get("task") == self.task else {}
            )

    def run(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """One picture; strength and colours come after, so that they can be changed at once."""
        lang, upload = common.language(request), values[self.picture]
        if not upload:
            yield {
                self.area.line: common.refusal(
                    UserError("There is no picture yet: drop one into the box."), lang
                )
            }
            return
        yield self.busy(True)
        recipe = self.recipe(values).with_settings(strength=1.0, keep_colours=False)
        unfinished: dict = {}
        with self._parts.of(request.session_hash) as held:
            try:
                for shown in common.show(
                    self.engine.run(recipe, [upload], self.weights.path(values)),
                    recipe,
                    lang,
                    keep=str,
                ):
                    held.it = () if shown.archive else shown.parts
                    yield {self.area.line: shown.line} | (
                        self.area.arrived(shown, upload, values, lang)
                        | self.arrived(shown, values, lang)
                        if shown.archive
                        else {}
                    )
                if shown.ended:
                    yield self.area.stopped_view(held.it, values[self.area.traces])
                # of a run that was refused on its way
                unfinished = self.area.stopped_view(held.it, values[self.area.traces])
            # a disk that became full, or the visitor's room, when the result was being shown
            except UserError as e:
                yield {self.area.line: common.refusal(e, lang)}
        yield self.busy(False) | unfinished

    def every_model(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """The contact sheet of this picture."""
        lang, upload = common.language(request), values[self.picture]
        if not upload:
            yield {
                self.area.line: common.refusal(
                    UserError("There is no picture yet: drop one into the box."), lang
                )
            }
            return
        yield self.busy(True)
        with tempfile.TemporaryDirectory(prefix="ganapps-") as folder:
            try:
                picture, plain = self.trial(upload, values, Path(folder))
                yield from self.sheet.filled(
                    picture,
                    lambda row: self.trial_settings(values, row),
                    self.weights.path(values),
                    plain and say(lang, plain),
                    self.area.line,
                    values[self.area.traces],
                    lang,
                )
            except UserError as e:
                yield {self.area.line: common.refusal(e, lang)}
        yield self.busy(False)

    def run_many(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """Many pictures, a row each."""
        lang = common.language(request)
        yield self.busy(True)
        try:
            files.check_room()
            yield from self.many.results(
                self.recipe(values), self.weights.path(values), values, lang
            )
        except UserError as e:
            yield {self.many.rows: common.refusal(e, lang)}
        yield self.busy(False)

    def stopped(self, line: str, traces: list[str], request: gr.Request) -> dict:
        """Stop: what is done stays."""
        lang, part = common.language(request), self._parts.take(request.session_hash)
        try:
            view = {
                self.area.line: common.plain(line, say(lang, "stopped"))
            } | self.area.stopped_view(part, traces)
        except UserError as e:  # there is no room for what is done
            view = {self.area.line: common.refusal(e, lang)}
        return self.busy(False) | view

    def left(self, session: str | None) -> None:
        """A visitor has gone: nothing of theirs stays in memory."""
        self._parts.take(session)

    def deleted(self, values: Mapping, request: gr.Request) -> dict:
        """The upload and everything made of it are gone from this machine's disk now."""
        files.delete(
            [
                values[self.picture],
                values[self.weights.box],
                *values[self.area.traces],
                *self.many.paths(values),
            ]
        )
        return (
            {self.picture: None, self.weights.box: None}
            | self.area.cleared(common.language(request))
            | self.cleared()
            | self.sheet.cleared()
            | self.many.cleared()
        )

    def dropped(self, path: str, request: gr.Request) -> dict:
        """A PNG of ours, dropped: its settings come back (the picture itself was never in it)."""
        lang = common.language(request)
        try:
            recipe = from_file(path)
            if recipe.task != self.task:
                raise UserError("This picture was made on another tab: drop it there.")
            return self.filled(self.engine.checked(recipe)[0], lang)
        except UserError as e:
            return {self.area.line: common.refusal(e, lang)}

    def filled(self, recipe: Recipe, lang: str) -> dict:
        """Updates that show a recipe in the widgets."""
        known = self.engine.row(recipe.checkpoint) is not None
        own = recipe.checkpoint.startswith("sha256:")
        said = say(
            lang,
            "The settings are back. Choose the picture again, and under More your checkpoint file: "
            "no upload is ever kept in a recipe."
            if own
            else "The settings are back. Choose the picture again: no upload is ever kept in a "
            "recipe.",
        )
        return {
            self.model: recipe.checkpoint if known else self.first.id,
            self.own: "" if known else recipe.checkpoint,
            self.precision: recipe.precision,
            self.area.line: common.plain("", said),
        } | self.restored(recipe)

    def chosen(self, model: str, request: gr.Request) -> dict:
        """Another model: its chips and card, and what depends on it."""
        lang = common.language(request)
        chips, card = cards.about(self.engine, model, lang)
        return {self.chips: chips, self.card: card} | self.model_chosen(
            common.row(self.engine, model), lang
        )

    def priced(self, values: Mapping, request: gr.Request) -> str:
        """The price of what the widgets ask for."""
        lang = common.language(request)
        try:
            return (
                common.price_line(
                    self.engine.price(self.recipe(values), [values[self.picture]]), lang
                )
                if values[self.picture]
                else ""
            )
        except UserError as e:
            return common.refusal(e, lang)
