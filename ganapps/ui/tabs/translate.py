"""The translate tab: your picture in another domain, every model on it at once, and whether the
twin can take it back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from ganapps.engine import Engine, on_files
from ganapps.engine.models import FACE
from ganapps.errors import UserError
from ganapps.models.catalog import Checkpoint
from ganapps.recipe import Recipe, from_json
from ganapps.ui.parts import common, cycle, keeping
from ganapps.ui.parts.before_after import LARGE_EXAMPLES, Last
from ganapps.ui.parts.boxes import SliderBox
from ganapps.ui.parts.dials import DIALS
from ganapps.ui.parts.picture_tab import PictureTab, Words
from ganapps.ui.parts.sheet import Sheet, Trial
from ganapps.ui.parts.tab import Tab
from ganapps.ui.words import say, t

STYLES = 26  # of a network that has many
SMALL = 256  # pixels of the longer side of the picture on which all models are tried


class TranslateTab(PictureTab):
    """What translating has of its own: styles, the other direction, the cycle check."""

    name = "translate"
    title = "Translate"
    shows = ("translate",)
    send = "Send to Translate"
    best = "horse2zebra"
    given_examples = LARGE_EXAMPLES

    def __init__(self, engine: Engine, receivers: Sequence[type[Tab]] = ()) -> None:
        super().__init__(
            engine,
            receivers,
            Words(
                t("Translate"),
                t("Translate all"),
                t("Every model on it"),
                ("coffee", "photo-to-bold-painting"),
            ),
        )

    def panel(self) -> None:
        """The other direction; styles; attributes of a face; what an editor is told."""
        self.switch = gr.Button(
            t("The other way"), size="sm", visible=bool(self.first.back), elem_id="translate-switch"
        )
        self.style = SliderBox(
            0,
            STYLES - 1,
            0,
            step=1,
            label=t("Style"),
            visible=self.engine.models.takes(self.first.network, "style"),
            elem_id="translate-style",
        )
        self.face = gr.CheckboxGroup(
            list(FACE),
            label=t("What the face should have"),
            visible=self.engine.models.takes(self.first.network, "face"),
            elem_id="translate-face",
        )
        self.prompt = self.widgets.make(
            "prompt", visible=self.takes("prompt", self.first), max_lines=3
        )
        self.extra_widgets += [self.style, self.face]

    def actions(self) -> None:
        """The cycle check."""
        self.cycle_go = gr.Button(
            t("And back again"),
            size="sm",
            visible=bool(self.first.back),
            elem_id="translate-cycle-go",
        )
        self.styles_go = gr.Button(
            t("Every style on it"),
            size="sm",
            visible=self.engine.models.takes(self.first.network, "style"),
            elem_id="translate-styles-go",
        )

    def below(self) -> None:
        """What the cycle check found; every style of a model that has many."""
        self.cycle = gr.HTML(elem_id="translate-cycle")
        self.styles = Sheet(self.engine, "translate-styles", t("Every style on it"), columns=6)

    def takes(self, name: str, row: Checkpoint | None) -> bool:
        """Words are for editors only."""
        if name == "prompt":
            return row is not None and row.kind == "diffusion"
        return super().takes(name, row)

    def settings(self, values: Mapping, row: Checkpoint | None) -> dict[str, Any]:
        """The style or the attributes, of a model that takes them."""
        network = row.network if row else values[self.weights.kind]
        if self.engine.models.takes(network, "style"):
            return {"labels": {str(values[self.style]): 1.0}}
        if self.engine.models.takes(network, "face"):
            return {"labels": {name: 1.0 for name in _attributes(row) if name in values[self.face]}}
        return {}

    def restored(self, recipe: Recipe, lang: str) -> dict:
        """The style, the attributes, the words."""
        row, chosen = self.engine.models.row(recipe.checkpoint), recipe.settings["labels"] or {}
        network = row.network if row else ""
        style = next(iter(chosen), "0")
        known = _attributes(row)
        return super().restored(recipe, lang) | {
            self.style: gr.update(
                value=int(style) if style.isdecimal() and len(style) < 3 else 0,
                visible=self.engine.models.takes(network, "style"),
            ),
            self.face: gr.update(
                choices=[(say(lang, name), name) for name in known],
                value=[name for name in chosen if name in known],
                visible=self.engine.models.takes(network, "face"),
            ),
            self.prompt: gr.update(
                value=recipe.settings["prompt"], visible=self.takes("prompt", row)
            ),
        }

    def running_events(self) -> list:
        """The other direction; there and back."""
        self.switch.click(
            lambda model: common.row(self.engine, model).back or model,
            self.model,
            self.model,
            **common.QUIET,
        )
        self.styles.gallery.select(_style_of, self.styles.tried, self.style, **common.EACH)
        return [
            self.cycle_go.click(
                self.stoppable(self.and_back),
                {self.area.last, self.area.traces},
                [self.cycle, self.line, self.go, self.stop],
                **common.BUSY,
            ),
            self.styles_go.click(
                self.stoppable(self.every_style),
                {*self.asked, self.picture, self.area.traces},
                [*self.styles.cleared(), self.line, self.go, self.stop],
                **common.BUSY,
            ),
        ]

    def every_style(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """Each style of the model on the picture, made small."""
        lang = common.language(request)

        def asked(upload: str, folder: Path) -> tuple[str, Iterable[Trial], str]:
            recipe = self.whole(values)
            trials = [
                Trial(
                    str(style),
                    say(lang, "style {number}", number=style),
                    "",
                    recipe.with_settings(labels={str(style): 1.0}, brush=None),
                    self.weights.path(values),
                    timed=False,
                )
                for style in range(STYLES)
            ]
            small, _ = self.trial(upload, values, folder)
            return small, trials, ""

        yield from self.tried_on(self.styles, asked, values, request)

    def model_chosen(self, row: Checkpoint, lang: str) -> dict:
        """Its way back, its styles, its attributes, its words."""
        back = gr.update(visible=bool(row.back))
        return (
            {
                self.switch: back,
                self.cycle_go: back,
                self.prompt: gr.update(visible=self.takes("prompt", row)),
                self.widgets.by_name["brush"]: row.learned_at,
            }
            | self._controls(row.network, row, lang)
            | super().model_chosen(row, lang)
        )

    def file_came(self, kind: str, model: str, request: gr.Request) -> dict:
        """The controls of a person's own file, or of the model again."""
        lang = common.language(request)
        return (
            self._controls(kind, None, lang) | self.dials.chosen(None)
            if kind
            else self.model_chosen(common.row(self.engine, model), lang)
        )

    def _controls(self, network: str, row: Checkpoint | None, lang: str) -> dict:
        choices = [(say(lang, name), name) for name in _attributes(row)]
        return {
            self.style: gr.update(visible=self.engine.models.takes(network, "style")),
            self.styles_go: gr.update(visible=self.engine.models.takes(network, "style")),
            self.face: gr.update(
                choices=choices, visible=self.engine.models.takes(network, "face")
            ),
        }

    def arrived(self, shown: common.Shown, values: Mapping, lang: str) -> dict:
        """The cycle check was of the result before; the styles are of the same picture."""
        return {self.cycle: ""}

    def cleared(self) -> dict:
        """No cycle check, no styles."""
        return {self.cycle: ""} | self.styles.cleared()

    def trial(self, upload: str, values: Mapping, folder: Path) -> tuple[str, str]:
        """All models on the picture made small."""
        return on_files.shrunk(upload, SMALL, folder), ""

    def trial_settings(self, values: Mapping, row: Checkpoint | None) -> dict[str, Any] | None:
        """An editor is told what the field says, and is left out where that is nothing."""
        if not self.takes("prompt", row):
            return {}
        if not values[self.prompt].strip():
            return None
        told = ("prompt", *DIALS)
        return self.widgets.asked(values, lambda name: name in told and self.takes(name, row))

    def and_back(self, values: Mapping, request: gr.Request) -> Iterator[dict]:
        """The cycle check: the result goes back through the other generator F, and the losses of
        the paper on this picture.
        """
        lang = common.language(request)
        last: Last | None = values[self.area.last]
        if not last:
            yield {self.line: common.refusal(UserError("Translate a picture first."), lang)}
            return
        row = self.engine.models.row(from_json(last.recipe).checkpoint)
        if row is None or not row.back:
            yield {
                self.line: common.refusal(
                    UserError(
                        "The model of this result has no twin that goes back: choose one that has, "
                        "and translate again."
                    ),
                    lang,
                )
            }
            return
        yield self.busy(True)
        try:
            for line, found in cycle.check(
                self.engine,
                last,
                row,
                lambda picture, kind: keeping.address(picture, values[self.area.traces], kind),
                lang,
            ):
                yield {self.line: line, self.cycle: found}
        except UserError as e:  # there is no room for its pictures
            yield {self.line: common.refusal(e, lang)}


def _style_of(tried: list[str], event: gr.SelectData) -> Any:
    """The style of the cell that was clicked."""
    return int(tried[event.index]) if event.index < len(tried) else gr.skip()


def _attributes(row: Checkpoint | None) -> list[str]:
    """What a StarGAN sets on a face, by name: its row's own names, else those of the published
    one.
    """
    return list(row.classes if row and row.classes else FACE)
