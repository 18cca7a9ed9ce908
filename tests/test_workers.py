"""Who computes: the device is shared by turns; a run stops and tells between a network's blocks."""

from __future__ import annotations

import itertools
import math
import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from ganapps import engine
from ganapps.device import Device
from ganapps.errors import UserError
from ganapps.measure.meter import Meter
from ganapps.measure.prices import Ledger
from ganapps.models import hub
from ganapps.recipe import Recipe
from ganapps.tasks import careful
from ganapps.workers import Job, Worker, crossing, shares, signals
from ganapps.workers.here import Here
from ganapps.workers.several import Several
from ganapps.workers.signals import RunEnded, Tick
from ganapps.workers.spawned import Spawned
from tests.waiting import wait


class Slow(nn.Module):
    """A network of `blocks` blocks, each of which takes some time."""

    def __init__(self, blocks: int, each: float = 0.03) -> None:
        super().__init__()
        self.each = each
        self.blocks = nn.ModuleList(nn.Identity() for _ in range(blocks))
        self.begun = 0

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
            self.begun += 1
            time.sleep(self.each)
        return x


def steps(network: nn.Module, count: int, device: shares.Device) -> Iterator[int]:
    """A run of that many steps, each one call of the network."""
    own = signals.current()
    with device.joined() as turn:
        watch = careful.Watch(
            signals.check, lambda: turn.pass_on() if turn.due() else None, own.tell
        )
        for step in range(count):
            with own.waiting(turn):
                turn.__enter__()
            try:
                with careful.watching(watch):
                    network(torch.zeros(1))
            finally:
                turn.__exit__()
            yield step


# Between the blocks


def test_a_run_that_is_left_ends_at_the_next_block() -> None:
    network = careful.watched(Slow(2000))
    stream = signals.heard(steps(network, 1, shares.Device()), pause=0.01)
    while isinstance(next(stream), Tick) and network.begun < 3:
        pass
    stream.close()
    wait(lambda: not any(t.name == "run" for t in threading.enumerate()))
    assert network.begun < 1000, "it did not go on to its end"


def test_a_stream_that_is_left_is_closed_whoever_else_holds_it() -> None:
    closed: list[bool] = []

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.append(True)

    stream = endless()
    heard = signals.heard(stream)
    next(heard)
    heard.close()
    wait(lambda: closed == [True])
    assert next(stream, None) is None


def test_who_closes_what_is_computed_ahead_waits_until_nothing_is() -> None:
    """Or a command that is interrupted would end in the middle of torch's work, which aborts it."""
    over = threading.Event()

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            time.sleep(0.3)
            over.set()

    stream = signals.ahead(endless())
    assert next(stream) == 1
    stream.close()
    assert over.is_set()


def test_a_run_that_is_stopped_from_outside_ends_at_the_next_block() -> None:
    network = careful.watched(Slow(2000))
    got: list[object] = []

    def listen() -> None:
        with signals.stopped_at_the_end():
            event.append(signals.current())
            try:
                got.extend(signals.heard(steps(network, 1, shares.Device())))
            except RunEnded as e:
                got.append(e)

    event: list[signals.Signals] = []
    listening = threading.Thread(target=listen)
    listening.start()
    wait(lambda: network.begun > 2)
    event[0].stop()
    listening.join(60)
    assert isinstance(got[-1], RunEnded) and network.begun < 1000


def test_progress_moves_inside_a_step_and_knows_the_last_ones_length() -> None:
    network = careful.watched(Slow(20))
    shares_told = [
        item.share
        for item in signals.heard(steps(network, 2, shares.Device()), pause=0.02)
        if isinstance(item, Tick)
    ]
    assert any(0.2 < share < 0.8 for share in shares_told) and max(shares_told) <= 1
    assert any(later < earlier for earlier, later in itertools.pairwise(shares_told)), (
        "each step begins at nothing"
    )


