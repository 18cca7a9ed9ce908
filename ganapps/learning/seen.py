"""What is seen of a game while it is played: numbers for curves, and bytes for a drawing.

Looking changes nothing in the game, and takes under a tenth of the time between two looks.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ganapps.learning import packed, theory
from ganapps.learning.game import Game
from ganapps.learning.objectives import Objective, wasserstein_discriminator
from ganapps.learning.points import Modes, Points

MANY = 4096  # made points by which modes and distances are told
SIDE = 30  # cells a side of the critic's surface
LINES = 15  # lines a side of the generator's bent grid
REACH = 2.0  # of the noise on that grid, both ways, in standard deviations

Numbers = dict[str, Any]


def curves(game: Game) -> Numbers:
    """Both losses at the last step, and the size of the gradient that reached the generator."""
    critic, generator = game.losses
    told: Numbers = {
        "loss of D": finite(critic),
        "loss of G": finite(generator),
        "gradient at G": finite(game.reaching()),
    }
    if game.objective.discriminator is wasserstein_discriminator:
        # what the critic could tell apart is its estimate of the distance, up to its slope
        told["wasserstein"] = finite(-critic)
    return told


def judged(objective: Objective, real: Tensor, made: Tensor, unseen: Tensor | None) -> Numbers:
    """How often a critic is right on scores of real, made and held-back samples, and the gap of the
    means of what it learned from and what it never saw.

    Where a paper has no threshold between real and made, it is the middle of the two means.
    """
    if objective.threshold is None:
        threshold = float(real.mean() + made.mean()) / 2
    else:
        threshold = objective.threshold
    told: Numbers = {
        "right on real": share(real > threshold),
        "right on made": share(made <= threshold),
    }
    if unseen is not None:
        told["right on held back"] = share(unseen > threshold)
        told["gap"] = finite(float(real.mean() - unseen.mean()))
    return told


def of_points(game: Game, real: Points, shown: int) -> Numbers:
    """Numbers and bytes of a game in the plane; `shown` points are drawn, each with its arrow.

    Call it inside `game.looked_at()`.
    """
    made = game.made(game.noise(MANY))
    truth = real.sample(MANY, game.chance)
    told = curves(game)
    told |= judged(game.objective, game.scores(truth), game.scores(made), None)
    told |= {"upward": game.trend.upward, "calls a sample": 1}
    told |= _theory(game, real, truth, made)
    told |= _surface(game)
    told |= _arrows(game, shown)
    told["grid"] = packed.points(bent_grid(game))
    return told


def modes(real: Points, made: Tensor) -> Numbers:
    """How many modes the made points have found and cover, where the data has modes."""
    if not isinstance(real, Modes):
        return {}
    found, good = real.found(made)
    return {
        "modes": found,
        "of modes": len(real.centres),
        "good": round(good, 4),
        "covered": real.covered(made),
    }


def distance(truth: Tensor, made: Tensor) -> tuple[Numbers, Tensor]:
    """The Jensen-Shannon distance of real and made points on the grid, the value of 2014 under the
    best critic, and that critic on the grid.
    """
    p, q = theory.histogram(truth, SIDE), theory.histogram(made, SIDE)
    told: Numbers = {
        "distance": round(theory.jensen_shannon(p, q), 5),
        "best value": round(theory.value(p, q), 5),
    }
    return told, theory.best_critic(p, q)


def bent_grid(game: Game) -> Tensor:
    """Where the generator carries a grid of its first two noise numbers, the others 0:
    [LINES * LINES, 2], row by row.
    """
    steps = torch.linspace(-REACH, REACH, LINES)
    z = torch.zeros(LINES * LINES, game.generator.noise)
    plane = torch.cartesian_prod(steps, steps)
    z[:, :2] = plane[:, : z.shape[1]]
    return game.made(z)


def _theory(game: Game, real: Points, truth: Tensor, made: Tensor) -> Numbers:
    told, best = distance(truth, made)
    told |= modes(real, made)
    told["best opinion"] = packed.bytes_between(best, 0, 1)
    if game.objective.probability:
        told["value"] = finite(-game.losses[0])
        told["equilibrium"] = round(theory.EQUILIBRIUM, 5)
    return told


def opinion(game: Game) -> tuple[Tensor, float, float]:
    """The critic's opinion of each cell [SIDE * SIDE], and what it lies between: the probability of
    "real" where there is one, else its score.
    """
    places = theory.places(SIDE)
    if game.critic.pack > 1:  # a packed critic sees one place several times
        places = places.repeat_interleave(game.critic.pack, 0)
    scores = game.scores(places)[:, 0]
    if game.objective.probability:
        return scores.sigmoid(), 0.0, 1.0
    return scores, float(scores.min()), float(scores.max())


def _surface(game: Game) -> Numbers:
    scores, low, high = opinion(game)
    return {
        "opinion": packed.bytes_between(scores, low, high),
        "opinion from": finite(low),
        "opinion to": finite(high),
    }


def _arrows(game: Game, shown: int) -> Numbers:
    """Made points and where each would go; the longest arrow has its own number."""
    points, ways = game.pull(game.noise(shown))
    longest = float(ways.norm(dim=1).max())
    return {
        "made": packed.points(points),
        "ways": packed.bytes_between(ways.flatten(), -longest, longest),
        "longest way": finite(longest),
    }


def share(right: Tensor) -> float:
    """Of so many answers the share that is right, 0 to 1."""
    return round(float(right.float().mean()), 4)


def finite(value: float) -> float | None:
    """Six digits; None where there is no number yet, for JSON has none for that."""
    return float(f"{value:.6g}") if math.isfinite(value) else None
