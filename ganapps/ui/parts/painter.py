"""A picture on which one paints what is to be filled: brush, eraser, rectangle, undo; and dabs of
colour, where a tab takes them. What is painted is a text, a setting like any other (painter.js).

Not gr.ImageMask: that sends picture and mark back whole after each stroke, more than our doors let
in, keeps them in the server's memory, and has no way for the keyboard.
"""

from __future__ import annotations

import html

from ganapps.ui.words import escaped

TOOLS = (("brush", "Brush"), ("eraser", "Eraser"), ("box", "Rectangle"))
TINT = ("tint", "Colour brush")
ACTIONS = (("undo", "Undo"), ("clear", "Clear"))


def replaces(tab: str) -> str:
    """The script that hands a mask from the server to the page of that tab."""
    return _told(tab, "mask-came", adds=False)


def adds(tab: str) -> str:
    """And one that is added to what is painted."""
    return _told(tab, "mask-came", adds=True)


def tints(tab: str) -> str:
    """And dabs of colour."""
    return _told(tab, "hints-came", adds=False)


def _told(tab: str, event: str, adds: bool) -> str:
    detail = f'{{ tab: "{tab}", text, adds: {"true" if adds else "false"} }}'
    return f"""(text) => {{
  document.dispatchEvent(new CustomEvent("{event}", {{ detail: {detail} }}));
}}"""


def painter(
    address: str, size: tuple[int, int], lang: str, tinted: bool = False, label: str = ""
) -> str:
    """The picture at `address`, as `served` gives it, with its tools; `size` (W, H) is that of the
    picture itself. `tinted`: there is a brush for dabs of colour, too. `label` says what is painted
    and how, in the visitor's language; left out, what shall be filled.
    """
    label = html.escape(label) or escaped(
        lang,
        "Mark what shall be filled: paint with the pointer, or move with the arrow keys and paint "
        "with the space bar",
    )
    sheet = (
        f'<img src="{html.escape(address)}" alt="{escaped(lang, "Your picture")}">'
        f'<canvas tabindex="0" role="application" aria-label="{label}"></canvas>'
        f"{'<canvas class=painter-tint></canvas>' if tinted else ''}"
        '<span class="painter-box" hidden></span><span class="painter-cursor" hidden></span>'
    )
    return (
        f'<figure class="painter" data-width="{size[0]}" data-height="{size[1]}">'
        f"{_tools(lang, tinted)}"
        f'<div class="painter-window"><div class="painter-sheet">{sheet}</div></div></figure>'
    )


def _tools(lang: str, tinted: bool) -> str:
    buttons = ""
    for name, words in (*TOOLS, TINT) if tinted else TOOLS:
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
    if tinted:
        sliders = (
            f'<label>{escaped(lang, "Its colour")}<input type="color" class="painter-colour" '
            f'value="#b5651d"></label>{sliders}'
        )
    hint = f'<span class="painter-hint">{escaped(lang, "Two fingers move a zoomed picture")}</span>'
    return f'<div class="painter-tools" role="group">{buttons}{sliders}{hint}</div>'