def test_a_network_is_watched_once_and_only_by_those_who_watch() -> None:
    network = careful.watched(careful.watched(Slow(5, each=0.0)))
    assert all(len(block._forward_pre_hooks) == 1 for block in network.blocks)
    assert network(torch.ones(1)) == 1


def test_an_error_of_the_thread_comes_where_it_is_heard() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise UserError("This is {what}.", what="wrong")

    with pytest.raises(UserError, match="This is wrong"):
        assert [i for i in signals.heard(broken()) if not isinstance(i, Tick)] == []


# One device, several runs


def test_whoever_has_used_least_goes_first_even_inside_a_step() -> None:
    device = shares.Device()
    long = careful.watched(Slow(400, each=0.01))
    done: list[str] = []

    def run(name: str, network: nn.Module, count: int) -> None:
        for _ in steps(network, count, device):
            pass
        done.append(name)

    first = threading.Thread(target=run, args=("enlargement", long, 1))
    first.start()
    wait(lambda: long.begun > 20)
    second = threading.Thread(target=run, args=("face", careful.watched(Slow(5, each=0.01)), 3))
    second.start()
    second.join(60)
    first.join(60)
    assert done == ["face", "enlargement"], "the long step let the short run in"


@dataclass
class Visitor:
    """One who asks for runs of so many seconds, one after the other."""

    asks: list[float]
    waited: list[float] = field(default_factory=list)  # beside the own seconds, of each run
    came: float = 0.0
    left: float = 0.0  # seconds of this run


