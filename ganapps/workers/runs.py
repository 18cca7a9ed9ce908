"""Who waits for which run: how many each visitor may have, which one nobody waits for any more, and
when one has taken too long.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from typing import Any, TypeVar

from ganapps.errors import UserError
from ganapps.workers.shares import Turn

T = TypeVar("T")

PER_SESSION = 8  # runs of one page, under way and waiting: each tab's button, and a few more
PER_ADDRESS = 24  # of one address: a class or a family may share it
CLOSED = 10.0  # seconds that a run outlives its page
LOST = 120.0  # seconds that it waits for a listener who may come back
CROWDED = 10.0  # the same while others wait


class RunEnded(UserError):
    """A run that was ended from outside: what was done of it stays."""


@dataclass(frozen=True)
class Run:
    """One run, under way or waiting: who asked for it, and when (seconds of a monotonic clock)."""

    name: str
    session: str
    address: str
    asked: float


def admit(live: Sequence[Run], session: str | None, address: str) -> None:
    """Raises UserError where a visitor already has as many runs as one may have at a time."""
    for most, same in (
        (PER_SESSION, [r for r in live if r.session == session]),
        (PER_ADDRESS, [r for r in live if r.address == address]),
    ):
        if len(same) >= most:
            raise UserError(
                "{count} runs of yours are under way or waiting, and no visitor may have more: "
                "wait for one to end.",
                count=len(same),
            )


def in_turn(waiting: Sequence[Run]) -> list[int]:
    """The order of those who wait: everybody's first run, then everybody's second, and so on."""
    seen: Counter[str] = Counter()
    rounds = []
    for run in waiting:
        rounds.append(seen[run.address])
        seen[run.address] += 1
    return sorted(range(len(waiting)), key=rounds.__getitem__)


class Listeners:
    """The connections through which visitors wait: of a run or a session (streams), and of a
    page.
    """

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()
        self._left: dict[str, float] = {}  # when the last one of a name went
        self._pages: Counter[str] = Counter()
        self._closed: dict[str, float] = {}  # when a session's last page went

    @contextmanager
    def listening(self, name: str, clock: Callable[[], float] | None = None) -> Iterator[None]:
        """While somebody listens to the run or the session of that name; `clock()` tells the
        seconds.
        """
        with _counted(self._open, self._left, name, clock):
            yield

    @contextmanager
    def page(self, session: str) -> Iterator[None]:
        """While a page of that session is open."""
        with _counted(self._pages, self._closed, session, None):
            yield

    def here(self, *names: str) -> bool:
        """Does anybody listen to one of these now?"""
        return any(name in self._open for name in names)

    def absent(self, run: Run, now: float) -> float:
        """Seconds for which nobody has listened to a run; 0 while somebody does."""
        names = (run.name, run.session)
        if self.here(*names):
            return 0.0
        left = (self._left.get(name, 0.0) for name in names)
        return now - max(run.asked, self._closed.get(run.session, 0.0), *left)

    def forsaken(self, live: Sequence[Run], now: float) -> list[Run]:
        """The runs that nobody waits for any more."""
        awaited = {r.session for r in live if self.here(r.name, r.session)}
        gone = []
        for run in live:
            crowded = bool(awaited - {run.session})
            patience = CROWDED if crowded else CLOSED if run.session in self._closed else LOST
            if self.absent(run, now) > patience:
                gone.append(run)
        return gone

    def forget(self, now: float) -> None:
        """Drop the times that no longer decide anything."""
        for times in (self._left, self._closed):
            for name in [n for n, left in times.items() if now - left > 2 * LOST]:
                del times[name]


@contextmanager
def _counted(
    open_: Counter[str], left: dict[str, float], name: str, clock: Callable[[], float] | None
) -> Iterator[None]:
    open_[name] += 1
    left.pop(name, None)
    try:
        yield
    finally:
        open_[name] -= 1
        if not open_[name]:
            del open_[name]
            left[name] = (clock or time.monotonic)()


_deadline: ContextVar[tuple[float, float] | None] = ContextVar("deadline", default=None)


@contextmanager
def limited(seconds: float | None) -> Iterator[None]:
    """Whatever runs inside has that many seconds; None: as long as it takes."""
    token = _deadline.set(None if seconds is None else (time.monotonic() + seconds, seconds))
    try:
        yield
    finally:
        _deadline.reset(token)


def check() -> None:
    """Raises RunEnded where the time is over or somebody has stopped the run; called between two
    steps, and between a network's blocks.
    """
    if signals().stopped:
        raise RunEnded("Stopped: what was done stays.")
    limit = _deadline.get()
    if limit is not None and time.monotonic() > limit[0]:
        raise out_of_time(limit[1])


def out_of_time(seconds: float) -> RunEnded:
    """What to say of a run that took longer than it may."""
    return RunEnded(
        "The time limit of {seconds} s for a run is reached; what was done stays. "
        "Ask for less at a time.",
        seconds=f"{seconds:g}",
    )


class Signals:
    """What passes between a run and whoever waits for it, beside its results: how much of the step
    under way is done (`share`, 0 to 1), and that it shall stop.
    """

    def __init__(self, around: Signals | None = None) -> None:
        """`around`: those of the event that this run is a part of; it stops with it."""
        self.share = 0.0
        self._around = around
        self._stop = threading.Event()
        self._turn: Turn | None = None

    @property
    def stopped(self) -> bool:
        """Was the run stopped?"""
        return self._stop.is_set() or bool(self._around and self._around.stopped)

    def stop(self) -> None:
        """The run ends at its network's next block."""
        self._stop.set()

    def tell(self, share: float) -> None:
        """So much of the step is done."""
        self.share = share

    @contextmanager
    def waiting(self, turn: Turn) -> Iterator[None]:
        """While the run waits for its turn."""
        self.share, self._turn = 0.0, turn
        try:
            yield
        finally:
            self._turn = None

    @property
    def before(self) -> int:
        """How many runs have the device before this one."""
        turn = self._turn
        return turn.device.before(turn) if turn else 0


