"""What lists, radio buttons and boxes to tick offer, in the visitor's language: a browser looks
labels up by itself, but no choices.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import gradio as gr

from ganapps.ui.words import named


def boxes(components: Iterable[Any]) -> list:
    """Those of the components that offer choices."""
    kinds = (gr.Dropdown, gr.Radio, gr.CheckboxGroup)
    return [component for component in components if isinstance(component, kinds)]


def said(boxes: Iterable[Any], lang: str) -> dict:
    """An update for each box that says its choices; nothing new in English, in which the page
    comes.
    """
    updates = {}
    for box in boxes:
        choices = [(named(lang, words), value) for words, value in box.choices]
        updates[box] = gr.skip() if lang == "en" else gr.update(choices=choices)
    return updates
