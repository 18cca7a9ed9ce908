"""What is measured before a race: arithmetic, memory, energy."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from ganapps.engine import Engine
from ganapps.measure import energy
from ganapps.measure.flops import Flops
from ganapps.measure.held import Held
from ganapps.measure.meter import Meter
from ganapps.race.rehearsal import Rehearsed, rehearse
from ganapps.recipe import Recipe
from ganapps.report import Step
from ganapps.tasks.table import TASKS

GAN, DIFFUSION = (
    Recipe("faces", "heads-64", {"count": 3}),
    Recipe("denoise", "heads-ddpm-64", {"steps": 7}),
)


def rehearsed(engine: Engine, recipe: Recipe) -> Rehearsed:
    going = rehearse(engine, engine.checked(recipe)[0])
    while True:
        try:
            next(going)
        except StopIteration as done:
            return done.value


def counted(engine: Engine, recipe: Recipe) -> int:
    *_, result = engine.run(recipe, rehearsal="both")
    return result.report.flops


def test_operations_are_those_of_the_text_book() -> None:
    flops = Flops(counts=True)
    for _ in range(2):
        with flops, torch.inference_mode():
            torch.nn.functional.linear(torch.zeros(3, 5), torch.zeros(7, 5))
            torch.nn.functional.conv2d(torch.zeros(1, 4, 8, 8), torch.zeros(6, 4, 3, 3), padding=1)
    assert flops.total == 2 * (2 * 3 * 5 * 7 + 2 * 4 * 6 * 9 * 64)


def test_nothing_is_counted_where_nothing_was_asked_for_or_can_be() -> None:
    off, strange = Flops(counts=False), Flops(counts=True)
    with off, strange:
        torch.zeros(4).sin()
    assert off.total is None and strange.total is None


@pytest.mark.parametrize("steps", [1, 2, 3, 7])
def test_a_picture_of_many_steps_costs_what_counting_all_of_them_gives(
    engine: Engine, steps: int
) -> None:
    recipe = DIFFUSION.with_settings(steps=steps)
    assert rehearsed(engine, recipe).flops == counted(engine, recipe) > 1e9 * steps


def test_a_gan_is_rehearsed_for_one_picture(engine: Engine) -> None:
    assert 3 * rehearsed(engine, GAN).flops == counted(engine, GAN)
    assert rehearsed(engine, GAN).parameters == sum(
        p.numel() for p in network(engine, "heads-64").parameters()
    )


def network(engine: Engine, name: str) -> torch.nn.Module:
    return next(ready.network for key, ready in engine.runtime._ready.items() if key[2] == name)


def test_memory_is_the_network_and_what_a_picture_needs_beside_it(engine: Engine) -> None:
    for recipe in (GAN, DIFFUSION):
        side = rehearsed(engine, recipe)
        assert side.memory == 4 * side.parameters + side.working and 1e6 < side.working < 2e8


def test_memory_is_the_same_whatever_else_this_process_takes_and_gives_back(
    engine: Engine,
) -> None:
    def found() -> list[int]:
        engine.rehearsed.clear()
        return [rehearsed(engine, recipe).working for recipe in (GAN, DIFFUSION)]

    ended = threading.Event()

    def takes_and_gives_back() -> None:
        while not ended.wait(0.002):
            bytearray(b"x") * 30_000_000

    before = found()
    other = threading.Thread(target=takes_and_gives_back)
    other.start()
    try:
        assert found() == before
    finally:
        ended.set()
        other.join()


def test_held_is_what_is_there_at_once_and_was_not_before() -> None:
    weight = torch.zeros(250, 1000)
    held = Held(counts=True)
    with held:
        one = weight + 1  # a megabyte
        one.add_(1)
        same = one.view(-1)[10:]
        del one, same
        two = weight * 2
        three = two * 2
        del two, three
    with held:
        torch.zeros(1000)
    assert held.peak == 2_000_000
    with Held(counts=False) as off:
        torch.zeros(1000)
    assert off.peak is None


def test_operations_that_torch_can_not_count_are_not_guessed(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Flops) -> Flops:
        if self.counts:
            raise TypeError("no count for this operator")
        return self

    monkeypatch.setattr(Flops, "__enter__", broken)
    engine.rehearsed.clear()
    found = rehearsed(engine, GAN)
    assert found.flops is None and found.working > 0
    engine.rehearsed.clear()


def test_what_is_only_looked_at_is_charged_to_nobody(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow_to_show(network: object, device: object, labels: object = None, *, seed: int = 0):
        yield Step(1, 1, network_calls=1, for_show=True)
        time.sleep(0.2)
        yield Step(1, 1)

    slow = replace(TASKS["faces"], function=slow_to_show, work=())
    monkeypatch.setitem(TASKS, "faces", slow)
    *_, last = engine.run(Recipe("faces", "heads-64"))
    assert last.report.network_calls == 1 and last.report.seconds < 0.1


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> dict:
    """A stand-in for a GPU and its NVML: `joules` is the counter."""
    state = {"joules": 100.0}
    fake = SimpleNamespace(
        NVMLError=type("NVMLError", (Exception,), {}),
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByUUID=lambda uuid: uuid,
        nvmlDeviceGetTotalEnergyConsumption=lambda handle: (
            state["joules"] * 1000 if handle == "GPU-abc" else 0
        ),
    )
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid="abc")
    )
    for name, value in (
        ("synchronize", None),
        ("reset_peak_memory_stats", None),
        ("memory_allocated", 0),
        ("max_memory_allocated", 0),
    ):
        monkeypatch.setattr(torch.cuda, name, lambda device, value=value: value)
    energy._handle.cache_clear()
    yield state
    energy._handle.cache_clear()


def test_joules_are_what_the_card_s_counter_moved_by_inside_the_block(card: dict) -> None:
    meter = Meter("cuda:0")
    for inside, outside in ((5, 1000), (2, 1000)):
        with meter:
            card["joules"] += inside
        card["joules"] += outside
    assert meter.joules == 7


def test_no_joules_without_the_package_or_on_a_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    energy._handle.cache_clear()
    assert energy.joules("cuda:0") is None and energy.joules("cpu") is None
    with Meter("cpu") as meter:
        pass
    assert meter.joules is None
    energy._handle.cache_clear()


def test_the_clock_waits_until_the_device_is_idle_on_both_sides(
    card: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: said.append("idle"))
    with Meter("cuda:0"):
        said.append("work")
    assert said == ["idle", "work", "idle"]
