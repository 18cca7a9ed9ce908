"""One face, moved through its generator's styles; what else moved is read off the pictures."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Annotated, Any

from torch import Tensor

from ganapps.device import Device
from ganapps.errors import Message, UserError
from ganapps.networks.contracts import FaceGenerator
from ganapps.pictures.images import from_tensor
from ganapps.report import Made, Step
from ganapps.settings import Setting, within
from ganapps.tasks import readings
from ganapps.tasks.directions import FOUND, Directions, Known
from ganapps.tasks.labels import Labels
from ganapps.tasks.maker import Maker, number
from ganapps.tasks.shared import Chosen, Noise, Psi, Seed
from ganapps.tasks.styles import Face, Styles, begun, no_layers, packed, styled
from ganapps.tasks.task import Task

MOST, FARTHEST = 20, 5.0
LONGEST_NAME = 40  # characters of a name that a person gives


def edit(
    network: FaceGenerator,
    device: Device,
    labels_of_model: Labels | None = None,
    known: Known | None = None,
    *,
    seed: Seed = 0,
    edits: Annotated[
        dict[str, Any],
        Setting(
            says='how far to go along which directions, such as {"smile": 0.8, "pca-3": -1}; 1 is '
            "a label's whole way, or one standard deviation of what was found",
            free_text=True,
        ),
    ]
    | None = None,
    hold: Annotated[
        list[Any],
        Setting(says='directions along which a face is to stay, such as ["age"]'),
    ]
    | None = None,
    names: Annotated[
        dict[str, Any],
        Setting(
            says='what a person calls directions, such as {"pca-3": "hat"}',
            free_text=True,
        ),
    ]
    | None = None,
    first_layer: Annotated[
        int,
        Setting(0, 31, label="from layer", seldom=True, says="the first layer that is edited"),
    ] = 0,
    last_layer: Annotated[
        int,
        Setting(
            0, 31, label="to layer", seldom=True, beside=True, says="the last layer that is edited"
        ),
    ] = 31,
    psi: Psi = 0.7,
    labels: Chosen | None = None,
    styles: Styles | None = None,
    noise: Noise = "const",
) -> Iterator[Step]:
    """The face of `seed` (or of `styles`), moved along directions by strengths from -5 to 5.

    Directions are those of the model's labels, those that ship for it, the principal components of
    its styles (`pca-1`, ...) and its layers' own (`sefa-1`, ...). Where a reader of pictures ships
    for the model, the figures say what each edit alone moved, and `beside` is the face before;
    where a reader of whole faces ships, `likeness`, how alike both are in whom they show (1: the
    same, 0: strangers), and `shows`, what it reads in the face.
    """
    network = styled(network)
    make = Maker(network, device, labels_of_model, labels, noise)
    face = begun(make, seed, psi, styles)
    found = Directions(
        network, device.name, labels_of_model, known or Known(), (first_layer, last_layer)
    )
    moves = checked(edits or {})
    held = held_by(hold or [], moves)
    for name in held:
        found.find(name)  # one that is unknown is refused, whether anything moves or not
    unmoved = no_layers(network, first_layer, last_layer) if moves else ()
    called = _called(names or {}, found)
    course = Course(make, found, face, psi, held)
    ws = course.moved(moves)
    x, changes = course.picture(ws, number(seed))
    moved, before = course.readings(moves, x, number(seed))
    figures: dict[str, Any] = {"styles": packed(ws)}
    if moved:
        figures["moved"] = {called.get(name, name): told for name, told in moved.items()}
    faces = found.known.faces
    if before is not None and faces is not None:
        figures["likeness"] = readings.likeness(faces, before, x)
        figures["shows"] = readings.shows(faces, labels_of_model, x) if labels_of_model else {}
    beside = {} if before is None else {"before": from_tensor(before, network.value_range)[0]}
    caption = ", ".join(f"{called.get(name, name)} {far:+g}" for name, far in moves.items())
    (picture,) = from_tensor(x, network.value_range)
    made = Made(picture, caption or "as it is", {}, figures=figures, beside=beside)
    yield Step(1, 1, (made,), make.calls(), (*course.said, *unmoved, *changes))


EDIT = Task(
    "edit",
    edit,
    models="faces",
    work=(),
    says="Move a face through its generator's styles: older, smiling, turned.",
    directed=True,
)


class Course:
    """One face's way: where edits bring it, alone and together."""

    def __init__(
        self,
        make: Maker,
        directions: Directions,
        face: Face,
        psi: float,
        held: Sequence[str],
    ) -> None:
        self.make, self.directions, self.face, self.psi = make, directions, face, psi
        self.held = held
        self.said: tuple[Message, ...] = ()

    def moved(self, moves: Mapping[str, float]) -> Tensor:
        """Styles [1, num_ws, w_dim] after all of the moves."""
        ws, z = self.face.ws, self.face.z
        steps = []
        for name, far in moves.items():
            way = self.directions.held(name, self.held)
            if way.z_step is not None and z is not None and not self.held:
                z = z + far * way.z_step
                continue
            if self.directions.find(name).z_step is not None:
                self._say_mean(name)
            steps.append(far * way.step)
        if z is not self.face.z:
            assert z is not None, "only a face of a seed moves in z"
            ws = self.make.ws(z, self.face.rows, self.psi, None)
        return ws + sum(steps) if steps else ws

    def picture(self, ws: Tensor, noise_seed: int) -> tuple[Tensor, tuple[Message, ...]]:
        """[1, 3, H, W] of styles, and what had to be changed."""
        return self.make.pictures(ws, [noise_seed], self.face.rows)

    def readings(
        self, moves: Mapping[str, float], together: Tensor, noise_seed: int
    ) -> tuple[dict[str, dict[str, float]], Tensor | None]:
        """For each move alone what moved by how much of its whole way, and the face before; nothing
        where nobody reads it. `together` is the picture of all moves.
        """
        reader = self.directions.known.reader
        if reader is None or not moves:
            return {}, None
        before, _ = self.picture(self.face.ws, noise_seed)
        told = {}
        for name, far in moves.items():
            after = together
            if len(moves) > 1:
                after, _ = self.picture(self.moved({name: far}), noise_seed)
            changed = reader.change(before, after)
            moved = {
                other: readings.along(changed, way.told)
                for other, way in self.directions.ways.items()
            }
            told[name] = readings.worth_saying(moved, name)
        return told, before

    def _say_mean(self, name: str) -> None:
        sentence = Message(
            "The direction {name} was found in z: here its mean step in the styles is taken.",
            name=name,
        )
        if sentence not in self.said:
            self.said = (*self.said, sentence)


