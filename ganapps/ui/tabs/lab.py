"""The Lab: watch a GAN learn, fail, and be cured; each sentence of the article is one click."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from ganapps.engine import Engine
from ganapps.errors import UserError
from ganapps.learning.presets import Preset
from ganapps.models.catalog import NEW
from ganapps.pictures import images
from ganapps.race import Race
from ganapps.recipe import Recipe, from_json
from ganapps.ui.doors import files
from ganapps.ui.parts import common, lab_presets, lab_stage, progress
from ganapps.ui.parts.boxes import FileBox
from ganapps.ui.parts.lab_play import Play
from ganapps.ui.parts.prices import price_line
from ganapps.ui.parts.settings import Widgets
from ganapps.ui.parts.tab import Tab
from ganapps.ui.words import named, say, t

PAIR = re.compile(r"(-?[\d.]+)[\s,;]+(-?[\d.]+)")  # one typed point
LONGEST = 60_000  # characters of typed points
OF_ANY = ("seed", "steps", "seconds")  # a preset stays itself, whatever these are
CURES = ("spectral", "r1", "gradient_penalty")


class LabTab(Tab):
    """Presets first, then what is learned from, by what, with which cures; beside it the stage."""

    name = "learn"
    title = "Lab"
    shows = ("learn",)

    def __init__(self, engine: Engine, receivers: Sequence[type[Tab]] = ()) -> None:
        super().__init__(engine, receivers)
        self.widgets = Widgets(self.name)
        with gr.Row(elem_classes="room lab"):
            with gr.Column(elem_classes="panel"):
                self._panel()
            with gr.Column(elem_classes="result"):
                self._stage()
            with gr.Column(elem_classes="more"):
                self._more()
        self.asked = {
            *self.widgets,
            self.preset,
            self.beside,
            self.others,
            self.points,
            self.own,
            self.kept,
        }
        self._events()

    # -- what stands where

    def _panel(self) -> None:
        first = next(iter(lab_presets.ALL.values()))
        self.preset = gr.Radio(
            lab_presets.choices(),
            value=first.name,
            label=t("See it happen"),
            elem_id="learn-preset",
            elem_classes="presets",
        )
        self.others = gr.State(lab_presets.others(first))
        self.beside = gr.CheckboxGroup(
            [],
            value=[],
            label=t("Beside it, on the same clock and seed"),
            elem_id="learn-beside",
            elem_classes="describe",
        )
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
            self.copy = gr.Button(t("Copy link"), size="sm", elem_id="learn-copy")
            self.make_restore()
        self.charts = gr.HTML(lab_stage.curves("en"), elem_id="learn-charts")
        self.link = gr.State("")

    def _more(self) -> None:
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
                label=t("Go on from a generator that the Lab kept"),
                file_count="single",
                height=150,
                elem_id="learn-weights",
            )

    # -- what happens when

    @property
    def _running(self) -> list:
        buttons = [self.go, self.stop]
        shown = [self.sentence, self.told, self.line, self.saved, self.curves, self.generator]
        return [*shown, self.link, *buttons]

    @property
    def _filled(self) -> list:
        data = [self.points, self.pad, self.own]
        return [*self.widgets, self.preset, self.beside, self.others, *data]

    def _events(self) -> None:
        filling = [*self._filled, *self._running]
        runs = [
            self.go.click(self.learn, self.asked, self._running, **common.BUSY),
            self.preset.input(self.click, self.asked, filling, **common.BUSY),
            self.beside.input(self.learn, self.asked, self._running, **common.BUSY),
        ]
        common.stops(self.stop, runs, self.stopped, None, self._running)
        widgets: dict[str, Any] = dict(self.widgets.by_name)
        data = widgets["data"]
        data.change(self._data_chosen, data, [self.pad, self.points, self.own], **common.QUIET)
        for name, widget in widgets.items():
            if name in OF_ANY:
                continue
            widget.input(
                self._changed,
                {self.preset, self.beside, self.others},
                [self.preset, self.beside, self.others, self.sentence],
                **common.QUIET,
            )
        gr.on(
            [w.change for w in (*widgets.values(), self.beside, self.points)],
            self.priced,
            self.asked,
            self.price,
            trigger_mode="always_last",
            **common.QUIET,
        )
        self.hold.click(self._holder(True), None, None, **common.QUIET)
        self.let_go.click(self._holder(False), None, None, **common.QUIET)
        self.once.click(self._once, None, None, **common.QUIET)
        self.copy.click(None, self.link, None, js=common.copies("learn-copy"))

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
            self.sentence: lab_presets.told(lab_presets.OWN, lang),
        }

    def priced(self, values: Mapping, request: gr.Request) -> str:
        """The price of what the widgets ask for."""
        lang = common.language(request)
        try:
            price = self.engine.price(self.recipe(values))
        except UserError as e:
            return common.refusal(e, lang)
        return price_line(price, lang)

    def busy(self, running: bool) -> dict:
        """Stop instead of the big button, while something runs."""
        return {self.go: gr.update(visible=not running), self.stop: gr.update(visible=running)}

    # -- widgets -> recipe -> widgets

    def recipe(self, values: Mapping) -> Recipe:
        """What the widgets ask for. Raises UserError for typed points that are none."""
        settings = self.widgets.asked(values, lambda name: True)
        if settings.get("data") == "drawn":
            settings["points"] = _points(values[self.points])
        settings["against"] = self._against(values) or None
        checkpoint = NEW.id
        if values[self.kept]:
            checkpoint = self.engine.own_file(values[self.kept]).name
        return Recipe(self.name, checkpoint, settings)

    def _against(self, values: Mapping) -> list[dict]:
        chosen = values[self.beside] or []
        return [change for name, change in values[self.others] if name in chosen]

    def _names(self, values: Mapping) -> list[str]:
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

    @property
    def filling_outputs(self) -> set:
        """What `filled` fills."""
        return {*self._filled, self.sentence, self.line}

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
        return self.shown(recipe, preset, lang) | {
            self.sentence: lab_presets.told(preset, lang),
            self.line: progress.plain("", said),
        }

    # -- the first visit

    @property
    def opening_outputs(self) -> list:
        """What `opened` fills."""
        there = {self.saved, self.curves, self.generator, self.stage, self.charts, self.link}
        return list({*self.filling_outputs, *there, self.price})

    def opened(self, request: gr.Request) -> dict:
        """The words in the visitor's language, and the game of the link, or the first preset."""
        lang = common.language(request)
        first = next(iter(lab_presets.ALL.values()))
        recipe, _ = self.engine.checked(self._of(first, "0"))
        updates = self.shown(recipe, first, lang) | {
            self.sentence: lab_presets.told(first, lang),
            self.stage: lab_stage.stage(lang),
            self.charts: lab_stage.curves(lang),
            self.pad: gr.update(value=lab_stage.pad(lang)),
            self.price: price_line(self.engine.price(recipe), lang),
            self.link: recipe.to_link(),
            **self._files(None, None, None, lang),
        }
        try:
            linked = self.linked(dict(request.query_params))
            if linked:
                updates |= self.filled(linked, {}, lang)
        except UserError as e:
            updates[self.line] = common.refusal(e, lang)
        return updates

    def _of(self, preset: Preset, seed: Any) -> Recipe:
        settings = preset.recipe(*lab_presets.first_beside(preset))
        return Recipe(self.name, NEW.id, {**settings, "seed": seed})

    # -- what runs

    def click(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """A preset was clicked: its settings are filled in, and it plays."""
        lang = common.language(request)
        preset = lab_presets.ALL[values[self.preset]]
        seed = values[self.widgets.by_name["seed"]]
        recipe, _ = self.engine.checked(self._of(preset, common.seed(seed)))
        sentence = {self.sentence: lab_presets.told(preset, lang)}
        yield self.shown(recipe, preset, lang) | sentence
        if preset is not lab_presets.OWN:
            names = [preset.first, *lab_presets.first_beside(preset)]
            yield from self._played(recipe, preset, names, (), None, request)

    def learn(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """What the widgets ask for."""
        try:
            recipe = self.recipe(values)
        except UserError as e:
            yield {self.line: common.refusal(e, common.language(request))}
            return
        own = recipe.settings["data"] == "own"
        pictures = values[self.own] if own and values[self.own] else ()
        preset = lab_presets.ALL[values[self.preset]]
        names = self._names(values)
        yield from self._played(recipe, preset, names, pictures, values[self.kept], request)

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
        yield self.busy(True)  # alone: beside other updates Gradio can lose what is visible
        yield {self.told: "", self.line: "", **self._files(None, None, None, lang)}
        play = Play(recipe, [named(lang, name) for name in names], preset.judge.number)
        with self.underway.of(request.session_hash) as held:
            held.it = play
            results = play.watched(self.engine.run(recipe, pictures, weights))
            for shown in common.show(results, recipe, lang):
                update: dict = {self.line: shown.line}
                if play.latest and not shown.moved:
                    update[self.told] = play.told()
                if shown.archive:
                    play.ended(shown.recipe)
                    update |= self._over(play, shown.files[0][0], shown.recipes[0], lang)
                yield update
        yield self.busy(False)

    def _over(self, play: Play, picture: str | None, made: str | None, lang: str) -> dict:
        """What can be kept of a game that is over."""
        with tempfile.TemporaryDirectory(prefix="ganapps-") as folder:
            curves = images.save_text(play.curves(), Path(folder) / "curves.csv")
            kept = files.keep(curves)
            weights = None
            if play.weights:
                file = images.save_bytes(play.weights, Path(folder) / "generator.safetensors")
                weights = files.keep(file)
        recipe = from_json(made) if made else play.reached()
        return {
            self.told: play.told(whole=True),
            self.link: recipe.to_link(),
            **self._files(picture, kept, weights, lang),
        }

    def _files(
        self, picture: str | None, curves: str | None, weights: str | None, lang: str
    ) -> dict:
        return {
            self.saved: common.download(picture, "The last view (PNG)", lang),
            self.curves: common.download(curves, "Curves (CSV)", lang),
            self.generator: common.download(weights, "Keep the generator", lang),
        }

    def stopped(self, request: gr.Request) -> dict:
        """Stop: what was seen stays, and the link is of the game as far as it came."""
        lang = common.language(request)
        update = self.busy(False) | {self.line: progress.plain("", say(lang, "stopped"))}
        play = self.underway.take(request.session_hash)
        if play is not None and play.latest:
            update |= self._over(play, None, None, lang)
        return update

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


def _points(text: str) -> list[list[float]]:
    """[[x, y], ...] of what was typed or drawn. Raises UserError where a line is no point."""
    points = []
    for line in re.split(r"[\n|]", text or ""):
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
