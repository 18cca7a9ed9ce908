"""What a tab that works on a picture runs: one picture, every model on it, many pictures; and what
is left of a run that does not end.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from ganapps.engine import on_files
from ganapps.errors import UserError
from ganapps.models.catalog import Checkpoint
from ganapps.pictures import images
from ganapps.recipe import Recipe
from ganapps.ui.doors import files
from ganapps.ui.parts import common, progress
from ganapps.ui.parts.before_after import ResultArea
from ganapps.ui.parts.many import Many
from ganapps.ui.parts.model_tab import ModelTab
from ganapps.ui.parts.sheet import Sheet, Trial, every_model
from ganapps.ui.parts.stage import Stage, glance
from ganapps.ui.words import say


@dataclass(frozen=True)
class Unfinished:
    """A run as far as it was shown, and the path of what it works on."""

    shown: common.Shown
    upload: str


class PictureRuns(ModelTab):
    """The handlers; the tab itself lays out these widgets."""

    picture: gr.Image
    area: ResultArea
    sheet: Sheet
    many: Many
    finishes: bool  # do strength and colours come after?
    on_stage: dict[str | None, str]  # by session: the picture that came last

    # -- what a tab says of itself; of each, the least

    def cleared(self) -> dict:
        """Updates that empty what the tab shows under a result."""
        return {}

    def arrived(self, shown: common.Shown, values: Mapping, lang: str) -> dict:
        """Updates that show the tab's own of a result."""
        return {}

    def trial(self, upload: str, values: Mapping, folder: Path) -> tuple[str, str]:
        """For the contact sheet: a picture, small or cropped, and what its cell without a model
        says ("": no such cell).
        """
        return upload, ""

    def trial_settings(self, values: Mapping, row: Checkpoint | None) -> dict[str, Any] | None:
        """And a model's settings there; None leaves it out."""
        return {}

    def given(self, values: Mapping, folder: Path) -> list[str]:
        """The paths of what a run is given; `folder` is there until it has ended."""
        return [values[self.picture], *self.masks(values, folder)]

    def masks(self, values: Mapping, folder: Path) -> list[str]:
        """Those of masks that are too large for a recipe, behind the picture."""
        return []

    # -- what runs

    def run(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """One picture; strength and colours come after, so that they can be changed at once."""
        lang, upload = common.language(request), values[self.picture]
        if not upload:
            yield self._no_picture(lang)
            return
        yield self.area.brought(upload, values, lang) | self.busy(True)
        session = request.session_hash
        self.on_stage[session] = upload
        with (
            tempfile.TemporaryDirectory(prefix="ganapps-") as folder,
            self.underway.of(session) as held,
        ):
            try:
                stage = Stage(self.engine, upload, values[self.area.traces], lang)
                recipe = self.whole(values)
                given = self.given(values, Path(folder))
                results = self.engine.run(recipe, given, self.weights.path(values))
                expected = self.expected(recipe, given)
                with closing(common.show(results, recipe, lang, str, expected)) as run:
                    for shown in run:
                        if self._turned(session, upload):
                            return
                        held.it = None if shown.archive else Unfinished(shown, upload)
                        if shown.archive:
                            update = self._finished(shown, upload, values, lang)
                        else:
                            update = self._on_its_way(shown, stage)
                        yield {self.line: shown.line} | update
                if left := self._left(held.it, values, lang):
                    yield left  # of a run that was refused on its way, or whose time was over
            # a disk that became full, or the visitor's room, when the result was being shown
            except UserError as e:
                yield {self.line: common.refusal(e, lang)}

    def _turned(self, session: str | None, upload: str) -> bool:
        """Has the page turned to another picture? Nothing of this one is shown there then."""
        return self.on_stage.get(session, upload) != upload

    def _on_its_way(self, shown: common.Shown, stage: Stage) -> dict:
        """How a run's picture looks by now, where that is new."""
        if shown.moved:
            return {}
        if stage.grown(shown.parts):
            return {self.area.view: stage.view}
        if shown.preview and not shown.parts:
            return {self.area.view: glance(shown.preview, shown.curve, stage.lang)}
        return {}

    def _finished(self, shown: common.Shown, upload: str, values: Mapping, lang: str) -> dict:
        """A run's result, and the tab's own of it."""
        result = self.area.arrived(shown, upload, values, lang)
        return result | self.arrived(shown, values, lang)

    def _left(self, left: Unfinished | None, values: Mapping, lang: str) -> dict:
        """What there is of a run that did not end: a result of its own, or the rows that were
        finished.
        """
        if left is None:
            return {}
        shown = left.shown
        if shown.so_far is None:
            return self.area.stopped_view(shown.parts, values[self.area.traces], lang)
        with tempfile.TemporaryDirectory(prefix="ganapps-") as folder:
            kept = on_files.so_far(shown.recipe, left.upload, shown.so_far)
            path = str(images.keep(kept, Path(folder), 0))
            whole = replace(shown, files=[(path, "")], kept=[kept])
            return self._finished(whole, left.upload, values, lang)

    def whole(self, values: Mapping) -> Recipe:
        """What the widgets ask for, at full strength: strength and colours come after."""
        recipe = self.recipe(values)
        return recipe.with_settings(strength=1.0, keep_colours=False) if self.finishes else recipe

    def _no_picture(self, lang: str) -> dict:
        missing = UserError("There is no picture yet: drop one into the box.")
        return {self.line: common.refusal(missing, lang)}

    def every_model(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """The contact sheet of this picture."""
        lang = common.language(request)

        def asked(upload: str, folder: Path) -> tuple[str, Iterable[Trial], str]:
            picture, plain = self.trial(upload, values, folder)
            trials = every_model(
                self.engine,
                self.name,
                lambda row: self.trial_settings(values, row),
                self.weights.path(values),
                lang,
            )
            return picture, trials, plain and say(lang, plain)

        yield from self.tried_on(self.sheet, asked, values, request)

    def tried_on(
        self,
        sheet: Sheet,
        asked: Callable[[str, Path], tuple[str, Iterable[Trial], str]],
        values: Mapping,
        request: gr.Request,
    ) -> Iterator[dict]:
        """A sheet, cell by cell. Of the upload, and with a folder for what it makes of it, `asked`
        tells the picture to try on, the trials, and what stands under it as no model made it.
        """
        lang, session = common.language(request), request.session_hash
        upload = values[self.picture]
        if not upload:
            yield self._no_picture(lang)
            return
        yield self.busy(True)
        self.on_stage[session] = upload
        with tempfile.TemporaryDirectory(prefix="ganapps-") as folder:
            try:
                picture, trials, plain = asked(upload, Path(folder))
                traces = values[self.area.traces]
                with closing(
                    sheet.filled(picture, trials, plain, self.line, traces, lang)
                ) as cells:
                    for update in cells:
                        if self._turned(session, upload):
                            return
                        yield update
            except UserError as e:
                yield {self.line: common.refusal(e, lang)}

    def run_many(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """Many pictures, a row each."""
        lang = common.language(request)
        yield self.busy(True)
        try:
            files.check_room()
            with tempfile.TemporaryDirectory(prefix="ganapps-") as folder:
                recipe, masks = self.recipe(values), self.masks(values, Path(folder))
                own = self.weights.path(values)
                yield from self.many.results(recipe, own, masks, values, lang)
        except UserError as e:
            yield {self.many.line: "", self.many.rows: common.refusal(e, lang)}

    def stopped(self, values: Mapping, request: gr.Request) -> dict:
        """Stop: what is done stays."""
        lang, left = common.language(request), self.underway.take(request.session_hash)
        line = {self.line: progress.plain(values[self.line], say(lang, "stopped"))}
        try:
            view = line | self._left(left, values, lang)
        except UserError as e:  # there is no room for what is done
            view = {self.line: common.refusal(e, lang)}
        return self.busy(False) | view

    def left(self, session: str | None) -> None:
        """Nor is it known which picture was theirs."""
        super().left(session)
        self.on_stage.pop(session, None)
