"""The same person otherwise: from 18 to 75, and from the front."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import gradio as gr

from ganapps.recipe import DRAWN
from ganapps.report import Kept
from ganapps.ui.faces.edit import Edit
from ganapps.ui.faces.section import NEUTRAL, Section
from ganapps.ui.faces.traces import Traces
from ganapps.ui.parts import common, keeping
from ganapps.ui.words import escaped, named, say, t


class Ages(Section):
    """Of the face that stands in Edit, with the edits that it has there."""

    name = "ages"

    def __init__(self, edit: Edit) -> None:
        super().__init__(edit.tab, edit.face, edit.traces)
        self.edit = edit

    def make(self) -> None:
        """Lay it out."""
        self.about = gr.HTML(_about("en"), elem_id="faces-ages-about")
        with gr.Row(elem_classes="bench"):
            self.go = gr.Button(t("From 18 to 75"), elem_id="faces-ages-go")
            self.front = gr.Button(t("To the front"), elem_id="faces-ages-front")
        self.make_line()
        words = t("The same person: click one to go on with it")
        self.strip = self.made_strip(words, 7, "strip")
        with gr.Row(elem_classes="bench"):
            self.file = gr.HTML("", elem_id="faces-ages-file")
            self.take = gr.Button(t("Edit this face"), size="sm", elem_id="faces-ages-take")
        self.made: gr.State = gr.State([])  # of each picture its face as text and its path
        self.chosen: gr.State = gr.State({})  # the settings of the face that was clicked

    def worded(self, lang: str) -> dict:
        """What is said in the visitor's language."""
        return {self.about: _about(lang)}

    def listen(self) -> list:
        """Its events; Stop ends those that are returned."""
        edit = self.edit
        asked = edit.reads
        shown = [self.strip, self.file, self.made, self.chosen, *self.buttons]
        self.strip.select(self.picked, self.made, [self.file, self.chosen], **common.EACH)
        return [
            self.go.click(self.tab.stoppable(self.aged), asked, shown, **common.BUSY),
            self.front.click(self.tab.stoppable(self.turned), asked, shown, **common.BUSY),
        ]

    # -- what happens

    def aged(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """The strip, picture by picture."""
        yield from self._made("ages", values, common.language(request))

    def turned(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """The face before, and from the front."""
        yield from self._made("frontal", values, common.language(request))

    def picked(self, made: list, request: gr.Request, event: gr.SelectData) -> tuple:
        """One of them is the one to go on with."""
        if event.index >= len(made):
            return gr.skip(), gr.skip()
        styles, path = made[event.index]
        link = common.download(path, "Download this face", common.language(request))
        return link, {"styles": styles} if styles else {}

    @property
    def without_outputs(self) -> list:
        """What `without` fills."""
        return [self.strip, self.file, self.made, self.chosen, self.line]

    def without(self, traces: Traces, values: Mapping) -> dict[Any, Any]:
        """What is left when all of an upload goes: of a strip nothing, where it has some of it."""
        if not traces.hold(path for _, path in values[self.made]):
            return {}
        return {self.strip: None, self.file: "", self.made: [], self.chosen: {}, self.line: NEUTRAL}

    def _made(self, task: str, values: Mapping, lang: str) -> Iterator[dict]:
        yield self.tab.busy(True) | {self.file: "", self.chosen: {}}
        for seen in self.run(self.recipe(task, values, self.edit.now(values)), values, lang):
            update: dict = {self.line: seen.shown.line}
            pairs = list(zip(seen.shown.kept, seen.shown.files))
            if pairs:
                pictures = [(path, _caption(kept, lang)) for kept, (path, _) in pairs]
                made = [(kept.figures["styles"], path) for kept, (path, _) in pairs]
                before = pairs[0][0].beside.get("before")
                if before is not None:
                    path = keeping.shown_file(before, seen.traces, DRAWN)
                    pictures.insert(0, (path, say(lang, "as it is")))
                    made.insert(0, ("", path))
                update |= {self.strip: pictures, self.made: made}
            if seen.shown.archive:
                update[self.file] = common.download(seen.shown.archive, "Download all", lang)
                update[self.chosen] = {"styles": pairs[-1][0].figures["styles"]}
            yield update


def _about(lang: str) -> str:
    told = escaped(
        lang,
        "The number under each picture says how alike it still is in whom it shows, as the reader "
        "of heads sees it: 1 is the same picture, one person on two days has 0.7, strangers have "
        "0. Of other models it says how much of everything else moved, of its whole way.",
    )
    return f'<div class="line">{told}</div>'


def _caption(kept: Kept, lang: str) -> str:
    """How old, or from the front; and how alike it still is, else how much else moved, where
    somebody reads that.
    """
    caption = named(lang, kept.caption)
    told = kept.figures.get("likeness", kept.figures["others_moved"])
    return caption if told is None else f"{caption} · {told:.2f}"
