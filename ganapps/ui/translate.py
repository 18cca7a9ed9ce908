"""The translate tab: your picture in another domain, every model on it at once, and whether the twin can take it back."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from ganapps.catalog import Checkpoint
from ganapps.engine import Engine
from ganapps.errors import UserError
from ganapps.recipe import Recipe, from_json
from ganapps.ui import common
from ganapps.ui.before_after import Last
from ganapps.ui.picture_tab import PictureTab, Words
from ganapps.ui.words import say, t

SMALL = 256  # pixels of the longer side of the picture on which all models are tried


class TranslateTab(PictureTab):
    """What translating has of its own: styles, the other direction, the cycle check."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, "translate", Words(t("Translate"), t("Translate all"), t("Every model on it"), "example: coffee, styles-26, style 9",
                                                   "upscale", t("Send to Upscale")))

    def panel(self) -> None:
        """The other direction, and styles."""
        self.switch = gr.Button(t("The other way"), size="sm", visible=bool(self.first.back), elem_id="translate-switch")
        self.style = gr.Slider(0, 25, 0, step=1, label=t("Style"), visible=self.first.network == "styles26", elem_id="translate-style")
        self.own_widgets += [self.style]

    def actions(self) -> None:
        """The cycle check."""
        self.cycle_go = gr.Button(t("And back again"), size="sm", visible=bool(self.first.back), elem_id="translate-cycle-go")

    def below(self) -> None:
        """What the cycle check found."""
        self.cycle = gr.HTML(elem_id="translate-cycle")

    def settings(self, values: Mapping, row: Checkpoint | None) -> dict[str, Any]:
        """The style, of a network of many."""
        return {"labels": {str(int(values[self.style])): 1.0} if row and row.network == "styles26" else None}

    def restored(self, recipe: Recipe) -> dict:
        """The style."""
        style = next(iter(recipe.settings["labels"] or {}), "0")
        return {self.style: int(style) if style.isdigit() else 0}

    def own_events(self) -> list:
        """The other direction; there and back."""
        self.switch.click(lambda model: self.engine.row(model).back or model, self.model, self.model, **common.QUIET)
        return [self.cycle_go.click(self.and_back, {self.area.last, self.area.traces}, [self.cycle, self.area.line, self.go, self.stop], **common.BUSY)]

    def model_chosen(self, row: Checkpoint) -> dict:
        """Its way back, its styles."""
        back = gr.update(visible=bool(row.back))
        return {self.switch: back, self.cycle_go: back, self.style: gr.update(visible=row.network == "styles26")}

    def arrived(self, shown: common.Shown, values: Mapping, lang: str) -> dict:
        """The cycle check was of the result before."""
        return self.cleared()

    def cleared(self) -> dict:
        """No cycle check."""
        return {self.cycle: ""}

    def trial(self, upload: str, values: Mapping, folder: Path) -> tuple[str, dict[str, Any], str]:
        """All models on the picture made small."""
        return self.engine.shrunk(upload, SMALL, folder), {}, ""

    def and_back(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """The cycle check: the result goes through the other generator, and is laid beside the picture that came."""
        lang = common.language(request)
        last: Last | None = values[self.area.last]
        if not last:
            yield {self.area.line: common.refusal(UserError("Translate a picture first."), lang)}
            return
        row = self.engine.row(from_json(last.recipe).checkpoint)
        if row is None or not row.back:
            yield {self.area.line: common.refusal(UserError("The model of this result has no twin that goes back: choose one that has, and translate again."), lang)}
            return
        recipe = Recipe("translate", row.back, {})
        yield self.busy(True)
        for shown in common.show(self.engine.run(recipe, [last.raw]), recipe, lang):
            yield {self.area.line: shown.line} | ({self.cycle: self._cycle(last.upload, shown, values[self.area.traces], lang)} if shown.archive else {})
        yield self.busy(False)

    def _cycle(self, upload: str, shown: common.Shown, traces: list[str], lang: str) -> str:
        back = self.engine.returned(upload, shown.files[-1][0])
        beside = shown.kept[-1].beside
        frames = [(beside["before"], say(lang, "theirs")), (beside["after"], say(lang, "and back again")), (back.map, say(lang, "where it differs"))]
        pictures = "".join(f'<figure><img src="{self.area.address(p, traces)}" alt="{html.escape(w)}"><figcaption>{html.escape(w)}</figcaption></figure>' for p, w in frames)
        said = say(lang, "Returns {percent} % of your picture (cycle-consistency loss {loss}).", percent=back.percent, loss=back.loss)
        return f'<div class="cycle">{pictures}</div><p class="verdict">{html.escape(said)}</p>'
