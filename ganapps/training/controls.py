"""The face generator's labels in a visitor's words: which widget sets which of the 44 numbers, and
how.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ganapps.training.labels import COLOURS, GLASSES, HAIR, NAMES, NUMBERS, PRESENT, RGB, SHIRTS

# The options are what a visitor reads and what a recipe holds.
HAIR_WORDS = (
    "bald",
    "shaved",
    "spiky",
    "swept back",
    "short with fringe",
    "swept to one side",
    "combed back",
    "afro",
    "bob with fringe",
    "bob with parting",
    "long",
    "tied back",
    "straight bob",
)
FRAME_WORDS = ("none", "dark frame", "light frame")
SHIRT_WORDS = ("crew neck", "suit", "V-neck", "turtleneck", "scoop neck")
ANCESTRIES = ("african", "asian", "caucasian")


def _number(
    name: str, title: str, low: float, high: float, step: float, unit: str = ""
) -> dict[str, Any]:
    return {
        "id": name,
        "title": title,
        "kind": "number",
        "unit": unit,
        "min": low,
        "max": high,
        "step": step,
        "weights": {name: list(NUMBERS[name])},
    }


def _colour(part: str, title: str) -> dict[str, Any]:
    return {
        "id": f"{part}_colour",
        "title": title,
        "kind": "colour",
        "weights": {f"{part}_{channel}": list(COLOURS[part]) for channel in RGB},
    }


def _choice(
    part: str, title: str, values: tuple[str, ...], words: tuple[str, ...]
) -> dict[str, Any]:
    options = {
        word: {f"{part}_{other}": PRESENT * (other == value) for other in values}
        for word, value in zip(words, values, strict=True)
    }
    return {"id": part, "title": title, "kind": "choice", "options": options}


def _ancestry() -> dict[str, Any]:
    scale, shift = NUMBERS["african"]
    shares = {
        "African": (1, 0, 0),
        "Asian": (0, 1, 0),
        "European": (0, 0, 1),
        "mixed": (1 / 3, 1 / 3, 1 / 3),
    }
    options = {
        word: {name: scale * share + shift for name, share in zip(ANCESTRIES, values, strict=True)}
        for word, values in shares.items()
    }
    return {"id": "ancestry", "title": "Ancestry", "kind": "choice", "options": options}


# Ranges are those of the training pictures: beyond them the generator was never told what to draw.
CONTROLS: tuple[dict[str, Any], ...] = (
    _number("age", "Age", 18, 75, 1, "years"),
    _number("gender", "Woman to man", 0, 1, 0.05),
    _ancestry(),
    _choice("hair", "Hair", HAIR, HAIR_WORDS),
    _colour("hair", "Hair colour"),
    _number("beard", "Beard", 0, 0.9, 0.05),
    _choice("glasses", "Glasses", GLASSES, FRAME_WORDS),
    _number("smile", "Smile", 0, 1, 0.05),
    _number("yaw", "Turn the head", -25, 25, 1, "degrees"),
    _number("pitch", "Look up or down", -10, 10, 1, "degrees"),
    _number("roll", "Tilt the head", -5, 5, 0.5, "degrees"),
    _number("light_az", "Light from the side", -85, 85, 5, "degrees"),
    _number("exposure", "Brightness", -0.5, 0.5, 0.05),
    _number("contrast", "Hard light", 0.15, 0.9, 0.05),
    _colour("background", "Background colour"),
    _choice("shirt", "Shirt", SHIRTS, SHIRT_WORDS),
    _colour("shirt", "Shirt colour"),
)


def settings(
    control: dict[str, Any], value: float | str | tuple[float, float, float]
) -> dict[str, float]:
    """A control and what a visitor chose -> the label numbers it sets.

    `value`: a number in the control's unit, the key of an option, or a colour (red, green, blue in
    0..1, sRGB).
    """
    if control["kind"] == "choice":
        return dict(control["options"][value])
    # which of the three it is, the control's kind says
    values: Any = value if control["kind"] == "colour" else [value]
    return {
        name: scale * x + shift
        for (name, (scale, shift)), x in zip(control["weights"].items(), values, strict=True)
    }


def extremes(control: dict[str, Any]) -> list[dict[str, float]]:
    """The far ends of a control, as label numbers: both ends of a number, every option, four strong
    colours.
    """
    ends: dict[str, list] = {
        "number": [control.get("min"), control.get("max")],
        "choice": list(control.get("options", ())),
        "colour": [
            (0.1, 0.1, 0.1),
            (0.75, 0.25, 0.2),
            (0.2, 0.6, 0.3),
            (0.25, 0.3, 0.75),
            (0.75, 0.7, 0.6),
        ],
    }
    return [settings(control, end) for end in ends[control["kind"]]]


def set_labels(rows: np.ndarray, values: dict[str, float]) -> np.ndarray:
    """Label rows float32 [N, 44] with these numbers put in; the rows given stay as they are."""
    rows = rows.copy()
    for name, value in values.items():
        rows[:, NAMES.index(name)] = value
    return rows
