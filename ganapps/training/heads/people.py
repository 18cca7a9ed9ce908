"""Who is in picture number i: every choice, from one random stream per index.

Nothing else in this room draws by chance, but from the `noise_seed` and `shirt_n` in a description.
Adults only, 18 to 75 years; the body never mixes in MakeHuman's child shapes. The order of the
draws is part of the data set: a change makes other people. From index 5000 on people are drawn by
the kinder of two `Rules`; those before stay who they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ganapps.training.heads.shapes import ASYMMETRIES, SHAPES

ANCESTRIES = ("african", "asian", "caucasian")
# Linear-light albedo of hair.
HAIR = {
    "black": (0.009, 0.008, 0.008),
    "darkbrown": (0.028, 0.017, 0.011),
    "brown": (0.07, 0.040, 0.022),
    "lightbrown": (0.15, 0.090, 0.050),
    "darkblond": (0.26, 0.175, 0.095),
    "blond": (0.42, 0.31, 0.17),
    "auburn": (0.090, 0.026, 0.012),
    "red": (0.21, 0.068, 0.022),
}
HAIR_CHANCES = {
    "african": [0.80, 0.16, 0.03, 0, 0.01, 0, 0, 0],
    "asian": [0.66, 0.25, 0.05, 0.02, 0.01, 0, 0.01, 0],
    "caucasian": [0.10, 0.20, 0.24, 0.14, 0.12, 0.10, 0.05, 0.05],
}
STYLES = {
    "female": {
        "bob01": 3,
        "bob02": 2.5,
        "long01": 5.5,
        "ponytail01": 3,
        "braid01": 2.0,
        "short01": 0.8,
        "short02": 0.6,
        "short03": 1.2,
        "short04": 1.0,
    },
    "male": {
        "short01": 2.2,
        "short02": 2.6,
        "short03": 1.0,
        "short04": 2.2,
        "buzz": 1.2,
        "crop": 2.4,
        "long01": 0.25,
        "ponytail01": 0.15,
    },
}
BROWS = {
    "female": (np.array([0, 3, 3, 1.2, 3, 2, 0.7, 2.5, 3, 0, 1, 2, 0.3]), 21.7),
    "male": (np.array([0, 3, 2, 0.8, 3, 2, 0, 0.5, 3, 0.7, 2, 0.8, 2.2]), 20.0),
}
IRIS = {
    "african": {"brown": 0.93, "brownlight": 0.07},
    "asian": {"brown": 0.92, "brownlight": 0.08},
    "caucasian": {
        "brown": 0.28,
        "brownlight": 0.2,
        "blue": 0.09,
        "lightblue": 0.09,
        "deepblue": 0.05,
        "bluegreen": 0.08,
        "green": 0.09,
        "grey": 0.07,
        "ice": 0.05,
    },
}
SHIRTS = ("crew", "vneck", "scoop", "turtle", "suit")
LIGHTS = ("window", "softbox", "overcast", "sun", "twolights")

Description = dict[str, Any]


@dataclass(frozen=True)
class Rules:
    """What differs between the first 5,000 people and the later ones: chances, and (mean,
    deviation) of normal draws.
    """

    hair_chances: Mapping[str, list[float]]
    styles: Mapping[str, Mapping[str, float]]
    dyed: float  # of women
    grey_begins: float  # years, mean
    beta_of_smiles: tuple[float, float]
    brows: tuple[float, float]
    inner_brows: tuple[float, float]
    gaze: tuple[float, float]  # deviation across and along, degrees
    raised: float  # how far brows' outer ends drop and the mouth's corners rise in everyone
    kind_to_eyes: bool  # light from near the camera, a catch light, whites that are white


FIRST = Rules(
    HAIR_CHANCES,
    STYLES,
    dyed=0.07,
    grey_begins=48,
    beta_of_smiles=(1.1, 1.5),
    brows=(0.12, 0.2),
    inner_brows=(0.25, 0.18),
    gaze=(4, 2.5),
    raised=0,
    kind_to_eyes=False,
)
# People smiled seldom, frowned, had dark hair like helmets and eyes in the dark: faces that learned
# from them did so too.
KINDER = Rules(
    {
        "african": [0.72, 0.18, 0.05, 0.01, 0.02, 0.01, 0.01, 0],
        "asian": [0.52, 0.26, 0.08, 0.05, 0.04, 0.02, 0.02, 0.01],
        "caucasian": [0.05, 0.12, 0.17, 0.17, 0.18, 0.18, 0.06, 0.07],
    },
    {
        "female": {
            "bob01": 0.8,
            "bob02": 1.4,
            "long01": 6,
            "ponytail01": 4,
            "braid01": 3.2,
            "short01": 1.0,
            "short02": 1.0,
            "short03": 1.4,
            "short04": 1.2,
        },
        "male": {
            "short01": 2.6,
            "short02": 2.0,
            "short03": 1.4,
            "short04": 2.4,
            "buzz": 1.4,
            "crop": 2.6,
            "long01": 0.25,
            "ponytail01": 0.15,
        },
    },
    dyed=0.18,
    grey_begins=55,
    beta_of_smiles=(2.2, 1.6),
    brows=(0.3, 0.16),
    inner_brows=(0.55, 0.18),
    gaze=(2, 1.5),
    raised=0.25,
    kind_to_eyes=True,
)
KINDER_FROM = 5000
FRIENDLY = ("eyebrows/eyebrows-angle", "mouth/mouth-angles")
# What changes from one day to another: all that `_expression`, `_pose`, `_clothes`, `_light` and
# `_kind_light` draw, and where somebody looks.
OF_THE_DAY = (
    *("gaze_x", "gaze_y", "smile", "mouth_open", "brows_up", "expression"),
    *("yaw", "pitch", "roll", "body_yaw", "distance", "zoom", "shift"),
    *("shirt", "shirt_hsv", "shirt_n", "glasses"),
    *("light", "light_az", "light_el", "light_temp", "contrast", "exposure", "background"),
    *("noise_seed", "fill", "fill_az", "fill_el", "eye_gloss", "eye_white"),
)
OTHER_DAYS = 1_000_000  # so many indices further are those whose days are borrowed
YEARS = 8.0  # that somebody is older or younger on another day, at most


def describe(index: int, seed: int = 0) -> Description:
    """Picture `index` of the data set `seed` as a flat dict of plain values, the labels of the
    picture.
    """
    chance = _Chance(
        np.random.default_rng([seed, index]), KINDER if index >= KINDER_FROM else FIRST
    )
    person: Description = {"index": int(index), "seed": int(seed)}
    for part in (
        _body,
        _shape,
        _skin,
        _style,
        _hair_colour,
        _face_hair,
        _eyes,
        _expression,
        _pose,
        _clothes,
        _light,
    ):
        part(person, chance)
    if chance.rules.kind_to_eyes:
        _kind_light(person, chance)
    return person


def on_another_day(index: int, day: int, seed: int = 0) -> Description:
    """The person of that index, with another's expression, pose, clothes and light; some years
    older or younger, hair and all else as ever. `day` 0 is the picture of `describe`.
    """
    person = describe(index, seed)
    if day == 0:
        return person
    other = describe(OTHER_DAYS * day + index, seed)
    years = np.random.default_rng([seed, index, day]).uniform(-YEARS, YEARS)
    age = round(float(np.clip(person["age"] + years, 18, 75)), 1)
    return person | {name: other[name] for name in OF_THE_DAY} | {"age": age, "day": day}


class _Chance:
    """The random stream, with the few ways of drawing that are used over and over."""

    def __init__(self, rng: np.random.Generator, rules: Rules) -> None:
        self.rng, self.rules = rng, rules
        self.african = 0.0  # the share as drawn: a description rounds it

    def normal(
        self, mean: float, deviation: float, low: float = -np.inf, high: float = np.inf
    ) -> float:
        return float(np.clip(self.rng.normal(mean, deviation), low, high))

    def between(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def happens(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def pick(self, weights: Mapping[str, float]) -> str:
        shares = np.array(list(weights.values()), float)
        return list(weights)[self.rng.choice(len(shares), p=shares / shares.sum())]


def _main_ancestry(person: Description) -> str:
    return max(ANCESTRIES, key=lambda name: person[name])


def _is_woman(person: Description) -> bool:
    return person["sex"] == "female"


def _body(person: Description, chance: _Chance) -> None:
    woman = chance.happens(0.5)
    person["sex"] = "female" if woman else "male"
    away = chance.normal(0.12, 0.09, 0, 0.32)
    person["gender"] = round(away if woman else 1 - away, 3)  # 0 female .. 1 male shape
    person["age"] = round(float(18 + 57 * chance.rng.beta(1.15, 1.6)), 1)
    shares = chance.rng.dirichlet([0.35] * 3)
    chance.african = float(shares[0])
    person |= {name: round(float(share), 3) for name, share in zip(ANCESTRIES, shares)}
    person["muscle"] = round(
        chance.normal(0.5 + 0.12 * (not woman) - 0.002 * (person["age"] - 30), 0.13, 0.1, 0.9), 3
    )
    person["weight"] = round(chance.normal(0.5, 0.16, 0.1, 0.95), 3)


def _shape(person: Description, chance: _Chance) -> None:
    shape = person["shape"] = {}
    for name, low, high, deviation in SHAPES:
        amount = float(np.clip(chance.rng.standard_t(7) * deviation * 0.6, -0.75, 0.75))
        if low == "-":
            target, amount = name, abs(amount) * 0.6
        else:
            amount = _with_the_body(name, amount, person) + chance.rules.raised * (name in FRIENDLY)
            target = f"{name}-{high if amount > 0 else low}"
        if "/l-" in target:
            difference = chance.rng.normal(0, 0.05)
            shape[target] = round(abs(amount) + difference, 3)
            shape[target.replace("/l-", "/r-")] = round(abs(amount) - difference, 3)
        else:
            shape[target] = round(abs(amount), 3)
    for name in ASYMMETRIES:
        amount = chance.rng.normal(0, 0.16)
        shape[f"asym/asym-{name}-{'l' if amount > 0 else 'r'}"] = round(abs(float(amount)), 3)


def _with_the_body(name: str, amount: float, person: Description) -> float:
    """A heavy or old person's head and neck are likelier to be full."""
    if name == "head/head-fat":
        amount += 0.5 * (person["weight"] - 0.5)
    if name == "neck/neck-double":
        amount = (
            max(amount, -0.2)
            + 0.35 * max(0, person["weight"] - 0.6)
            + 0.004 * max(0, person["age"] - 45)
        )
    return amount


