"""benchmarks/gpu.py, which is run on a lent card once and for three minutes: it tries every task, a
line that fails is told and the next one is tried, and the time is kept.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from ganapps.engine import Engine
from ganapps.errors import Message
from ganapps.recipe import Recipe
from ganapps.tasks.table import TASKS
from tests import small_stable

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(BENCHMARKS)
    yield importlib.import_module("gpu")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Over what ships and small random models, as the benchmark has them."""
    with small_stable.engine(tmp_path_factory.mktemp("small")) as own:
        yield own


def test_every_task_and_every_model_is_tried(gpu: ModuleType, engine: Engine) -> None:
    tried = gpu.everything(engine)
    assert {recipe.task for recipe in tried} | {"learn"} == set(TASKS)
    assert {"slow", "quick", "editor", "enlarger"} <= {recipe.checkpoint for recipe in tried}
    here = {row.id for row in engine.runtime.catalog.values() if engine.models.here(row)}
    only_within_restore = {"denoiser-ours", "deep-image-prior-noise"}
    assert here - {recipe.checkpoint for recipe in tried} <= only_within_restore
    for recipe in tried:
        checked, _ = engine.checked(recipe)
        assert checked.settings.get("steps", 0) is None or checked.settings.get("steps", 0) <= 10


def test_every_line_is_of_something_else(gpu: ModuleType, engine: Engine, tmp_path: Path) -> None:
    names = [what for what, _ in gpu.lines(engine, engine, tmp_path, small=True)]
    assert {"Stop", "two visitors", "a race", "learn new"} <= set(names)
    assert len(names) > 40


def test_a_line_that_fails_is_told_and_the_next_one_is_tried(
    gpu: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> tuple[str, bool]:
        raise RuntimeError("no kernel image\nis available")

    table = gpu.Table(time.perf_counter() + 100)
    table.tried("first", broken)
    table.tried("second", lambda: ("12 ms", True))
    table.tried("third", lambda: ("9 levels", False))
    assert table.end() == 1
    said = capsys.readouterr().out
    assert "| first | RuntimeError: no kernel image is available |" in said
    assert "| second | 12 ms |" in said and "Wrong: first, third." in said


def test_what_is_not_tried_for_want_of_time_is_named(
    gpu: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    table = gpu.Table(time.perf_counter() - 1)
    table.tried("late", lambda: ("never", True))
    assert table.end() == 1, "nobody takes it for whole"
    said = capsys.readouterr().out
    assert "never" not in said and "the time was over: late." in said


def test_a_picture_that_lies_apart_is_wrong(
    gpu: ModuleType, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = dict(gpu.right(engine, engine, tmp_path))
    found, right = lines["faces heads-64"]()
    assert right and "0.000 mean, 0 most" in found
    monkeypatch.setattr(gpu, "apart", lambda results, expected: (1.5, 9.0))
    found, right = lines["faces heads-64"]()
    assert not right, "1.5 levels are too many in float32"


@pytest.mark.parametrize("model", ["slow", "editor", "enlarger"])
def test_what_reads_a_text_or_enlarges_by_diffusion_is_tried(
    gpu: ModuleType, engine: Engine, tmp_path: Path, model: str
) -> None:
    (line,) = [line for line in gpu.right(engine, engine, tmp_path) if line[0].endswith(model)]
    found, right = line[1]()
    assert right and "float32: 0.000 mean" in found


def test_a_cap_that_was_not_reached_is_not_tested(
    gpu: ModuleType, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    capped: list[float] = []
    card = SimpleNamespace(
        empty_cache=lambda: None,
        reset_peak_memory_stats=lambda: None,
        memory_allocated=lambda: 100,
        max_memory_allocated=lambda: 300,
        mem_get_info=lambda: (1, 1000),
        set_per_process_memory_fraction=capped.append,
    )
    monkeypatch.setattr(gpu, "torch", SimpleNamespace(cuda=card))
    plain = list(engine.run(Recipe("faces", "heads-64", {"count": 1})))
    monkeypatch.setattr(gpu, "run", lambda *given: plain)
    found, right = gpu.capped(engine, tmp_path, small=True)
    assert found.startswith("not tested") and not right
    assert capped == [0.2, 1.0]
    smaller = replace(plain[-1].report, changes=(Message("Smaller tiles."),))
    tight = [*plain[:-1], replace(plain[-1], report=smaller)]
    monkeypatch.setattr(gpu, "run", lambda *given: tight if capped[-1] < 1 else plain)
    found, right = gpu.capped(engine, tmp_path, small=True)
    assert found.startswith("Smaller tiles.") and right


def test_stop_is_measured_in_mid_run(gpu: ModuleType, engine: Engine) -> None:
    found, _ = gpu.stop(engine)
    assert found.endswith(" s"), "it was stopped"
