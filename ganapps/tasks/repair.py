"""What is marked of a picture filled, and nothing else of it changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol

import numpy as np
from PIL import Image

from ganapps.device import Device
from ganapps.errors import Message, UserError
from ganapps.networks.contracts import Inpainter, Network, PicturePrior, StyleGenerator
from ganapps.pictures import masks
from ganapps.pictures.uploads import Upload
from ganapps.report import Made, Step
from ganapps.settings import Mask, Picture, Setting
from ganapps.tasks import finish, hidden, planes
from ganapps.tasks.fill_tiles import Filling
from ganapps.tasks.fit_face import FaceFit
from ganapps.tasks.fit_prior import PriorFit
from ganapps.tasks.labels import Labels
from ganapps.tasks.maker import number
from ganapps.tasks.shared import FORMATS, KeepPlace, Seed
from ganapps.tasks.task import Task

CONTEXT = 64  # pixels around the hole that a network sees at least
PRIOR = "a Deep Image Prior or a face generator"

MaskText = Annotated[
    str,
    Setting(longest=masks.LONGEST, says="what to fill, as a text that a recipe holds"),
    Mask(of="picture", says="what to fill: white, or painted on nothing; of the picture's shape"),
]
Box = Annotated[list[int], Setting(says="fill this rectangle too: [x, y, width, height]")]
Alpha = Annotated[
    bool,
    Setting(label="Fill what is transparent", seldom=True, says="fill what is transparent, too"),
]
Grow = Annotated[
    int,
    Setting(
        0,
        64,
        label="Grow the mark by (pixels): a rim left outside grows back",
        slider=(0, 64),
        says="pixels by which the mark is grown: a rim of the thing left outside grows back",
    ),
]
Feather = Annotated[
    int,
    Setting(
        0,
        64,
        label="Soft rim (pixels outside the mark that change, too)",
        slider=(0, 64),
        seldom=True,
        says="pixels outside the mark over which the filling fades out; 0 changes nothing there",
    ),
]
FitSteps = Annotated[
    int,
    Setting(
        1,
        20_000,
        label="Steps of the fitting",
        slider=(50, 3000),
        step=50,
        says="steps of the fitting; left out, what suits the model",
        only_for=PRIOR,
    ),
]
Does = Annotated[
    Literal["fill", "denoise", "enlarge"],
    Setting(
        label="What the prior does",
        choices=(("fill the mark", "fill"), ("remove noise", "denoise"), ("enlarge x2", "enlarge")),
        seldom=True,
        says="fill what is marked, or remove noise from all of it, or enlarge it twice",
        only_for="a Deep Image Prior",
    ),
]
FaceBox = Annotated[
    list[int],
    Setting(
        says="the square around the head, as the generator draws one: [x, y, side]; left out, the "
        "middle of the picture",
        only_for="a face generator",
    ),
]


class Filler(Protocol):
    """One picture on its way; `result` [H, W, 3] is there at the end."""

    total: int
    figures: dict[str, Any]
    preview: tuple[Image.Image, ...]
    result: np.ndarray

    def through(self) -> Iterator[int]:
        """How much of `total` is done, again and again."""
        ...

    def calls(self) -> int:
        """Network calls since this was last asked."""
        ...

    def changes(self) -> tuple[Message, ...]:
        """What had to be changed since this was last asked."""
        ...


@dataclass(frozen=True)
class Hole:
    """What is to be filled of a picture: `weights` [H, W] float32, 1 in the hole, falling to 0 over
    the soft rim; `top`, `left`, `bottom`, `right` of what a network is shown.
    """

    weights: np.ndarray
    top: int
    left: int
    bottom: int
    right: int

    def crop(self, pixels: np.ndarray) -> np.ndarray:
        """The part of [H, W, ...] that a network is shown."""
        return pixels[self.top : self.bottom, self.left : self.right]

    def shown(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of a picture [H, W, C], what a network is shown: colours [h, w, 3] that go on under what
        is transparent, and which of them are known [h, w].
        """
        return planes.colours(hidden.extended(self.crop(pixels))), self.crop(self.weights) < 1


