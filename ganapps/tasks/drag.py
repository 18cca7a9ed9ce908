"""Points of a face pulled to other places, by gradients on its styles (DragGAN, Pan 2023)."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ganapps.device import Device
from ganapps.errors import Message, UserError
from ganapps.networks.contracts import FaceGenerator, StyleGenerator
from ganapps.pictures import masks
from ganapps.pictures.images import from_tensor
from ganapps.report import Made, Step
from ganapps.settings import Setting, within
from ganapps.tasks import careful
from ganapps.tasks.labels import Labels
from ganapps.tasks.maker import Maker, number
from ganapps.tasks.shared import Chosen, Psi, Seed
from ganapps.tasks.styles import Styles, begun, packed, rounded, styled
from ganapps.tasks.task import Task

MOST = 20  # points
CELLS = 64  # a side of the mask of what may move, where it is no mask of pixels
SHARE, LARGEST_MAP = 4, 128  # features of a quarter of the picture's side, of at most so many
LAYERS = 6  # the first styles move: they place things, the rest colour them
RATE = 0.04  # of the styles' spread that a number may move in a step
PULLED, FOLLOWED = 2, 3  # cells around a point that are pulled, and in which it is looked for
FINE = 0.5  # of a cell: how finely it is looked for
ARRIVED = 0.5  # of a cell that a point may be away from its aim
KEEPING = 10.0  # how much more than a pulled cell one counts that may not move
PREVIEW = 0.2  # seconds between two looks


def drag(
    network: FaceGenerator,
    device: Device,
    labels_of_model: Labels | None = None,
    *,
    seed: Seed = 0,
    points: Annotated[
        list[Any],
        Setting(
            says="what to pull where, as [[x, y, to x, to y], ...] in pixels of the picture, from "
            "the left and from the top"
        ),
    ],
    steps: Annotated[
        int,
        Setting(1, 500, label="Steps at most", slider=(10, 200), says="steps at most"),
    ] = 80,
    may_move: Annotated[
        str,
        Setting(
            longest=masks.LONGEST,
            says="what may move: a mask of the picture as the task `repair` takes one, or base64 "
            "of 64 rows of 64 bits, a 1 for each cell that may; empty for all",
            unset="",
        ),
    ]
    | None = None,
    psi: Psi = 0.7,
    labels: Chosen | None = None,
    styles: Styles | None = None,
) -> Iterator[Step]:
    """The face of `seed` (or of `styles`) with points of it pulled elsewhere: what is under the
    first [x, y] shall come to the second. The way is shown as it is gone; it ends where all points
    are, or after `steps`. The figures have the face as text, to go on from or back to.
    """
    network = styled(network)
    make = Maker(network, device, labels_of_model, labels, "const")
    start = begun(make, seed, psi, styles).ws
    pull = Pull(network, device, start, _points(points, network.resolution), _mask(may_move))
    seen = time.monotonic()
    said: tuple[Message, ...] = ()
    while not pull.arrived and pull.gone < steps:
        pull.step()
        if pull.gone < steps and time.monotonic() - seen > PREVIEW:
            x, changes = make.pictures(pull.ws, [number(seed)], None)
            preview = tuple(from_tensor(x, network.value_range))
            yield Step(pull.gone, steps, (), pull.calls() + make.calls(), said + changes, preview)
            seen, said = time.monotonic(), ()
    ws = rounded(pull.ws)
    x, changes = make.pictures(ws, [number(seed)], None)
    (picture,) = from_tensor(x, network.value_range)
    figures = {"styles": packed(ws), "points": pull.places(), "left": pull.left()}
    caption = f"{len(points)} pulled" if pull.gone else "as it is"
    made = Made(picture, caption, {}, figures=figures)
    said += (pull.told(),)
    yield Step(steps, steps, (made,), pull.calls() + make.calls(), said + changes)


DRAG = Task(
    "drag",
    drag,
    models="faces",
    work=("steps",),
    says="Pull points of a face to other places.",
)


@dataclass(frozen=True)
class Ends:
    """Where points are and where they shall be, [K, 2] each: x, y in cells of the features."""

    here: Tensor
    there: Tensor


class Pull:
    """One pull: a step moves the styles a little, then looks where the points have gone."""

    def __init__(
        self,
        network: StyleGenerator,
        device: Device,
        ws: Tensor,
        points: Tensor,
        mask: np.ndarray | None,
    ) -> None:
        """`points` [K, 4] in pixels, `mask` [H, W] of bool, over all of the picture, or None."""
        if not network.bends:
            raise UserError(
                "Points of this model's pictures can't be pulled: choose a StyleGAN2 or StyleGAN3."
            )
        self.network, self.device = network, device.with_precision("float32")
        self.gone = self._calls = 0
        with careful.block(self.device):
            self.side = self._middle(ws)
        self.cell = network.resolution / self.side  # pixels
        # of a pixel's middle: cells and pixels are counted from their corners
        ends = (points.to(ws.device) + 0.5) / self.cell - 0.5
        self.ends = Ends(ends[:, :2].clone(), ends[:, 2:])
        self.pulled = _disc(PULLED, 1).to(ws.device)
        self.followed = _disc(FOLLOWED, FINE).to(ws.device)
        self.moving = ws[:, :LAYERS].detach().clone()
        self.rest = ws[:, LAYERS:].detach()
        self.first: Tensor | None = None  # features before anything moved
        self.sought: Tensor | None = None  # those under the points, [K, C]
        self.kept = None if mask is None else self._kept(mask)
        spread = float(self._spread())
        careful.load_optimisers()
        self.optimiser = torch.optim.Adam([self.moving.requires_grad_()], lr=RATE * spread)

    @property
    def ws(self) -> Tensor:
        """The styles as they are now, [1, num_ws, w_dim]."""
        return torch.cat([self.moving.detach(), self.rest], dim=1)

    @property
    def arrived(self) -> bool:
        """Are all points where they shall be?"""
        return bool((self._away() < ARRIVED).all())

    def step(self) -> None:
        """Look where the points are, and pull them on."""
        with careful.bending():
            features = self._features(torch.cat([self.moving, self.rest], dim=1))
            seen = features.detach()
            if self.sought is None or self.first is None:
                self.first, self.sought = seen, _at(seen, self.ends.here)
            else:
                self._follow(seen, self.sought)
            self.gone += 1
            if self.arrived:
                return
            loss = self._loss(features, seen, self.first)
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()

    def calls(self) -> int:
        """Network calls since this was last asked."""
        calls, self._calls = self._calls, 0
        return calls

    def places(self) -> list[list[float]]:
        """Where the points are now, x and y in pixels."""
        pixels = (self.ends.here + 0.5) * self.cell - 0.5
        return [[round(x, 1), round(y, 1)] for x, y in pixels.tolist()]

    def left(self) -> float:
        """How many pixels the farthest point still has to go."""
        return round(float(self._away().max()) * self.cell, 1)

    def told(self) -> Message:
        """How it ended."""
        if self.arrived:
            return Message("All points are there, after {count:step|steps}.", count=self.gone)
        return Message(
            "After {count:step|steps} a point is still {left} px from its aim: more steps bring "
            "it nearer, unless this model can't draw it there.",
            count=self.gone,
            left=self.left(),
        )

    def _away(self) -> Tensor:
        return (self.ends.there - self.ends.here).norm(dim=1)

    def _middle(self, ws: Tensor) -> int:
        """The side of the features to pull: a quarter of the picture's."""
        wanted = min(self.network.resolution // SHARE, LARGEST_MAP)
        sides = []
        for stage in self.network.stages(ws):
            if stage.features is None:
                break
            sides.append(stage.side)
            if stage.side >= wanted:
                break
        assert sides, "a network that bends tells its stages"
        return sides[-1]

    def _features(self, ws: Tensor) -> Tensor:
        """[1, C, side, side]"""
        self._calls += 1
        for stage in self.network.stages(ws):
            if stage.side == self.side and stage.features is not None:
                return stage.features
        raise AssertionError("the stages are always the same")

    def _spread(self) -> Tensor:
        random = torch.Generator().manual_seed(0)
        z = torch.randn(256, self.network.z_dim, generator=random).to(self.moving.device)
        rows = z.new_zeros(256, self.network.label_dim) if self.network.label_dim else None
        with careful.block(self.device):
            return self.network.mapping(z, rows)[:, 0].float().std(dim=0).mean()

    def _kept(self, mask: np.ndarray) -> Tensor:
        """[1, 1, side, side]: 1 where nothing may move."""
        cells = torch.from_numpy(1 - mask.astype(np.float32))[None, None].to(self.moving.device)
        return F.interpolate(cells, size=(self.side, self.side), mode="area")

    def _follow(self, seen: Tensor, sought: Tensor) -> None:
        """Each point goes to the place near it that looks most as it did in the beginning."""
        for index, place in enumerate(self.ends.here):
            near = place + self.followed
            unlike = (_at(seen, near) - sought[index]).square().sum(dim=1)
            self.ends.here[index] = near[unlike.argmin()].clamp(0, self.side - 1)

    def _loss(self, features: Tensor, seen: Tensor, first: Tensor) -> Tensor:
        """What is around each point shall be found a cell nearer to its aim."""
        loss = features.new_zeros(())
        for here, there, away in zip(self.ends.here, self.ends.there, self._away()):
            if away < ARRIVED:
                continue
            around = here + self.pulled
            onward = (there - here) / away.clamp(min=1.0)
            loss = loss + (_at(features, around + onward) - _at(seen, around)).abs().mean()
        if self.kept is not None:
            loss = loss + KEEPING * ((features - first).abs() * self.kept).mean()
        return loss


def _at(features: Tensor, places: Tensor) -> Tensor:
    """Features [1, C, S, S] at places [N, 2] in cells, between cells too -> [N, C]."""
    grid = (places + 0.5) / features.shape[2] * 2 - 1
    found = F.grid_sample(
        features, grid.view(1, 1, -1, 2), padding_mode="border", align_corners=False
    )
    return found[0, :, 0].T


def _disc(radius: int, apart: float) -> Tensor:
    """Places so far `apart` within a radius of one, [N, 2], in cells; the middle comes first."""
    count = int(radius / apart)
    side = torch.arange(-count, count + 1) * float(apart)
    places = torch.cartesian_prod(side, side)
    places = places[places.norm(dim=1) <= radius]
    return places[places.norm(dim=1).argsort(stable=True)]


def _points(points: Sequence[Any], side: int) -> Tensor:
    """[K, 4] of what was given. Raises UserError for none, too many, or one that is none or lies
    outside.
    """
    if not 1 <= len(points) <= MOST:
        raise UserError(
            "{count:point is|points are} given: 1 to {most} are accepted.",
            count=len(points),
            most=MOST,
        )
    for index, point in enumerate(points, 1):
        whole = isinstance(point, (list, tuple)) and len(point) == 4
        if not whole or not all(within(value, 0, side - 1) for value in point):
            raise UserError(
                "Point {index} is {point}: x, y, to x and to y from 0 to {most} are accepted.",
                index=index,
                point=str(point),
                most=side - 1,
            )
    return torch.tensor(points, dtype=torch.float32)


def _mask(text: str | None) -> np.ndarray | None:
    """[H, W] of bool, over all of the picture; None where everything may move. Raises UserError
    where it is no mask, or where nothing may.
    """
    if not text:
        return None
    mask = masks.unpacked(text) if ":" in text else _cells(text)
    if not mask.any():
        raise UserError("By this mask nothing may move: leave a part of the picture free.")
    return None if mask.all() else mask


def _cells(text: str) -> np.ndarray:
    """[64, 64] of bool. Raises UserError."""
    try:
        bits = np.frombuffer(base64.b64decode(text, validate=True), np.uint8)
    except (binascii.Error, ValueError):
        bits = np.zeros(0, np.uint8)
    if bits.size != CELLS * CELLS // 8:
        raise UserError(
            "The mask of what may move is none: base64 of {side} rows of {side} bits is accepted.",
            side=CELLS,
        )
    return np.unpackbits(bits).reshape(CELLS, CELLS).astype(bool)
