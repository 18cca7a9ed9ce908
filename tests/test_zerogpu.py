"""The worker on ZeroGPU, under the real `spaces` package (tests/on_zerogpu.py)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ganapps.engine import Engine
from ganapps.recipe import Recipe
from ganapps.workers import zerogpu

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


def test_stop_ends_it_at_the_next_step(told: dict[str, Any]) -> None:
    assert told["stopped"] == ["Stopped: what was done stays.", 64]


def test_elsewhere_the_platform_plays_no_part() -> None:
    assert not zerogpu.given()
