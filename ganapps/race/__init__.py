"""A race: two recipes on one clock, as a request of its own, and how it is run: in turns, each side
charged only for its own time.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Literal, get_args
from urllib.parse import parse_qsl, quote, urlencode

from ganapps import recipe as recipes
from ganapps.engine import Engine, Result
from ganapps.errors import Message, UserError
from ganapps.pictures import inside
from ganapps.race.rehearsal import Rehearsed, rehearse
from ganapps.recipe import Recipe
from ganapps.report import Report
from ganapps.tasks.maker import SEEDS, number
from ganapps.tasks.table import worded

Fair = Literal["pictures", "seconds", "calls", "memory"]
SIDES = ("gan", "diffusion")  # what a link calls them
MOST = 1000  # pictures of one side
# seconds that a quick side may run on, unseen, until its median holds
SHORTEST_REPEAT, LONGEST_REPEAT = 0.5, 3.0
FEWEST_ROUNDS = 5


@dataclass(frozen=True)
class Race:
    """The request: a recipe for each side, and what both get the same of."""

    recipes: tuple[Recipe, Recipe]
    fair: str = "pictures"

    def to_json(self) -> str:
        """One line of JSON: `{"race": "seconds", "recipes": [..., ...]}`."""
        return json.dumps(
            {"race": self.fair, "recipes": [json.loads(r.to_json()) for r in self.recipes]},
            sort_keys=True,
            ensure_ascii=False,
        )

    def to_link(self) -> str:
        """The query string that asks for this race again: each side's own link, inside it."""
        sides = {name: r.to_link().lstrip("?") for name, r in zip(SIDES, self.recipes)}
        return "?" + urlencode({"race": self.fair} | sides, quote_via=quote)


def from_json(text: str | bytes) -> Race | None:
    """The race that a JSON text holds, alone or in a report; None where it is something else.
    Raises UserError for a damaged one.
    """
    value = recipes.values(text)
    value = (
        value.get("race", value)
        if isinstance(value, dict) and isinstance(value.get("race"), dict)
        else value
    )
    if not isinstance(value, dict) or "race" not in value:
        return None
    sides = value.get("recipes")
    if not isinstance(sides, list) or len(sides) != 2:
        raise UserError("This race has not two recipes.")
    first, second = (recipes.from_json(json.dumps(side)) for side in sides)
    return Race((first, second), _fair(value["race"]))


def from_link(query: str | Mapping[str, str]) -> Race | None:
    """The race of a query string, or None where it asks for none. Raises UserError for a damaged
    one.
    """
    pairs = (
        dict(query)
        if isinstance(query, Mapping)
        else dict(parse_qsl(query.lstrip("?"), keep_blank_values=True))
    )
    if "race" not in pairs:
        return None
    first, second = (recipes.from_link(pairs.get(name, ""), worded()) for name in SIDES)
    if first is None or second is None:
        raise UserError("This race has not two recipes.")
    return Race((first, second), _fair(pairs["race"]))


def from_file(path: str | Path) -> Race | Recipe:
    """The race in a JSON file, or the recipe in it or in a picture that this app made. Raises
    UserError if there is neither.
    """
    text = inside.written(path)
    if text is None:
        return inside.from_picture(path)
    return from_json(text) or recipes.from_json(text)


def _fair(value: Any) -> str:
    if value not in get_args(Fair):
        raise UserError(
            "The race can't be fair by {fair}: accepted are {known}.",
            fair=value,
            known=", ".join(get_args(Fair)),
        )
    return value


@dataclass(frozen=True)
class Lap:
    """One result of one side. `seconds`, `calls`, `pictures` and `joules` (None: not told) are what
    each side has spent and made so far, `rounds` are the seconds a picture in each round that a
    side has finished, `rehearsed` is what one picture of each costs, None while `result` only says
    what is waited for.
    """

    side: int
    result: Result
    seconds: tuple[float, ...]
    calls: tuple[int, ...]
    pictures: tuple[int, ...]
    joules: tuple[float | None, ...]
    rehearsed: tuple[Rehearsed | None, ...]
    rounds: tuple[tuple[float, ...], ...]

    def each(self, side: int) -> float | None:
        """Seconds that one picture of a side takes: the median of its rounds; None before the
        first picture.
        """
        if self.rounds[side]:
            return median(self.rounds[side])
        return self.seconds[side] / self.pictures[side] if self.pictures[side] else None


