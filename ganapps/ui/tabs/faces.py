"""The faces tab: seeds to faces, one face from average to wild, a film through several."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.blocks import Block

from ganapps.engine import Engine, Result
from ganapps.errors import UserError
from ganapps.models.catalog import Checkpoint
from ganapps.recipe import Recipe, from_file, from_json
from ganapps.report import size
from ganapps.tasks.table import TASKS
from ganapps.ui.parts import cards, common
from ganapps.ui.parts.own_file import OwnFile
from ganapps.ui.parts.settings import Widgets
from ganapps.ui.words import say, t

# what the strip and the film take of the widgets; for their other settings they have defaults
TAKEN = {"strip": ("seed", "noise"), "loop": ("seed", "count", "psi", "noise")}


@dataclass(frozen=True)
class Controls:
    """The named labels of one model: the boxes to tick and the components they reveal."""

    checkpoint: str
    group: gr.Group
    ticks: gr.CheckboxGroup
    by_id: Mapping[str, gr.components.Component]

    def chosen(self, values: Mapping) -> dict[str, Any]:
        """The labels a person set."""
        return {name: values[self.by_id[name]] for name in values[self.ticks]}


class FacesTab:
    """The widgets of the tab, and how they turn into a recipe and back."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.first = common.here_first(engine, "faces")
        self.opening = Recipe("faces", self.first.id)  # the wall that a page opens with
        self._wall: list[Result] | None = None
        self.widgets = Widgets("faces")
        with gr.Row(elem_classes="room"):
            with gr.Column(elem_classes="panel"):
                self._panel()
            with gr.Column(elem_classes="result"):
                self._result()
            with gr.Column(elem_classes="more"):
                self._more()
        self.asked = {
            self.model,
            self.own,
            *self.widgets,
            self.precision,
            *self.weights.asked,
            *(c for k in self.controls for c in (k.ticks, *k.by_id.values())),
        }
        self._events()

    # -- what stands where

    def _panel(self) -> None:
        self.model = gr.Dropdown(
            common.choices(self.engine, "faces", "en"),
            value=self.first.id,
            label=t("Model"),
            elem_id="faces-model",
            filterable=False,
        )
        self.chips = gr.HTML(cards.chips(self.first, True, "en"))
        self.seed = self.widgets.make("seed")
        with gr.Row(elem_classes="pair"):
            self.random = gr.Button(t("Random"), size="sm")
            self.last = gr.Button(t("Use last"), size="sm")
        with gr.Group():
            self.widgets.make("psi")
            self.count = self.widgets.make("count")
        self.widgets.make_usual()
        self.go = gr.Button(t("Generate"), variant="primary", size="lg", elem_id="faces-go")
        self.stop = gr.Button(
            t("Stop"), variant="stop", size="lg", visible=False, elem_id="faces-stop"
        )
        self.price = gr.HTML('<div class="price"></div>', elem_id="faces-price")

    def _controls(self, checkpoint: Checkpoint) -> Controls:
        """Ticking a label reveals its slider, list or colour; what is not ticked is left to the
        seed.
        """
        labels = self.engine.controls(checkpoint)
        with gr.Group(visible=checkpoint == self.first, elem_classes="describe") as group:
            ticks = gr.CheckboxGroup(
                [(c["title"], c["id"]) for c in labels],
                label=t("Describe the face"),
                info=t("What you leave out, the seed decides."),
                elem_id=f"faces-ticks-{checkpoint.id}",
            )
            by_id = {c["id"]: _control(c) for c in labels}
        names, widgets = list(by_id), list(by_id.values())
        ticks.change(
            lambda ticked: (
                [gr.update(visible=n in ticked) for n in names]
                if len(names) > 1
                else gr.update(visible=bool(ticked))
            ),
            ticks,
            widgets,
            **common.QUIET,
        )
        return Controls(checkpoint.id, group, ticks, by_id)

    def _result(self) -> None:
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
            self.sends = {
                "upscale": gr.Button(t("Send to Upscale"), size="sm", elem_id="faces-send-upscale"),
                "translate": gr.Button(
                    t("Send to Translate"), size="sm", elem_id="faces-send-translate"
                ),
            }
            self.restore = common.by_path(
                gr.UploadButton(
                    t("Restore from a PNG"),  # type: ignore[arg-type]  # Gradio takes it here too
                    file_types=[".png", ".json"],
                    size="sm",
                    elem_id="faces-restore",
                    elem_classes="restore",
                )
            )
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
        self.link = gr.Textbox(visible="hidden", elem_id="faces-link", label=t("Link"))
        self.made = gr.State([])  # the recipe of each picture on the wall
        self.files, self.at = gr.State([]), gr.State(None)  # their files, and which one was clicked
        self.used = gr.State("0")  # the seed of the last run

    def _more(self) -> None:
        self.controls = [
            self._controls(c) for c in self.engine.rows("faces") if self.engine.controls(c)
        ]
        with gr.Accordion(t("More"), open=False, elem_id="faces-more"):
            self.widgets.make_seldom()
            self.precision = gr.Dropdown(
                ["auto", "float32", "bfloat16", "float16"],
                value="auto",
                label=t("Precision"),
                filterable=False,
            )
            self.own = gr.Textbox(
                "",
                label=t("Another checkpoint of the Hub"),
                placeholder="owner/repo:file@revision",
                max_lines=1,
                max_length=300,
                elem_id="faces-own",
            )
            self.weights = OwnFile(self.engine, "faces")
        with gr.Accordion(t("About this model"), open=False, elem_id="faces-about"):
            self.card = gr.HTML(cards.card(self.first, True, "en"))

    # -- widgets -> recipe -> widgets

    def recipe(self, values: Mapping, task: str = "faces") -> Recipe:
        """What the widgets ask for."""
        checkpoint = self.weights.checkpoint(values, values[self.own].strip() or values[self.model])
        labels = next((k.chosen(values) for k in self.controls if k.checkpoint == checkpoint), {})
        settings = self.widgets.asked(values, lambda name: name in TAKEN.get(task, (name,)))
        if task == "loop":
            settings["count"] = min(6, max(2, int(settings["count"])))
        settings["labels"] = labels or None
        return Recipe(task, checkpoint, settings, values[self.precision])

    def restored(self, recipe: Recipe) -> dict:
        """Updates that show a checked recipe in the widgets."""
        usual = {name: declared.default for name, declared in self.widgets.declared.items()}
        settings = {**usual, **recipe.settings}
        known = self.engine.row(recipe.checkpoint) is not None
        updates: dict[Block, Any] = {
            self.model: recipe.checkpoint if known else gr.skip(),
            self.own: "" if known else recipe.checkpoint,
            self.precision: recipe.precision,
        }
        updates |= self.widgets.restored(settings)
        for controls in self.controls:
            chosen = (settings["labels"] or {}) if controls.checkpoint == recipe.checkpoint else {}
            updates[controls.ticks] = list(chosen)
            updates |= {
                w: gr.update(value=chosen[n], visible=True)
                if n in chosen
                else gr.update(visible=False)
                for n, w in controls.by_id.items()
            }
        return updates

    # -- what happens when

    def _events(self) -> None:
        running = [
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
        asked = self.asked
        go = gr.on(
            [self.go.click, self.seed.submit],
            self.generate,
            asked,
            running,
            show_progress="hidden",
            api_visibility="private",
            **common.DEVICE,
        )
        strip = self.strip_go.click(
            self.extra("strip", self.strip),
            asked,
            [self.strip, self.line, self.go, self.stop],
            show_progress="hidden",
            api_visibility="private",
            **common.DEVICE,
        )
        film = self.film_go.click(
            self.extra("loop", self.film),
            asked,
            [self.film, self.line, self.go, self.stop],
            show_progress="hidden",
            api_visibility="private",
            **common.DEVICE,
        )
        self.opening_outputs = [
            *asked - self.weights.asked,
            *running,
            self.chips,
            self.card,
            *self.weights.opened("en"),
        ]
        common.stops(
            self.stop, [go, strip, film], self.stopped, self.line, [self.line, self.go, self.stop]
        )
        self.random.click(lambda: str(random.randrange(2**32)), None, self.seed, **common.QUIET)
        self.last.click(lambda seed: seed, self.used, self.seed, **common.QUIET)
        self.wall.select(self.picked, self.made, [self.seed, self.at], **common.QUIET)
        self.copy.click(None, self.link, None, js=common.copies("faces-copy"))
        self.instead.click(
            lambda: (self.first.id, "", None),
            None,
            [self.model, self.own, self.weights.box],
            **common.QUIET,
        )
        self.restore.upload(
            self.dropped, self.restore, [*asked - self.weights.asked, self.line], **common.QUIET
        )
        self.model.change(
            self.chosen,
            self.model,
            [self.chips, self.card, *(k.group for k in self.controls)],
            **common.QUIET,
        )
        self.weights.listen(self.model, self.chips, self.card, self.line)
        gr.on(
            [
                self.model.change,
                self.weights.name.change,
                self.count.change,
                self.own.change,
                self.precision.change,
                self.line.change,
            ],
            self.priced,
            asked,
            self.price,
            trigger_mode="always_last",
            **common.QUIET,
        )

    def opened(self, request: gr.Request) -> Iterator[dict]:
        """The first visit: the faces of the link, or of the default seed, without a click."""
        lang = common.language(request)
        recipe, said = self.opening, None
        try:
            linked = self.engine.linked(dict(request.query_params))
            if linked and linked.task in TASKS and TASKS[linked.task].models == "faces":
                self.engine.checked(linked)
                recipe = linked
        except UserError as e:
            said = common.refusal(e, lang)
        checkpoint = self.engine.row(recipe.checkpoint) or self.first
        model = gr.update(choices=common.choices(self.engine, "faces", lang), value=checkpoint.id)
        here = self.engine.here(checkpoint)
        yield {
            **self.restored(self.engine.checked(recipe)[0]),
            self.model: model,
            self.chips: cards.chips(checkpoint, here, lang),
            self.card: cards.card(checkpoint, here, lang),
        }
        offer = self._offer(recipe, lang)
        if offer:
            yield {self.line: common.plain("", offer)}
        else:
            yield from self._shown(recipe, lang)
        yield self.weights.opened(lang)
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

    def generate(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """The wall, picture by picture."""
        yield from self._shown(
            self.recipe(values), common.language(request), self.weights.path(values)
        )

    def _shown(self, recipe: Recipe, lang: str, weights: str | None = None) -> Iterator[dict]:
        # what was drawn before is there at once: nothing to stop
        if not (recipe == self.opening and self._wall):
            yield {self.go: gr.update(visible=False), self.stop: gr.update(visible=True)}
        missing = False
        for shown in common.show(self._results(recipe, weights), recipe, lang):
            update: dict[Block, Any] = {self.line: shown.line}
            if shown.files and not shown.moved:
                update |= {self.wall: shown.files, self.made: shown.recipes}
            if shown.archive:
                update |= {
                    self.archive: common.download(shown.archive, "Download all", lang),
                    self.link: shown.recipe.to_link(),
                    self.used: str(shown.recipe.settings["seed"]),
                    self.at: None,
                    self.files: [path for path, _ in shown.files],
                }
            missing = shown.missing and recipe.checkpoint != self.first.id
            yield update
        yield {
            self.go: gr.update(visible=True),
            self.stop: gr.update(visible=False),
            self.instead: gr.update(
                visible=missing, value=say(lang, "Use {model} instead", model=self.first.title)
            ),
        }

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
            recipe, lang = self.recipe(values, task), common.language(request)
            yield {self.go: gr.update(visible=False), self.stop: gr.update(visible=True)}
            for shown in common.show(
                self.engine.run(recipe, (), self.weights.path(values)), recipe, lang
            ):
                files = shown.files if task == "strip" else shown.files and shown.files[0][0]
                yield {self.line: shown.line} | (
                    {place: files} if files and not shown.moved else {}
                )
            yield {self.go: gr.update(visible=True), self.stop: gr.update(visible=False)}

        return run

    def stopped(self, line: str, request: gr.Request) -> tuple:
        """Stop: what is there stays, and the line says so."""
        said = common.plain(line, say(common.language(request), "stopped"))
        return said, gr.update(visible=True), gr.update(visible=False)

    def picked(self, made: list[str], event: gr.SelectData) -> tuple:
        """A click on a picture takes its seed; it is the one to send on."""
        return (
            (str(from_json(made[event.index]).settings["seed"]), event.index)
            if event.index < len(made)
            else (gr.skip(), gr.skip())
        )

    def dropped(self, path: str, request: gr.Request) -> dict:
        """A PNG of ours, dropped: its settings come back."""
        lang = common.language(request)
        try:
            recipe = from_file(path)
            if TASKS.get(recipe.task, TASKS["faces"]).models != "faces":
                raise UserError("This picture was made on another tab: drop it there.")
            return {
                **self.restored(self.engine.checked(recipe)[0]),
                self.line: common.plain(
                    "", say(lang, "The settings of this picture are back: press Generate.")
                ),
            }
        except UserError as e:
            return {self.line: common.refusal(e, lang)}

    def chosen(self, model: str, request: gr.Request) -> list:
        """Another model: its chips, card and labels."""
        lang = common.language(request)
        checkpoint = common.row(self.engine, model)
        here = self.engine.here(checkpoint)
        groups = [gr.update(visible=k.checkpoint == model) for k in self.controls]
        return [cards.chips(checkpoint, here, lang), cards.card(checkpoint, here, lang), *groups]

    def priced(self, values: Mapping, request: gr.Request) -> str:
        """The price of what the widgets ask for."""
        lang = common.language(request)
        try:
            return common.price_line(self.engine.price(self.recipe(values)), lang)
        except UserError as e:
            return common.refusal(e, lang)


def _control(control: Mapping[str, Any]) -> gr.components.Component:
    label = t(control["title"])
    if control["kind"] == "choice":
        options = list(control["options"])
        return gr.Dropdown(
            [(o, o) for o in options],
            value=options[0],
            label=label,
            visible=False,
            filterable=len(options) > 12,
        )
    if control["kind"] == "colour":
        return gr.ColorPicker("#7799cc", label=label, visible=False)
    middle = (control["min"] + control["max"]) / 2
    step = control.get("step", 1)
    return gr.Slider(
        control["min"],
        control["max"],
        round(middle / step) * step,
        step=step,
        label=label,
        visible=False,
    )
