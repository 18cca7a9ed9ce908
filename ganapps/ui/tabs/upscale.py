"""The upscale tab: your picture enlarged, before and after on each other, every model on a crop,
and what was invented.
"""

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
from ganapps.ui.parts import common, keeping
from ganapps.ui.parts.before_after import figures_line, picture_box
from ganapps.ui.parts.picture_tab import PictureTab, Words
from ganapps.ui.parts.tab import Tab
from ganapps.ui.words import say, t

HEAT = {
    "contradicted": "contradicted: it does not fit your picture",
    "invented": "invented: your picture does not hold it",
}
CROP = 96  # pixels a side of the part on which all models are tried
SIZES = [
    ("as the model does", "own"),
    ("2x", "2"),
    ("3x", "3"),
    ("4x", "4"),
    ("8x", "8"),
    ("a width in pixels", "width"),
]


class UpscaleTab(PictureTab):
    """What enlarging has of its own: how large, tiles, a true picture to measure against, a crop to
    try all models on, heat maps.
    """

    name = "upscale"
    title = "Upscale"
    shows = ("upscale",)
    send = "Send to Upscale"
    best = "real-hat-gan-x4"

    def __init__(self, engine: Engine, receivers: Sequence[type[Tab]] = ()) -> None:
        super().__init__(
            engine,
            receivers,
            Words(
                t("Enlarge"),
                t("Enlarge all"),
                t("Every model on a crop"),
                ("cat", "realesrgan-x4plus"),
            ),
        )

    def panel(self) -> None:
        """How large, and how much noise is removed."""
        self.size = gr.Dropdown(
            SIZES, value="own", label=t("How large"), filterable=False, elem_id="upscale-size"
        )
        # what it begins with where a width is asked for
        self.width = self.widgets.make("width", value=1920, minimum=1, visible=False)
        self.denoise = self.widgets.make(
            "denoise", value=0.5, visible=self.takes("denoise", self.first)
        )
        self.extra_widgets.append(self.size)

    def below(self) -> None:
        """Where the crop is, and what was invented."""
        self.crop = gr.Textbox(
            "",
            label=t("Crop: x, y, width, height"),
            info=t(
                "Drag on your picture, click it, or type: on this part every model is tried. "
                "Empty: its middle."
            ),
            placeholder="40, 60, 96, 96",
            max_lines=1,
            max_length=60,
            elem_id="upscale-crop",
        )
        self.heat = gr.Gallery(
            label=t("What was invented"),
            show_label=False,
            columns=2,
            object_fit="contain",
            height="auto",
            format="png",
            type="filepath",
            buttons=["fullscreen"],
            interactive=False,
            elem_id="upscale-heat",
            elem_classes=["wall", "later"],
        )

    def more(self) -> None:
        """Tiles, 16 bits, a true picture."""
        self.widgets.make("tile")
        self.widgets.make("sixteen_bit")
        self.truth = picture_box(t("The true picture, to measure against"), "upscale-truth")
        self.run_widgets += [self.truth, self.crop]
        self.more_uploads.append(self.truth)

    def takes(self, name: str, row: Checkpoint | None) -> bool:
        """How much noise is removed is for some networks only; a width is one of the sizes."""
        if name == "denoise":
            return row is not None and self.engine.models.takes(row.network, "denoise")
        return name != "width" and super().takes(name, row)

    def settings(self, values: Mapping, row: Checkpoint | None) -> dict[str, Any]:
        """The size."""
        if values[self.size] == "width":
            return {"width": values[self.width] or 0}
        return {} if values[self.size] == "own" else {"scale": float(values[self.size])}

    def restored(self, recipe: Recipe, lang: str) -> dict:
        """The size; noise, whose None is all of it."""
        s = recipe.settings
        size = "width" if s["width"] else f"{s['scale']:g}" if s["scale"] in (2, 3, 4, 8) else "own"
        return super().restored(recipe, lang) | {
            self.size: size,
            self.width: gr.update(value=s["width"] or 1920, visible=size == "width"),
            self.denoise: 1.0 if s["denoise"] is None else s["denoise"],
        }

    def model_chosen(self, row: Checkpoint, lang: str) -> dict:
        """Its choice of noise, where it has one."""
        return {self.denoise: gr.update(visible=self.takes("denoise", row))} | super().model_chosen(
            row, lang
        )

    def running_events(self) -> list:
        """The width where it is asked for. (A drag on the picture fills the crop's field:
        window.js.)
        """
        self.size.change(
            lambda size: gr.update(visible=size == "width"), self.size, self.width, **common.QUIET
        )
        return []

    def arrived(self, shown: common.Shown, values: Mapping, lang: str) -> dict:
        """Heat maps, and the distance from the true picture."""
        kept = shown.kept[-1]
        traces = values[self.area.traces]
        heat = [
            (keeping.shown_file(kept.beside[n], traces), say(lang, said))
            for n, said in HEAT.items()
            if n in kept.beside
        ]
        update: dict = {self.heat: heat}
        if values[self.truth]:
            update[self.area.facts] = figures_line(
                {
                    **kept.figures,
                    **on_files.against_truth(shown.files[-1][0], values[self.truth]),
                },
                lang,
            )
        return update

    def cleared(self) -> dict:
        """No heat maps."""
        return {self.heat: []}

    def trial(self, upload: str, values: Mapping, folder: Path) -> tuple[str, str]:
        """All models on one crop."""
        return on_files.cropped(
            upload, _box(values[self.crop]), CROP, folder
        ), "bicubic, no network"

    def trial_settings(self, values: Mapping, row: Checkpoint | None) -> dict[str, Any] | None:
        """Without heat maps."""
        return {"inspect": False}


def _box(text: str) -> list[int] | None:
    """[x, y, width, height] of what stands in the crop's field, None where it is empty. Raises
    UserError.
    """
    numbers = re.findall(r"-?\d{1,6}", text)
    if text.strip() and (len(numbers) != 4 or not re.fullmatch(r"[\s,;x\d-]*", text)):
        raise UserError("A crop is four whole numbers: x, y, width, height.")
    return [int(n) for n in numbers] or None
