"""What the face generator is told about a picture: 44 numbers around 0, made from the renderer's
description of it.
"""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

HAIR = (
    "bald",
    "buzz",
    "crop",
    "short01",
    "short02",
    "short03",
    "short04",
    "afro01",
    "bob01",
    "bob02",
    "long01",
    "ponytail01",
    "braid01",
)
GLASSES = ("none", "dark", "light")
SHIRTS = ("crew", "suit", "vneck", "turtle", "scoop")
RGB = ("red", "green", "blue")

# label = scale * x + shift, for everything that is one number in the description. The scales bring
# each to a spread of about 1.
NUMBERS: dict[str, tuple[float, float]] = {
    "gender": (2, -1),
    "age": (1 / 15, -42 / 15),
    "african": (2, -0.7),
    "asian": (2, -0.7),
    "caucasian": (2, -0.7),
    "skin_light": (10, 0),
    "beard": (3, -0.3),
    "smile": (3, -0.9),
    "yaw": (1 / 12, 0),
    "pitch": (1 / 4, 0),
    "roll": (1 / 2, 0),
    "light_az": (1 / 40, 0),
    "exposure": (5, 0),
    "contrast": (1 / 0.22, -0.5 / 0.22),
}
# The same for each channel of a colour in sRGB, 0..1.
COLOURS: dict[str, tuple[float, float]] = {
    "hair": (3, -1.05),
    "background": (4, -1.6),
    "shirt": (3, -1.05),
}
# One of several: this number for the one that is there, 0 for the others.
PRESENT = 1.5


def _names() -> tuple[str, ...]:
    numbers = list(NUMBERS)
    person, beard, face = numbers[:6], numbers[6:7], numbers[7:]
    colours = {part: [f"{part}_{channel}" for channel in RGB] for part in COLOURS}
    styles = [f"hair_{style}" for style in HAIR]
    frames = [f"glasses_{frame}" for frame in GLASSES]
    cuts = [f"shirt_{cut}" for cut in SHIRTS]
    return tuple(
        person
        + styles
        + colours["hair"]
        + beard
        + frames
        + face
        + colours["background"]
        + cuts
        + colours["shirt"]
    )


NAMES = _names()
# A picture's mirror image has the same labels, but for these, which change sign.
MIRRORED = np.array(
    [-1 if name in ("yaw", "roll", "light_az") else 1 for name in NAMES], np.float32
)


def label_row(
    description: Mapping[str, Any], background: Sequence[float] | np.ndarray
) -> np.ndarray:
    """The renderer's description of a picture -> float32 [44], in the order of `NAMES`.

    `background` is the sRGB colour of the picture's two upper corners, 0..1 (`background_colour`):
    the description has only words for it. The hair's colour is linear light in the description; its
    square root is close enough to sRGB here.
    """
    values = {name: scale * description[name] + shift for name, (scale, shift) in NUMBERS.items()}
    values |= {f"hair_{style}": PRESENT * (description["hair"] == style) for style in HAIR}
    values |= {f"glasses_{frame}": PRESENT * (description["glasses"] == frame) for frame in GLASSES}
    values |= {f"shirt_{cut}": PRESENT * (description["shirt"] == cut) for cut in SHIRTS}
    values |= _colour("hair", np.sqrt(description["hair_rgb"]))
    values |= _colour("background", background)
    values |= _colour("shirt", colorsys.hsv_to_rgb(*description["shirt_hsv"]))
    return np.array([values[name] for name in NAMES], np.float32)


def corner_side(size: int) -> int:
    """The side in pixels of the corners of a picture of `size` pixels that show its background."""
    return max(1, round(size * 12 / 128))


def background_colour(picture: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 3] -> the mean colour of its two upper corners (a tenth of the width each),
    float [3] in 0..1.
    """
    edge = corner_side(picture.shape[1])
    corners = np.concatenate(
        [picture[:edge, :edge].reshape(-1, 3), picture[:edge, -edge:].reshape(-1, 3)]
    )
    return corners.mean(0) / 255


def _colour(part: str, rgb: Sequence[float] | np.ndarray) -> dict[str, float]:
    scale, shift = COLOURS[part]
    return {
        f"{part}_{channel}": scale * float(value) + shift
        for channel, value in zip(RGB, rgb, strict=True)
    }
