"""What is drawn on a face, as the fields beside it have it: points to pull and rectangles."""

from __future__ import annotations

import math
from collections.abc import Iterable

from ganapps.errors import UserError
from ganapps.ui.parts.boxes import with_commas

# a field that the server has filled: face.js draws what stands there
CAME = "() => { document.dispatchEvent(new CustomEvent('points-came')); }"


def points(text: str) -> list[list[float]]:
    """The points in a text "x, y, to x, to y; ...". Raises UserError where one is no such four."""
    found = []
    for part in parts(text):
        numbers = _numbers(part)
        if len(numbers) != 4:
            raise UserError(
                "{point} is no point to pull: x, y, to x and to y are expected, four numbers.",
                point=part[:40],
            )
        found.append(numbers)
    return found


def rectangles(text: str) -> list[list[float]]:
    """The rectangles in a text "x, y, width, height; ...". Raises UserError where one is no such
    four.
    """
    found = []
    for part in parts(text):
        numbers = _numbers(part)
        if len(numbers) != 4 or min(numbers[2:]) <= 0:
            raise UserError(
                "{part} is no rectangle: x, y, width and height are expected, four numbers.",
                part=part[:40],
            )
        found.append(numbers)
    return found


def written(strokes: Iterable[Iterable[float]]) -> str:
    """Points or rectangles as the field has them."""
    return "; ".join(", ".join(f"{number:g}" for number in stroke) for stroke in strokes)


def without_last(text: str) -> str:
    """The text without its last stroke."""
    return "; ".join(parts(text)[:-1])


def parts(text: str) -> list[str]:
    """What stands between the semicolons."""
    text = with_commas(text).replace("\n", ";")
    return [part.strip() for part in text.split(";") if part.strip()]


def _numbers(part: str) -> list[float]:
    try:
        numbers = [float(number) for number in part.replace(",", " ").split()]
    except ValueError:
        return []
    return numbers if all(math.isfinite(number) for number in numbers) else []
