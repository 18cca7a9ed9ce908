"""What passes between a run and whoever waits for it: progress one way; Stop and the time limit the
other.
"""

from __future__ import annotations

import math
import queue
import threading
import time
import uuid
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from typing import Any, TypeVar

from ganapps.errors import UserError
from ganapps.workers.shares import Turn

T = TypeVar("T")


class RunEnded(UserError):
    """A run that was ended from outside: what was done of it stays."""


def check() -> None:
    """Raises RunEnded where the time is over or somebody has stopped the run; called between two
    steps, and between a network's blocks.
    """
    current().check()


def out_of_time(seconds: float) -> RunEnded:
    """What to say of a run that took longer than it may."""
    return RunEnded(
        "The time limit of {seconds} s for a run is reached; what was done stays. "
        "Ask for less at a time.",
        seconds=f"{seconds:g}",
    )


class Signals:
    """What passes between a run and whoever waits for it, beside its results: how much of the step
    under way is done (`share`, 0 to 1), that it shall stop, and how long it may take.
    """

    def __init__(self, around: Signals | None = None, seconds: float | None = None) -> None:
        """`around`: those of the event that this run is a part of; it stops with it. `seconds`:
        how long it may take from now on; None: as long as it takes.
        """
        self.share = 0.0
        self.name: str = around.name if around else uuid.uuid4().hex  # of the event
        self._around = around
        self._stop = threading.Event()
        self._turn: Turn | None = None
        self._there: Tick | None = None
        self.place: Any = None  # which of several workers computes it
        self.limit(seconds)

    def limit(self, seconds: float | None) -> None:
        """From now on the run has that many seconds; None: as long as it takes."""
        self._seconds = seconds
        self._until = math.inf if seconds is None else time.monotonic() + seconds

    def check(self) -> None:
        """Raises RunEnded where the run was stopped, or its time or that around it is over."""
        if self.stopped:
            raise RunEnded("Stopped: what was done stays.")
        if self._seconds is not None and time.monotonic() > self._until:
            raise out_of_time(self._seconds)
        if self._around is not None:
            self._around.check()

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

    def told(self, tick: Tick | None) -> None:
        """What a worker elsewhere says of the run; None: it says nothing any more."""
        self._there = tick
        self.share = tick.share if tick else 0.0

    @property
    def before(self) -> int:
        """How many runs have the device before this one."""
        turn, there = self._turn, self._there
        if there:
            return there.before
        return turn.device.before(turn) if turn else 0

    @property
    def wait(self) -> float | None:
        """About how many seconds until it has the device; None: nobody knows."""
        turn, there = self._turn, self._there
        if there:
            return there.wait
        return turn.device.wait(turn) if turn else 0.0


_signals: ContextVar[Signals | None] = ContextVar("signals", default=None)


def current() -> Signals:
    """Those of the run that this thread computes; a run that nobody waits for has its own."""
    return _signals.get() or Signals()


def use(own: Signals) -> None:
    """From now on this thread computes the run of these signals."""
    _signals.set(own)


@contextmanager
def stopped_at_the_end(own: Signals | None = None) -> Iterator[None]:
    """Whatever runs inside is stopped when the block is left, by whatever way. `own`: the signals
    that it goes by.
    """
    own = own or Signals(_signals.get())
    token = _signals.set(own)
    try:
        yield
    finally:
        own.stop()
        _signals.reset(token)


@dataclass(frozen=True)
class Tick:
    """Nothing came yet: how much of the step under way is done, how many runs have the device
    before this one, and about how many seconds they take (None: nobody knows).
    """

    share: float
    before: int
    wait: float | None = 0.0


def heard(
    stream: Iterable[T], pause: float = 0.25, waits: bool = False
) -> Generator[T | Tick, None, None]:
    """What a stream yields, computed by a thread of its own; a Tick where nothing came for `pause`
    seconds. Whoever closes this stops the stream at its network's next block, and `waits` for that.
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

    thread = threading.Thread(target=copy_context().run, args=(work,), daemon=True, name="run")
    thread.start()
    try:
        while True:
            try:
                item, error = told.get(timeout=pause)
            except queue.Empty:
                yield Tick(own.share, own.before, own.wait)
                continue
            if error is not None:
                raise error
            if item is _END:
                return
            yield item
    finally:
        left.set()
        own.stop()
        if waits:
            thread.join()


def ahead(stream: Iterable[T]) -> Generator[T, None, None]:
    """What a stream yields; the next is computed while whoever asks is busy with the last. When
    this is closed nothing is computed any more.
    """
    with closing(heard(stream, waits=True)) as items:
        for item in items:
            if not isinstance(item, Tick):
                yield item


def _closing(stream: Iterable[T]) -> Generator[T, None, None]:
    """The stream; closing this closes it, whoever else holds it."""
    yield from stream


_END = object()
