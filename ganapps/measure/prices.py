"""What a run will cost, from runs measured on this machine."""

from __future__ import annotations

import contextlib
import json
import math
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

Entry = tuple[float, int | None]  # seconds a unit, peak bytes
LARGEST = 2**20  # bytes of the file: some thousand prices
MOST_SIZES = 60  # steps of size that are told apart, up and down
MOST_SECONDS = 1e6  # a unit of work that took eleven days was no measurement
MOST_BYTES = 2**50
PATIENCE = 0.2  # seconds that a finished run waits for another process at the file


def folder() -> Path:
    """Where this app keeps what it measured: GANAPPS_CACHE, else the user's cache folder."""
    return Path(
        os.environ.get("GANAPPS_CACHE")
        or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ganapps"
    )


@dataclass(frozen=True)
class Price:
    """What a run will cost: `seconds` and `memory` (bytes) are None where nothing like it was
    measured yet; `download` in bytes is 0 where the models are here and None where a size is not
    known. `missing` are the titles of those that are not here; `offline`: they can't be fetched.
    """

    seconds: float | None
    memory: int | None
    download: int | None
    missing: tuple[str, ...] = ()
    offline: bool = False


class Ledger:
    """Seconds per unit of work and peak memory of runs on this machine, kept in one small file.

    A key says what ran where (task, checkpoint, device, precision); a unit is what the task counts:
    pictures, tiles, steps. Runs of about the same size share an entry: what a large run took says
    little of a small one, whose start weighs more, and nothing of its memory.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._entries = _read(path)

    def get(self, key: str, units: float = 1.0) -> tuple[float | None, int | None]:
        """(seconds, peak bytes) of a run of that many units, from the runs so far.

        Where none was of that size, the two nearest sizes say how both grow. Of one size alone the
        seconds grow with the units; of the memory nothing is said then.
        """
        nearest = self._nearest(key, units)
        if not nearest:
            unit = self._entries.get(key, (None, None))[0]  # of a file from before sizes counted
            return (None if unit is None else unit * units), None
        size, (unit, memory) = nearest[0]
        if size == _size(units):
            return unit * units, memory
        if len(nearest) == 1:
            return unit * units, None
        points = [(_units(size), entry) for size, entry in nearest]
        seconds = _on_a_line([(at, unit * at) for at, (unit, _) in points], units)
        peaks = [(at, memory) for at, (_, memory) in points if memory is not None]
        return seconds, int(_on_a_line(peaks, units)) if len(peaks) == 2 else None

    def _nearest(self, key: str, units: float) -> list[tuple[int, Entry]]:
        """The sizes of which runs are known, with their entries: the nearest two, nearest first."""
        known = []
        for size in range(-MOST_SIZES, MOST_SIZES + 1):
            entry = self._entries.get(f"{key}|{size}")
            if entry is not None:
                known.append((size, entry))
        known.sort(key=lambda found: abs(found[0] - _size(units)))
        return known[:2]

    def add(self, key: str, seconds: float, units: float, memory: int | None) -> None:
        """Note a finished run; a newer run counts as much as all of its size before it."""
        key = f"{key}|{_size(units)}"
        with self._lock:
            known, peak = self._entries.get(key, (None, None))
            unit = seconds / max(units, 1e-9)
            average = unit if known is None else (unit + known) / 2
            self._entries[key] = (average, max(memory or 0, peak or 0) or None)
            with contextlib.suppress(OSError, Timeout):  # a read-only home, a full disk, another
                self._write(key)  # process at it: this price lasts as long as this process

    def _write(self, key: str) -> None:
        """Put one price into the file, beside what other processes have put there meanwhile."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.path.with_suffix(".lock"), timeout=PATIENCE):
            mine = self._entries[key]
            self._entries = self._entries | _read(self.path)
            del self._entries[key]
            self._entries[key] = mine  # at the end: the longest unused leave a full file first
            temporary = self.path.with_suffix(f".{os.getpid()}")
            try:
                temporary.write_text(self._text())
                temporary.replace(self.path)
            finally:
                temporary.unlink(missing_ok=True)

    def _text(self) -> str:
        """The entries as the file holds them; of too many, the newer half stays."""
        while len(text := json.dumps(self._entries)) > LARGEST and len(self._entries) > 1:
            self._entries = dict(list(self._entries.items())[len(self._entries) // 2 :])
        return text


def _size(units: float) -> int:
    """Which size a run of so many units has: a step is a factor of the square root of two."""
    size = round(2 * math.log2(max(units, 1e-9)))
    return max(-MOST_SIZES, min(MOST_SIZES, size))


def _units(size: int) -> float:
    """The units in the middle of a size."""
    return 2.0 ** (size / 2)


def _on_a_line(points: Sequence[tuple[float, float]], at: float) -> float:
    """The value at a place on the line through two points, the nearer one first. What a run needs
    neither shrinks while its size grows, nor the other way round.
    """
    (near, value), (far, other) = points
    slope = max(0.0, (other - value) / (far - near))
    return max(0.0, value + slope * (at - near))


def _read(path: Path) -> dict[str, Entry]:
    """The entries of a file; what is missing, damaged or no sensible number is measured again."""
    try:
        if path.stat().st_size > LARGEST:
            return {}
        found = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError):
        return {}
    entries = found.items() if isinstance(found, dict) else ()
    return {key: entry for key, value in entries if (entry := _entry(value)) is not None}


def _entry(value: Any) -> Entry | None:
    """(seconds, bytes or None) of [seconds, bytes or null], both within reason; else None."""
    if not isinstance(value, list) or len(value) != 2:
        return None
    seconds, memory = value
    if not _sensible(seconds, MOST_SECONDS) or not (
        memory is None or _sensible(memory, MOST_BYTES)
    ):
        return None
    return float(seconds), None if memory is None else int(memory)


def _sensible(value: Any, most: float) -> bool:
    """A finite number from 0 to `most`; NaN compares as false."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= most
