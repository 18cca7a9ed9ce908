"""How the faces that ship were learned: six moments of their training, under a slider."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import gradio as gr

from ganapps.ui.parts import common
from ganapps.ui.parts.boxes import SliderBox
from ganapps.ui.words import escaped, t

# sheets and figures, written by training/history.py
FOLDER = Path(__file__).parents[1] / "examples" / "history"


class History:
    """`make` lays it out, `listen` lets the slider change the sheet."""

    def make(self) -> None:
        """Folded, where the layout stands."""
        last = len(moments())
        with gr.Accordion(t("Watch ours: how Heads 128 learned"), open=False, elem_id="learn-ours"):
            self.slider = SliderBox(
                1, last, value=last, step=1, label=t("Moment"), elem_id="learn-moment"
            )
            self.sheet = gr.HTML(shown(last, "en"), elem_id="learn-moment-sheet")

    def listen(self) -> None:
        """The slider's event."""
        self.slider.change(self.turned, self.slider, self.sheet, **common.LATEST)

    def opened(self, lang: str) -> dict:
        """The sheet in the visitor's language."""
        return {self.sheet: shown(len(moments()), lang)}

    def turned(self, moment: float, request: gr.Request) -> str:
        """Another sheet."""
        return shown(int(moment or 0), common.language(request))


@cache
def moments() -> list[Mapping[str, Any]]:
    """The moments in their order."""
    return json.loads((FOLDER / "heads.json").read_text("utf-8"))


def shown(moment: int, lang: str) -> str:
    """The sheet of a moment, from 1, and its figures. A number that is none shows the nearest."""
    listed = moments()
    one = listed[min(max(moment, 1), len(listed)) - 1]
    told = escaped(
        lang,
        "{pictures} pictures seen: Fréchet distance {frechet}, precision {precision}, recall "
        "{recall}. The same sixteen seeds at each moment.",
        pictures=f"{one['pictures']:,}",
        frechet=one["frechet"],
        precision=f"{one['precision']:.2f}",
        recall=f"{one['recall']:.2f}",
    )
    address = html.escape(common.served(FOLDER / one["sheet"]))
    return (
        f'<figure class="lab-sheet"><img src="{address}" alt="">'
        f"<figcaption>{told}</figcaption></figure>"
    )