def _skin(person: Description, chance: _Chance) -> None:
    person["skin_light"] = round(chance.normal(0, 0.09, -0.2, 0.2), 3)
    person["skin_warm"] = round(chance.normal(0, 0.05, -0.12, 0.12), 3)
    person["skin_variant"] = round(float(chance.rng.random()), 2)
    person["gloss"] = round(chance.between(0.25, 0.8), 2)
    person["lipstick"] = (
        round(chance.between(0.3, 1), 2) if _is_woman(person) and chance.happens(0.3) else 0.0
    )


def _style(person: Description, chance: _Chance) -> None:
    woman = _is_woman(person)
    style = chance.pick(chance.rules.styles[person["sex"]])
    if chance.happens(0.55 * chance.african):
        style = (
            "afro01"
            if chance.happens(0.65 if woman else 0.35)
            else ("buzz" if chance.happens(0.5) else "crop")
        )
    if not woman and chance.happens(0.04 + 0.18 * np.clip((person["age"] - 30) / 40, 0, 1)):
        style = "bald"
    person["hair"] = style
    person["hair_length"] = round(
        chance.between(0.02, 0.12) if style == "buzz" else chance.between(0.15, 0.6), 3
    )
    person["comb"] = round(float(chance.rng.choice([-1, 1]) * chance.between(0.1, 0.8)), 2)
    person["fringe_cut"] = chance.happens(0.92)  # no hair in the eyes
    person["hair_mirror"] = chance.happens(0.5)
    person["hair_volume"] = round(chance.normal(1.0, 0.03, 0.95, 1.08), 3)


