"""Say: a sentence, the face that it names, and where each word acts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import gradio as gr

from ganapps.recipe import DRAWN
from ganapps.ui.faces.section import Section
from ganapps.ui.parts import common, keeping
from ganapps.ui.words import t


class Say(Section):
    """The sentence on top, the face under it, beside it a picture for each word."""

    name = "say"

    def make(self) -> None:
        """Lay it out."""
        with gr.Row(elem_classes="bench"):
            self.sentence = gr.Textbox(
                "",
                label=t("Say whom to draw"),
                placeholder="an old smiling woman with glasses, grey hair, looking left",
                max_lines=2,
                max_length=500,
                elem_id="faces-say-sentence",
            )
            self.go = gr.Button(t("Draw"), elem_id="faces-say-go")
        with gr.Row(elem_classes="bench"):
            self.picture = gr.Image(
                label=t("The face"),
                show_label=False,
                type="filepath",
                format="png",
                buttons=["download"],
                interactive=False,
                elem_id="faces-say-picture",
                elem_classes="bench-picture",
            )
            self.words = gr.Gallery(
                label=t("Where each word acts: how the face differs without it"),
                columns=3,
                object_fit="cover",
                height="auto",
                format="png",
                buttons=[],
                interactive=False,
                elem_id="faces-say-words",
                elem_classes=["wall", "later"],
            )
        self.make_line()
        self.take = gr.Button(t("Edit this face"), size="sm", elem_id="faces-say-take")
        self.said: gr.State = gr.State({})  # the settings of the face that was said

    def listen(self) -> list:
        """Its events; Stop ends those that are returned."""
        shown = [self.picture, self.words, self.said, *self.buttons]
        pressed = [self.go.click, self.sentence.submit]
        return [
            gr.on(
                pressed,
                self.tab.stoppable(self.drawn),
                {*self.given, self.sentence},
                shown,
                **common.BUSY,
            )
        ]

    def drawn(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """Two stages: small, then whole."""
        lang = common.language(request)
        asked = self.tab.recipe(values).settings
        settings: dict[str, Any] = {"sentence": values[self.sentence]}
        settings |= {name: asked[name] for name in ("seed", "psi") if asked.get(name) is not None}
        yield self.tab.busy(True) | {self.words: None}
        for seen in self.run(self.recipe("say", values, settings), values, lang):
            update: dict = {self.line: seen.shown.line}
            if seen.preview is not None:
                update[self.picture] = seen.preview
            if seen.shown.archive:
                kept = seen.shown.kept[0]
                known = {n: kept.recipe.settings[n] for n in ("seed", "psi", "labels")}
                update |= {self.picture: seen.shown.files[0][0], self.said: known}
                maps = {w: p for w, p in kept.beside.items() if w in kept.figures["words"]}
                update[self.words] = [
                    (keeping.shown_file(picture, [], DRAWN), word) for word, picture in maps.items()
                ]
            yield update
