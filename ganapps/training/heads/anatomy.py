"""Where on the base mesh things are: head and shoulders, scalp, lips, the roots of a beard. Found
once, the same for everyone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ganapps.training.heads.geometry import ramp, triangles
from ganapps.training.heads.meshes import Human, Mesh

BOTTOM, HALF_WIDTH = 4.2, 2.6  # decimetres on the base mesh: what is beyond is never in the picture


class Anatomy:
    """Head and shoulders and the top around them, with numbers for each vertex of the body piece.

    `scalp` and `lips` [V]: how much a vertex belongs there, 0..1. `mouth` [2]: the corners, in the
    base mesh's numbers.
    """

    def __init__(self, human: Human, skins: Path) -> None:
        base = human.base
        self.body, self.top = (
            base.select(_in_view(base, "body")),
            base.select(_in_view(base, "helper-tights")),
        )
        self.body_triangles, self.top_triangles = (
            triangles(self.body.faces),
            triangles(self.top.faces),
        )
        self.rest = base.vertices[self.body.ids]
        self.x, self.y, self.z = abs(self.rest[:, 0]), self.rest[:, 1], self.rest[:, 2]
        self.uvs = np.zeros((len(self.rest), 2), np.float32)
        for face, face_uvs in zip(self.body.faces, self.body.face_uvs):
            self.uvs[face] = base.uvs[face_uvs]
        self.scalp = self._scalp(skins / "young_african_female.png")
        self._lips(skins / "young_caucasian_female.png")

    def _seen(self, texture: Path) -> np.ndarray:
        """The texture's colour at each vertex, [V, 3] in 0..1."""
        pixels = np.asarray(Image.open(texture).convert("RGB"), np.float32) / 255
        height, width = pixels.shape[:2]
        row = np.clip(((1 - self.uvs[:, 1]) * height).astype(int), 0, height - 1)
        return pixels[row, np.clip((self.uvs[:, 0] * width).astype(int), 0, width - 1)]

    def _scalp(self, texture: Path) -> np.ndarray:
        """The painted hairline of a dark-haired skin; it is stippled, so it is spread a little and
        then sharpened.
        """
        dark = self._seen(texture).mean(1)
        scalp = ramp(-dark, -0.24, -0.12) * ((self.y > 7.55) | (self.z < 0.35)) * (self.y > 6.2)
        pairs = np.concatenate(
            [self.body_triangles[:, [i, j]] for i in range(3) for j in range(3) if i != j]
        )
        count = np.maximum(np.bincount(pairs[:, 0], minlength=len(scalp)), 1)
        for _ in range(3):
            scalp = 0.5 * scalp + 0.5 * (
                np.bincount(pairs[:, 0], scalp[pairs[:, 1]], len(scalp)) / count
            )
        return ramp(scalp, 0.15, 0.5)

    def _lips(self, texture: Path) -> None:
        colour = self._seen(texture)
        near = (self.x < 0.34) & (self.y > 6.4) & (self.y < 6.85) & (self.z > 1.2)
        self.lips = ramp(colour[:, 0] - colour[:, 1], 0.24, 0.36) * near
        sure = np.where(near & (self.lips > 0.3))[0]
        across = self.rest[sure, 0]
        self.mouth = self.body.ids[[sure[across.argmax()], sure[across.argmin()]]]

    def beard(self, person: dict[str, Any]) -> np.ndarray:
        """How much beard grows at each vertex, [V] in 0..1."""
        if not person["beard"]:
            return np.zeros(len(self.rest))
        x, y, z = self.x, self.y, self.z
        slanted = y + 0.35 * z
        jaw = (
            ramp(-y, -6.72 - 0.55 * np.clip(x - 0.45, 0, 0.5), -6.45)
            * ramp(slanted, 6.25, 6.5)
            * ramp(z, 0.15, 0.4)
        )
        lip = ramp(-y, -6.86, -6.80) * ramp(y, 6.6, 6.7) * ramp(-x, -0.36, -0.28) * (z > 1.1)
        chin = ramp(-x, -0.36, -0.25) * ramp(-y, -6.62, -6.5) * ramp(slanted, 6.3, 6.55) * (z > 0.8)
        shapes = {"full": np.maximum(jaw, lip), "goatee": np.maximum(chin, lip), "moustache": lip}
        return shapes[person["beard_shape"]] * (1 - self.lips)

    @cached_property
    def roots(self) -> Roots:
        return Roots(self)


class Roots:
    """60,000 fixed points of the skin where strands may grow, evenly by area.

    `corners` [N, 3] vertices of the piece, `shares` [N, 3] of each, `chance` [N, 4] numbers in 0..1
    that stay with a point.
    """

    COUNT = 60_000

    def __init__(self, anatomy: Anatomy) -> None:
        rng = np.random.default_rng(7)
        points, tris = anatomy.rest, anatomy.body_triangles
        middle = points[tris].mean(1)
        front = (middle[:, 1] < 7.2) & (middle[:, 2] > 0.1)
        tris = tris[(middle[:, 1] > 6.0) & ((anatomy.scalp[tris].max(1) > 0) | front)]
        a, b, c = (points[tris[:, k]] for k in range(3))
        area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
        self.corners = tris[rng.choice(len(tris), self.COUNT, p=area / area.sum())]
        self.shares = rng.dirichlet([1, 1, 1], self.COUNT).astype(np.float32)
        self.chance = rng.random((self.COUNT, 4)).astype(np.float32)

    def at(self, values: np.ndarray, kept: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Numbers or vectors of the piece's vertices -> the same at the points."""
        return np.einsum("nk,nk...->n...", self.shares[kept], values[self.corners[kept]])


def _in_view(base: Mesh, wanted: str) -> Callable[[list[int], str], bool]:
    def is_in_view(face: list[int], group: str) -> bool:
        corners = base.vertices[face]
        return (
            group == wanted
            and corners[:, 1].min() > BOTTOM
            and abs(corners[:, 0]).max() < HALF_WIDTH
        )

    return is_in_view
