"""Rows of several runs in one network call: whoever comes to it first waits a moment for others who
want the same, for a GPU makes many in the time of one.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from ganapps.measure.meter import Meter
from ganapps.tasks.careful import Rows
from ganapps.workers.shares import GLANCE, Device, Turn

MOMENT = 0.02  # seconds that the first one waits, where others want the device


@dataclass
class Gathering:
    """The rows that go through one call: of each run its part, its number of rows, and what came
    of them; None where nothing did. `seconds` is what the call took.
    """

    parts: list[Any] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    results: list[Any] | None = None
    seconds: float = 0.0

    def add(self, rows: Rows) -> int:
        """The place of these among the parts."""
        self.parts.append(rows.part)
        self.sizes.append(rows.size)
        return len(self.parts) - 1

    def share(self, place: int) -> float:
        """What part of all rows a run has."""
        return self.sizes[place] / sum(self.sizes)


class Together:
    """The calls of one device's runs."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._changed = threading.Condition()
        self._open: dict[Hashable, Gathering] = {}  # whoever is first in each waits for others

    def call(self, turn: Turn, meter: Meter, rows: Rows) -> Any:
        """What a network makes of the rows of a run that is at work. Each run is charged its part
        of the call's seconds. A run that is stopped stops no other. The sides of a race are
        measured, so they go alone.
        """
        if self._device.races(turn):
            return rows.alone()
        with self._changed:
            found = self._open.get(rows.same)
            place = 0
            if found and sum(found.sizes) + rows.size <= rows.room:
                place = found.add(rows)
        if place and found:
            return self._follow(turn, meter, rows, found, place)
        if found or not self._device.wanted(turn):
            return rows.alone()
        return self._lead(turn, meter, rows)

    def _follow(self, turn: Turn, meter: Meter, rows: Rows, found: Gathering, place: int) -> Any:
        """Wait for whoever was first."""
        with meter.paused(), turn.away():
            with self._changed:
                self._changed.notify_all()
            while not found.over.wait(GLANCE):
                turn.check()
        if found.results is None:
            return rows.alone()
        meter.seconds += found.seconds * found.share(place)
        return found.results[place]

    def _lead(self, turn: Turn, meter: Meter, rows: Rows) -> Any:
        """Wait for others, and compute for all."""
        own = Gathering()
        own.add(rows)
        try:
            self._gather(turn, meter, rows, own)
            before = meter.seconds
            own.results = rows.compute(own.parts)
            with meter.paused():  # so that the meter is up to date
                own.seconds = meter.seconds - before
                meter.seconds = before + own.seconds * own.share(0)
            return own.results[0]
        except RuntimeError:  # such as a memory that is full
            if len(own.parts) == 1:
                raise
            return rows.alone()
        finally:
            own.over.set()

    def _gather(self, turn: Turn, meter: Meter, rows: Rows, own: Gathering) -> None:
        """Let others come to the same call."""

        def enough() -> bool:
            return sum(own.sizes) >= rows.room or not self._device.wanted(turn)

        with self._changed:
            self._open[rows.same] = own
        try:
            with meter.paused(), turn.away(), self._changed:
                self._changed.wait_for(enough, MOMENT)
        finally:
            with self._changed:
                del self._open[rows.same]
