"""Every face of a picture, small ones too, each as the square in which face restorers see it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from ganapps.networks.contracts import FaceFinder, FaceLikeness
from ganapps.tasks import planes, resample, upright
from ganapps.tasks.upright import Point

LONGEST = 1664  # pixels of a side that is looked at: four times what the finder looks at at once
LEAST = 256  # pixels of a part's side: no smaller part is looked at alone
PARTS = (2, 3)  # so many of them fit side by side into the longer side
# the least score of a face in a part: cloth and leaves, seen large, came to 0.62, faces to 0.9
LIKELY = 0.7
# Where FFHQ's faces, on which restorers learned, have their five points in a square of 512 pixels
SQUARE = 512
POINTS = ((192.98, 239.95), (318.90, 240.19), (256.63, 314.02), (201.26, 371.41), (313.09, 371.15))
# What compares faces sees a square so large that from the eyes to the mouth are 0.45 of its side,
# their middle at 0.5 and 0.43 of it, as face-api.js cuts it
EYES_TO_MOUTH = 0.45
MIDDLE = (0.5, 0.43)


def squares(finder: FaceFinder, pixels: np.ndarray) -> list[list[int]]:
    """[x, y, side] of the square around each face of [H, W, C], from left to right."""
    height, width = pixels.shape[:2]
    share = min(1.0, LONGEST / max(height, width))
    colours = planes.on_white(pixels)
    if share < 1:
        size = max(1, round(share * width)), max(1, round(share * height))
        colours = resample.resize(colours, size)
    x = planes.to_planes(colours, 3)
    found: list[list[float]] = []
    for number, (top, left, bottom, right) in enumerate(_parts(*x.shape[2:])):
        for face in upright.faces_in(finder, x[..., top:bottom, left:right]):
            if number and face.score < LIKELY:
                continue
            points = [(left + px, top + py) for px, py in face.points]
            square = _square(points)
            if not any(_same(square, other) for other in found):
                found.append(square)
    return sorted([round(number / share) for number in square] for square in found)


def points_at(finder: FaceFinder, x: Tensor, middle: Point) -> list[Point] | None:
    """The five points of that face in [1, 3, H, W] whose square lies around `middle`; None where
    there is none.
    """
    nearest, least = None, math.inf
    for face in upright.faces_in(finder, x):
        left, top, side = _square(face.points)
        apart = math.dist((left + side / 2, top + side / 2), middle)
        if apart < min(least, side / 2):
            nearest, least = list(face.points), apart
    return nearest


def own_points(side: int) -> list[Point]:
    """The five points of a face in a restorer's square of so many pixels."""
    by = side / SQUARE
    return [((x + 0.5) * by - 0.5, (y + 0.5) * by - 0.5) for x, y in POINTS]


def distance(likeness: FaceLikeness, before: Tensor, after: Tensor, points: list[Point]) -> float:
    """How far apart the face at these points is in two pictures [1, 3, H, W]; from `likeness.same`
    on they show two persons.
    """
    own = _upright(points, likeness.side)
    faces = [upright.turned(x, points, own, likeness.side) for x in (before, after)]
    with torch.inference_mode():
        first, second = likeness(torch.cat(faces))
    return float((first - second).norm())


def _upright(points: list[Point], side: int) -> list[Point]:
    """The points, turned until the eyes are level and moved into the square of `side` pixels that
    faces are compared in.
    """
    (left_x, left_y), (right_x, right_y) = points[:2]
    angle = math.atan2(right_y - left_y, right_x - left_x)
    cos, sin = math.cos(angle), math.sin(angle)
    level = [(cos * x + sin * y, cos * y - sin * x) for x, y in points]
    mouth = ((level[3][0] + level[4][0]) / 2, (level[3][1] + level[4][1]) / 2)
    long = (math.dist(level[0], mouth) + math.dist(level[1], mouth)) / 2
    by = EYES_TO_MOUTH * side / long
    across = (level[0][0] + level[1][0] + mouth[0]) / 3
    down = (level[0][1] + level[1][1] + mouth[1]) / 3
    return [
        (by * (x - across) + MIDDLE[0] * side, by * (y - down) + MIDDLE[1] * side) for x, y in level
    ]


def _parts(height: int, width: int) -> Iterator[tuple[int, int, int, int]]:
    """(top, left, bottom, right): all of it, then squares of a half and a third of its longer side,
    each of which shares half of itself with the next.
    """
    yield 0, 0, height, width
    for count in PARTS:
        side = max(height, width) // count
        if side < LEAST:
            return
        for top in _starts(height, side):
            for left in _starts(width, side):
                yield top, left, min(height, top + side), min(width, left + side)


def _starts(length: int, side: int) -> list[int]:
    """Where squares begin that cover so many pixels."""
    if length <= side:
        return [0]
    count = math.ceil((length - side) / (side / 2)) + 1
    return [round(number * (length - side) / (count - 1)) for number in range(count)]


def _square(points: Sequence[Point]) -> list[float]:
    """[x, y, side] of the upright square that a restorer wants around a face's five points."""
    scale, matrix = upright.similarity(own_points(SQUARE), points)
    middle = SQUARE / 2 - 0.5
    x, y = (matrix @ torch.tensor([middle, middle, 1.0], dtype=matrix.dtype)).tolist()
    side = scale * SQUARE
    return [x + 0.5 - side / 2, y + 0.5 - side / 2, side]


def _same(square: list[float], other: list[float]) -> bool:
    """Do two squares lie around one face?"""
    middles = [(x + side / 2, y + side / 2) for x, y, side in (square, other)]
    return math.dist(*middles) < max(square[2], other[2]) / 4
