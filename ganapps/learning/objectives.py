"""What the two players of a GAN minimise, one objective a paper.

A critic scores pictures with any number; where a paper speaks of the probability that a picture is
real, that is the sigmoid of the score. Formulas with log sigmoid are written with softplus, which
is the same number and stays finite: log sigmoid(s) = -softplus(-s), log(1 - sigmoid(s)) =
-softplus(s).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Objective:
    """A pair of losses: each takes the scores [N, 1] of real and of made samples, and gives one
    number.

    `probability` says whether the sigmoid of a score is the critic's probability of "real", so that
    the theory of 2014 (the best critic, the Jensen-Shannon distance) speaks of it. A score over
    `threshold` says "real"; None where a paper's scores have no zero of their own.
    """

    title: str
    paper: str
    discriminator: Loss
    generator: Loss
    probability: bool
    threshold: float | None


def minimax_discriminator(real: Tensor, made: Tensor) -> Tensor:
    """-E log D(x) - E log(1 - D(G(z))): Goodfellow 2014, equation 1, turned into a loss."""
    return F.softplus(-real).mean() + F.softplus(made).mean()


def minimax_generator(real: Tensor, made: Tensor) -> Tensor:
    """E log(1 - D(G(z))): Goodfellow 2014, equation 1. Saturates where the critic is sure."""
    return -F.softplus(made).mean()


def non_saturating_generator(real: Tensor, made: Tensor) -> Tensor:
    """-E log D(G(z)): Goodfellow 2014, section 3. The same fixed point, a strong gradient early
    on.
    """
    return F.softplus(-made).mean()


def least_squares_discriminator(real: Tensor, made: Tensor) -> Tensor:
    """E (D(x) - 1)^2 / 2 + E D(G(z))^2 / 2: Mao 2017, equation 9 (a = 0, b = c = 1)."""
    return 0.5 * ((real - 1) ** 2).mean() + 0.5 * (made**2).mean()


def least_squares_generator(real: Tensor, made: Tensor) -> Tensor:
    """E (D(G(z)) - 1)^2 / 2: Mao 2017, equation 9."""
    return 0.5 * ((made - 1) ** 2).mean()


def wasserstein_discriminator(real: Tensor, made: Tensor) -> Tensor:
    """E D(G(z)) - E D(x): Arjovsky 2017, algorithm 1. Its negative estimates the distance W."""
    return made.mean() - real.mean()


def wasserstein_generator(real: Tensor, made: Tensor) -> Tensor:
    """-E D(G(z)): Arjovsky 2017, algorithm 1."""
    return -made.mean()


def hinge_discriminator(real: Tensor, made: Tensor) -> Tensor:
    """E max(0, 1 - D(x)) + E max(0, 1 + D(G(z))): Lim 2017; Miyato 2018, equation 16."""
    return F.relu(1 - real).mean() + F.relu(1 + made).mean()


def relativistic_discriminator(real: Tensor, made: Tensor) -> Tensor:
    """E softplus(-(D(x) - D(G(z)))), in pairs: Jolicoeur-Martineau 2018; Huang 2024, equation 2."""
    return F.softplus(made - real).mean()


def relativistic_generator(real: Tensor, made: Tensor) -> Tensor:
    """E softplus(-(D(G(z)) - D(x))), in pairs: Huang 2024, equation 2, seen from the other side."""
    return F.softplus(real - made).mean()


# A row a choice; the names are those of recipes and never change.
OBJECTIVES: dict[str, Objective] = {
    "minimax": Objective(
        "Minimax, as in 2014 (saturating)",
        "Goodfellow 2014, arXiv:1406.2661",
        minimax_discriminator,
        minimax_generator,
        probability=True,
        threshold=0.0,
    ),
    "non-saturating": Objective(
        "Non-saturating",
        "Goodfellow 2014, arXiv:1406.2661",
        minimax_discriminator,
        non_saturating_generator,
        probability=True,
        threshold=0.0,
    ),
    "least-squares": Objective(
        "Least squares (LSGAN)",
        "Mao 2017, arXiv:1611.04076",
        least_squares_discriminator,
        least_squares_generator,
        probability=False,
        threshold=0.5,
    ),
    "wasserstein": Objective(
        "Wasserstein (WGAN)",
        "Arjovsky 2017, arXiv:1701.07875",
        wasserstein_discriminator,
        wasserstein_generator,
        probability=False,
        threshold=None,
    ),
    "hinge": Objective(
        "Hinge",
        "Lim 2017, arXiv:1705.02894; Miyato 2018, arXiv:1802.05957",
        hinge_discriminator,
        wasserstein_generator,
        probability=False,
        threshold=0.0,
    ),
    "relativistic": Objective(
        "Relativistic (R3GAN)",
        "Jolicoeur-Martineau 2018, arXiv:1807.00734; Huang 2024, arXiv:2501.05441",
        relativistic_discriminator,
        relativistic_generator,
        probability=False,
        threshold=None,
    ),
}


def smoothed_discriminator(real: Tensor, made: Tensor, target: float) -> Tensor:
    """The minimax critic's loss with `target` (0.9, say) in place of 1 for what is real.

    One-sided label smoothing: Salimans 2016, section 3.4. What is made keeps 0.
    """
    labels = real.new_full((), target).expand_as(real)
    return F.binary_cross_entropy_with_logits(real, labels) + F.softplus(made).mean()


def feature_matching(real: Tensor, made: Tensor) -> Tensor:
    """|E f(x) - E f(G(z))|^2 of a critic's features [N, C]: Salimans 2016, section 3.1."""
    return ((real.mean(0) - made.mean(0)) ** 2).sum()
