"""Faces of a picture as small cut-outs, each with a switch; what is ticked stands as squares in a
field (found_faces.js).
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from ganapps.ui.words import escaped, say

SIDE = 88  # pixels of a cut-out on the page


def written(squares: Sequence[Sequence[int]]) -> str:
    """Squares as the field has them: "x, y, side; ..."."""
    return "; ".join(", ".join(str(number) for number in square) for square in squares)


def switches(
    address: str, size: tuple[int, int], squares: Sequence[Sequence[int]], lang: str
) -> str:
    """The faces at these squares of the picture of `size` (W, H) at `address`, all ticked."""
    labels = ""
    for number, square in enumerate(squares, 1):
        said = escaped(lang, "Mend face {number}", number=number)
        labels += (
            f"<label>{cut_out(address, size, square)}"
            f'<span><input type="checkbox" checked data-square="{written([square])}"> {said}</span>'
            "</label>"
        )
    said = escaped(
        lang, "{count:face was|faces were} found: untick whom to leave", count=len(squares)
    )
    return f'<fieldset class="faces-found"><legend>{said}</legend>{labels}</fieldset>'


def changed(
    before: str,
    after: str,
    size: tuple[int, int],
    figures: Mapping[str, Any],
    lang: str,
) -> str:
    """Each face of a result before and after, with how far it was changed, as its `figures` say;
    `size` (W, H) is that of the pictures that their squares lie in, of which smaller copies are at
    the two addresses.
    """
    shown = ""
    for number, face in enumerate(figures.get("faces", ()), 1):
        pair = cut_out(before, size, face["face"]) + cut_out(after, size, face["face"])
        told = [
            say(lang, "face {number}: changed by {n} of 255", number=number, n=face["changed"]),
            _likeness(face.get("distance"), figures["same_person_below"], lang),
        ]
        said = html.escape(" · ".join(told))
        shown += f"<figure>{pair}<figcaption>{said}</figcaption></figure>"
    return f'<div class="faces-changed">{shown}</div>' if shown else ""


def cut_out(address: str, size: tuple[int, int], square: Sequence[int]) -> str:
    """A small square of the picture at `address`, by its own style: no file is made for it."""
    x, y, side = square
    by = SIDE / side
    where = f"{-x * by:.1f}px {-y * by:.1f}px / {size[0] * by:.1f}px {size[1] * by:.1f}px"
    style = f"background: url('{address}') no-repeat {where}"
    return f'<span class="cut-out" aria-hidden="true" style="{html.escape(style)}"></span>'


def _likeness(distance: float | None, same: float, lang: str) -> str:
    if distance is None:
        return say(lang, "not compared: no face was seen there")
    if distance >= same:
        return say(
            lang,
            "{distance} from before: taken for somebody else (from {same} on)",
            distance=distance,
            same=same,
        )
    return say(
        lang,
        "{distance} from before: taken for the same person (below {same})",
        distance=distance,
        same=same,
    )
