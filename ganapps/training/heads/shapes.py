"""The local changes of a face that the renderer draws by chance: MakeHuman's targets, their two directions, and how far they go."""

from __future__ import annotations

# Under each part of the head: target, suffix below 0, suffix above 0, standard deviation. `-` and `+`: the target has one
# direction only. An `l-` moves with its `r-`, with a small difference between the sides.
TABLE = """
head
  head-angle in out .15 / head-fat decr incr .25 / head-scale-depth decr incr .2 / head-scale-horiz decr incr .2
  head-scale-vert decr incr .2 / head-back-scale-depth decr incr .2 / head-oval - + .25 / head-round - + .25
  head-rectangular - + .2 / head-square - + .2 / head-triangular - + .2 / head-invertedtriangular - + .2 / head-diamond - + .2
forehead
  forehead-trans backward forward .3 / forehead-scale-vert decr incr .3 / forehead-nubian decr incr .25
  forehead-temple decr incr .3
eyebrows
  eyebrows-trans backward forward .3 / eyebrows-angle down up .2 / eyebrows-trans down up .3
neck
  neck-double decr incr .2 / neck-scale-horiz decr incr .25 / neck-scale-vert decr incr .15
eyes
  l-eye-bag decr incr .3 / l-eye-bag in out .3 / l-eye-bag-height decr incr .25 / l-eye-eyefold-angle down up .3
  l-eye-epicanthus in out .3 / l-eye-eyefold concave convex .3 / l-eye-eyefold down up .3 / l-eye-height1 decr incr .16
  l-eye-height2 decr incr .16 / l-eye-height3 decr incr .16 / l-eye-push1 in out .25 / l-eye-push2 in out .25
  l-eye-trans in out .25 / l-eye-trans down up .25 / l-eye-scale decr incr .25 / l-eye-corner1 down up .3
  l-eye-corner2 down up .3
nose
  nose-trans down up .3 / nose-trans backward forward .25 / nose-scale-vert decr incr .25 / nose-scale-horiz decr incr .3
  nose-scale-depth decr incr .25 / nose-nostrils-width decr incr .35 / nose-point-width decr incr .35
  nose-width1 decr incr .3 / nose-width2 decr incr .3 / nose-width3 decr incr .3 / nose-curve concave convex .3
  nose-greek decr incr .25 / nose-hump decr incr .3 / nose-volume decr incr .3 / nose-nostrils-angle down up .3
  nose-point down up .3 / nose-base down up .3 / nose-flaring decr incr .3
mouth
  mouth-scale-horiz decr incr .3 / mouth-scale-vert decr incr .3 / mouth-scale-depth decr incr .25 / mouth-trans down up .25
  mouth-trans backward forward .2 / mouth-upperlip-height decr incr .35 / mouth-lowerlip-height decr incr .35
  mouth-upperlip-volume decr incr .35 / mouth-lowerlip-volume decr incr .35 / mouth-cupidsbow decr incr .35
  mouth-cupidsbow-width decr incr .3 / mouth-philtrum-volume decr incr .3 / mouth-dimples in out .3
  mouth-laugh-lines in out .3 / mouth-angles down up .3
ears
  l-ear-scale decr incr .3 / l-ear-wing decr incr .3 / l-ear-lobe decr incr .3 / l-ear-trans down up .25
  l-ear-rot backward forward .25
chin
  chin-jaw-drop decr incr .25 / chin-prognathism decr incr .25 / chin-prominent decr incr .3 / chin-height decr incr .25
  chin-width decr incr .3 / chin-bones decr incr .3 / chin-cleft decr incr .3
cheek
  l-cheek-volume decr incr .3 / l-cheek-bones decr incr .3 / l-cheek-inner decr incr .3 / l-cheek-trans down up .3
"""

ASYMMETRIES = (
    "brown-1",
    "brown-2",
    "cheek-1",
    "cheek-2",
    "eye-1",
    "eye-2",
    "jaw-1",
    "jaw-2",
    "mouth-1",
    "mouth-2",
    "nose-1",
    "nose-2",
    "temple-1",
)


def _rows(table: str) -> list[tuple[str, str, str, float]]:
    rows, part = [], ""
    for line in table.splitlines():
        if line and not line.startswith(" "):
            part = line
        for entry in line.split("/") if line.startswith(" ") else ():
            name, low, high, deviation = entry.split()
            rows.append((f"{part}/{name}", low, high, float(deviation)))
    return rows


SHAPES = _rows(TABLE)
