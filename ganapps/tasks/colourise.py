"""Colours for a grey picture: as a network guesses them, and as a person's dabs of colour say,
which spread as far as the lightness goes on (Levin 2004, "Colorization using Optimization").
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ganapps.device import Device
from ganapps.errors import UserError
from ganapps.networks.contracts import Colouriser
from ganapps.tasks import careful, colours, resample
from ganapps.tasks.careful import Careful

LONGEST = 512  # pixels of a side on which dabs are spread: colours need no more
MOST = 1000  # dabs: about 32 kB of a recipe
EDGE = 0.03  # of white: a step in lightness over which a colour hardly spreads
LEAK = 1e-4  # how much of it crosses any edge
HELD = 10.0  # how firmly a dab keeps its colour, where neighbours pull with 1
# pixels: about so far into an even area a dab changes what a network guessed, and what is grey
REACH, REACH_ALONE = 64, 160
ROUNDS = 150  # of the solver at each size: on the small ones colours come from far
SMALLEST = 64  # pixels of the longer side where it begins


@dataclass(frozen=True)
class Dab:
    """A round spot of one colour: its middle and radius in pixels; `colour` in 0..255."""

    x: float
    y: float
    radius: float
    colour: tuple[int, int, int]


class Colouring(Careful):
    """One picture on its way; `result` [H, W, 3 or 4] is there at the end."""

    total = 2  # the network's guess, the dabs

    def __init__(
        self, network: Colouriser | None, device: Device, pixels: np.ndarray, dabs: Sequence[Dab]
    ) -> None:
        """`pixels` [H, W, C]. Without a network, dabs alone colour what is grey."""
        super().__init__(device)
        self.network, self.pixels, self.dabs = network, pixels, dabs

    def through(self) -> Iterator[int]:
        """How much of `total` is done, after each part."""
        if self.network is None:
            ab = colours.opponent(_small(self.pixels))
        else:
            ab = self._guessed(self.network)
        yield 1
        if self.dabs:
            height, width = _small(self.pixels).shape[:2]
            ab = resample.rows(ab, (width, height), 0, height)
            reach = REACH_ALONE if self.network is None else REACH
            ab = _with_dabs(self.pixels, ab, self.dabs, reach)
        self.result = colours.tinted(self.pixels, ab)
        yield 2

    def _guessed(self, network: Colouriser) -> np.ndarray:
        """[side, side, 2]"""
        shown = resample.resize(self.pixels, (network.side, network.side))
        x = colours.grey(shown).to(self.device.name)
        return self._called(lambda: network(x))[0].permute(1, 2, 0).cpu().numpy()


def dabs_of(hints: Sequence[Any]) -> list[Dab]:
    """The dabs that hints [x, y, radius, "#rrggbb"] mean. Raises UserError for other ones."""
    if len(hints) > MOST:
        raise UserError(
            "There are {count} dabs of colour: at most {most} are accepted.",
            count=len(hints),
            most=MOST,
        )
    return [_dab(hint) for hint in hints]


def _dab(hint: Any) -> Dab:
    numbers = hint[:3] if isinstance(hint, list) and len(hint) == 4 else []
    plain = all(type(n) in (int, float) and abs(n) < 1e6 for n in numbers)
    if numbers and plain and numbers[2] > 0 and isinstance(hint[3], str):
        found = re.fullmatch("#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})", hint[3])
        if found:
            red, green, blue = (int(part, 16) for part in found.groups())
            x, y, radius = numbers
            return Dab(x, y, radius, (red, green, blue))
    raise UserError(
        "The dab of colour {dab} is none: [x, y, radius, #rrggbb] is expected.", dab=str(hint)[:80]
    )


def _with_dabs(pixels: np.ndarray, ab: np.ndarray, dabs: Sequence[Dab], reach: int) -> np.ndarray:
    """`ab` [h, w, 2] changed to the dabs' colours there, and where these spread to."""
    small = _small(pixels)
    height, width = small.shape[:2]
    by = width / pixels.shape[1]
    known = np.zeros((height, width), bool)
    wanted = ab.copy()
    row, column = np.ogrid[:height, :width]
    for dab in dabs:
        radius = max(0.5, dab.radius * by)
        apart = (column + 0.5 - dab.x * by) ** 2 + (row + 0.5 - dab.y * by) ** 2
        inside = apart <= radius**2
        known |= inside
        colour = np.array(dab.colour, np.uint8).reshape(1, 1, 3)
        wanted[inside] = colours.opponent(colour)[0, 0]
    light = colours.grey(small)[0, 0]
    away = torch.from_numpy((wanted - ab) * known[..., None]).permute(2, 0, 1)
    spread = spread_out(light, away, torch.from_numpy(known).float(), reach)
    return ab + spread.permute(1, 2, 0).numpy()


