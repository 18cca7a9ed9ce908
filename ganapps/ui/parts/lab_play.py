"""A game of the Lab under way in one page: what was seen of it so far, and whether it is held."""

from __future__ import annotations

import csv
import html
import io
import json
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ganapps.engine import Result
from ganapps.pictures import images
from ganapps.recipe import DRAWN, Recipe
from ganapps.workers import signals

MOST_LOOKS = 120  # that are kept for a film; of more, every second one is let go
WALL = 512  # pixels of a wall's longer side on the page
GLANCE = 0.1  # seconds between two looks at whether a held game may go on
HELD = 600.0  # seconds after which a held game goes on: somebody may have left
FIRST = ("step", "seconds")  # the first columns of a table of curves

Numbers = Mapping[str, Any]


class Play:
    """`looks` are what a film is made of, `rows` by run what the curves are drawn from; `latest` is
    the last look.
    """

    def __init__(self, recipe: Recipe, names: Sequence[str], matters: str) -> None:
        """`names` are those of the runs; the number that `matters` is shown large."""
        self.recipe, self.names, self.matters = recipe, list(names), matters
        self.latest: dict[str, Any] = {}
        self.looks: list[dict[str, Any]] = []
        self._untold: deque[dict[str, Any]] = deque(maxlen=MOST_LOOKS)
        self.rows: list[list[dict[str, float]]] = [[] for _ in names]
        self.weights: bytes | None = None
        self._count = 0
        self._every = 1
        self._may = threading.Event()
        self._may.set()
        self._once = 0

    def watched(self, results: Iterable[Result]) -> Iterator[Result]:
        """The run's results, each noted; while the game is held, none comes and nothing is
        computed.
        """
        for result in results:
            if result.numbers:
                self._note(result)
            self.weights = result.weights or self.weights
            yield result
            self._wait()

    @property
    def held(self) -> bool:
        """Does nothing go on for now?"""
        return not self._may.is_set()

    def hold(self, held: bool) -> None:
        """Hold the game after its present look, or let it go on."""
        if held:
            self._may.clear()
        else:
            self._may.set()

    def once(self) -> None:
        """A held game goes on to its next look."""
        self._once += 1

    def _wait(self) -> None:
        waited = 0.0
        while not self._may.wait(GLANCE):
            signals.check()
            waited += GLANCE
            if self._once:
                self._once -= 1
                return
            if waited > HELD:
                self.hold(False)

    def _note(self, result: Result) -> None:
        look = dict(result.numbers)
        look["at"] = self._count
        if result.made:
            look["nearest"] = [images.address(p, "", WALL) for p in result.made[0].beside.values()]
        if result.preview:
            look["walls"] = [images.address(wall, DRAWN, WALL) for wall in result.preview]
        for rows, run in zip(self.rows, look["runs"], strict=True):
            rows.append({name: value for name, value in run.items() if _plain(value)})
        if self._count % self._every == 0:
            self.looks.append(look)
        if len(self.looks) > MOST_LOOKS:
            self.looks = self.looks[::2]
            self._every *= 2
        self._count += 1
        self.latest = look
        self._untold.append(look)

    def told(self, whole: bool = False) -> str:
        """The looks since the last time, for the page to draw (lab.js); at the end the `whole`: all
        curves, too.
        """
        looks = [self._untold.popleft() for _ in range(len(self._untold))]
        said = {"looks": looks, "names": self.names, "matters": self.matters}
        if whole:
            said["rows"] = self.rows
        text = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
        return f'<div id="learn-told" hidden data-told="{html.escape(text)}"></div>'

    def reached(self) -> Recipe:
        """The recipe of the game as far as it has come: by steps, so that any machine makes the
        same.
        """
        runs = self.latest.get("runs", [])
        if not runs or not runs[0]["step"]:
            return self.recipe
        first, *others = [run["step"] for run in runs]
        against = self.recipe.settings.get("against") or []
        changed = [{**one, "steps": steps} for one, steps in zip(against, others, strict=True)]
        return self.recipe.with_settings(steps=first, against=changed or None)

    def curves(self) -> str:
        """All curves as CSV: a row for each look at each run."""
        names = dict.fromkeys(name for rows in self.rows for row in rows for name in row)
        columns = [*FIRST, *(name for name in names if name not in FIRST)]
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(["run", *columns])
        for name, rows in zip(self.names, self.rows, strict=True):
            for row in rows:
                table.writerow([name, *(row.get(column, "") for column in columns)])
        return text.getvalue()


def _plain(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
