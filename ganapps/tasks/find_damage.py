"""Where a picture is damaged, as a network trained for it finds, window by window."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch import Tensor

from ganapps.device import Device
from ganapps.networks.contracts import DamageFinder
from ganapps.pictures.images import to_tensor
from ganapps.tasks import tiles
from ganapps.tasks.careful import Careful

OVERLAP = 64  # pixels that neighbouring windows share


class Search(Careful):
    """One picture being searched; `found` [H, W] of bool is there at the end."""

    def __init__(self, network: DamageFinder, device: Device, colours: np.ndarray) -> None:
        """`colours` [H, W, 3] uint8 or uint16."""
        super().__init__(device)
        self.network, self.colours = network, colours
        height, width = colours.shape[:2]
        self.layout = tiles.grid(height, width, network.tile, OVERLAP)
        self.total = self.layout.count

    def through(self) -> Iterator[int]:
        """The number of windows done, after each."""
        canvas = tiles.Canvas(self.layout, 1, 1, np.uint8)
        rows, columns = self.layout.rows, self.layout.columns
        done = 0
        for row, top in enumerate(rows.starts):
            for column, left in enumerate(columns.starts):
                part = tiles.window(self.colours, top, left, rows.side, columns.side)
                canvas.add(row, column, self._sure(part))
                done += 1
                yield done
            canvas.finish(row)
        self.found = canvas.pixels[..., 0] > 127

    def _sure(self, part: np.ndarray) -> Tensor:
        """[1, h, w]: how surely each pixel of [h, w, 3] is damaged, 0 to 1."""
        x = to_tensor(part).to(self.device.name)
        return self._called(lambda: self.network(x).sigmoid())[0].cpu()
