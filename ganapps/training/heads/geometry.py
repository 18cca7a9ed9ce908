"""Small formulas of the renderer: light, ramps, turns, triangles, tubes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def linear(srgb: np.ndarray | Sequence[float]) -> np.ndarray:
    """sRGB 0..1 -> linear light."""
    srgb = np.asarray(srgb, np.float32)
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def ramp(x: np.ndarray | float, low: float | np.ndarray, high: float | np.ndarray) -> np.ndarray:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def turn(axis: str, degrees: float | np.ndarray) -> np.ndarray:
    """Rotation matrices [N, 3, 3] about x, y or z, one for each angle."""
    a = np.radians(np.atleast_1d(degrees)).astype(np.float32)
    cos, sin, zero, one = np.cos(a), np.sin(a), np.zeros_like(a), np.ones_like(a)
    rows = {
        "x": [[one, zero, zero], [zero, cos, -sin], [zero, sin, cos]],
        "y": [[cos, zero, sin], [zero, one, zero], [-sin, zero, cos]],
        "z": [[cos, -sin, zero], [sin, cos, zero], [zero, zero, one]],
    }
    return np.array(rows[axis]).transpose(2, 0, 1)


def triangles(faces: Sequence[Sequence[int]]) -> np.ndarray:
    """Polygons -> [T, 3] vertex numbers, each polygon as a fan."""
    return np.array(
        [(face[0], face[i], face[i + 1]) for face in faces for i in range(1, len(face) - 1)]
    )


def normals(vertices: np.ndarray, tris: np.ndarray) -> np.ndarray:
    """Unit normals [V, 3], each the mean of its triangles', larger ones counting more."""
    a, b, c = (vertices[tris[:, k]] for k in range(3))
    total, each = np.zeros_like(vertices), np.cross(b - a, c - a)
    for k in range(3):
        np.add.at(total, tris[:, k], each)
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-9)


def tube(
    path: np.ndarray, radius: float, closed: bool, sides: int = 6
) -> tuple[np.ndarray, list[list[int]]]:
    """A tube around a path [K, 3]: vertices [K * sides, 3] and four-cornered faces."""
    along = np.roll(path, -1, 0) - np.roll(path, 1, 0) if closed else np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = np.cross(along, [0, 0.1, 1.0])
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    up = np.cross(along, across)
    angle = np.arange(sides) * 2 * np.pi / sides
    around = np.cos(angle)[:, None] * across[:, None] + np.sin(angle)[:, None] * up[:, None]
    vertices = path[:, None] + radius * around  # [K, sides, 3]
    return vertices.reshape(-1, 3), _tube_faces(len(path), closed, sides)


def _tube_faces(count: int, closed: bool, sides: int) -> list[list[int]]:
    faces = []
    for i in range(count if closed else count - 1):
        here, there = i * sides, (i + 1) % count * sides
        faces += [
            [here + j, here + (j + 1) % sides, there + (j + 1) % sides, there + j]
            for j in range(sides)
        ]
    return faces
