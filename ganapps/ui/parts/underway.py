"""What a run holds for its Stop button while it is under way, and lets go whichever way it ends."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

# seconds after a run was cut off in which Stop may still ask: Gradio ends a run first and asks then
GRACE = 10.0


@dataclass
class Held:
    """What one run holds: a picture being filled, a race."""

    it: Any = None


class AtWork:
    """How many handlers of a tab are at work for each session."""

    def __init__(self) -> None:
        self._count: Counter[str | None] = Counter()

    @contextmanager
    def one_more(self, session: str | None) -> Iterator[Callable[[], bool]]:
        """One while this lasts; what it gives tells whether there are others."""
        self._count[session] += 1
        try:
            yield lambda: self._count[session] > 1
        finally:
            self._count[session] -= 1
            if not self._count[session]:
                del self._count[session]


class Underway:
    """By session, of one kind of run. A session has one such run at a time; of two, the later one
    counts.
    """

    def __init__(self) -> None:
        self._held: dict[str | None, Held] = {}

    def __len__(self) -> int:
        """How many runs hold something."""
        return len(self._held)

    @contextmanager
    def of(self, session: str | None) -> Iterator[Held]:
        """A run of this session. When it ends by itself, what it holds is gone at once; when it is
        cut off, by Stop or because the visitor left, `GRACE` seconds later, for the two look the
        same from here.
        """
        held = self._held[session] = Held()
        try:
            yield held
        except GeneratorExit:
            later = threading.Timer(GRACE, self._let_go, (session, held))
            later.daemon = True
            later.start()
            raise
        except BaseException:
            self._let_go(session, held)
            raise
        self._let_go(session, held)

    def look(self, session: str | None) -> Any:
        """What the session's run holds now, or None."""
        held = self._held.get(session)
        return held.it if held else None

    def take(self, session: str | None) -> Any:
        """The same, and it is held no longer."""
        held, it = self._held.pop(session, None), None
        if held:
            it, held.it = held.it, None
        return it

    def _let_go(self, session: str | None, held: Held) -> None:
        held.it = None
        if self._held.get(session) is held:
            del self._held[session]
