"""An old photograph mended in one chain, every step a switch: noise, scratches, colour, size,
faces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any

import numpy as np

from ganapps.device import Device
from ganapps.errors import UserError
from ganapps.networks.contracts import FaceFinder, FaceLikeness, Network
from ganapps.pictures.uploads import Upload
from ganapps.report import Made, Step
from ganapps.settings import Model, Picture, Setting
from ganapps.tasks import find_faces, finish
from ganapps.tasks.chain import Chain
from ganapps.tasks.colourise import dabs_of
from ganapps.tasks.mend_faces import squares_of
from ganapps.tasks.repair import Grow, MaskText
from ganapps.tasks.shared import FORMATS, KeepPlace
from ganapps.tasks.task import Task

Blocks = Annotated[
    str,
    Setting(label="Remove JPEG's blocks with", says="the model that removes JPEG's blocks"),
    Model("restore-blocks"),
]
Noise = Annotated[
    str,
    Setting(label="Remove noise with", says="the model that removes noise"),
    Model("restore-noise"),
]
Scratches = Annotated[
    str,
    Setting(label="Find scratches with", says="the model that finds scratches, which are filled"),
    Model("scratches"),
]
Enlarge = Annotated[
    str,
    Setting(label="Enlarge with", says="the upscaler that enlarges the picture"),
    Model("upscale"),
]
Faces = Annotated[
    str,
    Setting(label="Mend faces with", says="the model that mends faces"),
    Model("restore-faces"),
]
Heads = Annotated[
    list[list[int]],
    Setting(
        says="squares around the faces to mend, in the picture as it came: [[x, y, side], ...]; "
        "left out, every face that is found"
    ),
]
Cleaning = Annotated[
    float,
    Setting(
        0,
        1,
        label="How much of the noise goes",
        slider=(0, 1),
        step=0.05,
        says="how much of the noise goes, 0 to 1",
    ),
]
Fidelity = Annotated[
    float,
    Setting(
        0,
        1,
        label="How much of each face stays as it was",
        slider=(0, 1),
        step=0.05,
        says="how much of each face stays as it was, 0 to 1",
    ),
]
Colour = Annotated[
    str,
    Setting(label="Colour with", says="the model that gives a grey photograph colours"),
    Model("restore-colour"),
]
Hints = Annotated[
    list[Any],
    Setting(
        says='dabs of colour in the picture as it came, [[x, y, radius, "#rrggbb"], ...]: they '
        "spread as far as it is evenly light, over what `colour` guessed or over grey"
    ),
]

PAINTED = {"scratches": "mask", "colour": "hints"}  # of a step: what else begins it


def restore(
    network: Network,
    device: Device,
    others: Mapping[str, Network],
    finder: FaceFinder,
    likeness: FaceLikeness,
    picture: Annotated[Upload, Picture(FORMATS)],
    *,
    blocks: Blocks = "",
    noise: Noise = "denoiser-ours",
    cleaning: Cleaning = 1.0,
    scratches: Scratches = "scratches-ours",
    mask: MaskText | None = None,
    grow: Grow = 2,
    enlarge: Enlarge = "",
    faces: Faces = "",
    heads: Heads | None = None,
    fidelity: Fidelity = 0.3,
    keep_place: KeepPlace = False,
    colour: Colour = "",
    hints: Hints | None = None,
) -> Iterator[Step]:
    """`picture` with blocks and noise removed, scratches filled by `network`, coloured, enlarged,
    faces mended; each step is left out where its model is "". A Step after every tile, window and
    face, the last one holds the result and how the picture looked before and after each step.

    `mask` marks what shall be filled beside the scratches that are found. `heads` are squares in
    the picture as it came; None: around every face that is found there. Raises UserError where a
    model does something else, or nothing is asked for.
    """
    source = picture.pixels
    squares = squares_of(heads or [], (source.shape[1], source.shape[0]))
    if "faces" in others:
        squares = _found(source, finder) if heads is None else squares
        if not squares:
            raise UserError(
                "No face is marked: say where each is, or leave the mending of faces out."
            )
    dabs = dabs_of(hints or [])
    steps: dict[str, Callable[[Chain], Iterator[Step]]] = {}
    if "blocks" in others:
        steps["blocks"] = lambda chain: chain.cleaned("blocks", others["blocks"])
    if "noise" in others:
        steps["noise"] = lambda chain: chain.denoised(others["noise"], cleaning)
    if mask or "scratches" in others:
        finds = others.get("scratches")
        steps["scratches"] = lambda chain: chain.filled(network, finds, mask, grow)
    if "colour" in others or dabs:
        steps["colour"] = lambda chain: chain.coloured(others.get("colour"), dabs)
    if "enlarge" in others:
        steps["enlarge"] = lambda chain: chain.cleaned("enlarge", others["enlarge"])
    if "faces" in others:
        steps["faces"] = lambda chain: chain.mended(
            others["faces"], chain.squares(squares), fidelity, finder, likeness
        )
    if not steps:
        raise UserError("Every step is left out: switch one on.")

    chain = Chain(source, device, len(steps))
    left = list(steps)
    for name, begin in steps.items():
        yield from begin(chain)
        left.remove(name)
        if left:
            yield chain.so_far(_without(left))
    pixels = chain.pixels
    about = {"icc": picture.icc, "date": picture.date, "gps": picture.gps if keep_place else None}
    beside = chain.beside | finish.shown(pixels, source)
    caption = f"{pixels.shape[1]} x {pixels.shape[0]}"
    made = Made(pixels, caption, {}, figures=chain.figures, beside=beside, about=about)
    yield Step(chain.total, chain.total, (made,), changes=chain.said)


RESTORE = Task(
    "restore",
    restore,
    models="repair",
    work=(),
    says="Mend an old photograph: noise, scratches, colour, size, faces, each a step that can be "
    "left out.",
    finds=True,
    compares=True,
)


def _without(steps: Sequence[str]) -> dict[str, Any]:
    """Settings that leave those steps out."""
    settings: dict[str, Any] = dict.fromkeys(steps, "")
    for name, more in PAINTED.items():
        if name in steps:
            settings[more] = None
    return settings


def _found(source: np.ndarray, finder: FaceFinder) -> list[tuple[int, int, int]]:
    """The squares around the faces that are found. Raises UserError where there is none."""
    squares = find_faces.squares(finder, source)
    if not squares:
        raise UserError(
            "No face is marked, and none was found: give a square around each, or leave the "
            "mending of faces out."
        )
    return [(x, y, side) for x, y, side in squares]
