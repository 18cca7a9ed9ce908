"""What keeps a critic from being too good, one cure a paper."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

Critic = Callable[[Tensor], Tensor]


def squared_gradients(scores: Tensor, x: Tensor) -> Tensor:
    """|gradient of each score by its own sample|^2, [N], with a graph behind it.

    `scores` [N, 1] were computed from `x` [N, ...], which requires a gradient.
    """
    (gradients,) = torch.autograd.grad(scores.sum(), x, create_graph=True)
    return gradients.flatten(1).square().sum(1)


def r1(critic: Critic, real: Tensor) -> Tensor:
    """E |grad D(x)|^2 / 2 on real samples: Mescheder 2018, equation 9. Times gamma in the loss."""
    x = real.detach().requires_grad_()
    return 0.5 * squared_gradients(critic(x), x).mean()


def r2(critic: Critic, made: Tensor) -> Tensor:
    """The same on made samples: Mescheder 2018, equation 10."""
    return r1(critic, made)


def gradient_penalty(critic: Critic, real: Tensor, made: Tensor, between: Tensor) -> Tensor:
    """E (|grad D(x)| - 1)^2 on the lines between real and made samples: Gulrajani 2017, algorithm
    1.

    `between` [N, 1, ...] says where on its line each sample lies, 0 (made) to 1 (real). Times
    lambda (10 in the paper, 1 does for points) in the loss.
    """
    x = (between * real + (1 - between) * made).detach().requires_grad_()
    norms = (squared_gradients(critic(x), x) + 1e-12).sqrt()
    return ((norms - 1) ** 2).mean()


def clip(critic: nn.Module, bound: float) -> None:
    """Every weight back into [-bound, bound] after a step: Arjovsky 2017, algorithm 1."""
    with torch.no_grad():
        for weight in critic.parameters():
            weight.clamp_(-bound, bound)


def noised(x: Tensor, amount: float, generator: torch.Generator) -> Tensor:
    """Samples with normal noise of that standard deviation on them.

    Instance noise: Sonderby 2017, arXiv:1610.04490, section 2.3; both real and made ones get it.
    """
    noise = torch.randn(x.shape, generator=generator, dtype=x.dtype)
    return x + amount * noise
