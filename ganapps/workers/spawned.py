"""The worker in a process of its own: each job has a pipe, through which steps, ticks and errors
come back; who closes it stops the job.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import threading
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from multiprocessing import reduction, util
from multiprocessing.connection import Connection
from typing import Any

from ganapps.errors import UserError
from ganapps.report import Report, Step
from ganapps.workers import Job, Standing, Worker, crossing, signals

SPAWNING = multiprocessing.get_context("spawn")


class Spawned(Worker):
    """A worker elsewhere. `make()` makes it there, so it must be a function that pickles (of a
    module, or a partial of one). Jobs that come at a time share its device as they do here.

    `given` are the models that its process was asked to compute with since it started.
    """

    def __init__(self, make: Callable[[], Standing]) -> None:
        self._make = make
        self._one = threading.Lock()  # of who starts it, ends it, or asks it for a pipe
        self._process: Any = None
        self._door: Any = None  # through which it gets the pipes of its jobs
        self._ready: Any = None  # and says once that it can begin
        self.given: set[str] = set()
        self._closed = False

    def steps(self, job: Job) -> Generator[tuple[Step, Report], None, None]:
        """As `workers.Worker` says. Raises UserError where the process ended under it, too: the
        next job then finds a new one.
        """
        with self._one:
            if self._closed:
                raise crossing.ending()
            self._start()
            process = self._process
            pipe = self._opened()
            self.given.add(job.checkpoint.id)
        with pipe:
            try:
                pipe.send(job)
                with closing(_told(pipe)) as items:
                    yield from crossing.understood(items)
            except (EOFError, OSError) as e:
                self._renew(process)
                raise crossing.gone() from e

    def start(self) -> None:
        """Start the process, where none is alive; it gets ready beside what goes on here."""
        with self._one:
            self._start()

    def title(self) -> str:
        """What its device is called, once a process that was started is ready; asked once. Raises
        UserError where it can't be made.
        """
        try:
            kind, what = self._ready.recv()
        except (EOFError, OSError) as e:
            raise crossing.gone() from e
        if kind != "ready":
            crossing.raised(kind, what)
        return what

    def close(self) -> None:
        """End the process, for good."""
        with self._one:
            self._closed = True
            self._end()

    def _start(self) -> None:
        if self._process is not None and self._process.is_alive():
            return
        self._end()
        self._door, door = _pipe()
        self._ready, ready = SPAWNING.Pipe(duplex=False)
        with door, ready:
            self._process = SPAWNING.Process(
                target=_serve,
                args=(self._make, door, ready, tempfile.gettempdir()),
                daemon=True,
                name="worker",
            )
            self._process.start()

    def _opened(self) -> Connection:
        """This end of a pipe whose other end the process gets: by its handle, for a Connection that
        is sent itself waits behind a socket in a temporary folder, which somebody may sweep.
        """
        pipe, theirs = _pipe()
        with theirs, suppress(OSError):  # where it has just ended, the pipe's own end tells
            reduction.send_handle(self._door, theirs.fileno(), self._process.pid)
        return pipe

    def _renew(self, process: Any) -> None:
        """Another process in place of one that has ended, or is just about to."""
        with self._one:
            if self._process is process:
                self._end()
                self._start()

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._door.close()
            self._ready.close()
            self._process = None
            self.given.clear()


def _pipe() -> tuple[Connection, Connection]:
    """Both ends of a pipe. Processes that are forked meanwhile close theirs, or no end would be
    heard.
    """
    ends = SPAWNING.Pipe()
    for end in ends:
        util.register_after_fork(end, Connection.close)
    return ends


def _told(pipe: Connection) -> Generator[crossing.Item, None, None]:
    """What comes through a job's pipe, to its end; meanwhile the run's signals are looked at."""
    own = signals.current()
    while True:
        own.check()
        if not pipe.poll(crossing.GLANCE):
            continue
        kind, what = pipe.recv()
        if kind == "end":
            return
        yield kind, what


def _serve(make: Callable[[], Standing], door: Connection, ready: Connection, work: str) -> None:
    """The other process: a thread for each job, until the door is closed. What is temporary lies in
    the folder `work` of the process that started it.
    """
    tempfile.tempdir = work
    try:
        worker = make()
    except UserError as error:
        ready.send(("error", error))
        return
    with suppress(EOFError, OSError, KeyboardInterrupt):
        ready.send(("ready", worker.title))
        while True:
            pipe = type(door)(reduction.recv_handle(door))
            threading.Thread(target=_one, args=(worker, pipe), daemon=True).start()
    # at once: torch aborts a process that is tidied up while a thread of it computes
    os._exit(0)


def _one(worker: Standing, pipe: Connection) -> None:
    """One job, until its pipe is closed."""
    with pipe, suppress(EOFError, OSError):
        steps = worker.steps(pipe.recv())
        with closing(crossing.answers(steps)) as items:
            for item in items:
                if pipe.poll():  # nothing more comes but its end
                    return
                pipe.send(item)
        pipe.send(("end", None))
