"""A face of one's own: an upload, found and turned upright, and the model's face most like it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import gradio as gr

from ganapps.errors import UserError
from ganapps.report import Kept
from ganapps.tasks.table import TASKS
from ganapps.ui.faces import strokes
from ganapps.ui.faces.section import NEUTRAL, Section
from ganapps.ui.parts import common, keeping
from ganapps.ui.parts.before_after import picture_box
from ganapps.ui.parts.settings import made
from ganapps.ui.words import escaped, say, t

LANDMARKS = (
    "left eye",
    "right eye",
    "nose",
    "left corner of the mouth",
    "right corner of the mouth",
)


class Own(Section):
    """The reconstruction and its error come first; edits come after it."""

    name = "own"

    def make(self) -> None:
        """Lay it out."""
        declared = TASKS["invert"].settings
        with gr.Row(elem_classes="bench"):
            with gr.Column(min_width=260):
                self.upload = picture_box(t("Your picture"), "faces-own-picture")
                self.privacy = gr.HTML(common.privacy("en") + _consent("en"))
                self.delete = gr.Button(t("Delete it now"), size="sm", elem_id="faces-own-delete")
            with gr.Column(min_width=260):
                self.steps = made(declared["steps"], "faces-own")
                self.space = made(declared["space"], "faces-own")
                self.start = made(declared["start"], "faces-own", value="encoder")
                self.tuning = made(declared["tuning"], "faces-own")
                self.points = gr.Textbox(
                    "",
                    label=t("Five points"),
                    info=t(
                        "Eyes, nose, corners of the mouth. Empty: they are looked for. Drag them "
                        "on the picture, or move them by the arrow keys."
                    ),
                    placeholder="x, y; x, y; x, y; x, y; x, y",
                    max_lines=1,
                    max_length=300,
                    elem_id="faces-own-points",
                )
                with gr.Row(elem_classes="pair"):
                    gr.Button(t("Set them by hand"), size="sm", elem_id="faces-own-byhand")
                    gr.Button(t("Undo"), size="sm", elem_id="faces-own-undo")
                self.go = gr.Button(t("Find this face"), elem_id="faces-own-go")
        self.make_line()
        self.pair = gr.Gallery(
            label=t("Your picture turned upright, and the nearest face of the model"),
            columns=2,
            object_fit="contain",
            height="auto",
            format="png",
            buttons=["download"],
            interactive=False,
            elem_id="faces-own-pair",
            elem_classes=["wall", "later"],
        )
        self.take = gr.Button(t("Edit this face"), size="sm", elem_id="faces-own-take")
        self.found: gr.State = gr.State({})  # the settings of the face that was found

    def worded(self, lang: str) -> dict:
        """What is said in the visitor's language."""
        return {self.privacy: common.privacy(lang) + _consent(lang)}

    def listen(self) -> list:
        """Its events; Stop ends those that are returned."""
        filled = [self.pair, self.found, self.points, *self.buttons]
        self.upload.change(lambda: "", None, self.points, **common.QUIET)
        self.points.change(None, None, None, js=strokes.CAME)
        how = (self.steps, self.space, self.start, self.tuning)
        asked = {*self.given, self.upload, self.points, *how}
        return [self.go.click(self.tab.stoppable(self.searched), asked, filled, **common.BUSY)]

    def searched(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """The search, as it comes nearer."""
        lang = common.language(request)
        try:
            if not values[self.upload]:
                raise UserError("There is no picture yet: drop one into the box.")
            points = _points(values[self.points])
        except UserError as e:
            yield {self.line: common.refusal(e, lang)}
            return
        settings = {
            "steps": values[self.steps],
            "space": values[self.space],
            "start": values[self.start],
            "tuning": values[self.tuning],
            "points": points,
        }
        yield self.tab.busy(True) | {self.pair: None, self.found: {}}
        recipe = self.recipe("invert", values, settings)
        for seen in self.run(recipe, values, lang, [values[self.upload]]):
            update: dict = {self.line: seen.shown.line}
            if seen.preview is not None:
                update[self.pair] = [(seen.preview, "")]
            if seen.shown.archive:
                kept = seen.shown.kept[0]
                pictures = _pictures(kept, seen.shown.files[0][0], seen.traces, lang)
                update |= {
                    self.pair: gr.update(value=pictures, columns=len(pictures)),
                    self.found: {"styles": kept.figures["styles"]},
                    self.points: "; ".join(f"{x:g}, {y:g}" for x, y in kept.figures["points"]),
                }
            yield update

    @property
    def without_outputs(self) -> list:
        """What `without` fills."""
        return [self.upload, self.pair, self.found, self.points, self.line]

    def without(self) -> dict[Any, Any]:
        """The upload is gone."""
        emptied: dict[Any, Any] = {self.upload: None, self.pair: None, self.found: {}}
        return emptied | {self.points: "", self.line: NEUTRAL}


def _pictures(kept: Kept, made: str, traces: list[str], lang: str) -> list[tuple[str, str]]:
    """The turned picture, the face that was found and what a tuned copy makes of it, where there is
    one; `made` is the file of the last of them.
    """
    figures, beside = kept.figures, kept.beside
    found = say(lang, "The nearest face: {error} of 255 off", error=figures["error"])
    pictures = [(keeping.shown_file(beside["before"], traces), say(lang, "Your picture"))]
    if "tuned" not in beside:
        return [*pictures, (made, found)]
    tuned = say(lang, "A copy tuned to it: {error} of 255 off", error=figures["tuned_error"])
    return [*pictures, (keeping.shown_file(beside["after"], traces), found), (made, tuned)]


def _consent(lang: str) -> str:
    sentence = escaped(lang, "Bring only your own face, or one whose owner has agreed.")
    names = "|".join(escaped(lang, name) for name in LANDMARKS)  # face.js calls its handles so
    return f'<div class="privacy" id="faces-own-landmarks" data-names="{names}">{sentence}</div>'


def _points(text: str) -> list[list[float]] | None:
    """The points in a text "x, y; x, y; ..."; None where there are none. What is no number stays
    text, which the task refuses.
    """
    parts = [part.replace(",", " ").split() for part in strokes.parts(text)]
    try:
        return [[float(number) for number in part] for part in parts] or None
    except ValueError:
        raise UserError(
            "These five points are none: x, y; x, y; x, y; x, y; x, y are expected."
        ) from None