def spread_out(light: Tensor, away: Tensor, known: Tensor, reach: int) -> Tensor:
    """What is `away` [C, H, W] where `known` [H, W] is 1, spread to where `light` [H, W] in 0..1
    goes on evenly; it fades over about `reach` pixels.
    """
    longest = max(light.shape)
    if longest > SMALLEST:
        half = [(side + 1) // 2 for side in light.shape]
        share = _shrunk(known[None], half)[0]
        coarse = _shrunk(away * known, half) / share.clamp(min=1e-6)
        begun = spread_out(
            _shrunk(light[None], half)[0],
            coarse * (share > 0),
            (share > 0).float(),
            max(1, reach // 2),
        )
        begun = F.interpolate(begun[None], light.shape, mode="bilinear")[0]
    else:
        begun = torch.zeros_like(away)
    return _solved(_System(light, known, reach), HELD * known * away, begun)


class _System:
    """The pull of neighbours on each other, of the dabs, and of nothing at all."""

    def __init__(self, light: Tensor, known: Tensor, reach: int) -> None:
        self.down = _pull(light[1:] - light[:-1])
        self.across = _pull(light[:, 1:] - light[:, :-1])
        self.own = HELD * known + 1 / reach**2
        ones = torch.zeros_like(light)
        ones[1:] += self.down
        ones[:-1] += self.down
        ones[:, 1:] += self.across
        ones[:, :-1] += self.across
        self.diagonal = ones + self.own

    def __call__(self, x: Tensor) -> Tensor:
        """[C, H, W] -> the same."""
        y = self.own * x
        flow = self.down * (x[:, 1:] - x[:, :-1])
        y[:, 1:] += flow
        y[:, :-1] -= flow
        flow = self.across * (x[:, :, 1:] - x[:, :, :-1])
        y[:, :, 1:] += flow
        y[:, :, :-1] -= flow
        return y


def _solved(system: _System, right: Tensor, x: Tensor) -> Tensor:
    """The x with `system(x)` = `right`, from a near one: conjugate gradients, which the diagonal
    makes quicker.
    """
    rest = right - system(x)
    along = scaled = rest / system.diagonal
    size = (rest * scaled).sum((1, 2), keepdim=True)
    for _ in range(ROUNDS):
        careful.look_between(ROUNDS)
        moved = system(along)
        step = size / (along * moved).sum((1, 2), keepdim=True).clamp(min=1e-20)
        x = x + step * along
        rest = rest - step * moved
        scaled = rest / system.diagonal
        before, size = size, (rest * scaled).sum((1, 2), keepdim=True)
        along = scaled + size / before.clamp(min=1e-20) * along
    return x


def _pull(step: Tensor) -> Tensor:
    return torch.exp(-((step / EDGE) ** 2) / 2) + LEAK


def _shrunk(x: Tensor, size: Sequence[int]) -> Tensor:
    return F.interpolate(x[None], tuple(size), mode="area")[0]


def _small(pixels: np.ndarray) -> np.ndarray:
    """[h, w, C] of at most LONGEST pixels a side."""
    height, width = pixels.shape[:2]
    share = min(1.0, LONGEST / max(height, width))
    if share == 1:
        return pixels
    return resample.resize(pixels, (max(1, round(share * width)), max(1, round(share * height))))
