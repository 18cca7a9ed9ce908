"""Data in the plane: where the real points come from, and how many of their modes a generator
has.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

MOST_DRAWN = 2_000  # points that a visitor may draw
GOOD = 3.0  # standard deviations from a mode within which a sample is good
SHARE = 0.1  # of its fair share: what a mode must get to count as found
AROUND = 0.25  # of the way to the next mode: how near a sample must be to count as around one


class Points(Protocol):
    """A distribution in the plane, most of it within -2 to 2."""

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """[count, 2] float32 points."""
        ...


@dataclass(frozen=True)
class Modes:
    """Normal distributions of one width around centres [K, 2], all as likely."""

    centres: Tensor
    width: float

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        chosen = torch.randint(len(self.centres), (count,), generator=generator)
        return self.centres[chosen] + self.width * torch.randn(count, 2, generator=generator)

    def density(self, x: Tensor) -> Tensor:
        """The probability density at points [N, 2]: [N]."""
        squares = torch.cdist(x, self.centres).square() / (2 * self.width**2)
        each = torch.exp(-squares) / (2 * math.pi * self.width**2)
        return each.mean(1)

    def found(self, made: Tensor) -> tuple[int, float]:
        """How many modes made points [N, 2] have found, and the share of good ones, 0 to 1.

        A mode is found that has at least a tenth of its fair share of all points within three
        standard deviations.
        """
        return self._within(made, GOOD * self.width)

    def covered(self, made: Tensor) -> int:
        """How many modes have that share of made points [N, 2] around them, however loosely: within
        a quarter of the way to the next one.
        """
        apart = torch.nn.functional.pdist(self.centres).min()
        return self._within(made, AROUND * float(apart))[0]

    def _within(self, made: Tensor, radius: float) -> tuple[int, float]:
        """How many modes have their share of points within the radius; the share of all points
        there.
        """
        distances, nearest = torch.cdist(made, self.centres).min(1)
        there = distances < radius
        counts = torch.bincount(nearest[there], minlength=len(self.centres))
        enough = SHARE * len(made) / len(self.centres)
        return int((counts >= enough).sum()), float(there.float().mean())


@dataclass(frozen=True)
class Curve:
    """Points along one or more curves, which `places` [K, 2] follow, with normal noise on them."""

    places: Tensor
    width: float

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        chosen = torch.randint(len(self.places), (count,), generator=generator)
        return self.places[chosen] + self.width * torch.randn(count, 2, generator=generator)


def ring(count: int = 8, radius: float = 1.6, width: float = 0.02) -> Modes:
    """Modes on a circle: the classic of the papers on mode collapse (Metz 2017, appendix A)."""
    angles = 2 * math.pi * torch.arange(count) / count
    return Modes(radius * torch.stack([angles.cos(), angles.sin()], 1), width)


def grid(side: int = 5, spacing: float = 0.8, width: float = 0.04) -> Modes:
    """side x side modes (Srivastava 2017, section 4)."""
    steps = (torch.arange(side) - (side - 1) / 2) * spacing
    return Modes(torch.cartesian_prod(steps, steps), width)


def two_moons(width: float = 0.06) -> Curve:
    """Two half circles that reach into each other."""
    angles = torch.linspace(0, math.pi, 400)
    upper = torch.stack([angles.cos() - 0.5, angles.sin() - 0.25], 1)
    lower = torch.stack([0.5 - angles.cos(), 0.25 - angles.sin()], 1)
    return Curve(1.1 * torch.cat([upper, lower]), width)


def spiral(width: float = 0.04) -> Curve:
    """One arm, two turns."""
    turns = torch.linspace(0.1, 1, 800).sqrt()
    angles = 4 * math.pi * turns
    return Curve(1.7 * turns[:, None] * torch.stack([angles.cos(), angles.sin()], 1), width)


def line(width: float = 0.02) -> Curve:
    """A straight line: data of one dimension in a plane (Arjovsky 2017, example 1)."""
    along = torch.linspace(-1.6, 1.6, 400)
    return Curve(torch.stack([along, 0.3 * along], 1), width)


def drawn(places: Tensor, width: float = 0.02) -> Curve:
    """What a visitor drew or typed: points [K, 2], at most `MOST_DRAWN`, within -2 to 2."""
    assert 0 < len(places) <= MOST_DRAWN
    return Curve(places.float(), width)


DATA: dict[str, Callable[[], Points]] = {
    "ring": ring,
    "grid": grid,
    "two moons": two_moons,
    "spiral": spiral,
    "line": line,
}
