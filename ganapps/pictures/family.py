"""A family as one picture: a row for each generation, a line from each parent to its child."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

SIDE, APART, DOWN, LETTER = 72, 18, 46, 11  # of a face, between faces, and a letter's height
SCALE = 2  # pixels of the PNG for each unit
PAPER, INK, LINE = "#ffffff", "#52525b", "#a1a1aa"
STEPS = 16  # of a curve

Point = tuple[float, float]


@dataclass(frozen=True)
class Tree:
    """Where everybody's face has its left upper corner, the curves from parents to children by
    their four points (Bézier), and how large all of it is, in units of a page's pixel.
    """

    places: Mapping[str, Point]
    curves: tuple[tuple[Point, Point, Point, Point], ...]
    width: float
    height: float


def generations(family: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """How many generations of ancestors each has; who is listed comes behind its parents."""
    found: dict[str, int] = {}
    for name, member in family.items():
        elders = [found[elder] + 1 for elder in member.get("of", ()) if elder in found]
        found[name] = max(elders, default=0)
    return found


def laid_out(family: Mapping[str, Mapping[str, Any]]) -> Tree:
    """The tree of a family that has somebody in it."""
    rows: dict[int, list[str]] = {}
    for name, generation in generations(family).items():
        rows.setdefault(generation, []).append(name)
    width = max(len(row) for row in rows.values()) * (SIDE + APART)
    places: dict[str, Point] = {}
    for generation, row in rows.items():
        begin = (width - len(row) * (SIDE + APART)) / 2
        for index, name in enumerate(row):
            left = begin + index * (SIDE + APART) + APART / 2
            places[name] = (left, generation * (SIDE + DOWN))
    curves = [
        _curve(places[elder], places[name])
        for name, member in family.items()
        for elder in member.get("of", ())
        if elder in places
    ]
    return Tree(places, tuple(curves), width, len(rows) * (SIDE + DOWN))


def drawn(family: Mapping[str, Mapping[str, Any]], faces: Mapping[str, str]) -> Image.Image:
    """The tree as a picture; `faces` are the paths of the members' pictures."""
    tree = laid_out(family)
    picture = Image.new("RGB", (round(SCALE * tree.width), round(SCALE * tree.height)), PAPER)
    pen = ImageDraw.Draw(picture)
    font = ImageFont.load_default(LETTER * SCALE)
    for curve in tree.curves:
        pen.line([_at(curve, step / STEPS) for step in range(STEPS + 1)], LINE, width=3)
    for name, (left, top) in tree.places.items():
        if name in faces and Path(faces[name]).exists():
            with Image.open(faces[name]) as face:
                small = face.convert("RGB").resize((SCALE * SIDE, SCALE * SIDE))
            picture.paste(small, (round(SCALE * left), round(SCALE * top)))
        below = (SCALE * (left + SIDE / 2), SCALE * (top + SIDE + 3))
        pen.text(below, name[:12], INK, font=font, anchor="ma")
    return picture


def _curve(above: Point, below: Point) -> tuple[Point, Point, Point, Point]:
    x, y = above[0] + SIDE / 2, above[1] + SIDE + 16
    to_x, to_y = below[0] + SIDE / 2, below[1]
    middle = (y + to_y) / 2
    return (x, y), (x, middle), (to_x, middle), (to_x, to_y)


def _at(curve: tuple[Point, Point, Point, Point], share: float) -> Point:
    """A point of a Bézier curve, in pixels."""
    rest = 1 - share
    weights = (rest**3, 3 * rest**2 * share, 3 * rest * share**2, share**3)
    x = sum(weight * point[0] for weight, point in zip(weights, curve))
    y = sum(weight * point[1] for weight, point in zip(weights, curve))
    return SCALE * x, SCALE * y
