"""Who computes: a job of plain values goes in, steps of plain values come out, errors as errors.

A worker is a `Worker`: here in this process (`here.Here`), the same in a process of its
own (`spawned.Spawned`), or several of these (`several.Several`). What is told meanwhile goes by
`signals.Signals`.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Literal, Protocol

from ganapps.errors import Message
from ganapps.models.catalog import Checkpoint
from ganapps.models.hub import Located
from ganapps.pictures.uploads import Upload
from ganapps.recipe import Recipe
from ganapps.report import Report, Step

Rehearsal = Literal["", "memory", "both"]


@dataclass(frozen=True)
class Job:
    """One run as a worker needs it: a checked recipe, its row, the file on this disk, decoded
    uploads, and what there is to say already.

    A `rehearsal` counts more than an ordinary run does: "memory" what tensors hold, "both" also
    the arithmetic. `others` are the further models that the recipe names, by their settings;
    `drawn` are settings that are too large for a recipe; `seconds` is what computing will take,
    None where that is not known; jobs of one `party`, such as both sides of a race, are asked for
    by turns and share a seat. What is made `for_all` takes no visitor's part of a GPU that is lent.
    """

    recipe: Recipe
    checkpoint: Checkpoint
    located: Located
    uploads: tuple[Upload, ...] = ()
    changes: tuple[Message, ...] = ()
    rehearsal: Rehearsal = ""
    others: Mapping[str, tuple[Checkpoint, Located]] = field(default_factory=dict)
    drawn: Mapping[str, str] = field(default_factory=dict)
    seconds: float | None = None
    party: str = ""
    for_all: bool = False


class Worker(Protocol):
    """What computes."""

    def steps(self, job: Job) -> Generator[tuple[Step, Report], None, None]:
        """Each step of the job and the report so far. Stoppable: close the generator, from outside
        by the run's signals. Raises UserError or WeightsError.
        """
        ...

    def close(self) -> None:
        """Nothing is computed any more, not even what is under way."""
        ...

    def together(
        self, party: str, names: Sequence[str], seconds: float | None
    ) -> AbstractContextManager[None]:
        """A block in which the jobs of a party are of one piece: a device that is lent for a time
        is asked for once. `names`: a task and its model for each; `seconds`: what all of their
        computing will take.
        """
        return nullcontext()

    def wanted(self) -> bool:
        """Does a job have a device now, or wait for one, as far as it is known here?"""
        return False


class Standing(Worker, Protocol):
    """One that stays, and whose device has a name for people."""

    @property
    def title(self) -> str:
        """Such as `CPU`, or the GPU's name."""
        ...
