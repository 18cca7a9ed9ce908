"""What is damaged of a picture, found and drawn as a mask that Repair takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import numpy as np

from ganapps.device import Device
from ganapps.errors import UserError
from ganapps.networks.contracts import DamageFinder, Network
from ganapps.pictures.uploads import Upload
from ganapps.report import Made, Step
from ganapps.settings import Picture
from ganapps.tasks import planes
from ganapps.tasks.find_damage import Search
from ganapps.tasks.labels import Labels
from ganapps.tasks.shared import FORMATS
from ganapps.tasks.task import Task


def scratches(
    network: Network,
    device: Device,
    labels_of_model: Labels | None,
    picture: Annotated[Upload, Picture(FORMATS)],
) -> Iterator[Step]:
    """A mask of `picture`: white where scratches, dust and folds are; a Step after every window,
    the last one holds the mask. Raises UserError for another kind of model.
    """
    if not isinstance(network, DamageFinder):
        raise UserError("This model does not look for scratches: choose one that does.")
    source = picture.pixels
    search = Search(network, device, planes.colours(source))
    for done in search.through():
        yield Step(done, search.total + 1, (), search.calls(), search.changes())
    pixels = np.where(search.found[..., None], 255, 0).astype(np.uint8)
    figures = {"damaged_share": round(float(search.found.mean()), 5)}
    caption = f"{pixels.shape[1]} x {pixels.shape[0]}"
    made = Made(pixels, caption, {}, figures=figures)
    yield Step(search.total + 1, search.total + 1, (made,))


SCRATCHES = Task(
    "scratches",
    scratches,
    models="scratches",
    work=(),
    says="Find scratches, dust and folds of a picture: a mask for /repair, white where they are.",
)