_signals: ContextVar[Signals | None] = ContextVar("signals", default=None)


def signals() -> Signals:
    """Those of the run that this thread computes; a run that nobody waits for has its own."""
    return _signals.get() or Signals()


def use(own: Signals) -> None:
    """From now on this thread computes the run of these signals."""
    _signals.set(own)


@contextmanager
def stopped_at_the_end() -> Iterator[None]:
    """Whatever runs inside is stopped when the block is left, by whatever way."""
    own = Signals(_signals.get())
    token = _signals.set(own)
    try:
        yield
    finally:
        own.stop()
        _signals.reset(token)


@dataclass(frozen=True)
class Tick:
    """Nothing came yet: how much of the step under way is done, and how many runs have the device
    before this one.
    """

    share: float
    before: int


def heard(stream: Iterable[T], pause: float = 0.25) -> Iterator[T | Tick]:
    """What a stream yields, computed by a thread of its own; a Tick where nothing came for `pause`
    seconds. Whoever closes this stops the stream at its network's next block.
    """
    told: queue.Queue = queue.Queue(maxsize=2)
    own, left = Signals(_signals.get()), threading.Event()
    steps = _closing(stream)

    def tell(item: Any) -> bool:
        """Was it heard?"""
        while not left.is_set():
            with suppress(queue.Full):
                told.put(item, timeout=0.1)
                return True
        return False

    def work() -> None:
        use(own)
        try:
            with closing(steps):
                for item in steps:
                    if not tell((item, None)):
                        return
            tell((_END, None))
        except BaseException as error:
            tell((_END, error))

    threading.Thread(target=copy_context().run, args=(work,), daemon=True, name="run").start()
    try:
        while True:
            try:
                item, error = told.get(timeout=pause)
            except queue.Empty:
                yield Tick(own.share, own.before)
                continue
            if error is not None:
                raise error
            if item is _END:
                return
            yield item
    finally:
        left.set()
        own.stop()


def _closing(stream: Iterable[T]) -> Generator[T, None, None]:
    """The stream; closing this closes it, whoever else holds it."""
    yield from stream


_END = object()
