"""A person's skin: MakeHuman's skins mixed by age, ancestry and sex, tinted; and its painted
parts.
"""

from __future__ import annotations

import colorsys
from functools import cache
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from PIL import Image, ImageFilter

from ganapps.training.heads.blender import Pictures, tune
from ganapps.training.heads.geometry import linear
from ganapps.training.heads.people import ANCESTRIES

SIDE = 1024
FOREHEAD = slice(0.53, 0.57), slice(0.77, 0.8)  # in the texture, as shares of its height and width


def paint(
    made: bpy.types.Material,
    person: dict[str, Any],
    skins: Path,
    pictures: Pictures,
    chance: np.random.Generator,
) -> None:
    """The skin material as this person's."""
    texture = _texture(person, skins)
    pictures.replace(made.node_tree.nodes["tex"], texture)
    bald, hair = person["hair"] == "bald", person["hair_length"]
    rows, columns = (
        slice(int(part.start * size), int(part.stop * size))
        for part, size in zip(FOREHEAD, texture.shape)
    )
    tune(made, "bare", texture[rows, columns].reshape(-1, 3).mean(0))
    tune(made, "bald", 0.9 if bald else 0.0)
    tune(made, "buzz", 0.0 if bald else float(np.interp(hair, [0, 0.1], [0.9, 1.4])))
    tune(made, "haircolour", np.array(person["hair_rgb"]) * 0.8)
    tune(made, "stubble", float(np.interp(person["beard"], [0, 0.3, 1], [0, 0.4, 0.9])))
    lips = colorsys.hsv_to_rgb(
        chance.uniform(0.93, 1.02) % 1, chance.uniform(0.45, 0.8), chance.uniform(0.35, 0.75)
    )
    tune(made, "lipcolour", linear(lips))
    tune(made, "lipstick", person["lipstick"] * 0.8)
    tune(made, "spec", 0.22 + 0.3 * person["gloss"])
    tune(made, "rough", 0.5 - 0.14 * person["gloss"])


def _texture(person: dict[str, Any], skins: Path) -> np.ndarray:
    """[1024, 1024, 3] in linear light."""
    age = person["age"]
    mixed: np.ndarray = np.zeros((), np.float32)
    young, old = np.interp(age, [28, 45], [1, 0]), np.interp(age, [45, 68], [0, 1])
    for years, by_age in (("young", young), ("old", old), ("middleage", 1 - young - old)):
        for ancestry in ANCESTRIES:
            share = by_age * person[ancestry]
            if share > 0.004:
                mixed = mixed + np.float32(share) * _variant(
                    f"{years}_{ancestry}_{person['sex']}", person["skin_variant"], skins
                )
    tint = np.exp(person["skin_light"] + person["skin_warm"] * np.array([1, 0, -1.2])).astype(
        np.float32
    )
    return np.clip(mixed * tint, 0, 0.9)


def _variant(name: str, share: float, skins: Path) -> np.ndarray:
    """A skin, mixed with its second version where there is one."""
    first, second = skins / f"{name}.png", skins / f"{name}2.png"
    if not second.exists():
        return _crisp(first)
    return _crisp(first) * (1 - share) + _crisp(second) * share


@cache
def _crisp(path: Path) -> np.ndarray:
    """A skin in linear light, sharpened: the small textures soften pores and wrinkles."""
    image = Image.open(path).convert("RGB")
    if image.width < SIDE:
        image = image.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    return linear(np.asarray(image.filter(ImageFilter.UnsharpMask(3, 110, 0)), np.float32) / 255)
