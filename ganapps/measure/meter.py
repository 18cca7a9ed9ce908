"""What a run costs while it runs: seconds, memory, joules."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ganapps.measure import energy


@dataclass
class Meter:
    """A stopwatch with a memory gauge; `with meter:` may be entered many times and adds up.

    Seconds run only inside the block, from when the device had nothing left to do until it has
    nothing left to do, so neither waiting for a visitor's browser nor another's work is charged.
    Memory is the peak inside the blocks beyond what was there when the first began: of the device
    where it is a GPU, else of this process (Linux), else unknown.
    """

    device: str
    seconds: float = 0.0
    peak_memory: int | None = None
    joules: float | None = None
    _base: int | None = field(default=None, repr=False)
    _running: bool = field(default=False, repr=False)

    def __enter__(self) -> Meter:
        _finish(self.device)
        _reset_peak(self.device)
        if self._base is None:
            self._base = _memory_now(self.device)
        self._joules = energy.joules(self.device)
        self._running = True
        self._began = time.perf_counter()
        return self

    def __exit__(self, *exception: object) -> None:
        _finish(self.device)
        self._running = False
        self.seconds += time.perf_counter() - self._began
        if self._joules is not None:
            self.joules = (
                (self.joules or 0.0) + (energy.joules(self.device) or self._joules) - self._joules
            )
        peak = _peak_memory(self.device)
        if peak is not None and self._base is not None:
            self.peak_memory = max(self.peak_memory or 0, peak - self._base, 0)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """While others compute: neither their time nor their memory counts."""
        if not self._running:
            yield
            return
        self.__exit__()
        before = _memory_now(self.device)
        yield
        now = _memory_now(self.device)
        if self._base is not None and before is not None and now is not None:
            self._base += now - before
        self.__enter__()


def _finish(device: str) -> None:
    """Wait until a GPU has done all that was asked of it."""
    if device == "cpu":
        return
    import torch

    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    elif device.startswith("mps"):
        torch.mps.synchronize()


_STATUS = Path("/proc/self/status")
_peak_lock = threading.Lock()


def _status(name: str) -> int | None:
    try:
        line = next(x for x in _STATUS.read_text().splitlines() if x.startswith(name + ":"))
    except (OSError, StopIteration):
        return None
    return int(line.split()[1]) * 1024


def _memory_now(device: str) -> int | None:
    if device.startswith("cuda"):
        import torch

        return torch.cuda.memory_allocated(device)
    return _status("VmRSS")


def _peak_memory(device: str) -> int | None:
    if device.startswith("cuda"):
        import torch

        return torch.cuda.max_memory_allocated(device)
    return _status("VmHWM")


def _reset_peak(device: str) -> None:
    if device.startswith("cuda"):
        import torch

        return torch.cuda.reset_peak_memory_stats(device)
    try:
        with _peak_lock:
            # Linux: the peak starts again from what is held now
            Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return None
