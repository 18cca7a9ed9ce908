"""All tasks by name: what the engine runs, and what the window, programs and the docs read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ganapps.recipe import Recipe, from_link
from ganapps.tasks.ages import AGES
from ganapps.tasks.between import DRIFT, WALK
from ganapps.tasks.breed import BREED
from ganapps.tasks.denoise import DENOISE
from ganapps.tasks.drag import DRAG
from ganapps.tasks.edit import EDIT
from ganapps.tasks.export import EXPORT
from ganapps.tasks.faces import FACES, LOOP, STRIP
from ganapps.tasks.frontal import FRONTAL
from ganapps.tasks.invert import INVERT
from ganapps.tasks.learn import LEARN
from ganapps.tasks.morph import MORPH
from ganapps.tasks.repair import REPAIR
from ganapps.tasks.restore import RESTORE
from ganapps.tasks.say import SAY
from ganapps.tasks.scratches import SCRATCHES
from ganapps.tasks.task import Task
from ganapps.tasks.text import TEXT
from ganapps.tasks.translate import TRANSLATE
from ganapps.tasks.upscale import UPSCALE

TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        *(FACES, STRIP, LOOP, DENOISE, WALK, DRIFT, TEXT, UPSCALE, TRANSLATE),
        *(EDIT, DRAG, INVERT, BREED, SAY, EXPORT, LEARN, REPAIR, SCRATCHES, RESTORE),
        *(AGES, FRONTAL, MORPH),
    )
}


def worded() -> set[str]:
    """The names of the settings that a person words, in any task."""
    return {
        name
        for task in TASKS.values()
        for name, declared in task.settings.items()
        if declared.said.free_text
    }


def linked(query: Mapping[str, str]) -> Recipe | None:
    """The recipe of a link's query, without what is no setting of its task: trackers add names
    of their own to every link that is shared. None where it names no task. Raises UserError for
    a damaged one.
    """
    recipe = from_link(query, worded())
    if recipe is None or recipe.task not in TASKS:
        return recipe
    known = TASKS[recipe.task].settings
    settings = {name: value for name, value in recipe.settings.items() if name in known}
    return replace(recipe, settings=settings)
