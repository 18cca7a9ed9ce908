"""The faces tab: seeds to faces, one face from average to wild, a film through several."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import gradio as gr

from ganapps.engine import Engine
from ganapps.errors import Message, UserError
from ganapps.models.catalog import Checkpoint
from ganapps.race import Race
from ganapps.recipe import Recipe
from ganapps.report import size
from ganapps.ui.faces import back
from ganapps.ui.faces.workshop import Workshop
from ganapps.ui.parts import common, progress
from ganapps.ui.parts.face_runs import FaceRuns
from ganapps.ui.parts.labels import Labels
from ganapps.ui.parts.one_face import OneFace
from ganapps.ui.parts.other_formats import OtherFormats
from ganapps.ui.parts.shelf import shelf
from ganapps.ui.parts.tab import Tab
from ganapps.ui.parts.wall import Wall
from ganapps.ui.words import say, t

log = logging.getLogger("ganapps")
# Twelve of the shipped model's first hundred, picked by looking: all ages and kinds of hair
PICKED = [20, 52, 57, 63, 17, 53, 82, 58, 28, 91, 8, 78]
# tasks whose recipes the wall draws, though no button here asks for them
MADE_OF_FACES = ("edit", "drag", "invert", "breed", "say", "export", "ages", "frontal", "morph")


class FacesTab(FaceRuns):
    """What drawing faces has of its own: a wall of them, the one that was clicked, labels, the
    strip, the film.
    """

    name = "faces"
    title = "Faces"
    shows = ("faces", "strip", "loop", "walk", *MADE_OF_FACES)
    best = "stylegan2-ffhq-1024"
    best_is = "Photographs of nobody"

    def __init__(self, engine: Engine, receivers: Sequence[type[Tab]] = ()) -> None:
        super().__init__(engine, receivers, t("Generate"))
        # the wall that a page opens with
        settings = {"seeds": PICKED, "count": len(PICKED)}
        self.opening = Recipe("faces", self.first.id, settings)
        self.drawing = threading.Lock()
        self._served: set[str | None] = set()  # sessions that have their first wall

    # -- what stands where

    def panel(self) -> None:
        """The seed, the variety, how many."""
        self.seed = self.widgets.make("seed")
        with gr.Row(elem_classes="pair"):
            self.random = gr.Button(t("Random"), size="sm")
            self.last = gr.Button(t("Use last"), size="sm")
        with gr.Group():
            self.psi = self.widgets.make("psi")
            self.count = self.widgets.make("count")

    def result_column(self) -> None:
        """The wall, the face that was clicked, what one can do with them, the strip and the
        film.
        """
        self.wall = Wall()
        self.line = gr.HTML('<div class="line"></div>', elem_id="faces-line")
        self.instead = gr.Button(visible=False, size="sm", elem_id="faces-instead")
        self.one = OneFace()
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
        self.formats = OtherFormats(self.engine, "faces")
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
        self.shelf = gr.HTML(shelf("en"), elem_id="faces-shelf")
        self.link = gr.Textbox(visible="hidden", elem_id="faces-link", label=t("Link"))
        self.used = gr.State("0")  # the seed before the one that Random drew
        self.has = gr.State({})  # the labels of the face that is the one, else of the first

    def more_column(self) -> None:
        """The labels of each model that has any, above the rest."""
        self.labels = [
            Labels(row.id, self.engine.models.controls(row), self.has, visible=row == self.first)
            for row in self.engine.models.rows("faces")
            if self.engine.models.controls(row)
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

    def restored(self, recipe: Recipe, lang: str) -> dict:
        """The settings, the task's defaults where the recipe is of a strip or a film; labels."""
        declared = self.widgets.declared
        usual = {name: setting.default for name, setting in declared.items()}
        updates = self.widgets.restored({**usual, **recipe.settings})
        for labels in self.labels:
            updates |= labels.restored(recipe)
        return updates

    @property
    def filling_outputs(self) -> set:
        """The workshop's, too."""
        return super().filling_outputs | self.workshop.filling_outputs

    def filled(self, asked: Recipe | Race, values: Mapping, lang: str) -> dict:
        """The settings; what the workshop made comes back there."""
        updates = super().filled(asked, values, lang)
        assert isinstance(asked, Recipe), "no race is shown here"
        return updates | self.workshop.filled(self.engine.checked(asked)[0])

    def model_chosen(self, row: Checkpoint, lang: str) -> dict:
        """Its labels."""
        return {labels.group: gr.update(visible=labels.model == row.id) for labels in self.labels}

    def came_back(self, recipe: Recipe) -> Message:
        """Nothing is missing, where a button here asks for it."""
        if said := back.said(recipe):
            return said
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
        shown = [*self.wall.outputs, *self.one.outputs, self.has, self.formats.link]
        return [*shown, self.line, self.instead, self.archive, self.link, self.go, self.stop]

    def events(self) -> None:
        """What the buttons do."""
        buttons = [self.line, self.go, self.stop]
        wall, one, asked = self.wall, self.one, {*self.asked, self.wall.files}
        about_wall = {*asked, wall.made, wall.whole, one.at}
        strip = self.stoppable(self.extra("strip", self.strip, self.asked_of))
        film = self.stoppable(self.extra("loop", self.film, self.film_asked))
        pressed = [self.go.click, self.seed.submit]
        generate = self.stoppable(self.generate)
        drawn = self.random.click(
            lambda before: (str(random.randrange(2**32)), before),
            self.seed,
            [self.seed, self.used],
            **common.QUIET,
        )
        back = self.last.click(lambda seed: seed, self.used, self.seed, **common.QUIET)
        runs = [
            gr.on(pressed, generate, asked, self._running, **common.BUSY),
            drawn.success(generate, asked, self._running, **common.BUSY),
            back.success(generate, asked, self._running, **common.BUSY),
            self.strip_go.click(strip, self.asked, [self.strip, *buttons], **common.BUSY),
            self.film_go.click(
                film,
                {*self.asked, wall.made, wall.files, one.reel},
                [self.film, *buttons],
                **common.BUSY,
            ),
            one.alike.click(self.stoppable(self.alike), about_wall, self._running, **common.BUSY),
            gr.on(
                [one.other.submit, one.grain.input],
                self.stoppable(self.mix),
                {*about_wall, one.other, one.grain},
                [*one.outputs, *buttons],
                **common.BUSY,
            ),
        ]
        runs.append(self.hub_chosen.success(generate, asked, self._running, **common.BUSY))
        runs += self.workshop.listen()
        self.price_after(runs)
        gr.on(
            [self.psi.input, *(change for labels in self.labels for change in labels.changes)],
            self.live,
            about_wall,
            self._running,
            trigger_mode="always_last",
            **common.BUSY,
        )
        workshop = self.workshop
        common.stops(
            self.stop,
            runs,
            self.stopped,
            {self.line, *workshop.lines},
            [*buttons, *workshop.stopped_outputs],
        )
        self.formats.listen({wall.files}, lambda values: values[wall.files])
        wall.gallery.select(
            self.picked,
            {wall.made, wall.files, wall.told},
            [self.seed, self.has, *one.outputs],
            **common.EACH,
        )
        one.add.click(
            self.added,
            {wall.made, wall.files, one.at, one.reel},
            [one.reel, one.strip],
            **common.QUIET,
        )
        self.link.change(None, self.link, None, js="(link) => window.ganapps.remember(link)")
        self.copy.click(None, self.link, None, js=common.copies("faces-copy"))
        chosen = [self.model, self.place, self.weights.box]
        self.instead.click(lambda: (self.first.id, "", None), None, chosen, **common.QUIET)

    def stopped(self, values: Mapping, request: gr.Request) -> dict:
        """Stop, on the wall and in the workshop."""
        return super().stopped(values, request) | self.workshop.stopped(values, request)

    # -- the first visit

    @property
    def opening_outputs(self) -> list:
        """What `opened` fills."""
        own = [self.shelf, self.one.grain, *self.workshop.worded_outputs]
        return list({*super().opening_outputs, *self._running, *own})

    @property
    def offered_words(self) -> list:
        """Its lists whose choices the visitor reads."""
        return [*super().offered_words, *self.workshop.offered_words]

    @property
    def at_start(self) -> list[Callable[[], None]]:
        """The first wall."""
        return [self.draw_first]

    def draw_first(self) -> None:
        """Draw the wall that a page opens with, once: a visit costs nothing then."""
        try:
            if not self.engine.fetches(self.opening):
                for _ in self._results(self.opening, None):
                    pass
        except UserError as e:  # such as that the app ends: whoever asks for it is told
            log.info("the first wall could not be drawn: %s", e)
        except Exception:
            log.exception("the first wall could not be drawn")

    def opened(self, request: gr.Request) -> dict:
        """The first visit: what the link asks for in the widgets, or the first wall where it is
        drawn already.
        """
        lang = common.language(request)
        recipe, said = self._opening(request, lang)
        shown = self.shown(self.engine.checked(recipe)[0], lang)
        updates = shown | self.greeted(shown[self.model], lang) | {self.shelf: shelf(lang)}
        updates |= self.one.opened(lang) | self.workshop.worded(lang)
        updates |= self.workshop.came_back(recipe)
        offer = self._offer(recipe, lang)
        if offer:
            return updates | {self.line: progress.plain("", offer)}
        if recipe != self.opening or not self.first_wall:
            return updates | said
        self._served.add(request.session_hash)
        for update in self._first_shown(recipe, lang, quiet=True):
            updates |= update
        return updates | said

    @property
    def drawing_outputs(self) -> list:
        """What `drawn` fills."""
        return self._running

    def drawn(self, request: gr.Request) -> Iterator[dict]:
        """And what still has to be drawn of it. On a busy machine this comes before `opened`."""
        yield {self.line: gr.skip()}
        if request.session_hash in self._served:
            self._served.discard(request.session_hash)
            return
        lang = common.language(request)
        recipe, said = self._opening(request, lang)
        if self._offer(recipe, lang):
            return
        draw = self.stoppable(lambda request: self._first_shown(recipe, lang))
        yield from draw(request)
        yield said or {self.line: gr.skip()}

    def _first_shown(self, recipe: Recipe, lang: str, quiet: bool = False) -> Iterator[dict]:
        """What a page opens with as it is drawn; of the picked faces it says that they are."""
        note = say(lang, "picked by looking: press Random for any")
        for update in self._shown(recipe, lang, [], quiet=quiet):
            line = update.get(self.line)
            if recipe == self.opening and isinstance(line, str):
                update = update | {self.line: progress.noted(line, note)}
            yield update

    def left(self, session: str | None) -> None:
        super().left(session)
        self._served.discard(session)

    def _opening(self, request: gr.Request, lang: str) -> tuple[Recipe, dict]:
        """What a page opens with, and what is said of a link that is none."""
        try:
            linked = self.linked(dict(request.query_params))
            if linked:
                self.engine.checked(linked)
        except UserError as e:
            return self.opening, {self.line: common.refusal(e, lang)}
        return linked or self.opening, {}

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
