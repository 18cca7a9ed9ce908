"""The task `export`, written as it runs: what is there is left out, what is stopped stays."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from ganapps.engine import Engine, Result
from ganapps.errors import UserError
from ganapps.models import own_file
from ganapps.models.catalog import Checkpoint
from ganapps.pictures import exports
from ganapps.recipe import Recipe
from ganapps.report import Report
from ganapps.tasks.maker import numbers_of

RUN = 1000  # pictures of one run; more are several runs


def exported(
    engine: Engine,
    recipe: Recipe,
    place: Path,
    count: int | None = None,
    weights: str | None = None,
) -> Generator[Result, None, list[Path]]:
    """Results of the task `export` as they are written into the folder `place`; returns what lies
    there, which closing it brings about, too. `count`: as many as that, however many, in place of
    the recipe's; `weights` as `engine.run` takes it.

    `done` and `total` of the results count all that was asked for, and their reports the runs
    before, too. Raises UserError as `engine.run`, and where another export lies there.
    """
    if count is not None and count < 1:
        raise UserError("{count} pictures can't be exported: at least one is.", count=count)
    if weights:
        recipe = replace(
            recipe, checkpoint=own_file.same(recipe.checkpoint, own_file.located(weights))
        )
    first = recipe if count is None else recipe.with_settings(count=min(count, RUN))
    checked, checkpoint = engine.checked(first)
    count = checked.settings["count"] if count is None else count
    settings = {k: v for k, v in checked.settings.items() if k not in ("seed", "count")}
    about = json.loads(replace(checked, settings=settings, app="").to_json())
    columns = ["seed", *(control["id"] for control in engine.models.controls(checkpoint))]
    card = _card(checkpoint, checked, columns)
    writing = exports.opened(checked.settings["layout"], place, columns, card, about)
    seeds = numbers_of(checked.settings["seed"], count)
    missing = [seed for seed in seeds if _name(seed) not in writing.there]
    done = count - len(missing)
    files: list[Path] = []
    spent = report = None
    try:
        for begin, length in _runs(missing):
            part, spent = checked.with_settings(seed=begin, count=length), report
            with closing(engine.run(part, (), weights)) as results:
                for result in results:
                    for kept in result.made:
                        seed = kept.recipe.settings["seed"]
                        writing.add(_name(seed), kept, {"seed": seed, **kept.figures})
                        done += 1
                    if result.waiting is not None:
                        yield result
                        continue
                    told = replace(result.recipe, settings=checked.settings)
                    report = _together(spent, result.report)
                    yield replace(result, recipe=told, report=report, done=done, total=count)
    finally:
        files += writing.close()
    return files


def _together(before: Report | None, run: Report) -> Report:
    """What the runs before have cost, and this one."""
    if before is None:
        return run
    peaks = [r.peak_memory for r in (before, run) if r.peak_memory is not None]
    joules = [r.joules for r in (before, run) if r.joules is not None]
    return replace(
        run,
        seconds=before.seconds + run.seconds,
        pictures=before.pictures + run.pictures,
        network_calls=before.network_calls + run.network_calls,
        peak_memory=max(peaks, default=None),
        joules=sum(joules) if joules else None,
        changes=(*before.changes, *run.changes),
    )


def _name(seed: int) -> str:
    return f"seed-{seed:010}"


def _runs(seeds: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Seeds as (first, how many in a row), none longer than a run may be."""
    begin, length = 0, 0
    for seed in seeds:
        if length and seed == begin + length and length < RUN:
            length += 1
            continue
        if length:
            yield begin, length
        begin, length = seed, 1
    if length:
        yield begin, length


def _card(checkpoint: Checkpoint, recipe: Recipe, columns: list[str]) -> str:
    """What people should know of the pictures."""
    settings = {k: v for k, v in recipe.settings.items() if v is not None and k != "count"}
    return f"""# Pictures by {checkpoint.title}

A network made all of these: nobody and nothing in them exists.

- Model: {checkpoint.title} (`{checkpoint.id}`), {checkpoint.paper}
- Licence of the model: {checkpoint.licence}; commercial use: {checkpoint.commercial}
- It learned from: {checkpoint.trained_on}
- Settings: `{json.dumps(settings, ensure_ascii=False)}`
- Columns: {", ".join(columns)}. The seed is that of the picture; the labels are what the network
  was told, which it follows as far as it can.

Each PNG holds its recipe, which makes it again: `python -m ganapps run FILE --out DIR`.
A folder loads with `datasets.load_dataset("imagefolder", data_dir="FOLDER")`.
"""