def served(visitors: Sequence[Visitor], monkeypatch: pytest.MonkeyPatch) -> None:
    """All that they ask for, on one device, by a clock that only its work moves: no threads."""
    now = [0.0]
    monkeypatch.setattr(shares, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    # whose turn it is is asked here
    monkeypatch.setattr(shares.Device, "_free_for", lambda *asked: True)
    device = shares.Device()
    with ExitStack() as ends:
        under_way: dict[shares.Turn, tuple[Visitor, ExitStack]] = {}

        def come(visitor: Visitor) -> None:
            if not visitor.asks:
                return
            visitor.came, visitor.left = now[0], visitor.asks.pop(0)
            run = ends.enter_context(ExitStack())
            turn = run.enter_context(device.joined(seconds=visitor.left))
            under_way[turn] = visitor, run
            device._waiting.append(turn)

        for visitor in visitors:
            come(visitor)
        while under_way:
            at_work = min(device._may_sit(), key=lambda turn: turn.until)
            device._waiting.remove(at_work)
            visitor, run = under_way[at_work]
            with at_work:
                while visitor.left > 1e-9 and not at_work.due():
                    step = min(0.1, visitor.left)  # a block of the network
                    now[0], visitor.left = now[0] + step, visitor.left - step
            if visitor.left > 1e-9:
                device._waiting.append(at_work)
                continue
            del under_way[at_work]
            run.close()
            visitor.waited.append(now[0] - visitor.came)
            come(visitor)


def test_nobody_waits_more_than_twice_their_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of so many visitors each may have that part of the device: a run then takes its own seconds
    times their number. One second aside, as in benchmarks/load.py.
    """
    mixed = [0.03, 0.31, 0.12, 0.67, 0.7]
    long = [*mixed, 8.0]
    huge = [40.0, 0.03, 5.0, 0.67, 0.03]
    for works, count in ((mixed, 20), (mixed, 24), (long, 20), (huge, 20)):
        turned = [works[n % len(works) :] + works[: n % len(works)] for n in range(count)]
        visitors = [Visitor(list(asks)) for asks in turned]
        served(visitors, monkeypatch)
        for visitor, asks in zip(visitors, turned, strict=True):
            for own, took in zip(asks, visitor.waited, strict=True):
                assert took - own - 1.0 <= 2 * own * count, (works, own, took)


def test_newcomers_do_not_keep_an_old_run_waiting_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    old, newcomers = Visitor([10.0]), Visitor([0.1] * 400)
    served([old, newcomers], monkeypatch)
    assert old.waited[0] <= 22.0 and max(newcomers.waited) < 0.51


def test_a_run_of_one_step_waits_in_line_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """To find that nothing comes any more it would have to wait for all others again."""
    own = engine.start("cpu", offline=True)
    taken: list[shares.Turn] = []
    take = shares.Device._take

    def counted(device: shares.Device, turn: shares.Turn) -> None:
        taken.append(turn)
        take(device, turn)

    monkeypatch.setattr(shares.Device, "_take", counted)
    results = list(own.run(Recipe("faces", "heads-64", {"seed": 3, "count": 1})))
    assert len(results) == len(taken) == 1


def test_those_who_wait_know_how_many_are_before_them() -> None:
    device = shares.Device()
    with device.joined() as at_work, device.joined() as waiting:
        with at_work:
            thread = threading.Thread(target=waiting.__enter__)
            thread.start()
            wait(lambda: device.before(waiting) == 1)
            assert device.before(at_work) == 0
        thread.join(60)
        assert device.busy and device.before(waiting) == 0
        waiting.__exit__()
    assert not device.busy


def test_those_who_wait_know_for_how_long() -> None:
    device = shares.Device()
    with device.joined() as at_work, device.joined() as waiting:
        waiting.until = at_work.until + 4.0
        with at_work:
            thread = threading.Thread(target=waiting.__enter__)
            thread.start()
            wait(lambda: device.before(waiting) == 1)
            told = device.wait(waiting)
            assert told is not None and 3.0 < told <= 4.0 + shares.PORTION
            assert device.wait(at_work) == 0.0
        thread.join(60)
        waiting.__exit__()


def test_more_than_a_few_runs_wait_for_a_seat_and_may_leave(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shares, "LENT", math.inf)
    device = shares.Device()
    ends = threading.Event()
    left = threading.Event()

    def check() -> None:
        if ends.is_set():
            raise UserError("it was enough")

    def stand() -> None:
        with pytest.raises(UserError), device.joined(check) as late, late:
            pass
        left.set()

    with ExitStack() as seated:
        for _ in range(shares.SEATS):
            turn = seated.enter_context(device.joined())
            with turn:
                pass
        thread = threading.Thread(target=stand)
        thread.start()
        wait(lambda: device._waiting)
        (late,) = device._waiting
        assert device.before(late) == shares.SEATS and device.wait(late) is None
        ends.set()
        assert left.wait(60), "whoever waits can leave"
        assert not device.busy
    with device.joined() as next_one, next_one:
        assert device.busy, "the seats are free again"
    thread.join(60)


def test_of_those_who_stand_only_what_is_short_passes_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shares, "LENT", math.inf)
    device = shares.Device()
    with ExitStack() as stack:
        seated = [stack.enter_context(device.joined(seconds=20.0)) for _ in range(shares.SEATS)]
        for turn in seated:
            with turn:
                pass
        turns = [stack.enter_context(device.joined(seconds=n)) for n in (60.0, None, 1.0, 0.01)]
        long, unknown, short, shortest = turns
        device._waiting += turns
        assert device._standing() == turns, "a seat that is free is the first one's"
        assert device._may_sit() == [shortest], "where none is, one who is done before all who sit"
        device._waiting.remove(shortest)
        assert device._may_sit() == [short]
        device._seated.append(short)
        device._waiting.remove(short)
        assert device._may_sit() == []
        device._seated.remove(short)
        device._seated.remove(seated[0])
        assert device._may_sit() == [long, unknown], "the free seat, and one beside it"
        device._waiting.clear()


def test_a_generator_of_which_nothing_was_measured_is_taken_for_quick(
    tmp_path: Path, cat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In an app just started, the first faces stood behind eight enlargements."""
    own = engine.start("cpu", offline=True)
    own.ledger = Ledger(tmp_path / "prices.json")
    told: list[float | None] = []
    joined = own.worker.device.joined

    def noted(check: Callable, seconds: float | None, party: str) -> Any:
        told.append(seconds)
        return joined(check, seconds, party)

    monkeypatch.setattr(own.worker.device, "joined", noted)
    faces, brought = Recipe("faces", "heads-64", {"count": 4}), Recipe("upscale", "spanx4")
    denoised = Recipe("denoise", "heads-ddpm-64", {"steps": 1})
    for recipe, pictures in ((faces, ()), (brought, [str(cat)]), (denoised, ()), (faces, ())):
        list(own.run(recipe, pictures))
    first, of_a_picture, of_steps, measured = told
    assert 0 < first < shares.UNKNOWN / 10 and measured != first
    assert of_a_picture is None and of_steps is None, "nobody knows"


def test_both_sides_of_a_race_share_a_seat(monkeypatch: pytest.MonkeyPatch) -> None:
    """More races than seats: with a seat for each side they would wait for one another."""
    monkeypatch.setattr(shares, "LENT", math.inf)
    device = shares.Device()
    over: list[int] = []
    all_sit = threading.Barrier(shares.SEATS)

    def race(number: int) -> None:
        with device.joined(party=str(number)) as first, device.joined(party=str(number)) as second:
            with first:
                pass
            with suppress(threading.BrokenBarrierError):
                all_sit.wait(5)
            for side in (second, first, second):
                with side:
                    pass
        over.append(number)

    races = [threading.Thread(target=race, args=(n,), daemon=True) for n in range(shares.SEATS + 2)]
    for thread in races:
        thread.start()
    for thread in races:
        thread.join(60)
    assert len(over) == shares.SEATS + 2


def test_races_over_two_devices_do_not_wait_for_one_another() -> None:
    """As over replicas on Ray: each race sits with one side and wants a seat for the other."""
    devices = shares.Device(), shares.Device()
    count = 2 * shares.SEATS
    all_sit = threading.Barrier(count)
    over: list[int] = []

    def race(number: int) -> None:
        here, there = devices[number % 2], devices[1 - number % 2]
        with here.joined(party=str(number)) as first:
            with first:
                pass
            all_sit.wait(60)
            with there.joined(party=str(number)) as second, second:
                pass
            with first:
                over.append(number)

    races = [threading.Thread(target=race, args=(n,), daemon=True) for n in range(count)]
    for thread in races:
        thread.start()
    wait(lambda: len(over) == count)


def test_a_run_that_gives_up_while_others_have_its_turn_holds_nothing() -> None:
    device = shares.Device()

    def check() -> None:
        raise UserError("stopped")

    with device.joined() as other, device.joined(check) as run:
        thread = threading.Thread(target=other.__enter__)
        with pytest.raises(UserError), run:
            run.until += 100.0
            thread.start()
            wait(run.due)
            run.pass_on()
        thread.join(60)
        other.__exit__()
    assert not device.busy


def test_a_device_that_closes_lets_the_last_block_end_and_gives_no_turn_more() -> None:
    device = shares.Device()
    network = careful.watched(Slow(2000, each=0.01))
    said: list[str] = []

    def run() -> None:
        try:
            list(steps(network, 1, device))
        except UserError as e:
            said.append(str(e))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    wait(lambda: network.begun > 5)
    device.close()
    assert not device.busy and network.begun < 1500
    for thread in threads:
        thread.join(60)
    assert said == ["The app ends, and the run with it."] * 2
    with pytest.raises(UserError, match="The app ends"):
        list(steps(network, 1, device))


def test_a_pause_costs_a_run_nothing() -> None:
    meter = Meter("cpu")
    with meter:
        with meter.paused():
            time.sleep(0.3)
    assert meter.seconds < 0.25
    with meter.paused():
        pass
    assert meter.seconds < 0.25


# A full memory and numbers that are none


def test_memory_that_is_full_is_one_kind_of_error() -> None:
    def full() -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(careful.MemoryFull):
        careful.call(Device("cpu"), full)
    with pytest.raises(RuntimeError, match="shapes"), careful.block(Device("cpu")):
        raise RuntimeError("shapes do not fit")


def test_what_is_not_finite_is_made_again_in_float32_or_refused() -> None:
    low = Device("cpu", "bfloat16")
    given = iter([torch.tensor([float("nan")]), torch.tensor([1.0])])
    y, used = careful.call(low, lambda: next(given))
    assert y == 1 and used.precision == "float32" and len(careful.again(low, used)) == 1
    y, used = careful.call(low, lambda: torch.tensor([2.0]))
    assert y == 2 and careful.again(low, used) == ()
    with pytest.raises(UserError, match="output is not finite"):
        careful.call(low, lambda: torch.tensor([float("inf")]))


# What crosses to another process


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Spawned]:
    """The worker in a process of its own, on the shipped models."""
    worker = Spawned(partial(engine.worker, "cpu", True))
    yield worker
    worker.close()


