"""Light from all around as a small panorama, and a blurred background behind the head; both in
linear light.
"""

from __future__ import annotations

import colorsys
from typing import Any

import numpy as np

from ganapps.training.heads.geometry import linear, ramp

HEIGHT, WIDTH = 64, 128
BACKGROUND = 64
FILL_RADIUS = 7  # degrees


def _directions() -> tuple[np.ndarray, np.ndarray]:
    """Where each pixel of the panorama lies: unit vectors [H, W, 3], and the part of the sphere it
    covers [H, W, 1].
    """
    azimuth = -((np.arange(WIDTH) + 0.5) / WIDTH - 0.5) * 2 * np.pi
    elevation = (0.5 - (np.arange(HEIGHT) + 0.5) / HEIGHT) * np.pi
    a, e = np.meshgrid(azimuth, elevation)
    covered = np.cos(e)[..., None] * (np.pi / HEIGHT) * (2 * np.pi / WIDTH)
    return np.stack([np.cos(a) * np.cos(e), np.sin(a) * np.cos(e), np.sin(e)], -1), covered


DIRECTIONS, COVERED = _directions()
UP = (DIRECTIONS[..., 2:] + 1) / 2


def panorama(person: dict[str, Any], chance: np.random.Generator) -> np.ndarray:
    """[64, 128, 3], so bright that a face in it is well exposed, but for the person's own
    exposure.
    """
    cool = _tint(-0.5 * person["light_temp"] + chance.normal(0, 0.3))
    light = (
        _ambient(1 - person["contrast"] * 0.85, cool) + _lamps(person, cool, chance) + _rim(chance)
    )
    light = light + _fill(person, _on_the_face(light, person))
    return (
        light
        / _on_the_face(light, person)
        * (1 + 0.4 * person["african"])
        * 2 ** person["exposure"]
    ).astype(np.float32)


def _ambient(amount: float, cool: np.ndarray) -> np.ndarray:
    """A sky that is brighter above, and what the floor gives back."""
    sky = amount * (0.35 + 0.65 * UP) * cool * np.ones((HEIGHT, WIDTH, 3))
    return sky + amount * (1 - UP) ** 2 * 0.5 * _tint(0.8)


