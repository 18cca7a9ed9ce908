"""What every tab has on which one model is chosen and run: the model and its card, a file of one's
own, one big button with its price, Stop, and how settings turn into a recipe and back.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any, ClassVar

import gradio as gr
from gradio.i18n import I18nData

from ganapps.engine import Engine
from ganapps.errors import Message, UserError
from ganapps.models.catalog import Checkpoint
from ganapps.race import Race
from ganapps.recipe import Recipe
from ganapps.report import seconds, size
from ganapps.tasks.table import TASKS
from ganapps.ui.parts import cards, common, progress
from ganapps.ui.parts.own_file import OwnFile
from ganapps.ui.parts.prices import price_line
from ganapps.ui.parts.settings import Widgets
from ganapps.ui.parts.tab import Tab
from ganapps.ui.parts.underway import AtWork
from ganapps.ui.words import named, say, t

LONG = 20.0  # seconds: of a run that takes longer a quicker one is offered
QUICKER = 4  # times as quick, or it is not worth another picture


class ModelTab(Tab):
    """Three columns, from top to bottom: what to make, with which model; what came of it; more.

    The tab's task has its name. A tab says what differs: its own widgets, what they ask for and how
    a recipe fills them, and what runs.
    """

    best: ClassVar[str] = ""  # the row of the Hub's best model for this job
    best_is: ClassVar[str] = "The Hub's best for this"

    def __init__(self, engine: Engine, receivers: Sequence[type[Tab]], go: I18nData) -> None:
        """`go` stands on the big button."""
        super().__init__(engine, receivers)
        self.at_work = AtWork()
        self.go_words = go
        self.listed = TASKS[self.name].models  # what the catalogue calls the models it offers
        self.first = common.here_first(engine, self.listed)
        # of the task's settings, by their names
        self.widgets = Widgets(self.name, {"brush": self.first.learned_at})
        self.extra_widgets: list = []  # others of the tab itself that a recipe is made from
        with gr.Row(elem_classes="room"):
            with gr.Column(elem_classes="controls"):
                self._panel()
            with gr.Column(elem_classes="result"):
                self.result_column()
            with gr.Column(elem_classes="more"):
                self.more_column()
        self.asked = {
            self.model,
            self.place,
            self.precision,
            *self.widgets,
            *self.uploads,
            *self.extra_widgets,
        }
        self._events()
        self.events()

    # -- what a tab says of itself; of each, the least

    def brought(self) -> None:
        """What stands above the model: what a person brings."""

    def panel(self) -> None:
        """Widgets between the model and the big button."""

    def usual(self) -> None:
        """And behind them the settings that most people turn."""
        self.widgets.make_usual()

    def offered(self) -> None:
        """What stands under the big button."""

    @abstractmethod
    def result_column(self) -> None:
        """Where the result stands, and what one can do with it."""

    def more(self) -> None:
        """Widgets that few people turn."""

    def takes(self, name: str, row: Checkpoint | None) -> bool:
        """Does a model take what the widget of this setting says? `row` None: a model that is not
        in the catalogue.
        """
        return True

    def settings(self, values: Mapping, row: Checkpoint | None) -> dict[str, Any]:
        """The settings that `extra_widgets` ask for."""
        return {}

    def restored(self, recipe: Recipe, lang: str) -> dict:
        """Updates that show a checked recipe's settings in the widgets."""
        return self.widgets.restored(recipe.settings)

    def model_chosen(self, row: Checkpoint, lang: str) -> dict:
        """Updates for another model."""
        return {}

    @abstractmethod
    def came_back(self, recipe: Recipe) -> Message:
        """What is said when a recipe's settings are back."""

    def pictures(self, values: Mapping) -> list[str] | None:
        """The paths of the uploads that a run takes; None: they are not there yet."""
        return []

    def changes_price(self) -> list:
        """Whatever the price goes by beside the model."""
        return []

    @abstractmethod
    def events(self) -> None:
        """The tab's own events."""

    # -- what stands where

    def _panel(self) -> None:
        name = self.name
        self.brought()
        self.model = gr.Dropdown(
            common.choices(self.engine, self.listed, "en"),
            value=self.first.id,
            label=t("Model"),
            filterable=False,
            elem_id=f"{name}-model",
        )
        self.chips = gr.HTML(cards.chips(self.first, True, "en"))
        self.panel()
        self.usual()
        self.go = gr.Button(self.go_words, variant="primary", size="lg", elem_id=f"{name}-go")
        self.stop = gr.Button(
            t("Stop"), variant="stop", size="lg", visible=False, elem_id=f"{name}-stop"
        )
        self.price = gr.HTML('<div class="price"></div>', elem_id=f"{name}-price")
        self.quick = gr.Button(visible=False, size="sm", elem_id=f"{name}-quick")
        self.quick_model = gr.State("")
        self.hub = gr.Button(visible=False, size="sm", elem_id=f"{name}-hub")
        self.offered()

    def more_column(self) -> None:
        """What is folded: the rest of the settings, another model, the model's card."""
        name = self.name
        with gr.Accordion(t("More"), open=False, elem_id=f"{name}-more"):
            self.more()
            self.commercial = gr.Checkbox(
                label=t("Show only models for commercial use"), elem_id=f"{name}-commercial"
            )
            self.precision = gr.Dropdown(
                ["auto", "float32", "bfloat16", "float16"],
                value="auto",
                label=t("Precision"),
                filterable=False,
            )
            self.widgets.make_seldom()
            self.place = gr.Textbox(
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
        self.model.change(
            self.chosen,
            self.model,
            [self.chips, self.card, *self.model_chosen(self.first, "en")],
            **common.QUIET,
        )
        self.file_event = self.weights.listen(self.model, self.chips, self.card, self.line)
        priced_by = [self.model, self.place, self.weights.name, *self.changes_price()]
        gr.on(
            [widget.change for widget in priced_by],
            self.priced,
            self.asked,
            self.price,
            **common.LATEST,
        )

        self.commercial.input(
            self.relisted, [self.commercial, self.model], self.model, **common.QUIET
        )
        self.price.change(self.quicker, self.asked, [self.quick, self.quick_model], **common.QUIET)
        self.quick.click(lambda model: model, self.quick_model, self.model, **common.QUIET)
        self.hub_chosen = self.hub.click(lambda: self.best, None, self.model, **common.QUIET)

    def relisted(self, commercial: bool, model: str, request: gr.Request) -> Any:
        """The list of models, all of them or those for commercial use."""
        choices = common.choices(self.engine, self.listed, common.language(request), commercial)
        there = [name for _, name in choices]
        return gr.update(choices=choices, value=model if model in there else there[0])

    def quicker(self, values: Mapping, request: gr.Request) -> dict:
        """For a long run, the quickest model that is here and that was measured, where it is much
        quicker.
        """
        none = {self.quick: gr.update(visible=False), self.quick_model: ""}
        pictures = self.pictures(values)
        if pictures is None:
            return none
        try:
            recipe = self.recipe(values)
        except UserError:  # the price says why
            return none
        slow = self.expected(recipe, pictures)
        if slow is None or slow < LONG:
            return none
        rows = [row for row in self.engine.models.rows(self.listed) if self.engine.models.here(row)]
        priced = [(self.expected(replace(recipe, checkpoint=r.id), pictures), r) for r in rows]
        known = [(spent, row) for spent, row in priced if spent is not None]
        spent, row = min(known, key=lambda pair: pair[0], default=(slow, None))
        if row is None or spent * QUICKER > slow:
            return none
        said = say(
            common.language(request),
            "Quick instead: {model}, about {seconds}",
            model=named(common.language(request), row.title),
            seconds=seconds(spent),
        )
        return {self.quick: gr.update(visible=True, value=said), self.quick_model: row.id}

    def offers(self, request: gr.Request) -> Any:
        """The Hub's best model for this job in one press, with its size and licence, where the Hub
        answers and the model is not here.
        """
        row = self.engine.models.row(self.best)
        if row is None or self.engine.models.here(row) or not self.engine.models.hub_answers():
            return gr.update(visible=False)
        lang = common.language(request)
        facts = [f"{say(lang, self.best_is)}: {named(lang, row.title)}"]
        load = self.engine.price(Recipe(self.name, row.id)).download
        if load:
            facts.append(size(load))
        facts.append(say(lang, cards.COMMERCIAL[row.commercial]))
        return gr.update(visible=True, value=", ".join(facts))

    def price_after(self, runs: Sequence[gr.events.Dependency]) -> None:
        """What a run has cost is the next one's price."""
        for run in runs:
            run.then(self.priced, self.asked, self.price, **common.QUIET)

    def busy(self, running: bool) -> dict:
        """Stop instead of the big button, while something runs."""
        return {self.go: gr.update(visible=not running), self.stop: gr.update(visible=running)}

    def stoppable(self, handler: Callable[..., Iterator[dict]]) -> Callable[..., Iterator[dict]]:
        """A handler that takes a while and begins with `busy(True)`. When it is over, Stop stays
        for another one of that page.
        """

        @wraps(handler)
        def stopped_with_the_last(*given: Any) -> Iterator[dict]:
            request: gr.Request = given[-1]
            with self.at_work.one_more(request.session_hash) as others:
                yield from handler(*given)
                yield self.busy(others())

        return stopped_with_the_last

    def chosen(self, model: str, request: gr.Request) -> dict:
        """Another model: its chips and card, and what depends on it."""
        lang = common.language(request)
        row = common.row(self.engine, model)
        chips, card = cards.about(self.engine, model, lang)
        return {self.chips: chips, self.card: card} | self.model_chosen(row, lang)

    def priced(self, values: Mapping, request: gr.Request) -> str:
        """The price of what the widgets ask for."""
        lang = common.language(request)
        pictures = self.pictures(values)
        if pictures is None:
            return ""
        try:
            price = self.engine.price(self.recipe(values), pictures)
        except UserError as e:
            return common.refusal(e, lang)
        return price_line(price, lang)

    def expected(self, recipe: Recipe, pictures: Sequence[str] = ()) -> float | None:
        """Seconds that a run will take; None where nobody knows, or where it will be refused."""
        try:
            return self.engine.price(recipe, pictures).seconds
        except UserError:
            return None

    # -- widgets -> recipe -> widgets

    def recipe(self, values: Mapping) -> Recipe:
        """What the widgets ask for."""
        listed = values[self.place].strip() or values[self.model]
        checkpoint = self.weights.checkpoint(values, listed)
        row = self.engine.models.row(checkpoint)
        settings = self.widgets.asked(values, lambda name: self.takes(name, row))
        settings |= self.settings(values, row)
        return Recipe(self.name, checkpoint, settings, values[self.precision])

    @property
    def models(self) -> set:
        """The one list."""
        return {self.model}

    @property
    def uploads(self) -> set:
        """What no recipe holds, and so no recipe fills."""
        return self.weights.asked

    def shown(self, recipe: Recipe, lang: str) -> dict:
        """Updates that show a checked recipe in the widgets."""
        known = self.engine.models.row(recipe.checkpoint) is not None
        return {
            self.model: recipe.checkpoint if known else self.first.id,
            self.place: "" if known else recipe.checkpoint,
            self.precision: recipe.precision,
        } | self.restored(recipe, lang)

    @property
    def filling_outputs(self) -> set:
        """What `filled` fills."""
        return {*self.asked - self.uploads, self.line}

    def filled(self, asked: Recipe | Race, values: Mapping, lang: str) -> dict:
        """The settings come back; no upload was ever in a recipe."""
        assert isinstance(asked, Recipe), "no race is shown here"
        recipe, _ = self.engine.checked(asked)
        said = progress.plain("", say(lang, self.came_back(recipe)))
        return self.shown(recipe, lang) | {self.line: said}

    # -- the first visit

    @property
    def opening_outputs(self) -> list:
        """What `opened` fills."""
        greeted = {self.model, self.chips, self.card, *self.weights.opened("en")}
        return list(greeted | self.filling_outputs)

    def greeted(self, model: str, lang: str) -> dict:
        """The model, its card and its file in the visitor's language."""
        chips, card = cards.about(self.engine, model, lang)
        choices = common.choices(self.engine, self.listed, lang)
        return {
            self.model: gr.update(choices=choices, value=model),
            self.chips: chips,
            self.card: card,
        } | self.weights.opened(lang)
