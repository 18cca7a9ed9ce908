"""A hole filled by a network that was trained for it: window by window, what is wide from coarse to
fine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ganapps.device import Device
from ganapps.networks.contracts import Inpainter
from ganapps.pictures.images import to_picture, to_tensor
from ganapps.pictures.masks import distances
from ganapps.tasks import planes, resample, tiles
from ganapps.tasks.careful import Careful

NEAR = 8  # pixels, at which it is measured how deep a hole is
SMALLEST = 64  # pixels of the shorter side: nothing is begun smaller


@dataclass(frozen=True)
class Level:
    """The picture at one size: `pixels` [h, w, 3]; `known` [h, w] is false in the hole; `core` is
    what lies so deep in it that the smaller picture says what is there; `layout` are its windows.
    """

    pixels: np.ndarray
    known: np.ndarray
    core: np.ndarray
    layout: tiles.Grid

    def windows(self) -> Iterator[tuple[int, int, slice, slice, bool]]:
        """Of each window its place in the grid, its rows and columns, and whether there is
        something to fill in it.
        """
        rows, columns = self.layout.rows, self.layout.columns
        for row, top in enumerate(rows.starts):
            for column, left in enumerate(columns.starts):
                across = slice(left, left + columns.side)
                down = slice(top, top + rows.side)
                whole = (self.known[down, across] | self.core[down, across]).all()
                yield row, column, down, across, not whole


class Filling(Careful):
    """One picture whose hole is filled; `result` [H, W, 3] is whole then, of the kind that came,
    and the network's own in every window that it saw.
    """

    preview: tuple[Image.Image, ...] = ()

    def __init__(
        self, network: Inpainter, device: Device, pixels: np.ndarray, known: np.ndarray
    ) -> None:
        """`pixels` [H, W, 3] uint8 or uint16; `known` [H, W] of bool, false in the hole."""
        super().__init__(device)
        self.network = network
        self.levels = list(self._levels(pixels, known))
        self.total = sum(hit for level in self.levels for *_, hit in level.windows())
        self.curve: list[float] = []
        self.figures: dict[str, Any] = {"windows": self.total, "sizes": len(self.levels)}

    def through(self) -> Iterator[int]:
        """From the smallest size to the picture's own: the number of windows done after each."""
        done = 0
        made: np.ndarray | None = None
        while self.levels:
            level = self.levels.pop()
            canvas = tiles.Canvas(level.layout, 1, 3, level.pixels.dtype)
            for place, window, known in self._given(level, made):
                row, column = place
                if known is not None:
                    canvas.add(row, column, self._filled(window, known))
                    done += 1
                else:
                    canvas.add(row, column, to_tensor(window)[0])
                if column == len(level.layout.columns.starts) - 1:
                    canvas.finish(row)
                if known is not None:
                    yield done
            made = canvas.pixels
            self.preview = (to_picture(np.where(level.known[..., None], level.pixels, made)),)
        assert made is not None, "there is the picture's own size"
        self.result = made

    def _levels(self, pixels: np.ndarray, known: np.ndarray) -> Iterator[Level]:
        """The picture's own size, then each half of the one before, until no hole is too wide."""
        while True:
            height, width = known.shape
            core = deep(known, self.network.hole // 2)
            if min(height, width) < 2 * SMALLEST:
                core[:] = False
            layout = tiles.grid(height, width, self.network.tile, self.network.tile // 2)
            yield Level(pixels, known, core, layout)
            if not core.any():
                return
            pixels, known = halved(pixels, known)

    def _given(
        self, level: Level, smaller: np.ndarray | None
    ) -> Iterator[tuple[tuple[int, int], np.ndarray, np.ndarray | None]]:
        """Of each window its place, its pixels and what is known of it, None where all is."""
        pixels = level.pixels
        if smaller is not None:
            larger = resample.resize(smaller, pixels.shape[1::-1])
            pixels = np.where(level.core[..., None], larger, pixels)
        for row, column, down, across, hit in level.windows():
            known = (level.known | level.core)[down, across] if hit else None
            size = level.layout.rows.side, level.layout.columns.side
            yield (row, column), tiles.window(pixels, down.start, across.start, *size), known

    def _filled(self, window: np.ndarray, known: np.ndarray) -> Tensor:
        """[3, h, w] of [h, w, 3] and [h, w]: what the network makes of them."""
        x = to_tensor(window)
        told = torch.from_numpy(known.astype(np.float32))[None, None]
        need = [self._side(side) for side in known.shape]
        x, told = planes.mirrored(x, *need), planes.mirrored(told, *need)
        y = self._called(lambda: self.network(x.to(self.device.name), told.to(self.device.name)))
        return y[0, :, : known.shape[0], : known.shape[1]].cpu()

    def _side(self, side: int) -> int:
        """What a side is made up to, for the network."""
        multiple = self.network.multiple
        return max(-(-side // multiple) * multiple, self.network.minimum)


def deep(known: np.ndarray, radius: int) -> np.ndarray:
    """[H, W]: what lies more than `radius` pixels inside the hole, about: measured on a smaller
    copy.
    """
    step = max(1, radius // NEAR)
    small = distances(known[::step, ::step], NEAR) > NEAR
    large = small.repeat(step, axis=0).repeat(step, axis=1)
    return np.asarray(large[: known.shape[0], : known.shape[1]] & ~known)


def halved(pixels: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[H, W, 3] and [H, W] at half the size; what is not known has no say in the colours."""
    most = np.iinfo(pixels.dtype).max
    opaque = np.where(known, most, 0).astype(pixels.dtype)[..., None]
    size = max(1, known.shape[1] // 2), max(1, known.shape[0] // 2)
    small = resample.resize(np.concatenate([pixels, opaque], 2), size)
    return np.ascontiguousarray(small[..., :3]), small[..., 3] > most // 2
