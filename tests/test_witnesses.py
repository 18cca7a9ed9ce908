"""Pictures that an earlier version of this app made come out the same, by recipe, PNG, link, race
and chain.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganapps import race
from ganapps.engine import Engine
from ganapps.pictures.inside import from_picture
from ganapps.recipe import from_link
from tests import witnesses

LINKS = json.loads((witnesses.FOLDER / "links.json").read_text())


@pytest.fixture(scope="module")
def again(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """All witnesses, made anew."""
    return dict(witnesses.made(engine, tmp_path_factory.mktemp("witnesses")))


def levels_apart(one: Path, other: Path) -> int:
    """The largest difference of two pictures of one size, of 255."""
    first, second = (np.asarray(Image.open(path)).astype(int) for path in (one, other))
    assert first.shape == second.shape
    return abs(first - second).max()


@pytest.mark.parametrize("name", witnesses.WITNESSES)
def test_the_same_pixels(again: dict[str, Path], name: str) -> None:
    assert levels_apart(again[name], witnesses.FOLDER / f"{name}.png") <= 1


@pytest.mark.parametrize("name", witnesses.WITNESSES)
def test_the_same_recipe(again: dict[str, Path], name: str) -> None:
    old = from_picture(witnesses.FOLDER / f"{name}.png")
    assert replace(from_picture(again[name]), app=old.app) == old


@pytest.mark.parametrize("name", witnesses.WITNESSES)
def test_the_same_link(again: dict[str, Path], name: str, engine: Engine) -> None:
    recipe = from_picture(again[name])
    assert recipe.to_link() == LINKS[name]
    assert engine.checked(from_link(LINKS[name]))[0].settings == engine.checked(recipe)[0].settings


def test_a_race_draws_the_same(engine: Engine, tmp_path: Path) -> None:
    sides = ("faces-words", "denoise")
    asked = race.from_json(LINKS["race"])
    drawn: list[list] = [[], []]
    for lap in race.race(engine, asked):
        drawn[lap.side] += [kept.picture for kept in lap.result.made]
    for name, pictures in zip(sides, drawn, strict=True):
        row = Image.fromarray(np.concatenate([np.asarray(p) for p in pictures], axis=1))
        row.save(tmp_path / f"{name}.png")
        assert levels_apart(tmp_path / f"{name}.png", witnesses.FOLDER / f"{name}.png") <= 1