def repair(
    network: Inpainter | PicturePrior | StyleGenerator,
    device: Device,
    labels_of_model: Labels | None,
    picture: Annotated[Upload, Picture(FORMATS)],
    *,
    mask: MaskText | None = None,
    box: Box | None = None,
    alpha: Alpha = False,
    grow: Grow = 4,
    feather: Feather = 0,
    steps: FitSteps | None = None,
    seed: Seed = 0,
    does: Does = "fill",
    face: FaceBox | None = None,
    keep_place: KeepPlace = False,
) -> Iterator[Step]:
    """`picture` with what `mask`, `box` and `alpha` mark filled; a Step after every window, or
    every few steps of a fitting, which show how it looks; the last one holds the result.

    The mark is grown by `grow` pixels. Outside of it nothing changes by a level, but for `feather`
    pixels over which the filling fades out. `steps`, `seed`, `does` and `face` are of what is
    fitted to the picture alone. Raises UserError where nothing is marked, or everything.
    """
    if does != "fill" and not isinstance(network, PicturePrior):
        raise UserError("This model only fills: leave out what the prior does.")
    source = picture.pixels
    about = {"icc": picture.icc, "date": picture.date, "gps": picture.gps if keep_place else None}
    if isinstance(network, PicturePrior) and does != "fill":
        whole = PriorFit(network, device, planes.colours(source), None, steps, number(seed), does)
        yield from _stepped(whole)
        pixels = as_many(whole.result, source.shape[2])
        yield _last(whole, pixels, source, about, whole.figures, ())
        return
    hole = found(source, mask, box, alpha, grow, feather)
    filler = _filler(network, device, source, hole, {"steps": steps, "seed": seed, "face": face})
    yield from _stepped(filler)
    pixels = pasted(source, filler.result, hole)
    figures = {**filler.figures, "filled_share": round(float(hole.weights.mean()), 5)}
    yield _last(filler, pixels, source, about, figures, _said(hole, grow, feather))


REPAIR = Task(
    "repair",
    repair,
    models="repair",
    work=("steps",),
    says="Fill what is marked of a picture. Nothing else of it changes.",
    also=("faces",),
    trial={"box": [24, 24, 24, 24]},
)


def found(
    source: np.ndarray,
    mask: str | None,
    box: list[int] | None,
    alpha: bool,
    grow: int,
    feather: int,
) -> Hole:
    """What is to be filled of [H, W, C]. Raises UserError where that is nothing or everything."""
    height, width = source.shape[:2]
    marked = np.zeros((height, width), bool)
    if mask:
        marked |= masks.fitted(masks.unpacked(mask), (width, height))
    if box:
        marked |= masks.boxed((width, height), box)
    if alpha:
        marked |= masks.transparent(source)
    if not marked.any():
        raise UserError("Nothing is marked: paint over what shall be filled, or give a box.")
    return hole_of(marked, grow, feather)


