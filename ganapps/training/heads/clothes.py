"""Clothes: MakeHuman's suits, or a top cut from the base mesh along a neckline."""

from __future__ import annotations

import colorsys

import bpy
import numpy as np

from ganapps.training.heads import materials
from ganapps.training.heads.anatomy import Anatomy
from ganapps.training.heads.blender import Part, corner_uvs, tune
from ganapps.training.heads.figure import Figure
from ganapps.training.heads.geometry import linear, normals, ramp
from ganapps.training.heads.meshes import Human
from ganapps.training.heads.stock import Stock

NOT_WORN = ("female_sportsuit01", "male_worksuit01")


def dress(figure: Figure, human: Human, anatomy: Anatomy, stock: Stock) -> np.ndarray:
    """Puts clothes on; which of the body's vertices [V] lie under them."""
    if figure.person["shirt"] == "suit":
        return _suit(figure, anatomy, stock)
    return _top(figure, human, anatomy, stock)


def _suit(figure: Figure, anatomy: Anatomy, stock: Stock) -> np.ndarray:
    p = figure.person
    names = sorted(file.stem for file in (stock.assets / "clothes").glob(f"{p['sex']}*.obj"))
    names = [name for name in names if name not in NOT_WORN]
    name = names[p["shirt_n"] % len(names)]
    made = stock.material(
        name,
        lambda: materials.card(
            stock.assets / f"clothes/{name}.png", tinted=False, roughness=0.8, gloss=0.2
        ),
    )
    tune(made, "tint", np.array([1, 1, 1]) * (0.6 + 0.4 * p["shirt_hsv"][2]))
    suit = stock.fitted("clothes", name)
    stock.wear("clothes", name, figure.pose(suit.fit(figure.vertices)), made)
    return np.isin(anatomy.body.ids, suit.hidden)


def _top(figure: Figure, human: Human, anatomy: Anatomy, stock: Stock) -> np.ndarray:
    chance = np.random.default_rng(figure.person["shirt_n"])
    lift, piece, rest = chance.uniform(-1, 1), anatomy.top, human.base.vertices
    below = _below_neckline(rest[piece.ids], figure.person["shirt"], lift)
    cloth = figure.vertices[piece.ids].copy()
    cloth += (
        normals(cloth, anatomy.top_triangles) * (0.06 - 0.05 * ramp(-below, -0.4, 0.0))[:, None]
    )
    made = stock.material("shirt", materials.jersey)
    uvs = corner_uvs(human.base.uvs, piece.face_uvs)
    part = stock.part("shirt", lambda: Part("shirt", piece.faces, uvs, len(cloth), [made]))
    part.paint("neckline", below)
    part.move(figure.pose(cloth))
    _colour(made, figure.person["shirt_hsv"], chance)
    return _below_neckline(rest[anatomy.body.ids], figure.person["shirt"], lift) > 0.06


def _below_neckline(points: np.ndarray, cut: str, lift: float) -> np.ndarray:
    """Signed distance [N] below the neckline, for points [N, 3] of the base mesh."""
    x, y, z = abs(points[:, 0]), points[:, 1], points[:, 2]
    line = 5.98 - 0.36 * z + lift * 0.08
    if cut == "vneck":
        line = line - np.where(z > 0.2, np.maximum(0, 0.6 - x) * 1.1, 0)
    if cut == "scoop":
        line = line - 0.06 - np.where(z > 0.2, 0.26 * np.sqrt(np.maximum(0, 1 - (x / 0.8) ** 2)), 0)
    if cut == "turtle":
        line = line + 0.18
    return line - y


def _colour(made: bpy.types.Material, hsv: list[float], chance: np.random.Generator) -> None:
    """Two colours that go together, perhaps stripes, a band along the neckline."""
    hue, saturation, value = hsv
    first = linear(colorsys.hsv_to_rgb(hue, saturation, value)) * 0.8
    other = (
        (hue + chance.uniform(-0.2, 0.2)) % 1,
        saturation * chance.uniform(0.2, 1),
        np.clip(value + chance.uniform(-0.5, 0.5), 0.05, 0.95),
    )
    second = linear(colorsys.hsv_to_rgb(*other)) * 0.8
    tune(made, "c1", first)
    tune(made, "c2", second)
    tune(made, "c3", second if chance.random() < 0.3 else first * 0.82)
    tune(made, "stripes", float(chance.random() < 0.18))
    tune(made, "freq", float(chance.uniform(8, 30)))
    tune(made, "band", float(chance.uniform(0.06, 0.14)))
