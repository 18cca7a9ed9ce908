"""How a GAN learns: formulas against the papers' by hand, theory against theory, and that it
plays.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ganapps.learning import (
    augment,
    game,
    objectives,
    players,
    points,
    regularisers,
    rivals,
    theory,
    trend,
)

REAL = torch.tensor([[0.5], [-1.0], [2.0]], dtype=torch.float64)
MADE = torch.tensor([[-0.3], [0.7], [1.5]], dtype=torch.float64)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


# Worked out with the papers' own formulas, D a probability where they say so.
BY_HAND = {
    "minimax": (
        sum(-math.log(sigmoid(r)) for r in (0.5, -1, 2)) / 3
        + sum(-math.log(1 - sigmoid(m)) for m in (-0.3, 0.7, 1.5)) / 3,
        sum(math.log(1 - sigmoid(m)) for m in (-0.3, 0.7, 1.5)) / 3,
    ),
    "non-saturating": (
        sum(-math.log(sigmoid(r)) for r in (0.5, -1, 2)) / 3
        + sum(-math.log(1 - sigmoid(m)) for m in (-0.3, 0.7, 1.5)) / 3,
        sum(-math.log(sigmoid(m)) for m in (-0.3, 0.7, 1.5)) / 3,
    ),
    "least-squares": (
        (0.25 + 4 + 1) / 6 + (0.09 + 0.49 + 2.25) / 6,
        (1.69 + 0.09 + 0.25) / 6,
    ),
    "wasserstein": (1.9 / 3 - 1.5 / 3, -1.9 / 3),
    "hinge": ((0.5 + 2 + 0) / 3 + (0.7 + 1.7 + 2.5) / 3, -1.9 / 3),
    "relativistic": (
        sum(math.log(1 + math.exp(m - r)) for r, m in ((0.5, -0.3), (-1, 0.7), (2, 1.5))) / 3,
        sum(math.log(1 + math.exp(r - m)) for r, m in ((0.5, -0.3), (-1, 0.7), (2, 1.5))) / 3,
    ),
}


@pytest.mark.parametrize("name", objectives.OBJECTIVES)
def test_an_objective_is_the_paper_s(name: str) -> None:
    objective, (critic, generator) = objectives.OBJECTIVES[name], BY_HAND[name]
    assert objective.discriminator(REAL, MADE).item() == pytest.approx(critic, rel=1e-12)
    assert objective.generator(REAL, MADE).item() == pytest.approx(generator, rel=1e-12)


@pytest.mark.parametrize("name", objectives.OBJECTIVES)
def test_an_objective_s_gradients_are_right_in_double_precision(name: str) -> None:
    objective = objectives.OBJECTIVES[name]
    real, made = REAL.clone().requires_grad_(), MADE.clone().requires_grad_()
    assert torch.autograd.gradcheck(objective.discriminator, (real, made))
    assert torch.autograd.gradcheck(lambda m: objective.generator(REAL, m), (made,))


def test_a_sure_critic_silences_the_minimax_generator_alone() -> None:
    """The vanishing gradient of 2014, in one line of arithmetic."""
    sure = torch.full((1, 1), -20.0, dtype=torch.float64, requires_grad=True)
    (minimax,) = torch.autograd.grad(objectives.minimax_generator(sure, sure), sure)
    (other,) = torch.autograd.grad(objectives.non_saturating_generator(sure, sure), sure)
    assert abs(minimax.item()) < 1e-8
    assert abs(other.item()) == pytest.approx(1)


def test_smoothing_moves_only_what_is_real() -> None:
    loss = objectives.smoothed_discriminator(REAL, MADE, 0.9).item()
    by_hand = sum(
        -0.9 * math.log(sigmoid(r)) - 0.1 * math.log(1 - sigmoid(r)) for r in (0.5, -1, 2)
    )
    by_hand = by_hand / 3 + sum(-math.log(1 - sigmoid(m)) for m in (-0.3, 0.7, 1.5)) / 3
    assert loss == pytest.approx(by_hand, rel=1e-12)


def test_feature_matching_is_the_distance_of_the_means() -> None:
    real = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    made = torch.tensor([[0.0, 0.0], [2.0, 2.0]])
    assert objectives.feature_matching(real, made).item() == pytest.approx(
        (2 - 1) ** 2 + (3 - 1) ** 2
    )


def bowl(x: Tensor) -> Tensor:
    """A critic whose gradient is known: x1^2 + 3 x2, gradient (2 x1, 3)."""
    return (x[:, :1] ** 2) + 3 * x[:, 1:]


def test_r1_is_half_the_squared_slope() -> None:
    x = torch.tensor([[1.0, 0.0], [2.0, 5.0]], dtype=torch.float64)
    assert regularisers.r1(bowl, x).item() == pytest.approx(0.5 * ((4 + 9) + (16 + 9)) / 2)


def test_the_gradient_penalty_is_taken_on_the_line_between() -> None:
    real = torch.tensor([[2.0, 1.0]], dtype=torch.float64)
    made = torch.tensor([[0.0, 3.0]], dtype=torch.float64)
    between = torch.tensor([[0.25]], dtype=torch.float64)  # at (0.5, 2.5): slope (1, 3)
    expected = (math.sqrt(10) - 1) ** 2
    penalty = regularisers.gradient_penalty(bowl, real, made, between).item()
    assert penalty == pytest.approx(expected, rel=1e-9)


def test_a_penalty_reaches_the_critic_s_weights() -> None:
    critic = players.PointCritic(8, 2)
    regularisers.r1(critic, torch.randn(4, 2)).backward()
    assert all(w.grad is not None for w in critic.features.parameters() if w.dim() > 1)


def test_clipping_leaves_nothing_outside() -> None:
    critic = players.PointCritic(8, 2)
    regularisers.clip(critic, 0.05)
    assert all(w.abs().max() <= 0.05 for w in critic.parameters())


def test_minibatch_discrimination_is_the_sum_of_the_paper() -> None:
    layer = players.MinibatchDiscrimination(5, kernels=3, kernel_dim=2)
    f = torch.randn(4, 5)
    slow = torch.zeros(4, 3)
    m = layer.project(f).view(4, 3, 2)
    for i in range(4):
        for j in range(4):
            if i != j:
                slow[i] += torch.exp(-(m[i] - m[j]).abs().sum(1))
    assert torch.allclose(layer(f)[:, 5:], slow, atol=1e-6)


def test_batch_deviation_sees_a_collapse() -> None:
    spread = players.BatchDeviation()
    assert spread(torch.ones(8, 3))[0, 3] < 1e-3 < spread(torch.randn(8, 3))[0, 3]


def test_virtual_batch_norm_does_not_look_at_its_neighbours() -> None:
    torch.manual_seed(0)
    generator = players.PointGenerator(4, 16, 2, norm="virtual")
    z = torch.randn(6, 4)
    assert torch.allclose(generator(z)[:1], generator(z[:1]), atol=1e-6)


def test_batch_norm_does() -> None:
    torch.manual_seed(0)
    generator = players.PointGenerator(4, 16, 2, norm="batch")
    z = torch.randn(6, 4)
    assert not torch.allclose(generator(z)[:2], generator(z[:2]), atol=1e-3)


def test_attention_rows_are_shares_and_begin_as_nothing() -> None:
    layer = players.SelfAttention(16)
    layer.keeps = True
    x = torch.randn(2, 16, 4, 4)
    assert torch.equal(layer(x), x), "gamma begins at 0"
    assert layer.looks.shape == (2, 16, 16)
    assert torch.allclose(layer.looks.sum(2), torch.ones(2, 16), atol=1e-5)


@pytest.mark.parametrize("side", [16, 32])
def test_pictures_have_their_size(side: int) -> None:
    generator = players.PictureGenerator(8, side, 3, width=8, attention=True)
    critic = players.PictureCritic(side, 3, width=8, attention=True, batch_layer="deviation")
    made = generator(torch.randn(4, 8))
    assert made.shape == (4, 3, side, side)
    assert made.abs().max() <= 1
    assert critic(made).shape == (4, 1)


def test_a_moved_picture_is_the_picture_moved() -> None:
    x = torch.arange(2 * 3 * 25, dtype=torch.float32).view(2, 3, 5, 5)
    moved = augment.translated(x, torch.tensor([[1, -2], [0, 3]]))
    assert torch.equal(moved[0, :, 1:, :3], x[0, :, :4, 2:])
    assert not moved[0, :, 0].any()
    assert torch.equal(moved[1, :, :, 3:], x[1, :, :, :2])


def test_no_augmentation_changes_nothing_and_a_sure_one_all() -> None:
    chance = torch.Generator().manual_seed(0)
    x = torch.rand(8, 3, 16, 16)
    assert torch.equal(augment.augmented(x, 0.0, chance), x)
    changed = (augment.augmented(x, 1.0, chance) != x).flatten(1).any(1)
    assert changed.all()


def test_ada_rises_only_while_the_critic_is_sure() -> None:
    adaptive = augment.Adaptive()
    adaptive.look(torch.ones(10, 1))
    assert adaptive.probability == pytest.approx(augment.SPEED)
    adaptive.look(torch.tensor([[1.0], [-1.0]]))
    assert adaptive.probability == 0


def test_the_best_critic_gives_the_value_of_the_paper() -> None:
    p = torch.tensor([0.5, 0.5, 0.0], dtype=torch.float64)
    q = torch.tensor([0.0, 0.25, 0.75], dtype=torch.float64)
    best = theory.best_critic(p, q)
    assert best.tolist() == pytest.approx([1, 2 / 3, 0])
    by_hand = 0.5 * math.log(1) + 0.5 * math.log(2 / 3)
    by_hand += 0.25 * math.log(1 / 3) + 0.75 * math.log(1)
    assert theory.value(p, q) == pytest.approx(by_hand)


def test_equal_distributions_are_worth_minus_log_four() -> None:
    p = torch.rand(50, dtype=torch.float64)
    p = p / p.sum()
    assert theory.value(p, p) == pytest.approx(-math.log(4))
    assert theory.jensen_shannon(p, p) == pytest.approx(0, abs=1e-12)
    apart = torch.tensor([1.0, 0.0]).double(), torch.tensor([0.0, 1.0]).double()
    assert theory.jensen_shannon(*apart) == pytest.approx(math.log(2))


def test_a_histogram_counts_every_sample_where_it_lies() -> None:
    places = theory.places(4)
    shares = theory.histogram(torch.cat([places, places[:1], torch.tensor([[99.0, 99.0]])]), 4)
    assert shares.sum().item() == pytest.approx(1)
    assert (shares[0] * 18).item() == pytest.approx(2)
    assert (shares[15] * 18).item() == pytest.approx(2), "outside counts in the nearest cell"


def test_the_dirac_gan_circles_and_r1_pulls_it_in() -> None:
    plain = cured = (1.0, 0.0)
    for _ in range(2_000):
        plain = theory.dirac_step(*plain, rate=0.05)
        cured = theory.dirac_step(*cured, rate=0.05, gamma=1.0)
    assert math.hypot(*plain) > 1, "it never settles"
    assert math.hypot(*cured) < 1e-3


def test_modes_are_found_where_points_lie() -> None:
    ring = points.ring()
    chance = torch.Generator().manual_seed(0)
    assert ring.found(ring.sample(2_000, chance)) == (8, pytest.approx(0.99, abs=0.01))
    assert ring.found(ring.centres[:3].repeat(100, 1)) == (3, 1.0)
    assert ring.found(torch.zeros(100, 2)) == (0, 0.0)
    # five widths away a mode is not found, and yet covered; in the middle none is
    beside = ring.centres[:3].repeat(100, 1) + torch.tensor([5 * ring.width, 0])
    assert (ring.found(beside), ring.covered(beside)) == ((0, 0.0), 3)
    assert ring.covered(torch.zeros(100, 2)) == 0


def test_a_loss_that_only_falls_is_calm_and_one_that_circles_is_not() -> None:
    falling, circling, chance = trend.Trend(), trend.Trend(), torch.Generator().manual_seed(0)
    assert falling.upward is None
    for step in range(4_000):
        by_chance = float(torch.randn((), generator=chance))
        falling.add(10 * math.exp(-step / 1_000) + by_chance)
        circling.add(10 * math.sin(step / 600) + by_chance)
    assert falling.upward is not None and falling.upward < 0.1
    assert circling.upward == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("name", points.DATA)
def test_data_lies_in_the_picture_and_is_drawn_by_its_seed(name: str) -> None:
    data = points.DATA[name]()
    first = data.sample(500, torch.Generator().manual_seed(3))
    assert first.shape == (500, 2)
    assert first.abs().max() < theory.EXTENT
    assert torch.equal(first, data.sample(500, torch.Generator().manual_seed(3)))


def played(rules: game.Rules, steps: int, spectral: bool = False, depth: int = 2) -> game.Game:
    torch.manual_seed(0)
    generator = players.PointGenerator(16, 32, 2)
    critic = players.PointCritic(32, depth, spectral)
    told = game.Game(rules, generator, critic, points.ring().sample, seed=0)
    for _ in range(steps):
        told.step()
    return told


def test_the_gradient_dies_under_a_critic_that_is_too_good_and_is_cured() -> None:
    """A frozen generator: what the paper of 2014 warns of, and what helps."""
    steps = 600
    dying = played(game.Rules(objective="minimax", frozen=True), steps, depth=3)
    assert dying.reaching() < 1e-3
    for alive in (
        played(game.Rules(objective="non-saturating", frozen=True), steps, depth=3),
        played(game.Rules(objective="minimax", frozen=True), steps, spectral=True, depth=3),
        played(game.Rules(objective="minimax", frozen=True, r1=1.0), steps, depth=3),
    ):
        assert alive.reaching() > 1e-2


def test_the_same_seed_plays_the_same_game() -> None:
    one, other = (played(game.Rules(r1=0.1, instance_noise=0.1), 20) for _ in range(2))
    z = torch.randn(5, 16)
    assert torch.equal(one.made(z), other.made(z))


def test_every_rule_plays() -> None:
    for rules in (
        game.Rules(objective="relativistic", r1=0.1, r2=0.1),
        game.Rules(objective="wasserstein", clip=0.05, critic_steps=2, optimiser="rmsprop"),
        game.Rules(objective="wasserstein", gradient_penalty=1.0),
        game.Rules(feature_matching=True, smoothing=0.1),
        game.Rules(optimiser="sgd", objective="least-squares"),
    ):
        told = played(rules, 3)
        assert all(math.isfinite(loss) for loss in told.losses)


def test_a_rate_out_of_bounds_is_told_with_its_step() -> None:
    rules = game.Rules(
        objective="wasserstein", optimiser="sgd", rate_generator=1e3, rate_discriminator=1e3
    )
    with pytest.raises(game.Exploded) as told:
        played(rules, 500)
    assert 0 < told.value.step < 500


def test_the_pull_points_where_the_score_rises() -> None:
    told = played(game.Rules(), 50)
    x, way = told.pull(told.noise(64))
    step = 1e-3 / way.norm(dim=1, keepdim=True)
    assert (told.scores(x + step * way) > told.scores(x)).float().mean() > 0.95


@pytest.mark.parametrize("kind", [rivals.Autoencoder, rivals.Diffusion])
def test_the_rivals_learn_calmly(kind: type) -> None:
    torch.manual_seed(0)
    ring = points.ring(width=0.05)
    lesson = rivals.Lesson(kind(), ring.sample, rate=3e-3, batch=128, seed=0)
    losses = []
    for _ in range(300):
        lesson.step()
        losses.append(lesson.loss)
    assert sum(losses[-50:]) < 0.8 * sum(losses[:50])
    samples = lesson.model.sample(500, torch.Generator().manual_seed(1))
    assert samples.shape == (500, 2)
    assert 0.5 < samples.norm(dim=1).mean() < 2.5
