"""Faces from seeds: a wall of them, one from average to wild, and a film through several."""

from __future__ import annotations

import hashlib
import inspect
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import numpy as np
import torch

from ganapps.device import Device
from ganapps.errors import Message, UserError
from ganapps.networks.contracts import FaceGenerator, StyleGenerator
from ganapps.pictures.images import from_tensor
from ganapps.report import Made, Step
from ganapps.settings import Setting
from ganapps.tasks.careful import Careful, MemoryFull
from ganapps.tasks.labels import Labels
from ganapps.tasks.shared import Chosen, Count, Frames, Noise, Psi, Seed, Seeds
from ganapps.tasks.task import Task

STYLEGAN3 = "a StyleGAN3"
PLACING = ("turn", "right", "down")
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


def generate(
    network: FaceGenerator,
    device: Device,
    labels_of_model: Labels | None = None,
    *,
    seed: Seed = 0,
    count: Count = 12,
    psi: Psi = 0.7,
    cutoff: Annotated[
        int,
        Setting(
            0,
            31,
            label="Variety only in the first layers (0: in all)",
            slider=(0, 18),
            seldom=True,
            says="psi acts in this many first layers only; 0 for all",
            unset=0,
        ),
    ]
    | None = None,
    mix: Annotated[
        int | str,
        Setting(
            label="Mix in the style of a second seed",
            seldom=True,
            says="a second seed whose styles take the layers from mix_from to mix_to; empty for "
            "none",
            unset="",
            free_text=True,
        ),
    ]
    | None = None,
    mix_from: Annotated[
        int,
        Setting(0, 31, label="from layer", seldom=True, says="first layer of the second seed"),
    ] = 4,
    mix_to: Annotated[
        int,
        Setting(
            0, 31, label="to layer", seldom=True, beside=True, says="last layer of the second seed"
        ),
    ] = 31,
    labels: Chosen | None = None,
    noise: Noise = "const",
    turn: Annotated[
        float,
        Setting(
            -180.0,
            180.0,
            label="StyleGAN3: turn (degrees)",
            seldom=True,
            says="turn the picture, in degrees",
            only_for=STYLEGAN3,
            unset=0,
        ),
    ]
    | None = None,
    right: Annotated[
        float,
        Setting(
            -1.0,
            1.0,
            label="move right",
            step=0.05,
            beside=True,
            seldom=True,
            says="move it to the right, 1 is the width of the picture",
            only_for=STYLEGAN3,
            unset=0,
        ),
    ]
    | None = None,
    down: Annotated[
        float,
        Setting(
            -1.0,
            1.0,
            label="move down",
            step=0.05,
            beside=True,
            seldom=True,
            says="move it down, 1 is the height of the picture",
            only_for=STYLEGAN3,
            unset=0,
        ),
    ]
    | None = None,
    seeds: Seeds | None = None,
) -> Iterator[Step]:
    """Faces of the seeds seed, seed + 1, ..., as many as `count`, or of a list of `seeds`.

    Where the model has labels, the figures of each face say what it has: `labels`.
    `psi` pulls every face towards the average one (1: not at all, 0: the average), in the first
    `cutoff` layers or in all. `mix` is a second seed whose styles take the layers from `mix_from`
    to `mix_to` (style mixing). `labels` sets named labels of a conditional model; what is left
    alone is drawn by the seed. `noise` is the fine detail: fixed, by the seed, or none. `turn`
    (degrees), `right` and `down` (of the picture's side) turn and move what a StyleGAN3 draws.
    Source of z: RandomState(seed).randn(1, z_dim), as every StyleGAN tool. A picture does not
    depend on `count`.
    """
    numbers = numbers_of(seed, count, seeds)
    make = Maker(
        network,
        device,
        labels_of_model,
        labels,
        noise,
        Placing(turn or 0.0, right or 0.0, down or 0.0),
    )
    z, rows = make.drawn(numbers)
    ws = make.ws(z, rows, psi, cutoff)
    if mix is not None and network.num_ws:
        ws[:, mix_from : mix_to + 1] = make.ws(*make.drawn([number(mix)]), psi, cutoff)[
            :, mix_from : mix_to + 1
        ]
    alone = {} if seeds is None else {"seeds": None}
    idle = _idle(
        network,
        generate,
        psi=psi,
        cutoff=cutoff,
        mix=mix,
        noise=noise,
        turn=turn,
        right=right,
        down=down,
    )
    yield from make.wall(
        ws,
        rows,
        numbers,
        [f"seed {n}" for n in numbers],
        [{"seed": n, "count": 1, **alone} for n in numbers],
        idle,
    )


def strip(
    network: FaceGenerator,
    device: Device,
    labels_of_model: Labels | None = None,
    *,
    seed: Seed = 0,
    count: Annotated[int, Setting(2, 24, says="how many pictures")] = 9,
    psi_from: Annotated[float, Setting(-2.0, 2.0, says="variety of the first picture")] = -0.5,
    psi_to: Annotated[float, Setting(-2.0, 2.0, says="variety of the last picture")] = 1.2,
    labels: Chosen | None = None,
    noise: Noise = "const",
) -> Iterator[Step]:
    """One face from `psi_from` to `psi_to` in `count` pictures: past the average (its opposite),
    the average itself, and wild.
    """
    if not isinstance(network, StyleGenerator):
        raise UserError(
            "This model has no style space, so it has no average face to come from: choose a "
            "StyleGAN."
        )
    make = Maker(network, device, labels_of_model, labels, noise)
    psis = [round(float(p), 4) for p in np.linspace(psi_from, psi_to, count)]
    face = number(seed)
    z, rows = make.drawn([face])
    ws = torch.cat([make.ws(z, rows, p, None) for p in psis])
    same = {"seed": face, "count": 1, "labels": labels, "noise": noise}
    yield from make.wall(
        ws,
        None if rows is None else rows.expand(count, -1),
        [face] * count,
        [f"{p:.2f}" for p in psis],
        [same | {"psi": p} for p in psis],
        task="faces",
    )


