"""Hair: meshes with painted strands for most styles; beards and cropped hair as thin triangles
grown from the skin.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ganapps.training.heads import materials
from ganapps.training.heads.anatomy import Anatomy
from ganapps.training.heads.blender import Part, tune
from ganapps.training.heads.figure import Figure
from ganapps.training.heads.geometry import ramp
from ganapps.training.heads.stock import Stock

STRANDS = 16_000


def put_on(figure: Figure, stock: Stock) -> None:
    """The mesh of the person's style, in their colour; nothing for who has none."""
    if not figure.has_hair_mesh:
        return
    p, style = figure.person, figure.person["hair"]
    made = stock.material(style, lambda: materials.hair_card(stock.assets / f"hair/{style}.png"))
    tune(made, "tint", p["hair_rgb"])
    points = _fuller(stock.fitted("hair", style).fit(figure.vertices), figure)
    part = stock.wear("hair", style, figure.pose(points), made)
    part.paint("cut", _fringe(points, figure))


def _fuller(points: np.ndarray, figure: Figure) -> np.ndarray:
    """Points [N, 3] of the hair with the person's volume, above the head joint, and side."""
    p, head = figure.person, figure.head
    centre = np.array([0, head[1] + 0.5, head[2] + 0.1], np.float32)
    volume = np.where(points[:, 1:2] > head[1] - 0.2, p["hair_volume"], 1)
    points = (points - centre) * volume + centre
    if p["hair_mirror"]:
        points[:, 0] *= -1
    return points


def _fringe(points: np.ndarray, figure: Figure) -> np.ndarray:
    """Above 0 where hair would hang over the face, [N]."""
    middle, wide = figure.between_eyes, figure.eye_distance
    cut = 1 - np.hypot(
        (points[:, 0] - middle[0]) / (1.08 * wide),
        (points[:, 1] - middle[1] + 0.45 * wide) / (1.02 * wide),
    )
    return np.where((points[:, 2] > middle[2] - 0.5) & figure.person["fringe_cut"], cut, -1)


def grow(
    figure: Figure, anatomy: Anatomy, skin: np.ndarray, normals: np.ndarray, stock: Stock
) -> None:
    """Beard and cropped hair on the skin [V, 3] with its normals; nothing for who has neither."""
    p, roots = figure.person, anatomy.roots
    beard, top = _density(p, anatomy)
    kept = np.where((beard > roots.chance[:, 0]) | (ramp(top, 0.05, 0.5) > roots.chance[:, 0]))[0][
        :STRANDS
    ]
    if not len(kept):
        return
    chance, beard, on_top = roots.chance[kept], beard[kept], top[kept] > beard[kept]
    start, out = roots.at(skin, kept), roots.at(normals, kept)
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    towards = _direction(p, start, out, on_top, chance)
    length = np.where(
        on_top,
        0.03 + 0.55 * p["hair_length"],
        (0.03 + 0.22 * max(0, p["beard"] - 0.25)) * (0.5 + 0.5 * beard),
    )
    tips = start + towards * (length * (0.6 + 0.6 * chance[:, 1]))[:, None]
    _plant(figure, start, out, towards, tips, chance, stock)


def _density(person: dict[str, Any], anatomy: Anatomy) -> tuple[np.ndarray, np.ndarray]:
    """How likely a strand grows at each root: of the beard, and of the hair on top."""
    nothing = np.zeros(anatomy.roots.COUNT)
    beard = top = nothing
    if person["beard"] > 0.12:
        beard = anatomy.roots.at(anatomy.beard(person)) * min(1, 0.15 + person["beard"] * 1.3)
    if person["hair"] in ("buzz", "crop"):
        top = anatomy.roots.at(anatomy.scalp)
    return beard, top


def _direction(
    person: dict[str, Any],
    start: np.ndarray,
    out: np.ndarray,
    on_top: np.ndarray,
    chance: np.ndarray,
) -> np.ndarray:
    """Unit vectors [N, 3]: combed hair, a beard that hangs, both in soft clumps and never into the
    skin.
    """
    clumps = np.sin(start @ np.array([[9.0, 4, 6], [5, 11, 3], [4, 6, 10]]).T + chance[0, :3] * 6)
    down = np.stack([np.sign(start[:, 0]) * 0.15, -np.ones(len(start)), 0 * start[:, 0]], 1)
    comb = np.array([person["comb"], 0.25, -0.6 if person["comb"] > 0 else 0.4])
    combed = out * 0.75 + comb * 0.8 * person["hair_length"] * 2
    towards = (
        np.where(on_top[:, None], combed, out * 0.45 + down * 0.9)
        + 0.22 * clumps
        + 0.5 * (chance[:, 1:4] - 0.5)
    )
    towards -= out * np.minimum(0, (towards * out).sum(1, keepdims=True) - 0.15)
    return towards / np.linalg.norm(towards, axis=1, keepdims=True)


def _plant(
    figure: Figure,
    start: np.ndarray,
    out: np.ndarray,
    towards: np.ndarray,
    tips: np.ndarray,
    chance: np.ndarray,
    stock: Stock,
) -> None:
    """One triangle a strand, its foot just under the skin; the object's unused triangles are hidden
    in the first point.
    """
    side = np.cross(towards, [0, 0, 1.0])
    side *= (0.007 + 0.010 * chance[:, 2:3]) / np.maximum(
        np.linalg.norm(side, axis=1, keepdims=True), 1e-3
    )
    corners = np.zeros((STRANDS, 3, 3), np.float32)
    corners[: len(start)] = np.stack(
        [start - side - 0.01 * out, start + side - 0.01 * out, tips], 1
    )
    points, used = corners.reshape(-1, 3), 3 * len(start)
    points[:used] = figure.pose(points[:used])
    points[used:] = points[0]
    made = stock.material("strand", materials.strand)
    tune(made, "tint", figure.person["hair_rgb"])
    faces = np.arange(3 * STRANDS).reshape(-1, 3).tolist()
    stock.part("strands", lambda: Part("strands", faces, None, 3 * STRANDS, [made])).move(points)
