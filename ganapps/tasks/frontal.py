"""The same person from the front (as TP-GAN sets out to, Huang 2017): yaw and pitch to zero."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ganapps.device import Device
from ganapps.errors import Message, UserError
from ganapps.networks.contracts import FaceGenerator
from ganapps.pictures.images import from_tensor
from ganapps.report import Step
from ganapps.tasks.directions import Directions, Known
from ganapps.tasks.labels import Labels
from ganapps.tasks.maker import Maker
from ganapps.tasks.person import Hold, Person, numbers_among
from ganapps.tasks.shared import Chosen, Psi, Seed
from ganapps.tasks.styles import Styles, styled
from ganapps.tasks.task import Task

TURNS = ("yaw", "pitch")


def frontal(
    network: FaceGenerator,
    device: Device,
    labels_of_model: Labels | None = None,
    known: Known | None = None,
    *,
    seed: Seed = 0,
    hold: Hold | None = None,
    psi: Psi = 0.7,
    labels: Chosen | None = None,
    styles: Styles | None = None,
) -> Iterator[Step]:
    """The face of `seed` (or of `styles`) turned to the front: how far it is turned is read off its
    styles, and the directions of the model's labels take that back.

    The figures have `yaw` and `pitch` before, in degrees, and `others_moved`: how much of their
    whole way all other labels moved, as a root mean square, read off the pictures. `beside` is the
    face before.
    """
    network = styled(network)
    make = Maker(network, device, labels_of_model, labels, "const")
    turns = numbers_among(TURNS, labels_of_model)
    if not turns:
        raise UserError(
            "This model does not tell how far a head is turned: choose Heads 128 or Heads 64."
        )
    found = Directions(network, device.name, labels_of_model, known or Known())
    person = Person(make, found, turns, seed=seed, psi=psi, labels=labels, styles=styles, hold=hold)
    has = {name: round(person.has(name), 1) for name in turns}
    moves = {name: person.far(name, 0.0) for name in turns}
    made = person.otherwise(moves, "from the front", has)
    (before,) = from_tensor(person.first, network.value_range)
    said = Message(
        "By its styles this head was turned by {yaw} degrees, and looked up by {pitch}.",
        yaw=has.get("yaw", 0.0),
        pitch=has.get("pitch", 0.0),
    )
    yield Step(
        1,
        1,
        (replace(made, beside={"before": before}),),
        make.calls(),
        (said, *person.changes),
    )


FRONTAL = Task(
    "frontal",
    frontal,
    models="faces",
    work=(),
    says="Turn a face to the front.",
    directed=True,
)
