"""What the paper of 2014 says of the best critic, on a grid of the plane, to lay beside the real
one.

For densities p (real) and q (made), the best critic says D*(x) = p / (p + q); there the value of
the game is -log 4 + 2 JS(p, q), and -log 4 where the two are equal (Goodfellow 2014, propositions
1, 2).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

EQUILIBRIUM = -math.log(4)
EXTENT = 2.2  # the grid reaches from -EXTENT to EXTENT in both directions


def places(side: int) -> Tensor:
    """The middles of side x side cells, row by row from the bottom left: [side * side, 2]."""
    steps = (torch.arange(side) + 0.5) / side * 2 * EXTENT - EXTENT
    return torch.stack(torch.meshgrid(steps, steps, indexing="xy"), -1).reshape(-1, 2)


def histogram(samples: Tensor, side: int) -> Tensor:
    """The share of samples [N, 2] in each cell: [side * side], in the order of `places`.

    What lies outside the grid counts in the nearest cell, so that shares add up to 1.
    """
    cells = ((samples + EXTENT) / (2 * EXTENT) * side).long().clamp(0, side - 1)
    counts = torch.bincount(cells[:, 1] * side + cells[:, 0], minlength=side * side)
    return counts.double() / len(samples)


def best_critic(p: Tensor, q: Tensor) -> Tensor:
    """D* = p / (p + q) for shares of cells; a half where neither has any."""
    both = p + q
    return torch.where(both > 0, p / both.clamp_min(1e-300), 0.5)


def jensen_shannon(p: Tensor, q: Tensor) -> float:
    """JS(p, q) in nats, 0 (equal) to log 2 (nowhere together), of shares [K] that add up to 1."""
    middle = (p + q) / 2
    return float(_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2


def value(p: Tensor, q: Tensor) -> float:
    """The game's value under the best critic: -log 4 + 2 JS(p, q)."""
    return EQUILIBRIUM + 2 * jensen_shannon(p, q)


def _relative_entropy(p: Tensor, q: Tensor) -> Tensor:
    some = p > 0
    return (p[some] * (p[some] / q[some]).log()).sum()


def dirac_step(
    theta: float, psi: float, rate: float, gamma: float = 0.0, saturating: bool = True
) -> tuple[float, float]:
    """One simultaneous gradient step of the Dirac GAN: Mescheder 2018, section 2.

    Real data is a point at 0, the generator a point at `theta`, the critic the line x -> psi * x
    (in the paper's sign a high score means "made"). The critic climbs f(psi * theta) + f(0) with
    f(t) = -log(1 + exp(-t)), less gamma / 2 * psi^2 (R1). The generator descends the same, or,
    non-saturating, climbs f(-psi * theta). Saturating, the two circle around (0, 0) for ever, and a
    little outwards; non-saturating, they come in ever more slowly; R1 pulls both in at once.
    """
    slope = _sigmoid(-psi * theta)  # f'(psi * theta)
    pull = slope if saturating else _sigmoid(psi * theta)
    return theta - rate * psi * pull, psi + rate * (theta * slope - gamma * psi)


def _sigmoid(t: float) -> float:
    return 1 / (1 + math.exp(-t)) if t >= 0 else math.exp(t) / (1 + math.exp(t))
