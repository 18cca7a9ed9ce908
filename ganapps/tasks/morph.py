"""A film from one face of a family to another and back, through the styles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import torch

from ganapps.device import Device
from ganapps.errors import UserError
from ganapps.networks.contracts import FaceGenerator
from ganapps.pictures.images import from_tensor
from ganapps.report import Made, Step
from ganapps.settings import Setting
from ganapps.tasks.between import RATE, evenness
from ganapps.tasks.breed import Family, People, checked
from ganapps.tasks.labels import Labels
from ganapps.tasks.maker import Maker
from ganapps.tasks.shared import Frames, Psi
from ganapps.tasks.styles import styled
from ganapps.tasks.task import Task


def morph(
    network: FaceGenerator,
    device: Device,
    labels_of_model: Labels | None = None,
    *,
    family: Family,
    begin: Annotated[str, Setting(longest=400, says="who of them the film begins with")],
    end: Annotated[str, Setting(longest=400, says="to whom it goes, and from there back")],
    frames: Frames = 16,
    psi: Psi = 0.7,
) -> Iterator[Step]:
    """A film of `frames` pictures from one of a family to another, on the straight line between
    their styles, and back. Its recipe holds both lineages and no more of the family.
    """
    network = styled(network)
    make = Maker(network, device, labels_of_model, None, "const")
    people = People(make, checked(family), psi)
    for name in (begin, end):
        if name not in people.family:
            raise UserError(
                "{name} is not in the family: {known} are.",
                name=name,
                known=", ".join(people.family),
            )
    first, last = people.styles(begin), people.styles(end)
    film: list = []
    while len(film) < frames:
        x, changes = make.pictures(torch.lerp(first, last, len(film) / (frames - 1)), [0], None)
        film += from_tensor(x, network.value_range)
        if len(film) < frames:
            yield Step(len(film), frames, (), make.calls(), changes)
    made = Made(
        film[0],
        f"{begin} to {end}"[:80],
        {"family": people.lineage([begin, end])},
        frames=tuple(film + film[-2:0:-1]),
        frames_per_second=RATE,
        figures=evenness(film),
    )
    yield Step(frames, frames, (made,), make.calls(), changes)


MORPH = Task(
    "morph",
    morph,
    models="faces",
    work=("frames",),
    says="Film the way from one face of a family to another, and back.",
)
