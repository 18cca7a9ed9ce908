"""Two recipes on one clock: they take turns on one device, and each is charged only for its own time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from ganapps.engine import Engine, Result
from ganapps.errors import UserError
from ganapps.recipe import Recipe
from ganapps.tasks.faces import SEEDS, number

Fair = Literal["pictures", "seconds", "calls"]


@dataclass(frozen=True)
class Lap:
    """One result of one side. `seconds`, `calls` and `pictures` are what each side has spent and made so far."""

    side: int
    result: Result
    seconds: tuple[float, ...]
    calls: tuple[int, ...]
    pictures: tuple[int, ...]


def race(engine: Engine, recipes: Sequence[Recipe], fair: str = "pictures") -> Iterator[Lap]:
    """Laps of all sides until every one is done; whoever has spent least goes next.

    `fair`: "pictures": each side makes what its recipe asks for. "seconds" or "calls": a side that is done first goes on with its
    next seeds until it has spent as many seconds, or network calls, as the dearest one. Raises UserError, before the first lap, for a
    recipe that can't run.
    """
    if fair not in get_args(Fair):
        raise UserError("The race can't be fair by {fair}: accepted are {known}.", fair=str(fair)[:80], known=", ".join(get_args(Fair)))
    sides = [_Side(engine, engine.checked(recipe)[0]) for recipe in recipes]
    try:
        while going := [s for s in sides if not _done(s, sides, fair)]:
            side = min(going, key=lambda s: (s.spent(fair), s.first_cost is not None))
            result = side.step()
            if result is not None:
                yield Lap(sides.index(side), result, tuple(s.seconds for s in sides), tuple(s.calls for s in sides), tuple(s.pictures for s in sides))
    finally:
        for side in sides:
            side.stream.close()


def _done(side: _Side, sides: Sequence[_Side], fair: str) -> bool:
    """Has this side made what it was asked for, and spent as much as the dearest one's first round cost?"""
    if side.first_cost is None:
        return False
    if fair == "pictures":
        return True
    costs = [s.first_cost[fair] for s in sides if s.first_cost is not None]
    return len(costs) == len(sides) and side.spent(fair) >= max(costs)


class _Side:
    """One runner: its stream of results, started again with the next seeds when it is through and still may spend."""

    def __init__(self, engine: Engine, recipe: Recipe) -> None:
        self.engine, self.recipe, self.stream = engine, recipe, engine.run(recipe)
        self.seconds, self.calls, self.pictures = 0.0, 0, 0
        self.first_cost: dict[str, float] | None = None  # of the round that was asked for
        self._before = (0.0, 0, 0)

    def spent(self, fair: str) -> float:
        """What counts here: network calls, or else seconds."""
        return self.calls if fair == "calls" else self.seconds

    def step(self) -> Result | None:
        """The next result, None where a round has ended."""
        result = next(self.stream, None)
        if result is None:
            self.first_cost = self.first_cost or {"seconds": self.seconds, "calls": self.calls}
            self._before = (self.seconds, self.calls, self.pictures)
            seed = number(self.recipe.settings["seed"]) + self.recipe.settings["count"]
            self.recipe = self.recipe.with_settings(seed=seed % SEEDS)
            self.stream = self.engine.run(self.recipe)
            return None
        seconds, calls, pictures = self._before
        report = result.report
        self.seconds, self.calls, self.pictures = seconds + report.seconds, calls + report.network_calls, pictures + report.pictures
        return result
