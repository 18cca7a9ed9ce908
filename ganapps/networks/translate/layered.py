"""Picture-to-picture networks as lists of layers, so that a whole picture and strips of it are
computed by the same code.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

import torch
from torch import Tensor, nn

from ganapps.networks.contracts import Translator
from ganapps.networks.translate import shared_statistics
from ganapps.networks.translate.layer import Layer
from ganapps.networks.translate.sums import Sums

CHUNK = 1 << 19  # numbers of a layer that are made at a time
PICTURE = -1  # as a source: the network's input


class Layered(Translator):
    """A picture-to-picture network of layers; output of the size of its input, in the same value
    range unless `output_range` differs.
    """

    minimum = 8
    # of GPUs; on processors the 3x3 convolutions of winograd.py are as quick in float32
    precisions = ("float16",)

    def __init__(
        self,
        layers: Sequence[Layer],
        *,
        multiple: int = 4,
        value_range: tuple[float, float] = (-1.0, 1.0),
        output_range: tuple[float, float] = (-1.0, 1.0),
        labels: int = 0,
        styles: int = 0,
        reach: int | None = None,
    ) -> None:
        """`labels`: how many planes of a condition join the picture's channels; `styles`: how many
        a condition mixes instead.
        """
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.multiple, self.value_range, self.output_range = multiple, value_range, output_range
        self.planes, self.styles, self.label_dim, self.reach = (
            labels,
            styles,
            labels or styles,
            reach,
        )
        self.last_use = {s: n for n, layer in enumerate(layers) for s in layer.reads}

    def in_order(self) -> list[Layer]:
        """The layers, from the picture on."""
        return [layer for layer in self.layers if isinstance(layer, Layer)]

    def forward(
        self, x: Tensor, condition: Tensor | None = None, seed: int | None = None
    ) -> Tensor:
        """x [N, 3, H, W] in `value_range`, H and W multiples of `multiple` -> [N, 1 or 3, H, W] in
        `output_range`, float32.

        `condition` [N, labels] (StarGAN's attributes) or [N, styles] (how much of each style);
        `seed` draws what dropout drops, None: nothing is dropped. A picture does not depend on its
        batch.
        """
        assert not x.shape[2] % self.multiple and not x.shape[3] % self.multiple, (
            f"sides must be multiples of {self.multiple}"
        )
        if condition is not None and len(condition) != len(x):
            condition = condition.expand(len(x), -1)
        one = [
            self._one(x[n : n + 1], None if condition is None else condition[n], seed)
            for n in range(len(x))
        ]
        return torch.cat(one).float().contiguous()

    def in_strips(
        self, x: Tensor, condition: Tensor | None = None, seed: int | None = None, **more: int
    ) -> Generator[tuple[int, int], None, Tensor]:
        """The same for one large picture, strip by strip in bounded memory: see
        `shared_statistics.run`.
        """
        return shared_statistics.run(self, x, condition, seed=seed, **more)

    def prepared(self, x: Tensor, condition: Tensor | None) -> Tensor:
        """What the first layer sees: x, and a plane for each label."""
        if self.planes:
            assert condition is not None and condition.shape == (self.planes,), (
                f"this network needs {self.planes} labels"
            )
            x = torch.cat(
                [x, condition.to(x)[None, :, None, None].expand(1, -1, *x.shape[2:])], dim=1
            )
        return x.contiguous(memory_format=torch.channels_last)

    def _one(self, x: Tensor, condition: Tensor | None, seed: int | None) -> Tensor:
        made, sizes = {PICTURE: self.prepared(x, condition)}, self.sizes(*x.shape[2:])
        for number, layer in enumerate(self.in_order()):
            y = self._made(layer, made, condition, sizes[number][1:])
            made[number] = self.dropped(y, number, 0, y.shape[2], seed)
            for source in layer.reads:
                if self.last_use[source] == number:
                    del made[source]
        return made[len(self.layers) - 1]

    def dropped(self, y: Tensor, number: int, first: int, height: int, seed: int | None) -> Tensor:
        """Rows from `first` of what layer `number` makes, `height` of them in all, with the dropout
        that `seed` draws.
        """
        layer = self.layers[number]
        assert isinstance(layer, Layer)
        rate = layer.dropout
        if seed is None or not rate:
            return y
        generator = torch.Generator().manual_seed((seed * 1009 + number) % (1 << 63))
        kept = (
            torch.rand(y.shape[1], height, y.shape[3], generator=generator)[
                :, first : first + y.shape[2]
            ]
            >= rate
        )
        return y.mul_(kept.to(y) / (1 - rate))

    def _made(
        self, layer: Layer, made: dict[int, Tensor], condition: Tensor | None, size: tuple[int, int]
    ) -> Tensor:
        """The output of one layer on the whole picture, of this size."""
        x = (
            made[layer.sources[0]]
            if len(layer.sources) == 1
            else torch.cat([made[s] for s in layer.sources], dim=1)
        )
        y, sums = self._raw(layer, x, size)
        affine = layer.affine(sums, condition) if layer.norm else None
        added = None if layer.add is None else made[layer.add]
        return layer.finish(y, affine, added, own=layer.weight is not None)

    def _raw(self, layer: Layer, x: Tensor, size: tuple[int, int]) -> tuple[Tensor, Sums]:
        """A layer before its norm and its sums; on a processor so few rows at a time that they stay
        in its caches.
        """
        height, sums = x.shape[2], Sums()
        last, width = size
        widest = max(layer.channels(x.shape[1]), x.shape[1] * (2 if layer.resize else 1))
        rows = max(8, CHUNK // (widest * max(width, x.shape[3])) // 4 * 4)
        if x.device.type != "cpu" or layer.weight is None or rows >= last:
            y = layer.raw(x, 0, 0, last, height, size)
            return y, sums.gather(y) if layer.norm else sums
        for first in range(0, last, rows):
            piece = layer.raw(x, 0, first, min(first + rows, last), height, size)
            if not first:
                y = piece.new_empty(1, last, width, piece.shape[1]).permute(0, 3, 1, 2)
            y[:, :, first : first + rows] = piece
            if layer.norm:
                sums.gather(piece)
        return y, sums

    def sizes(self, height: int, width: int) -> dict[int, tuple[int, int, int]]:
        """(channels, height, width) of what every layer makes of a picture of this size."""
        sizes = {PICTURE: (self.channels + self.planes, height, width)}
        for number, layer in enumerate(self.in_order()):
            inputs = sum(sizes[s][0] for s in layer.sources)
            size = (
                layer.size(*sizes[layer.sources[0]][1:])
                if layer.like is None
                else sizes[layer.like][1:]
            )
            sizes[number] = (layer.channels(inputs), *size)
        return sizes

    def memory(self, height: int, width: int) -> int:
        """Bytes that `forward` holds at its peak for one picture, about: what later layers need,
        and a layer's input and output twice.
        """
        count = {n: 4 * c * h * w for n, (c, h, w) in self.sizes(height, width).items()}
        alive, peak = {PICTURE}, 0
        for number, layer in enumerate(self.in_order()):
            peak = max(
                peak,
                sum(count[n] for n in alive)
                + 2 * count[number]
                + sum(count[s] for s in layer.sources),
            )
            alive = {
                n for n in alive | {number} if self.last_use.get(n, -2) > number or n == number
            }
        return peak
