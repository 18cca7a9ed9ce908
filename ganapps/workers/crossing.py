"""What crosses between those who ask and a worker that is elsewhere: steps, ticks and errors, each
as a plain value with its kind.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from typing import Any

from ganapps.errors import UserError
from ganapps.report import Report, Step
from ganapps.workers import signals
from ganapps.workers.signals import Tick

log = logging.getLogger("ganapps")
GLANCE = 0.05  # seconds between two looks whether the run was stopped
TICK = 0.1  # seconds between two signs of a run whose step is under way

Item = tuple[str, Any]


def answers(job: Iterable[tuple[Step, Report]]) -> Generator[Item, None, None]:
    """There: a job's steps, a tick where none comes, and whatever is raised, as values. Whoever
    closes this stops the job at its network's next block.
    """
    try:
        with closing(signals.heard(job, TICK)) as steps:
            for step in steps:
                yield "tick" if isinstance(step, Tick) else "step", step
    except UserError as error:
        yield "error", error
    except Exception:
        yield "bug", traceback.format_exc()


def understood(items: Iterable[Item]) -> Iterator[tuple[Step, Report]]:
    """Here: the steps among these, while the run's signals tell the ticks. Raises what was raised
    there, and RunEnded where the run is stopped; RuntimeError for a bug.
    """
    own = signals.current()
    for kind, what in items:
        own.check()
        own.told(what if kind == "tick" else None)
        if kind == "step":
            yield what
        elif kind != "tick":
            raised(kind, what)


def raised(kind: str, what: Any) -> None:
    """Raise here what was raised there."""
    if kind == "error":
        raise what
    assert kind == "bug", kind
    log.error("a bug in the process that computes:\n%s", what)
    raise RuntimeError("a bug in the process that computes")


def gone() -> UserError:
    """What to say where the process ended while it computed."""
    return UserError(
        "The process that computes has ended, perhaps for want of memory: try again, or ask for "
        "less."
    )


def ending() -> UserError:
    """What to say where nothing is computed any more."""
    return UserError("The app ends, and the run with it.")