def hole_of(marked: np.ndarray, grow: int, feather: int) -> Hole:
    """What is to be filled where [H, W] is marked, which is something. Raises UserError where that
    is everything.
    """
    height, width = marked.shape
    weights = _weights(marked, grow, feather)
    if (weights == 1).all():
        raise UserError(
            "Everything is marked, so nothing is left to go by: mark less, or grow the mark less."
        )
    top, left, bottom, right = masks.bounds(weights > 0)
    around = max(CONTEXT, (bottom - top) // 2, (right - left) // 2)
    return Hole(
        weights,
        max(0, top - around),
        max(0, left - around),
        min(height, bottom + around),
        min(width, right + around),
    )


def _weights(marked: np.ndarray, grow: int, feather: int) -> np.ndarray:
    """[H, W]: 1 in the mark and up to `grow` pixels from it, 0 from `feather` pixels beyond."""
    weights = marked.astype(np.float32)
    reach = grow + feather
    if not reach:
        return weights
    top, left, bottom, right = masks.bounds(marked)
    near = (
        slice(max(0, top - reach), bottom + reach),
        slice(max(0, left - reach), right + reach),
    )
    beyond = masks.distances(marked[near], reach) - grow
    rim = np.where(beyond <= feather, 1 - beyond / (feather + 1), 0)
    weights[near] = np.where(beyond <= 0, 1, rim)
    return weights


def pasted(source: np.ndarray, filled: np.ndarray, hole: Hole) -> np.ndarray:
    """`source` [H, W, C] with `filled` [h, w, 3], of the hole's crop, where the hole is; what is
    filled is opaque.
    """
    pixels = source.copy()
    part, weights = hole.crop(pixels), hole.crop(hole.weights)
    inside = weights > 0
    share = weights[inside][:, None]
    colours = filled[inside].astype(np.float32)
    channels = 3 if source.shape[2] > 2 else 1
    if channels == 1:
        colours = colours.mean(axis=1, keepdims=True)
    old = part[inside].astype(np.float32)
    new = old.copy()
    new[:, :channels] = old[:, :channels] + share * (colours - old[:, :channels])
    if planes.has_alpha(source):
        new[:, -1:] = np.maximum(old[:, -1:], share * np.iinfo(source.dtype).max)
        clear = old[:, -1] == 0  # a colour that nobody saw has no say in a soft rim
        new[clear, :channels] = colours[clear]
    part[inside] = (new + 0.5).astype(source.dtype)
    return pixels


def _filler(
    network: Network, device: Device, source: np.ndarray, hole: Hole, asked: dict[str, Any]
) -> Filler:
    """Who fills. Raises UserError where this model does not, or takes no such setting."""
    crop, known = hole.shown(source)
    if isinstance(network, PicturePrior):
        return PriorFit(network, device, crop, known, asked["steps"], number(asked["seed"]))
    if isinstance(network, StyleGenerator):
        place = _square(source, hole, asked["face"])
        return FaceFit(network, device, crop, known, place, asked["steps"], number(asked["seed"]))
    if not isinstance(network, Inpainter):
        raise UserError("This model does not fill holes: choose a filler.")
    if asked["steps"] is not None:
        raise UserError(
            "This model is not fitted to the picture and takes no steps: leave them out."
        )
    return Filling(network, device, crop, known)


def _square(source: np.ndarray, hole: Hole, face: list[int] | None) -> tuple[int, int, int]:
    """(top, left, side) of the head's square, in the hole's crop."""
    height, width = source.shape[:2]
    if face is None:
        side = min(height, width)
        face = [(width - side) // 2, (height - side) // 2, side]
    whole = all(isinstance(n, int) and not isinstance(n, bool) for n in face)
    if len(face) != 3 or not whole or face[2] < 1:
        raise UserError("A head's square is three whole numbers: x, y, side.")
    x, y, side = face
    if side > 2 * max(height, width) or not (-side < x < width and -side < y < height):
        raise UserError(
            "A head's square lies on the picture, which has {width} x {height} pixels, and is at "
            "most twice as large.",
            width=width,
            height=height,
        )
    return y - hole.top, x - hole.left, side


def _stepped(filler: Filler) -> Iterator[Step]:
    for done in filler.through():
        shown = filler.preview
        yield Step(done, filler.total + 1, (), filler.calls(), filler.changes(), preview=shown)


def _last(
    filler: Filler,
    pixels: np.ndarray,
    source: np.ndarray,
    about: dict[str, Any],
    figures: dict[str, Any],
    said: tuple[Message, ...],
) -> Step:
    caption = f"{pixels.shape[1]} x {pixels.shape[0]}"
    beside = finish.shown(pixels, source)
    made = Made(pixels, caption, {}, figures=figures, beside=beside, about=about)
    total = filler.total + 1
    return Step(total, total, (made,), filler.calls(), filler.changes() + said)


def _said(hole: Hole, grow: int, feather: int) -> tuple[Message, ...]:
    """What of the picture was changed beyond the mark that came."""
    said: tuple[Message, ...] = ()
    if grow:
        said += (Message("The mark was grown by {count:pixel|pixels}.", count=grow),)
    if feather:
        count = int(((hole.weights > 0) & (hole.weights < 1)).sum())
        said += (
            Message(
                "Outside the mark, {count:pixel|pixels} of a soft rim {width} wide changed, too.",
                count=count,
                width=feather,
            ),
        )
    return said


def as_many(colours: np.ndarray, channels: int) -> np.ndarray:
    """[H, W, 3] as the colours of a picture with so many channels."""
    if channels > 2:
        return colours
    return (colours.astype(np.float32).mean(axis=2, keepdims=True) + 0.5).astype(colours.dtype)
