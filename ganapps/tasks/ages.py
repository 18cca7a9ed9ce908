"""The same person from young to old (as Age-cGAN sets out to, Antipov 2017), by the direction that
a generator has for age.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from ganapps.device import Device
from ganapps.errors import Message, UserError
from ganapps.networks.contracts import FaceGenerator
from ganapps.report import Step
from ganapps.settings import Setting
from ganapps.tasks.directions import Directions, Known
from ganapps.tasks.labels import Labels
from ganapps.tasks.maker import Maker
from ganapps.tasks.person import Hold, Person, bounded, numbers_among
from ganapps.tasks.shared import Chosen, Psi, Seed
from ganapps.tasks.styles import Styles, styled
from ganapps.tasks.task import Task

AGE = "age"
YOUNGEST, OLDEST = 18, 75


def ages(
    network: FaceGenerator,
    device: Device,
    labels_of_model: Labels | None = None,
    known: Known | None = None,
    *,
    seed: Seed = 0,
    count: Annotated[
        int,
        Setting(2, 12, label="How many", slider=(2, 12), says="how many pictures"),
    ] = 7,
    hold: Hold | None = None,
    psi: Psi = 0.7,
    labels: Chosen | None = None,
    styles: Styles | None = None,
) -> Iterator[Step]:
    """The face of `seed` (or of `styles`) at `count` ages, from 18 to 75 years.

    A model whose label is the age counts in years, from the one that the face's styles say it has.
    One that knows the way alone (StyleGAN2 of FFHQ) goes from the whole of it back to the whole of
    it on. The figures have `age` (None where no years are known), `far`, as the task `edit` counts
    it, and `others_moved`: how much of their whole way all other labels moved, as a root mean
    square, read off the pictures; None where nobody reads them. Where a reader of whole faces
    ships, `likeness` says whether it is still the same person (1: the same picture, 0: strangers).
    """
    network = styled(network)
    make = Maker(network, device, labels_of_model, labels, "const")
    found = Directions(network, device.name, labels_of_model, known or Known())
    in_years = bool(numbers_among([AGE], labels_of_model))
    if not in_years and AGE not in found.known.names:
        raise UserError(
            "This model has no direction of age: choose Heads 128, or a StyleGAN2 of FFHQ."
        )
    person = Person(make, found, [AGE], seed=seed, psi=psi, labels=labels, styles=styles, hold=hold)
    said = person.changes
    if in_years:
        said = (_read(round(person.has(AGE)), looked_for=bool(styles)), *said)
    for index in range(count):
        share = index / (count - 1)
        if in_years:
            years = round(YOUNGEST + share * (OLDEST - YOUNGEST))
            far, caption = person.far(AGE, years), str(years)
        else:
            years, far = None, bounded(2 * share - 1)
            caption = f"age {far:+g}"
        made = person.otherwise({AGE: far}, caption, {"age": years, "far": far})
        changes = (*said, *person.course.said, *person.changes)
        yield Step(index + 1, count, (made,), make.calls(), changes)
        said = ()


def _read(age: int, looked_for: bool) -> Message:
    """How old a face is by its styles; `looked_for`: perhaps in a picture, by `invert`."""
    if not looked_for:
        return Message("By its styles this face is {age} years old.", age=age)
    return Message(
        "By its styles this face is {age} years old; of a face that was looked for in a picture "
        "that is 23 years off on average: take its years as younger and older.",
        age=age,
    )


AGES = Task(
    "ages",
    ages,
    models="faces",
    work=("count",),
    says="Draw the same person from 18 to 75.",
    directed=True,
)
