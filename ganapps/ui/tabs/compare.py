"""The compare tab: a GAN and a diffusion model race on one clock, what each of them cost, and what
each of them gave.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component

from ganapps import race as races
from ganapps.engine import Engine
from ganapps.errors import UserError, WeightsError
from ganapps.race import Race
from ganapps.recipe import Recipe
from ganapps.tasks.table import TASKS
from ganapps.ui.doors import files
from ganapps.ui.parts import common, lanes, pairs
from ganapps.ui.parts.before_after import picture_box
from ganapps.ui.parts.films import Films
from ganapps.ui.parts.lanes import Lane
from ganapps.ui.parts.pairs import FACES, Kind
from ganapps.ui.parts.quality import Quality
from ganapps.ui.parts.settings import made, restored
from ganapps.ui.parts.track import Running, Track, names_of, noted
from ganapps.ui.parts.underway import Underway
from ganapps.ui.parts.why import why
from ganapps.ui.words import named, say, t
from ganapps.workers.runs import RunEnded

log = logging.getLogger("ganapps")
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


class CompareTab:
    """The widgets of the tab, and how they turn into a race and back."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._running = Underway()  # by session: what Stop reaches, and what is told of it then
        with gr.Column(elem_classes="arena"):
            self._runners()
            self._brought()
            self.go = gr.Button(t("Race"), variant="primary", size="lg", elem_id="compare-go")
            self.stop = gr.Button(
                t("Stop"), variant="stop", size="lg", visible=False, elem_id="compare-stop"
            )
            self.price = gr.HTML('<div class="price"></div>', elem_id="compare-price")
            self.track = Track()
            self.quality = Quality(engine)
            self.films = Films(engine)
            self._more()
            self.why = gr.HTML(why("en"), elem_id="compare-why")
        self.by_kind = [
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
            self.quality.stage,
            self.films.stage,
        ]
        # model -> seconds of one network call, from this visit's races
        self.measured = gr.State({})
        self.asked: set[Block] = {
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
        self._events()

    # -- what stands where

    def _runners(self) -> None:
        kinds = pairs.offered(self.engine)
        self.kind = gr.Radio(
            [(k.title, k.id) for k in kinds],
            value=FACES.id,
            label=t("What do they make?"),
            visible=len(kinds) > 1,
            elem_id="compare-kind",
        )
        with gr.Row(
            elem_classes="lanes"
            # any value: when the kind changes, Gradio's own check still knows the last kind's
            # models;
            # the engine checks
        ):
            with gr.Group():
                self.gan = gr.Dropdown(
                    self._choices(FACES, 0, "en"),
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
                    self._choices(FACES, 1, "en"),
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

    def _more(self) -> None:
        with gr.Accordion(t("More"), open=False, elem_id="compare-more"):
            with gr.Row(elem_classes="brought"):
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
                self.films.more()

    def _choices(self, kind: Kind, side: int, lang: str) -> list[tuple[str, str]]:
        listed = []
        for row in kind.rows(self.engine, side):
            title = named(lang, row.title)
            if not self.engine.here(row):
                title = f"{title} ({say(lang, 'not here yet')})"
            listed.append((title, row.id))
        return listed

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
        updates = self._kind_shown(kind, lang) | {self.kind: kind.id, self.fair: asked.fair}
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
        choices = self._choices(kind, side, lang)
        value = (
            recipe.checkpoint
            if recipe.checkpoint in {id_ for _, id_ in choices}
            else kind.first[side]
        )
        return updates | {
            model: gr.update(choices=choices, value=value),
            self.precision: recipe.precision,
        }

    def _kind_shown(self, kind: Kind, lang: str) -> dict:
        """The widgets that a kind of race has, and its first pair as that wants to be run."""
        text, picture, faces = kind.brings == "text", kind.brings == "picture", kind is FACES
        updates = self._suited(kind, 0, kind.first[0]) | self._suited(kind, 1, kind.first[1])
        updates |= {
            model: gr.update(choices=self._choices(kind, side, lang), value=kind.first[side])
            for side, model in enumerate((self.gan, self.diffusion))
        }
        updates |= {
            self.psi: gr.update(visible=faces),
            self.prompt: gr.update(visible=kind.id in SHOWN, value=SHOWN.get(kind.id, "")),
            self.picture_row: gr.update(visible=picture),
            self.fair: gr.update(visible=not picture),
            self.guidance: gr.update(visible=not faces),
            self.quality.stage: gr.update(visible=faces),
            self.films.stage: gr.update(visible=faces),
        }
        updates[self.few] = gr.update(visible=text, value=updates.get(self.few, 1))
        return updates

    def _suited(self, kind: Kind, side: int, model: str) -> dict:
        """What a model's row says that suits it, in the widgets of its side."""
        row = self.engine.row(model)
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

    # -- what happens when

    def _events(self) -> None:
        shown = [
            self.track.notice,
            self.track.clock,
            self.track.left,
            self.track.right,
            self.track.sentence,
            self.track.instead,
            self.track.figures,
            self.track.archive,
            self.track.report,
            self.track.link,
            self.measured,
            self.go,
            self.stop,
        ]
        go = self.go.click(self.run, self.asked | {self.measured}, shown, **common.BUSY)
        self.films.events(self.race, self.asked)
        common.stops(
            self.stop,
            [go],
            self.ended,
            self.asked,
            [self.track.clock, self.track.sentence, self.track.figures, self.go, self.stop],
        )
        for side, button in enumerate(self.track.stops):
            button.click(self._stopper(side), None, None, **common.QUIET)
        self.kind.input(self.switched, self.kind, self.by_kind, **common.QUIET)
        self.gan.input(self.chosen(0), [self.kind, self.gan], [self.few], **common.QUIET)
        self.diffusion.input(
            self.chosen(1),
            [self.kind, self.diffusion],
            [self.steps, self.scheduler, self.guidance],
            **common.QUIET,
        )
        gr.on(
            [self.gan.change, self.diffusion.change],
            self.noticed,
            self.asked,
            self.track.notice,
            **common.QUIET,
        )
        gr.on(
            [
                *(
                    w.change
                    for w in (
                        self.gan,
                        self.diffusion,
                        self.steps,
                        self.fair,
                        self.track.sentence,
                        self.picture,
                        self.few,
                    )
                )
            ],
            self.priced,
            self.asked,
            self.price,
            trigger_mode="always_last",
            **common.QUIET,
        )
        self.quality.listen(
            [self.gan, self.diffusion, self.psi, self.steps, self.eta, self.measured]
        )
        self.track.copy.click(self.linked, self.asked, self.track.link, **common.QUIET).then(
            None, self.track.link, None, js=common.copies("compare-copy")
        )
        self.track.instead.click(self.embedded, None, [self.kind, *self.by_kind], **common.QUIET)
        self.track.restore.upload(
            self.dropped,
            {self.track.restore, *self.asked},
            [*self.asked, *(w for w in self.by_kind if w not in self.asked), self.track.sentence],
            **common.QUIET,
        )

    @property
    def opening_outputs(self) -> list:
        """What `opened` fills."""
        return [
            *self.asked,
            *(w for w in self.by_kind if w not in self.asked),
            self.track.clock,
            self.why,
            self.track.notice,
            self.privacy,
            self.track.sentence,
            self.track.archive,
            self.track.report,
            *self.quality.outputs,
            *self.films.outputs,
        ]

    def opened(self, request: gr.Request) -> dict:
        """The words that depend on the visitor's language; the race of the link."""
        lang = common.language(request)
        names = names_of(FACES, (None, None), lang)
        updates = {
            self.gan: gr.update(choices=self._choices(FACES, 0, lang)),
            self.diffusion: gr.update(choices=self._choices(FACES, 1, lang)),
            self.kind: gr.update(
                choices=[(say(lang, k.title), k.id) for k in pairs.offered(self.engine)]
            ),
            self.fair: gr.update(choices=[(say(lang, words), fair) for words, fair in FAIR]),
            self.track.clock: lanes.clock(names, (Lane(), Lane()), None, lang),
            self.why: why(lang),
            self.privacy: common.privacy(lang),
            self.track.archive: common.download(None, "Download all", lang),
            self.track.report: common.download(None, "Report", lang),
        }
        updates |= self.quality.opened(lang) | self.films.opened(lang)
        try:
            asked = races.from_link(dict(request.query_params))
            if asked:
                for recipe in asked.recipes:
                    self.engine.checked(recipe)
                updates |= self.restored(asked, lang) | {
                    self.kind: gr.update(
                        value=pairs.kind_of(asked.recipes).id,
                        choices=[(say(lang, k.title), k.id) for k in pairs.offered(self.engine)],
                    )
                }
        except UserError as e:
            updates[self.track.sentence] = common.refusal(e, lang)
        return updates

    def switched(self, kind: str, request: gr.Request) -> dict:
        """Another kind of race: its models and its widgets."""
        return self._kind_shown(pairs.named(kind), common.language(request))

    def embedded(self, request: gr.Request) -> dict:
        """Back to the pair that ships with the app."""
        return self._kind_shown(FACES, common.language(request)) | {self.kind: FACES.id}

    def chosen(self, side: int) -> Any:
        """The handler of another model on a side: steps, sampler and guidance as suits it."""

        def suited(kind: str, model: str) -> dict:
            return self._suited(pairs.named(kind), side, model) or {self.few: gr.skip()}

        return suited

    def noticed(self, values: Mapping, request: gr.Request) -> str:
        """Says loudly where a pair did not learn from the same pictures."""
        one, other = (values[self.gan], values[self.diffusion])
        rows = [self.engine.row(model) for model in (one, other)]
        if not pairs.apart(dict(enumerate(rows))):
            return ""
        lang = common.language(request)
        titles, data = (
            [r.title if r else m for r, m in zip(rows, (one, other))],
            [r.data if r else say(lang, "unknown") for r in rows],
        )
        return common.warning(
            say(
                lang,
                "Not the same pictures: {gan} learned from {one}, {diffusion} from {other}. "
                "Compare the cost, not the looks.",
                gan=titles[0],
                one=data[0],
                diffusion=titles[1],
                other=data[1],
            )
        )

    def priced(self, values: Mapping, request: gr.Request) -> str:
        """What the race will cost, from runs measured here."""
        lang = common.language(request)
        try:
            if pairs.named(values[self.kind]).brings == "picture" and not values[self.picture]:
                return ""
            asked = self.race(values)
            prices = [self.engine.price(r, self._uploads(values)) for r in asked.recipes]
        except UserError as e:
            return common.refusal(e, lang)
        # with equal seconds each takes what the dearer one does
        both = (lambda each: 2 * max(each)) if asked.fair == "seconds" else sum
        return common.price_line(common.together(prices, both), lang)

    def linked(self, values: Mapping) -> str:
        """The address of what the widgets ask for."""
        return self.race(values).to_link()

    def dropped(self, values: Mapping, request: gr.Request) -> dict:
        """A race or a picture of ours, dropped: both sides come back, or the one that made the
        picture.
        """
        lang = common.language(request)
        try:
            found = races.from_file(values[self.track.restore])
            for recipe in found.recipes if isinstance(found, Race) else [found]:
                self.engine.checked(recipe)
            if isinstance(found, Race):
                updates = self.restored(found, lang)
            else:
                kind, side = pairs.side_of(found, pairs.named(values[self.kind]))
                updates = (
                    {}
                    if kind.id == values[self.kind]
                    else self._kind_shown(kind, lang) | {self.kind: kind.id}
                )
                updates |= self._side_shown(kind, side, found, lang)
        except UserError as e:
            return {self.track.sentence: common.refusal(e, lang)}
        said = say(lang, "The settings are back: press Race.")
        if (found.recipes if isinstance(found, Race) else [found])[0].task in (
            "upscale",
            "translate",
        ):
            said = say(
                lang,
                "The settings are back. Choose the picture again: no upload is ever kept in a "
                "recipe.",
            )
        return updates | {self.track.sentence: common.plain("", said)}

    def _uploads(self, values: Mapping) -> list[str]:
        """The picture that both sides work on, where they work on one. Raises UserError where it is
        missing.
        """
        if pairs.named(values[self.kind]).brings != "picture":
            return []
        if not values[self.picture]:
            raise UserError("There is no picture yet: drop one into the box.")
        return [values[self.picture]]

    def _stopper(self, side: int) -> Any:
        def stop(request: gr.Request) -> None:
            running = self._running.look(request.session_hash)
            if running:
                running.stopped.add(side)

        return stop

    # -- the race

    def run(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """The race, as often as a browser can look."""
        lang, missing = common.language(request), False
        kind = pairs.named(values[self.kind])
        rows = [self.engine.row(values[model]) for model in (self.gan, self.diffusion)]
        yield {
            self.go: gr.update(visible=False),
            self.stop: gr.update(visible=True),
            self.track.sentence: "",
            self.track.figures: "",
            self.track.left: "",
            self.track.right: "",
        }
        try:
            files.check_room()
            with (
                self._running.of(request.session_hash) as held,
                tempfile.TemporaryDirectory(prefix="ganapps-") as folder,
            ):
                running = held.it = Running(self.race(values), names_of(kind, rows, lang))
                ended = ""
                try:
                    yield from self.track.laps(
                        self.engine, running, self._uploads(values), Path(folder), lang
                    )
                except RunEnded as e:
                    ended = common.refusal(e, lang)
                over = self.track.over(running, rows, Path(folder), lang)
                over[self.track.sentence] = ended + over.get(self.track.sentence, "")
                yield over | {self.measured: noted(values[self.measured], running)}
        except UserError as e:
            missing = (
                isinstance(e, WeightsError)
                and (values[self.gan], values[self.diffusion]) != FACES.first
            )
            yield {
                self.track.sentence: common.refusal(e, lang),
                self.track.clock: lanes.clock(
                    names_of(kind, rows, lang), (Lane(), Lane()), None, lang
                ),
            }
        except Exception:
            log.exception("a race failed")
            yield {self.track.sentence: common.refusal(common.bug(), lang)}
        embedded = " + ".join(common.row(self.engine, name).title for name in FACES.first)
        yield {
            self.go: gr.update(visible=True),
            self.stop: gr.update(visible=False),
            self.track.instead: gr.update(
                visible=missing, value=say(lang, "Use {model} instead", model=embedded)
            ),
        }

    def left(self, session: str | None) -> None:
        """A visitor has gone: nothing of theirs stays in memory."""
        self._running.take(session)

    def ended(self, values: Mapping, request: gr.Request) -> dict:
        """Stop: the clock stands, what is there stays, and its figures are told."""
        lang, running = common.language(request), self._running.take(request.session_hash)
        update = {self.go: gr.update(visible=True), self.stop: gr.update(visible=False)}
        if running is None or running.lap is None:
            return update | {self.track.sentence: common.plain("", say(lang, "stopped"))}
        for lane in running.lanes:
            lane.stopped = True
        rows = [self.engine.row(r.checkpoint) for r in running.asked.recipes]
        return update | self.track.told(running, running.lap, rows, lang)


def _setting(task: str, name: str, **otherwise: Any) -> Any:
    """The widget of a setting that one of the tasks here has."""
    return made(TASKS[task].settings[name], "compare", **otherwise)
