"""Every run there is: who asked for it, what it waits for, what came out, and who may come back to
it; how many each visitor may have, and which one nobody waits for any more.
"""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from ganapps.errors import UserError
from ganapps.workers import signals
from ganapps.workers.signals import Signals

PER_SESSION = 8  # runs of one page, under way and waiting: each tab's button, and a few more
PER_ADDRESS = 24  # of one address: a class or a family may share it
CLOSED = 10.0  # seconds that a run nobody can come back to outlives its page
LOST = 120.0  # seconds that a run waits for a listener who may come back, or its result for a page
CROWDED = 10.0  # seconds that a run waits while others wait for the device
MOST_OVER = 64  # results that are kept for pages; then the oldest one goes
MOST_SESSIONS = 8  # of one page, each a reload: the latest ones count
KEY = re.compile(r"[0-9a-f]{32}")  # what a page calls itself by: 128 bits that its browser drew


@dataclass
class Run:
    """One run: who asked for it, and when (seconds of a monotonic clock).

    `button` is the one that was pressed on a page; None: a program asked, or nothing can be come
    back to. `sessions` are those of the page, each from a reload of it to the next. `given` is what
    the page had in its widgets, `shown` what it shows by now: of each widget its properties.
    """

    name: str
    session: str
    address: str
    asked: float
    button: int | None = None
    sessions: list[str] = field(default_factory=list)
    given: Mapping[Any, Mapping[str, Any]] = field(default_factory=dict)
    shown: dict[Any, dict[str, Any]] = field(default_factory=dict)
    changed: dict[Any, int] = field(default_factory=dict)  # widget -> which update was its last
    updates: int = 0
    over: bool = False
    whole: bool = False  # it ended by itself, or its Stop has shown what was done
    signals: Signals = field(default_factory=Signals)

    @property
    def names(self) -> tuple[str, ...]:
        """What its listeners may go by."""
        return (self.name, self.session, *self.sessions)

    def show(self, widgets: Mapping[Any, Mapping[str, Any]]) -> None:
        """Its page shows this now: of each widget what has changed."""
        for widget, properties in widgets.items():
            self.shown[widget] = {**self.shown.get(widget, {}), **properties}
            self.changed[widget] = self.updates + 1
        self.updates += 1

    def since(self, update: int) -> dict[Any, dict[str, Any]]:
        """What its page shows, of the widgets that changed after that update; 0: of all.

        Of a run that was cut off there is only what its page had in its widgets: what it shows
        would say for good that it is under way.
        """
        if self.over and not self.whole:
            return {}
        return {w: dict(self.shown[w]) for w, last in list(self.changed.items()) if last > update}


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

    def on_view(self, *sessions: str) -> bool:
        """Is a page of one of these open?"""
        return any(session in self._pages for session in sessions)

    def left(self, name: str) -> float | None:
        """When the last one who listened to that run or session went; None: long ago, or not
        yet.
        """
        return self._left.get(name)

    def absent(self, run: Run, now: float) -> float:
        """Seconds for which nobody has listened to a run; 0 while somebody does."""
        if self.here(*run.names):
            return 0.0
        left = [self._left.get(name, 0.0) for name in run.names]
        closed = [self._closed.get(name, 0.0) for name in run.names]
        return now - max(run.asked, *left, *closed)

    def forsaken(self, live: Sequence[Run], now: float) -> list[Run]:
        """The runs that nobody waits for any more."""
        awaited = {r.session for r in live if self.here(*r.names)}
        gone = []
        for run in live:
            crowded = bool(awaited - {run.session})
            closed = run.button is None and run.session in self._closed
            patience = CROWDED if crowded else CLOSED if closed else LOST
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


@dataclass
class Page:
    """A page of somebody's browser: its sessions, each from one reload to the next, and when it was
    opened last.
    """

    sessions: list[str]
    opened: float


class Runs:
    """The one registry: runs under way and waiting, results that a page may come back to, pages and
    who listens.
    """

    def __init__(self) -> None:
        self.listeners = Listeners()
        self._lock = threading.Lock()
        self._runs: dict[str, Run] = {}
        self._pages: dict[str, Page] = {}  # by the key that is in the browser

    def __len__(self) -> int:
        return len(self._runs)

    def opened(self, key: str, session: str) -> None:
        """A page of that key was opened, or reloaded: what it left belongs to this session, too."""
        if not KEY.fullmatch(key):
            return
        with self._lock:
            page = self._pages.setdefault(key, Page([], 0.0))
            page.opened = time.monotonic()
            if session not in page.sessions:
                page.sessions.append(session)
                del page.sessions[1:-MOST_SESSIONS]
            for run in self._runs.values():
                if run.session == page.sessions[0]:
                    run.sessions = page.sessions

    def first(self, session: str) -> str:
        """The session with which a page began; what is kept for a page goes by it."""
        return self._sessions(session)[0]

    def run(
        self, name: str, session: str, address: str, asked: float, button: int | None = None
    ) -> Run:
        """The run of that name, noted where it is new."""
        with self._lock:
            run = self._runs.get(name)
            if run is None:
                sessions = self._sessions(session)
                run = Run(name, sessions[0], address, asked, button, sessions)
                self._runs[name] = run
            return run

    def of(self, session: str) -> list[Run]:
        """The runs that were started on a session's page and can be come back to, the oldest
        first.
        """
        first = self.first(session)
        with self._lock:
            found = [r for r in self._runs.values() if r.session == first and r.button is not None]
        return sorted(found, key=lambda run: run.asked)

    def forget(self, run: Run) -> None:
        """Let go of a run."""
        with self._lock:
            self._runs.pop(run.name, None)

    def tidy(self, live: Collection[str], now: float) -> None:
        """Let go of what is neither live nor a result that its page may still come back to."""
        with self._lock:
            over = [run for name, run in self._runs.items() if name not in live]
            over.sort(key=lambda run: run.asked, reverse=True)
            kept: set[tuple[str, int | None]] = set()
            for run in over:
                run.over = True
                place = (run.session, run.button)
                if place in kept or len(kept) >= MOST_OVER or not self._may_return(run, now):
                    del self._runs[run.name]
                else:
                    kept.add(place)
            self._forget_pages(now)
        self.listeners.forget(now)

    def _may_return(self, run: Run, now: float) -> bool:
        if run.button is None:
            return False
        on_view = self.listeners.on_view(*run.names)
        return on_view or self.listeners.absent(run, now) <= LOST

    def _forget_pages(self, now: float) -> None:
        holding = {run.session for run in self._runs.values()}
        for key, page in list(self._pages.items()):
            waited_for = page.sessions[0] in holding or self.listeners.on_view(*page.sessions)
            if not waited_for and now - page.opened > LOST:
                del self._pages[key]

    def _sessions(self, session: str) -> list[str]:
        for page in list(self._pages.values()):
            if session in page.sessions:
                return page.sessions
        return [session]


_current: ContextVar[Run | None] = ContextVar("run", default=None)


def current() -> Run | None:
    """The run that is computed here; None outside the queue."""
    return _current.get()


@contextmanager
def under_way(run: Run, seconds: float | None) -> Iterator[None]:
    """While a run is computed here, which has that many seconds; None: as long as it takes."""
    run.signals = Signals(seconds=seconds)
    token = _current.set(run)
    try:
        with signals.stopped_at_the_end(run.signals):
            yield
    finally:
        _current.reset(token)
