"""Faces of a picture made anew by a network that knows faces, each turned upright before, blended
back into its place behind, and compared with what it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from ganapps.device import Device
from ganapps.errors import Message, UserError
from ganapps.networks.contracts import FaceFinder, FaceLikeness, FaceRestorer
from ganapps.pictures.images import to_pixels, to_tensor
from ganapps.tasks import find_faces, resample, upright
from ganapps.tasks.careful import Careful
from ganapps.tasks.upright import Point

RIM = 0.12  # of a square's side, over which a face fades into the picture
SMALL = 64  # pixels a side at which it is measured how much a face changed
# of a square's side that is looked at around it: a square that is turned lies inside
AROUND = 0.25


class FaceMending(Careful):
    """Some squares of one picture; `result` [H, W, 3] and `changed`, of each face, at the end."""

    def __init__(
        self,
        network: FaceRestorer,
        device: Device,
        colours: np.ndarray,
        squares: list[tuple[int, int, int]],
        fidelity: float,
        finder: FaceFinder,
        likeness: FaceLikeness,
    ) -> None:
        """`colours` [H, W, 3]; `squares` are (x, y, side); `fidelity` is how much stays of a face
        as it was, 0 to 1.
        """
        super().__init__(device)
        self.network, self.squares, self.fidelity = network, squares, fidelity
        self.finder, self.likeness = finder, likeness
        self.own = find_faces.own_points(network.side)
        self.result = colours.copy()
        self.changed: list[dict[str, Any]] = []

    def through(self) -> Iterator[int]:
        """The number of faces done, after each."""
        for done, (x, y, side) in enumerate(self.squares, 1):
            edge = round(AROUND * side)
            window = _square(self.result, x - edge, y - edge, side + 2 * edge)
            found, points = self._points(window, edge, side)
            made, apart = self._mended(window, points)
            seen = share(points, self.own, self.network.side, len(window))
            blended = window + (1 - self.fidelity) * seen * (made.astype(np.float32) - window)
            blended = (blended + 0.5).astype(window.dtype)
            self._put(blended, x - edge, y - edge)
            told = {"face": [x, y, side], "changed": apart}
            if found:
                told["distance"] = self._distance(done, window, blended, points)
            self.changed.append(told)
            yield done

    def _points(self, window: np.ndarray, edge: int, side: int) -> tuple[bool, list[Point]]:
        """Was a face found there; and its five points where a restorer's square has them, as it
        lies on the face: without one, it lies upright inside of the edge.
        """
        middle = edge + side / 2
        found = find_faces.points_at(self.finder, to_tensor(window), (middle, middle))
        corners = [(edge - 0.5, edge - 0.5), (edge + side - 0.5, edge + side - 0.5)]
        last = self.network.side - 0.5
        places = ([(-0.5, -0.5), (last, last)], corners) if found is None else (self.own, found)
        _, matrix = upright.similarity(*places)
        square = torch.tensor([[*point, 1.0] for point in self.own], dtype=matrix.dtype)
        return found is not None, [(px, py) for px, py in (square @ matrix.T).tolist()]

    def _mended(self, window: np.ndarray, points: list[Point]) -> tuple[np.ndarray, float]:
        """The window [S, S, 3] with the face that the network makes of that at `points`, and how
        far the two are apart.
        """
        x = upright.turned(to_tensor(window), points, self.own, self.network.side)
        y = self._called(lambda: self.network(x.to(self.device.name))).cpu()
        back = upright.turned(y, self.own, points, len(window))
        bits = 16 if window.dtype == np.uint16 else 8
        return to_pixels(back, bits), _apart(to_pixels(x, 16), to_pixels(y, 16))

    def _put(self, window: np.ndarray, x: int, y: int) -> None:
        """What of the window lies in the picture, there."""
        height, width = self.result.shape[:2]
        top, bottom = max(0, y), min(height, y + len(window))
        left, right = max(0, x), min(width, x + len(window))
        self.result[top:bottom, left:right] = window[top - y : bottom - y, left - x : right - x]

    def _distance(
        self, number: int, before: np.ndarray, after: np.ndarray, points: list[Point]
    ) -> float:
        """How far a face is from what it was; where that is too far, it is said."""
        pair = to_tensor(before), to_tensor(after)
        distance = round(find_faces.distance(self.likeness, *pair, points), 2)
        if distance >= self.likeness.same:
            self._changes.append(
                Message(
                    "Face {number} came out as somebody else: {distance} from what it was, where "
                    "one person's pictures are less than {same} apart. Let more of it stay as it "
                    "was, or leave it out.",
                    number=number,
                    distance=distance,
                    same=self.likeness.same,
                )
            )
        return distance


def squares_of(heads: list[list[int]], size: tuple[int, int]) -> list[tuple[int, int, int]]:
    """(x, y, side) of each head in a picture of `size` (W, H). Raises UserError where one is none,
    or lies outside.
    """
    found = []
    for head in heads:
        whole = isinstance(head, list) and all(type(number) is int for number in head)
        if not whole or len(head) != 3 or head[2] < 1:
            raise UserError("A head's square is three whole numbers: x, y, side.")
        x, y, side = head
        if x + side <= 0 or y + side <= 0 or x >= size[0] or y >= size[1] or side > 2 * max(size):
            raise UserError(
                "The square {square} of a head lies outside the picture of {width} x {height} "
                "pixels.",
                square=str(head),
                width=size[0],
                height=size[1],
            )
        found.append((x, y, side))
    return found


def share(points: list[Point], own: list[Point], side: int, window: int) -> np.ndarray:
    """How far a square of `side` pixels is seen in a window of so many, whose `points` are the
    square's `own`: [S, S, 1] float32, 1 inside of it, falling to 0 at its border.
    """
    _, matrix = upright.similarity(points, own)
    row, column = np.mgrid[:window, :window]
    places = np.stack([column, row, np.ones_like(row)], axis=2) @ matrix.numpy().T
    places = (places + 0.5) / side
    edge = np.minimum(places, 1 - places).min(axis=2, keepdims=True)
    return np.clip(edge / RIM, 0, 1).astype(np.float32)


def _square(colours: np.ndarray, x: int, y: int, side: int) -> np.ndarray:
    """[S, S, 3] from there on; beyond the picture its border goes on."""
    rows = np.clip(np.arange(y, y + side), 0, colours.shape[0] - 1)
    columns = np.clip(np.arange(x, x + side), 0, colours.shape[1] - 1)
    return colours[rows][:, columns]


def _apart(old: np.ndarray, new: np.ndarray) -> float:
    """How far the two lie apart where they are small: what a face looks like, not its grain."""
    small = [resample.resize(one, (SMALL, SMALL)).astype(np.float32) for one in (old, new)]
    most = np.iinfo(old.dtype).max
    return round(float(np.abs(small[0] - small[1]).mean() * 255 / most), 2)
