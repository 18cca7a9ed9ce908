"""What has been made so far: materials, meshes and objects, each made once and used again for the
next picture.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np

from ganapps.training.heads.blender import Part, Pictures, corner_uvs
from ganapps.training.heads.meshes import Fitted


class Stock:
    """The asset folder and what was made from it."""

    def __init__(self, assets: Path) -> None:
        self.assets, self.pictures = assets, Pictures()
        self._parts: dict[str, Part] = {}
        self._materials: dict[str, bpy.types.Material] = {}
        self._fitted: dict[str, Fitted] = {}

    def material(self, name: str, make: Callable[[], bpy.types.Material]) -> bpy.types.Material:
        if name not in self._materials:
            self._materials[name] = make()
        return self._materials[name]

    def part(self, name: str, make: Callable[[], Part]) -> Part:
        if name not in self._parts:
            self._parts[name] = make()
        return self._parts[name]

    def fitted(self, kind: str, name: str) -> Fitted:
        """The mesh assets/KIND/NAME with its fitting."""
        key = f"{kind}/{name}"
        if key not in self._fitted:
            self._fitted[key] = Fitted(self.assets / key)
        return self._fitted[key]

    def wear(
        self, kind: str, name: str, vertices: np.ndarray, *materials: bpy.types.Material
    ) -> Part:
        """The object of a fitted mesh, moved to `vertices`."""
        mesh = self.fitted(kind, name).mesh
        part = self.part(
            f"{kind}/{name}",
            lambda: Part(
                name, mesh.faces, corner_uvs(mesh.uvs, mesh.face_uvs), len(mesh.vertices), materials
            ),
        )
        part.move(vertices)
        return part

    def put_away(self) -> None:
        """Before a picture: nothing is in it yet."""
        for part in self._parts.values():
            part.used = False

    def hide_unused(self) -> None:
        for part in self._parts.values():
            part.object.hide_render = not part.used
