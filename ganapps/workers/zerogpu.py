"""The worker on a Hugging Face ZeroGPU Space: each job, or all jobs of a race, run in a forked
process that has a GPU for as long as was asked for. What needs none takes nobody's quota.

Only what is yielded comes from there, and only between two such things is Stop seen there: so it
yields ticks while a step computes.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager

import spaces
from spaces.config import Config

from ganapps.errors import UserError
from ganapps.measure.prices import Ledger
from ganapps.models import runtime
from ganapps.report import Report, Step
from ganapps.tasks.table import TASKS
from ganapps.workers import Job, Worker, by_turns, crossing, signals
from ganapps.workers.crossing import Item

UNKNOWN = 30  # seconds to ask for where nothing like it was seen yet
SPARE = 1.25  # times what is expected
LEAST = 5  # seconds to ask for at least: how long a start takes varies
MOST = 120  # seconds that are asked for at most: more is refused to many visitors
LONGER = 2.0  # times what was asked for is noted where that was not enough


def given() -> bool:
    """Is this a Space on ZeroGPU?"""
    return Config.zero_gpu


def lent_to(task: str) -> bool:
    """Do runs of that task have a GPU that is lent?"""
    return given() and task in TASKS and not TASKS[task].on_processor


class ZeroGPU(Worker):
    """A worker whose jobs are computed by what `make()` makes in the forked process, once for each.

    `seconds(job)` is what its computing will take, None where that is not known; what starting and
    loading took beside it is learned from each process that was begun, and kept in the `ledger`.
    `beside` computes on the processor, in a process of its own: one that is forked gets no GPU
    where its parent has learned something.
    """

    def __init__(
        self,
        make: Callable[[], Worker],
        ledger: Ledger,
        seconds: Callable[[Job], float | None],
        beside: Worker,
    ) -> None:
        self._make, self._ledger, self._seconds, self._beside = make, ledger, seconds, beside
        self._there: Worker | None = None
        self._born: float | None = None
        self._shared: dict[str, Shared] = {}  # by party
        runtime.import_all()  # before the fork: there it would cost the visitor's quota
        os.register_at_fork(after_in_child=self._forked)

        def answers(work: Job | str, asked: int) -> Iterator[Item]:
            yield from self._answers(work)

        self._on_gpu = spaces.GPU(duration=lambda work, asked: asked)(answers)

    def steps(self, job: Job) -> Generator[tuple[Step, Report], None, None]:
        """As `workers.Worker` says. Raises UserError with the platform's own words where it gives
        no GPU, too.
        """
        if job.for_all or TASKS[job.recipe.task].on_processor:
            yield from self._beside.steps(job)
            return
        shared = self._shared.get(job.party)
        with closing(shared.items(job) if shared else self._alone(job)) as items:
            yield from crossing.understood(items)

    @contextmanager
    def together(self, party: str, names: Sequence[str], seconds: float | None) -> Iterator[None]:
        """As `workers.Worker` says: on one GPU, by turns; it is asked for when the first comes."""
        key = "|".join(["zerogpu", *names])
        lent = Lent(self._on_gpu, self._ledger, key, seconds, len(names))
        shared = self._shared[party] = Shared(lent)
        try:
            yield
            if seconds is not None:
                shared.learn(seconds)
        finally:
            del self._shared[party]
            shared.close()

    def close(self) -> None:
        """As `workers.Worker` says; a process that has a GPU ends with its job."""
        self._beside.close()

    def _alone(self, job: Job) -> Generator[Item, None, None]:
        """What a job yields that has a GPU of its own."""
        key = f"zerogpu|{job.recipe.task}|{job.recipe.checkpoint}"
        lent, computed = Lent(self._on_gpu, self._ledger, key, self._seconds(job)), 0.0
        with closing(lent.items(job)) as items:
            for kind, what in items:
                if kind == "held":
                    lent.learn(what - computed)
                elif kind != "begun":
                    computed = what[1].seconds if kind == "step" else computed
                    yield kind, what

    def _forked(self) -> None:
        self._born, self._there = time.monotonic(), None

    def _answers(self, work: Job | str) -> Iterator[Item]:
        """In the forked process: the steps of a job, or of those that come through a door, and
        whatever is raised, as values.
        """
        fresh = self._born is not None  # else the process was there: that says nothing of a start
        began = time.monotonic() if self._born is None else self._born
        self._born = None
        signals.use(signals.Signals())
        if isinstance(work, str):
            for told in by_turns.served(work, self._computed):
                held = time.monotonic() - began if fresh else None
                yield ("begun", held) if told[1] == "begun" else ("told", told)
            return
        yield "begun", 0.0
        kind = "nothing"
        with closing(crossing.answers(self._computed(work))) as items:
            for kind, what in items:
                yield kind, what
        if fresh and kind not in ("error", "bug"):
            yield "held", time.monotonic() - began

    def _computed(self, job: Job) -> Iterator[tuple[Step, Report]]:
        """In the forked process: a job's steps."""
        if self._there is None:
            self._there = self._make()
        yield from self._there.steps(job)


