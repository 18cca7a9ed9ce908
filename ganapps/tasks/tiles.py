"""Windows over a picture that is too large for a network at once, and how their results are blended
into one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

RAMP = 8  # input pixels at most over which one window fades into the next
STRIP = 64  # rows turned into integers at a time


@dataclass(frozen=True)
class Axis:
    """Equal windows of `side` pixels at `starts`, over a length of `length`; neighbours overlap."""

    length: int
    side: int
    starts: tuple[int, ...]

    @property
    def overlap(self) -> int:
        """What neighbours share at least; all of it where there is one window alone."""
        return min(
            (before + self.side - after for before, after in zip(self.starts, self.starts[1:])),
            default=self.side,
        )

    @cached_property
    def borders(self) -> tuple[float, ...]:
        """Where one window hands over to the next: the middle of what both cover."""
        return tuple(
            (after + before + self.side) / 2 for before, after in zip(self.starts, self.starts[1:])
        )

    def weights(self, scale: int) -> list[Tensor]:
        """How much each window counts at each of its `side * scale` pixels: 1 inside, 0 near its
        edges, a straight ramp between; over all windows they add up to 1 everywhere. What a window
        makes near its edges, without its surroundings, counts for nothing.
        """
        weights = [torch.ones(self.side * scale) for _ in self.starts]
        for i, (before, after) in enumerate(zip(self.starts, self.starts[1:])):
            overlap = (before + self.side - after) * scale
            ramp = min(2 * RAMP * scale, overlap)
            place = torch.arange(overlap) + 0.5 - (overlap - ramp) / 2
            fade = (place / max(ramp, 1)).clamp(0, 1)
            weights[i][len(weights[i]) - overlap :] *= 1 - fade
            weights[i + 1][:overlap] *= fade
        total = torch.zeros((self.starts[-1] + self.side) * scale)
        for start, weight in zip(self.starts, weights):
            total[start * scale : (start + self.side) * scale] += weight
        return [
            weight / total[start * scale : (start + self.side) * scale]
            for start, weight in zip(self.starts, weights)
        ]


@dataclass(frozen=True)
class Grid:
    """Windows of both axes, row by row."""

    rows: Axis
    columns: Axis

    @property
    def count(self) -> int:
        """How many windows there are."""
        return len(self.rows.starts) * len(self.columns.starts)


def grid(
    height: int, width: int, tile: int, overlap: int, multiple: int = 1, step: int = 1
) -> Grid:
    """Windows of at most `tile` pixels a side over a picture, neighbours sharing `overlap` or a
    little more (less only where the tile is too small for it). Sides are multiples of `multiple`;
    the last window may then stand out of the picture. Starts are multiples of `multiple` and, where
    the tile is large enough for it, of `step`.
    """
    return Grid(
        axis(height, tile, overlap, multiple, step), axis(width, tile, overlap, multiple, step)
    )


def axis(length: int, tile: int, overlap: int, multiple: int = 1, step: int = 1) -> Axis:
    """The windows of one direction: as few as possible, all of the same side, evenly spread."""
    units, most = -(-length // multiple), max(1, tile // multiple)
    if units <= most:
        return Axis(length, units * multiple, (0,))
    shared = min(-(-overlap // multiple), most // 2)
    step = math.lcm(step, multiple) // multiple
    if 2 * step - 1 > most - shared:
        step = 1  # no such windows are small enough
    count = math.ceil((units - shared) / (most - shared))
    while (side := _side(units, count, shared, step)) > most:
        count += 1
    steps = (units - side) // step
    starts = tuple(i * steps // (count - 1) * step * multiple for i in range(count))
    return Axis(length, side * multiple, starts)


def _side(units: int, count: int, shared: int, step: int) -> int:
    """The smallest side with which `count` windows share so much and begin at multiples of `step`,
    the last one where it ends with the picture; all in units.
    """
    side = math.ceil((units + (count - 1) * shared) / count)
    side += (units - side) % step
    while math.ceil((units - side) // step / (count - 1)) * step > side - shared:
        side += step
    return side


def window(pixels: np.ndarray, top: int, left: int, height: int, width: int) -> np.ndarray:
    """[height, width, C] of `pixels` [H, W, C] from there on; what stands out of the picture at the
    bottom or right is its mirror image.
    """
    inside = pixels[top : top + height, left : left + width]
    missing = (height - inside.shape[0], width - inside.shape[1])
    if not any(missing):
        return inside
    return np.pad(inside, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="reflect")


class Canvas:
    """The result, filled from the top: one row of windows is blended in float32, what is finished
    becomes integers.

    Memory is the integers and one row of windows, whatever the picture's height.
    """

    def __init__(self, layout: Grid, scale: int, channels: int, kind: np.dtype | type) -> None:
        """`kind` uint8 or uint16: `pixels` [scale * H, scale * W, channels] of it."""
        self.layout, self.scale = layout, scale
        self.pixels = np.zeros(
            (layout.rows.length * scale, layout.columns.length * scale, channels), kind
        )
        self.finished = self._told = 0
        self._across, self._down = layout.columns.weights(scale), layout.rows.weights(scale)
        last = layout.columns.starts[-1] + layout.columns.side
        self._band = torch.zeros(channels, layout.rows.side * scale, last * scale)

    def add(self, row: int, column: int, y: Tensor) -> None:
        """Blend in the result y [C, side * scale, side * scale], values 0 to 1, of one window."""
        assert y.shape[1:] == (len(self._down[row]), len(self._across[column])), (
            "a window's result has the window's size"
        )
        left = self.layout.columns.starts[column] * self.scale
        weighed = y.clamp(0, 1).mul_(self._across[column]).mul_(self._down[row][:, None])
        self._band[:, :, left : left + y.shape[2]] += weighed

    def new_rows(self) -> np.ndarray:
        """The rows [h, W, C] that were finished since this was last asked; no copy."""
        rows, self._told = self.pixels[self._told : self.finished], self.finished
        return rows

    def finish(self, row: int) -> None:
        """All windows of this row are in: what the next row does not touch is finished."""
        starts, side = self.layout.rows.starts, self.layout.rows.side
        top = starts[row] * self.scale
        ready = (starts[row + 1] - starts[row] if row + 1 < len(starts) else side) * self.scale
        most = np.iinfo(self.pixels.dtype).max
        for strip in range(0, ready, STRIP):
            rows = self.pixels[top + strip : top + min(strip + STRIP, ready)]
            values = self._band[:, strip : strip + len(rows), : self.pixels.shape[1]] * most
            rows[:] = values.add_(0.5).clamp_(0, most).permute(1, 2, 0).numpy()
        self.finished = min(top + ready, len(self.pixels))
        kept = self._band.shape[1] - ready
        # towards the top, in strips that never read what was overwritten
        for strip in range(0, kept, max(1, min(ready, STRIP))):
            count = min(max(1, min(ready, STRIP)), kept - strip)
            self._band[:, strip : strip + count] = self._band[
                :, ready + strip : ready + strip + count
            ]
        self._band[:, kept:] = 0


def whole(layout: Grid, scale: int, results: list[Tensor]) -> Tensor:
    """One [C, H * scale, W * scale] of the results of all windows in order: for a window that had
    to be made in parts.
    """
    rows, columns = layout.rows, layout.columns
    down, across = rows.weights(scale), columns.weights(scale)
    y = torch.zeros(
        results[0].shape[0],
        (rows.starts[-1] + rows.side) * scale,
        (columns.starts[-1] + columns.side) * scale,
    )
    for i, result in enumerate(results):
        row, column = divmod(i, len(columns.starts))
        top, left = rows.starts[row] * scale, columns.starts[column] * scale
        y[:, top : top + result.shape[1], left : left + result.shape[2]] += (
            result * across[column] * down[row][:, None]
        )
    return y[:, : rows.length * scale, : columns.length * scale]
