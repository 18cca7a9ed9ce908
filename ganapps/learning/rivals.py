"""The rivals on the same points: a variational autoencoder and a diffusion model, both by
likelihood.

Both minimise one bounded loss against no opponent, so both are calm. They differ in what a sample
costs: the autoencoder draws in one call, the diffusion model in as many as it has steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ganapps.learning.trend import Trend

Real = Callable[[int, torch.Generator], Tensor]


def perceptron(into: int, width: int, depth: int, out: int) -> nn.Sequential:
    """`depth` layers of `width` with rectifiers, then a plain one: [N, into] -> [N, out]."""
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [nn.Linear(into, width), nn.SiLU()]
        into = width
    return nn.Sequential(*layers, nn.Linear(into, out))


class Autoencoder(nn.Module):
    """A VAE (Kingma 2014) of points: normal noise of width `spread` around what the decoder
    draws.
    """

    calls = 1  # of the network, for a sample

    def __init__(
        self, width: int = 64, depth: int = 2, hidden: int = 2, spread: float = 0.1
    ) -> None:
        super().__init__()
        self.hidden, self.spread = hidden, spread
        self.encoder = perceptron(2, width, depth, 2 * hidden)
        self.decoder = perceptron(hidden, width, depth, 2)

    def loss(self, x: Tensor, chance: torch.Generator) -> Tensor:
        """Minus the evidence lower bound of points [N, 2], in nats a point."""
        mean, log_variance = self.encoder(x).chunk(2, 1)
        noise = torch.randn(mean.shape, generator=chance)
        back = self.decoder(mean + (0.5 * log_variance).exp() * noise)
        error = (x - back).square().sum(1) / (2 * self.spread**2)
        constant = math.log(2 * math.pi * self.spread**2)
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
        return (error + constant + divergence).mean()

    def sample(self, count: int, chance: torch.Generator) -> Tensor:
        """[count, 2] points in one network call: the decoder's, with its own noise on them."""
        with torch.no_grad():
            points = self.decoder(torch.randn(count, self.hidden, generator=chance))
        return points + self.spread * torch.randn(points.shape, generator=chance)


class Diffusion(nn.Module):
    """DDPM (Ho 2020) of points: the noise in x_t is guessed, `steps` of a linear schedule."""

    def __init__(self, width: int = 64, depth: int = 2, steps: int = 50) -> None:
        super().__init__()
        self.steps = self.calls = steps
        self.guess = perceptron(4, width, depth, 2)
        betas = torch.linspace(1e-4, 0.2, steps) if steps > 1 else torch.tensor([0.5])
        self.betas: Tensor
        self.kept: Tensor
        self.register_buffer("betas", betas)
        self.register_buffer("kept", torch.cumprod(1 - betas, 0))

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """The noise in points [N, 2] after step t [N], as the network guesses it."""
        angle = (t.float() + 1) / self.steps * math.pi / 2
        return self.guess(torch.cat([x, angle.sin()[:, None], angle.cos()[:, None]], 1))

    def loss(self, x: Tensor, chance: torch.Generator) -> Tensor:
        """Mean squared error of the guess, equation 14 of the paper."""
        t = torch.randint(self.steps, (len(x),), generator=chance)
        noise = torch.randn(x.shape, generator=chance)
        kept = self.kept[t][:, None]
        return (self(kept.sqrt() * x + (1 - kept).sqrt() * noise, t) - noise).square().mean()

    def sample(self, count: int, chance: torch.Generator) -> Tensor:
        """[count, 2] points in `steps` network calls: algorithm 2 of the paper."""
        x = torch.randn(count, 2, generator=chance)
        with torch.no_grad():
            for t in reversed(range(self.steps)):
                beta, kept = self.betas[t], self.kept[t]
                guess = self(x, torch.full((count,), t))
                x = (x - beta / (1 - kept).sqrt() * guess) / (1 - beta).sqrt()
                if t:
                    x = x + beta.sqrt() * torch.randn(x.shape, generator=chance)
        return x


class Lesson:
    """One rival learning from one source of real points: a step is one batch down its own loss."""

    def __init__(
        self, model: Autoencoder | Diffusion, real: Real, rate: float, batch: int, seed: int
    ) -> None:
        self.model, self.real, self.batch = model, real, batch
        self.chance = torch.Generator().manual_seed(seed)
        self.loss = math.nan
        self.trend = Trend()
        self.steps = 0
        self._optimiser = torch.optim.Adam(model.parameters(), rate, fused=True)

    def step(self) -> None:
        """One batch."""
        loss = self.model.loss(self.real(self.batch, self.chance), self.chance)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self._optimiser.step()
        self.steps += 1
        self.loss = loss.item()
        self.trend.add(self.loss)
