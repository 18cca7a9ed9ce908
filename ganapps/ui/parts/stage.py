"""The stage while there is no result yet: the picture a person brought, the rows of it that are
finished, and what a stopped run leaves.
"""

from __future__ import annotations

import html
import math
import tempfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from ganapps.engine import Engine, on_files
from ganapps.pictures import images
from ganapps.recipe import CHANGED
from ganapps.report import Part
from ganapps.ui.parts import common, keeping
from ganapps.ui.words import escaped, say

GLANCE = 768  # pixels of the longer side of unfinished work, shown
WIDE, HIGH = 240, 40  # of a curve's drawing


class Stage:
    """One picture on its way: `view` is the HTML of it as it stands."""

    def __init__(self, engine: Engine, upload: str, traces: list[str], lang: str) -> None:
        """Raises UserError for a picture that can't be read."""
        self.upload, self.lang, self.traces = upload, lang, traces
        self.size = on_files.size(upload)
        self.rows: list[str] = []  # each an <img>
        self.filled = 0.0  # from 0 to 1: how far down the rows reach
        self.seen = 0  # parts that stand there

    def grown(self, parts: Sequence[Part]) -> bool:
        """Put the rows that are new onto it. Were there any? Raises UserError where there is no
        room for them.
        """
        new = images.part_picture(parts[self.seen :])
        self.seen = max(self.seen, len(parts))
        if new is None:
            return False
        width, height = self.size
        share = new.height * width / new.width / height  # enlarged as much as the rows are wide
        address = html.escape(keeping.address(new, self.traces, CHANGED))
        place = f"top:{100 * self.filled:.4f}%;height:{100 * share:.4f}%"
        self.rows.append(f'<img class="rows" style="{place}" src="{address}" alt="">')
        self.filled += share
        return True

    @cached_property
    def address(self) -> str:
        """Where the page finds the picture, or a small copy of a large one. Raises UserError where
        it can't be read, or where there is no room for that.
        """
        with tempfile.TemporaryDirectory(prefix="ganapps-") as folder:
            small = on_files.small_copy(self.upload, Path(folder))
            path = self.upload if small is None else keeping.stored(small, self.traces)
        return common.served(path)

    @property
    def view(self) -> str:
        """The picture, its size, and the rows on it. Raises UserError as `address` does."""
        width, height = self.size
        before = say(self.lang, "Before")
        return (
            f'<figure class="compare alone"><div class="canvas" style="--ratio:{width / height:g}">'
            f'<img class="before" src="{html.escape(self.address)}" alt="{html.escape(before)}">'
            f'{"".join(self.rows)}</div><span class="tag left">{html.escape(before)} · '
            f"{width} x {height}</span></figure>"
        )


def glance(picture: images.Picture, curve: Sequence[float], lang: str) -> str:
    """How unfinished work looks now, and how far a fitting is, look by look; a curve of fewer than
    two values is none.
    """
    address = images.address(picture, CHANGED, GLANCE)
    shown = _alone(address, escaped(lang, "on its way"))
    return shown + (_curve(curve, lang) if len(curve) > 1 else "")


def _curve(values: Sequence[float], lang: str) -> str:
    """A falling line, drawn by the logarithms of its values."""
    logs = [math.log(max(value, 1e-12)) for value in values]
    low, high = min(logs), max(logs)
    span = max(high - low, 1e-9)
    places = [
        f"{WIDE * at / (len(logs) - 1):.1f},{HIGH * (high - log) / span:.1f}"
        for at, log in enumerate(logs)
    ]
    said = say(lang, "Difference from what is known: {n}", n=f"{values[-1]:.2g}")
    return (
        f'<div class="falling"><svg viewBox="0 -3 {WIDE} {HIGH + 6}" aria-hidden="true">'
        f'<polyline points="{" ".join(places)}"/></svg>{html.escape(said)}</div>'
    )


def stopped(parts: Sequence[Part], traces: list[str], lang: str) -> str:
    """What was done when a run was stopped, with its size; "" where nothing was. Raises UserError
    where there is no room for it.
    """
    picture = images.part_picture(parts)
    if picture is None:
        return ""
    address = keeping.address(picture, traces, CHANGED)
    size = {"width": picture.width, "height": picture.height}
    return _alone(address, escaped(lang, "done: {width} x {height} pixels", **size))


def _alone(address: str, said: str) -> str:
    """A picture with a tag, `said` in HTML."""
    return (
        f'<figure class="compare alone"><img class="part" src="{html.escape(address)}" '
        f'alt="{said}"><span class="tag left">{said}</span></figure>'
    )