def both_ways(recipe: Recipe, elsewhere: Spawned, pictures: Sequence[str] = ()) -> list[list]:
    """The results of a recipe through the thread and through the process."""
    own = engine.start("cpu", offline=True)
    here = list(own.run(recipe, pictures))
    own.worker = elsewhere
    return [here, list(own.run(recipe, pictures))]


def drawn(results: list) -> list[bytes]:
    return [kept.picture.tobytes() for result in results for kept in result.made]


def test_a_process_gives_the_same_bytes_as_a_thread(elsewhere: Spawned) -> None:
    recipe = Recipe("faces", "heads-64", {"seed": 3, "count": 3})
    here, there = both_ways(recipe, elsewhere)
    assert drawn(here) == drawn(there) and len(drawn(here)) == 3
    assert there[-1].recipe == here[-1].recipe and there[-1].report.seconds > 0


def test_rows_cross_once(elsewhere: Spawned, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    rng = np.random.default_rng(5)
    Image.fromarray(rng.integers(0, 256, (70, 40, 3), np.uint8)).save(path)
    recipe = Recipe("upscale", "spanx4", {"tile": 32, "inspect": False})
    here, there = both_ways(recipe, elsewhere, [str(path)])
    assert np.array_equal(pixels_of(here), pixels_of(there))
    crossed = [len(part.rows) for part in there[-2].parts]
    assert len(crossed) > 1 and sum(crossed) <= 280, "no row comes twice"


def pixels_of(results: list) -> np.ndarray:
    return np.asarray(results[-1].made[-1].picture)


def test_a_sentence_crosses_as_that_sentence(elsewhere: Spawned) -> None:
    recipe = Recipe("faces", "heads-64", {"labels": {"nose": 1}})
    own = engine.start("cpu", offline=True)
    checked, row = own.checked(Recipe("faces", "heads-64"))
    located = next(iter(own.run(checked))).recipe
    assert located.sha256
    found = hub.here(row)
    job = Job(checked.with_settings(**recipe.settings), row, found)
    with pytest.raises(UserError, match="nose"):
        list(elsewhere.steps(job))
    assert len(list(elsewhere.steps(Job(checked.with_settings(count=1), row, found)))) >= 1


def test_stop_crosses_and_the_process_goes_on(elsewhere: Spawned) -> None:
    own = engine.start("cpu", offline=True)
    checked, row = own.checked(Recipe("faces", "heads-64", {"count": 64}))
    job = Job(checked, row, hub.here(row))
    with signals.stopped_at_the_end():
        stream = elsewhere.steps(job)
        next(stream)
        signals.current().stop()
        with pytest.raises(RunEnded):
            list(stream)
    stream = elsewhere.steps(job)
    next(stream)
    stream.close()
    assert next(elsewhere.steps(job))[0].total == 64


class Endless(Worker):
    """Computes until it is left, which it notes."""

    title = "Pretended"

    def __init__(self, left: Path) -> None:
        self._left = left

    def steps(self, job: Any) -> Iterator[Any]:
        try:
            while True:
                yield "a step", "its report"
        finally:
            self._left.touch()


def test_a_process_that_is_forked_meanwhile_keeps_no_run_from_its_stop(tmp_path: Path) -> None:
    """As on ZeroGPU: it had a copy of the pipe whose end says Stop."""
    worker = Spawned(partial(Endless, tmp_path / "left"))
    stream = worker.steps(cast(Job, SimpleNamespace(checkpoint=SimpleNamespace(id="any"))))
    next(stream)
    forked = multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,))
    forked.start()
    try:
        stream.close()
        wait((tmp_path / "left").exists)
    finally:
        forked.kill()
        worker.close()