def _hair_colour(person: Description, chance: _Chance) -> None:
    rng, woman = chance.rng, _is_woman(person)
    colour = list(HAIR)[rng.choice(len(HAIR), p=chance.rules.hair_chances[_main_ancestry(person)])]
    if woman and chance.happens(chance.rules.dyed):
        colour = list(HAIR)[rng.integers(2, len(HAIR))]  # dyed
    begins = rng.normal(chance.rules.grey_begins, 9)
    grey = float(np.clip((person["age"] - begins) / 18, 0, 1)) ** 0.8
    if woman and chance.happens(0.45):
        grey = 0.0
    person["hair_colour"] = "grey" if grey > 0.6 else colour
    base = np.array(HAIR[colour]) * np.exp(rng.normal(0, 0.18)) * np.exp(rng.normal(0, 0.05, 3))
    white = np.array([0.42, 0.41, 0.40]) * rng.uniform(0.7, 1.35)
    person["grey"] = round(grey, 2)
    person["hair_rgb"] = [round(float(x), 4) for x in base * (1 - grey) + white * grey]
    brow = base * (1 - 0.6 * grey) + white * 0.6 * grey
    person["brow_rgb"] = [round(float(x), 4) for x in brow * 0.6]


def _face_hair(person: Description, chance: _Chance) -> None:
    rng, woman = chance.rng, _is_woman(person)
    weights, total = BROWS[person["sex"]]
    person["brows"] = int(rng.choice(13, p=weights / total))
    person["lashes"] = int(rng.choice([1, 2, 3, 4]))
    person["lash_weight"] = round(chance.between(0.5, 1) if woman else chance.between(0.15, 0.4), 2)
    person["beard"] = 0.0
    if not woman and chance.happens(0.5):
        person["beard"] = round(float(rng.beta(1.0, 1.8)), 2)  # stubble .. full
    person["beard_shape"] = str(rng.choice(["full", "full", "full", "goatee", "moustache"]))