def loop(
    network: FaceGenerator,
    device: Device,
    labels_of_model: Labels | None = None,
    *,
    seed: Seed = 0,
    count: Annotated[
        int, Setting(2, 12, says="how many faces the film goes through, of seed, seed + 1, ...")
    ] = 5,
    frames: Frames = 16,
    psi: Psi = 0.7,
    labels: Chosen | None = None,
    noise: Noise = "const",
    seeds: Seeds | None = None,
) -> Iterator[Step]:
    """A film through the faces of `count` seeds, or of a list of `seeds`, and back to the first,
    `frames` pictures from each to the next.

    Goes through the style space on a closed Catmull-Rom curve; for a model without one, through z,
    kept at its length.
    """
    numbers = numbers_of(seed, count, seeds)
    make = Maker(network, device, labels_of_model, labels, noise)
    z, rows = make.drawn(numbers)
    corners = make.ws(z, rows, psi, None)
    points = _closed_curve(corners, frames)
    if not network.num_ws:  # between two z a curve runs closer to 0 than any z the network has seen
        points *= _closed_curve(corners.norm(dim=-1, keepdim=True), frames) / points.norm(
            dim=-1, keepdim=True
        )
    film: list = []
    said = _idle(network, loop, psi=psi, noise=noise)
    while len(film) < len(points):
        some = points[len(film) : len(film) + make.batch]
        x, changes = make.pictures(
            some, numbers[:1] * len(some), None if rows is None else rows[:1].expand(len(some), -1)
        )
        film += from_tensor(x, network.value_range)
        said += changes
        if len(film) < len(points):
            yield Step(len(film), len(points), (), make.calls(), said)
            said = ()
    caption = f"seeds {numbers[0]} to {numbers[-1]}"
    yield Step(
        len(film),
        len(points),
        (Made(film[0], caption, {"seed": numbers[0]}, frames=tuple(film)),),
        make.calls(),
        said,
    )


FACES = Task(
    "faces",
    generate,
    models="faces",
    work=("count",),
    says="Draw faces from seeds with a GAN.",
)
STRIP = Task(
    "strip",
    strip,
    models="faces",
    work=("count",),
    says="Draw one face from average to wild with a StyleGAN.",
)
LOOP = Task(
    "loop",
    loop,
    models="faces",
    work=("count", "frames"),
    says="Film the way through the faces of several seeds and back to the first.",
)


def _idle(network: FaceGenerator, function: Callable, **settings: Any) -> tuple[Message, ...]:
    """What to say where settings of `function` were turned that mean nothing to this network, each
    sentence about some of them.
    """
    defaults = inspect.signature(function).parameters
    turned = [name for name, value in settings.items() if value != defaults[name].default]
    placing = [name for name in turned if name in PLACING]
    rest = [name for name in turned if name not in PLACING]
    noise = [name for name in rest if name == "noise"]
    styled = isinstance(network, StyleGenerator)
    said = []
    if rest and not styled:
        said.append(
            Message(
                "This model has no style space, so this has no effect: {settings}.",
                settings=", ".join(rest),
            )
        )
    if noise and styled and not network.has_noise:
        said.append(
            Message(
                "This model has no noise, so this has no effect: {settings}.",
                settings=", ".join(noise),
            )
        )
    if placing and not _places(network):
        said.append(
            Message(
                "This model's pictures can't be turned or moved, so this has no effect: "
                "{settings}.",
                settings=", ".join(placing),
            )
        )
    return tuple(said)


def _closed_curve(points: torch.Tensor, frames: int) -> torch.Tensor:
    """Points [K, ...] -> [K * frames, ...] on a closed Catmull-Rom curve through all of them."""
    before, after, beyond = points.roll(1, 0), points.roll(-1, 0), points.roll(-2, 0)
    t = (torch.arange(frames, device=points.device) / frames).view(
        1, frames, *[1] * (points.dim() - 1)
    )
    p0, p1, p2, p3 = (p[:, None] for p in (before, points, after, beyond))
    curve = 0.5 * (
        2 * p1
        + (p2 - p0) * t
        + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2
        + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    )
    return curve.flatten(0, 1)


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
        moved = placing != Placing() and _places(network)
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
                x = _joined([self._called(partial(self._draw, *part)) for part in parts])
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


def _places(network: FaceGenerator) -> bool:
    """Can what it draws be turned and moved?"""
    return isinstance(network, StyleGenerator) and network.places


def _joined(batches: list[torch.Tensor]) -> torch.Tensor:
    return torch.cat(batches) if len(batches) > 1 else batches[0]


def batch_size(resolution: int, device: Device) -> int:
    """Pictures at once: on a CPU one (more brings little there, and a picture is then the same to
    the last bit whatever is made beside it), on a GPU what a quarter of the free memory holds, at
    most 16.
    """
    if device.name == "cpu":
        return 1
    return int(max(1, min(16, device.free_memory() / 4 // (resolution**2 * 1200))))
