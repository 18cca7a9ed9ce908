"""Faces of a picture made anew by a network that knows faces, each blended back into its place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ganapps.device import Device
from ganapps.errors import UserError
from ganapps.networks.contracts import FaceRestorer
from ganapps.pictures.images import to_pixels, to_tensor
from ganapps.tasks import resample
from ganapps.tasks.careful import Careful

RIM = 0.12  # of a square's side, over which a face fades into the picture
SMALL = 64  # pixels a side at which it is measured how much a face changed


class FaceMending(Careful):
    """Some squares of one picture; `result` [H, W, 3] and `changed`, of each face, at the end."""

    def __init__(
        self,
        network: FaceRestorer,
        device: Device,
        colours: np.ndarray,
        squares: list[tuple[int, int, int]],
        fidelity: float,
    ) -> None:
        """`colours` [H, W, 3]; `squares` are (x, y, side); `fidelity` is how much stays of a face
        as it was, 0 to 1.
        """
        super().__init__(device)
        self.network, self.squares, self.fidelity = network, squares, fidelity
        self.result = colours.copy()
        self.changed: list[dict[str, Any]] = []

    def through(self) -> Iterator[int]:
        """The number of faces done, after each."""
        for done, (x, y, side) in enumerate(self.squares, 1):
            height, width = self.result.shape[:2]
            down = slice(max(0, y), min(height, y + side))
            across = slice(max(0, x), min(width, x + side))
            around = _square(self.result, x, y, side)
            made = self._mended(around)
            within = (
                slice(down.start - y, down.stop - y),
                slice(across.start - x, across.stop - x),
            )
            share = (1 - self.fidelity) * rim(side)[within][..., None]
            old = self.result[down, across].astype(np.float32)
            new = old + share * (made[within].astype(np.float32) - old)
            self.changed.append({"face": [x, y, side], "changed": _apart(around, made)})
            self.result[down, across] = (new + 0.5).astype(self.result.dtype)
            yield done

    def _mended(self, face: np.ndarray) -> np.ndarray:
        """The face [S, S, 3], as the network makes it."""
        side = self.network.side
        x = to_tensor(resample.resize(face, (side, side))).to(self.device.name)
        y = self._called(lambda: self.network(x)).cpu()
        bits = 16 if face.dtype == np.uint16 else 8
        return resample.resize(to_pixels(y, bits), face.shape[1::-1])


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


def rim(side: int) -> np.ndarray:
    """[S, S] float32: 1 inside of a square, falling to 0 at its border."""
    place = (np.arange(side) + 0.5) / side
    edge = np.clip(np.minimum(place, 1 - place) / RIM, 0, 1).astype(np.float32)
    return np.minimum(edge[:, None], edge)


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
