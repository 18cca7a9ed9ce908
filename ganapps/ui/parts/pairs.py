"""The kinds of race: who may run against whom, with what settings, and what a person has to
bring.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ganapps.engine import Engine
from ganapps.errors import UserError
from ganapps.models.catalog import Checkpoint
from ganapps.recipe import Recipe
from ganapps.tasks.table import TASKS

Brings = Literal["seed", "text", "picture"]


@dataclass(frozen=True)
class Kind:
    """One kind of race. `tasks` are those of the two sides, `kinds` the kinds of model that may run
    there (none: any), `first` the pair to begin with, `spoken` how a sentence calls the two.
    """

    id: str
    title: str
    brings: Brings
    tasks: tuple[str, str]
    kinds: tuple[tuple[str, ...], tuple[str, ...]]
    first: tuple[str, str]
    spoken: tuple[str, str]
    heads: tuple[str, str] = ("GAN", "Diffusion model")  # over the two lists

    def rows(self, engine: Engine, side: int) -> list[Checkpoint]:
        """The models that may run on a side."""
        task = TASKS.get(self.tasks[side])
        return (
            [
                c
                for c in engine.models.rows(task.models)
                if not self.kinds[side] or c.kind in self.kinds[side]
            ]
            if task
            else []
        )

    def recipes(
        self,
        models: Sequence[str],
        precision: str,
        left: Mapping[str, Any],
        right: Mapping[str, Any],
    ) -> tuple[Recipe, Recipe]:
        """Both sides' recipes: of what is known of each side, the settings that its task has; None
        is left to the model.
        """
        first, second = models
        return (
            self._recipe(0, first, precision, left),
            self._recipe(1, second, precision, right),
        )

    def _recipe(self, side: int, model: str, precision: str, given: Mapping[str, Any]) -> Recipe:
        known = TASKS[self.tasks[side]].settings
        # heat maps are no network's work
        more = {"inspect": False} if self.brings == "picture" else {}
        return Recipe(
            self.tasks[side],
            model,
            {k: v for k, v in {**given, **more}.items() if k in known and v is not None},
            precision,
        )


FACES = Kind(
    "faces",
    "Faces",
    "seed",
    ("faces", "denoise"),
    ((), ()),
    ("heads-64", "heads-ddpm-64"),
    ("the GAN", "the diffusion model"),
)
KINDS = (
    FACES,
    Kind(
        "text",
        "Pictures of a text",
        "text",
        ("text", "text"),
        ((), ()),
        ("sd-turbo", "stable-diffusion-v1-5"),
        ("", ""),
        ("Diffusion, distilled against a critic", "Diffusion model"),
    ),
    Kind(
        "upscale",
        "Larger pictures",
        "picture",
        ("upscale", "upscale"),
        (("GAN",), ("diffusion",)),
        ("realesrgan-x4plus", "stable-diffusion-x4-upscaler"),
        ("", ""),
    ),
    Kind(
        "translate",
        "Other pictures",
        "picture",
        ("translate", "translate"),
        (("GAN",), ("diffusion",)),
        ("horse2zebra", "instruct-pix2pix"),
        ("", ""),
    ),
)


def given(
    kind: Kind,
    seed: int | str,
    prompt: str,
    psi: float,
    few: int,
    steps: int,
    scheduler: str,
    eta: float,
    guidance: float | None,
) -> tuple[dict, dict]:
    """What a person chose, for each side. The GAN of an upload draws from no seed."""
    both = {"seed": seed, "count": 1, "prompt": prompt}
    left = {} if kind.brings == "picture" else both | {"psi": psi, "steps": few}
    return left, both | {
        "steps": steps,
        "scheduler": scheduler or None,
        "eta": eta,
        "guidance": guidance if kind.brings != "seed" else None,
    }


def offered(engine: Engine) -> list[Kind]:
    """The kinds of race for which there are models on both sides."""
    return [kind for kind in KINDS if all(kind.rows(engine, side) for side in (0, 1))]


def named(name: str) -> Kind:
    """The kind of that id."""
    return next(kind for kind in KINDS if kind.id == name)


def kind_of(recipes: Sequence[Recipe]) -> Kind:
    """The kind of race that two recipes are for. Raises UserError where they are for none."""
    tasks = tuple(r.task for r in recipes)
    found = next((kind for kind in KINDS if kind.tasks == tasks), None)
    if found is None:
        raise UserError(
            "A race between {one} and {other} is not offered here.", one=tasks[0], other=tasks[1]
        )
    return found


def between(engine: Engine, models: Sequence[str]) -> Kind:
    """The kind of race that two models are for. Raises UserError where they are for none."""
    rows = [engine.models.row(model) for model in models]
    for kind in KINDS:
        if all(row in kind.rows(engine, side) for side, row in enumerate(rows)):
            return kind
    raise UserError(
        "A race between {one} and {other} is not offered here.", one=models[0], other=models[1]
    )


def side_of(recipe: Recipe, kind: Kind) -> tuple[Kind, int]:
    """Where one recipe belongs: in the kind shown now if it fits, else in the first that it fits.
    Raises UserError for a stranger.
    """
    models = TASKS[recipe.task].models if recipe.task in TASKS else None
    for candidate in (kind, *KINDS):
        sides = [TASKS[task].models for task in candidate.tasks if task in TASKS]
        if models in sides:
            return candidate, sides.index(models)
    raise UserError("This picture was made on another tab: drop it there.")


def apart(rows: Mapping[int, Checkpoint | None]) -> bool:
    """Did the two learn from different pictures (or does nobody know from which)?"""
    one, other = rows[0], rows[1]
    return one is None or other is None or one.data != other.data or one.data == "unknown"