class Lent:
    """One GPU, `asked` for once: for the `seconds` of computing, None where they are not known, and
    for what was needed beside them when last the same was computed, which the `ledger` has.
    """

    def __init__(
        self,
        on_gpu: Callable[[Job | str, int], Generator[Item, None, None]],
        ledger: Ledger,
        key: str,
        seconds: float | None,
        jobs: int = 1,
    ) -> None:
        self._on_gpu, self._ledger, self._key = on_gpu, ledger, key
        beside, _ = ledger.get(key)
        if beside is None or seconds is None:
            wanted = jobs * UNKNOWN + (beside or 0.0)
        else:
            wanted = SPARE * (beside + seconds)
        self.asked = max(LEAST, min(MOST, math.ceil(wanted)))

    def items(self, work: Job | str) -> Generator[Item, None, None]:
        """What comes from there. Raises UserError with the platform's own words where it gives no
        GPU, or takes it away.
        """
        begun = False
        try:
            with closing(self._on_gpu(work, self.asked)) as stream:
                for item in stream:
                    begun = True
                    yield item
        except Exception as error:
            said = _platform_says(error)
            if said is None:
                raise
            if not begun:
                raise UserError("No GPU was given: {why}", why=said) from error
            self.learn(LONGER * self.asked)
            raise UserError(
                "The GPU was taken away ({why}): it was asked for {asked} s. Try again, then it is "
                "asked for longer; or ask for less at a time.",
                why=said,
                asked=self.asked,
            ) from error

    def learn(self, beside: float) -> None:
        """So many seconds were needed beside computing."""
        self._ledger.add(self._key, max(0.0, beside), 1.0, None)


class Shared:
    """A GPU that the jobs of a party share: it is asked for when the first one comes, and where it
    is refused or taken away, all of them are told the same.
    """

    def __init__(self, lent: Lent) -> None:
        self._lent, self._door = lent, by_turns.Door()
        self._stream = lent.items(self._door.address)
        self._since: float | None = None  # when it was held first
        self._fresh = False  # was its process begun for it?
        self._refused: UserError | None = None

    def items(self, job: Job) -> Generator[Item, None, None]:
        """What a job yields."""
        if self._refused is not None:
            raise self._refused
        try:
            if self._since is None:
                _, held = next(self._stream)
                self._fresh = held is not None
                self._since = time.monotonic() - (held or 0.0)
                self._door.opened()
            with closing(self._door.items(job, (told for _, told in self._stream))) as items:
                yield from items
        except UserError as error:
            self._refused = error
            raise

    def learn(self, seconds: float) -> None:
        """Its jobs are through, which were expected to compute for so many seconds."""
        if self._fresh and self._since is not None and self._refused is None:
            self._lent.learn(time.monotonic() - self._since - seconds)

    def close(self) -> None:
        """Give it back."""
        self._door.close()
        self._stream.close()


def _platform_says(error: Exception) -> str | None:
    """The platform's sentence in an error that `spaces` raised; None for any other error.

    Its class is Gradio's, which is none of a worker's business: the title tells.
    """
    told = vars(error)
    if not str(told.get("title", "")).startswith("ZeroGPU"):
        return None
    return str(told.get("message"))