def _lamps(person: dict[str, Any], cool: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """The main light, by its kind, warm or cool as described."""
    kind, azimuth, elevation = person["light"], person["light_az"], person["light_el"]
    warm, strength = _tint(person["light_temp"]), 1.0 + 2 * person["contrast"]
    if kind == "window":
        return 9 * strength * _disc(azimuth, elevation * 0.6, chance.uniform(16, 26)) * warm
    if kind == "softbox":
        return 5 * strength * _disc(azimuth, elevation, chance.uniform(24, 38)) * warm
    if kind == "overcast":
        return (
            2.2 * strength * ramp(DIRECTIONS @ _direction(azimuth, 60), -0.2, 1)[..., None] * warm
        )
    if kind == "sun":
        sun = (
            60
            * strength
            * _disc(azimuth, max(elevation, 20), 7)
            * _tint(0.4 + 0.4 * abs(person["light_temp"]))
        )
        return sun + 1.2 * UP**2 * _tint(-1)
    second = _disc(azimuth - np.sign(azimuth) * chance.uniform(70, 120), elevation * 0.7, 16)
    return 8 * strength * _disc(azimuth, elevation, 18) * warm + 5 * strength * second * cool


def _rim(chance: np.random.Generator) -> np.ndarray | float:
    """Light from behind, for somewhat less than half of the pictures."""
    if chance.random() >= 0.45:
        return 0.0
    strength = 12 * chance.uniform(0.3, 1)
    azimuth = chance.choice([-1, 1]) * chance.uniform(120, 160)
    return strength * _disc(azimuth, chance.uniform(10, 40), 16) * _tint(chance.normal(0, 0.5))


def _fill(person: dict[str, Any], others: float) -> np.ndarray | float:
    """The lamp beside the camera, of those who have one, beside so much light of others."""
    share = person.get("fill", 0.0)
    if not share:
        return 0.0
    lamp = _disc(person["fill_az"], person["fill_el"], FILL_RADIUS) * np.ones(3)
    return lamp * others / _on_the_face(lamp, person) * share / (1 - share)


def _on_the_face(light: np.ndarray, person: dict[str, Any]) -> float:
    """How bright a face is in this light: from the front, or from the side where that is much
    brighter.
    """
    front = np.maximum(DIRECTIONS @ _direction(0, 15), 0)[..., None]
    side = np.maximum(DIRECTIONS @ _direction(np.sign(person["light_az"]) * 40, 20), 0)[..., None]
    from_front, from_side = (
        float((light * facing * COVERED).sum((0, 1)).mean()) for facing in (front, side)
    )
    return max(from_front, 0.75 * from_side) / np.pi


def background(person: dict[str, Any], chance: np.random.Generator) -> np.ndarray:
    """[64, 64, 3]: plain, a gradient, or shapes out of focus; a little darker towards the
    corners.
    """
    y, x = np.mgrid[0:BACKGROUND, 0:BACKGROUND] / (BACKGROUND - 1.0)
    colours = np.ones((BACKGROUND, BACKGROUND, 1)) * _colour(chance)
    if person["background"] == "gradient":
        angle = chance.uniform(0, 2 * np.pi)
        share = ramp((x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle), -0.6, 0.6)[..., None]
        colours = colours * (1 - share) + _colour(chance) * share
    elif person["background"] == "blur":
        for _ in range(chance.integers(4, 14)):
            share = _blurred_shape(x, y, chance)[..., None]
            colours = colours * (1 - share) + _colour(chance, 0.03, 1.0) * share * chance.uniform(
                0.7, 1.4
            )
    vignette = 1 - 0.35 * ((x - 0.5) ** 2 + (y - 0.5) ** 2)[..., None] * chance.uniform(0, 2)
    return (colours * vignette * 0.9).astype(np.float32)


def _blurred_shape(x: np.ndarray, y: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """A box or a disc with soft edges, [64, 64] in 0..1."""
    (centre_x, centre_y), (wide, high), soft = (
        chance.uniform(-0.1, 1.1, 2),
        chance.uniform(0.04, 0.4, 2),
        chance.uniform(0.03, 0.15),
    )
    if chance.random() < 0.6:
        inside = -np.maximum(abs(x - centre_x) - wide, abs(y - centre_y) - high)
    else:
        inside = wide - np.hypot(x - centre_x, y - centre_y)
    return ramp(inside, -soft, soft)


def _colour(
    chance: np.random.Generator, darkest: float = 0.05, brightest: float = 0.85
) -> np.ndarray:
    hue, saturation = chance.random(), chance.beta(1.1, 3.2) * 0.7
    return linear(
        np.array(colorsys.hsv_to_rgb(hue, saturation, chance.uniform(darkest, brightest)))
    )


def _direction(azimuth: float, elevation: float) -> np.ndarray:
    """Degrees -> unit vector [3]; azimuth 0 is in front of the face, + to the picture's right."""
    a, e = np.radians(azimuth), np.radians(elevation)
    return np.array([np.sin(a) * np.cos(e), -np.cos(a) * np.cos(e), np.sin(e)])


def _disc(azimuth: float, elevation: float, radius: float) -> np.ndarray:
    """A soft disc of this radius in degrees, [64, 128, 1] in 0..1."""
    edge = np.cos(np.radians(radius * 1.3)), np.cos(np.radians(radius * 0.7))
    return ramp(DIRECTIONS @ _direction(azimuth, elevation), *edge)[..., None]


def _tint(warmth: float) -> np.ndarray:
    return np.exp(np.array([0.28, 0, -0.38]) * warmth)
