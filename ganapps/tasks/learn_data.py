"""What the Lab learns from: shipped digits and heads, a visitor's own pictures, points that were
drawn.
"""

from __future__ import annotations

import gzip
import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from ganapps.errors import UserError
from ganapps.learning import points, sets
from ganapps.learning.theory import EXTENT
from ganapps.pictures.images import to_picture
from ganapps.pictures.uploads import Upload, open_upload
from ganapps.tasks.shared import FORMATS

FOLDER = Path(__file__).resolve().parents[1] / "learning" / "data"
SIDE, COLUMNS = 32, 50  # of a head, and heads in a row of their sheet
FEWEST, MOST = 50, 400  # pictures of a visitor's own: a recipe names each of them
SAYS = f"{FEWEST} to {MOST} pictures to learn from, where the data is own: {FORMATS}"


def drawn(places: Any) -> points.Curve:
    """The points [[x, y], ...] that a visitor drew. Raises UserError that says what is wrong with
    them.
    """
    if not isinstance(places, list) or not places:
        raise UserError("Nothing is drawn: give points as [[x, y], ...], or choose other data.")
    if len(places) > points.MOST_DRAWN:
        raise UserError(
            "{count} points are drawn: up to {most} are accepted.",
            count=len(places),
            most=points.MOST_DRAWN,
        )
    for number, place in enumerate(places, 1):
        if not _is_place(place):
            raise UserError(
                "Point {number} is {place}: x and y from {low} to {high} are accepted.",
                number=number,
                place=repr(place),
                low=-EXTENT,
                high=EXTENT,
            )
    return points.drawn(torch.tensor(places, dtype=torch.float32))


def _is_place(place: Any) -> bool:
    if not isinstance(place, list) or len(place) != 2:
        return False
    for value in place:
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            return False
        if not (math.isfinite(value) and abs(value) <= EXTENT):
            return False
    return True


def pictures(name: str, own: Sequence[Upload], most: int, seed: int) -> sets.Pictures:
    """The pictures called so, a tenth held back; of the others all, or `most` drawn by the seed.
    Raises UserError where too few or too many are a visitor's own.
    """
    if name == "digits":
        return sets.split(*digits(), most, seed)
    if name == "heads":
        return sets.split(heads(), None, most, seed)
    if not FEWEST <= len(own) <= MOST:
        raise UserError(
            "{count} pictures came: to learn from, {fewest} to {most} are needed.",
            count=len(own),
            fewest=FEWEST,
            most=MOST,
        )
    stacked = torch.from_numpy(np.stack([upload.pixels for upload in own]))
    return sets.split(stacked.permute(0, 3, 1, 2).contiguous(), None, most, seed)


@cache
def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """Handwritten digits uint8 [1797, 1, 16, 16], twice as large as they come, and which digit each
    is.
    """
    with gzip.open(FOLDER / "digits.csv.gz", "rt") as file:
        rows = np.loadtxt(file, delimiter=",", dtype=np.uint8)
    grey = torch.from_numpy(rows[:, :-1]).float().view(-1, 1, 8, 8) * (255 / 16)
    larger = torch.nn.functional.interpolate(grey, scale_factor=2, mode="bilinear")
    return larger.round().to(torch.uint8), torch.from_numpy(rows[:, -1]).long()


@cache
def heads() -> torch.Tensor:
    """Rendered heads uint8 [5000, 3, 32, 32]."""
    sheet = np.asarray(Image.open(FOLDER / "heads.jpg"))
    rows, columns = sheet.shape[0] // SIDE, sheet.shape[1] // SIDE
    placed = sheet.reshape(rows, SIDE, columns, SIDE, 3).transpose(0, 2, 4, 1, 3)
    return torch.from_numpy(placed.reshape(-1, 3, SIDE, SIDE).copy())


def opened(path: str | Path) -> Upload:
    """A visitor's picture, its middle square shrunk to 32 px at once: of hundreds none is held
    whole. Raises UserError.
    """
    upload = open_upload(path)
    picture = to_picture(upload.pixels)
    if picture.mode in ("LA", "RGBA"):
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    edge = min(picture.size)
    left, top = (picture.width - edge) // 2, (picture.height - edge) // 2
    small = picture.convert("RGB").resize(
        (SIDE, SIDE), Image.Resampling.LANCZOS, box=(left, top, left + edge, top + edge)
    )
    return replace(upload, pixels=np.array(small))