def _eyes(person: Description, chance: _Chance) -> None:
    person["iris"] = chance.pick(IRIS[_main_ancestry(person)])
    person["gaze_x"], person["gaze_y"] = (
        round(chance.normal(0, wide), 1) for wide in chance.rules.gaze
    )


def _expression(person: Description, chance: _Chance) -> None:
    units = _mouth(person, chance)
    brows = chance.normal(*chance.rules.brows)
    person["brows_up"] = round(float(np.clip(brows, -0.6, 0.6)), 2)
    for side in ("left", "right"):
        units[f"eyebrows-{side}-{'up' if brows > 0 else 'down'}"] = abs(person["brows_up"])
        units[f"eyebrows-{side}-inner-up"] = max(0, chance.normal(*chance.rules.inner_brows))
        units[f"eye-{side}-slit"] = 0.15 * person["smile"] * chance.between(0.4, 1.2)
    lid = chance.normal(-0.08, 0.08)
    for side in ("left", "right"):
        units[f"eye-{side}-closure"] = max(0, lid)
        units[f"eye-{side}-opened-up"] = max(0, -lid) * 1.5 + 0.3 * person["asian"]
    units["mouth-compression"] = (
        max(0, chance.normal(-0.15, 0.2)) * (1 - person["smile"]) * (person["mouth_open"] == 0)
    )
    person["expression"] = {
        name: round(float(amount), 3) for name, amount in units.items() if amount > 0.01
    }


