"""One person otherwise, older or from the front; and how much of the rest changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any

from torch import Tensor

from ganapps.errors import Message
from ganapps.pictures.images import from_tensor
from ganapps.report import Made
from ganapps.settings import Setting
from ganapps.tasks import readings
from ganapps.tasks.directions import Directions
from ganapps.tasks.edit import FARTHEST, Course, held_by
from ganapps.tasks.labels import Labels
from ganapps.tasks.maker import Maker, number
from ganapps.tasks.shared import Chosen, Seed
from ganapps.tasks.styles import begun, packed

# what makes a person, as far as a model has directions for it: they are held while others move
HELD = (
    *("gender", "age", "beard", "glasses: none", "eyeglasses"),
    *("smile", "smiling", "yaw", "pitch", "roll", "pose"),
)

Hold = Annotated[
    list[Any],
    Setting(
        says='directions along which the face is to stay, such as ["smile"]; without a list those '
        "that make a person (gender, glasses, smile, pose)"
    ),
]


class Person:
    """The face of a seed or of `styles`, and the same person otherwise."""

    def __init__(
        self,
        make: Maker,
        directions: Directions,
        meant: Collection[str],
        *,
        seed: Seed,
        psi: float,
        labels: Chosen | None,
        styles: str | None,
        hold: Sequence[Any] | None,
    ) -> None:
        """`meant` are the directions that are to move; `hold` None: what makes a person is held."""
        self.make, self.directions, self.meant = make, directions, meant
        self.noise_seed = number(seed)
        there = {*directions.ways, *directions.known.names}
        if hold is None:
            hold = [name for name in HELD if name in there and name not in meant]
        self.held = held_by(hold, meant)
        self.begins = {"seed": seed, "psi": psi, "labels": labels, "styles": styles}
        face = begun(make, seed, psi, styles)
        self.course = Course(make, directions, face, psi, self.held)
        self._gone: dict[str, float] = {}  # how much of a label's way the face has gone
        self.first, self.changes = self._drawn(face.ws)

    def has(self, name: str) -> float:
        """What the face's styles say of the label of that name, in its own unit: years, degrees."""
        low, high = self._ends(name)
        if name not in self._gone:
            self._gone[name] = self.directions.gone(name, self.course.face.ws)
        return low + self._gone[name] * (high - low)

    def far(self, name: str, value: float) -> float:
        """How far it is from what the face has to that value, as `edit` counts."""
        low, high = self._ends(name)
        return bounded((value - self.has(name)) / (high - low))

    def otherwise(
        self, moves: Mapping[str, float], caption: str, figures: Mapping[str, Any]
    ) -> Made:
        """The person after these moves; its recipe is one of the task `edit`."""
        ws = self.course.moved(moves)
        x, self.changes = self._drawn(ws)
        told = {**figures, "others_moved": self._beside(x), "styles": packed(ws)}
        faces = self.directions.known.faces
        if faces is not None:
            told["likeness"] = readings.likeness(faces, self.first, x)
        settings = {**self.begins, "edits": dict(moves), "hold": self.held}
        (picture,) = from_tensor(x, self.make.network.value_range)
        return Made(picture, caption, settings, task="edit", figures=told)

    def _drawn(self, ws: Tensor) -> tuple[Tensor, tuple[Message, ...]]:
        return self.course.picture(ws, self.noise_seed)

    def _beside(self, x: Tensor) -> float | None:
        """How much moved that was not meant to, of its whole way; None where nobody reads it."""
        reader = self.directions.known.reader
        if reader is None:
            return None
        changed = reader.change(self.first, x)
        moved = {
            name: readings.along(changed, way.told) for name, way in self.directions.ways.items()
        }
        return readings.beside(moved, self.meant)

    def _ends(self, name: str) -> tuple[float, float]:
        table = self.directions.table
        assert table is not None, "a label belongs to a table"
        control = next(control for control in table.controls if control["id"] == name)
        return control["min"], control["max"]


def bounded(far: float) -> float:
    """A strength as `edit` takes it, and as a recipe writes it."""
    return round(min(max(far, -FARTHEST), FARTHEST), 3)


def numbers_among(names: Sequence[str], table: Labels | None) -> list[str]:
    """Those of the names that are labels of a number."""
    kinds = {control["id"]: control["kind"] for control in table.controls} if table else {}
    return [name for name in names if kinds.get(name) == "number"]
