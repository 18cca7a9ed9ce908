"""The Dirac GAN (Mescheder 2018, section 2) as a game that is played a step at a time: two numbers,
and the way they take.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

from ganapps.learning.game import EXPLODED, Exploded
from ganapps.learning.theory import dirac_step

OBJECTIVES = ("minimax", "non-saturating")  # for which dirac_step has the paper's step


def begun(objective: str, rate: float, r1: float, seed: int) -> Dirac:
    """A game that begins at a place of the circle of radius 1 that the seed draws."""
    angle = random.Random(seed).uniform(0, 2 * math.pi)
    return Dirac(objective, rate, r1, math.cos(angle), math.sin(angle))


@dataclass
class Dirac:
    """The generator is a point at `theta`, the critic a slope `psi`; both want to be 0."""

    objective: str
    rate: float
    r1: float
    theta: float
    psi: float
    steps: int = 0
    way: list[tuple[float, float]] = field(default_factory=list)  # since it was last taken

    def step(self) -> None:
        """One step of both at once. Raises Exploded."""
        saturating = self.objective == "minimax"
        self.theta, self.psi = dirac_step(self.theta, self.psi, self.rate, self.r1, saturating)
        self.steps += 1
        self.way.append((self.theta, self.psi))
        if not self.distance < EXPLODED:
            raise Exploded(self.steps)

    @property
    def distance(self) -> float:
        """How far the two are from where they should settle."""
        return math.hypot(self.theta, self.psi)
