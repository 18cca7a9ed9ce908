"""A short run before a race: it warms a model up, counts its arithmetic and what its tensors hold
at most.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace

from ganapps.engine import Engine, Rehearsal, Result
from ganapps.errors import Message
from ganapps.pictures.uploads import size_of
from ganapps.recipe import Recipe

log = logging.getLogger("ganapps")
# steps of the counted run: the first may read a text and the last decodes, the one between is like
# all others
MIDDLE = 3
# settings that change neither arithmetic of a network call nor memory
SAME_WORK = (
    "seed",
    "count",
    "steps",
    "psi",
    "eta",
)


@dataclass(frozen=True)
class Rehearsed:
    """What one picture costs: `parameters` of the network; `flops`, None where torch can't count
    them; `weights` and, beside them, `working` memory of tensors at most, in bytes.
    """

    parameters: int
    flops: int | None
    working: int

    @property
    def weights(self) -> int:
        """Bytes of the network itself: float32."""
        return 4 * self.parameters

    @property
    def memory(self) -> int:
        """Bytes that one picture needs at most, the network included."""
        return self.weights + self.working


@dataclass(frozen=True)
class Counted:
    """A model's measurements, for any number of steps: operations of the counted run of `steps` and
    of one step more, working memory.
    """

    parameters: int
    steps: int
    flops: int | None
    one_more: int
    working: int

    def of(self, steps: int) -> Rehearsed:
        """What a picture of so many steps costs."""
        flops = (
            None if self.flops is None else self.flops + max(0, steps - self.steps) * self.one_more
        )
        return Rehearsed(self.parameters, flops, self.working)


def rehearse(
    engine: Engine, recipe: Recipe, pictures: Sequence[str] = ()
) -> Generator[Result, None, Rehearsed]:
    """What one picture of a checked recipe costs. Measured once for a model, a size and the
    settings that matter, then known.

    Yields the download's Results and those of the short runs, without pictures. Raises as
    `Engine.run` does.
    """
    steps = int(recipe.settings.get("steps") or 1)
    short = _with(recipe, count=1, steps=min(steps, MIDDLE))
    key = _key(short, pictures)
    if key not in engine.rehearsed:
        engine.rehearsed[key] = yield from _measured(engine, short, pictures)
    return engine.rehearsed[key].of(steps)


def _measured(
    engine: Engine, recipe: Recipe, pictures: Sequence[str]
) -> Generator[Result, None, Counted]:
    """A counted run; once more for its memory alone where torch can't count the operations."""
    by_call: list[tuple[int, int]] = [(0, 0)]
    result: Result | None = None
    try:
        for result in _quietly(engine, recipe, pictures, "both"):
            yield result
            if result.report.network_calls > by_call[-1][0]:
                by_call.append((result.report.network_calls, result.report.flops or 0))
    except (NotImplementedError, RuntimeError, TypeError):
        log.exception("torch can't count the operations of %s", recipe.checkpoint)
        result = None
    counted = result.report.flops if result else None
    steps = int(recipe.settings.get("steps") or 1)
    one_more = _one_more(by_call, steps)
    if result is None:
        for result in _quietly(engine, _with(recipe, steps=1), pictures, "memory"):
            yield result
    assert result is not None, "a run yields a result or raises"
    working = result.report.peak_memory or 0
    return Counted(result.report.parameters, steps, counted, one_more, working)


def _one_more(by_call: Sequence[tuple[int, int]], steps: int) -> int:
    """Operations of one step more, from calls and operations after each step: what a middle step's
    call takes, times the calls of a step (guidance takes two, and each tile of a large picture its
    own).
    """
    if steps < MIDDLE or len(by_call) <= MIDDLE:
        return 0
    (before, operations), (after, more) = by_call[-3:-1]
    return round((more - operations) / (after - before) * by_call[-1][0] / steps)


def _quietly(
    engine: Engine, recipe: Recipe, pictures: Sequence[str], rehearsal: Rehearsal
) -> Iterator[Result]:
    """The run's results, nothing to see in them."""
    for result in engine.run(recipe, pictures, rehearsal=rehearsal):
        yield replace(
            result,
            made=(),
            preview=(),
            parts=(),
            waiting=result.waiting or Message("Warming up {title}", title=recipe.checkpoint),
        )


def _with(recipe: Recipe, **settings: int) -> Recipe:
    """With those of the settings changed that its task has."""
    return recipe.with_settings(
        **{k: v for k, v in settings.items() if recipe.settings.get(k) is not None}
    )


def _key(recipe: Recipe, pictures: Sequence[str]) -> str:
    settings = {k: v for k, v in recipe.settings.items() if k not in SAME_WORK} | {
        "steps": recipe.settings.get("steps")
    }
    return json.dumps(
        [
            recipe.task,
            recipe.checkpoint,
            recipe.precision,
            settings,
            [size_of(path) for path in pictures],
        ],
        sort_keys=True,
    )
