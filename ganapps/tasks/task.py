"""What a task is: a function with its settings and pictures declared in its signature, and what its
work goes by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ganapps.recipe import Recipe
from ganapps.settings import Declared, Picture, pictures_of, settings_of


@dataclass(frozen=True)
class Task:
    """A task function, as recipes name it.

    `models` is what the catalogue calls the models that can do it. `work` names the settings that
    its seconds go by. `says` is a sentence for programs and the docs. `directed`: behind the labels
    its function takes the directions that ship for the model.
    """

    name: str
    function: Callable
    models: str
    work: tuple[str, ...]
    says: str
    directed: bool = False

    @property
    def settings(self) -> Mapping[str, Declared]:
        """What is declared of its settings, by name."""
        return settings_of(self.function)

    @property
    def inputs(self) -> Mapping[str, Picture]:
        """The uploads that it takes, by name, in their order."""
        return pictures_of(self.function)

    @property
    def pictures(self) -> int:
        """How many uploaded pictures it takes."""
        return len(self.inputs)

    def units(self, recipe: Recipe) -> float:
        """How many units of work a checked recipe asks for: the product of the settings in `work`,
        times the megapixels of the pictures where there are any.
        """
        units = 1.0
        for name in self.work:
            units *= recipe.settings[name] or 1
        if recipe.pictures:
            units *= sum(_megapixels(picture["size"]) for picture in recipe.pictures)
        return units


def _megapixels(size: tuple[int, int]) -> float:
    return size[0] * size[1] / 1e6
