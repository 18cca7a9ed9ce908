"""A face in a picture, found and turned as a generator's own faces stand: by the similarity that
brings its five points to theirs (Umeyama 1991).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ganapps.errors import Message, UserError
from ganapps.networks.contracts import FaceFinder, FoundFace

SMALLEST = 32  # pixels of a side: less shows no face
POINTS = 5
CLOSEST = 3.0  # pixels that the farthest two of the points are apart at least

Point = tuple[float, float]


def own_points(finder: FaceFinder, average: Tensor) -> list[Point]:
    """Where a generator's faces have their eyes, nose and mouth: those of its average face
    [1, 3, H, W] in 0..1. Raises UserError where that is no face.
    """
    found = faces_in(finder, average)
    if not found:
        raise UserError(
            "This model draws no faces that a picture could be turned to: choose a model of faces."
        )
    return list(found[0].points)


def points_in(finder: FaceFinder, x: Tensor) -> tuple[list[Point], tuple[Message, ...]]:
    """The points of the face in a picture [1, 3, H, W] in 0..1, of the largest where there are
    several, and what to say of that. Raises UserError where there is none.
    """
    height, width = x.shape[2:]
    if min(height, width) < SMALLEST:
        raise UserError(
            "A picture of {width} x {height} pixels shows no face: at least {least} x {least} are "
            "needed.",
            width=width,
            height=height,
            least=SMALLEST,
        )
    found = faces_in(finder, x)
    if not found:
        raise UserError(
            "No face was found in this picture: choose one that shows a person's face from the "
            "front, or give its five points."
        )
    largest = max(found, key=lambda face: math.dist(face.points[0], face.points[1]))
    if len(found) == 1:
        return list(largest.points), ()
    said = Message(
        "There are {count} faces in this picture, and the largest was taken: cut the picture to "
        "another one, or give its five points.",
        count=len(found),
    )
    return list(largest.points), (said,)


def checked(points: Sequence[Any]) -> list[Point]:
    """The points that a person gave. Raises UserError where they are not five different places."""
    plain = [_place(point) for point in points]
    places = [place for place in plain if place is not None]
    apart = max((math.dist(a, b) for a in places for b in places), default=0.0)
    if len(plain) != POINTS or len(places) != POINTS or apart < CLOSEST:
        raise UserError(
            "The face's points are {points}: [x, y] of both eyes, the tip of the nose and both "
            "corners of the mouth are accepted, in pixels of the picture.",
            points=str(list(points)),
        )
    return places


def _place(point: Any) -> Point | None:
    if not isinstance(point, (list, tuple)) or len(point) != 2:
        return None
    for value in point:
        plain = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not plain or not math.isfinite(value) or abs(value) > 1e6:
            return None
    return float(point[0]), float(point[1])


def turned(x: Tensor, points: Sequence[Point], own: Sequence[Point], side: int) -> Tensor:
    """The picture [1, 3, H, W] moved, turned and scaled so that its points come to a generator's
    `own`, [1, 3, side, side]; beyond its border it goes on as it is there.
    """
    scale, _ = similarity(points, own)
    if scale < 1:
        height, width = (max(1, round(n * scale)) for n in x.shape[2:])
        across, down = width / x.shape[3], height / x.shape[2]
        points = [((px + 0.5) * across - 0.5, (py + 0.5) * down - 0.5) for px, py in points]
        x = F.interpolate(x, (height, width), mode="bilinear", antialias=True)
    _, back = similarity(own, points)
    row, column = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    places = torch.stack([column, row, torch.ones_like(row)], dim=2).double() @ back.T
    size = torch.tensor([x.shape[3], x.shape[2]], dtype=torch.float64)
    grid = ((places + 0.5) / size * 2 - 1).float()[None]
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def similarity(begin: Sequence[Point], end: Sequence[Point]) -> tuple[float, Tensor]:
    """The scale, and the matrix [2, 3], of the similarity that brings `begin` nearest to `end`."""
    a, b = np.asarray(begin, np.float64), np.asarray(end, np.float64)
    middle_a, middle_b = a.mean(axis=0), b.mean(axis=0)
    a, b = a - middle_a, b - middle_b
    left, sizes, right = np.linalg.svd(b.T @ a)
    signs = np.array([1.0, np.sign(np.linalg.det(left @ right)) or 1.0])
    rotation = left @ np.diag(signs) @ right
    scale = float((sizes * signs).sum() / (a**2).sum())
    matrix = scale * rotation
    moved = middle_b - matrix @ middle_a
    return scale, torch.from_numpy(np.hstack([matrix, moved[:, None]]))


def faces_in(finder: FaceFinder, x: Tensor) -> list[FoundFace]:
    """The faces in a picture [1, 3, H, W] in 0..1, the surest first."""
    with torch.inference_mode():
        return finder.find(x.float().cpu())
