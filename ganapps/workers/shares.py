"""The device shared among runs: of those who wait, whoever has used it least goes next."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

SLICE = 0.1  # seconds that one run may have more than another: changing hands costs some, too
AHEAD = 2.0  # seconds before which a run that has just come goes before older ones


class Device:
    """One device, used by one run at a time."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._here: list[Turn] = []
        self._waiting: list[Turn] = []
        self._at_work: Turn | None = None

    @contextmanager
    def joined(self) -> Iterator[Turn]:
        """The turn of a new run, for as long as it takes part.

        It starts a little behind the others in what it has used, so that what is short comes at
        once, and not at nothing, so that newcomers never keep an old run waiting for good.
        """
        with self._changed:
            used = max(0.0, min((turn.used for turn in self._here), default=0.0) - AHEAD)
            turn = Turn(self, used)
            self._here.append(turn)
        try:
            yield turn
        finally:
            with self._changed:
                self._here.remove(turn)

    @property
    def busy(self) -> bool:
        """Is a run at work now?"""
        return self._at_work is not None

    def before(self, turn: Turn) -> int:
        """How many runs have the device or get it before this one; 0 for one that has it."""
        with self._changed:
            if turn not in self._waiting:
                return 0
            return 1 + sum(other.used < turn.used for other in self._waiting)

    def _take(self, turn: Turn) -> None:
        with self._changed:
            self._waiting.append(turn)
            try:
                self._changed.wait_for(lambda: self._at_work is None and self._next() is turn)
            finally:
                self._waiting.remove(turn)
            self._at_work = turn

    def _give(self, turn: Turn) -> None:
        with self._changed:
            assert self._at_work is turn
            self._at_work = None
            self._changed.notify_all()

    def _next(self) -> Turn:
        return min(self._waiting, key=lambda turn: turn.used)

    def _due(self, used: float) -> bool:
        with self._changed:
            return any(other.used + SLICE < used for other in self._waiting)


class Turn:
    """One run's part of a device: `with turn:` while it computes; `used` are its seconds."""

    def __init__(self, device: Device, used: float) -> None:
        self.device, self.used = device, used
        self._began = 0.0

    def __enter__(self) -> Turn:
        self.device._take(self)
        self._began = time.perf_counter()
        return self

    def __exit__(self, *exception: object) -> None:
        self.used += time.perf_counter() - self._began
        self.device._give(self)

    def due(self) -> bool:
        """Is it somebody else's turn now? Asked by the run that is at work."""
        return self.device._due(self.used + time.perf_counter() - self._began)

    def pass_on(self) -> None:
        """Let others compute, until it is this run's turn again."""
        self.__exit__()
        self.__enter__()
