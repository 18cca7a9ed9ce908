"""The game of two players, a step at a time, and the numbers that tell how it goes."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ganapps.learning import objectives, regularisers
from ganapps.learning.augment import Adaptive, augmented
from ganapps.learning.players import Critic, Generator
from ganapps.learning.trend import Trend

AVERAGE = 0.995  # of the generator's weights, for pictures: what is shown; less at first
Real = Callable[[int, torch.Generator], Tensor]

EXPLODED = 1e6  # a loss beyond this is out of all bounds


@dataclass(frozen=True)
class Rules:
    """How the two play. Rates are of Adam (or another optimiser), gamma and lambda as in the
    papers.

    What is 0, "none" or False is left out.
    """

    objective: str = "non-saturating"
    optimiser: str = "adam"
    rate_generator: float = 1e-3
    rate_discriminator: float = 1e-3
    momentum: float = 0.5  # beta 1 of Adam, momentum of SGD
    critic_steps: int = 1  # of the critic for each of the generator
    batch: int = 128
    frozen: bool = False  # the generator stays as it is: only the critic learns
    r1: float = 0.0
    r2: float = 0.0
    gradient_penalty: float = 0.0
    clip: float = 0.0
    instance_noise: float = 0.0
    smoothing: float = 0.0  # 0.1: what is real shall score 0.9 of 1
    feature_matching: bool = False
    augment: str = "none"  # none, always, adaptive
    alone: int = 0  # steps at first in which a new critic learns before a trained generator does
    pretrain: int = 0  # steps at first on other samples than those to be learned
    frozen_layers: int = 0  # of the critic, which stand still after that


class Exploded(ArithmeticError):
    """The numbers left all bounds at this step: no setting of the game survives every rate."""

    def __init__(self, step: int) -> None:
        super().__init__(step)
        self.step = step


OPTIMISERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": lambda weights, rate, beta: torch.optim.Adam(
        weights, rate, betas=(beta, 0.99), fused=True
    ),
    "sgd": lambda weights, rate, beta: torch.optim.SGD(weights, rate, momentum=beta, fused=True),
    "rmsprop": lambda weights, rate, beta: torch.optim.RMSprop(weights, rate),
}


class Game:
    """A generator against a critic over one source of real samples.

    `real(count, generator)` draws real samples [count, ...]; `others` does in the first steps where
    the rules have some for it. All chance comes from `seed`, on the processor: the same rules,
    players and seed play the same game.
    """

    def __init__(
        self,
        rules: Rules,
        generator: Generator,
        critic: Critic,
        real: Real,
        seed: int = 0,
        others: Real | None = None,
    ) -> None:
        self.rules, self.real, self.others = rules, real, others
        self.generator, self.critic = generator, critic
        self.average = generator
        if generator.averaged:
            self.average = copy.deepcopy(generator).requires_grad_(False)
        self.objective = objectives.OBJECTIVES[rules.objective]
        self.chance = torch.Generator().manual_seed(seed)
        self.adaptive = Adaptive()
        self.steps = 0
        self.losses = (math.nan, math.nan)  # of the critic and of the generator, at the last step
        self.trend = Trend()  # of the generator's loss
        optimiser = OPTIMISERS[rules.optimiser]
        self._of_generator = optimiser(generator.parameters(), rules.rate_generator, rules.momentum)
        self._of_critic = optimiser(critic.parameters(), rules.rate_discriminator, rules.momentum)
        self._weights_of_critic = list(critic.parameters())  # found once: a step is short

    def step(self) -> None:
        """The critic's moves, then one of the generator. Raises Exploded where a loss leaves all
        bounds.
        """
        for _ in range(self.rules.critic_steps):
            critic_loss = self._critic_moves()
        generator_loss = self._generator_moves()
        self.steps += 1
        self.losses = (critic_loss.item(), generator_loss.item())
        if not all(abs(loss) < EXPLODED for loss in self.losses):
            raise Exploded(self.steps)
        self.trend.add(self.losses[1])

    def noise(self, count: int, chance: torch.Generator | None = None) -> Tensor:
        """z [count, noise], normal; of the game's own chance where no other is given."""
        size = self.generator.noise
        return torch.randn(count, size, generator=chance or self.chance)

    def made(self, z: Tensor, averaged: bool = False) -> Tensor:
        """Samples of noise z, without a graph; of the averaged weights where that is asked."""
        with torch.no_grad():
            return (self.average if averaged else self.generator)(z)

    def scores(self, x: Tensor) -> Tensor:
        """The critic's scores of samples, without a graph; of many at once only where it looks at
        each by itself.
        """
        with torch.no_grad():
            if not self.critic.of_batches:
                return self.critic(x)
            return torch.cat([self.critic(batch) for batch in x.split(self.rules.batch)])

    @contextmanager
    def looked_at(self, seed: int = 0) -> Iterator[None]:
        """What is asked inside changes nothing: the game goes on as if nobody had looked. Every
        look with one seed sees the same noise.
        """
        kept, self.chance = self.chance, torch.Generator().manual_seed(seed)
        self.critic.eval()  # spectral norms learn a little at every call, too
        try:
            yield
        finally:
            self.chance = kept
            self.critic.train()

    def pull(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Made samples and the way each would go: minus the gradient of the generator's loss by
        it.
        """
        x = self.made(z).requires_grad_()
        loss = self.objective.generator(self._scored(len(x)), self.critic(x))
        (gradient,) = torch.autograd.grad(loss, x)
        return x.detach(), -gradient * len(x)

    def reaching(self) -> float:
        """The norm of the last gradient on the generator's weights; NaN before the first."""
        gradients = [w.grad for w in self.generator.parameters() if w.grad is not None]
        if not gradients:
            return math.nan
        return float(torch.stack(torch._foreach_norm(gradients)).norm())

    @property
    def augmentation(self) -> float:
        """With which probability what the critic sees is augmented, 0 to 1."""
        chances = {"none": 0.0, "always": 1.0, "adaptive": self.adaptive.probability}
        return chances[self.rules.augment]

    def _critic_moves(self) -> Tensor:
        rules = self.rules
        if rules.frozen_layers and self.steps >= rules.pretrain:
            self.critic.hold(rules.frozen_layers)
        real, made = self._real(), self.made(self.noise(rules.batch))
        real, made = self._prepared(real), self._prepared(made)
        scores, scores_of_made = self.critic(real), self.critic(made)
        if rules.smoothing and self.objective.probability:
            loss = objectives.smoothed_discriminator(scores, scores_of_made, 1 - rules.smoothing)
        else:
            loss = self.objective.discriminator(scores, scores_of_made)
        penalty = self._penalty(real, made)
        self._of_critic.zero_grad(set_to_none=True)
        (loss if penalty is None else loss + penalty).backward()
        self._of_critic.step()
        if rules.clip:
            regularisers.clip(self.critic, rules.clip)
        if rules.augment == "adaptive":
            self.adaptive.look(scores)
        return loss.detach()

    def _penalty(self, real: Tensor, made: Tensor) -> Tensor | None:
        rules, parts = self.rules, []
        if rules.r1:
            parts.append(rules.r1 * regularisers.r1(self.critic, real))
        if rules.r2:
            parts.append(rules.r2 * regularisers.r2(self.critic, made))
        if rules.gradient_penalty:
            between = torch.rand(len(real), *[1] * (real.dim() - 1), generator=self.chance)
            penalty = regularisers.gradient_penalty(self.critic, real, made, between)
            parts.append(rules.gradient_penalty * penalty)
        return torch.stack(parts).sum() if parts else None

    def _generator_moves(self) -> Tensor:
        self._critic_learns(False)
        made = self._prepared(self.generator(self.noise(self.rules.batch)))
        if self.rules.feature_matching:
            real = self.critic.features(self._prepared(self._real()))
            loss = objectives.feature_matching(real, self.critic.features(made))
        else:
            loss = self.objective.generator(self._scored(self.rules.batch), self.critic(made))
        self._of_generator.zero_grad(set_to_none=True)
        loss.backward()
        self._critic_learns(True)
        if not self.rules.frozen and self.steps >= self.rules.alone:
            self._of_generator.step()
            self._average_moves()
        return loss.detach()

    def _average_moves(self) -> None:
        if self.average is not self.generator:
            decay = min(AVERAGE, (self.steps + 1) / (self.steps + 10))
            follow(self.average, self.generator, decay)

    def _critic_learns(self, learns: bool) -> None:
        for weight in self._weights_of_critic:
            weight.requires_grad_(learns)

    def _real(self, count: int | None = None) -> Tensor:
        source = self.real
        if self.others is not None and self.steps < self.rules.pretrain:
            source = self.others
        return source(count or self.rules.batch, self.chance)

    def _scored(self, count: int) -> Tensor:
        """Scores of real samples, which only a relativistic generator looks at."""
        if self.objective.generator is not objectives.relativistic_generator:
            return torch.zeros(())
        return self.critic(self._prepared(self._real(count)))

    def _prepared(self, x: Tensor) -> Tensor:
        """What the critic is shown: with instance noise, augmented."""
        rules = self.rules
        if rules.instance_noise:
            x = regularisers.noised(x, rules.instance_noise, self.chance)
        if self.augmentation:
            return augmented(x, self.augmentation, self.chance)
        return x


def follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    """average = decay * average + (1 - decay) * network; buffers are copied."""
    with torch.no_grad():
        torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - decay)
        for kept, new in zip(average.buffers(), network.buffers(), strict=True):
            kept.copy_(new)
