"""The worker in this process: the network is made ready, the task is stepped, each step is measured
and shares the device with other runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from ganapps.device import Device, share_cores
from ganapps.errors import Message, WeightsError
from ganapps.measure.flops import Flops
from ganapps.measure.held import Held
from ganapps.measure.meter import Meter
from ganapps.models import encoder, face_reader, finder
from ganapps.models import runtime as runtimes
from ganapps.models.catalog import Checkpoint
from ganapps.models.directions import for_generator
from ganapps.models.runtime import Runtime
from ganapps.networks.contracts import Network
from ganapps.report import Report, Step
from ganapps.tasks import careful, directions, labels
from ganapps.tasks.table import TASKS
from ganapps.workers import Job, Worker, shares, signals
from ganapps.workers.together import Together

DRAWN = 0.05  # seconds a picture of a generator is taken to need of which nobody knows


class Gauges(NamedTuple):
    """What measures a run, in the order in which they are entered."""

    meter: Meter
    held: Held
    flops: Flops


class Here(Worker):
    """Computes on the runtime's device, in the thread that asks for the next step."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.device = shares.Device()
        self._together = Together(self.device)

    @property
    def title(self) -> str:
        """The device for people."""
        return self.runtime.device.title

    def steps(self, job: Job) -> Generator[tuple[Step, Report], None, None]:
        """As `workers.Worker` says."""
        asked = self.runtime.device.with_precision(job.recipe.precision)
        ready = self.runtime.network(job.checkpoint, job.located)
        network = ready.network
        careful.watched(network)
        device = asked.with_precision(job.recipe.precision, network.precisions)
        task = TASKS[job.recipe.task]
        known: list[Any] = [labels_of(self.runtime, job.checkpoint, network.label_dim)]
        if task.others:
            known = [self._others(job)]
        if task.directed:
            known.append(directions_of(job.located.sha256))
        if task.finds:
            known.append(finder.shipped())
        if task.encodes:
            known.append(encoder.of_generator(job.located.sha256))
        if task.compares:
            known.append(finder.likeness())
        given = {**job.recipe.settings, **job.drawn}
        stream = task.function(network, device, *known, *job.uploads, **given)
        report = Report(
            job.checkpoint.id,
            device.title,
            device.precision,
            str(job.located.source),
            job.located.revision,
            job.located.sha256,
            parameters=ready.parameters,
            changes=job.changes,
            tf32=device.tf32,
        )
        gauges = Gauges(
            Meter(device.name),
            Held(counts=job.rehearsal != ""),
            Flops(counts=job.rehearsal == "both"),
        )
        joined = self.device.joined(signals.check, _expected(job), job.party)
        with joined as turn, closing(stream):
            # what is measured goes alone
            together = None if job.rehearsal else partial(self._together.call, turn, gauges.meter)
            for step in _in_turns(stream, turn, gauges, together):
                report = _charged(report, step, gauges)
                yield step, report

    def _others(self, job: Job) -> dict[str, Network]:
        """The networks of the further models, by the settings that name them."""
        found = {}
        for name, (checkpoint, located) in job.others.items():
            found[name] = self.runtime.network(checkpoint, located).network
            careful.watched(found[name])
        return found

    def close(self) -> None:
        """Nothing is computed any more; what is under way ends at its network's next block."""
        self.device.close()

    def wanted(self) -> bool:
        """As `workers.Worker` says."""
        return self.device.wanted()


def _expected(job: Job) -> float | None:
    """Seconds that the job will compute. Where nothing like it was measured, a generator that is
    asked for pictures of seeds is taken for quick, or the first faces of an app just started would
    stand behind every enlargement; of anything else nothing is known.
    """
    recipe = job.recipe
    if job.seconds is None and not recipe.pictures and "steps" not in recipe.settings:
        return DRAWN * TASKS[recipe.task].units(recipe)
    return job.seconds


def _in_turns(
    stream: Iterator[Step],
    turn: shares.Turn,
    gauges: Gauges,
    together: Callable[[careful.Rows], Any] | None,
) -> Iterator[Step]:
    """The task's steps; each has the device for itself, but for others whose turn it is."""
    own, meter = signals.current(), gauges.meter

    def rest() -> None:
        if turn.due():
            with meter.paused():
                turn.pass_on()

    @contextmanager
    def aside() -> Iterator[None]:
        with meter.paused(), turn.away():
            began = time.perf_counter()
            yield
            worked = time.perf_counter() - began
        if charged:
            meter.seconds += worked

    watch = careful.Watch(signals.check, rest, own.tell, aside, meter.paused, together)
    charged, step, after = True, None, None
    while step is None or after is not None or not _seems_last(step):
        with ExitStack() as stack:
            with own.waiting(turn):
                stack.enter_context(turn)
            for gauge in gauges if charged else ():
                stack.enter_context(gauge)
            stack.enter_context(careful.watching(watch))
            step, after = after or next(stream, None), None
            if step is not None and _seems_last(step):
                after = next(stream, None)  # mostly its end, for which nobody waits in line again
        if step is None:
            return
        charged = not step.for_show
        yield step


def _seems_last(step: Step) -> bool:
    """Is everything done? What is only to be looked at may still come, and is charged to nobody."""
    return step.done >= step.total and not step.for_show


def _charged(report: Report, step: Step, gauges: Gauges) -> Report:
    """The report after one step more."""
    held = gauges.held.peak
    return replace(
        report,
        seconds=gauges.meter.seconds,
        peak_memory=gauges.meter.peak_memory if held is None else held,
        joules=gauges.meter.joules,
        flops=gauges.flops.total,
        pictures=report.pictures + len(step.made),
        network_calls=report.network_calls + step.network_calls,
        changes=tuple(_once(report.changes + step.changes)),
    )


def alone(device: str, offline: bool, own_catalog: str | None = None, share: int = 1) -> Here:
    """What computes in a process of its own; `share`: how many such processes share the processor.
    Raises UserError for a device that is not there or a faulty catalogue.
    """
    share_cores(share)
    return Here(runtimes.start(device, offline, own_catalog))


def on_processor(catalog: Mapping[str, Checkpoint], offline: bool) -> Here:
    """What computes on the processor, beside a process whose device is another."""
    return Here(Runtime(catalog, Device("cpu"), offline))


def labels_of(runtime: Runtime, checkpoint: Checkpoint, count: int) -> labels.Labels | None:
    """The labels of a model that has `count` of them: as its file of labels names them, its row, or
    its kind. Raises WeightsError for a damaged file.
    """
    contents = runtime.labels(checkpoint)
    if contents is not None:
        try:
            return labels.from_table(contents.tensors["labels"].float().numpy(), contents.settings)
        except (KeyError, ValueError) as e:
            raise WeightsError(
                "{file} is no file of labels as expected: {why}.", file=checkpoint.labels, why=e
            ) from e
    unnamed = checkpoint.task == "translate" and not checkpoint.classes
    return (
        labels.from_classes(labels.FACE if unnamed else checkpoint.classes, count)
        if count
        else None
    )


def directions_of(sha256: str | None) -> directions.Known:
    """What ships of directions for the generator whose file has this sha256. Raises WeightsError
    for a damaged file.
    """
    shipped = for_generator(sha256)
    parts = [(contents.tensors, contents.settings) for contents in shipped]
    return directions.known(parts, face_reader.of_generator(sha256))


def _once(changes: tuple[Message, ...]) -> Iterator[Message]:
    """Each sentence once: what every batch had to say is said once in the report."""
    return (c for i, c in enumerate(changes) if c not in changes[:i])
