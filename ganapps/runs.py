"""How many runs one visitor may have at a time, and which runs nobody waits for any more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ganapps.errors import UserError

PER_SESSION = 8  # of one page, under way and waiting: each tab's button, and a few more
PER_ADDRESS = 24  # of one address: a class or a family may share it
LOST = 120.0  # seconds that a run waits for somebody to listen
CROWDED = 10.0  # the same while others wait


@dataclass(frozen=True)
class Run:
    """A run, under way or waiting: its name, who asked for it, and when (seconds of a monotonic clock)."""

    name: str
    session: str
    address: str
    asked: float


def admit(live: Sequence[Run], session: str, address: str) -> None:
    """Raises UserError where a visitor has as many runs already as one may have at a time."""
    of_page = [run for run in live if run.session == session]
    of_address = [run for run in live if run.address == address]
    for found, most in ((of_page, PER_SESSION), (of_address, PER_ADDRESS)):
        if len(found) >= most:
            raise UserError("{count} runs of yours are under way or waiting, and no visitor may have more: wait for one to end.", count=len(found))


class Listeners:
    """Who listens now: by the name of a run, or of a session that has several; and when the last one of a name left."""

    def __init__(self) -> None:
        self._open: dict[str, int] = {}
        self._left: dict[str, float] = {}

    @contextmanager
    def listening(self, name: str, clock: object) -> Iterator[None]:
        """While somebody listens to that run or session; `clock()` tells the seconds."""
        self._open[name] = self._open.get(name, 0) + 1
        try:
            yield
        finally:
            self._open[name] -= 1
            if not self._open[name]:
                del self._open[name]
                self._left[name] = clock()

    def here(self, name: str) -> bool:
        """Does anybody listen to that run or session now?"""
        return name in self._open

    def forsaken(self, live: Sequence[Run], now: float) -> list[Run]:
        """The runs that nobody has listened to for too long; `now` is of the clock of `Run.asked`."""
        self._left = {name: left for name, left in self._left.items() if now - left < 2 * LOST}
        heard = [run for run in live if run.name in self._open or run.session in self._open]
        patience = CROWDED if heard else LOST
        gone = []
        for run in live:
            since = max(run.asked, self._left.get(run.name, 0.0), self._left.get(run.session, 0.0))
            if run not in heard and now - since > patience:
                gone.append(run)
        return gone
