"""What is marked of a picture filled, and nothing else of it changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal, Protocol

import numpy as np
from PIL import Image

from ganapps.device import Device
from ganapps.errors import Message, UserError
from ganapps.networks.contracts import Inpainter, Network, PicturePrior, StyleGenerator
from ganapps.pictures import masks
from ganapps.pictures.uploads import Upload
from ganapps.report import Made, SoFar, Step
from ganapps.settings import Mask, Picture, Setting
from ganapps.tasks import finish, planes
from ganapps.tasks.fill_tiles import Filling
from ganapps.tasks.fit_face import FaceFit
from ganapps.tasks.fit_prior import PriorFit
from ganapps.tasks.hole import Hole, as_many, beyond, found, mixed, pasted, shown_megapixels
from ganapps.tasks.labels import Labels
from ganapps.tasks.maker import number
from ganapps.tasks.shared import FORMATS, KeepPlace, Seed
from ganapps.tasks.task import Task

LOOKS = 200  # values of a fitting's curve that are told
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
    """One picture on its way; `result` [H, W, 3] is there at the end. `curve` holds how far what is
    fitted is from what is known, at each look; it is empty where nothing is fitted.
    """

    total: int
    figures: dict[str, Any]
    curve: list[float]
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
        channels = source.shape[2]
        for step in _stepped(whole):
            yield replace(step, so_far=_so_far(whole, as_many(whole.result, channels), None))
        pixels = as_many(whole.result, channels)
        yield _last(whole, pixels, source, about, whole.figures, ())
        return
    hole = found(source, mask, box, alpha, grow, feather)
    filler = _filler(network, device, source, hole, {"steps": steps, "seed": seed, "face": face})
    for step in _stepped(filler):
        if isinstance(filler, PriorFit):
            part = mixed(hole.crop(source), filler.result, hole.crop(hole.weights))
            step = replace(step, so_far=_so_far(filler, part, (hole.top, hole.left)))
        yield step
    pixels = pasted(source, filler.result, hole)
    figures = {**filler.figures, "filled_share": round(float(hole.weights.mean()), 5)}
    said = masks.laid(mask or "", (source.shape[1], source.shape[0]))
    said += beyond(hole, grow, feather)
    yield _last(filler, pixels, source, about, figures, said)


REPAIR = Task(
    "repair",
    repair,
    models="repair",
    work=("steps",),
    megapixels=shown_megapixels,
    says="Fill what is marked of a picture. Nothing else of it changes.",
    also=("faces",),
    trial={"box": [24, 24, 24, 24]},
)


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
    if asked["face"] is not None:
        raise UserError("This model does not look for a head: leave out where it is.")
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
        yield Step(
            done,
            filler.total + 1,
            (),
            filler.calls(),
            filler.changes(),
            preview=filler.preview,
            numbers={"curve": _thinned(filler.curve)} if filler.curve else {},
        )


def _thinned(curve: Sequence[float]) -> list[float]:
    """As many of its values as a drawing needs, the first and the last among them."""
    rare = max(1, len(curve) // LOOKS)
    return [*curve[:-1:rare], *curve[-1:]]


def _so_far(prior: PriorFit, pixels: np.ndarray, corner: tuple[int, int] | None) -> SoFar:
    """What fewer steps would have made."""
    return SoFar(pixels, {"steps": prior.figures["steps"]}, corner, prior.figures)


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
