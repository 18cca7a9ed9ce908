"""What the faces tab runs: the wall, what is live on it, faces like one, mixing, the strip, the
film; and the face that was clicked.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import gradio as gr

from ganapps.engine import Result
from ganapps.errors import UserError
from ganapps.recipe import Recipe, from_json
from ganapps.ui.parts import common, one_face, progress
from ganapps.ui.parts.boxes import SliderBox
from ganapps.ui.parts.model_tab import ModelTab
from ganapps.ui.parts.one_face import OneFace
from ganapps.ui.parts.other_formats import OtherFormats
from ganapps.ui.parts.wall import Wall
from ganapps.ui.words import say

# what the strip and the film take of the widgets; for their other settings they have defaults
TAKEN = {
    "strip": ("seed", "noise", "labels"),
    "loop": ("seed", "count", "psi", "noise", "labels"),
}
SEEDS = range(2, 7)  # through how many faces a film goes, where none were picked
LIVE = 0.5  # seconds: what is expected to take less is made while a slider moves


class FaceRuns(ModelTab):
    """The handlers; the tab itself lays out these widgets."""

    wall: Wall
    one: OneFace
    seed: gr.Textbox
    count: SliderBox
    instead: gr.Button
    archive: gr.HTML
    link: gr.Textbox
    formats: OtherFormats
    has: gr.State  # the labels of the face that is the one, else of the first
    opening: Recipe  # the wall that a page opens with
    first_wall: list[Result] | None = None  # drawn once, for everybody
    drawing: threading.Lock

    def generate(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """The wall, picture by picture."""
        lang, recipe = common.language(request), self.recipe(values)
        yield from self._shown(recipe, lang, values[self.wall.files], self.weights.path(values))

    def live(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """What is on the wall with a slider's new value, while it moves; nothing where that takes
        long, or where the wall shows something else.
        """
        yield {self.line: gr.skip()}
        lang = common.language(request)
        try:
            asked = self.recipe(values)
            shown = from_json(values[self.wall.whole]) if values[self.wall.whole] else None
            if shown is None or (shown.task, shown.checkpoint) != ("faces", asked.checkpoint):
                return
            same = {n: shown.settings.get(n) for n in ("seed", "count", "seeds")}
            recipe = asked.with_settings(**same)
            expected = self.expected(recipe)
            if expected is None or expected > LIVE or self.engine.fetches(recipe):
                return
        except UserError as e:
            yield {self.line: common.refusal(e, lang)}
            return
        at = values[self.one.at]
        yield from self._shown(recipe, lang, [], self.weights.path(values), at, quiet=True)

    def alike(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """Faces much like the one."""
        lang = common.language(request)
        recipe = self.wall.recipe(values, values[self.one.at] or 0)
        try:
            if recipe is None:
                raise UserError("Click a face first.")
            wanted = one_face.alike(recipe, random.randrange(2**32))
        except UserError as e:
            yield {self.line: common.refusal(e, lang)}
            return
        yield from self._shown(wanted, lang, values[self.wall.files], self.weights.path(values))

    def _shown(
        self,
        recipe: Recipe,
        lang: str,
        before: Sequence[str],
        weights: str | None = None,
        at: int | None = None,
        quiet: bool = False,
    ) -> Iterator[dict]:
        """A run on the wall. `before` are the files that hang there, `at` which is the one; a
        `quiet` run shows what it made at its end, and can't be stopped.
        """
        wall, missing = self.wall, False
        if not quiet:
            yield self.busy(True)
        total = int(recipe.settings.get("count") or 12)
        results = self._results(recipe, weights)
        for shown in common.show(results, recipe, lang, expected=self.expected(recipe)):
            update: dict = {self.line: shown.line}
            if shown.archive:
                update |= wall.whole_shown(shown, lang) | self._about(shown, at, lang)
            elif shown.files and not shown.moved and not quiet:
                update |= wall.under_way(shown, total, before, lang)
            missing = shown.missing and recipe.checkpoint != self.first.id
            if not quiet or shown.archive or shown.failed:
                yield update
        instead = say(lang, "Use {model} instead", model=self.first.title)
        offered = {self.instead: gr.update(visible=missing, value=instead)}
        yield offered

    def _about(self, shown: common.Shown, at: int | None, lang: str) -> dict:
        """What stands beside a wall that is through: its ZIP and link, the one on it."""
        assert shown.archive
        told = [kept.figures.get("labels", {}) for kept in shown.kept]
        there = at is not None and at < len(shown.files)
        one = self.one.gone()
        if at is not None and there:
            one = self.one.shown(shown.files[at][0], shown.kept[at].recipe, at, lang)
        return one | {
            self.archive: common.download(shown.archive, "Download all", lang),
            self.formats.link: "",
            self.link: shown.recipe.to_link(),
            self.has: dict(told[at if at is not None and there else 0]),
        }

    def _results(self, recipe: Recipe, weights: str | None) -> Iterator[Result]:
        """The run; the wall of the first visit is drawn once and kept, so that a visit costs
        nothing.
        """
        if recipe != self.opening:
            yield from self.engine.run(recipe, (), weights)
            return
        with self.drawing:
            if self.first_wall is None:
                self.first_wall = list(self.engine.run(recipe, for_all=True))
        yield from self.first_wall

    def asked_of(self, task: str, values: Mapping) -> Recipe:
        """What the widgets ask of the strip or the film."""
        asked = self.recipe(values)
        settings = {n: value for n, value in asked.settings.items() if n in TAKEN[task]}
        if "count" in settings:
            settings["count"] = min(max(int(settings["count"]), SEEDS[0]), SEEDS[-1])
        return replace(asked, task=task, settings=settings)

    def extra(
        self, task: str, place: gr.Gallery | gr.Image, asked: Callable[[str, Mapping], Recipe]
    ) -> Callable[..., Iterator[dict]]:
        """The handler that shows a strip or a film in its place; `asked` makes the recipe."""

        def run(values: Mapping, request: gr.Request) -> Iterator[dict]:
            lang = common.language(request)
            try:
                recipe = asked(task, values)
            except UserError as e:
                yield {self.line: common.refusal(e, lang)}
                return
            yield self.busy(True)
            results = self.engine.run(recipe, (), self.weights.path(values))
            for shown in common.show(results, recipe, lang, expected=self.expected(recipe)):
                update: dict = {self.line: shown.line}
                if shown.files and not shown.moved:
                    strip = task == "strip"
                    update[place] = common.views(shown.files) if strip else shown.files[0][0]
                if shown.archive and task == "loop":
                    update[self.line] += common.film_downloads(shown.files[0][0], lang)
                yield update

        return run

    def film_asked(self, task: str, values: Mapping) -> Recipe:
        """A film through the faces that were picked, in their order; else through those that hang
        on the wall. Raises UserError where no seed made them.
        """
        made = self.wall.recipes(values)
        reel = values[self.one.reel]
        if len(reel) < one_face.FEWEST:
            wanted = min(max(int(values[self.count] or 0), SEEDS[0]), SEEDS[-1])
            reel = one_face.reel_of(made, values[self.wall.files])[:wanted]
        if len(reel) < one_face.FEWEST:
            raise UserError("A film goes through two faces of seeds or more: add some to it.")
        asked = self.asked_of(task, values)
        seeds = [seed for seed, _ in reel]
        return asked.with_settings(seed=seeds[0], seeds=seeds, count=len(seeds))

    def mix(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """The one, with some of the layers of a second seed's face."""
        lang, at = common.language(request), values[self.one.at] or 0
        one = self.wall.recipe(values, at)
        try:
            if one is None:
                raise UserError("Click a face first.")
            recipe = one_face.mixed(one, values[self.one.other], values[self.one.grain])
        except UserError as e:
            yield {self.line: common.refusal(e, lang)}
            return
        results = self.engine.run(recipe, (), self.weights.path(values))
        for shown in common.show(results, recipe, lang, expected=self.expected(recipe)):
            update: dict = {self.line: shown.line}
            if shown.archive:
                update |= self.one.shown(shown.files[0][0], shown.kept[0].recipe, at, lang)
            yield update

    def stopped(self, values: Mapping, request: gr.Request) -> dict:
        """Stop: what is there stays, and the line says so where it was the wall's run."""
        line = values[self.line]
        if not progress.is_running(line):
            return self.busy(False)
        said = progress.plain(line, say(common.language(request), "stopped"))
        return self.busy(False) | {self.line: said}

    def picked(self, values: Mapping, request: gr.Request, event: gr.SelectData) -> dict:
        """A click on a picture: it is the one; its seed is taken, and it is the one to send on."""
        at, wall = event.index, self.wall
        recipe = self.wall.recipe(values, at)
        if recipe is None or at >= len(values[wall.files]):
            return {self.seed: gr.skip()}
        lang = common.language(request)
        updates = self.one.shown(values[wall.files][at], recipe, at, lang)
        updates[self.has] = values[wall.told][at]
        if recipe.task == "faces":
            updates[self.seed] = str(recipe.settings["seed"])
        return updates

    def added(self, values: Mapping, request: gr.Request) -> dict:
        """The one is the next of the film."""
        one, at = self.one, values[self.one.at]
        recipes = self.wall.recipes(values)
        if at is None or at >= len(values[self.wall.files]):
            return {one.reel: gr.skip()}
        mine = one_face.reel_of(recipes[at : at + 1], values[self.wall.files][at : at + 1])
        reel = [*values[one.reel], *mine][-one_face.MOST :]
        return {one.reel: reel, one.strip: one.reeled(reel, common.language(request))}

    @property
    def result_inputs(self) -> set:
        """The wall's files, and which one was clicked."""
        return {self.wall.files, self.one.at}

    def result(self, values: Mapping) -> str | None:
        """The face that was clicked, else the last one."""
        drawn, at = values[self.wall.files], values[self.one.at]
        if at is not None and at < len(drawn):
            return drawn[at]
        return drawn[-1] if drawn else None
