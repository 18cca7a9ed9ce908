"""The door: a recipe in, a stream of results out; and its price beforehand."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from PIL import Image

from ganapps.engine import job as jobs
from ganapps.engine.models import Models
from ganapps.errors import Message, UserError
from ganapps.measure.prices import Ledger, Price, folder
from ganapps.models import hub, own_file, runtime
from ganapps.models.catalog import Checkpoint
from ganapps.models.hub import proxies
from ganapps.models.runtime import Runtime
from ganapps.pictures.uploads import size_of
from ganapps.recipe import LARGEST, Recipe, check_types
from ganapps.report import Kept, Part, Report, SoFar, Step
from ganapps.settings import check
from ganapps.tasks.table import TASKS
from ganapps.workers import Job, Rehearsal, Standing, Worker, chosen, signals, zerogpu
from ganapps.workers.here import Here, alone, on_processor
from ganapps.workers.spawned import Spawned


@dataclass(frozen=True)
class Result:
    """One piece of the stream: new pictures, how far the run is (`done` of `total`), the report so
    far, the whole run's recipe.

    While a model downloads there are no pictures, and `waiting` says what is waited for. `preview`
    shows unfinished work, `parts` are the rows that are finished of it, from the top, `so_far` is
    the last one that a Step told. `numbers` and `weights` are the Step's.
    """

    recipe: Recipe
    report: Report
    done: float
    total: float
    made: tuple[Kept, ...] = ()
    waiting: Message | None = None
    preview: tuple[Image.Image, ...] = ()
    parts: tuple[Part, ...] = ()
    so_far: SoFar | None = None
    numbers: Mapping[str, Any] = field(default_factory=dict)
    weights: bytes | None = field(default=None, repr=False)


class Engine:
    """Everything that makes pictures goes through `run`; what crosses it is plain data."""

    def __init__(self, runtime: Runtime, ledger: Ledger, elsewhere: Standing | None = None) -> None:
        """`elsewhere`: what computes, where it is not this process."""
        self.runtime, self.ledger = runtime, ledger
        self.models = Models(runtime)
        # what race/rehearsal.py measured of a model, in this process
        self.rehearsed: dict[str, Any] = {}
        self.worker: Worker = elsewhere or Here(runtime)
        if zerogpu.given():
            beside = Spawned(partial(on_processor, runtime.catalog, runtime.offline))
            self.worker = zerogpu.ZeroGPU(partial(_alone, runtime), ledger, self._expected, beside)
        self.device_title = elsewhere.title if elsewhere else runtime.device.title

    def close(self) -> None:
        """Whatever computes ends: nothing can be run any more."""
        self.worker.close()

    def run(
        self,
        recipe: Recipe,
        pictures: Sequence[str] = (),
        weights: str | None = None,
        rehearsal: Rehearsal = "",
        for_all: bool = False,
    ) -> Generator[Result, None, None]:
        """Results as they are made. Stoppable: close the iterator.

        `pictures` are paths of uploads, behind them those of masks for tasks that take some: what
        is small enough of these is a setting from then on; `weights` that of a checkpoint file of
        the person's own, which takes the model's place: the recipe then names its sha256. A
        `rehearsal` (as `workers.Job` says) disturbs the seconds of a run, so they go into no price,
        nor do those of what is made `for_all` while the device is lent: it is made on another one.
        Raises UserError or WeightsError, a sentence for the person, before or during the run.
        """
        signals.check()
        given = own_file.located(weights) if weights else None
        if given:
            recipe = replace(recipe, checkpoint=own_file.same(recipe.checkpoint, given))
        recipe, checkpoint = self.checked(recipe)
        recipe, brought = jobs.brought(recipe, pictures)
        located = given or (yield from self._fetched(recipe, checkpoint, recipe.revision))
        others = {}
        for name, row in self._others(recipe).items():
            others[name] = row, (yield from self._fetched(recipe, row, None))
        job = jobs.job(recipe, checkpoint, located, brought, others, rehearsal)
        party = signals.current().name
        job = replace(job, seconds=self._expected(job), party=party, for_all=for_all)
        report = yield from self._computed(job)
        task = TASKS[recipe.task]
        named = task.seconds(recipe.settings) is not None
        if not (named or rehearsal or given or (for_all and zerogpu.given())):
            self.ledger.add(
                self._key(job.recipe), report.seconds, task.units(job.recipe), report.peak_memory
            )

    def together(
        self, recipes: Sequence[Recipe], seconds: float | None
    ) -> AbstractContextManager[None]:
        """A block in which the runs of these recipes are of one piece, and take so many `seconds`
        in all, None where that is not known: a device that is lent for a time is asked for once.
        """
        names = [f"{recipe.task}|{recipe.checkpoint}" for recipe in recipes]
        return self.worker.together(signals.current().name, names, seconds)

    def fetched(self, recipe: Recipe) -> Generator[Result, None, None]:
        """What a run may have to fetch, fetched now: Results without pictures meanwhile. Raises as
        `run` does.
        """
        recipe, checkpoint = self.checked(recipe)
        if self.fetches(recipe):
            yield from self._fetched(recipe, checkpoint, recipe.revision)
            for row in self._others(recipe).values():
                yield from self._fetched(recipe, row, None)

    def _computed(self, job: Job) -> Generator[Result, None, Report]:
        """What the worker makes of a job; the last report."""
        parts: tuple[Part, ...] = ()
        so_far: SoFar | None = None
        with closing(self.worker.steps(job)) as steps:
            for step, report in steps:
                parts += (step.part,) if step.part else ()
                so_far = step.so_far or so_far
                yield _result(job.recipe, step, report, parts, so_far)
                if step.done < step.total:
                    signals.check()
        return report

    def _fetched(
        self, recipe: Recipe, checkpoint: Checkpoint, revision: str | None
    ) -> Generator[Result, None, hub.Located]:
        """A model's file; Results without pictures while it downloads."""
        device = self.runtime.device.with_precision(recipe.precision)
        report = Report(checkpoint.id, device.title, device.precision, str(checkpoint.sources[0]))
        with closing(self.runtime.located(checkpoint, revision)) as fetching:
            while True:
                try:
                    progress = next(fetching)
                except StopIteration as found:
                    return found.value
                yield Result(
                    recipe,
                    report,
                    progress.done,
                    progress.total or 0,
                    waiting=progress.message,
                )
                signals.check()

    def checked(self, recipe: Recipe) -> tuple[Recipe, Checkpoint]:
        """The recipe with every default filled in, the row's own before the task's, and its row.
        Raises UserError that names what is wrong.
        """
        check_types(vars(recipe))
        task = TASKS.get(recipe.task)
        if task is None:
            raise UserError(
                "The task {task} is unknown: accepted are {known}.",
                task=recipe.task,
                known=", ".join(TASKS),
            )
        checkpoint = self.models.for_task(recipe.checkpoint, task.models, task.also)
        self.runtime.device.with_precision(recipe.precision)
        own = checkpoint.defaults if recipe.task == checkpoint.task else {}
        recipe = replace(recipe, settings=check(task.function, {**own, **recipe.settings}))
        task.holds(recipe.settings)
        self._others(recipe)
        chosen = recipe.settings.get("labels") if task.models == "faces" else None
        if chosen and (table := self.models.labels(checkpoint)):
            table.numbers(chosen)
        if (length := len(recipe.to_json())) > LARGEST:
            raise UserError(
                "This recipe is too large: {size} characters, at most {most} are accepted.",
                size=length,
                most=LARGEST,
            )
        return recipe, checkpoint

    def _others(self, recipe: Recipe) -> dict[str, Checkpoint]:
        """The rows of the further models that a checked recipe names, by their settings. Raises
        UserError for one that does something else.
        """
        named = TASKS[recipe.task].others
        return {
            name: self.models.for_task(recipe.settings[name], model.task)
            for name, model in named.items()
            if recipe.settings[name]
        }

    def price(self, recipe: Recipe, pictures: Sequence[str] = ()) -> Price:
        """What this will cost here, from runs measured on this machine. Raises UserError as `run`
        does; of `pictures` only the headers are read.
        """
        recipe, checkpoint = self.checked(recipe)
        task = TASKS[recipe.task]
        brought = pictures[: task.pictures]
        recipe = replace(recipe, pictures=tuple({"size": list(size_of(path))} for path in brought))
        measured, memory = self.ledger.get(self._key(recipe), task.units(recipe))
        named = task.seconds(recipe.settings)
        seconds = measured if named is None else named
        rows = (checkpoint, *self._others(recipe).values())
        fetched = {row.title: self.models.download(row) for row in rows}
        known = [size for size in fetched.values() if size is not None]
        download = sum(known) if len(known) == len(fetched) else None
        missing = tuple(title for title, size in fetched.items() if size != 0)
        return Price(seconds, memory, download, missing, self.runtime.offline)

    def fetches(self, recipe: Recipe) -> bool:
        """May a run fetch something from the Hub? Raises UserError as `run` does."""
        recipe, checkpoint = self.checked(recipe)
        others = self._others(recipe).values()
        return self.runtime.fetches(checkpoint, recipe.revision) or any(
            self.runtime.fetches(row) for row in others
        )

    def _expected(self, job: Job) -> float | None:
        """Seconds that a job will compute; None where nothing like it was measured."""
        task = TASKS[job.recipe.task]
        named = task.seconds(job.recipe.settings)
        if named is not None:
            return named
        return self.ledger.get(self._key(job.recipe), task.units(job.recipe))[0]

    def _key(self, recipe: Recipe) -> str:
        """What ran where; a texture's price is its own, for more than the texture is enlarged."""
        parts = [recipe.task, recipe.checkpoint, self.device_title, recipe.precision]
        parts += [recipe.settings.get(name) or "" for name in TASKS[recipe.task].others]
        if recipe.settings.get("tileable"):
            parts.append("tileable")
        return "|".join(parts)


