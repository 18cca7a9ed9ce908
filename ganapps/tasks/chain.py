"""An old photograph on its way through a chain of steps, and how it looked between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from ganapps.device import Device
from ganapps.errors import Message, UserError
from ganapps.networks.contracts import (
    Colouriser,
    DamageFinder,
    FaceFinder,
    FaceLikeness,
    FaceRestorer,
    Inpainter,
    Network,
    PicturePrior,
    Tiled,
)
from ganapps.pictures import masks
from ganapps.report import SoFar, Step
from ganapps.tasks import finish, planes, tiles
from ganapps.tasks.colourise import Colouring, Dab
from ganapps.tasks.fill_tiles import Filling
from ganapps.tasks.find_damage import Search
from ganapps.tasks.fit_prior import PriorFit
from ganapps.tasks.hole import as_many, beyond, hole_of, pasted
from ganapps.tasks.mend_faces import FaceMending
from ganapps.tasks.tile_run import TileRun

WHOLE = 1000  # of each step, in the run's progress


class Chain:
    """A picture on its way: `pixels` [H, W, C] now, `beside` how it looked before and after each
    step, `figures` what was measured, `said` what was changed that nobody asked for.
    """

    def __init__(self, pixels: np.ndarray, device: Device, count: int) -> None:
        self.pixels, self.device, self.ended = pixels, device, 0
        self.total, self.came = WHOLE * count + 1, pixels.shape[1]
        self.beside: dict[str, Image.Image] = {}
        self.figures: dict[str, Any] = {}
        self.said: tuple[Message, ...] = ()

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

    def so_far(self, settings: dict[str, Any]) -> Step:
        """The steps that are over; `settings` leave the others out."""
        *_, after = self.beside.values()
        figures, beside = dict(self.figures), dict(self.beside)
        done = SoFar(self.pixels, settings, figures=figures, beside=beside)
        return Step(WHOLE * self.ended, self.total, preview=(after,), so_far=done)

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

    def denoised(self, network: Network, share: float) -> Iterator[Step]:
        """Noise is removed, by a prior that is fitted to the picture, too."""
        if not isinstance(network, PicturePrior):
            yield from self.cleaned("noise", network, share)
            return
        colours = planes.colours(self.pixels)
        work = PriorFit(network, self.device, colours, None, None, 0, "denoise")
        for done in work.through():
            yield replace(self.told(work, done, work.total), preview=work.preview)
        self.ends("noise", finish.finish(self._coloured(work.result), self.pixels, share, False))

    def _coloured(self, colours: np.ndarray) -> np.ndarray:
        """The picture with other colours [H, W, 3]."""
        pixels = self.pixels.copy()
        pixels[..., : min(3, pixels.shape[2])] = as_many(colours, pixels.shape[2])
        return pixels

    def filled(
        self, filler: Network, finder: Network | None, mask: str | None, grow: int
    ) -> Iterator[Step]:
        """Scratches are found, and they and what `mask` marks are filled."""
        size = self.pixels.shape[1], self.pixels.shape[0]
        marked = np.zeros(self.pixels.shape[:2], bool)
        if mask:
            marked |= masks.fitted(masks.unpacked(mask), size)
            self.said += masks.laid(mask, size)
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
        self.said += beyond(hole, grow, 0)
        crop, known = hole.shown(self.pixels)
        filling: Filling | PriorFit
        if isinstance(filler, PicturePrior):
            filling = PriorFit(filler, self.device, crop, known, None, 0)
        elif isinstance(filler, Inpainter):
            filling = Filling(filler, self.device, crop, known)
        else:
            raise UserError("This model does not fill holes: choose a filler.")
        for done in filling.through():
            step = self.told(filling, filling.total + done, 2 * filling.total)
            yield replace(step, preview=filling.preview)
        self.ends("scratches", pasted(self.pixels, filling.result, hole))

    def coloured(self, network: Network | None, dabs: Sequence[Dab]) -> Iterator[Step]:
        """The picture gets the colours that a network guesses, and those of the dabs."""
        if network is not None and not isinstance(network, Colouriser):
            raise UserError("This model does not colour pictures: choose one that does.")
        by = self.pixels.shape[1] / self.came
        here = [Dab(by * dab.x, by * dab.y, by * dab.radius, dab.colour) for dab in dabs]
        work = Colouring(network, self.device, self.pixels, here)
        for done in work.through():
            yield self.told(work, done, work.total)
        self.ends("colour", work.result)

    def squares(self, came: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
        """Squares of the picture as it came, where they lie by now."""
        by = self.pixels.shape[1] / self.came
        return [(round(x * by), round(y * by), max(1, round(side * by))) for x, y, side in came]

    def mended(
        self,
        network: Network,
        heads: list[tuple[int, int, int]],
        fidelity: float,
        finder: FaceFinder,
        likeness: FaceLikeness,
    ) -> Iterator[Step]:
        """Faces are made anew in their squares."""
        if not isinstance(network, FaceRestorer):
            raise UserError("This model does not mend faces: choose one that does.")
        colours = planes.colours(self.pixels)
        work = FaceMending(network, self.device, colours, heads, fidelity, finder, likeness)
        for done in work.through():
            yield self.told(work, done, len(heads))
        self.figures["faces"] = work.changed
        self.figures["same_person_below"] = likeness.same
        self.ends("faces", self._coloured(work.result))
