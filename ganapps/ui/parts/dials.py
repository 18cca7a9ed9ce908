"""What a diffusion model, or one that is fitted to a picture, can be told beside a tab's others:
steps, seed, guidance, noise. Shown with such a model only.
"""

from __future__ import annotations

import gradio as gr

from ganapps.models.catalog import Checkpoint
from ganapps.ui.parts.settings import Widgets

KINDS = ("diffusion", "fitted")
DIALS = ("steps", "guidance", "image_guidance", "noise_level", "seed")


class Dials:
    """A slider for each setting of `DIALS` that one of the tab's diffusion models has in its row,
    and a seed.
    """

    def __init__(self, widgets: Widgets, rows: list[Checkpoint], first: Checkpoint) -> None:
        # the first row's count
        starts = {
            name: row.defaults[name] for row in reversed(rows) for name in DIALS if _has(row, name)
        }
        tab = widgets.tab
        with gr.Group(visible=first.kind in KINDS, elem_id=f"{tab}-dials") as self.group:
            self.sliders = {
                name: widgets.make(name, value=starts[name], visible=_has(first, name))
                for name in DIALS
                if name in starts and name in widgets.declared
            }
            if "seed" in widgets.declared:
                widgets.make("seed", elem_id=f"{tab}-dial-seed")

    def takes(self, name: str, row: Checkpoint | None) -> bool:
        """Can the model be told this?"""
        if name == "seed":
            return row is not None and row.kind in KINDS
        return _has(row, name)

    def chosen(self, row: Checkpoint | None) -> dict:
        """Updates that show another model's dials."""
        shown: dict = {
            slider: gr.update(visible=_has(row, name)) for name, slider in self.sliders.items()
        }
        return shown | {self.group: gr.update(visible=self.takes("seed", row))}


def _has(row: Checkpoint | None, name: str) -> bool:
    return row is not None and row.kind in KINDS and name in row.defaults
