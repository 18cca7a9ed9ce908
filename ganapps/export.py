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

    `done` and `total` of the results count all that was asked for. Raises UserError as
    `engine.run`, and where another export lies there.
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
    try:
        for begin, length in _runs(missing):
            part = checked.with_settings(seed=begin, count=length)
            with closing(engine.run(part, (), weights)) as results:
                for result in results:
                    for kept in result.made:
                        seed = kept.recipe.settings["seed"]
                        writing.add(_name(seed), kept, {"seed": seed, **kept.figures})
                        done += 1
                    told = replace(result.recipe, settings=checked.settings)
                    waiting = result.waiting is not None
                    yield (
                        result if waiting else replace(result, recipe=told, done=done, total=count)
                    )
    finally:
        files += writing.close()
    return files


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
