"""The compare tab: a GAN and a diffusion model race on one clock, what each of them cost, and what
each of them gave.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from ganapps import race as races
from ganapps.engine import Engine
from ganapps.errors import UserError, WeightsError
from ganapps.race import Race
from ganapps.recipe import Recipe
from ganapps.tasks.table import TASKS
from ganapps.ui.doors import files
from ganapps.ui.parts import common, lanes, pairs, progress
from ganapps.ui.parts.films import Films
from ganapps.ui.parts.lanes import Lane
from ganapps.ui.parts.pairs import FACES
from ganapps.ui.parts.prices import price_line, together
from ganapps.ui.parts.quality import Quality
from ganapps.ui.parts.race_form import RaceForm
from ganapps.ui.parts.tab import RACE, Tab
from ganapps.ui.parts.track import Running, Track, names_of, noted
from ganapps.ui.parts.why import why
from ganapps.ui.words import say, t
from ganapps.workers.signals import RunEnded

log = logging.getLogger("ganapps")


class CompareTab(Tab):
    """The widgets of the tab, and how they turn into a race and back."""

    name = "compare"
    title = "Compare"
    shows = (RACE, "denoise", "drift", "text")
    also = ("faces", "strip", "loop", "walk", "upscale", "translate")

    def __init__(self, engine: Engine, receivers: Sequence[type[Tab]] = ()) -> None:
        super().__init__(engine, receivers)
        with gr.Column(elem_classes="arena"):
            self.form = form = RaceForm(engine)
            self.go = gr.Button(t("Race"), variant="primary", size="lg", elem_id="compare-go")
            self.stop = gr.Button(
                t("Stop"), variant="stop", size="lg", visible=False, elem_id="compare-stop"
            )
            self.price = gr.HTML('<div class="price"></div>', elem_id="compare-price")
            self.track = Track(engine, self.make_restore)
            self.line = self.track.sentence
            self.quality = Quality(engine)
            self.films = Films(engine)
            self.form.faces_only += [self.quality.stage, self.films.stage]
            with gr.Accordion(t("More"), open=False, elem_id="compare-more"):
                with gr.Row(elem_classes="brought"):
                    form.more()
                    self.films.more()
            self.why = gr.HTML(why("en"), elem_id="compare-why")
        # model -> seconds of one network call, from this visit's races
        self.measured = gr.State({})
        self.asked = form.asked
        self._events()

    # -- what happens when

    def _events(self) -> None:
        form = self.form
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
            self.track.files,
            self.track.formats.link,
            self.measured,
            self.go,
            self.stop,
        ]
        go = self.go.click(self.run, self.asked | {self.measured}, shown, **common.BUSY)
        self.films.events(form.race, self.asked)
        common.stops(
            self.stop,
            [go],
            self.ended,
            self.asked,
            [self.track.clock, self.track.sentence, self.track.figures, self.go, self.stop],
        )
        for side, button in enumerate(self.track.stops):
            button.click(self._stopper(side), None, None, **common.QUIET)
        form.kind.input(self.switched, form.kind, form.by_kind, **common.QUIET)
        form.gan.input(self.chosen(0), [form.kind, form.gan], [form.few], **common.QUIET)
        form.diffusion.input(
            self.chosen(1),
            [form.kind, form.diffusion],
            [form.steps, form.scheduler, form.guidance],
            **common.QUIET,
        )
        gr.on(
            [form.gan.change, form.diffusion.change],
            self.noticed,
            self.asked,
            self.track.notice,
            **common.QUIET,
        )
        gr.on(
            [
                widget.change
                for widget in (
                    form.gan,
                    form.diffusion,
                    form.steps,
                    form.fair,
                    self.track.sentence,
                    form.picture,
                    form.few,
                )
            ],
            self.priced,
            self.asked,
            self.price,
            **common.LATEST,
        )
        self.quality.listen(
            [
                form.gan,
                form.diffusion,
                form.psi,
                form.steps,
                form.eta,
                self.measured,
            ]
        )
        self.track.copy.click(self.address, self.asked, self.track.link, **common.QUIET).then(
            None, self.track.link, None, js=common.copies("compare-copy")
        )
        self.track.instead.click(self.embedded, None, [form.kind, *form.by_kind], **common.QUIET)

    @property
    def models(self) -> set:
        """Those of both sides."""
        return {self.form.gan, self.form.diffusion}

    @property
    def opening_outputs(self) -> list:
        """What `opened` fills."""
        return [
            *self.asked,
            *(w for w in self.form.by_kind if w not in self.asked),
            self.track.clock,
            self.why,
            self.track.notice,
            self.form.privacy,
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
        updates: dict = {
            self.track.clock: lanes.clock(names, (Lane(), Lane()), None, lang),
            self.why: why(lang),
            self.track.archive: common.download(None, "Download all", lang),
            self.track.report: common.download(None, "Report", lang),
        }
        updates |= self.form.opened(lang) | self.quality.opened(lang) | self.films.opened(lang)
        try:
            updates |= self._linked(dict(request.query_params), lang)
        except UserError as e:
            updates[self.track.sentence] = common.refusal(e, lang)
        return updates

    def _linked(self, query: dict[str, str], lang: str) -> dict:
        """Updates for a link's race, or for a recipe that no other tab shows."""
        asked: Race | Recipe | None = races.from_link(query)
        asked = asked or self.linked(query)
        return self.form.shown(asked, FACES, lang) if asked else {}

    def switched(self, kind: str, request: gr.Request) -> dict:
        """Another kind of race: its models and its widgets."""
        return self.form.kind_shown(pairs.named(kind), common.language(request))

    def embedded(self, request: gr.Request) -> dict:
        """Back to the pair that ships with the app."""
        return self.form.kind_shown(FACES, common.language(request)) | {self.form.kind: FACES.id}

    def chosen(self, side: int) -> Any:
        """The handler of another model on a side: steps, sampler and guidance as suits it."""

        def suited(kind: str, model: str) -> dict:
            return self.form.suited(pairs.named(kind), side, model) or {self.form.few: gr.skip()}

        return suited

    def noticed(self, values: Mapping, request: gr.Request) -> str:
        """Says loudly where a pair did not learn from the same pictures."""
        one, other = (values[self.form.gan], values[self.form.diffusion])
        rows = [self.engine.models.row(model) for model in (one, other)]
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
            if self.form.waits(values):
                return ""
            asked = self.form.race(values)
            prices = [self.engine.price(r, self.form.uploads(values)) for r in asked.recipes]
        except UserError as e:
            return common.refusal(e, lang)
        # with equal seconds each takes what the dearer one does
        both = (lambda each: 2 * max(each)) if asked.fair == "seconds" else sum
        return price_line(together(prices, both), lang)

    def address(self, values: Mapping) -> str:
        """The address of what the widgets ask for."""
        return self.form.race(values).to_link()

    @property
    def filling_inputs(self) -> set:
        """The kind of race that is shown now."""
        return {self.form.kind}

    @property
    def filling_outputs(self) -> set:
        """What `filled` fills."""
        return {*self.asked, *self.form.by_kind, self.line}

    def filled(self, asked: Recipe | Race, values: Mapping, lang: str) -> dict:
        """Both sides of a race come back, or the one that made a picture."""
        updates = self.form.shown(asked, pairs.named(values[self.form.kind]), lang)
        first = asked.recipes[0] if isinstance(asked, Race) else asked
        said = say(lang, "The settings are back: press Race.")
        if TASKS[first.task].pictures:
            said = say(
                lang,
                "The settings are back. Choose the picture again: no upload is ever kept in a "
                "recipe.",
            )
        return updates | {self.line: progress.plain("", said)}

    def _stopper(self, side: int) -> Any:
        def stop(request: gr.Request) -> None:
            running = self.underway.look(request.session_hash)
            if running:
                running.stopped.add(side)

        return stop

    # -- the race

    def run(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """The race, as often as a browser can look."""
        lang, missing = common.language(request), False
        kind = pairs.named(values[self.form.kind])
        rows = [
            self.engine.models.row(values[model]) for model in (self.form.gan, self.form.diffusion)
        ]
        yield {
            self.go: gr.update(visible=False),
            self.stop: gr.update(visible=True),
            self.track.sentence: "",
            self.track.figures: "",
            self.track.left: "",
            self.track.right: "",
            self.track.files: [],
            self.track.formats.link: "",
        }
        try:
            files.check_room()
            with (
                self.underway.of(request.session_hash) as held,
                tempfile.TemporaryDirectory(prefix="ganapps-") as folder,
            ):
                running = held.it = Running(self.form.race(values), names_of(kind, rows, lang))
                ended = ""
                try:
                    yield from self.track.laps(
                        self.engine, running, self.form.uploads(values), Path(folder), lang
                    )
                except RunEnded as e:
                    ended = common.refusal(e, lang)
                over = self.track.over(running, rows, Path(folder), lang)
                over[self.track.sentence] = ended + over.get(self.track.sentence, "")
                yield over | {self.measured: noted(values[self.measured], running)}
        except UserError as e:
            missing = (
                isinstance(e, WeightsError)
                and (values[self.form.gan], values[self.form.diffusion]) != FACES.first
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

    def ended(self, values: Mapping, request: gr.Request) -> dict:
        """Stop: the clock stands, what is there stays, and its figures are told."""
        lang, running = common.language(request), self.underway.take(request.session_hash)
        update = {self.go: gr.update(visible=True), self.stop: gr.update(visible=False)}
        if running is None or running.lap is None:
            return update | {self.track.sentence: progress.plain("", say(lang, "stopped"))}
        for lane in running.lanes:
            lane.stopped = True
        rows = [self.engine.models.row(r.checkpoint) for r in running.asked.recipes]
        return update | self.track.told(running, running.lap, rows, lang)
