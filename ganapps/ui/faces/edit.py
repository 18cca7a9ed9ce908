"""Edit: one face, sliders that act at once, what else moved beside them, and points to pull."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import gradio as gr

from ganapps.errors import UserError
from ganapps.ui.faces.section import Section
from ganapps.ui.parts import common
from ganapps.ui.words import escaped, named, t

# of the directions that a model has, these stand first
FIRST = (
    *("age", "smile", "yaw", "gender", "beard", "hair_colour: light"),
    *("smiling", "pose", "eyeglasses", "gray_hair", "chubby"),
)
SLIDERS = 6
FOUND = tuple(f"{kind}-{number}" for kind in ("pca", "sefa") for number in range(1, 11))
FARTHEST = 1.5  # how far a slider goes; 1 is a label's whole way
KEPT = 30  # faces that Undo goes back through


class Edit(Section):
    """The face on the left, what moves it on the right."""

    name = "edit"

    def make(self) -> None:
        """Lay it out."""
        with gr.Row(elem_classes="bench"):
            with gr.Column(min_width=260):
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
                self.make_line()
                with gr.Row(elem_classes="pair"):
                    self.begin = gr.Button(
                        t("The chosen face"), size="sm", elem_id="faces-edit-begin"
                    )
                    self.undo = gr.Button(t("Undo"), size="sm", elem_id="faces-edit-undo")
            with gr.Column(min_width=260):
                self.sliders = [self._slider(index) for index in range(SLIDERS)]
                with gr.Row(elem_classes="pair"):
                    self.other = gr.Dropdown(
                        list(FOUND),
                        value=FOUND[0],
                        label=t("Another direction"),
                        elem_id="faces-edit-other",
                    )
                    self.far = gr.Slider(
                        -3, 3, 0, step=0.1, label=t("how far"), elem_id="faces-edit-far"
                    )
                self.hold = gr.Dropdown(
                    [], multiselect=True, label=t("Hold the others"), elem_id="faces-edit-hold"
                )
                self.moved = gr.HTML("", elem_id="faces-edit-moved")
        with gr.Row(elem_classes="bench"):
            self.points = gr.Textbox(
                "",
                label=t("Pull points"),
                info=t(
                    "Draw a stroke on the face, from a point to where it shall go, "
                    "or type x, y, to x, to y."
                ),
                placeholder="52, 92, 46, 88; 76, 92, 82, 88",
                max_lines=1,
                max_length=400,
                elem_id="faces-edit-points",
            )
            self.pull = gr.Button(t("Pull"), elem_id="faces-edit-pull")
        self.names = gr.State([])  # the direction of each slider
        self.styles = gr.State("")  # the face that is seen, as text
        self.before = gr.State([])  # the faces that Undo goes back to

    def _slider(self, index: int) -> gr.Slider:
        return gr.Slider(
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
        return {*self.given, *self.sliders, self.names, self.other, self.far, self.hold}

    @property
    def seen(self) -> list:
        """What a run here fills."""
        return [self.picture, self.moved, self.styles, *self.buttons]

    @property
    def reset(self) -> list:
        """What another face sets back."""
        return [*self.sliders, self.far, self.other, self.hold, self.names, self.points]

    def listen(self) -> list:
        """Its events; Stop ends those that are returned."""
        gr.on(
            [slider.input for slider in (*self.sliders, self.far)] + [self.hold.input],
            self.edited,
            self.moves,
            self.seen,
            trigger_mode="always_last",
            **common.BUSY,
        )
        started = [*self.seen, *self.reset, self.face, self.before]
        self.begin.click(self.begun, self.given, started, **common.BUSY)
        self.undo.click(self.undone, {*self.given, self.before}, started, **common.BUSY)
        about = {*self.given, self.points, self.styles, self.before}
        return [self.pull.click(self.pulled, about, started, **common.BUSY)]

    # -- what happens

    def begun(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """The face that the tab's widgets ask for, as it is."""
        yield from self._fresh({}, [], values, request)

    def taken(
        self, face: Mapping[str, Any], values: Mapping, request: gr.Request
    ) -> Iterator[dict]:
        """A face of another section."""
        yield from self._fresh(face, [], values, request)

    def undone(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """The face before the last pull, without edits."""
        before = list(values[self.before])
        face = before.pop() if before else values[self.face]
        yield from self._fresh(face, before, values, request)

    def edited(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """Where the sliders bring the face, and what else moved."""
        edits = dict(zip(values[self.names], (values[slider] for slider in self.sliders)))
        if values[self.far]:
            edits[values[self.other]] = values[self.far]
        edits = {name: far for name, far in edits.items() if far}
        hold = [name for name in values[self.hold] or () if name not in edits]
        yield from self._drawn({"edits": edits, "hold": hold}, values, common.language(request))

    def pulled(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """The points pulled where they shall go; the sliders begin anew from there."""
        lang = common.language(request)
        face = {"styles": values[self.styles]} if values[self.styles] else self.at_hand(values)
        try:
            settings = {**face, "points": _points(values[self.points])}
            recipe = self.recipe("drag", values, settings)
        except UserError as e:
            yield {self.line: common.refusal(e, lang)}
            return
        yield self.tab.busy(True)
        for seen in self.run(recipe, values, lang):
            update: dict = {self.line: seen.shown.line}
            if seen.preview is not None:
                update[self.picture] = seen.preview
            if seen.shown.archive:
                styles = seen.shown.kept[0].figures["styles"]
                before = [*values[self.before], face][-KEPT:]
                update |= self._set_back(values, lang) | {
                    self.picture: seen.shown.files[0][0],
                    self.styles: styles,
                    self.face: {"styles": styles},
                    self.before: before,
                    self.moved: "",
                }
            yield update
        yield self.tab.busy(False)

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
                update |= {
                    self.picture: seen.shown.files[0][0],
                    self.styles: figures["styles"],
                    self.moved: self._told(figures.get("moved", {}), values, lang),
                }
            if update:
                yield update

    def _told(self, moved: Mapping[str, Mapping[str, float]], values: Mapping, lang: str) -> str:
        """What each edit alone moved: "smile +0.8, age +0.1"."""
        titles = self._titles(values)
        rows = []
        for name, told in moved.items():
            steps = [
                f"{named(lang, titles.get(other, other))} {step:+.1f}"
                for other, step in told.items()
                if other.partition(":")[0] != name.partition(":")[0] or other == name
            ]
            title = named(lang, titles.get(name, name))
            rows.append(
                f"<dt>{html.escape(title)}</dt><dd>{html.escape(', '.join(steps[:5]))}</dd>"
            )
        if not rows:
            return ""
        head = escaped(lang, "What each edit moved, read off the pictures (1 is the whole way)")
        return f'<div class="moved"><span>{head}</span><dl>{"".join(rows)}</dl></div>'

    # -- the directions of a model

    def _titles(self, values: Mapping) -> dict[str, str]:
        """The directions of the tab's model, by name, and what they are called."""
        row = self.tab.engine.models.row(self.tab.recipe(values).checkpoint)
        return self.tab.engine.models.directions(row) if row else {}

    def _set_back(self, values: Mapping, lang: str) -> dict:
        """The sliders at 0, named as the model's directions are."""
        titles = self._titles(values)
        first = [name for name in FIRST if name in titles]
        first += [name for name in titles if name not in first]
        names = first[:SLIDERS]
        updates: dict = {self.names: names, self.far: 0, self.points: ""}
        for index, slider in enumerate(self.sliders):
            label = named(lang, titles[names[index]]) if index < len(names) else ""
            updates[slider] = gr.update(value=0, visible=index < len(names), label=label)
        listed = [(named(lang, title), name) for name, title in titles.items()]
        rest = [pair for pair in listed if pair[1] not in names]
        rest += [(name, name) for name in FOUND]
        updates[self.other] = gr.update(choices=rest, value=rest[0][1])
        updates[self.hold] = gr.update(choices=listed, value=[])
        return updates


def _points(text: str) -> list[list[float]]:
    """The points in a text "x, y, to x, to y; ...". Raises UserError where one is no such four."""
    points = []
    for part in text.replace("\n", ";").split(";"):
        if not part.strip():
            continue
        try:
            point = [float(number) for number in part.replace(",", " ").split()]
        except ValueError:
            point = []
        if len(point) != 4:
            raise UserError(
                "{point} is no point to pull: x, y, to x and to y are expected, four numbers.",
                point=part.strip()[:40],
            )
        points.append(point)
    return points
