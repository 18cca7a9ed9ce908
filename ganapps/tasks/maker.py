"""From seeds to pictures: what all tasks of faces share."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from ganapps.device import Device
from ganapps.errors import Message, UserError
from ganapps.networks.contracts import FaceGenerator, StyleGenerator
from ganapps.pictures.images import from_tensor
from ganapps.report import Made, Step
from ganapps.tasks.careful import Careful, MemoryFull, Rows, together
from ganapps.tasks.labels import Labels
from ganapps.tasks.shared import Noise, Seed, Seeds

SEEDS = 2**32
# seeded for every face: making a new one takes thirty times as long
_random, _drawing = (
    np.random.RandomState(0),
    threading.Lock(),
)
# seconds: what is made within them comes in one step, for nobody sees it come apart and each step
# costs some work
GLANCE = 0.05


def number(seed: Seed) -> int:
    """The seed as numpy takes it, 0 to 2**32 - 1; any text is the first four bytes of its SHA-256,
    digits are the number itself.
    """
    text = str(seed).strip()
    if re.fullmatch("-?[0-9]{1,40}", text):
        return int(text) % SEEDS
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:4], "big")


def numbers_of(seed: Seed, count: int, seeds: Seeds | None = None) -> list[int]:
    """The seeds of `count` pictures as numpy takes them: those of the list, or `seed` and the ones
    after it (0 follows the last one there is). Raises UserError for a list of another length.
    """
    if seeds is None:
        first = number(seed)
        return [(first + index) % SEEDS for index in range(count)]
    if len(seeds) != count or not all(isinstance(one, (int, str)) for one in seeds):
        raise UserError(
            "The list of seeds holds {got}, and {count:picture is|pictures are} asked for: give as "
            "many numbers or texts.",
            got=len(seeds),
            count=count,
        )
    return [number(one) for one in seeds]


@dataclass(frozen=True)
class Placing:
    """How what a network draws is turned (degrees) and moved (of the picture's side)."""

    turn: float = 0.0
    right: float = 0.0
    down: float = 0.0


class Maker(Careful):
    """One run's way from seeds to pictures: labels, noise, batches sized to the device, retries
    that are told.
    """

    def __init__(
        self,
        network: FaceGenerator,
        device: Device,
        table: Labels | None,
        chosen: Mapping[str, Any] | None,
        noise: Noise,
        placing: Placing = Placing(),
    ) -> None:
        if not isinstance(network, FaceGenerator):
            raise UserError("This model does not draw from seeds: choose a face model.")
        if chosen and table is None:
            raise UserError("This model has no labels: leave them out, or choose a model that has.")
        super().__init__(device)
        self.network, self.table, self.chosen, self.noise = network, table, chosen or {}, noise
        self.batch = batch_size(network.resolution, device)
        moved = placing != Placing() and places(network)
        self.placed: dict[str, Any] = (
            {"rotation": placing.turn, "translation": (placing.right, placing.down)}
            if moved
            else {}
        )

    def drawn(self, numbers: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor | None]:
        """z [N, z_dim] of seeds, what RandomState(n) draws first, and the label rows [N, C] that it
        draws after it, where there are labels. All at once before any picture is made: between two
        network calls, with the caches gone, a seed takes ten times as long.
        """
        z, rows = [], []
        with _drawing:
            for n in numbers:
                _random.seed(n)
                z.append(_random.randn(self.network.z_dim))
                if self.table is not None:
                    rows.append(self.table.row(_random, self.chosen))
        return self._tensor(z), self._tensor(rows) if rows else None

    def _tensor(self, rows: Sequence[np.ndarray]) -> torch.Tensor:
        return torch.from_numpy(np.array(rows, np.float32)).to(self.device.name)

    def ws(
        self, z: torch.Tensor, rows: torch.Tensor | None, psi: float, cutoff: int | None
    ) -> torch.Tensor:
        """Styles [N, num_ws, w_dim] of z and label rows, a batch at a time; for a network without a
        style space z itself.
        """
        if not isinstance(self.network, StyleGenerator):
            return z
        with torch.no_grad():  # not inference mode: mixing writes into the styles afterwards
            return _joined(
                [
                    self.network.mapping(some, labels, psi=psi, cutoff=cutoff)
                    for some, labels in self._parts(z, rows)
                ]
            )

    def wall(
        self,
        ws: torch.Tensor,
        rows: torch.Tensor | None,
        numbers: Sequence[int],
        captions: Sequence[str],
        settings: Sequence[Mapping],
        said: tuple[Message, ...] = (),
        task: str | None = None,
    ) -> Iterator[Step]:
        """A Step after the first batch of pictures, then after every batch or as many as are made
        within `GLANCE` seconds; the first one tells what was `said` before any was made.
        """
        done, total, several = 0, len(numbers), self.batch
        while done < total:
            began, some = time.perf_counter(), slice(done, done + several)
            x, changes = self.pictures(
                ws[some], numbers[some], None if rows is None else rows[some]
            )
            pictures = from_tensor(x, self.network.value_range)
            told = self._told(None if rows is None else rows[some], len(pictures))
            made = tuple(
                Made(picture, caption, settings=own, task=task, figures=has)
                for picture, caption, own, has in zip(
                    pictures, captions[some], settings[some], told, strict=True
                )
            )
            done += len(x)
            several = max(self.batch, int(GLANCE * len(x) / (time.perf_counter() - began)))
            yield Step(done, total, made, self.calls(), said + changes)
            said = ()

    def _told(self, rows: torch.Tensor | None, count: int) -> list[dict[str, Any]]:
        """What faces of these label rows have, in the words that set it; {} for each where there
        are no labels.
        """
        if self.table is None or rows is None or not self.table.controls:
            return [{}] * count
        return [{"labels": self.table.told(row)} for row in rows.cpu().numpy()]

    def pictures(
        self, ws: torch.Tensor, numbers: Sequence[int], rows: torch.Tensor | None
    ) -> tuple[torch.Tensor, tuple[Message, ...]]:
        """x [N, 3, H, W] of styles (or of z), all finite; out of memory halves the batch for the
        rest of the run.
        """
        while True:
            try:
                # styles hold the labels already
                parts = self._parts(ws, numbers, None if self.network.num_ws else rows)
                x = _joined([self._called(partial(self._beside, *part)) for part in parts])
                return x, self.changes()
            except MemoryFull as e:
                if self.batch == 1:
                    raise UserError(
                        "The device has not enough memory for one picture of this model: choose a "
                        "smaller one, or --device cpu."
                    ) from e
                self.batch //= 2
                self._changes.append(
                    Message("Out of memory: {count} at a time instead.", count=self.batch)
                )

    def _parts(self, *columns: Any) -> list[list]:
        """Batches of what stands side by side in columns; a column may be None."""
        return [
            [c if c is None else c[i : i + self.batch] for c in columns]
            for i in range(0, len(columns[0]), self.batch)
        ]

    def _beside(
        self, ws: torch.Tensor, numbers: Sequence[int], rows: torch.Tensor | None
    ) -> torch.Tensor:
        """`_draw`, in one call with what others want of the same network, on a GPU."""
        kind = self.device.name.split(":")[0]
        lower = torch.is_autocast_enabled(kind) and torch.get_autocast_dtype(kind)
        same = (self.network, lower, self.noise, str(self.placed), rows is None)
        part = (ws, numbers, rows)
        return together(Rows(same, part, len(numbers), self.batch, self._draw_all))

    def _draw_all(self, parts: list[tuple]) -> list[torch.Tensor]:
        """`_draw` of several parts at once."""
        ws, numbers, rows = zip(*parts, strict=True)
        every = [n for some in numbers for n in some]
        x = self._draw(_joined(ws), every, None if rows[0] is None else _joined(rows))
        return list(x.split([len(some) for some in numbers]))

    def _draw(
        self, ws: torch.Tensor, numbers: Sequence[int], rows: torch.Tensor | None
    ) -> torch.Tensor:
        if not isinstance(self.network, StyleGenerator):
            return self.network(ws, rows)
        generators = None
        if self.noise == "random":
            # the processor's, so that a seed is a face on every device
            generators = [torch.Generator().manual_seed(n) for n in numbers]
        return self.network.synthesis(ws, noise=self.noise, generators=generators, **self.placed)


def places(network: FaceGenerator) -> bool:
    """Can what it draws be turned and moved?"""
    return isinstance(network, StyleGenerator) and network.places


def _joined(batches: Sequence[torch.Tensor]) -> torch.Tensor:
    return torch.cat(list(batches)) if len(batches) > 1 else batches[0]


def batch_size(resolution: int, device: Device) -> int:
    """Pictures at once: on a CPU one (more brings little there, and a picture is then the same to
    the last bit whatever is made beside it), on a GPU what a quarter of the free memory holds, at
    most 16.
    """
    if device.name == "cpu":
        return 1
    return int(max(1, min(16, device.free_memory() / 4 // (resolution**2 * 1200))))
