"""Tiles through a network: as large as the memory holds, smaller where it is full, again where they
are not finite.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ganapps.device import Device
from ganapps.errors import Message, UserError
from ganapps.networks.contracts import Tiled
from ganapps.tasks import alpha, careful, planes, tiles
from ganapps.tasks.calm import Calm
from ganapps.tasks.careful import Careful, MemoryFull

SMALLEST = 64  # pixels a side: below, a tile is nearly all overlap
LEAST = 24  # pixels a side: what is tried at last where the memory is full
# for a network that looks at all of its picture, where tiles can't agree whatever they share
GLOBAL_OVERLAP = 32
# times the side that is quickest on a processor: a GPU takes larger tiles, so that less of each is
# what neighbours share
LARGER = 2
SHARE = 0.25  # of the free memory that the tiles at work may take


class TileRun(Careful):
    """One run: where it computes now, how large a tile may be, and what had to be changed. Of a
    tile's work, `parts` are told.
    """

    parts = 1

    def __init__(
        self, network: Tiled, device: Device, source: np.ndarray, seed: int | None = None
    ) -> None:
        super().__init__(device)
        self.seed = seed  # of the noise of a network that draws some
        self.network, self.source = network, source
        # one window fades into the next where both have seen all they look at
        self.reach = GLOBAL_OVERLAP if network.reach is None else network.reach
        self.overlap = 2 * (self.reach + tiles.RAMP)
        self.most: int | None = None  # pixels a side, after a memory was full
        self.calm = Calm()

    def tile(self) -> int:
        """Pixels a side that a share of the free memory holds, at most what is quickest; larger on
        a GPU, save of a network that looks at all of its picture, for it would make another one.
        """
        each = self.network.memory * (2 if planes.has_alpha(self.source) else 1)
        held = math.isqrt(int(SHARE * self.device.free_memory() / each))
        larger = self.device.name != "cpu" and self.network.reach is not None
        most = self.network.tile * (LARGER if larger else 1)
        side = max(SMALLEST, min(most, held))
        return max(side - side % max(self.network.multiple, 16), self.network.multiple)

    def layout(self, tile: int | None, overlap: int | None) -> tiles.Grid:
        """The tiles of this side and overlap, each by default this network's; says so where they
        are too small to share what it looks at.
        """
        overlap = self.overlap if overlap is None else overlap
        height, width = self.source.shape[:2]
        layout = tiles.grid(
            height,
            width,
            tile or self.tile(),
            overlap,
            self.network.multiple,
            self.network.step,
        )
        if any(
            len(axis.starts) > 1 and axis.overlap < 2 * self.reach
            for axis in (layout.rows, layout.columns)
        ):
            self._changes.append(
                Message(
                    "These tiles share fewer pixels than this model looks at: faint seams are "
                    "possible."
                )
            )
        return layout

    def through(self, layout: tiles.Grid, canvas: tiles.Canvas) -> Iterator[int]:
        """All windows onto the canvas, row by row; the number done after each batch."""
        done, columns = 0, range(len(layout.columns.starts))
        batch = self._batch(layout)
        for row, top in enumerate(layout.rows.starts):
            for first in range(0, len(columns), batch):
                some = columns[first : first + batch]
                windows = [
                    tiles.window(
                        self.source,
                        top,
                        layout.columns.starts[c],
                        layout.rows.side,
                        layout.columns.side,
                    )
                    for c in some
                ]
                results = self._results(windows)
                with careful.beside(self.device):
                    for column, y in zip(some, results):
                        canvas.add(row, column, y)
                    if some[-1] == columns[-1]:
                        canvas.finish(row)
                done += len(some)
                yield done

    def _batch(self, layout: tiles.Grid) -> int:
        """Tiles at once: on a processor one (more brings nothing there); on a GPU what the memory
        holds, at most 8.
        """
        if self.device.name == "cpu":
            return 1
        each = self.network.memory * layout.rows.side * layout.columns.side
        return int(max(1, min(8, SHARE * self.device.free_memory() / each)))

    @cached_property
    def with_alpha(self) -> bool:
        """Does alpha go through the network? It says so where it does not."""
        if not alpha.has_ends(self.source) or self._keeps_alpha():
            return True
        self._changes.append(alpha.SAID if self.network.scale > 1 else alpha.LEFT)
        return False

    def _keeps_alpha(self) -> bool:
        """Is the network seen to keep what is fully transparent and what is opaque?"""
        x = alpha.trial().expand(-1, self.network.channels, -1, -1)
        return alpha.kept(x, self._run(x))

    def _results(self, windows: list[np.ndarray]) -> list[Tensor]:
        """[C, scale * h, scale * w] float32 on the processor, of each window [h, w, C]."""
        network, results = self.network, []
        inputs = [planes.to_planes(w, network.channels, self.with_alpha) for w in windows]
        x = torch.cat(inputs)
        y = self.calm.calmed(x, self._run(x), network.scale, self._run)
        for part, window in zip(y.split([len(x) for x in inputs]), windows):
            results.append(alpha.settled(planes.to_channels(part, window, network), window))
        return results

    def _run(self, x: Tensor) -> Tensor:
        """The network on x [N, channels, h, w], all finite; in parts where the memory is full."""
        if self.most and max(x.shape[2:]) > self.most:
            return self._in_parts(x, self.most)
        try:
            return self._called(lambda: self._forward(x))
        except MemoryFull:
            self._smaller(x)
        return self._run(x)

    def _smaller(self, x: Tensor) -> None:
        """What to do when the memory is full: a smaller tile, then again, then the processor."""
        side = max(x.shape[2:]) // 2
        if side >= LEAST:
            self.most = side
            self._changes.append(
                Message("Out of memory: tiles of {count} pixels instead.", count=side)
            )
        elif self.device.name != "cpu":
            self._changes.append(
                Message(
                    "Out of memory on {device}: the rest is made on the CPU.",
                    device=self.device.title,
                )
            )
            self.network, self.device, self.most = _on_cpu(self.network, self.device)
        else:
            raise UserError(
                "The memory is not enough for this model even with the smallest tiles: close other "
                "programs or choose a "
                "smaller model."
            )

    def _in_parts(self, x: Tensor, side: int) -> Tensor:
        height, width = x.shape[2:]
        network = self.network
        layout = tiles.grid(height, width, side, self.overlap, network.multiple, network.step)
        pixels = x.permute(0, 2, 3, 1).numpy()
        parts: list[list[Tensor]] = [[] for _ in x]
        for top in layout.rows.starts:
            for left in layout.columns.starts:
                some = np.stack(
                    [
                        tiles.window(p, top, left, layout.rows.side, layout.columns.side)
                        for p in pixels
                    ]
                )
                for list_, y in zip(parts, self._run(torch.from_numpy(some).permute(0, 3, 1, 2))):
                    list_.append(y)
        return torch.stack([tiles.whole(layout, self.network.scale, list_) for list_ in parts])

    def _forward(self, x: Tensor) -> Tensor:
        """The network's own answer to x, which is mirrored at its borders up to what it takes."""
        height, width = x.shape[2:]
        need = (
            max(-(-n // self.network.multiple) * self.network.multiple, self.network.minimum)
            for n in (height, width)
        )
        padded = planes.mirrored(x, *need).to(self.device.name, memory_format=torch.channels_last)
        y = self.network(padded) if self.seed is None else self.network(padded, self.seed)
        scale = self.network.scale
        return y[..., : height * scale, : width * scale].float().cpu()


def _on_cpu(network: Tiled, device: Device) -> tuple[Tiled, Device, None]:
    """A copy of the network beside the processor; the GPU's own stays where it was."""
    twin = copy.deepcopy(network.to("cpu"))
    network.to(device.name)
    return twin, Device("cpu").with_precision("auto", network.precisions), None
