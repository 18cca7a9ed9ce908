"""Spectacles built around a person's eyes: rims without lenses, a bridge and temples."""

from __future__ import annotations

import colorsys

import numpy as np

from ganapps.training.heads import materials
from ganapps.training.heads.blender import Part, tune
from ganapps.training.heads.figure import Figure
from ganapps.training.heads.geometry import linear, tube
from ganapps.training.heads.stock import Stock


def put_on(figure: Figure, skin: np.ndarray, stock: Stock) -> None:
    """Spectacles on the skin [V, 3], if the person wears any."""
    if figure.person["glasses"] == "none":
        return
    chance = np.random.default_rng(figure.person["shirt_n"] + 1)
    points, faces = _Frame(figure, skin, chance).build()
    made = stock.material("frame", materials.frame)
    part = stock.part("glasses", lambda: Part("glasses", faces, None, len(points), [made]))
    dark = figure.person["glasses"] == "dark"
    colour = (
        (0.015, 0.015, 0.015)
        if dark
        else linear(
            colorsys.hsv_to_rgb(
                chance.random(), chance.uniform(0.1, 0.6), chance.uniform(0.25, 0.7)
            )
        )
    )
    tune(made, "tint", colour)
    tune(made, "metal", float(not dark and chance.random() < 0.7))
    part.move(figure.pose(points.astype(np.float32)))


class _Frame:
    """Measures taken at a face, and a frame's own shape."""

    def __init__(self, figure: Figure, skin: np.ndarray, chance: np.random.Generator) -> None:
        self.middle, self.wide = figure.between_eyes, figure.eye_distance
        x, y, z = skin.T
        across, middle = abs(x - self.middle[0]), self.middle
        bridge = z[(across < 0.12) & (abs(y - middle[1] - 0.03) < 0.12)].max() + 0.02
        brow = z[(abs(across - self.wide / 2) < 0.2) & (abs(y - middle[1]) < 0.22)].max() + 0.04
        self.front = max(bridge - 0.04, brow)
        self.ear = min(
            1.14 * self.wide,
            skin[(abs(y - middle[1] - 0.05) < 0.12) & (abs(z - middle[2] + 0.5) < 0.2), 0].max(),
        )
        self.rim = self.wide * chance.uniform(0.36, 0.42), self.wide * chance.uniform(0.26, 0.38)
        self.squareness = chance.choice([2.0, 2.6, 3.6])
        self.thickness = chance.uniform(0.009, 0.026)

    def build(self) -> tuple[np.ndarray, list[list[int]]]:
        """Vertices [N, 3] and faces of the whole frame."""
        points, faces, count = [], [], 0
        for path, closed in self._paths():
            tube_points, tube_faces = tube(path, self.thickness, closed)
            points.append(tube_points)
            faces += [[corner + count for corner in face] for face in tube_faces]
            count += len(tube_points)
        return np.concatenate(points), faces

    def _paths(self) -> list[tuple[np.ndarray, bool]]:
        paths = []
        for side in (-1, 1):
            rim = self._bent(self._ring() + [side * self.wide * 0.53, 0, 0])
            paths += [(rim, True), (self._temple(rim, side), False)]
        return [*paths, (self._bridge(), False)]

    def _ring(self) -> np.ndarray:
        """A rim [24, 3], a superellipse."""
        angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        cos, sin = (
            np.sign(wave) * abs(wave) ** (2 / self.squareness)
            for wave in (np.cos(angle), np.sin(angle))
        )
        return np.stack([cos * self.rim[0], sin * self.rim[1] - 0.04 * self.wide, 0 * angle], 1)

    def _temple(self, rim: np.ndarray, side: int) -> np.ndarray:
        """From the rim's outer side over the hinge to behind the ear, [5, 3]."""
        middle = self.middle
        out = rim[np.abs(rim[:, 0] - middle[0]).argmax()] + [0, 0.05, 0]
        end = np.array([middle[0] + side * (self.ear + 0.02), middle[1] + 0.02, middle[2] - 1.25])
        hinge = np.array(
            [max(abs(out[0] - middle[0]), self.ear) * side + middle[0], out[1], out[2] - 0.12]
        )
        return np.array([out, hinge, *[hinge + (end - hinge) * share for share in (0.33, 0.66, 1)]])

    def _bridge(self) -> np.ndarray:
        t = np.linspace(-1, 1, 7)[:, None]
        arch = 1 - t**2
        return self._bent(
            np.hstack(
                [t * (self.wide * 0.53 - self.rim[0]), 0.06 * self.wide + 0.05 * arch, 0.03 * arch]
            )
        )

    def _bent(self, points: np.ndarray) -> np.ndarray:
        """Points of a flat frame, put in front of the eyes and bent around the face."""
        points = points + [self.middle[0], self.middle[1], self.front]
        points[:, 2] -= 0.16 * (points[:, 0] - self.middle[0]) ** 2 / self.wide
        return points
