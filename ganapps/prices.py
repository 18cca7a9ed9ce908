"""What a run will cost, from runs measured on this machine."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from dataclasses import dataclass
from pathlib import Path


def folder() -> Path:
    """Where this app keeps what it measured: GANAPPS_CACHE, else the user's cache folder."""
    return Path(os.environ.get("GANAPPS_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ganapps")


@dataclass(frozen=True)
class Price:
    """What a run will cost: `seconds` and `memory` (bytes) are None where nothing like it was measured yet; `download` in bytes
    is 0 where the model is here and None where its size is not known."""

    seconds: float | None
    memory: int | None
    download: int | None


class Ledger:
    """Seconds per unit of work and peak memory of runs on this machine, kept in one small file.

    A key says what ran where (task, checkpoint, device, precision); a unit is what the task counts: pictures, tiles, steps.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            self._entries = {k: (float(v[0]), v[1] and int(v[1])) for k, v in json.loads(path.read_text()).items()}
        except (OSError, ValueError, TypeError, AttributeError, LookupError, OverflowError, RecursionError):
            self._entries = {}  # none yet, or damaged: it is measured again

    def get(self, key: str) -> tuple[float | None, int | None]:
        """(seconds per unit, peak bytes) of the runs so far."""
        return self._entries.get(key, (None, None))

    def add(self, key: str, seconds: float, units: float, memory: int | None) -> None:
        """Note a finished run; a newer run counts as much as all before it."""
        with self._lock:
            known, peak = self._entries.get(key, (None, None))
            unit = seconds / max(units, 1e-9)
            self._entries[key] = (unit if known is None else (unit + known) / 2, max(memory or 0, peak or 0) or None)
            temporary = self.path.with_suffix(f".{os.getpid()}")
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                temporary.write_text(json.dumps(self._entries))
                temporary.replace(self.path)
            except OSError:  # a read-only home, a full disk: prices last as long as this process
                with contextlib.suppress(OSError):
                    temporary.unlink(missing_ok=True)
