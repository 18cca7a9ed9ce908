"""The race: two recipes on one clock."""

from __future__ import annotations

import pytest

from ganapps.errors import UserError
from ganapps.race import race
from ganapps.recipe import Recipe

GAN, DIFFUSION = Recipe("faces", "heads-64", {"count": 2}), Recipe("denoise", "heads-ddpm-64", {"steps": 3})


def test_equal_pictures_ends_when_both_have_made_what_they_were_asked_for(engine) -> None:
    laps = list(race(engine, [GAN, DIFFUSION]))
    assert laps[-1].pictures == (2, 1) and laps[-1].calls == (2, 3)
    assert {lap.side for lap in laps[:3]} == {0, 1}, "they take turns"


def test_equal_calls_refills_the_quick_side_with_later_seeds(engine) -> None:
    laps = list(race(engine, [GAN, DIFFUSION.with_settings(steps=6)], "calls"))
    assert laps[-1].calls == (6, 6) and laps[-1].pictures == (6, 1)
    seeds = [k.recipe.settings["seed"] for lap in laps if lap.side == 0 for k in lap.result.made]
    assert seeds == [0, 1, 2, 3, 4, 5]


def test_equal_seconds_lets_both_spend_as_much(engine) -> None:
    laps = list(race(engine, [GAN, DIFFUSION.with_settings(steps=8)], "seconds"))
    gan, diffusion = laps[-1].seconds
    assert laps[-1].pictures[0] >= 2 and gan >= 0.9 * diffusion


def test_each_side_is_charged_only_for_its_own_time(engine) -> None:
    laps = list(race(engine, [GAN, DIFFUSION]))
    for side in (0, 1):
        spent = [lap.seconds[side] for lap in laps if lap.side != side]
        mine = [lap.seconds[side] for lap in laps if lap.side == side]
        assert spent == sorted(spent) and set(spent) <= {0.0, *mine}, "the other's laps cost this side nothing"


def test_stop_closes_both_streams(engine) -> None:
    running = race(engine, [GAN, DIFFUSION])
    next(running)
    running.close()
    assert engine.runtime.lock.acquire(timeout=1)
    engine.runtime.lock.release()


def test_an_unknown_fairness_and_a_faulty_recipe_are_refused_at_once(engine) -> None:
    with pytest.raises(UserError, match="fair by luck"):
        next(race(engine, [GAN, DIFFUSION], "luck"))
    with pytest.raises(UserError, match="setting stepps is unknown"):
        next(race(engine, [GAN, Recipe("denoise", "heads-ddpm-64", {"stepps": 3})]))