def checked(edits: Mapping[str, Any]) -> dict[str, float]:
    """The moves that are asked for, without those of no length. Raises UserError for a strength
    that is none, or too many.
    """
    if len(edits) > MOST:
        raise UserError(
            "{count} directions at once are too many: up to {most} are accepted.",
            count=len(edits),
            most=MOST,
        )
    for name, far in edits.items():
        if not within(far, -FARTHEST, FARTHEST):
            raise UserError(
                "The direction {name} can't be gone by {far}: a number from {low} to {high} is "
                "accepted.",
                name=name,
                far=repr(far),
                low=-FARTHEST,
                high=FARTHEST,
            )
    return {name: float(far) for name, far in edits.items() if far}


def held_by(hold: Sequence[Any], moves: Collection[str]) -> list[str]:
    """The directions to hold. Raises UserError where one is moved, too, or is no name."""
    for name in hold:
        if not isinstance(name, str):
            raise UserError(
                "What is held is a list of directions' names, and {value} is none.",
                value=repr(name),
            )
        if name in moves:
            raise UserError(
                "The direction {name} can't be moved and held at once: leave one out.", name=name
            )
    return list(dict.fromkeys(hold))


def _called(names: Mapping[str, Any], found: Directions) -> dict[str, str]:
    """What a person calls which direction. Raises UserError for a name that is none."""
    for name, given in names.items():
        if not isinstance(given, str) or not 0 < len(given.strip()) <= LONGEST_NAME:
            raise UserError(
                "The direction {name} can't be called {given}: a name has 1 to {most} characters.",
                name=name,
                given=repr(given),
                most=LONGEST_NAME,
            )
        if not FOUND.fullmatch(name):
            found.find(name)
    return {name: given.strip() for name, given in names.items()}
