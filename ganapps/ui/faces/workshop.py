"""The workshop under the wall of faces: one place for what can be done with a single face."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import gradio as gr

from ganapps.errors import UserError
from ganapps.recipe import Recipe, from_json
from ganapps.ui.doors import files
from ganapps.ui.faces import back
from ganapps.ui.faces.ages import Ages
from ganapps.ui.faces.breed import Breed
from ganapps.ui.faces.edit import Edit
from ganapps.ui.faces.exported import Export
from ganapps.ui.faces.own import Own
from ganapps.ui.faces.section import Section
from ganapps.ui.faces.spoken import Say
from ganapps.ui.faces.traces import Traces
from ganapps.ui.parts import choices, common, progress
from ganapps.ui.parts.model_tab import ModelTab
from ganapps.ui.words import escaped, say, t

_NUMBERS = itertools.count(1)  # of recipes that came back


class Workshop:
    """Folded at first: nothing of it is drawn or computed before it is opened."""

    def __init__(self, tab: ModelTab) -> None:
        """Lays itself out where the layout stands; `listen` is called when the tab is whole."""
        self.tab = tab
        self.face, self.opened = gr.State({}), gr.State(False)
        self.traces: gr.State = gr.State(Traces())
        # a recipe that came back, behind a number: the same one may come again
        self.came = gr.Textbox("", visible="hidden", elem_id="faces-came")
        self.of: gr.State = gr.State(None)  # what the face at hand was begun from
        about = (tab, self.face, self.traces)
        self.edit, self.say = Edit(*about), Say(*about)
        self.own, self.export = Own(*about), Export(*about)
        self.ages, self.breed = Ages(self.edit), Breed(self.edit)
        with gr.Accordion(
            t("Work on a face: edit, breed, say, your own"),
            open=False,
            elem_id="faces-workshop",
        ) as self.fold:
            with gr.Tabs(elem_id="faces-workshop-tabs", overflow_behavior="wrap") as self.bar:
                for title, section in (
                    (t("Edit"), self.edit),
                    (t("Age, front"), self.ages),
                    (t("Breed"), self.breed),
                    (t("Say"), self.say),
                    (t("Your own face"), self.own),
                    (t("Export"), self.export),
                ):
                    with gr.Tab(title, id=section.name):
                        section.make()

    def listen(self) -> list:
        """All events; Stop ends those that are returned."""
        edit = self.edit
        started = edit.started
        begins = {*edit.begins, edit.drawn, self.opened, self.came, self.of}
        begun = [*edit.restored_outputs, *self.breed.restored_outputs, self.opened, self.of]
        self.fold.expand(self._unfolded, begins, begun, **common.BUSY)
        self.fold.collapse(lambda: False, None, self.opened, **common.QUIET)
        seed = self.tab.widgets.by_name["seed"]
        assert isinstance(seed, gr.Textbox), "a seed may be words"
        gr.on(
            [seed.change, self.tab.model.change, self.came.change],
            self._followed,
            begins,
            begun,
            trigger_mode="always_last",
            **common.BUSY,
        )
        for section, kept in (
            (self.say, self.say.said),
            (self.own, self.own.found),
            (self.breed, self.breed.child),
            (self.ages, self.ages.chosen),
        ):
            section.take.click(
                self._taker(section, kept),
                {*edit.begins, kept},
                [*started, self.bar, section.line],
                **common.BUSY,
            )
        runs = {section: section.listen() for section in self.sections}
        of_faces = [run for section in self.of_faces for run in runs[section]]
        common.stops(  # what is under way would bring back what is deleted
            self.own.delete, of_faces, self.deleted, self.deleted_inputs, self.deleted_outputs
        )
        return [run for events in runs.values() for run in events]

    @property
    def sections(self) -> tuple[Section, ...]:
        """All of them."""
        return self.edit, self.ages, self.breed, self.say, self.own, self.export

    @property
    def of_faces(self) -> tuple[Section, ...]:
        """Those that may work on a face of an upload."""
        return self.edit, self.ages, self.breed, self.own

    @property
    def lines(self) -> list:
        """Where they say what happens."""
        return [section.line for section in self.sections]

    @property
    def stopped_outputs(self) -> list:
        """What `stopped` fills."""
        return [*self.lines, self.export.file, self.export.begun]

    def stopped(self, values: Mapping, request: gr.Request) -> dict:
        """After Stop: what ran says so, and shows what is left of it."""
        lang = common.language(request)
        left = self.tab.underway.take(request.session_hash)
        return _ended(self.sections, values, lang) | self.export.stopped(left, lang)

    @property
    def deleted_inputs(self) -> set:
        """What `deleted` reads."""
        edit, breed = self.edit, self.breed
        faces = {self.traces, *edit.begins, edit.file, edit.before, breed.state, breed.parents}
        return {*faces, self.ages.made, self.own.upload, *self.lines}

    @property
    def deleted_outputs(self) -> list:
        """What `deleted` fills."""
        edit, ages, breed, own = self.edit, self.ages, self.breed, self.own
        outputs = [*edit.without_outputs, *ages.without_outputs]
        outputs += [*breed.family_outputs, *own.without_outputs, self.traces]
        return list(dict.fromkeys(outputs))

    def deleted(self, values: Mapping, request: gr.Request) -> dict:
        """An upload and all that was made of it are gone from this machine's disk now."""
        lang, traces = common.language(request), values[self.traces]
        files.delete([values[self.own.upload], *traces.paths])
        return (
            self.tab.busy(False)
            | _ended(self.of_faces, values, lang)
            | self.edit.without(traces, values, lang)
            | self.ages.without(traces, values)
            | self.breed.without(traces, values, lang)
            | self.own.without()
            | {self.traces: Traces()}
        )

    @property
    def filling_outputs(self) -> set:
        """What `filled` fills."""
        return {self.came, self.bar, self.fold, self.opened}

    def came_back(self, recipe: Recipe) -> dict[Any, Any]:
        """The workshop shows this recipe when it is opened, as far as it can."""
        if recipe.task not in back.SHOWN:
            return {}
        selected = gr.update(selected=back.SECTION[recipe.task])
        return {self.came: f"{next(_NUMBERS)} {recipe.to_json()}", self.bar: selected}

    def filled(self, recipe: Recipe) -> dict[Any, Any]:
        """The same, and it is opened."""
        came = self.came_back(recipe)
        return came and came | {self.fold: gr.update(open=True), self.opened: True}

    @property
    def offered_words(self) -> list:
        """Its lists whose choices the visitor reads."""
        own = (self.own.space, self.own.start)
        return choices.boxes(
            (self.edit.drawing.draws, self.breed.crossing, *own, self.export.layout)
        )

    @property
    def worded_outputs(self) -> list:
        """What `worded` fills."""
        return list(self.worded("en"))

    def worded(self, lang: str) -> dict:
        """What is said in the visitor's language."""
        return self.own.worded(lang) | self.ages.worded(lang)

    def _unfolded(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """The face in Edit; one that stands there stays, with its edits."""
        yield {self.opened: True}
        is_new = self._wanted(values) != values[self.of]
        if not values[self.opened] and (is_new or not self.edit.stands(values)):
            yield from self._begun(values, request)

    def _followed(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """Another seed or model: the face at hand is that of the tab's widgets again, or of a
        recipe that came.
        """
        if self._wanted(values) == values[self.of]:
            yield {self.face: gr.skip()}
            return
        yield {self.face: {}}
        if values[self.opened]:
            yield from self._begun({**values, self.face: {}}, request)

    def _came(self, values: Mapping) -> Recipe | None:
        """The recipe that came back, as long as the tab has its model and its seed."""
        _, _, text = values[self.came].partition(" ")
        if not text:
            return None
        came, asked = from_json(text), self.tab.recipe(values)
        seeds = [recipe.settings.get("seed", 0) for recipe in (came, asked)]
        return came if came.checkpoint == asked.checkpoint and seeds[0] == seeds[1] else None

    def _wanted(self, values: Mapping) -> list:
        """What the face at hand is to be begun from: model, seed and a recipe that came."""
        asked = self.tab.recipe(values)
        came = values[self.came] if self._came(values) else ""
        return [asked.checkpoint, asked.settings.get("seed"), came]

    def _begun(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """The face in Edit, unless that would fetch a model: nothing comes without a press."""
        came = self._came(values)
        recipe, lang = came or self.tab.recipe(values), common.language(request)
        try:
            fetches = self.tab.engine.fetches(recipe)
        except UserError as e:
            yield {self.edit.line: common.refusal(e, lang)}
            return
        if not fetches:
            yield {self.of: self._wanted(values)}
            yield from self._restored(came, values, request)
            return
        told = escaped(
            lang,
            "{model} may have to be fetched: press Generate to fetch it and draw.",
            model=recipe.checkpoint[:120],
        )
        yield {self.edit.line: f'<div class="line" role="status">{told}</div>'}

    def _restored(
        self, came: Recipe | None, values: Mapping, request: gr.Request
    ) -> Iterator[dict]:
        """What a recipe tells that came back; None: the face of the tab's widgets."""
        if came is None:
            yield from self.edit.begun(values, request)
        elif came.task in back.OF_A_FAMILY:
            child = yield from self.breed.restored(came, values, request)
            yield from self.edit.taken(child, values, request)
        else:
            yield from self.edit.restored(came, values, request)

    def _taker(self, section: Section, kept: gr.State) -> Callable[..., Iterator[dict]]:
        """The handler that takes the face in this State of a section into Edit."""

        def take(values: Mapping, request: gr.Request) -> Iterator[dict]:
            if not values[kept]:
                nothing = UserError("There is nothing here yet: make a picture first.")
                yield {section.line: common.refusal(nothing, common.language(request))}
                return
            yield {self.bar: gr.update(selected=self.edit.name)}
            yield from self.edit.taken(values[kept], values, request)

        return take


def _ended(sections: Iterable[Section], values: Mapping, lang: str) -> dict[Any, Any]:
    """Of those whose runs were ended, the lines, which say so."""
    return {
        section.line: progress.plain(values[section.line], say(lang, "stopped"))
        for section in sections
        if progress.is_running(values[section.line])
    }