def worker(device: str = "auto", offline: bool = False, own_catalog: str | None = None) -> Here:
    """What computes, for a process of its own (`workers.spawned`). Raises UserError as `start`."""
    return alone(device, offline, own_catalog)


def _alone(runtime: Runtime) -> Here:
    """What computes in a process that was forked: no lock of its parent's is in it."""
    return Here(Runtime(runtime.catalog, runtime.device, runtime.offline))


def start(
    device: str = "auto",
    offline: bool = False,
    own_catalog: str | None = None,
    workers: str = "",
) -> Engine:
    """An engine for this machine; of several devices (`cuda:0,cuda:1`) each computes in a process
    of its own, and `workers` may name others (`ray`). Raises UserError for a device that is not
    there, a faulty catalogue, or a proxy that can't be used.
    """
    proxies.settle(offline)
    elsewhere = chosen.elsewhere(device, offline, own_catalog, workers)
    front = runtime.start("cpu" if elsewhere else device, offline, own_catalog)
    return Engine(front, Ledger(folder() / "prices.json"), elsewhere)


def _result(
    recipe: Recipe, step: Step, report: Report, parts: tuple[Part, ...], so_far: SoFar | None
) -> Result:
    made = tuple(one.kept(recipe) for one in step.made)
    return Result(
        recipe,
        report,
        step.done,
        step.total,
        made,
        preview=step.preview,
        parts=parts,
        so_far=so_far,
        numbers=step.numbers,
        weights=step.weights,
    )
