"""Rows of several visitors in one network call, on a GPU that is none."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pytest

from ganapps import engine
from ganapps.engine import Result
from ganapps.measure.meter import Meter
from ganapps.recipe import Recipe
from ganapps.tasks import maker
from ganapps.tasks.careful import Rows
from ganapps.workers import shares, together
from ganapps.workers.here import Here
from ganapps.workers.signals import RunEnded
from ganapps.workers.together import Together
from tests.waiting import wait


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The moment lasts as long as a busy machine needs; it ends when nobody else is waited for."""
    monkeypatch.setattr(together, "MOMENT", 60.0)


def side_by_side(device: shares.Device, *runs: Callable[[], Any]) -> None:
    """These runs, which all wait for the device when the first one gets it, in this order."""
    threads = [threading.Thread(target=run) for run in runs]
    with device.joined() as before, before:
        for count, thread in enumerate(threads, 1):
            thread.start()
            wait(lambda count=count: len(device._waiting) == count)
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def faces_of(
    monkeypatch: pytest.MonkeyPatch, batch: int, recipes: list[Recipe]
) -> tuple[list[Result], list[int]]:
    """The last result of each recipe, all asked for at once; and how many rows each call had."""
    own = engine.start("cpu", offline=True)
    assert isinstance(own.worker, Here)
    monkeypatch.setattr(maker, "batch_size", lambda *asked: batch)
    drawn = maker.Maker._draw
    calls: list[int] = []

    def counted(self: Any, ws: Any, numbers: Any, rows: Any) -> Any:
        calls.append(len(numbers))
        return drawn(self, ws, numbers, rows)

    monkeypatch.setattr(maker.Maker, "_draw", counted)
    for recipe in recipes:  # the model is here already
        list(own.run(recipe))
    calls.clear()
    results: dict[int, Result] = {}

    def run(place: int) -> None:
        *_, results[place] = own.run(recipes[place])

    places = range(len(recipes))
    side_by_side(own.worker.device, *(lambda place=place: run(place) for place in places))
    return [results[place] for place in places], calls


RECIPES = [
    Recipe("faces", "heads-64", {"seed": 3, "count": 2, "labels": {"glasses": "dark frame"}}),
    Recipe("faces", "heads-64", {"seed": 40, "count": 3, "psi": 0.5}),
]


def test_each_visitor_gets_their_own_faces_of_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    results, calls = faces_of(monkeypatch, 16, RECIPES)
    assert calls == [5], "one call for both"
    own = engine.start("cpu", offline=True)
    for recipe, result in zip(RECIPES, results, strict=True):
        (alone,) = own.run(recipe)
        assert len(result.made) == recipe.settings["count"] == result.report.pictures
        assert result.report.network_calls == 1 and result.report.seconds > 0
        for mine, same in zip(result.made, alone.made, strict=True):
            assert mine.recipe == same.recipe
            apart = np.asarray(mine.picture, int) - np.asarray(same.picture, int)
            assert abs(apart).max() <= 1, "beyond rounding it does not matter what is beside it"


def test_what_does_not_fit_or_differs_goes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "MOMENT", 0.02)
    assert sorted(faces_of(monkeypatch, 4, RECIPES)[1]) == [2, 3], "five are too many"
    noisy = [RECIPES[0], RECIPES[1].with_settings(noise="random")]
    assert sorted(faces_of(monkeypatch, 16, noisy)[1]) == [2, 3]


def test_on_a_processor_nobody_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    _, calls = faces_of(monkeypatch, 1, RECIPES)
    assert calls == [1] * 5


@dataclass
class Counted:
    """A meter whose seconds the test sets."""

    seconds: float = 0.0

    @contextmanager
    def paused(self) -> Iterator[None]:
        yield


def visitor(
    group: Together,
    device: shares.Device,
    rows: Rows,
    told: dict[str, Any],
    meter: Counted,
    check: Callable[[], None] = lambda: None,
) -> Callable[[], None]:
    """A run of one call; what came of it, or was raised, is `told` by its part's name."""

    def run() -> None:
        try:
            with device.joined(check) as turn, turn:
                told[rows.part] = group.call(turn, cast(Meter, meter), rows)
        except RunEnded as e:
            told[rows.part] = e

    return run


def test_the_seconds_of_a_call_are_shared_by_rows() -> None:
    device = shares.Device()
    group, told, meters = Together(device), {}, [Counted(1.0), Counted(1.0)]

    def compute(parts: list[str]) -> list[str]:
        meters[0].seconds += 8.0  # that of the run that computes
        return [part.upper() for part in parts]

    first, second = Rows("same", "a", 1, 16, compute), Rows("same", "b", 3, 16, compute)
    side_by_side(
        device,
        visitor(group, device, first, told, meters[0]),
        visitor(group, device, second, told, meters[1]),
    )
    assert told == {"a": "A", "b": "B"}
    assert [meter.seconds for meter in meters] == [1.0 + 2.0, 1.0 + 6.0]
    assert not group._open and not device.busy


@pytest.mark.parametrize("error", [RunEnded("stopped"), RuntimeError("CUDA out of memory")])
def test_what_ends_the_first_one_does_not_end_the_others(error: Exception) -> None:
    device = shares.Device()
    group, told, calls = Together(device), {}, []

    def compute(parts: list[str]) -> list[str]:
        calls.append(list(parts))
        if len(parts) > 1:
            raise error
        return [part.upper() for part in parts]

    runs = [
        visitor(group, device, Rows("same", name, 1, 16, compute), told, Counted()) for name in "ab"
    ]
    side_by_side(device, *runs)
    assert calls[0] == ["a", "b"] and told["b"] == "B"
    assert told["a"] == (error if isinstance(error, RunEnded) else "A")
    assert not group._open and not device.busy


def test_one_who_stops_while_others_compute_does_not_stop_them() -> None:
    device = shares.Device()
    group, told, stopped = Together(device), {}, threading.Event()

    def check() -> None:
        if stopped.is_set():
            raise RunEnded("stopped")

    def compute(parts: list[str]) -> list[str]:
        stopped.set()
        wait(lambda: "b" in told)
        return [part.upper() for part in parts]

    rows = [Rows("same", name, 1, 16, compute) for name in "ab"]
    side_by_side(
        device,
        visitor(group, device, rows[0], told, Counted()),
        visitor(group, device, rows[1], told, Counted(), check),
    )
    assert told["a"] == "A" and isinstance(told["b"], RunEnded)


def test_a_lone_visitor_waits_for_nobody_and_sides_of_a_race_go_alone() -> None:
    device = shares.Device()
    group = Together(device)

    def compute(parts: list[str]) -> list[str]:
        assert not group._open
        return [part.upper() for part in parts]

    rows = Rows("same", "a", 1, 16, compute)
    with device.joined() as turn, turn:
        assert group.call(turn, cast(Meter, Counted()), rows) == "A"
    with device.joined(party="x") as side, device.joined(party="x"), side:
        thread = threading.Thread(target=visitor(group, device, rows, {}, Counted()))
        thread.start()
        wait(lambda: device._waiting)
        assert group.call(side, cast(Meter, Counted()), rows) == "A"
    thread.join(60)