def _mouth(person: Description, chance: _Chance) -> dict[str, float]:
    units: dict[str, float] = {}
    person["smile"] = round(
        float(
            np.clip(
                chance.rng.beta(*chance.rules.beta_of_smiles) if chance.happens(0.7) else 0, 0, 1
            )
        ),
        2,
    )
    units["mouth-corner-puller"], units["mouth-retraction"] = (
        person["smile"] * 0.8,
        person["smile"] * 0.3,
    )
    person["mouth_open"] = (
        round(float(chance.rng.beta(1.3, 3) * 0.45), 2) if chance.happens(0.22) else 0.0
    )
    if person["smile"] > 0.4 and chance.happens(0.5):  # a smile that shows the teeth
        person["mouth_open"] = round(chance.between(0.06, 0.2), 2)
        units["mouth-upward-retraction"] = chance.between(0.15, 0.35)
        units["mouth-part-later"] = chance.between(0, 0.2)
    units["mouth-open"] = person["mouth_open"]
    return units


def _pose(person: Description, chance: _Chance) -> None:
    person["yaw"] = round(chance.normal(0, 12, -25, 25), 1)  # degrees; + to the picture's right
    person["pitch"] = round(chance.normal(0, 4, -10, 10), 1)  # + looks up
    person["roll"] = round(chance.normal(0, 2, -5, 5), 1)
    person["body_yaw"] = round(person["yaw"] * chance.between(0.2, 0.9) + chance.normal(0, 5), 1)
    person["distance"] = round(chance.between(11, 19), 1)  # decimetres from camera to face
    person["zoom"] = round(chance.between(0.95, 1.1), 3)  # 1 = the crop of FFHQ
    person["shift"] = [round(float(x), 4) for x in chance.rng.normal(0, 0.008, 2)]


def _clothes(person: Description, chance: _Chance) -> None:
    rng = chance.rng
    person["shirt"] = str(rng.choice(SHIRTS, p=[0.34, 0.2, 0.1, 0.12, 0.24]))
    person["shirt_hsv"] = [
        round(float(x), 3)
        for x in (rng.random(), rng.beta(1.2, 1.8) * 0.9, rng.uniform(0.04, 0.95))
    ]
    person["shirt_n"] = int(rng.integers(0, 10**6))
    person["glasses"] = str(rng.choice(["none", "dark", "light"], p=[0.82, 0.1, 0.08]))


def _light(person: Description, chance: _Chance) -> None:
    rng = chance.rng
    person["light"] = str(rng.choice(LIGHTS, p=[0.25, 0.25, 0.2, 0.12, 0.18]))
    # degrees; + to the picture's right
    person["light_az"] = round(chance.normal(0, 40, -85, 85), 1)
    person["light_el"] = round(chance.between(5, 55), 1)
    person["light_temp"] = round(chance.normal(0, 0.6, -1.2, 1.2), 2)  # - cool, + warm
    person["contrast"] = round(chance.between(0.15, 0.9), 2)
    person["exposure"] = round(chance.normal(0, 0.22, -0.5, 0.5), 2)  # stops
    person["background"] = str(rng.choice(["plain", "gradient", "blur"], p=[0.25, 0.35, 0.4]))
    person["noise_seed"] = int(rng.integers(0, 2**31))


def _kind_light(person: Description, chance: _Chance) -> None:
    """A soft lamp beside the camera, whose share of the light on the face is `fill`: it lights the
    eyes, and shines back from them.
    """
    person["fill"] = round(chance.between(0.15, 0.45), 2)
    person["fill_az"], person["fill_el"] = (
        round(chance.normal(0, 14, -30, 30), 1),
        round(chance.between(8, 30), 1),
    )
    # how many times as bright as a cornea's the reflection is
    person["eye_gloss"] = round(chance.between(1.5, 3), 2)
    # how many times as bright the eyeballs are as those of the first people
    person["eye_white"] = round(chance.between(1.05, 1.25), 2)
