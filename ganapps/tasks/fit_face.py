"""A face generator as the prior: the face nearest to what is known of a picture, found in W+
(Abdal 2019), its colours carried over the rim in the gradient domain (Perez 2003).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from ganapps.device import Device
from ganapps.errors import UserError
from ganapps.networks.contracts import StyleGenerator
from ganapps.pictures.images import to_picture, to_pixels, to_tensor
from ganapps.tasks import resample
from ganapps.tasks.careful import Careful, block, load_optimisers

STEPS = 150
RATE = 0.05
SAMPLES = 256  # of z, whose mean style is where the search begins
BATCH = 32
SIZES = 4  # of the picture, each half of the one before, at which it is compared
SHOWN = 5  # steps between two looks
SWEEPS = 40  # over each size, when the rim is carried inwards


class FaceFit(Careful):
    """One head being looked for; `result` [H, W, 3] is the picture with the face found where it
    was.
    """

    def __init__(
        self,
        network: StyleGenerator,
        device: Device,
        pixels: np.ndarray,
        known: np.ndarray,
        place: tuple[int, int, int],
        steps: int | None,
        seed: int,
    ) -> None:
        """`pixels` [H, W, 3], `known` [H, W]; `place` (top, left, side) of the head's square there.
        Raises UserError where the square does not hold the hole, or has nothing known in it.
        """
        super().__init__(device.with_precision("float32"))
        self.network, self.seed = network, seed
        self.pixels, self.known = pixels, known
        self.total = steps or STEPS
        self.curve: list[float] = []
        self.preview: tuple[Image.Image, ...] = ()
        self.figures: dict[str, Any] = {}
        self._inside, self._of_square = _overlap(place, known.shape)
        self.side = place[2]
        if not known.all() and (~known).sum() != (~known[self._inside]).sum():
            raise UserError(
                "Something is marked outside the head's square, where this model knows nothing: "
                "mark less, or say where the head is."
            )
        if not known[self._inside].any():
            raise UserError("Nothing of the head is left to go by: mark less of it.")

    def through(self) -> Iterator[int]:
        """The steps done, after every few of them."""
        wanted, known = self._target()
        with block(self.device):
            start = self._mean()
        with torch.inference_mode(False), torch.enable_grad():
            ws = start.clone().requires_grad_(True)
        load_optimisers()
        optimiser = torch.optim.Adam([ws], lr=RATE)
        for step in range(1, self.total + 1):
            with block(self.device), torch.inference_mode(False), torch.enable_grad():
                optimiser.param_groups[0]["lr"] = RATE * min(1.0, 4 * (1 - step / (self.total + 1)))
                optimiser.zero_grad()
                drawn = self._drawn(ws)
                loss = apart(drawn, wanted, known)
                loss.backward()
                optimiser.step()
            self._calls += 1
            if step % SHOWN == 0 or step == self.total:
                self._look(drawn.detach(), loss.item(), step)
                yield step

    def _drawn(self, ws: Tensor) -> Tensor:
        """The face in 0..1."""
        low, high = self.network.value_range
        return (self.network.synthesis(ws, noise="const") - low) / (high - low)

    def _mean(self) -> Tensor:
        """[1, layers, w]: the mean style, of z that the seed draws."""
        random = np.random.RandomState(self.seed % 2**32)
        total: Tensor | None = None
        for _ in range(SAMPLES // BATCH):
            z = torch.from_numpy(random.randn(BATCH, self.network.z_dim)).float()
            c = torch.zeros(BATCH, self.network.label_dim) if self.network.label_dim else None
            there = None if c is None else c.to(self.device.name)
            some = self.network.mapping(z.to(self.device.name), there).sum(0, keepdim=True)
            total = some if total is None else total + some
        assert total is not None, "there are samples"
        return total / SAMPLES

    def _target(self) -> tuple[Tensor, Tensor]:
        """The head's square in the generator's size [1, 3, R, R] and what is known of it [1, 1, R,
        R].
        """
        square = np.zeros((self.side, self.side, 4), self.pixels.dtype)
        most = np.iinfo(self.pixels.dtype).max
        square[self._of_square][..., :3] = self.pixels[self._inside]
        square[self._of_square][..., 3] = np.where(self.known[self._inside], most, 0)
        side = self.network.resolution
        x = to_tensor(resample.resize(square, (side, side))).to(self.device.name)
        return x[:, :3], (x[:, 3:] > 0.5).float()

    def _look(self, drawn: Tensor, loss: float, step: int) -> None:
        bits = 16 if self.pixels.dtype == np.uint16 else 8
        face = resample.resize(to_pixels(drawn.clamp(0, 1), bits=bits), (self.side, self.side))
        self.result = self.pixels.copy()
        part, known = self.pixels[self._inside], self.known[self._inside]
        self.result[self._inside] = blended(part, face[self._of_square], known)
        self.curve.append(loss)
        self.figures = {"loss": round(loss, 5), "steps": step}
        shown = np.where(self.known[..., None], self.pixels, self.result)
        self.preview = (to_picture(shown),)


def apart(made: Tensor, wanted: Tensor, known: Tensor) -> Tensor:
    """How far two pictures [1, 3, H, W] lie apart where `known` [1, 1, H, W] is 1: mean differences
    at several sizes, so that large forms come first.
    """
    total = made.new_zeros(())
    for _ in range(SIZES):
        total = total + ((made - wanted).abs() * known).sum() / (3 * known.sum()).clamp(min=1)
        if min(made.shape[2:]) < 16:
            break
        share = F.avg_pool2d(known, 2)
        made = F.avg_pool2d(made * known, 2) / share.clamp(min=1e-6)
        wanted = F.avg_pool2d(wanted * known, 2) / share.clamp(min=1e-6)
        known = (share > 0).to(known)
    return total


def blended(picture: np.ndarray, face: np.ndarray, known: np.ndarray) -> np.ndarray:
    """`face` [H, W, 3] with the picture's colours at the hole's rim: what it differs by there is
    carried over the hole as a film over a frame, so that no edge is seen.
    """
    most = np.iinfo(picture.dtype).max
    difference = picture.astype(np.float32) - face
    film = harmonic(torch.from_numpy(difference).permute(2, 0, 1)[None], torch.from_numpy(known))
    made = face + film[0].permute(1, 2, 0).numpy()
    return (made.clip(0, most) + 0.5).astype(picture.dtype)


def harmonic(values: Tensor, known: Tensor) -> Tensor:
    """values [1, C, H, W] where `known` [H, W], between them the smoothest film through: each pixel
    the mean of its four neighbours. From coarse to fine.
    """
    if known.all():
        return values
    height, width = known.shape
    told = known.to(values)[None, None]
    if min(height, width) > 2 and max(height, width) > 4:
        share = F.avg_pool2d(told, 2, ceil_mode=True)
        small = F.avg_pool2d(values * told, 2, ceil_mode=True) / share.clamp(min=1e-6)
        film = harmonic(small, share[0, 0] > 0)
        guess = F.interpolate(film, size=(height, width), mode="bilinear")
    else:
        guess = ((values * told).sum((2, 3)) / told.sum().clamp(min=1))[..., None, None]
    film = torch.where(told > 0, values, guess)
    for _ in range(SWEEPS):
        around = F.pad(film, (1, 1, 1, 1), mode="replicate")
        beside = around[..., 1:-1, :-2] + around[..., 1:-1, 2:]
        mean = (beside + around[..., :-2, 1:-1] + around[..., 2:, 1:-1]) / 4
        film = torch.where(told > 0, values, mean)
    return film


def _overlap(
    place: tuple[int, int, int], shape: tuple[int, ...]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The part of a picture that a square (top, left, side) covers, and that part of the square."""
    top, left, side = place
    down = slice(max(0, top), max(0, min(shape[0], top + side)))
    across = slice(max(0, left), max(0, min(shape[1], left + side)))
    within = (
        slice(down.start - top, down.stop - top),
        slice(across.start - left, across.stop - left),
    )
    return (down, across), within
