"""Edit: one face, sliders that act at once, what else moved beside them, and points to pull."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import gradio as gr

from ganapps.errors import UserError
from ganapps.models.catalog import Checkpoint
from ganapps.recipe import Recipe
from ganapps.ui.faces import back, strokes
from ganapps.ui.faces.drawing import Drawing
from ganapps.ui.faces.others import FARTHEST as FARTHEST_OTHER
from ganapps.ui.faces.others import FOUND, Others, choices, said
from ganapps.ui.faces.section import NEUTRAL, Section
from ganapps.ui.faces.told import told
from ganapps.ui.faces.traces import Traces
from ganapps.ui.parts import common
from ganapps.ui.parts.boxes import SliderBox
from ganapps.ui.parts.tab import Sends
from ganapps.ui.words import t

# of the directions that a model has, these stand first
FIRST = (
    *("age", "smile", "yaw", "gender", "beard", "hair_colour: light"),
    *("smiling", "pose", "eyeglasses", "gray_hair", "chubby"),
)
SLIDERS = 6
FARTHEST = 1.5  # how far a slider goes; 1 is a label's whole way
KEPT = 30  # faces that Undo goes back through


class Edit(Section):
    """The face on the left, what moves it on the right."""

    name = "edit"

    def make(self) -> None:
        """Lay it out."""
        with gr.Row(elem_classes="bench"):
            with gr.Column(min_width=260, elem_id="faces-edit-left"):
                self.picture = gr.Image(
                    label=t("The face"),
                    show_label=False,
                    type="filepath",
                    format="png",
                    buttons=["download"],
                    interactive=False,
                    elem_id="faces-edit-picture",
                    elem_classes="bench-picture",
                )
                self.painted = gr.HTML("", elem_id="faces-edit-painter")
                self.make_line()
                with gr.Row(elem_classes="pair"):
                    self.begin = gr.Button(
                        t("The chosen face"), size="sm", elem_id="faces-edit-begin"
                    )
                    self.undo = gr.Button(t("Undo"), size="sm", elem_id="faces-edit-undo")
                    self.make_copy()
                self.drawing = Drawing(self.painted)
            with gr.Column(min_width=260):
                self.sliders = [self._slider(index) for index in range(SLIDERS)]
                self.others = Others()
                self.hold = gr.Dropdown(
                    [], multiselect=True, label=t("Hold the others"), elem_id="faces-edit-hold"
                )
                self.moved = gr.HTML("", elem_id="faces-edit-moved")
        self.file: gr.State = gr.State(None)  # the path of the picture that is seen
        with gr.Row(elem_classes="actions"):
            buttons = self.tab.send_buttons("faces-edit")
        sends = Sends(buttons, {self.file}, lambda values: values[self.file], self.line)
        self.tab.further.append(sends)
        self.names = gr.State([])  # the direction of each slider
        self.styles = gr.State("")  # the face that is seen, as text
        self.before = gr.State([])  # the faces that Undo goes back to
        self.drawn: gr.State = gr.State(None)  # the model and the face whose picture is seen

    def _slider(self, index: int) -> SliderBox:
        return SliderBox(
            -FARTHEST,
            FARTHEST,
            0,
            step=0.05,
            visible=False,
            elem_id=f"faces-edit-slider-{index}",
        )

    @property
    def moves(self) -> set:
        """What an edit reads."""
        return {*self.given, *self.sliders, self.names, *self.others.reads, self.hold}

    @property
    def begins(self) -> set:
        """What another face is begun from."""
        return {*self.given, *self.others.reads}

    @property
    def seen(self) -> list:
        """What a run here fills."""
        shown = [self.picture, self.moved, self.styles, self.file, self.drawn, self.link]
        return [*shown, self.others.moves, *self.buttons]

    @property
    def reset(self) -> list:
        """What another face sets back."""
        return [*self.sliders, *self.others.reset, self.hold, self.names, self.drawing.points]

    @property
    def started(self) -> list:
        """What another face fills."""
        return list(dict.fromkeys([*self.seen, *self.reset, self.face, self.before]))

    def listen(self) -> list:
        """Its events; Stop ends those that are returned."""
        others = self.others
        others.listen()
        gr.on(
            [slider.input for slider in (*self.sliders, others.far)] + [self.hold.input],
            self.edited,
            self.moves,
            self.seen,
            trigger_mode="always_last",
            **common.BUSY,
        )
        gr.on(
            [others.called.submit, others.called.blur],
            self.renamed,
            self.moves,
            [others.names, others.list, self.hold],
            **common.QUIET,
        )
        self.drawing.listen(self.file)
        self.begin.click(self.begun, self.begins, self.started, **common.BUSY)
        undone = {*self.begins, self.before, self.drawing.points}
        self.undo.click(self.undone, undone, self.started, **common.BUSY)
        about = {*self.begins, *self.drawing.reads, self.styles, self.file, self.before}
        pulled = [*self.started, self.drawing.draws]
        return [
            self.drawing.pull.click(self.tab.stoppable(self.pulled), about, pulled, **common.BUSY)
        ]

    @property
    def reads(self) -> set:
        """What `now` reads."""
        return {*self.given, *self.sliders, *self.others.reads, self.styles}

    def now(self, values: Mapping) -> dict[str, Any]:
        """The settings of the face at hand as its edits have made it: with edits it is a text."""
        moves = [values[slider] for slider in self.sliders]
        moves += self.others.edits(values).values()
        if any(moves) and values[self.styles]:
            return {"styles": values[self.styles]}
        return self.at_hand(values)

    def stands(self, values: Mapping) -> bool:
        """Is the face that is seen still the one at hand?"""
        return bool(values[self.drawn] == self._at(values))

    # -- what happens

    def begun(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """The face that the tab's widgets ask for, as it is."""
        yield from self._fresh({}, [], values, request)

    def taken(
        self, face: Mapping[str, Any], values: Mapping, request: gr.Request
    ) -> Iterator[dict]:
        """A face of another section."""
        yield from self._fresh(face, [], values, request)

    @property
    def restored_outputs(self) -> list:
        """What `restored` fills."""
        drawing = self.drawing
        return [*self.started, self.others.names, drawing.free, drawing.mask]

    def restored(self, recipe: Recipe, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """The face of a recipe with its edits, or with the points that it pulls."""
        lang, asked, others = common.language(request), recipe.settings, self.others
        styles, names = asked.get("styles"), values[others.names]
        if given := asked.get("names"):
            known = others.given(values, recipe.checkpoint)
            names = {**names, recipe.checkpoint: {**known, **given}}
        face = {"styles": styles} if styles else {}
        values = {**values, others.names: names, self.face: face}
        edits, hold, left = self._with_place(recipe, values)
        yield self._set_back(values, lang, edits, hold) | {
            self.face: face,
            self.before: [],
            others.names: names,
            self.drawing.points: strokes.written(asked.get("points") or ()),
            self.drawing.free: "",
            self.drawing.mask: asked.get("may_move") or "",
        }
        settings = {"edits": edits, "hold": hold, "names": given or {}}
        settings = {name: value for name, value in settings.items() if value}
        for update in self._drawn(settings, values, lang):
            if self.line in update:
                update[self.line] += back.told(left, lang)
            yield update

    def _with_place(
        self, recipe: Recipe, values: Mapping
    ) -> tuple[dict[str, float], list[str], list[str]]:
        """Of a recipe the edits that the sliders reach, what is held, and what is left."""
        titles = self._titles(values)
        given = self.others.given(values, recipe.checkpoint)
        farthest = dict.fromkeys((*titles, *FOUND), FARTHEST_OTHER)
        farthest |= dict.fromkeys(self._with_sliders(titles), FARTHEST)
        asked = recipe.settings.get("edits") or {}
        edits = {name: far for name, far in asked.items() if abs(far) <= farthest.get(name, -1)}
        held = recipe.settings.get("hold") or [] if recipe.task == "edit" else []
        hold = [name for name in held if name in titles or name in given]
        left = [f"{name} {far:+g}" for name, far in asked.items() if name not in edits]
        left += [name for name in held if name not in hold]
        return edits, hold, left + back.without_place(recipe)

    def undone(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """Without the last stroke; where there is none, the face before the last pull, without
        edits.
        """
        points = self.drawing.points
        if values[points].strip():
            yield {points: strokes.without_last(values[points])}
            return
        before = list(values[self.before])
        face = before.pop() if before else values[self.face]
        yield from self._fresh(face, before, values, request)

    def edited(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """Where the sliders bring the face, and what else moved."""
        others = self.others.edits(values)
        edits = dict(zip(values[self.names], (values[slider] for slider in self.sliders)))
        edits = {name: far for name, far in {**edits, **others}.items() if far}
        settings: dict[str, Any] = {"edits": edits}
        settings["hold"] = [name for name in values[self.hold] or () if name not in edits]
        names = self.others.given(values)
        given = {name: names[name] for name in (*edits, *settings["hold"]) if name in names}
        if given:
            settings["names"] = given
        for update in self._drawn(settings, values, common.language(request)):
            yield update | {self.others.moves: others}

    def renamed(self, values: Mapping, request: gr.Request) -> dict:
        """A direction has the name that a person gave it."""
        lang, others = common.language(request), self.others
        names = others.renamed(values)
        named_so = {**values, others.names: names}
        titles = self._titles(values)
        rest = {name: title for name, title in titles.items() if name not in values[self.names]}
        listed = choices(rest, others.given(named_so), lang)
        return {
            others.names: names,
            others.list: gr.update(choices=listed),
            self.hold: gr.update(choices=self._holds(titles, others.given(named_so), lang)),
        }

    def pulled(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """The points pulled where they shall go; the sliders begin anew from there."""
        lang = common.language(request)
        face = {"styles": values[self.styles]} if values[self.styles] else self.at_hand(values)
        try:
            drawn = self.drawing.settings(values, values[self.file])
            recipe = self.recipe("drag", values, {**face, **drawn})
        except UserError as e:
            yield {self.line: common.refusal(e, lang)}
            return
        # where something may move is painted on a copy of the face: now one looks at the face
        yield self.tab.busy(True) | {self.drawing.draws: "points"}
        for seen in self.run(recipe, values, lang):
            update: dict = {self.line: seen.shown.line}
            if seen.preview is not None:
                update[self.picture] = seen.preview
            if seen.shown.archive:
                styles = seen.shown.kept[0].figures["styles"]
                before = [*values[self.before], face][-KEPT:]
                update[self.line] += back.left_out(seen.shown.recipe, lang)
                update |= self._set_back(values, lang) | {
                    self.link: seen.shown.recipe.to_link(),
                    self.picture: seen.shown.files[0][0],
                    self.file: seen.shown.files[0][0],
                    self.styles: styles,
                    self.face: {"styles": styles},
                    self.drawn: self._at({**values, self.face: {"styles": styles}}),
                    self.before: before,
                    self.moved: "",
                }
            yield update

    def _fresh(
        self, face: Mapping[str, Any], before: Sequence[Any], values: Mapping, request: gr.Request
    ) -> Iterator[dict]:
        lang = common.language(request)
        yield self._set_back(values, lang) | {self.face: dict(face), self.before: list(before)}
        yield from self._drawn({}, {**values, self.face: face}, lang)

    def _drawn(self, settings: Mapping[str, Any], values: Mapping, lang: str) -> Iterator[dict]:
        recipe = self.recipe("edit", values, {**self.at_hand(values), **settings})
        for seen in self.run(recipe, values, lang):
            update: dict = {}
            if seen.shown.failed or seen.shown.archive:
                update[self.line] = seen.shown.line
            if seen.shown.archive:
                figures = seen.shown.kept[0].figures
                update[self.line] += back.left_out(seen.shown.recipe, lang)
                update |= {
                    self.link: seen.shown.recipe.to_link(),
                    self.picture: seen.shown.files[0][0],
                    self.file: seen.shown.files[0][0],
                    self.styles: figures["styles"],
                    self.drawn: self._at(values),
                    self.moved: self._told(figures, values, lang),
                }
            if update:
                yield update

    def _at(self, values: Mapping) -> list:
        return [self.tab.recipe(values).checkpoint, self.at_hand(values)]

    @property
    def without_outputs(self) -> list:
        """What `without` fills."""
        return [*self.started, self.painted, self.drawing.draws]

    def without(self, traces: Traces, values: Mapping, lang: str) -> dict[Any, Any]:
        """What is left when all of an upload goes: nobody, where it is of one."""
        before = [face for face in values[self.before] if not traces.reach(face)]
        if traces.hold([values[self.file]]) or traces.reach(values[self.face]):
            return self._set_back(values, lang) | {
                self.picture: None,
                self.file: None,
                self.styles: "",
                self.drawn: None,
                self.link: "",
                self.face: {},
                self.before: before,
                self.moved: "",
                self.painted: "",
                self.drawing.draws: "points",
                self.line: NEUTRAL,
            }
        return {self.before: before}

    # -- the directions of a model

    def _row(self, values: Mapping) -> Checkpoint | None:
        return self.tab.engine.models.row(self.tab.recipe(values).checkpoint)

    def _titles(self, values: Mapping) -> dict[str, str]:
        """The directions of the tab's model, by name, and what they are called."""
        row = self._row(values)
        return self.tab.engine.models.directions(row) if row else {}

    def _told(self, figures: Mapping[str, Any], values: Mapping, lang: str) -> str:
        row = self._row(values)
        controls = self.tab.engine.models.controls(row) if row else ()
        return told(figures, self._titles(values), controls, lang)

    def _with_sliders(self, titles: Mapping[str, str]) -> list[str]:
        """The directions that have a slider each."""
        first = [name for name in FIRST if name in titles]
        first += [name for name in titles if name not in first]
        return first[:SLIDERS]

    def _set_back(
        self,
        values: Mapping,
        lang: str,
        edits: Mapping[str, float] | None = None,
        hold: Sequence[str] = (),
    ) -> dict:
        """The sliders at 0, or where `edits` have them, named as the model's directions are."""
        titles, edits = self._titles(values), edits or {}
        names = self._with_sliders(titles)
        updates: dict = {self.names: names, self.drawing.points: ""}
        for index, slider in enumerate(self.sliders):
            label = said(lang, titles[names[index]]) if index < len(names) else ""
            far = edits.get(names[index], 0) if index < len(names) else 0
            updates[slider] = gr.update(value=far, visible=index < len(names), label=label)
        rest = {name: title for name, title in titles.items() if name not in names}
        model = self.tab.recipe(values).checkpoint
        moves = {name: far for name, far in edits.items() if name not in names}
        updates |= self.others.set_back(model, rest, moves, values, lang)
        given = self.others.given(values, model)
        updates[self.hold] = gr.update(choices=self._holds(titles, given, lang), value=list(hold))
        return updates

    def _holds(
        self, titles: Mapping[str, str], given: Mapping[str, str], lang: str
    ) -> list[tuple[str, str]]:
        """What can be held: the model's directions, and those that a person named."""
        listed = [(said(lang, title), name) for name, title in titles.items()]
        return listed + [(title, name) for name, title in given.items() if name not in titles]
