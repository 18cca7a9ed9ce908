"""What is drawn on a face, as the fields beside it have it: points to pull and rectangles."""

from __future__ import annotations

import base64

from ganapps.errors import UserError

CELLS = 64  # a side of the mask that the task `drag` takes
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


def may_move(text: str, side: int) -> str | None:
    """The mask of the rectangles in a text "x, y, width, height; ...", in pixels of a picture of
    that `side`, as the task `drag` takes it; None where there are none. Raises UserError where one
    is no such four.
    """
    rows = [0] * CELLS  # of bits, the first of them is the left one
    for part in parts(text):
        numbers = _numbers(part)
        if len(numbers) != 4 or min(numbers[2:]) <= 0:
            raise UserError(
                "{part} is no rectangle: x, y, width and height are expected, four numbers.",
                part=part[:40],
            )
        x, y, width, height = (number * CELLS / side for number in numbers)
        across = _filled(x, x + width)
        for row in range(CELLS):
            if y - 0.5 <= row < y + height - 0.5:
                rows[row] |= across
    if not parts(text):
        return None
    packed = b"".join(row.to_bytes(CELLS // 8, "big") for row in rows)
    return base64.b64encode(packed).decode()


def without_last(text: str) -> str:
    """The text without its last stroke."""
    return "; ".join(parts(text)[:-1])


def parts(text: str) -> list[str]:
    """What stands between the semicolons."""
    return [part.strip() for part in text.replace("\n", ";").split(";") if part.strip()]


def _filled(begin: float, end: float) -> int:
    """A row in which the cells whose middles lie between are 1."""
    bits = 0
    for cell in range(CELLS):
        if begin - 0.5 <= cell < end - 0.5:
            bits |= 1 << (CELLS - 1 - cell)
    return bits


def _numbers(part: str) -> list[float]:
    try:
        return [float(number) for number in part.replace(",", " ").split()]
    except ValueError:
        return []