def race(
    engine: Engine, asked: Race, pictures: Sequence[str] = (), stopped: Collection[int] = ()
) -> Iterator[Lap]:
    """Laps of both sides until both are done; whoever has spent least goes next. First come laps of
    what is waited for: downloads, and a rehearsal that warms both up, which no clock counts.

    Fair by "pictures": each side makes what its recipe asks for. By "seconds" or "calls": a side
    that is done first goes on with its next seeds until it has spent as many seconds, or network
    calls, as the dearest one. By "memory": the dearer side's picture sets the room, and each side
    makes as many pictures as that room holds at once beside its network. What has no seed can't go
    on, so it is done when it is through. `pictures`: paths of uploads, for both sides. `stopped`:
    numbers of sides to stop, looked at before every step; the other one goes on. Raises UserError,
    before the first lap, for a race that can't run.
    """
    _fair(asked.fair)
    sides = [_Side(engine, engine.checked(r)[0], pictures) for r in asked.recipes]
    for side in sides:
        yield from (_lap(sides, side, result) for result in engine.fetched(side.recipe))
    seconds = _expected(sides, asked.fair)
    with engine.together([side.recipe for side in sides], seconds):
        try:
            yield from _run(sides, asked.fair, stopped)
        finally:
            for side in sides:
                side.stream.close()


def _run(sides: Sequence[_Side], fair: str, stopped: Collection[int]) -> Iterator[Lap]:
    """All laps once everything is here."""
    for side in sides:
        yield from (_lap(sides, side, result) for result in side.rehearsing())
    if fair == "memory":
        _share_memory(sides)
    while going := [
        s for i, s in enumerate(sides) if i not in stopped and not _done(s, sides, fair, stopped)
    ]:
        side = min(going, key=lambda s: (s.spent(fair), s.first_cost is not None))
        result = side.step(_left(side, sides, fair))
        if result is not None:
            yield _lap(sides, side, result)
    for i, side in enumerate(sides):
        if i not in stopped:
            yield from _settled(sides, side)


def _expected(sides: Sequence[_Side], fair: str) -> float | None:
    """Seconds that both will compute, None where one is not known: with equal seconds each takes
    what the dearer one does.
    """
    prices = [s.engine.price(s.recipe, s.uploads).seconds for s in sides]
    each = [seconds for seconds in prices if seconds is not None]
    if len(each) < len(prices):
        return None
    return len(sides) * max(each) if fair == "seconds" else sum(each)


def report(
    asked: Race,
    lap: Lap,
    reports: Sequence[Report | None],
    stopped: Sequence[bool] = (False, False),
) -> dict:
    """The report of a race as plain values: the request, what each side had spent at its last
    `lap`, and each side's own report.
    """
    rehearsed = [
        r and {"parameters": r.parameters, "flops_per_picture": r.flops, "peak_memory": r.memory}
        for r in lap.rehearsed
    ]
    return {
        "race": json.loads(asked.to_json()),
        "seconds": [round(s, 4) for s in lap.seconds],
        "network_calls": list(lap.calls),
        "pictures": list(lap.pictures),
        "joules": list(lap.joules),
        "seconds_per_picture": [lap.each(i) for i in range(len(lap.rounds))],
        "rounds": [len(rounds) for rounds in lap.rounds],
        "one_picture": rehearsed,
        "stopped": list(stopped),
        "reports": [r and r.as_dict() for r in reports],
    }


def _lap(sides: Sequence[_Side], side: _Side, result: Result) -> Lap:
    told = [(s.seconds, s.calls, s.pictures, s.joules, s.rehearsed, tuple(s.rounds)) for s in sides]
    return Lap(sides.index(side), result, *(tuple(column) for column in zip(*told)))


def _settled(sides: Sequence[_Side], side: _Side) -> Iterator[Lap]:
    """A side that was done in no time runs again, unseen and on no clock, until the median of its
    rounds holds, or somebody else wants the device; then one more lap tells it. A race of the same
    two says the same again.
    """
    if side.first_cost is None or side.last is None:
        return
    a_round, spent = side.first_cost["seconds"], 0.0
    dearest = max(s.seconds for s in sides)
    most = min(LONGEST_REPEAT, max(SHORTEST_REPEAT, dearest / 5))
    while not _holds(side.rounds) and spent + a_round <= most and not side.engine.worker.wanted():
        last = None
        for last in side.engine.run(side.recipe, side.uploads):
            waiting = Message("Measuring {title} again", title=side.recipe.checkpoint)
            yield _lap(sides, side, replace(last, made=(), preview=(), parts=(), waiting=waiting))
        if last is None or not last.report.pictures:
            return
        spent += last.report.seconds
        side.rounds.append(last.report.seconds / last.report.pictures)
    if spent:
        yield _lap(sides, side, side.last)


