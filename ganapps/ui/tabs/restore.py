"""The restore tab: an old photograph mended in steps, each a switch, with before and after."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from ganapps.engine import Engine, on_files
from ganapps.errors import UserError
from ganapps.models.catalog import Checkpoint
from ganapps.recipe import Recipe
from ganapps.tasks.table import TASKS
from ganapps.ui.parts import common, keeping
from ganapps.ui.parts.before_after import before_after
from ganapps.ui.parts.picture_tab import PictureTab, Words
from ganapps.ui.parts.tab import Tab
from ganapps.ui.words import escaped, say, t

SMALL = 512  # pixels of the longer side of the picture on which all models are tried
STEPS = {  # each switch, and what its before and after are called
    "noise": "Noise removed",
    "scratches": "Scratches filled",
    "enlarge": "Enlarged",
    "faces": "Faces mended",
}


class RestoreTab(PictureTab):
    """What mending has of its own: a switch for each step, and how the picture looked between."""

    name = "restore"
    title = "Restore"
    shows = ("restore",)
    send = "Send to Restore"

    def __init__(self, engine: Engine, receivers: Sequence[type[Tab]] = ()) -> None:
        super().__init__(
            engine,
            receivers,
            Words(
                t("Restore it"), t("Restore all"), t("Every filler on it"), ("cat", "filler-ours")
            ),
        )

    def panel(self) -> None:
        """A list of models for each step, the first of which is none."""
        self.steps: dict[str, gr.Dropdown] = {}
        for name in STEPS:
            declared = self.widgets.declared[name]
            self.steps[name] = gr.Dropdown(
                self._choices(name, "en"),
                value=declared.default,
                label=t(declared.said.label),
                filterable=False,
                elem_id=f"restore-{name}",
            )
        self.widgets.by_name |= self.steps
        self.heads = gr.Textbox(
            "",
            label=t("Faces: x, y, side of a square around each"),
            placeholder="40, 60, 96; 200, 50, 90",
            max_lines=2,
            max_length=400,
            elem_id="restore-heads",
        )
        self.extra_widgets.append(self.heads)

    def below(self) -> None:
        """How the picture looked before and after each step."""
        self.between = gr.HTML(elem_id="restore-between")

    def takes(self, name: str, row: Checkpoint | None) -> bool:
        """Whatever the model that fills."""
        return True

    @property
    def models(self) -> set:
        """Whatever lists models: `opened` words them."""
        return {self.model, *self.steps.values()}

    def settings(self, values: Mapping, row: Checkpoint | None) -> dict[str, Any]:
        """The faces."""
        return {"heads": _heads(values[self.heads])}

    def restored(self, recipe: Recipe, lang: str) -> dict:
        """The faces, the steps."""
        heads = recipe.settings["heads"] or []
        written = "; ".join(", ".join(str(number) for number in head) for head in heads)
        return super().restored(recipe, lang) | {self.heads: written}

    def greeted(self, model: str, lang: str) -> dict:
        """The lists of models in the visitor's language, too."""
        worded = {
            box: gr.update(choices=self._choices(name, lang)) for name, box in self.steps.items()
        }
        return super().greeted(model, lang) | worded

    def _choices(self, name: str, lang: str) -> list[tuple[str, str]]:
        task = TASKS[self.name].others[name].task
        return [(say(lang, "leave out"), ""), *common.choices(self.engine, task, lang)]

    def arrived(self, shown: common.Shown, values: Mapping, lang: str) -> dict:
        """The picture before and after each step."""
        kept, traces = shown.kept[-1], values[self.area.traces]
        figures = ""
        for name, words in {"blocks": "Blocks removed", **STEPS}.items():
            if f"{name} before" not in kept.beside:
                continue
            pair = before_after(
                keeping.address(kept.beside[f"{name} before"], traces),
                keeping.address(kept.beside[f"{name} after"], traces),
                lang,
            )
            figures += f"<h3>{escaped(lang, words)}</h3>{pair}"
        return {self.between: figures + _told(kept.figures.get("faces", ()), lang)}

    def cleared(self) -> dict:
        """No steps."""
        return {self.between: ""}

    def trial(self, upload: str, values: Mapping, folder: Path) -> tuple[str, str]:
        """All fillers on the picture made small."""
        return on_files.shrunk(upload, SMALL, folder), ""

    def trial_settings(self, values: Mapping, row: Checkpoint | None) -> dict[str, Any] | None:
        """What removes noise and finds scratches; nothing that is fitted, which takes minutes."""
        if row is not None and row.kind == "fitted":
            return None
        return self.widgets.asked(values, lambda name: name in ("noise", "scratches", "grow"))


def _told(faces: Sequence[Mapping[str, Any]], lang: str) -> str:
    """How much each face was changed."""
    lines = [
        say(lang, "face {number}: changed by {n} of 255", number=number, n=face["changed"])
        for number, face in enumerate(faces, 1)
    ]
    return f'<div class="line">{" · ".join(lines)}</div>' if lines else ""


def _heads(text: str) -> list[list[int]] | None:
    """[[x, y, side], ...] of what stands in the field, None where it is empty. Raises UserError."""
    if not text.strip():
        return None
    heads = []
    for part in text.replace("\n", ";").split(";"):
        numbers = re.findall(r"-?\d{1,6}", part)
        if len(numbers) != 3 or not re.fullmatch(r"[\s,\d-]*", part):
            raise UserError("A head's square is three whole numbers: x, y, side.")
        heads.append([int(number) for number in numbers])
    return heads
