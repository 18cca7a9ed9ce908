"""The device shared among runs, each a portion at a time: as early as it would have had it if all
computed side by side at an even rate. More than a few wait for a seat.

Source: weighted fair queueing (Demers, Keshav and Shenker, 1989), whose packets are portions.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ganapps.errors import UserError

PORTION = 0.25  # seconds of a run at most before others get theirs: changing hands costs some, too
LEAST = 0.02  # seconds of a portion of one that was expected to need hardly any
SEATS = 8  # runs that take turns: each one's half-done work lies in the memory
LENT = 1.0  # seconds for which one who asks for nothing, as a race's other side, keeps a seat
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
        self._clock = 0.0  # seconds that a run would have had by now that shared evenly all along
        self._looked = 0.0  # when that was reckoned
        self._closed = False

    def close(self) -> None:
        """No turn is given any more; returns when the last one is over, at a network's next
        block.
        """
        with self._changed:
            self._closed = True
            self._changed.notify_all()
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
        """
        with self._changed:
            self._reckon()
            expected = UNKNOWN if seconds is None else seconds
            turn = Turn(self, check, self._clock, expected, party)
            self._here.append(turn)
        try:
            yield turn
        finally:
            with self._changed:
                self._reckon()
                self._here.remove(turn)
                if turn in self._seated:
                    self._seated.remove(turn)
                self._changed.notify_all()

    @property
    def busy(self) -> bool:
        """Is a run at work now?"""
        return self._at_work is not None

    def wanted(self, turn: Turn | None = None) -> bool:
        """Does a run want the device, or have it, other than this one?"""
        with self._changed:
            return bool(self._waiting) or self._at_work not in (None, turn)

    def races(self, turn: Turn) -> bool:
        """Is it one of several of its party, such as a side of a race?"""
        with self._changed:
            return sum(other.party == turn.party for other in self._here) > 1

    def before(self, turn: Turn) -> int:
        """How many runs have the device or get it before this one; 0 for one that has it."""
        with self._changed:
            if turn not in self._waiting:
                return 0
            if turn not in self._may_sit():
                return len(self._keeping()) + self._standing().index(turn)
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
            self._reckon()
            ahead = self._ahead(turn)
            return sum(max(0.0, other.left + turn.until - other.until) for other in ahead)

    def _reckon(self) -> None:
        """What the run at work has used since this was last done is taken from its portion."""
        now = time.perf_counter()
        passed, self._looked = now - self._looked, now
        if self._at_work is not None:
            self._clock += passed / len({turn.party for turn in self._here})
            self._at_work.use(passed, self._clock)

    def _ahead(self, turn: Turn) -> list[Turn]:
        others = [other for other in self._may_sit() if other.until < turn.until]
        return others if self._at_work is None else [self._at_work, *others]

    def _may_sit(self) -> list[Turn]:
        """Of those who wait, the ones who have a seat, or get one now: the first ones as long as
        there are some, and whoever would be done before all who sit, or what is short would wait
        for what is long.
        """
        parties, standing = self._parties(), self._standing()
        sitting = [turn for turn in self._waiting if turn.party in parties]
        free = max(0, SEATS - len(self._keeping()))
        first = min((turn.done for turn in self._seated), default=math.inf)
        soon = [turn for turn in standing[free:] if turn.done < first]
        return sitting + standing[:free] + sorted(soon, key=lambda turn: turn.done)[:1]

    def _standing(self) -> list[Turn]:
        """Those without a seat, in the order in which they came."""
        parties = self._parties()
        return [turn for turn in self._waiting if turn.party not in parties]

    def _parties(self) -> set[object]:
        """Whose seats are taken."""
        return {turn.party for turn in self._seated}

    def _keeping(self) -> set[object]:
        """Whose seats nobody else may have: a race that sat here and waited for a seat elsewhere
        would keep those waiting who sit there and wait for one here.
        """
        now = time.perf_counter()
        asking = [*self._waiting, self._at_work]
        keep = (turn for turn in self._seated if turn in asking or now - turn.asked < LENT)
        return {turn.party for turn in keep}

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
            self._looked, self._at_work = time.perf_counter(), turn

    def _give(self, turn: Turn) -> None:
        with self._changed:
            assert self._at_work is turn
            self._reckon()
            self._at_work = None
            self._changed.notify_all()

    def _free_for(self, turn: Turn) -> bool:
        first = min(self._may_sit(), key=lambda other: other.until, default=None)
        return self._at_work is None and turn is first

    def _due(self, turn: Turn) -> bool:
        with self._changed:
            self._reckon()
            return self._closed or any(other.until < turn.until for other in self._may_sit())


class Turn:
    """One run's part of a device: `with turn:` while it computes.

    `left` are the seconds of its portion that are left. On the device's even clock it would have
    that portion at `until`, and all that it is expected to need at `done`.
    """

    def __init__(
        self,
        device: Device,
        check: Callable[[], None],
        clock: float,
        seconds: float,
        party: str,
    ) -> None:
        self.device, self.check = device, check
        self.party = party or object()
        self.left, self.until, self.done = 0.0, clock, clock + seconds
        self._portion = min(PORTION, max(LEAST, seconds))
        self._next_portion(clock)
        self.asked = 0.0  # when it last had the device
        self._at_work = False

    def use(self, seconds: float, clock: float) -> None:
        """So much more is used, when the clock shows that."""
        self.left -= seconds
        if self.left <= 0:
            self._next_portion(clock)

    def _next_portion(self, clock: float) -> None:
        """What it might have had before, while it stood or asked for nothing, is not made up."""
        begin = max(self.until, clock)
        expected = self.done - begin
        self.left = min(self._portion, expected) if expected > 0 else self._portion
        self.until = begin + self.left
        self.done = max(self.done, self.until)

    def __enter__(self) -> Turn:
        self.device._take(self)
        self._at_work = True
        return self

    def __exit__(self, *exception: object) -> None:
        if not self._at_work:  # it gave up while it waited for another turn
            return
        self._at_work, self.asked = False, time.perf_counter()
        self.device._give(self)

    def due(self) -> bool:
        """Is it somebody else's turn now? Asked by the run that is at work."""
        return self.device._due(self)

    def pass_on(self) -> None:
        """Let others compute, until it is this run's turn again."""
        with self.away():
            pass

    @contextmanager
    def away(self) -> Iterator[None]:
        """While others may compute; behind it, it is waited until it is this run's turn again."""
        self.__exit__()
        yield
        self.__enter__()
