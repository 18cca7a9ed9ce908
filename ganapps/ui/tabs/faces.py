"""The faces tab: seeds to faces, one face from average to wild, a film through several."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr
from gradio.blocks import Block

from ganapps.engine import Engine, Result
from ganapps.errors import Message, UserError
from ganapps.models.catalog import Checkpoint
from ganapps.recipe import Recipe, from_json
from ganapps.report import size
from ganapps.ui.faces.workshop import Workshop
from ganapps.ui.parts import common
from ganapps.ui.parts.labels import Labels
from ganapps.ui.parts.model_tab import ModelTab
from ganapps.ui.parts.tab import Tab
from ganapps.ui.words import say, t

# what the strip and the film take of the widgets; for their other settings they have defaults
TAKEN = {
    "strip": ("seed", "noise", "labels"),
    "loop": ("seed", "count", "psi", "noise", "labels"),
}
SEEDS = range(2, 7)  # through how many faces a film may go
# tasks whose recipes the wall draws, though no button here asks for them
MADE_OF_FACES = ("edit", "drag", "invert", "breed", "say", "export")


class FacesTab(ModelTab):
    """What drawing faces has of its own: a wall of them, labels, the strip, the film."""

    name = "faces"
    title = "Faces"
    shows = ("faces", "strip", "loop", "walk", *MADE_OF_FACES)
    loading = common.BUSY  # it draws

    def __init__(self, engine: Engine, receivers: Sequence[type[Tab]] = ()) -> None:
        super().__init__(engine, receivers, t("Generate"))
        self.opening = Recipe("faces", self.first.id)  # the wall that a page opens with
        self._wall: list[Result] | None = None

    # -- what stands where

    def panel(self) -> None:
        """The seed, the variety, how many."""
        self.seed = self.widgets.make("seed")
        with gr.Row(elem_classes="pair"):
            self.random = gr.Button(t("Random"), size="sm")
            self.last = gr.Button(t("Use last"), size="sm")
        with gr.Group():
            self.widgets.make("psi")
            self.count = self.widgets.make("count")

    def result_column(self) -> None:
        """The wall, what one can do with it, the strip and the film."""
        self.wall = gr.Gallery(
            label=t("Faces"),
            show_label=False,
            columns=4,
            object_fit="cover",
            height="auto",
            format="png",
            buttons=["download", "fullscreen"],
            elem_id="faces-wall",
            elem_classes="wall",
            interactive=False,
        )
        self.line = gr.HTML('<div class="line"></div>', elem_id="faces-line")
        self.instead = gr.Button(visible=False, size="sm", elem_id="faces-instead")
        with gr.Row(elem_classes="actions"):
            self.archive = gr.HTML(
                common.download(None, "Download all", "en"), elem_id="faces-archive"
            )
            self.copy = gr.Button(t("Copy link"), size="sm", elem_id="faces-copy")
            self.strip_go = gr.Button(
                t("From average to wild"), size="sm", elem_id="faces-strip-go"
            )
            self.film_go = gr.Button(t("Film through these"), size="sm", elem_id="faces-film-go")
            self.make_sends()
            self.make_restore()
        self.strip = gr.Gallery(
            label=t("From average to wild"),
            show_label=False,
            columns=9,
            object_fit="cover",
            height="auto",
            format="png",
            buttons=[],
            elem_id="faces-strip",
            elem_classes=["wall", "strip", "later"],
            interactive=False,
        )
        self.film = gr.Image(
            label=t("Film"),
            show_label=False,
            type="filepath",
            format="webp",
            buttons=["download"],
            interactive=False,
            elem_id="faces-film",
            elem_classes=["film", "later"],
            alt_text="film",
        )
        self.workshop = Workshop(self)
        self.link = gr.Textbox(visible="hidden", elem_id="faces-link", label=t("Link"))
        self.made = gr.State([])  # the recipe of each picture on the wall
        self.files, self.at = gr.State([]), gr.State(None)  # their files, and which one was clicked
        self.used = gr.State("0")  # the seed of the last run

    def more_column(self) -> None:
        """The labels of each model that has any, above the rest."""
        self.labels = [
            Labels(row.id, self.engine.controls(row), visible=row == self.first)
            for row in self.engine.rows("faces")
            if self.engine.controls(row)
        ]
        for labels in self.labels:
            self.extra_widgets += labels.asked
        super().more_column()

    def more(self) -> None:
        """What few people turn, above the precision."""
        self.widgets.make_seldom()

    # -- widgets -> recipe -> widgets

    def settings(self, values: Mapping, row: Checkpoint | None) -> dict[str, Any]:
        """The labels of the model."""
        for labels in self.labels:
            if row and labels.model == row.id:
                return {"labels": labels.chosen(values) or None}
        return {"labels": None}

    def asked_of(self, task: str, values: Mapping) -> Recipe:
        """What the widgets ask of the strip or the film."""
        asked = self.recipe(values)
        settings = {n: value for n, value in asked.settings.items() if n in TAKEN[task]}
        if "count" in settings:
            settings["count"] = min(max(int(settings["count"]), SEEDS[0]), SEEDS[-1])
        return replace(asked, task=task, settings=settings)

    def restored(self, recipe: Recipe, lang: str) -> dict:
        """The settings, the task's defaults where the recipe is of a strip or a film; labels."""
        declared = self.widgets.declared
        usual = {name: setting.default for name, setting in declared.items()}
        updates = self.widgets.restored({**usual, **recipe.settings})
        for labels in self.labels:
            updates |= labels.restored(recipe)
        return updates

    def model_chosen(self, row: Checkpoint, lang: str) -> dict:
        """Its labels."""
        return {labels.group: gr.update(visible=labels.model == row.id) for labels in self.labels}

    def came_back(self, recipe: Recipe) -> Message:
        """Nothing is missing, where a button here asks for it."""
        if recipe.task in MADE_OF_FACES:
            return Message(
                "This was made by the task {task}: its link or python -m ganapps run makes it "
                "again.",
                task=recipe.task,
            )
        return Message("The settings of this picture are back: press Generate.")

    # -- what happens when

    def changes_price(self) -> list:
        """How many, and how exactly."""
        return [self.count, self.precision]

    @property
    def _running(self) -> list:
        """What a run fills."""
        return [
            self.wall,
            self.line,
            self.instead,
            self.archive,
            self.link,
            self.made,
            self.files,
            self.at,
            self.used,
            self.go,
            self.stop,
        ]

    def events(self) -> None:
        """What the buttons do."""
        buttons = [self.line, self.go, self.stop]
        asked = self.asked
        strip, film = self.extra("strip", self.strip), self.extra("loop", self.film)
        runs = [
            gr.on(
                [self.go.click, self.seed.submit],
                self.generate,
                asked,
                self._running,
                **common.BUSY,
            ),
            self.strip_go.click(strip, asked, [self.strip, *buttons], **common.BUSY),
            self.film_go.click(film, asked, [self.film, *buttons], **common.BUSY),
        ]
        runs += self.workshop.listen()
        common.stops(self.stop, runs, self.stopped, self.line, buttons)
        self.random.click(lambda: str(random.randrange(2**32)), None, self.seed, **common.QUIET)
        self.last.click(lambda seed: seed, self.used, self.seed, **common.QUIET)
        self.wall.select(self.picked, self.made, [self.seed, self.at], **common.QUIET)
        self.copy.click(None, self.link, None, js=common.copies("faces-copy"))
        self.instead.click(
            lambda: (self.first.id, "", None),
            None,
            [self.model, self.place, self.weights.box],
            **common.QUIET,
        )

    # -- the first visit

    @property
    def opening_outputs(self) -> list:
        """What `opened` fills."""
        return list({*super().opening_outputs, *self._running})

    def opened(self, request: gr.Request) -> Iterator[dict]:
        """The first visit: the faces of the link, or of the default seed, without a click."""
        lang = common.language(request)
        recipe, said = self.opening, None
        try:
            linked = self.linked(dict(request.query_params))
            if linked:
                self.engine.checked(linked)
                recipe = linked
        except UserError as e:
            said = common.refusal(e, lang)
        shown = self.shown(self.engine.checked(recipe)[0], lang)
        yield shown | self.greeted(shown[self.model], lang)
        offer = self._offer(recipe, lang)
        if offer:
            yield {self.line: common.plain("", offer)}
        else:
            yield from self._shown(recipe, lang)
        if said:
            yield {self.line: said}

    def _offer(self, recipe: Recipe, lang: str) -> str:
        """What a page says instead of drawing where that would fetch a model: nothing comes from
        the Hub without a click. "" where nothing would.
        """
        try:
            if not self.engine.fetches(recipe):
                return ""
            load = self.engine.price(recipe).download
        except UserError:
            return ""  # drawing says it
        if load:
            return say(
                lang,
                "{model} is not on this machine: press Generate to fetch {size} and draw.",
                model=recipe.checkpoint[:120],
                size=size(load),
            )
        return say(
            lang,
            "{model} may have to be fetched: press Generate to fetch it and draw.",
            model=recipe.checkpoint[:120],
        )

    # -- what runs

    def generate(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """The wall, picture by picture."""
        yield from self._shown(
            self.recipe(values), common.language(request), self.weights.path(values)
        )

    def _shown(self, recipe: Recipe, lang: str, weights: str | None = None) -> Iterator[dict]:
        # what was drawn before is there at once: nothing to stop
        if not (recipe == self.opening and self._wall):
            yield self.busy(True)
        missing = False
        for shown in common.show(self._results(recipe, weights), recipe, lang):
            update: dict[Block, Any] = {self.line: shown.line}
            if shown.files and not shown.moved:
                update |= {self.wall: shown.files, self.made: shown.recipes}
            if shown.archive:
                update |= {
                    self.archive: common.download(shown.archive, "Download all", lang),
                    self.link: shown.recipe.to_link(),
                    self.used: str(shown.recipe.settings.get("seed", 0)),
                    self.at: None,
                    self.files: [path for path, _ in shown.files],
                }
            missing = shown.missing and recipe.checkpoint != self.first.id
            yield update
        instead = say(lang, "Use {model} instead", model=self.first.title)
        yield self.busy(False) | {self.instead: gr.update(visible=missing, value=instead)}

    def _results(self, recipe: Recipe, weights: str | None) -> Iterator[Result]:
        """The run; the wall of the first visit is drawn once and kept, so that a visit costs
        nothing.
        """
        if recipe != self.opening:
            yield from self.engine.run(recipe, (), weights)
        else:
            drawn = []
            for result in self._wall or self.engine.run(recipe):
                drawn.append(result)
                yield result
            self._wall = drawn

    def extra(self, task: str, place: gr.Gallery | gr.Image) -> Callable[..., Iterator[dict]]:
        """The handler that shows a strip or a film in its place."""

        def run(values: Mapping, request: gr.Request) -> Iterator[dict]:
            recipe, lang = self.asked_of(task, values), common.language(request)
            yield self.busy(True)
            for shown in common.show(
                self.engine.run(recipe, (), self.weights.path(values)), recipe, lang
            ):
                files = shown.files if task == "strip" else shown.files and shown.files[0][0]
                yield {self.line: shown.line} | (
                    {place: files} if files and not shown.moved else {}
                )
            yield self.busy(False)

        return run

    def stopped(self, line: str, request: gr.Request) -> dict:
        """Stop: what is there stays, and the line says so."""
        said = common.plain(line, say(common.language(request), "stopped"))
        return self.busy(False) | {self.line: said}

    def picked(self, made: list[str], event: gr.SelectData) -> tuple:
        """A click on a picture takes its seed; it is the one to send on."""
        if event.index >= len(made):
            return gr.skip(), gr.skip()
        return str(from_json(made[event.index]).settings["seed"]), event.index

    @property
    def result_inputs(self) -> set:
        """The wall's files, and which one was clicked."""
        return {self.files, self.at}

    def result(self, values: Mapping) -> str | None:
        """The face that was clicked, else the last one."""
        drawn, at = values[self.files], values[self.at]
        if at is not None and at < len(drawn):
            return drawn[at]
        return drawn[-1] if drawn else None
