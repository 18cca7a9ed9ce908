"""The worker on ZeroGPU, under the real `spaces` package (tests/on_zerogpu.py)."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from ganapps.engine import Engine
from ganapps.measure.prices import Ledger
from ganapps.recipe import Recipe
from ganapps.workers import Job, signals, zerogpu

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.on_zerogpu"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_forked_process_gives_the_same_bytes_as_a_thread(
    told: dict[str, Any], engine: Engine
) -> None:
    assert told["worker"] == "ZeroGPU"
    results = engine.run(Recipe("faces", "heads-64", {"seed": 3, "count": 2}))
    made = [kept for result in results for kept in result.made]
    assert told["pixels"] == [list(kept.picture.tobytes()[:300]) for kept in made]


def test_the_lab_and_the_first_wall_take_nobody_s_gpu(told: dict[str, Any]) -> None:
    beside = told["beside"]
    assert beside["asked"] == []
    assert beside["wall"] == 12 and beside["lab"] == [3]
    assert beside["its price"] is None, "seconds of the processor say nothing of the GPU"


def test_refusals_cross_as_their_sentence_and_bugs_as_bugs(told: dict[str, Any]) -> None:
    assert "nose" in told["refusal"]
    assert told["bug"] == "RuntimeError: a bug in the process that computes"


def test_the_platform_s_own_words_reach_the_person(told: dict[str, Any]) -> None:
    assert told["quota"].startswith("UserError: No GPU was given: ")
    assert "GPU limit" in told["quota"]
    assert told["abort"].startswith("UserError: The GPU was taken away (GPU task aborted)")


def test_what_is_asked_for_is_learned(told: dict[str, Any]) -> None:
    first, second = told["asked"]
    assert second < first, "nothing was known at first"
    before, after = told["after an abort"]
    assert after > before
    assert max(first, after) <= 1.5 * zerogpu.MOST, "the platform counts large GPUs by a factor"


def asked_for(ledger: Ledger, seconds: float | None, jobs: int = 1) -> int:
    return zerogpu.Lent(lambda *_: iter(()), ledger, "a task of a model", seconds, jobs).asked


def test_what_is_not_known_is_asked_for_as_such(tmp_path: Path) -> None:
    """A computation of unknown length counted as none once the model's start was known."""
    ledger = Ledger(tmp_path / "prices.json")
    assert asked_for(ledger, None) == asked_for(ledger, 1.0) == zerogpu.UNKNOWN
    assert asked_for(ledger, None, jobs=2) == 2 * zerogpu.UNKNOWN
    ledger.add("a task of a model", 4.0, 1.0, None)
    assert asked_for(ledger, None) == zerogpu.UNKNOWN + 4
    assert asked_for(ledger, 12.0) == 20
    assert asked_for(ledger, 0.1) == math.ceil(1.25 * 4.1)
    assert asked_for(ledger, 1e6) == zerogpu.MOST


def test_a_process_that_was_there_says_nothing_of_a_start(
    monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    """Quick runs in it made the app forget how long a new process needs."""
    worker = zerogpu.ZeroGPU.__new__(zerogpu.ZeroGPU)
    monkeypatch.setattr(worker, "_computed", lambda job: iter(()), raising=False)
    monkeypatch.setattr(signals, "use", lambda _: None)

    def kinds() -> list[str]:
        return [kind for kind, _ in worker._answers(cast(Job, None))]

    worker._forked()
    assert kinds() == ["begun", "held"]
    assert kinds() == ["begun"], "the next job in the same process"
    worker._forked()
    assert kinds() == ["begun", "held"]


def test_stop_ends_it_at_the_next_step(told: dict[str, Any]) -> None:
    sentence, steps = told["stopped"]
    assert sentence == "Stopped: what was done stays."
    assert 1 <= steps < 450, "of 900, when its process had given the GPU back"


def test_a_race_is_one_call_of_a_gpu(told: dict[str, Any], engine: Engine) -> None:
    of_gan = Recipe("faces", "heads-64", {"seed": 3, "count": 2})
    of_diffusion = Recipe("denoise", "heads-ddpm-64", {"steps": 3})
    made = [
        [kept.picture for result in engine.run(recipe) for kept in result.made]
        for recipe in (of_gan, of_diffusion)
    ]
    raced = told["race"]
    expected = [[list(picture.tobytes()[:300]) for picture in side] for side in made]
    assert raced["pixels"] == expected
    assert raced["asked"] == [2 * zerogpu.UNKNOWN], "once, for both sides and their rehearsals"


def test_a_race_that_is_stopped_gives_its_gpu_back(told: dict[str, Any]) -> None:
    sentence, seconds = told["race"]["stopped"]
    assert sentence == "Stopped: what was done stays." and seconds < 20, "of 900 steps"
    pictures, of_the_stopped_side = told["race"]["without a side"]
    assert (pictures, of_the_stopped_side) == (2, 0)
    assert told["race"]["calls"] == 3, "each of the three races is one call"


def test_one_side_s_refusal_or_bug_leaves_the_other_its_gpu(told: dict[str, Any]) -> None:
    shared = told["together"]
    assert "nose" in shared["refused"]
    assert shared["bug"] == "RuntimeError: a bug in the process that computes"
    assert len(shared["rows"]) > 1 and sum(shared["rows"]) == 4 * 96, "each row crosses once"
    assert shared["calls"] == 1


def test_what_the_platform_says_of_a_race_it_says_once(told: dict[str, Any]) -> None:
    (first, second), asked = told["race aborted"]
    assert first == second and first.startswith("The GPU was taken away (GPU task aborted)")
    assert len(asked) == 1
    (first, second), again = told["race over quota"]
    assert first == second and "GPU limit" in first
    assert len(again) == 1 and again[0] > asked[0], "it was learned that it takes longer"


def test_elsewhere_the_platform_plays_no_part() -> None:
    assert not zerogpu.given()
