"""A picture on which one paints what is to be filled: brush, eraser, rectangle, undo. What is
painted is a text, a setting like any other (painter.js).

Not gr.ImageMask: that sends picture and mark back whole after each stroke, more than our doors let
in, keeps them in the server's memory, and has no way for the keyboard.
"""

from __future__ import annotations

import html

from ganapps.ui.words import escaped

TOOLS = (("brush", "Brush"), ("eraser", "Eraser"), ("box", "Rectangle"))
ACTIONS = (("undo", "Undo"), ("clear", "Clear"))
# the script that hands a text from the server to the page
REPLACES = """(text) => {
  document.dispatchEvent(new CustomEvent("mask-came", { detail: { text, adds: false } }));
}"""
ADDS = REPLACES.replace("false", "true")


def painter(address: str, size: tuple[int, int], lang: str) -> str:
    """The picture at `address`, as `served` gives it, with its tools; `size` (W, H) is that of the
    picture itself.
    """
    label = escaped(
        lang,
        "Mark what shall be filled: paint with the pointer, or move with the arrow keys and paint "
        "with the space bar",
    )
    sheet = (
        f'<img src="{html.escape(address)}" alt="{escaped(lang, "Your picture")}">'
        f'<canvas tabindex="0" role="application" aria-label="{label}"></canvas>'
        '<span class="painter-box" hidden></span><span class="painter-cursor" hidden></span>'
    )
    return (
        f'<figure class="painter" data-width="{size[0]}" data-height="{size[1]}">{_tools(lang)}'
        f'<div class="painter-window"><div class="painter-sheet">{sheet}</div></div></figure>'
    )


def _tools(lang: str) -> str:
    buttons = ""
    for name, words in TOOLS:
        pressed = "true" if name == "brush" else "false"
        buttons += (
            f'<button type="button" data-tool="{name}" aria-pressed="{pressed}">'
            f"{escaped(lang, words)}</button>"
        )
    for name, words in ACTIONS:
        buttons += f'<button type="button" data-do="{name}">{escaped(lang, words)}</button>'
    sliders = (
        f'<label>{escaped(lang, "Brush size")}<input type="range" class="painter-size" min="1" '
        f'max="64" value="16"></label><label>{escaped(lang, "Zoom")}<input type="range" '
        'class="painter-zoom" min="1" max="8" step="0.5" value="1"></label>'
    )
    return f'<div class="painter-tools" role="group">{buttons}{sliders}</div>'
