"""The stage while there is no result yet: the picture a person brought, the rows of it that are
finished, and what a stopped run leaves.
"""

from __future__ import annotations

import html
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ganapps.engine import Engine, on_files
from ganapps.pictures import images
from ganapps.recipe import CHANGED
from ganapps.report import Part
from ganapps.ui.parts import common, keeping
from ganapps.ui.words import say


class Stage:
    """One picture on its way: `view` is the HTML of it as it stands."""

    def __init__(self, engine: Engine, upload: str, traces: list[str], lang: str) -> None:
        """Raises UserError for a picture that can't be read, or where there is no room for it."""
        self.lang, self.traces = lang, traces
        self.size = on_files.size(upload)
        with tempfile.TemporaryDirectory(prefix="ganapps-") as folder:
            small = on_files.small_copy(upload, Path(folder))
            path = upload if small is None else keeping.stored(small, traces)
        self.address = common.served(path)
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

    @property
    def view(self) -> str:
        """The picture, its size, and the rows on it."""
        width, height = self.size
        before = say(self.lang, "Before")
        return (
            f'<figure class="compare alone"><div class="canvas" style="--ratio:{width / height:g}">'
            f'<img class="before" src="{html.escape(self.address)}" alt="{html.escape(before)}">'
            f'{"".join(self.rows)}</div><span class="tag left">{html.escape(before)} · '
            f"{width} x {height}</span></figure>"
        )


def stopped(parts: Sequence[Part], traces: list[str], lang: str) -> str:
    """What was done when a run was stopped, with its size; "" where nothing was. Raises UserError
    where there is no room for it.
    """
    picture = images.part_picture(parts)
    if picture is None:
        return ""
    shown = html.escape(keeping.address(picture, traces, CHANGED))
    said = say(lang, "done: {width} x {height} pixels", width=picture.width, height=picture.height)
    return (
        f'<figure class="compare alone"><img class="part" src="{shown}" alt="{html.escape(said)}">'
        f'<span class="tag left">{html.escape(said)}</span></figure>'
    )
