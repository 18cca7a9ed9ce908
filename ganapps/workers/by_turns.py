"""Jobs that one process elsewhere computes by turns: who asks says through a door, a socket of this
machine, which of them goes on; what they yield comes back on another way.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from multiprocessing.connection import Client, Connection, Listener
from typing import Any

from ganapps.workers import Job, crossing

IDLE = 1.0  # seconds between two signs that nobody asks for anything

Told = tuple[int, str, Any]  # the number of a job, 0: none; and an Item of it


class Door:
    """The end of who asks. `address` is where the other end finds it."""

    def __init__(self) -> None:
        # a folder of its own: the one that multiprocessing keeps may be swept
        self._folder = tempfile.TemporaryDirectory(prefix="door-")
        self.address = f"{self._folder.name}/door"
        self._listener = Listener(self.address, "AF_UNIX")
        self._pipe: Connection | None = None
        self._numbers = itertools.count(1)

    def opened(self) -> None:
        """The other end has come."""
        self._pipe = self._listener.accept()
        self._listener.close()

    def items(self, job: Job, told: Iterator[Told]) -> Generator[crossing.Item, None, None]:
        """What a job yields, each step asked for, out of all that is `told`; it stops at its
        network's next block where this is closed.
        """
        number = next(self._numbers)
        self._say("begin", number, job)
        self._say("go on", number)
        try:
            for whose, kind, what in told:
                if whose != number:
                    continue  # of a job that was left, or of none
                if kind == "end":
                    return
                yield kind, what
                if kind in ("error", "bug"):
                    return
                if kind == "step":
                    self._say("go on", number)
            raise crossing.gone()
        finally:
            self._say("leave", number)

    def close(self) -> None:
        """Nothing more is asked for."""
        self._say("over", 0)
        self._listener.close()
        if self._pipe is not None:
            self._pipe.close()
        self._folder.cleanup()

    def _say(self, word: str, number: int, job: Job | None = None) -> None:
        """Where the other end is gone, what is told ends, and says why."""
        with suppress(OSError):
            if self._pipe is not None:
                self._pipe.send((word, number, job))


def served(address: str, steps: Callable[[Job], Any]) -> Generator[Told, None, None]:
    """The other end: what jobs yield that are begun through the door at `address`, until nothing
    more is asked for. `steps(job)` computes one.
    """
    jobs: dict[int, Generator[crossing.Item, None, None]] = {}
    with Client(address, "AF_UNIX") as door, suppress(EOFError):
        try:
            yield 0, "begun", None
            while True:
                if not door.poll(IDLE):
                    yield 0, "tick", None
                    continue
                word, number, job = door.recv()
                if word == "over":
                    return
                if word == "begin":
                    jobs[number] = crossing.answers(steps(job))
                elif word == "go on":
                    yield from _step(number, jobs[number], door)
                else:
                    jobs.pop(number).close()
        finally:
            for items in jobs.values():
                items.close()


def _step(
    number: int, items: Iterator[crossing.Item], door: Connection
) -> Generator[Told, None, None]:
    """A job's ticks and its next step, or its end; no more of it where something else is said."""
    for kind, what in items:
        yield number, kind, what
        if kind != "tick" or door.poll():
            return
    yield number, "end", None
