"""What comes back of a recipe in the workshop, and what does not; what a link of it leaves out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ganapps.errors import Message
from ganapps.recipe import Recipe
from ganapps.tasks.table import TASKS
from ganapps.ui.faces.section import OF_A_SEED
from ganapps.ui.words import escaped, say

A_FACE = (*OF_A_SEED, "styles")
# of each task's settings, those that have a place in the workshop
SHOWN: Mapping[str, Collection[str]] = {
    "edit": (*A_FACE, "edits", "hold", "names"),
    "drag": (*A_FACE, "points", "may_move"),
    "ages": A_FACE,
    "frontal": A_FACE,
    "breed": ("family", "parents", "seed", "count", "mutation", "crossing", "psi"),
    "morph": ("family", "begin", "end", "psi"),
}
SECTION = {"edit": "edit", "drag": "edit", "ages": "ages", "frontal": "ages"}
SECTION |= {"breed": "breed", "morph": "breed"}
OF_A_FAMILY = ("breed", "morph")
SAID = {
    "edit": Message("The face and its edits are back in the workshop."),
    "drag": Message(
        "The face before the pull and its points are back in the workshop: press Pull to make it "
        "again."
    ),
    "ages": Message(
        "The face is back in the workshop: press From 18 to 75 to make the others again."
    ),
    "frontal": Message("The face is back in the workshop: press To the front to turn it again."),
    "breed": Message("The child and its lineage are back in the workshop."),
    "morph": Message(
        "Both and their lineages are back in the workshop: press Film between two parents."
    ),
}
# what people call the settings that may be too long for a link
CALLED = {
    "family": "the lineage",
    "styles": "the face itself",
    "points": "the points",
    "may_move": "what may move",
}


def said(recipe: Recipe) -> Message | None:
    """What is said when a recipe is back in the workshop; None where it has no place there."""
    return SAID.get(recipe.task)


def without_place(recipe: Recipe) -> list[str]:
    """The settings that differ from what the workshop asks for, and that it shows nowhere."""
    usual = TASKS[recipe.task].settings
    return [
        name
        for name, value in recipe.settings.items()
        if name not in SHOWN[recipe.task] and value != usual[name].default
    ]


def told(left: Iterable[str], lang: str) -> str:
    """One sentence (HTML) about what did not come back; "" where all did."""
    what = ", ".join(left)
    if not what:
        return ""
    sentence = escaped(lang, "Not back, for it has no place here: {what}.", what=what)
    return f'<div class="line">{sentence}</div>'


def left_out(recipe: Recipe, lang: str) -> str:
    """One sentence (HTML) about what a link of this recipe leaves out; "" where it holds all."""
    names = [say(lang, CALLED.get(name, name)) for name in recipe.too_long_for_a_link()]
    if not names:
        return ""
    sentence = escaped(lang, "The link leaves out {what}; the PNG holds it.", what=", ".join(names))
    return f'<div class="line">{sentence}</div>'


def elders_first(family: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Everybody, parents before their children; who comes from nobody known is left out."""
    order: list[str] = []
    waiting = list(family)
    while waiting:
        ready = [name for name in waiting if set(family[name].get("of", ())) <= set(order)]
        if not ready:
            break
        order += ready
        waiting = [name for name in waiting if name not in ready]
    return order
