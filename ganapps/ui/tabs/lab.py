"""The Lab: watch a GAN learn, fail, and be cured; each sentence of the article is one click."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import gradio as gr

from ganapps.engine import Engine, on_files
from ganapps.errors import UserError
from ganapps.learning.presets import Preset
from ganapps.pictures import images
from ganapps.race import Race
from ganapps.recipe import Recipe, from_json
from ganapps.ui.doors import files
from ganapps.ui.parts import common, lab_presets, lab_stage, progress
from ganapps.ui.parts.lab_form import LabForm
from ganapps.ui.parts.lab_history import History
from ganapps.ui.parts.lab_play import Play
from ganapps.ui.parts.model_tab import ModelTab
from ganapps.ui.parts.prices import price_line
from ganapps.ui.parts.tab import Sends, Tab
from ganapps.ui.words import named, say, t

MOST_PLAYS = 50  # visitors whose last run can still be filmed


class LabTab(Tab):
    """Presets first, then what is learned from, by what, with which cures; beside it the stage."""

    name = "learn"
    title = "Lab"
    shows = ("learn",)

    def __init__(self, engine: Engine, receivers: Sequence[type[Tab]] = ()) -> None:
        super().__init__(engine, receivers)
        self.form = LabForm(engine)
        self.history = History()
        self.plays: dict[str | None, Play] = {}  # by session: the last one, for its film
        with gr.Row(elem_classes="room lab"):
            with gr.Column(elem_classes="controls"):
                self._panel()
            with gr.Column(elem_classes="result"):
                self._stage()
            with gr.Column(elem_classes="more"):
                self.form.make_rest()
        self.asked = self.form.asked
        self._events()

    # -- what stands where

    def _panel(self) -> None:
        self.form.make_usual()
        self.go = gr.Button(t("Learn"), variant="primary", size="lg", elem_id="learn-go")
        self.stop = gr.Button(
            t("Stop"), variant="stop", size="lg", visible=False, elem_id="learn-stop"
        )
        self.price = gr.HTML('<div class="price"></div>', elem_id="learn-price")

    def _stage(self) -> None:
        self.sentence = gr.HTML(elem_id="learn-sentence")
        self.line = gr.HTML('<div class="line"></div>', elem_id="learn-line")
        self.stage = gr.HTML(lab_stage.stage("en"), elem_id="learn-stage")
        self.told = gr.HTML(elem_id="learn-live")
        # what the page's own player presses
        with gr.Row(elem_classes="unseen-buttons"):
            self.hold = gr.Button("hold", elem_id="learn-hold", visible="hidden")
            self.let_go = gr.Button("let go", elem_id="learn-let-go", visible="hidden")
            self.once = gr.Button("once", elem_id="learn-once", visible="hidden")
        with gr.Row(elem_classes="actions"):
            self.saved = gr.HTML(elem_id="learn-saved")
            self.curves = gr.HTML(elem_id="learn-curves")
            self.generator = gr.HTML(elem_id="learn-generator")
            self.faces_go = gr.Button(
                t("Open it in Faces"), size="sm", visible=False, elem_id="learn-send-faces"
            )
            self.film_go = gr.Button(t("Make the film"), size="sm", elem_id="learn-film-go")
            self.copy = gr.Button(t("Copy link"), size="sm", elem_id="learn-copy")
            self.make_restore()
        self.film = gr.HTML(elem_id="learn-film")
        self.charts = gr.HTML(lab_stage.curves("en"), elem_id="learn-charts")
        self.history.make()
        self.link = gr.Textbox(visible="hidden", elem_id="learn-link", label=t("Link"))
        self.kept_generator: gr.State = gr.State(None)  # the path of what this run taught
        self.further.append(
            Sends(
                {"faces": self.faces_go},
                {self.kept_generator},
                lambda values: values[self.kept_generator],
                self.line,
                lambda tab: cast(ModelTab, tab).weights.box,
            )
        )

    # -- what happens when

    @property
    def _running(self) -> list:
        buttons = [self.go, self.stop]
        kept: list[Any] = [self.saved, self.curves, self.generator, self.film]
        kept += [self.kept_generator, self.faces_go]
        return [self.sentence, self.told, self.line, *kept, self.link, *buttons]

    def _events(self) -> None:
        form = self.form
        filling = [*form.filled, *self._running]
        anew = {**common.BUSY, "trigger_mode": "multiple"}  # a game under way ends for the next one
        runs = [
            self.go.click(self.play, self.asked, self._running, **anew),
            form.preset.input(self.click, self.asked, filling, **anew),
            form.beside.input(self.play, self.asked, self._running, **anew),
        ]
        common.stops(self.stop, runs, self.stopped, None, self._running)
        for run in runs:  # what it has cost is the next one's price
            run.then(self.priced, self.asked, self.price, **common.QUIET)
        form.listen(self.sentence)
        self.history.listen()
        gr.on(
            [widget.change for widget in form.prices],
            self.priced,
            self.asked,
            self.price,
            **common.LATEST,
        )
        self.hold.click(self._holder(True), None, None, **common.QUIET)
        self.let_go.click(self._holder(False), None, None, **common.QUIET)
        self.once.click(self._once, None, None, **common.QUIET)
        self.film_go.click(self.filmed, None, [self.film, self.line], **common.BUSY)
        self.copy.click(None, self.link, None, js=common.copies("learn-copy"))

    def priced(self, values: Mapping, request: gr.Request) -> str:
        """The price of what the widgets ask for."""
        lang = common.language(request)
        try:
            return self._price(self.form.recipe(values), lang)
        except UserError as e:
            return common.refusal(e, lang)

    def _price(self, recipe: Recipe, lang: str) -> str:
        return price_line(self.engine.price(recipe), lang, recipe.settings.get("steps"))

    def busy(self, running: bool) -> dict:
        """Stop instead of the big button, while something runs."""
        return {self.go: gr.update(visible=not running), self.stop: gr.update(visible=running)}

    # -- widgets -> recipe -> widgets

    @property
    def filling_outputs(self) -> set:
        """What `filled` fills."""
        return {*self.form.filled, self.sentence, self.line}

    def filled(self, asked: Recipe | Race, values: Mapping, lang: str) -> dict:
        """The settings come back."""
        assert isinstance(asked, Recipe), "no race is shown here"
        recipe, _ = self.engine.checked(asked)
        preset = lab_presets.of_recipe(recipe.settings)
        said = say(lang, "The settings are back: press Learn.")
        if recipe.settings["data"] == "own":
            said = say(
                lang,
                "The settings are back. Choose the picture again: no upload is ever kept in a "
                "recipe.",
            )
        return self.form.shown(recipe, preset, lang) | {
            self.sentence: lab_presets.told(preset, lang),
            self.line: progress.plain("", said),
        }

    # -- the first visit

    @property
    def opening_outputs(self) -> list:
        """What `opened` fills."""
        there = {*self._files(None, None, None, "en"), self.stage, self.charts, self.link}
        return list({*self.filling_outputs, *there, self.price, self.history.sheet})

    def opened(self, request: gr.Request) -> dict:
        """The words in the visitor's language, and the game of the link, or the first preset."""
        lang = common.language(request)
        first = next(iter(lab_presets.ALL.values()))
        recipe, _ = self.engine.checked(self.form.of(first, "0"))
        updates = self.form.shown(recipe, first, lang) | {
            self.sentence: lab_presets.told(first, lang),
            self.stage: lab_stage.stage(lang),
            self.charts: lab_stage.curves(lang),
            self.form.pad: gr.update(value=lab_stage.pad(lang)),
            self.price: self._price(recipe, lang),
            self.link: recipe.to_link(),
            **self._files(None, None, None, lang),
            **self.history.opened(lang),
        }
        try:
            linked = self.linked(dict(request.query_params))
            if linked:
                updates |= self.filled(linked, {}, lang)
        except UserError as e:
            updates[self.line] = common.refusal(e, lang)
        return updates

    # -- what runs

    def click(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """A preset was clicked: its settings are filled in, and it plays."""
        lang = common.language(request)
        preset = lab_presets.ALL[values[self.form.preset]]
        seed = values[self.form.widgets.by_name["seed"]]
        recipe, _ = self.engine.checked(self.form.of(preset, common.seed(seed)))
        sentence = {self.sentence: lab_presets.told(preset, lang)}
        yield self.form.shown(recipe, preset, lang) | sentence
        if preset is not lab_presets.OWN:
            names = [preset.first, *lab_presets.first_beside(preset)]
            yield from self._played(recipe, preset, names, (), None, request)

    def play(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """What the widgets ask for."""
        try:
            recipe = self.form.recipe(values)
        except UserError as e:
            yield {self.line: common.refusal(e, common.language(request))}
            return
        own = recipe.settings["data"] == "own"
        pictures = values[self.form.own] if own and values[self.form.own] else ()
        preset = lab_presets.ALL[values[self.form.preset]]
        names = self.form.names(values)
        yield from self._played(recipe, preset, names, pictures, values[self.form.kept], request)

    def _played(
        self,
        recipe: Recipe,
        preset: Preset,
        names: Sequence[str],
        pictures: Sequence[str],
        weights: str | None,
        request: gr.Request,
    ) -> Iterator[dict]:
        lang = common.language(request)
        yield self.busy(True)
        yield {self.told: "", self.line: "", self.film: "", **self._files(None, None, None, lang)}
        play = Play(recipe, [named(lang, name) for name in names], preset.judge.number)
        session = request.session_hash
        self._remember(session, play)
        results = play.watched(self.engine.run(recipe, pictures, weights))
        with self.underway.of(session) as held, closing(common.show(results, recipe, lang)) as run:
            held.it = play
            for update in self._looks(play, run, lang):
                if self.underway.look(session) is not play:
                    return  # the next game has begun, or Stop has taken this one
                yield update
        yield self.busy(False)

    def _looks(self, play: Play, run: Iterator[common.Shown], lang: str) -> Iterator[dict]:
        for shown in run:
            if play.held and shown.moved:
                continue  # nothing goes on
            update: dict = {self.line: shown.line}
            if shown.archive:
                update |= self._ended(play, shown, lang)
            elif play.latest and not shown.moved:
                update[self.told] = play.told()
            yield update

    def _ended(self, play: Play, shown: common.Shown, lang: str) -> dict:
        """What stands there when a game has ended by itself."""
        try:
            kept = self._over(play, shown.files[0][0], shown.recipes[0], lang)
        except UserError as e:  # there is no room for its files
            return {self.line: common.refusal(e, lang)}
        return kept | {self.line: _said(play, shown, lang)}

    def _over(self, play: Play, picture: str | None, made: str | None, lang: str) -> dict:
        """What can be kept of a game that is over."""
        with tempfile.TemporaryDirectory(prefix="ganapps-") as folder:
            curves = images.save_text(play.curves(), Path(folder) / "curves.csv")
            kept = files.keep(curves)
            weights = None
            if play.weights:
                file = images.save_bytes(play.weights, Path(folder) / "generator.safetensors")
                weights = files.keep(file)
        play.recipe = from_json(made) if made else play.reached()
        return {
            self.told: play.told(whole=True),
            self.link: play.recipe.to_link(),
            **self._files(picture, kept, weights, lang),
        }

    def _files(
        self, picture: str | None, curves: str | None, weights: str | None, lang: str
    ) -> dict:
        return {
            self.saved: common.download(picture, "The last view (PNG)", lang),
            self.curves: common.download(curves, "Curves (CSV)", lang),
            self.generator: common.download(weights, "Keep the generator", lang),
            self.kept_generator: weights,
            self.faces_go: gr.update(visible=weights is not None),
        }

    def stopped(self, request: gr.Request) -> dict:
        """Stop: what was seen stays, and the link is of the game as far as it came."""
        lang = common.language(request)
        update = self.busy(False) | {self.line: progress.plain("", say(lang, "stopped"))}
        play = self.underway.take(request.session_hash)
        if play is not None and play.latest:
            try:
                with tempfile.TemporaryDirectory(prefix="ganapps-") as folder:
                    view = files.keep(on_files.last_look(play.looks, play.reached(), Path(folder)))
                update |= self._over(play, view, None, lang)
            except UserError as e:
                update[self.line] = common.refusal(e, lang)
        return update

    def left(self, session: str | None) -> None:
        """A visitor has gone: no look at their run stays in memory."""
        super().left(session)
        self.plays.pop(session, None)

    def _remember(self, session: str | None, play: Play) -> None:
        self.plays.pop(session, None)
        self.plays[session] = play
        while len(self.plays) > MOST_PLAYS:
            self.plays.pop(next(iter(self.plays)), None)

    def filmed(self, request: gr.Request) -> Iterator[dict]:
        """All looks at the last run as a film."""
        lang, play = common.language(request), self.plays.get(request.session_hash)
        try:
            if play is None or not play.looks:
                raise UserError("There is no run to film yet: press Learn first.")
            with tempfile.TemporaryDirectory(prefix="ganapps-") as folder:
                made = on_files.film(play.looks, play.recipe, Path(folder))
                kept = files.keep(made)
        except UserError as e:
            yield {self.line: common.refusal(e, lang)}
            return
        yield {self.film: common.film(kept, say(lang, "The film of the run"), lang)}

    def _holder(self, held: bool) -> Any:
        def hold(request: gr.Request) -> None:
            play = self.underway.look(request.session_hash)
            if play is not None:
                play.hold(held)

        return hold

    def _once(self, request: gr.Request) -> None:
        play = self.underway.look(request.session_hash)
        if play is not None:
            play.once()


def _said(play: Play, shown: common.Shown, lang: str) -> str:
    """The line under a game that is over, and what a reader found in its players."""
    runs = play.latest["runs"]
    assert shown.report is not None, "a game that is over has a report"
    line = progress.done(shown.report, lang, sum(run["step"] for run in runs))
    return line + _left_out(shown.recipe, lang) + lab_stage.probes(runs, play.names, lang)


def _left_out(recipe: Recipe, lang: str) -> str:
    """What to say of a link that is too short for this recipe."""
    if not recipe.too_long_for_a_link():
        return ""
    return progress.plain(
        "", say(lang, "The points are too many for a link: the picture has them.")
    )
