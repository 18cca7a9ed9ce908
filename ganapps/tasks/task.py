"""What a task is: a function with its settings and pictures declared in its signature, and what its
work goes by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ganapps.pictures.uploads import Upload, open_upload
from ganapps.recipe import Recipe
from ganapps.settings import (
    Declared,
    Mask,
    Model,
    Picture,
    masks_of,
    models_of,
    pictures_of,
    settings_of,
)

Settings = Mapping[str, Any]


def megapixels(settings: Settings, size: tuple[int, int]) -> float:
    """Of a picture of that size (W, H), made small where its longer side has more pixels than the
    brush works at.
    """
    most = settings.get("brush")
    share = min(1.0, most / max(size)) if most else 1.0
    return size[0] * size[1] * share**2 / 1e6


@dataclass(frozen=True)
class Task:
    """A task function, as recipes name it.

    `models` is what the catalogue calls the models that can do it. `work` names the settings that
    its seconds go by, or tells how much a checked request is of its settings; `megapixels` how much
    of a picture of that size (W, H) it works on. `says` is a sentence
    for programs and the docs. `opened` gives of an uploaded file what the task needs; `seconds` the
    computing time that settings name themselves, None where they name none. `holds` raises
    UserError for settings that don't go together or hold what their types don't tell. `also` are
    other kinds of models that can do it, if not as their own work. `trial` are settings of a short
    run that shows whether a model works. `directed`: behind the labels its function takes the
    directions that ship for the model. `finds`: behind the labels it takes the network that finds
    faces. `encodes`: behind those it takes the encoder that ships for the model, None where none
    does. `compares`: behind that one the network that compares faces. `on_processor`: it computes
    there whatever the device, so no GPU that is lent is asked for.
    """

    name: str
    function: Callable
    models: str
    work: tuple[str, ...] | Callable[[Settings], float]
    says: str
    opened: Callable[[str], Upload] = open_upload
    megapixels: Callable[[Settings, tuple[int, int]], float] = megapixels
    seconds: Callable[[Settings], float | None] = lambda settings: None
    holds: Callable[[Settings], None] = lambda settings: None
    also: tuple[str, ...] = ()
    trial: Mapping[str, Any] = field(default_factory=dict)
    directed: bool = False
    finds: bool = False
    encodes: bool = False
    compares: bool = False
    on_processor: bool = False

    @property
    def settings(self) -> Mapping[str, Declared]:
        """What is declared of its settings, by name."""
        return settings_of(self.function)

    @property
    def inputs(self) -> Mapping[str, Picture]:
        """The uploads that it takes, by name, in their order."""
        return pictures_of(self.function)

    @property
    def masks(self) -> Mapping[str, Mask]:
        """The settings that mark pixels of an upload, by name."""
        return masks_of(self.function)

    @property
    def others(self) -> Mapping[str, Model]:
        """The settings that name one more model, by name."""
        return models_of(self.function)

    @property
    def pictures(self) -> int | None:
        """How many uploaded pictures it takes; None: it says itself how many are too few or too
        many.
        """
        if any(picture.several for picture in self.inputs.values()):
            return None
        return len(self.inputs)

    def units(self, recipe: Recipe) -> float:
        """How many units of work a checked recipe asks for: the product of the settings in `work`,
        times the megapixels of the pictures where there are any.
        """
        if callable(self.work):
            return self.work(recipe.settings)
        units = 1.0
        for name in self.work:
            units *= recipe.settings[name] or 1
        if recipe.pictures:
            sizes = [picture["size"] for picture in recipe.pictures]
            units *= sum(self.megapixels(recipe.settings, size) for size in sizes)
        return units
