"""Every task on a GPU that is pretended (tests/pretended.py): no tensor lies on the wrong device,
none is in a precision that MPS lacks, and the pictures are those of the processor.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ganapps import engine as door
from ganapps.engine import Engine
from ganapps.recipe import Recipe
from ganapps.report import Kept
from ganapps.tasks.table import TASKS
from tests import small_stable
from tests.pretended import Computing, gpu

PULLED = {"points": [[20, 20, 24, 24]], "steps": 2}
FIVE = [[5, 8], [11, 8], [8, 11], [6, 14], [10, 14]]
FAMILY = {"ada": {"seed": 1}, "ben": {"seed": 2}}
RUNS: list[tuple[str, str, dict[str, Any]]] = [
    ("faces", "heads-64", {"count": 2, "labels": {"glasses": "dark frame"}}),
    ("faces", "heads-64", {"count": 1, "noise": "random", "mix": 3}),
    ("strip", "heads-64", {"count": 2}),
    ("loop", "heads-64", {"count": 2, "frames": 3}),
    ("walk", "heads-64", {"frames": 3}),
    ("edit", "heads-64", {"edits": {"pca-1": 1.5}, "hold": ["sefa-1"]}),
    ("ages", "heads-64", {"count": 2}),
    ("frontal", "heads-64", {}),
    ("drag", "heads-64", PULLED),
    ("breed", "heads-64", {"family": FAMILY, "parents": ["ada", "ben"], "count": 2}),
    ("morph", "heads-64", {"family": FAMILY, "begin": "ada", "end": "ben", "frames": 3}),
    ("say", "heads-64", {"sentence": "an old woman with glasses"}),
    ("export", "heads-64", {"count": 2}),
    ("denoise", "heads-ddpm-64", {"steps": 2, "eta": 1.0, "count": 3}),
    ("drift", "heads-ddpm-64", {"frames": 3, "steps": 1}),
    ("invert", "heads-64", {"steps": 10, "points": FIVE}),
    ("invert", "heads-64", {"steps": 10, "points": FIVE, "tuning": 2, "edits": {"smile": 1}}),
    ("repair", "filler-ours", {"box": [4, 4, 6, 6]}),
    ("scratches", "scratches-ours", {}),
    ("restore", "filler-ours", {}),
    ("upscale", "spanx4", {}),
    ("translate", "photo-to-painting", {}),
    ("translate", "styles-26", {}),
    ("translate", "cartoongan-shinkai", {}),
]
# of models that read texts none ships: small ones (tests/small_stable.py)
OF_TEXTS: list[tuple[str, str, dict[str, Any]]] = [
    ("text", "slow", {"prompt": "a cat", "count": 3, "steps": 2}),
    ("translate", "editor", {"prompt": "a cat", "steps": 2}),
    ("upscale", "enlarger", {"steps": 2}),
]
ELSEWHERE = {"learn"}  # small networks, which a processor trains wherever the others are


def made(there: Engine, recipe: Recipe, pictures: list[str]) -> list[Kept]:
    return [kept for result in there.run(recipe, pictures) for kept in result.made]


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    pixels = np.random.default_rng(2).integers(0, 256, (20, 16, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return str(path)


@pytest.fixture(scope="module")
def here(engine: Engine, photo: str) -> list[list[Kept]]:
    """What a processor makes of each."""
    return [made(engine, *run) for run in recipes(photo)]


@pytest.mark.parametrize("kind", ["cuda", "mps"])
def test_every_task_makes_there_what_it_makes_on_a_processor(
    kind: str, here: list[list[Kept]], photo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with gpu(kind, monkeypatch) as pretended:
        there = door.start(kind, offline=True)
        for (recipe, pictures), expected in zip(recipes(photo), here, strict=True):
            alike(pretended, there, recipe, pictures, expected)


@pytest.mark.parametrize("kind", ["cuda", "mps"])
def test_models_that_read_texts_make_there_what_they_make_on_a_processor(
    kind: str, photo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = recipes(photo, OF_TEXTS)
    with small_stable.engine(tmp_path) as processor:
        here = [made(processor, *run) for run in asked]
        with gpu(kind, monkeypatch) as pretended:
            there = door.start(kind, own_catalog=str(tmp_path / "rows.toml"))
            for (recipe, pictures), expected in zip(asked, here, strict=True):
                alike(pretended, there, recipe, pictures, expected)


def test_seeds_share_the_calls_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    with gpu("cuda", monkeypatch):
        there = door.start("cuda", offline=True)
        asked = Recipe("denoise", "heads-ddpm-64", {"steps": 2, "count": 3}, "float32")
        assert list(there.run(asked))[-1].report.network_calls == 2


def test_every_task_is_among_them() -> None:
    assert {task for task, _, _ in [*RUNS, *OF_TEXTS]} | ELSEWHERE == set(TASKS)


def alike(
    pretended: Computing, there: Engine, recipe: Recipe, pictures: list[str], here: list[Kept]
) -> None:
    """It computes there, and makes what was made here."""
    before = sum(pretended.operations.values())
    got = made(there, recipe, pictures)
    assert sum(pretended.operations.values()) > before + 10, "it computed there"
    assert len(got) == len(here) > 0
    for one, other in zip(got, here, strict=True):
        apart = np.abs(pixels(one) - pixels(other)).max()
        assert apart <= 2, f"{recipe.task} {recipe.checkpoint}: {apart} levels"


def recipes(photo: str, runs: Sequence[Any] = RUNS) -> list[tuple[Recipe, list[str]]]:
    """Each of the runs, and the pictures that it works on."""
    asked = []
    for task, model, settings in runs:
        pictures = [photo] if TASKS[task].pictures else []
        asked.append((Recipe(task, model, settings, "float32"), pictures))
    return asked


def pixels(kept: Kept) -> np.ndarray:
    return np.asarray(kept.picture).astype(float)
