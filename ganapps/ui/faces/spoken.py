"""Say: a sentence, the face that it names, and where each word acts."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from typing import Any

import gradio as gr

from ganapps.pictures import images
from ganapps.recipe import DRAWN
from ganapps.report import Kept
from ganapps.ui.faces.section import Section
from ganapps.ui.parts import common, keeping
from ganapps.ui.words import escaped, t


class Say(Section):
    """The sentence on top, the face under it, beside it a button for each word."""

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
        self.picture = gr.HTML("", elem_id="faces-say-picture")
        self.make_line()
        self.take = gr.Button(t("Edit this face"), size="sm", elem_id="faces-say-take")
        self.said: gr.State = gr.State({})  # the settings of the face that was said

    def listen(self) -> list:
        """Its events; Stop ends those that are returned."""
        shown = [self.picture, self.said, *self.buttons]
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
        yield self.tab.busy(True) | {self.picture: ""}
        for seen in self.run(self.recipe("say", values, settings), values, lang):
            update: dict = {self.line: seen.shown.line}
            if seen.preview is not None:
                update[self.picture] = f'<div class="said">{_picture(seen.preview)}</div>'
            if seen.shown.archive:
                kept = seen.shown.kept[0]
                known = {n: kept.recipe.settings[n] for n in ("seed", "psi", "labels")}
                update[self.said] = known
                update[self.picture] = _drawn(kept, seen.shown.files[0][0], lang)
            yield update


def _drawn(kept: Kept, path: str, lang: str) -> str:
    """The face, and its words as buttons: where one acts is laid over the face while it is pointed
    at or has the keyboard.
    """
    maps = {word: picture for word, picture in kept.beside.items() if word in kept.figures["words"]}
    words = "".join(_word(word, picture) for word, picture in maps.items())
    acts = escaped(
        lang,
        "Point at a word to see where it acts: how the face differs without it. AttnGAN (2017) "
        "shows where its network looks at a word; this is not that.",
    )
    about = f'<div class="line">{acts}</div>'
    first = kept.beside.get("first stage")
    if first is not None:
        stages = escaped(
            lang,
            "Drawn in two stages, {small} px and then {large}: small first is the idea of StackGAN "
            "(2016).",
            small=first.width,
            large=images.picture_of(kept).width,
        )
        small = _picture(keeping.shown_file(first, [], DRAWN))
        about = f'<div class="said-stages">{small}<div class="line">{stages}</div></div>{about}'
    link = common.download(path, "Download this face", lang)
    return (
        f'<div class="said">{_picture(path)}<div class="said-about">'
        f'<div class="said-words">{words}</div>{about}{link}</div></div>'
    )


def _word(word: str, picture: images.Picture) -> str:
    shown = _picture(keeping.shown_file(picture, [], DRAWN))
    return f'<button type="button">{shown}{shown}<span>{html.escape(word)}</span></button>'


def _picture(path: str) -> str:
    return f'<img src="{html.escape(common.served(path))}" alt="">'
