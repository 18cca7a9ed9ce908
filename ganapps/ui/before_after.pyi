"""Your picture in and the result beside it: an upload box that opens nothing, and a before/after that mouse, touch and keyboard move."""

from __future__ import annotations

import html
from pathlib import Path
from urllib.parse import quote

import gradio as gr

from ganapps.ui.words import say

from gradio.events import Dependency

class PictureBox(gr.Image):
    """An upload box whose value is the path of the file as it came.

    Gradio's own opens a picture before our code sees it, so that a hostile one ends in a bare error; here ganapps.uploads opens it.
    """

    def preprocess(self, payload: object) -> str | None:
        """The uploaded file's path, unopened."""
        return payload.path if payload is not None else None
    from typing import Callable, Literal, Sequence, Any, TYPE_CHECKING
    from gradio.blocks import Block
    if TYPE_CHECKING:
        from gradio.components import Timer
        from gradio.components.base import Component


def picture_box(label: object, elem_id: str) -> PictureBox:
    """The box every picture-to-picture tab begins with."""
    return PictureBox(label=label, type="filepath", image_mode=None, sources=["upload", "clipboard", "webcam"], elem_id=elem_id, height=220,
                      format="png", buttons=[])


def served(path: str | Path) -> str:
    """The address, relative to the page, of a file in Gradio's cache."""
    return "gradio_api/file=" + quote(str(path))


def before_after(before: str, after: str, lang: str, see_through: bool = False) -> str:
    """Two pictures of one shape on each other, addresses as `served` gives them; a range input, laid over them, is the handle."""
    labels = {k: html.escape(say(lang, k)) for k in ("Before", "After", "Before and after: arrow keys move the edge", "Lens")}
    return (f'<figure class="compare{" see-through" if see_through else ""}">'
            f'<img class="before" src="{html.escape(before)}" alt="{labels["Before"]}"><img class="after" src="{html.escape(after)}" alt="{labels["After"]}">'
            f'<span class="edge"></span><span class="tag left">{labels["Before"]}</span><span class="tag right">{labels["After"]}</span>'
            f'<span class="lens" aria-hidden="true"><i></i><i></i></span>'
            f'<input type="range" min="0" max="100" step="1" value="50" aria-label="{labels["Before and after: arrow keys move the edge"]}">'
            f'<button type="button" class="lens-button" aria-pressed="false">{labels["Lens"]}</button></figure>')