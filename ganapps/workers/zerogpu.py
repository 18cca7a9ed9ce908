"""The worker on a Hugging Face ZeroGPU Space: each job runs in a forked process that has a GPU for
as long as was asked for.

Only what the job yields comes from there, and only between two such things is Stop seen there: so
it yields ticks while a step computes.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import Any

import spaces
from spaces.config import Config

from ganapps.errors import UserError
from ganapps.measure.prices import Ledger
from ganapps.models import runtime
from ganapps.report import Report, Step
from ganapps.workers import Job, Worker, crossing, signals

UNKNOWN = 30  # seconds to ask for where nothing like it was seen yet
SPARE = 1.25  # times what is expected
LEAST = 5  # seconds to ask for at least: how long a start takes varies
MOST = 120  # seconds that are asked for at most: more is refused to many visitors
LONGER = 2.0  # times what was asked for is noted where that was not enough


def given() -> bool:
    """Is this a Space on ZeroGPU?"""
    return Config.zero_gpu


class ZeroGPU:
    """A worker whose jobs are computed by what `make()` makes in the forked process, once for each.

    `seconds(job)` is what its computing will take, None where that is not known; what starting and
    loading took beside it is learned from each run and kept in the `ledger`.
    """

    def __init__(
        self,
        make: Callable[[], Worker],
        ledger: Ledger,
        seconds: Callable[[Job], float | None],
    ) -> None:
        self._make, self._ledger, self._seconds = make, ledger, seconds
        self._there: Worker | None = None
        self._born: float | None = None
        runtime.import_all()  # before the fork: there it would cost the visitor's quota
        os.register_at_fork(after_in_child=self._forked)

        def answers(job: Job) -> Iterator[tuple[str, Any]]:
            yield from self._answers(job)

        self._on_gpu = spaces.GPU(duration=self.asked)(answers)

    def asked(self, job: Job) -> int:
        """Seconds of a GPU to ask for, LEAST to MOST."""
        beside, _ = self._ledger.get(_key(job))
        if beside is None:
            return UNKNOWN
        expected = SPARE * (beside + (self._seconds(job) or 0.0))
        return max(LEAST, min(MOST, math.ceil(expected)))

    def steps(self, job: Job) -> Generator[tuple[Step, Report], None, None]:
        """As `workers.Worker` says. Raises UserError with the platform's own words where it gives
        no GPU, too.
        """
        asked = self.asked(job)
        begun = False
        stream = self._on_gpu(job)

        def told() -> Iterator[crossing.Item]:
            nonlocal begun
            for kind, what in stream:
                if kind == "begun":
                    begun = True
                elif kind == "held":
                    self._ledger.add(_key(job), what, 1.0, None)
                else:
                    yield kind, what

        try:
            with closing(stream):
                yield from crossing.understood(told())
        except Exception as error:
            said = _platform_says(error)
            if said is None:
                raise
            if not begun:
                raise UserError("No GPU was given: {why}", why=said) from error
            self._ledger.add(_key(job), LONGER * asked, 1.0, None)
            raise UserError(
                "The GPU was taken away ({why}): it was asked for {asked} s. Try again, then it is "
                "asked for longer; or ask for less at a time.",
                why=said,
                asked=asked,
            ) from error

    def close(self) -> None:
        """Nothing to do: a job's process ends with its job."""

    def _forked(self) -> None:
        self._born, self._there = time.monotonic(), None

    def _answers(self, job: Job) -> Iterator[tuple[str, Any]]:
        """In the forked process: the job's steps, and whatever is raised, as values."""
        began = time.monotonic() if self._born is None else self._born
        self._born = None  # of the next job here, only its own time counts
        computed = 0.0
        yield "begun", None
        signals.use(signals.Signals())
        if self._there is None:
            self._there = self._make()
        kind = "nothing"
        with closing(crossing.answers(self._there.steps(job))) as items:
            for kind, what in items:
                if kind == "step":
                    computed = what[1].seconds
                yield kind, what
        if kind not in ("error", "bug"):
            yield "held", time.monotonic() - began - computed


def _key(job: Job) -> str:
    """Under which the ledger keeps what such a job's process takes beside computing."""
    return f"zerogpu|{job.recipe.task}|{job.recipe.checkpoint}"


def _platform_says(error: Exception) -> str | None:
    """The platform's sentence in an error that `spaces` raised; None for any other error.

    Its class is Gradio's, which is none of a worker's business: the title tells.
    """
    told = vars(error)
    if not str(told.get("title", "")).startswith("ZeroGPU"):
        return None
    return str(told.get("message"))
