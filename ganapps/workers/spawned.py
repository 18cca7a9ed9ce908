"""The worker in a process of its own: a job goes through a pipe, steps, progress and errors come
back through it.
"""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from typing import Any

from ganapps.errors import UserError
from ganapps.report import Report, Step
from ganapps.workers import Job, Worker, signals

GLANCE = 0.05  # seconds between two looks whether the run was stopped
PATIENCE = 10.0  # seconds that a stopped job may take to end before its process is ended


class Spawned:
    """A worker elsewhere, one job at a time. `make()` makes it there, so it must be a function that
    pickles (of a module, or a partial of one).
    """

    def __init__(self, make: Callable[[], Worker]) -> None:
        self._make = make
        self._one = threading.Lock()
        self._process: Any = None

    def steps(self, job: Job) -> Generator[tuple[Step, Report], None, None]:
        """As `workers.Worker` says. Raises UserError where the process ended under it, too: the
        next job then starts a new one.
        """
        with self._one:
            self._start()
            self._stop.clear()
            self._pipe.send(job)
            try:
                yield from self._answers()
            finally:
                self._leave()

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
            self._process = None

    def _start(self) -> None:
        if self._process is not None and self._process.is_alive():
            return
        spawning = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawning.Pipe()
        self._stop: Event = spawning.Event()
        self._process = spawning.Process(
            target=_serve, args=(self._make, theirs, self._stop), daemon=True, name="worker"
        )
        self._process.start()
        theirs.close()
        self._busy = False

    def _answers(self) -> Generator[tuple[Step, Report], None, None]:
        own = signals.current()
        self._busy = True
        while True:
            own.check()
            if not self._pipe.poll(GLANCE):
                continue
            kind, what = self._received()
            if kind == "step":
                yield what
            elif kind == "share":
                own.tell(what)
            elif kind == "error":
                raise what
            else:
                return

    def _received(self) -> tuple[str, Any]:
        try:
            kind, what = self._pipe.recv()
        except (EOFError, OSError) as e:
            self._busy = False
            self.close()  # it may not be quite gone yet
            raise UserError(
                "The process that computes has ended, perhaps for want of memory: try again, or "
                "ask for less."
            ) from e
        if kind in ("end", "error"):
            self._busy = False
        return kind, what

    def _leave(self) -> None:
        """The job that is left ends; where it does not, its process does."""
        self._stop.set()
        with suppress(UserError):
            while self._busy:
                if not self._pipe.poll(PATIENCE):
                    self.close()
                    return
                self._received()


class _Crossing(signals.Signals):
    """A run's signals at the other end of the pipe."""

    def __init__(self, pipe: Connection, stop: Event) -> None:
        super().__init__()
        self._pipe, self._asked = pipe, stop

    @property
    def stopped(self) -> bool:
        return self._asked.is_set()

    def tell(self, share: float) -> None:
        self._pipe.send(("share", share))


def _serve(make: Callable[[], Worker], pipe: Connection, stop: Event) -> None:
    """The other process: one job after the other, until the pipe is closed."""
    worker = make()
    with suppress(EOFError, KeyboardInterrupt):
        while True:
            job = pipe.recv()
            signals.use(_Crossing(pipe, stop))
            try:
                with closing(worker.steps(job)) as steps:
                    for step in steps:
                        pipe.send(("step", step))
                        signals.check()
                pipe.send(("end", None))
            except Exception as error:
                pipe.send(("error", error))
