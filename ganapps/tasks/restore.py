"""An old photograph mended in one chain, every step a switch: noise, scratches, size, faces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

import numpy as np
from PIL import Image

from ganapps.device import Device
from ganapps.errors import UserError
from ganapps.networks.contracts import (
    DamageFinder,
    FaceRestorer,
    Inpainter,
    Network,
    PicturePrior,
    Tiled,
)
from ganapps.pictures import masks
from ganapps.pictures.uploads import Upload
from ganapps.report import Made, Step
from ganapps.settings import Model, Picture, Setting
from ganapps.tasks import finish, planes, tiles
from ganapps.tasks.fill_tiles import Filling
from ganapps.tasks.find_damage import Search
from ganapps.tasks.fit_prior import PriorFit
from ganapps.tasks.mend_faces import FaceMending, squares_of
from ganapps.tasks.repair import Grow, MaskText, hole_of, pasted
from ganapps.tasks.shared import FORMATS, KeepPlace
from ganapps.tasks.task import Task
from ganapps.tasks.tile_run import TileRun

Blocks = Annotated[
    str,
    Setting(
        label="Remove JPEG's blocks with (a checkpoint of the Hub)",
        seldom=True,
        says="the model that removes JPEG's blocks",
    ),
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
    Setting(label="Mend faces with", says="the model that mends faces, in the squares of `heads`"),
    Model("restore-faces"),
]
Heads = Annotated[
    list[list[int]],
    Setting(
        says="squares around the faces to mend, in the picture as it came: [[x, y, side], ...]"
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
WHOLE = 1000  # of each step, in the run's progress


class Chain:
    """A picture on its way: `pixels` [H, W, C] now, `beside` how it looked before and after each
    step, `figures` what was measured.
    """

    def __init__(self, pixels: np.ndarray, device: Device, count: int) -> None:
        self.pixels, self.device, self.ended = pixels, device, 0
        self.total, self.came = WHOLE * count + 1, pixels.shape[1]
        self.beside: dict[str, Image.Image] = {}
        self.figures: dict[str, Any] = {}

    def told(self, work: Any, done: float, total: float) -> Step:
        """A step of the chain is so far."""
        at = WHOLE * self.ended + int(WHOLE * min(1.0, done / max(total, 1)))
        return Step(min(at, self.total - 1), self.total, (), work.calls(), work.changes())

    def ends(self, name: str, pixels: np.ndarray) -> None:
        """The picture after the step of that name."""
        shown = finish.shown(pixels, self.pixels)
        self.beside[f"{name} before"] = shown["before"]
        self.beside[f"{name} after"] = shown["after"]
        self.pixels = pixels
        self.ended += 1

    def cleaned(self, name: str, network: Network, share: float = 1.0) -> Iterator[Step]:
        """Blocks or noise are removed, or the picture is enlarged."""
        if not isinstance(network, Tiled):
            raise UserError("This model does not work on whole pictures: choose another one.")
        if name != "enlarge" and network.scale != 1:
            raise UserError("This model enlarges: choose one that keeps the size.")
        work = TileRun(network, self.device, self.pixels)
        layout = work.layout(None, None)
        kind, channels = self.pixels.dtype, self.pixels.shape[2]
        canvas = tiles.Canvas(layout, network.scale, channels, kind)
        for done in work.through(layout, canvas):
            yield self.told(work, done, layout.count)
        made = finish.finish(canvas.pixels, self.pixels, share, False)
        self.ends(name, made)

    def filled(
        self, filler: Network, finder: Network | None, mask: str | None, grow: int
    ) -> Iterator[Step]:
        """Scratches are found, and they and what `mask` marks are filled."""
        size = self.pixels.shape[1], self.pixels.shape[0]
        marked = np.zeros(self.pixels.shape[:2], bool)
        if mask:
            marked |= masks.fitted(masks.unpacked(mask), size)
        if finder is not None:
            if not isinstance(finder, DamageFinder):
                raise UserError("This model does not look for scratches: choose one that does.")
            search = Search(finder, self.device, planes.colours(self.pixels))
            for done in search.through():
                yield self.told(search, done, 2 * search.total)
            marked |= search.found
        self.figures["damaged_share"] = round(float(marked.mean()), 5)
        if not marked.any():
            self.ends("scratches", self.pixels)
            return
        hole = hole_of(marked, grow, 0)
        crop, known = planes.colours(hole.crop(self.pixels)), hole.crop(hole.weights) < 1
        filling: Filling | PriorFit
        if isinstance(filler, PicturePrior):
            filling = PriorFit(filler, self.device, crop, known, None, 0)
        elif isinstance(filler, Inpainter):
            filling = Filling(filler, self.device, crop, known)
        else:
            raise UserError("This model does not fill holes: choose a filler.")
        for done in filling.through():
            yield self.told(filling, filling.total + done, 2 * filling.total)
        self.ends("scratches", pasted(self.pixels, filling.result, hole))

    def squares(self, came: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
        """Squares of the picture as it came, where they lie by now."""
        by = self.pixels.shape[1] / self.came
        return [(round(x * by), round(y * by), max(1, round(side * by))) for x, y, side in came]

    def mended(
        self, network: Network, heads: list[tuple[int, int, int]], fidelity: float
    ) -> Iterator[Step]:
        """Faces are made anew in their squares."""
        if not isinstance(network, FaceRestorer):
            raise UserError("This model does not mend faces: choose one that does.")
        colours = planes.colours(self.pixels)
        work = FaceMending(network, self.device, colours, heads, fidelity)
        for done in work.through():
            yield self.told(work, done, len(heads))
        pixels = self.pixels.copy()
        pixels[..., : min(3, pixels.shape[2])] = _as_many(work.result, pixels.shape[2])
        self.figures["faces"] = work.changed
        self.ends("faces", pixels)


def restore(
    network: Network,
    device: Device,
    others: Mapping[str, Network],
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
) -> Iterator[Step]:
    """`picture` with blocks and noise removed, scratches filled by `network`, enlarged, faces
    mended; each step is left out where its model is "". A Step after every tile, window and face,
    the last one holds the result and how the picture looked before and after each step.

    `mask` marks what shall be filled beside the scratches that are found. `heads` are squares in
    the picture as it came. Raises UserError where a model does something else, or nothing is asked
    for.
    """
    source = picture.pixels
    squares = squares_of(heads or [], (source.shape[1], source.shape[0]))
    if "faces" in others and not squares:
        raise UserError("No face is marked: say where each is, or leave the mending of faces out.")
    steps: list[Callable[[Chain], Iterator[Step]]] = []
    if "blocks" in others:
        steps.append(lambda chain: chain.cleaned("blocks", others["blocks"]))
    if "noise" in others:
        steps.append(lambda chain: chain.cleaned("noise", others["noise"], cleaning))
    if mask or "scratches" in others:
        steps.append(lambda chain: chain.filled(network, others.get("scratches"), mask, grow))
    if "enlarge" in others:
        steps.append(lambda chain: chain.cleaned("enlarge", others["enlarge"]))
    if "faces" in others:
        steps.append(lambda chain: chain.mended(others["faces"], chain.squares(squares), fidelity))
    if not steps:
        raise UserError("Every step is left out: switch one on.")

    chain = Chain(source, device, len(steps))
    for begin in steps:
        yield from begin(chain)
    pixels = chain.pixels
    about = {"icc": picture.icc, "date": picture.date, "gps": picture.gps if keep_place else None}
    beside = chain.beside | finish.shown(pixels, source)
    caption = f"{pixels.shape[1]} x {pixels.shape[0]}"
    made = Made(pixels, caption, {}, figures=chain.figures, beside=beside, about=about)
    yield Step(chain.total, chain.total, (made,))


RESTORE = Task(
    "restore",
    restore,
    models="repair",
    work=(),
    says="Mend an old photograph: noise, scratches, size, faces, each a step that can be left out.",
)


def _as_many(colours: np.ndarray, channels: int) -> np.ndarray:
    """[H, W, 3] as the colours of a picture with so many channels."""
    if channels > 2:
        return colours
    return (colours.astype(np.float32).mean(axis=2, keepdims=True) + 0.5).astype(colours.dtype)
