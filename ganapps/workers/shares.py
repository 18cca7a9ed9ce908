"""The device shared among runs: of those who wait, whoever has used it least goes next; more than
a few wait for a seat, which whoever would be done first gets first.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ganapps.errors import UserError

SLICE = 0.1  # seconds that one run may have more than another: changing hands costs some, too
AHEAD = 2.0  # seconds before which a run that has just come goes before older ones
SEATS = 8  # runs that take turns: each one's half-done work lies in the memory
UNKNOWN = 5.0  # seconds that a run is taken to need of which nobody knows
GLANCE = 0.25  # seconds between two looks of one who waits, whether to go on waiting
LONGEST = 20.0  # seconds that a block of a network may still take when a device is closed


class Device:
    """One device, used by one run at a time."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._here: list[Turn] = []
        self._seated: list[Turn] = []  # of these, who has had a turn
        self._waiting: list[Turn] = []
        self._at_work: Turn | None = None
        self._closed = False

    def close(self) -> None:
        """No turn is given any more; returns when the last one is over, at a network's next
        block: torch aborts a process that ends while a thread of it computes.
        """
        with self._changed:
            self._closed = True
            self._changed.wait_for(lambda: self._at_work is None, LONGEST)

    @contextmanager
    def joined(
        self,
        check: Callable[[], None] = lambda: None,
        seconds: float | None = None,
        party: str = "",
    ) -> Iterator[Turn]:
        """The turn of a new run, for as long as it takes part. `check` raises where it is to wait
        no longer. `seconds` of the device are what it is expected to need; None: nobody knows.
        Those of one `party` share a seat, such as both sides of a race: with a seat each, eight
        races could sit with one side and wait for ever with the other. "": it comes alone.

        It starts a little behind the others in what it has used, so that what is short comes at
        once, and not at nothing, so that newcomers never keep an old run waiting for good.
        """
        with self._changed:
            others = self._seated or self._here
            used = max(0.0, min((turn.used for turn in others), default=0.0) - AHEAD)
            turn = Turn(self, used, check, UNKNOWN if seconds is None else seconds, party)
            self._here.append(turn)
        try:
            yield turn
        finally:
            with self._changed:
                self._here.remove(turn)
                if turn in self._seated:
                    self._seated.remove(turn)
                self._changed.notify_all()

    @property
    def busy(self) -> bool:
        """Is a run at work now?"""
        return self._at_work is not None

    def before(self, turn: Turn) -> int:
        """How many runs have the device or get it before this one; 0 for one that has it."""
        with self._changed:
            if turn not in self._waiting:
                return 0
            if turn not in self._may_sit():
                return len(self._parties()) + self._standing().index(turn)
            return len(self._ahead(turn))

    def wait(self, turn: Turn) -> float | None:
        """About how many seconds until this run has the device; None: until a seat is free, which
        nobody knows.
        """
        with self._changed:
            if turn not in self._waiting:
                return 0.0
            if turn not in self._may_sit():
                return None
            ahead = self._ahead(turn)
            return sum(max(0.0, turn.used + SLICE - other.spent) for other in ahead)

    def _ahead(self, turn: Turn) -> list[Turn]:
        others = [other for other in self._may_sit() if other.used < turn.used]
        return others if self._at_work is None else [self._at_work, *others]

    def _may_sit(self) -> list[Turn]:
        """Of those who wait, the ones who have a seat, or get one now."""
        parties = self._parties()
        sitting = [turn for turn in self._waiting if turn.party in parties]
        return sitting + self._standing()[: max(0, SEATS - len(parties))]

    def _standing(self) -> list[Turn]:
        """Those without a seat, in the order in which they would be done if they had one, so that
        what is short hardly waits, and what is long not for good.
        """
        parties = self._parties()
        standing = [turn for turn in self._waiting if turn.party not in parties]
        return sorted(standing, key=lambda turn: turn.done_at)

    def _parties(self) -> set[object]:
        """Whose seats are taken."""
        return {turn.party for turn in self._seated}

    def _take(self, turn: Turn) -> None:
        with self._changed:
            self._waiting.append(turn)
            try:
                while not self._closed and not self._free_for(turn):
                    self._changed.wait(GLANCE)
                    turn.check()
            finally:
                self._waiting.remove(turn)
                self._changed.notify_all()
            if self._closed:
                raise UserError("The app ends, and the run with it.")
            if turn not in self._seated:
                self._seated.append(turn)
            self._at_work = turn

    def _give(self, turn: Turn) -> None:
        with self._changed:
            assert self._at_work is turn
            self._at_work = None
            self._changed.notify_all()

    def _free_for(self, turn: Turn) -> bool:
        first = min(self._may_sit(), key=lambda other: other.used, default=None)
        return self._at_work is None and turn is first

    def _due(self, used: float) -> bool:
        with self._changed:
            return self._closed or any(other.used + SLICE < used for other in self._may_sit())


class Turn:
    """One run's part of a device: `with turn:` while it computes; `used` are its seconds. `done_at`
    is when it would have had its `seconds` if all seats were taken from when it came.
    """

    def __init__(
        self,
        device: Device,
        used: float,
        check: Callable[[], None],
        seconds: float,
        party: str,
    ) -> None:
        self.device, self.used, self.check = device, used, check
        self.party = party or object()
        self.done_at = time.monotonic() + SEATS * seconds
        self._began = 0.0

    @property
    def spent(self) -> float:
        """Seconds used by now, those under way among them."""
        if not self._began:
            return self.used
        return self.used + time.perf_counter() - self._began

    def __enter__(self) -> Turn:
        self.device._take(self)
        self._began = time.perf_counter()
        return self

    def __exit__(self, *exception: object) -> None:
        if not self._began:  # it gave up while it waited for another turn
            return
        self.used, self._began = self.spent, 0.0
        self.device._give(self)

    def due(self) -> bool:
        """Is it somebody else's turn now? Asked by the run that is at work."""
        return self.device._due(self.spent)

    def pass_on(self) -> None:
        """Let others compute, until it is this run's turn again."""
        with self.lent():
            pass

    @contextmanager
    def lent(self) -> Iterator[None]:
        """While others may compute; then it is this run's turn again."""
        self.__exit__()
        try:
            yield
        finally:
            self.__enter__()