def _holds(rounds: Sequence[float]) -> bool:
    """Is the middle half of these within a tenth of their median?"""
    if len(rounds) < FEWEST_ROUNDS:
        return False
    low, middle, high = quantiles(rounds, n=4, method="inclusive")
    return high - low <= middle / 10


def _share_memory(sides: Sequence[_Side]) -> None:
    """How many pictures each side makes in the room that the dearer one's picture takes."""
    known = [side.rehearsed for side in sides if side.rehearsed is not None]
    room = max(one.memory for one in known)
    for side, one in zip(sides, known, strict=True):
        fit = (room - one.weights) // max(one.working, 1)
        side.target = min(MOST, max(1, fit))


def _done(side: _Side, sides: Sequence[_Side], fair: str, stopped: Collection[int]) -> bool:
    """Has this side made what it was asked for, and spent as much as the dearest one's first round
    cost?
    """
    if side.first_cost is None:
        return False
    if fair == "pictures" or not side.goes_on or side.pictures >= MOST:
        return True
    if fair == "memory":
        return side.pictures >= side.target
    costs = []
    for place, other in enumerate(sides):
        if place in stopped:
            costs.append(other.spent(fair))
        elif other.first_cost:
            costs.append(other.first_cost[fair])
    return len(costs) == len(sides) and side.spent(fair) >= max(costs)


def _left(side: _Side, sides: Sequence[_Side], fair: str) -> int:
    """How many pictures more this side may make, as far as it is known now: a step may hold all of
    a round, so none may ask for too many.
    """
    if fair == "memory":
        return side.target - side.pictures
    return max(s.calls for s in sides) - side.calls if fair == "calls" else MOST


class _Side:
    """One runner: its stream of results, started again with the next seeds when it is through and
    still may spend.
    """

    def __init__(self, engine: Engine, recipe: Recipe, pictures: Sequence[str]) -> None:
        self.engine, self.recipe, self.uploads = engine, recipe, pictures
        self.stream = engine.run(recipe, pictures)
        self.seconds, self.calls, self.pictures = 0.0, 0, 0
        self.joules: float | None = None
        self.target = 0  # pictures, where memory is what is equal
        self.first_cost: dict[str, float] | None = None  # of the round that was asked for
        self.rehearsed: Rehearsed | None = None
        self.goes_on = "seed" in recipe.settings and not pictures
        self.count = recipe.settings.get("count", 1)  # of pictures in a round
        self.rounds: list[float] = []  # seconds a picture in each round that is through
        self.last: Result | None = None  # of what was seen, without its pictures
        self._before: tuple = (0.0, 0, 0, None)

    def spent(self, fair: str) -> float:
        """What counts here: network calls, or else seconds."""
        return self.calls if fair == "calls" else self.seconds

    def rehearsing(self) -> Generator[Result, None, None]:
        """Warm up and measure; Results of what is waited for."""
        self.rehearsed = yield from rehearse(self.engine, self.recipe, self.uploads)

    def step(self, left: int) -> Result | None:
        """The next result, None where a round has ended; the next one then makes no more than
        `left` pictures, but one at least.
        """
        result = next(self.stream, None)
        if result is None:
            before, _, pictures, _ = self._before
            if self.pictures > pictures:
                self.rounds.append((self.seconds - before) / (self.pictures - pictures))
            self.first_cost = self.first_cost or {"seconds": self.seconds, "calls": self.calls}
            self._before = (self.seconds, self.calls, self.pictures, self.joules)
            if self.goes_on:
                seed = number(self.recipe.settings["seed"]) + self.recipe.settings["count"]
                self.recipe = self.recipe.with_settings(
                    seed=seed % SEEDS, count=max(1, min(self.count, left))
                )
                self.stream = self.engine.run(self.recipe)
            return None
        seconds, calls, pictures, joules = self._before
        report = result.report
        self.seconds, self.calls, self.pictures = (
            seconds + report.seconds,
            calls + report.network_calls,
            pictures + report.pictures,
        )
        self.joules = None if report.joules is None else (joules or 0.0) + report.joules
        self.last = replace(result, made=(), preview=(), parts=())
        return result
