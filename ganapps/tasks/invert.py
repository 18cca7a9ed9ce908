"""A picture as a face of a generator's own: the styles that draw it most alike, perhaps by a copy
of the generator that is tuned to it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

from torch import Tensor

from ganapps.device import Device
from ganapps.errors import Message
from ganapps.networks.contracts import FaceFinder, FaceGenerator, StyleEncoder, StyleGenerator
from ganapps.pictures.images import from_tensor
from ganapps.pictures.uploads import Upload
from ganapps.report import Made, Step
from ganapps.settings import Picture, Setting
from ganapps.tasks import planes, upright
from ganapps.tasks.directions import Directions, Known
from ganapps.tasks.edit import Course, checked
from ganapps.tasks.labels import Labels
from ganapps.tasks.maker import Maker
from ganapps.tasks.search_face import Search, Space
from ganapps.tasks.shared import FORMATS
from ganapps.tasks.styles import Face, packed, rounded, styled
from ganapps.tasks.task import Settings, Task
from ganapps.tasks.tune import Tuning

# of 255: a face that the model knows comes nearer. In 100 steps 45 of 49 held-back heads did with
# Heads 128, and 4 of 23 faces of photographs (benchmarks/inversion.py)
UNKNOWN = 17.0
# from a guess on: in 50 steps held-back heads came to 12 at most, in 100 a photograph to 15
UNKNOWN_FROM_GUESS = 14.0
PREVIEW = 0.3  # seconds between two looks
TUNING = 2  # steps of the search in whose time one of tuning is done

Start = Literal["average", "encoder"]


def invert(
    network: FaceGenerator,
    device: Device,
    labels_of_model: Labels | None,
    known: Known | None,
    finder: FaceFinder,
    encoder: StyleEncoder | None,
    picture: Annotated[Upload, Picture(FORMATS)],
    *,
    steps: Annotated[
        int,
        Setting(10, 1000, label="Steps", slider=(25, 300), says="steps of the search"),
    ] = 100,
    space: Annotated[
        Space,
        Setting(
            label="How",
            choices=(("more alike (W+)", "w+"), ("better to edit (W)", "w")),
            says="w+: each layer has styles of its own, more alike; w: all have the same, better "
            "to edit",
        ),
    ] = "w+",
    points: Annotated[
        list[Any],
        Setting(
            says="where the face has both eyes, the tip of the nose and both corners of the mouth, "
            "as five [x, y] in pixels of the picture; without them they are looked for"
        ),
    ]
    | None = None,
    start: Annotated[
        Start,
        Setting(
            label="Begins with",
            choices=(("a guess of its encoder", "encoder"), ("the average face", "average")),
            says="encoder: with the guess of the encoder that ships for the model, where one does, "
            "which comes nearer in fewer steps; average: with the model's average face",
        ),
    ] = "average",
    tuning: Annotated[
        int,
        Setting(
            0,
            500,
            label="Tune a copy of the model to it (steps)",
            slider=(0, 200),
            step=10,
            says="steps in which a copy of the model is tuned to the picture around the face that "
            "was found (pivotal tuning), which then draws it and is thrown away; 0: none is",
        ),
    ] = 0,
    edits: Annotated[
        dict[str, Any],
        Setting(
            says="how far the face that was found then goes along which directions, as the task "
            "`edit` takes them: drawn by the tuned copy, where there is one",
            free_text=True,
        ),
    ]
    | None = None,
) -> Iterator[Step]:
    """The face of this generator that is most like the one in the picture, which is found and
    turned as this model's own faces stand.

    First come its figures: `error` is how far it is from the picture, as a root mean square of 255.
    `styles` is the face as text, to be edited, pulled or bred; `points` are those that were used.
    `beside` has the turned picture and what was found. With `tuning` it has what the tuned copy
    makes of it, too, and `tuned_error` says how far that is from the picture.
    """
    moves = checked(edits or {})
    network = styled(network)
    make = Maker(network, device, labels_of_model, None, "const")
    search = Search(network, make, steps, space)
    x = planes.to_planes(planes.on_white(picture.pixels), 3)
    places, said = _places(finder, x, points)
    own = upright.own_points(finder, _shares(search.average(), network))
    turned = upright.turned(x, places, own, network.resolution)
    low, high = network.value_range
    wanted = (turned * (high - low) + low).to(device.name)
    search.aim(wanted)
    if start == "encoder":
        said = (*search.guess(encoder, wanted), *said)
    total = steps + TUNING * tuning
    yield from _watched(search, steps, network, lambda gone: gone, total)
    ws = rounded(search.ws)
    drawn, changes = make.pictures(ws, [0], None)
    error = _apart(drawn, wanted, network.value_range)
    told = _told(error, search.guessed)
    figures = {
        "error": error,
        "styles": packed(ws),
        "points": [[round(px, 1), round(py, 1)] for px, py in places],
    }
    beside = {"before": _shown(wanted, network), "after": _shown(drawn, network)}
    shown, calls = beside["after"], search.calls() + make.calls()
    if tuning:
        tuned = Tuning(network, ws, wanted)
        yield from _watched(tuned, tuning, network, lambda gone: steps + TUNING * gone, total)
        calls += tuned.calls()
        make = Maker(tuned.network, device, labels_of_model, None, "const")
        drawn, more = make.pictures(ws, [0], None)
        left = figures["tuned_error"] = _apart(drawn, wanted, network.value_range)
        told, changes = (*told, _tuned_told(left, tuning)), (*changes, *more)
        shown = beside["tuned"] = _shown(drawn, network)
    if moves:
        found = Directions(network, device.name, labels_of_model, known or Known())
        course = Course(make, found, Face(ws), 1.0, [])
        drawn, more = course.picture(course.moved(moves), 0)
        changes, shown = (*changes, *course.said, *more), _shown(drawn, network)
    made = Made(shown, f"error {error:.0f}", {}, figures=figures, beside=beside)
    yield Step(total, total, (made,), calls + make.calls(), (*told, *said, *changes))


def _work(settings: Settings) -> float:
    return settings["steps"] + TUNING * settings["tuning"]


INVERT = Task(
    "invert",
    invert,
    models="faces",
    work=_work,
    says="Find the face of a generator that is most like the one in a picture.",
    directed=True,
    finds=True,
    encodes=True,
)


def _watched(
    work: Search | Tuning,
    steps: int,
    network: StyleGenerator,
    told: Callable[[int], int],
    total: int,
) -> Iterator[Step]:
    """All its steps, with a look at them now and then; `told` gives how much of `total` is done
    after so many.
    """
    seen = time.monotonic()
    while work.gone < steps:
        work.step()
        if work.gone < steps and time.monotonic() - seen > PREVIEW:
            preview = tuple(from_tensor(work.drawn, network.value_range))
            yield Step(told(work.gone), total, (), work.calls(), (), preview)
            seen = time.monotonic()


def _places(
    finder: FaceFinder, x: Tensor, points: list[Any] | None
) -> tuple[list[upright.Point], tuple[Message, ...]]:
    """The points of the face: those that a person gave, else those that are found."""
    if points is None:
        return upright.points_in(finder, x)
    return upright.checked(points), ()


def _shares(x: Tensor, network: StyleGenerator) -> Tensor:
    """A picture of the network as shares of white, 0 to 1."""
    low, high = network.value_range
    return ((x.float() - low) / (high - low)).clamp(0, 1)


def _apart(x: Tensor, wanted: Tensor, values: tuple[float, float]) -> float:
    low, high = values
    away = (x.float().clamp(low, high) - wanted).square().mean().sqrt()
    return round(float(away) * 255 / (high - low), 1)


def _shown(x: Tensor, network: StyleGenerator) -> Any:
    return from_tensor(x, network.value_range)[0]


def _told(error: float, guessed: bool) -> tuple[Message, ...]:
    """How near the model came, first of all."""
    said = [
        Message(
            "The nearest face found differs from the picture by {error} of 255 levels (root mean "
            "square).",
            error=error,
        )
    ]
    if error >= (UNKNOWN_FROM_GUESS if guessed else UNKNOWN):
        said.append(
            Message(
                "This picture is not what this model knows: edits will show somebody else. "
                "Choose a model of photographs (FFHQ)."
            )
        )
    return tuple(said)


def _tuned_told(error: float, steps: int) -> Message:
    return Message(
        "A copy of the model, tuned to it in {count:step|steps}, differs by {error}. The face as "
        "text, and what is made of it elsewhere, are of the model itself.",
        count=steps,
        error=error,
    )
