"""A run of the Lab as a picture: the plane with its points, or a wall; runs side by side; and the
looks at a run as a film.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ganapps.learning import packed
from ganapps.learning.theory import EXTENT
from ganapps.pictures.images import from_tensor

PLANE = 420  # pixels a side
DOT = 1  # pixels from a dot's middle to its edge
# As on the page (ui/lab.css): green for real, violet for made
REAL, MADE = (14, 122, 90), (91, 63, 214)
UNLIKELY, LIKELY = (230, 224, 252), (214, 240, 228)  # what the critic takes for made, and for real
GAP = 8  # pixels between two runs
COLUMNS, ENLARGED = 8, 2


def plane(opinion: Tensor | None, real: Tensor, made: Tensor) -> Image.Image:
    """Real and made points [N, 2] over the critic's opinion of each cell [side * side], 0 to 1,
    from the bottom left; white where there is no critic.
    """
    pixels = np.full((PLANE, PLANE, 3), 255, np.uint8)
    if opinion is not None:
        side = round(len(opinion) ** 0.5)
        share = opinion.view(side, side).flip(0).numpy()[..., None]
        colours = (1 - share) * np.array(UNLIKELY) + share * np.array(LIKELY)
        small = Image.fromarray(colours.round().astype(np.uint8))
        pixels = np.array(small.resize((PLANE, PLANE), Image.Resampling.BILINEAR))
    for points, colour in ((real, REAL), (made, MADE)):
        _dot(pixels, points, colour)
    return Image.fromarray(pixels)


def _dot(pixels: np.ndarray, points: Tensor, colour: tuple[int, int, int]) -> None:
    places = ((points + EXTENT) / (2 * EXTENT) * PLANE).long().clamp(DOT, PLANE - 1 - DOT)
    columns, rows = places[:, 0].numpy(), PLANE - 1 - places[:, 1].numpy()
    for down in range(-DOT, DOT + 1):
        for right in range(-DOT, DOT + 1):
            pixels[rows + down, columns + right] = colour


def circle(way: Sequence[tuple[float, float]]) -> Image.Image:
    """The way of two numbers in the plane."""
    return plane(None, torch.zeros(1, 2), torch.tensor(way or [(1.0, 0.0)]))


def wall(pictures: Tensor) -> Image.Image:
    """Pictures [N, C, S, S] in -1 to 1 in rows, twice as large."""
    side = pictures.shape[2] * ENLARGED
    rows = -(-len(pictures) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * side, rows * side), "white")
    for number, picture in enumerate(from_tensor(pictures)):
        larger = picture.resize((side, side), Image.Resampling.NEAREST)
        sheet.paste(larger, (number % COLUMNS * side, number // COLUMNS * side))
    return sheet


def beside(views: Sequence[Image.Image]) -> Image.Image:
    """Views of several runs in one row."""
    if len(views) == 1:
        return views[0]
    width = sum(view.width for view in views) + GAP * (len(views) - 1)
    row = Image.new("RGB", (width, max(view.height for view in views)), "white")
    left = 0
    for view in views:
        row.paste(view, (left, 0))
        left += view.width + GAP
    return row


def film(looks: Sequence[Mapping[str, Any]]) -> list[Image.Image]:
    """A frame for each look: its numbers as `learn` tells them, and its "walls" as data URIs where
    it is one at pictures.
    """
    ways: list[list] = [[] for _ in looks[0]["runs"]] if looks else []
    frames = []
    for look in looks:
        views = []
        for place, run in enumerate(look["runs"]):
            ways[place] += run.get("way", ())
            views.append(_view(look, place, ways[place]))
        frames.append(beside(views))
    return frames


def _view(look: Mapping[str, Any], place: int, way: Sequence) -> Image.Image:
    run = look["runs"][place]
    if "walls" in look:
        contents = base64.b64decode(look["walls"][place].partition(",")[2])
        return Image.open(io.BytesIO(contents)).convert("RGB")
    if "real" not in look:
        return circle(way)
    opinion = packed.shares_of(run["opinion"]) if "opinion" in run else None
    made = packed.points_of(run["made"]) if "made" in run else torch.zeros(0, 2)
    return plane(opinion, packed.points_of(look["real"]), made)
