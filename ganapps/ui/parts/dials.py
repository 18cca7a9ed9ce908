"""What a diffusion model beside the GANs of a tab can be told: steps, seed, guidance, noise. Shown
with such a model only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from ganapps.models.catalog import Checkpoint
from ganapps.ui.parts import common
from ganapps.ui.words import t

DIALS = {  # setting: what it is called, lowest, highest, step
    "steps": (t("Steps"), 1, 100, 1),
    "guidance": (t("How closely it follows the text (guidance)"), 1, 15, 0.5),
    "image_guidance": (t("How closely it follows the picture (image guidance)"), 1, 5, 0.1),
    "noise_level": (t("Noise on the small picture: the more, the more is invented"), 0, 350, 1),
}


class Dials:
    """A slider for each setting of `DIALS` that one of the tab's diffusion models has in its row,
    and a seed.
    """

    def __init__(self, task: str, rows: list[Checkpoint], first: Checkpoint) -> None:
        # the first row's count
        starts = {
            name: row.defaults[name] for row in reversed(rows) for name in DIALS if _has(row, name)
        }
        with gr.Group(visible=first.kind == "diffusion", elem_id=f"{task}-dials") as self.group:
            self.sliders = {
                name: _slider(name, starts[name], task, _has(first, name))
                for name in DIALS
                if name in starts
            }
            self.seed = gr.Textbox(
                "0",
                label=t("Seed: a number or any words"),
                max_lines=1,
                max_length=200,
                elem_id=f"{task}-dial-seed",
            )

    @property
    def widgets(self) -> list:
        """What recipes are made from."""
        return [*self.sliders.values(), self.seed]

    def settings(self, values: Mapping, row: Checkpoint | None) -> dict[str, Any]:
        """The settings that the widgets ask for; none for a GAN."""
        if row is None or row.kind != "diffusion":
            return {}
        return {
            name: values[slider] for name, slider in self.sliders.items() if _has(row, name)
        } | {"seed": common.seed(values[self.seed])}

    def restored(self, settings: Mapping[str, Any]) -> dict:
        """Updates that show a recipe's settings."""
        told = {
            slider: settings[name]
            for name, slider in self.sliders.items()
            if settings.get(name) is not None
        }
        return told | {self.seed: str(settings.get("seed") or 0)}

    def chosen(self, row: Checkpoint | None) -> dict:
        """Updates that show another model's dials."""
        return {
            slider: gr.update(visible=_has(row, name)) for name, slider in self.sliders.items()
        } | {self.group: gr.update(visible=row is not None and row.kind == "diffusion")}


def _has(row: Checkpoint | None, name: str) -> bool:
    return row is not None and row.kind == "diffusion" and name in row.defaults


def _slider(name: str, value: float, task: str, visible: bool) -> gr.Slider:
    title, low, high, step = DIALS[name]
    return gr.Slider(
        low,
        high,
        value,
        step=step,
        label=title,
        visible=visible,
        elem_id=f"{task}-{name.replace('_', '-')}",
    )
