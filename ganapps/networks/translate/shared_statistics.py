"""Large pictures, strip by strip, exactly as if the network saw them whole: its norms share
statistics of the whole picture.

A network whose norms measure the picture can't be run on tiles one by one: each tile would be
normalised by itself, and colours would jump at the seams. Here each layer is made in strips of
rows, over the whole picture, before the next one that needs its statistics. What the layers between
hold is kept in memory up to `room` bytes, beyond that in a temporary file; layers that are cheap to
compute (marked `again`) are not kept at all, but made anew, strip by strip, for each layer behind
them. A layer that nobody needs any more is overwritten by the next one of its shape.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganapps.networks.translate.sums import Sums

if TYPE_CHECKING:
    from ganapps.networks.translate.layered import Layered

# bytes of layers in memory: with the strips, a picture of 12 megapixels stays under 2 GB
ROOM = 1_540_000_000
STRIP = 12_000_000  # bytes of one strip of a layer
# of a strip at least, where layers before it are made anew, for their strips overlap; more would
# outgrow what allocators reuse
ROWS = 16


class Rows:
    """A layer's rows, channels last: in memory, or in a temporary file that leaves with this
    object.
    """

    def __init__(
        self, size: tuple[int, int, int], in_memory: bool, spare: Tensor | None = None
    ) -> None:
        channels, height, width = size
        self.width, self.channels, self.bytes = width, channels, 4 * channels * height * width
        self.rows = None
        if in_memory:
            self.rows = (
                torch.empty(height, width, channels)
                if spare is None
                else spare.view(height, width, channels)
            )
        self.file = None if in_memory else tempfile.TemporaryFile(buffering=0)

    def write(self, first: int, y: Tensor) -> None:
        """Put y [1, C, h, W] at the rows from `first`."""
        y = y[0].permute(1, 2, 0).cpu()
        if self.rows is not None:
            self.rows[first : first + len(y)] = y
            return
        assert self.file is not None
        data = y.contiguous().numpy().data.cast("B")
        place = first * self.width * self.channels * 4
        while data:
            written = os.pwrite(self.file.fileno(), data, place)
            data, place = data[written:], place + written

    def read(self, first: int, last: int) -> Tensor:
        """Rows `first` to `last` [1, C, h, W]; of memory a view, not to be changed."""
        if self.rows is not None:
            rows = self.rows[first:last]
        else:
            rows = torch.empty(last - first, self.width, self.channels)
            assert self.file is not None
            data = rows.numpy().data.cast("B")
            place = first * self.width * self.channels * 4
            while data:
                got = os.preadv(self.file.fileno(), [data], place)
                data, place = data[got:], place + got
        return rows[None].permute(0, 3, 1, 2)


class _Run:
    """One picture on its way through the layers."""

    def __init__(
        self,
        network: Layered,
        x: Tensor,
        condition: Tensor | None,
        room: int,
        strip: int,
        seed: int | None,
    ) -> None:
        self.network, self.layers, self.condition, self.seed = (
            network,
            network.in_order(),
            condition,
            seed,
        )
        self.room, self.strip = room, strip
        self.picture = network.prepared(x, condition)
        self.sizes = network.sizes(*x.shape[2:])
        self.affine: dict[int, tuple[Tensor, Tensor] | None] = {}
        self.kept: dict[int, Rows] = {}
        self.settled: set[int] = set()
        self.spare: Tensor | None = (
            # memory of a layer that left: the next of its size takes it, for asking anew is slow
            None
        )
        self.last_use = self._last_uses()

    def _last_uses(self) -> dict[int, int]:
        """Which step reads a kept layer last: a layer that is made anew hands its sources on to
        whoever reads it.
        """
        last: dict[int, int] = {}
        for number in reversed(range(len(self.layers))):
            layer = self.layers[number]
            reader = max(last.get(number, number), number) if layer.again else number
            for source in layer.reads:
                last[source] = max(last.get(source, -1), reader)
        return last

    def finished(self, number: int, first: int, last: int) -> Tensor:
        """Rows of what a layer makes, all done; of the picture where the number is negative."""
        if number < 0:
            return self.picture[:, :, first:last]
        if number in self.settled:
            return self.kept[number].read(first, last).to(self.picture.device)
        layer = self.layers[number]
        kept = self.kept.get(number)
        y = (
            self.raw(number, first, last)
            if kept is None
            else kept.read(first, last).to(self.picture.device)
        )
        added = None if layer.add is None else self.finished(layer.add, first, last)
        y = layer.finish(
            y, self.affine[number], added, own=kept is None and layer.weight is not None
        )
        return self.network.dropped(y, number, first, self.sizes[number][1], self.seed)

    def raw(self, number: int, first: int, last: int) -> Tensor:
        """Rows of a layer before its norm."""
        layer = self.layers[number]
        height, size = self.sizes[layer.sources[0]][1], self.sizes[number][1:]
        low, high = layer.needs(first, last, height, size[0])
        rows = [self.finished(source, low, high) for source in layer.sources]
        return layer.raw(
            rows[0] if len(rows) == 1 else torch.cat(rows, dim=1), low, first, last, height, size
        )

    def strips(self, number: int) -> list[tuple[int, int]]:
        """The rows of a layer in strips."""
        channels, height, width = self.sizes[number]
        layer = self.layers[number]
        factor = 4 if layer.resize else 1
        widest = max(
            factor * self.sizes[s][0] * self.sizes[s][2] * self.sizes[s][1] // height
            for s in layer.sources
        )
        # winograd.py makes four at a time
        rows = max(8, self.strip // (4 * max(channels * width, widest)) // 4 * 4)
        if any(source >= 0 and self.layers[source].again for source in layer.sources):
            rows = max(rows, ROWS)
        return [(first, min(first + rows, height)) for first in range(0, height, rows)]

    def steps(self) -> list[int]:
        """The layers to go through: those that are kept, those whose norm asks for sums, the
        last.
        """
        end = len(self.layers) - 1
        return [
            n for n, layer in enumerate(self.layers) if layer.norm or not layer.again or n == end
        ]

    def work(self) -> Generator[tuple[int, int], None, Tensor]:
        """The result; after every strip, how far it is."""
        steps, done = self.steps(), 0
        total = sum(len(self.strips(n)) for n in steps)
        for number in range(len(self.layers)):
            self.affine[number] = None
            if number in steps:
                for _ in self.make(number):
                    done += 1
                    yield done, total
            for source in [
                s
                for s in self.kept
                if self.last_use.get(s, -1) <= number and s != len(self.layers) - 1
            ]:
                self._leave(source)
        return self.result

    def make(self, number: int) -> Generator[None, None, None]:
        """One layer over the whole picture: kept, or only its sums, or (the last one) the
        result.
        """
        layer, end = self.layers[number], number == len(self.layers) - 1
        sums = Sums() if layer.norm else None
        keep = None if layer.again or (end and not layer.norm) else self._place(number)
        if end and not layer.norm:
            self.result = torch.empty(1, *self.sizes[number])
        late: tuple[int, Tensor] | None = (
            None  # written one strip later: this place may still be read
        )
        for first, last in self.strips(number):
            y = self.raw(number, first, last)
            if sums is not None:
                sums.gather(y)
            if keep is None and end and not layer.norm:
                self.result[:, :, first:last] = layer.finish(y, None, None).cpu()
            if keep is not None and late is not None:
                keep.write(*late)
            late = None if keep is None else (first, y)
            yield
        if keep is not None and late is not None:
            keep.write(*late)
            self.kept[number] = keep
        self.affine[number] = layer.affine(sums, self.condition) if sums is not None else None
        if end and layer.norm:
            self.result = torch.empty(1, *self.sizes[number])
            for first, last in self.strips(number):
                self.result[:, :, first:last] = self.finished(number, first, last).cpu()
        elif keep is not None and layer.add is not None:
            self._settle(number)

    def _settle(self, number: int) -> None:
        """A sum of layers is added up now, in its own place: what it is the sum of may leave."""
        for first, last in self.strips(number):
            self.kept[number].write(first, self.finished(number, first, last))
        self.settled.add(number)

    def _leave(self, number: int) -> None:
        """A layer that nobody needs any more; its memory may be shared with the one that overwrote
        it.
        """
        kept = self.kept.pop(number)
        if kept.rows is not None and not any(kept is other for other in self.kept.values()):
            self.spare = kept.rows

    def _place(self, number: int) -> Rows:
        """Where a layer goes: over its source if nobody else reads that and it has this shape, else
        into memory, else a file.
        """
        sources = self.layers[number].sources
        if (
            (
                len(sources) == 1
                and sources[0] in self.kept
                and self.last_use[sources[0]] <= number
                and self.layers[number].stride == 1
            )
            and self.sizes[sources[0]] == self.sizes[number]
            and self.layers[number].resize is None
        ):
            return self.kept[sources[0]]
        size = self.sizes[number]
        spare, self.spare = self.spare, None
        if spare is not None and spare.numel() == size[0] * size[1] * size[2]:
            return Rows(size, True, spare)
        del spare
        held = sum(
            k.bytes for k in {id(k): k for k in self.kept.values()}.values() if k.rows is not None
        )
        return Rows(size, in_memory=held + 4 * size[0] * size[1] * size[2] <= self.room)


def run(
    network: Layered,
    x: Tensor,
    condition: Tensor | None = None,
    *,
    room: int = ROOM,
    strip: int = STRIP,
    seed: int | None = None,
) -> Generator[tuple[int, int], None, Tensor]:
    """The network's output for one picture, in strips; equal to `network(x, condition, seed)` but
    for rounding (about 1e-5).

    x [1, C, H, W] in the network's value range, sides multiples of its `multiple`; `condition` [1,
    labels or styles]. Yields (strips done, strips in all) and returns [1, 1 or 3, H, W] on the CPU.
    `room`: bytes of layers to hold in memory; the rest goes to a temporary file (TMPDIR says
    where). `strip`: bytes of one strip of a layer. Raises OSError where the file finds no space.
    """
    assert len(x) == 1, "one picture at a time"
    work = _Run(network, x, None if condition is None else condition[0], room, strip, seed)
    return (yield from work.work())
