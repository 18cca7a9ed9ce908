"""Between two seeds: a short film through each model's noise, side by side, and how evenly each one
walks.
"""

from __future__ import annotations

import html
import time
from collections.abc import Callable, Iterator, Mapping

import gradio as gr

from ganapps.engine import Engine
from ganapps.errors import UserError
from ganapps.race import Race
from ganapps.recipe import Recipe
from ganapps.report import Kept
from ganapps.tasks.table import TASKS
from ganapps.ui.parts import common, progress
from ganapps.ui.parts.prices import price_line, together
from ganapps.ui.parts.settings import made
from ganapps.ui.words import escaped, say, t


class Films:
    """The widgets of the two films. They walk from the race's seed to the next one and back."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        with gr.Column(elem_id="compare-films", elem_classes="stage") as self.stage:
            self.head = gr.HTML(_head("en"))
            with gr.Row(elem_classes="actions"):
                self.go = gr.Button(t("Film both"), size="sm", elem_id="compare-film-go")
                self.stop = gr.Button(
                    t("Stop"), variant="stop", size="sm", visible=False, elem_id="compare-film-stop"
                )
            self.line = gr.HTML('<div class="line"></div>', elem_id="compare-film-line")
            with gr.Row(elem_classes="lanes"):
                self.films = [
                    gr.HTML(elem_id="compare-gan-film"),
                    gr.HTML(elem_id="compare-diffusion-film"),
                ]

    def more(self) -> None:
        """What few people turn."""
        self.frames = made(TASKS["walk"].settings["frames"], "compare")

    @property
    def outputs(self) -> list:
        """What `opened` fills."""
        return [self.head]

    def opened(self, lang: str) -> dict:
        """The heading in the visitor's language."""
        return {self.head: _head(lang)}

    def events(self, race: Callable[[Mapping], Race], asked: set) -> list:
        """Wire the button; `race` makes of the tab's widgets what they ask for. The events that
        Stop may end.
        """
        self._race = race
        self.asked = asked | {self.frames}
        shown = [self.line, *self.films, self.go, self.stop]
        going = self.go.click(self.run, self.asked, shown, **common.BUSY)
        common.stops(self.stop, [going], self.stopped, None, [self.line, self.go, self.stop])
        gr.on(
            [self.frames.change, *(w.change for w in asked if isinstance(w, gr.Slider))],
            self.priced,
            self.asked,
            self.line,
            **common.LATEST,
        )
        return [going]

    def recipes(self, values: Mapping) -> list[Recipe]:
        """The two films. Raises UserError for a race that is not one of faces: nothing else has a
        noise that both share.
        """
        walks = {"faces": "walk", "denoise": "drift"}
        sides = self._race(values).recipes
        if any(side.task not in walks for side in sides):
            raise UserError("A film through the noise is there for faces only.")
        known = {"walk": ("seed", "psi"), "drift": ("seed", "steps")}
        films = [
            Recipe(
                walks[s.task],
                s.checkpoint,
                {k: s.settings[k] for k in known[walks[s.task]] if k in s.settings},
                s.precision,
            )
            for s in sides
        ]
        return [film.with_settings(frames=values[self.frames]) for film in films]

    def priced(self, values: Mapping, request: gr.Request) -> str:
        """What both films will cost."""
        lang = common.language(request)
        try:
            prices = [self.engine.price(r) for r in self.recipes(values)]
        except UserError as e:
            return progress.plain("", say(lang, e.message))
        return price_line(together(prices), lang)

    def run(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """One film after the other; each is kept as a file with its recipe inside."""
        lang = common.language(request)
        yield {
            self.go: gr.update(visible=False),
            self.stop: gr.update(visible=True),
            **dict.fromkeys(self.films, ""),
        }
        last: dict = {}
        seen = 0.0
        try:
            for place, recipe in zip(self.films, self.recipes(values)):
                for shown in common.show(self.engine.run(recipe), recipe, lang):
                    last = {self.line: shown.line}
                    if shown.archive:
                        last[place] = _film(shown.files[0][0], shown.kept[0], lang)
                    if shown.archive or shown.failed or time.monotonic() - seen > common.PAUSE:
                        seen = time.monotonic()
                        yield last
                if shown.failed:
                    break
        except UserError as e:
            last = {self.line: common.refusal(e, lang)}
        yield {**last, self.go: gr.update(visible=True), self.stop: gr.update(visible=False)}

    def stopped(self, request: gr.Request) -> tuple:
        """Stop: a film that is done stays, and the line says so."""
        return (
            progress.plain("", say(common.language(request), "stopped")),
            gr.update(visible=True),
            gr.update(visible=False),
        )


def _head(lang: str) -> str:
    lead = say(
        lang,
        "From the seed above to the next one and back, along the great circle through each model's "
        "noise. The smoother the film, the smoother that space.",
    )
    return f'<h2>{escaped(lang, "Between two seeds")}</h2><p class="lead">{html.escape(lead)}</p>'


def _film(path: str, kept: Kept, lang: str) -> str:
    """A film, how evenly it walks, and the link that saves it."""
    said = say(
        lang,
        "from picture to picture {mean} of 255 on average, {largest} at most",
        mean=f"{kept.figures['mean_step']:.1f}",
        largest=f"{kept.figures['largest_step']:.1f}",
    )
    return common.film(path, kept.caption, lang, said)
