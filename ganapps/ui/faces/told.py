"""What is told beside the sliders of Edit: what each edit moved, whether it is still the same
person, and what a reader sees in the face.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from ganapps.ui.faces.others import said
from ganapps.ui.words import escaped, named

MOST = 5  # steps that are told of one edit


def told(
    figures: Mapping[str, Any],
    titles: Mapping[str, str],
    controls: Sequence[Mapping[str, Any]],
    lang: str,
) -> str:
    """HTML of the figures of the task `edit`; `titles` are those of the model's directions,
    `controls` its labels. "" where nobody reads anything.
    """
    parts = _moved(figures.get("moved", {}), titles, lang)
    if "likeness" in figures:
        scale = escaped(
            lang, "1: the same picture; one person on two days has 0.7, strangers have 0."
        )
        head = escaped(lang, "Still the same person")
        parts += f"<p><span>{head}</span> {figures['likeness']:.2f} <small>{scale}</small></p>"
    seen = _seen(figures.get("shows", {}), controls, lang)
    if seen:
        parts += f"<p><span>{escaped(lang, 'A reader of heads sees')}</span> {seen}</p>"
    return f'<div class="moved">{parts}</div>' if parts else ""


def _moved(moved: Mapping[str, Mapping[str, float]], titles: Mapping[str, str], lang: str) -> str:
    """Of each edit alone: "smile +0.8, age +0.1"."""
    rows = []
    for name, steps in moved.items():
        shown = [
            f"{said(lang, titles.get(other, other))} {step:+.1f}"
            for other, step in steps.items()
            if other.partition(":")[0] != name.partition(":")[0] or other == name
        ]
        title = said(lang, titles.get(name, name))
        rows.append(f"<dt>{html.escape(title)}</dt><dd>{html.escape(', '.join(shown[:MOST]))}</dd>")
    if not rows:
        return ""
    head = escaped(lang, "What each edit moved, read off the pictures (1 is the whole way)")
    return f"<span>{head}</span><dl>{''.join(rows)}</dl>"


def _seen(shows: Mapping[str, Any], controls: Sequence[Mapping[str, Any]], lang: str) -> str:
    """ "Age 52 years, hair long": each label as the panel calls it."""
    parts = []
    for control in controls:
        if control["id"] in shows:
            title = html.escape(named(lang, control["title"]))
            parts.append(f"{title} {_value(shows[control['id']], control, lang)}")
    return ", ".join(parts)


def _value(value: Any, control: Mapping[str, Any], lang: str) -> str:
    if control["kind"] == "colour":
        colour = html.escape(str(value))
        swatch = f'class="swatch" style="background: {colour}" role="img" aria-label="{colour}"'
        return f"<i {swatch}></i>"
    if control["kind"] == "choice":
        return html.escape(named(lang, str(value)))
    if control["unit"]:
        return f"{value:.0f} {html.escape(named(lang, control['unit']))}"
    return f"{value:.1f}"
