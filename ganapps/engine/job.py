"""From a checked recipe and the files that came with it to the plain job that a worker gets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ganapps import __version__
from ganapps.errors import Message, UserError
from ganapps.models import hub
from ganapps.models.catalog import Checkpoint
from ganapps.pictures import masks
from ganapps.pictures.inside import from_picture
from ganapps.pictures.uploads import Upload
from ganapps.recipe import Recipe
from ganapps.tasks.table import TASKS
from ganapps.tasks.task import Task
from ganapps.workers import Job, Rehearsal


@dataclass(frozen=True)
class Brought:
    """The files that came with a recipe: pictures and, behind them, masks.

    `large` are the masks that are too large for a recipe, packed, by their settings; `masks` are
    their files. `said` tells of them.
    """

    paths: tuple[str, ...]
    pictures: tuple[Upload, ...]
    masks: tuple[Upload, ...]
    large: Mapping[str, str]
    said: tuple[Message, ...]


def brought(recipe: Recipe, paths: Sequence[str]) -> tuple[Recipe, Brought]:
    """The recipe with the masks that fit into it as settings, and all files decoded. Raises
    UserError where the task takes another number of them, or one can't be read.
    """
    task = TASKS[recipe.task]
    wanted = len(paths) if task.pictures is None else task.pictures
    if len(paths) < wanted or len(paths) - wanted > len(task.masks):
        raise UserError(
            "The task {task} takes {wanted:picture|pictures}, {got} came.",
            task=recipe.task,
            wanted=wanted,
            got=len(paths),
        )
    uploads = tuple(_opened(task, path) for path in paths)
    pictures, drawn = uploads[:wanted], uploads[wanted:]
    recipe, large, said = _drawn(recipe, drawn)
    return recipe, Brought(tuple(paths[:wanted]), pictures, drawn if large else (), large, said)


def _opened(task: Task, path: str) -> Upload:
    """What the task needs of an uploaded file. Raises UserError, which names one of several."""
    try:
        return task.opened(path)
    except UserError as e:
        if task.pictures is not None:
            raise
        raise UserError("{name}: {why}", name=Path(path).name, why=e) from e


def job(
    recipe: Recipe,
    checkpoint: Checkpoint,
    located: hub.Located,
    brought: Brought,
    others: Mapping[str, tuple[Checkpoint, hub.Located]],
    rehearsal: Rehearsal,
) -> Job:
    """All that a run needs, its recipe complete: of these files, made by this version."""
    files = (*brought.pictures, *brought.masks)
    facts = tuple({"size": list(file.size), "sha256": file.sha256} for file in files)
    changes = (*_provenance(recipe, located, facts), *_not_a_list(recipe), *brought.said)
    changes += tuple(change for file in files for change in file.changes)
    recipe = replace(
        recipe,
        revision=located.revision,
        sha256=located.sha256,
        pictures=facts,
        app=__version__,
    )
    recipe = _chained(recipe, brought.paths)
    return Job(
        recipe,
        checkpoint,
        located,
        brought.pictures,
        changes,
        rehearsal,
        others,
        brought.large,
    )


def _chained(recipe: Recipe, pictures: Sequence[str]) -> Recipe:
    """The recipe behind the one that stands in the picture it works on, where this app made that
    picture.
    """
    for path in pictures:
        try:
            return recipe.after(from_picture(path))
        except UserError:
            continue  # a picture from elsewhere
    return recipe


def _drawn(
    recipe: Recipe, uploads: Sequence[Upload]
) -> tuple[Recipe, dict[str, str], tuple[Message, ...]]:
    """The recipe with the masks that came as files, packed; those that are too large for a recipe,
    by their settings; and what there is to say.
    """
    large: dict[str, str] = {}
    said: tuple[Message, ...] = ()
    for name, upload in zip(TASKS[recipe.task].masks, uploads):
        text = masks.packed(masks.of_file(upload))
        if len(text) <= masks.LONGEST:
            recipe = recipe.with_settings(**{name: text})
            continue
        large[name] = text
        said += (
            Message(
                "This mask is too large for a recipe ({size} kB, at most {most} kB): who makes the "
                "picture again gives the mask again.",
                size=round(len(text) / 1024),
                most=masks.LONGEST // 1024,
            ),
        )
    return recipe, large, said


def _provenance(
    recipe: Recipe, located: hub.Located, pictures: tuple[Mapping[str, Any], ...]
) -> tuple[Message, ...]:
    """What to say of the files that serve: earlier sources that failed, and whether model and
    uploads are the recipe's own.
    """
    changes = tuple(located.changes)
    if recipe.sha256 and recipe.sha256 != located.sha256:
        changes += (Message("The model's file is not the one this recipe was made with."),)
    if recipe.pictures and recipe.pictures != pictures:
        changes += (Message("The picture is not the one this recipe was made with."),)
    return changes


def _not_a_list(recipe: Recipe) -> Iterator[Message]:
    """A seed that other programs would read as several: here it is a word, and says so."""
    seed = recipe.settings.get("seed")
    if isinstance(seed, str) and re.fullmatch(r"\s*\d+(\s*[,-]\s*\d+)+\s*", seed):
        yield Message(
            "The seed {seed} is one word here, not a list of seeds: for several pictures, give the "
            "first number and how many.",
            seed=seed,
        )
