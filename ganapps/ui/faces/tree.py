"""A family as one picture: a row for each generation, a line from each parent to its child."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from ganapps.ui.parts.common import served

SIDE, APART, DOWN = 72, 18, 46  # of a face, and between faces, in the picture's units


def generations(family: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """How many generations of ancestors each has; who is listed comes behind its parents."""
    found: dict[str, int] = {}
    for name, member in family.items():
        elders = [found[elder] + 1 for elder in member.get("of", ()) if elder in found]
        found[name] = max(elders, default=0)
    return found


def drawn(family: Mapping[str, Mapping[str, Any]], faces: Mapping[str, str], said: str) -> str:
    """An SVG; `faces` are the paths of the thumbnails, `said` is what the picture is called."""
    if not family:
        return ""
    rows: dict[int, list[str]] = {}
    for name, generation in generations(family).items():
        rows.setdefault(generation, []).append(name)
    width = max(len(row) for row in rows.values()) * (SIDE + APART)
    height = len(rows) * (SIDE + DOWN)
    places = {}
    for generation, row in rows.items():
        begin = (width - len(row) * (SIDE + APART)) / 2
        for index, name in enumerate(row):
            left = begin + index * (SIDE + APART) + APART / 2
            places[name] = (left, generation * (SIDE + DOWN))
    lines = [
        _line(places[elder], places[name])
        for name, member in family.items()
        for elder in member.get("of", ())
        if elder in places
    ]
    nodes = [_node(name, faces.get(name, ""), place) for name, place in places.items()]
    return (
        f'<div class="family"><svg viewBox="0 0 {width} {height}" width="{width}" role="img" '
        f'aria-label="{html.escape(said)}">{"".join(lines)}{"".join(nodes)}</svg></div>'
    )


def _line(above: tuple[float, float], below: tuple[float, float]) -> str:
    x, y = above[0] + SIDE / 2, above[1] + SIDE + 16
    to_x, to_y = below[0] + SIDE / 2, below[1]
    middle = (y + to_y) / 2
    return f'<path d="M{x} {y} C{x} {middle} {to_x} {middle} {to_x} {to_y}"/>'


def _node(name: str, face: str, place: tuple[float, float]) -> str:
    left, top = place
    shown = html.escape(name)
    picture = html.escape(served(face)) if face else ""
    return (
        f'<g><title>{shown}</title><image href="{picture}" x="{left}" y="{top}" '
        f'width="{SIDE}" height="{SIDE}"/>'
        f'<text x="{left + SIDE / 2}" y="{top + SIDE + 13}">{shown[:12]}</text></g>'
    )
