"""A worker process for each of several devices; a run goes to the one that has its model, unless
others are less busy.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Generator, Sequence

from ganapps.report import Report, Step
from ganapps.workers import Job, Worker, signals
from ganapps.workers.spawned import Spawned


class Several(Worker):
    """All of these at once: every process is started now, and it is waited until they are ready.
    Raises UserError where one can't be made.
    """

    def __init__(self, workers: Sequence[Spawned]) -> None:
        self.workers = tuple(workers)
        self._choosing = threading.Lock()
        self._under_way: Counter[Spawned] = Counter()
        for worker in self.workers:
            worker.start()
        try:
            titles = Counter(worker.title() for worker in self.workers)
        except BaseException:
            self.close()
            raise
        self.title = " + ".join(f"{count} x {title}" for title, count in titles.items())

    def steps(self, job: Job) -> Generator[tuple[Step, Report], None, None]:
        """As `workers.Worker` says. The jobs of one run, such as both sides of a race, are computed
        on one device.
        """
        own = signals.current()
        with self._choosing:
            if own.place not in self.workers:
                own.place = self._chosen(job.checkpoint.id)
            worker = own.place
            self._under_way[worker] += 1
        try:
            yield from worker.steps(job)
        finally:
            with self._choosing:
                self._under_way[worker] -= 1

    def close(self) -> None:
        """End all processes."""
        for worker in self.workers:
            worker.close()

    def wanted(self) -> bool:
        """As `workers.Worker` says."""
        with self._choosing:
            return any(self._under_way.values())

    def _chosen(self, model: str) -> Spawned:
        """The least busy worker: to have to load the model weighs as much as one run more."""

        def busy(worker: Spawned) -> tuple[int, bool]:
            loads = model not in worker.given
            return self._under_way[worker] + loads, loads

        return min(self.workers, key=busy)