def test_progress_and_the_waiting_line_cross(elsewhere: Spawned, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    Image.new("RGB", (700, 400), "teal").save(path)
    own = engine.start("cpu", offline=True)
    own.worker = elsewhere
    recipe = Recipe("upscale", "spanx4", {"tile": 512, "inspect": False})
    done: list[object] = []
    computes = threading.Event()

    def visitor() -> None:
        for item in signals.heard(own.run(recipe, [str(path)]), pause=0.05):
            done.append(item)
            if isinstance(item, Tick) and item.share > 0:
                computes.set()

    # of two alone each waits a portion at a time, which is too short to be told
    threads = [threading.Thread(target=visitor) for _ in range(4)]
    threads[0].start()
    assert computes.wait(120)
    for thread in threads[1:]:
        thread.start()
    for thread in threads:
        thread.join(120)
    ticks = [item for item in done if isinstance(item, Tick)]
    assert any(0 < tick.share < 1 for tick in ticks)
    assert any(1 <= tick.before <= 3 for tick in ticks), "they knew who was before them"
    assert sum(len(item.made) for item in done if not isinstance(item, Tick)) == 4


def test_runs_take_turns_in_one_process(elsewhere: Spawned) -> None:
    """A race asks for both sides' steps in one thread: none may wait for the other's end."""
    own = engine.start("cpu", offline=True)
    own.worker = elsewhere
    sides = [own.run(Recipe("faces", name, {"count": 16})) for name in ("heads-64", "heads-128")]
    seen = [next(side).report.checkpoint for _ in range(2) for side in sides]
    assert seen == ["heads-64", "heads-128"] * 2
    for side in sides:
        side.close()


def test_a_bug_is_logged_where_it_was_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> Iterator:
        yield from ()
        raise ValueError("of a computation")

    with pytest.raises(RuntimeError, match="a bug in the process"):
        list(crossing.understood(crossing.answers(broken())))
    assert "ValueError: of a computation" in caplog.text


def test_new_players_learn_in_a_process_too(elsewhere: Spawned) -> None:
    """The Lab's row is told by what it says: in another process it is a copy."""
    recipe = Recipe("learn", "new", {"steps": 3})
    here, there = both_ways(recipe, elsewhere)
    (first,), (second,) = here[-1].numbers["runs"], there[-1].numbers["runs"]
    assert first["step"] == second["step"] == 3 and first["loss of D"] == second["loss of D"]


def test_a_process_that_dies_is_one_sentence_and_the_next_job_starts_another(
    elsewhere: Spawned,
) -> None:
    own = engine.start("cpu", offline=True)
    checked, row = own.checked(Recipe("faces", "heads-64", {"count": 64}))
    job = Job(checked, row, hub.here(row))
    stream = elsewhere.steps(job)
    next(stream)
    elsewhere._process.kill()
    with pytest.raises(UserError, match="process that computes has ended"):
        list(stream)
    assert next(elsewhere.steps(job))[0].made


# Several devices


class Noted:
    """In place of a worker process: what it was asked for, and it never ends by itself."""

    def __init__(self) -> None:
        self.given: set[str] = set()

    def start(self) -> None:
        return None

    def title(self) -> str:
        return "Pretended"

    def steps(self, job: Job) -> Iterator[str]:
        self.given.add(job.checkpoint.id)
        while True:
            yield job.checkpoint.id


def test_a_run_goes_where_its_model_is_or_to_the_least_busy() -> None:
    first, second = workers = [Noted(), Noted()]
    several = Several(workers)
    assert several.title == "2 x Pretended"
    own = engine.start("cpu", offline=True)
    rows = {name: own.models.row(name) for name in ("heads-64", "heads-128", "spanx4")}

    def run(name: str) -> Iterator:
        stream = several.steps(Job(Recipe("faces", name), rows[name], None))
        next(stream)
        return stream

    under_way = [run("heads-64")]
    assert first.given == {"heads-64"}
    under_way.append(run("heads-128"))
    assert second.given == {"heads-128"}, "the least busy one"
    under_way.append(run("heads-128"))
    assert first.given == {"heads-64"}, "to load a model weighs as one run"
    assert several.wanted()
    for stream in under_way:
        stream.close()
    assert not several.wanted()
    run("heads-128").close()
    assert first.given == {"heads-64"}, "the one that has it"
    with signals.stopped_at_the_end():
        sides = [run("spanx4"), run("heads-128")]
        assert first.given == {"heads-64", "spanx4", "heads-128"}, "both sides of a race, at one"
        for side in sides:
            side.close()


def test_two_devices_serve_side_by_side_and_one_that_dies_starts_anew() -> None:
    own = engine.start("cpu,cpu", offline=True)
    several = own.worker
    assert isinstance(several, Several) and own.device_title == "2 x CPU"
    recipe = Recipe("faces", "heads-64", {"seed": 3, "count": 2})
    here = list(engine.start("cpu", offline=True).run(recipe))
    long = Recipe("denoise", "heads-ddpm-64", {"steps": 40})
    streams = [own.run(long), own.run(long), own.run(long)]
    for stream in streams:
        assert next(stream).report.device == "CPU"
    killed = several.workers[0]._process
    killed.kill()
    said: list[str] = []
    made = 0
    for stream in streams:
        try:
            made += sum(len(result.made) for result in stream)
        except UserError as e:
            said.append(str(e))
    assert said and all("process that computes has ended" in sentence for sentence in said)
    assert len(said) < 3 and made > 0, "the other device went on"
    assert several.workers[0]._process is not killed
    assert drawn(list(own.run(recipe))) == drawn(here)
    several.close()


def test_a_device_that_is_not_there_is_one_sentence_at_the_start() -> None:
    with pytest.raises(UserError, match="The device nonsense is not there"):
        engine.start("cpu,nonsense", offline=True)


def test_a_worker_is_wanted_while_a_run_has_its_device() -> None:
    worker = engine.start("cpu", offline=True).worker
    assert isinstance(worker, Here)
    with worker.device.joined() as turn:
        assert not worker.wanted()
        with turn:
            assert worker.wanted() and not worker.device.wanted(turn)
    assert not worker.wanted()


def test_who_closes_a_device_waits_until_nobody_computes() -> None:
    device, began, over = shares.Device(), threading.Event(), threading.Event()
    refused = threading.Event()

    def run() -> None:
        with device.joined() as turn:
            try:
                with turn:
                    began.set()
                    while not turn.due():
                        time.sleep(0.01)
                    time.sleep(0.3)
                    over.set()
                    turn.pass_on()
            except UserError:
                refused.set()

    thread = threading.Thread(target=run)
    thread.start()
    began.wait()
    device.close()
    assert over.is_set()
    thread.join()
    assert refused.is_set(), "a closed device gives no turn"
