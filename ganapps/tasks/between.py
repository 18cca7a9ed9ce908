"""From one seed to another through a model's noise, as a film there and back: a GAN's z, a
diffusion model's x_T.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ganapps.device import Device
from ganapps.errors import UserError
from ganapps.networks.contracts import Denoiser, FaceGenerator
from ganapps.pictures.images import from_tensor
from ganapps.report import Made, Step
from ganapps.tasks import careful, sampling
from ganapps.tasks.labels import Labels
from ganapps.tasks.maker import SEEDS, Maker, number
from ganapps.tasks.shared import Frames, Psi, Seed, Steps, To
from ganapps.tasks.task import Task

RATE = 12  # pictures of the film a second


def walk(
    network: FaceGenerator,
    device: Device,
    labels_of_model: Labels | None = None,
    *,
    seed: Seed = 0,
    to: To | None = None,
    frames: Frames = 12,
    psi: Psi = 0.7,
) -> Iterator[Step]:
    """A GAN's film: `frames` pictures along the great circle from the z of `seed` to that of `to`
    (none: the next seed), and back.

    What a model's labels are for the two seeds is mixed in the same shares.
    """
    ends = _ends(seed, to)
    make = Maker(network, device, labels_of_model, None, "const")
    z, rows = make.drawn(ends)
    film: list[Image.Image] = []
    for share in _shares(frames):
        row = None if rows is None else torch.lerp(rows[:1], rows[1:], share)
        point = slerp(z[:1], z[1:], share)
        x, changes = make.pictures(make.ws(point, row, psi, None), ends[:1], row)
        film += from_tensor(x, network.value_range)
        yield Step(len(film), frames, _made(film, frames, ends), make.calls(), changes)


def drift(
    network: Denoiser,
    device: Device,
    labels_of_model: object = None,
    *,
    seed: Seed = 0,
    to: To | None = None,
    frames: Frames = 12,
    steps: Steps = 25,
) -> Iterator[Step]:
    """A diffusion model's film: `frames` pictures along the great circle from the noise of `seed`
    to that of `to` (none: the next seed), and back, each by DDIM without fresh noise, so that the
    picture is a function of its noise (Song 2020).
    """
    if not isinstance(network, Denoiser):
        raise UserError(
            "This model does not draw from noise alone: choose a diffusion model of faces."
        )
    ends = _ends(seed, to)
    start, end = (
        sampling.noise(network.shape, torch.Generator().manual_seed(n), device) for n in ends
    )
    film: list[Image.Image] = []
    for index, share in enumerate(_shares(frames)):
        loop = sampling.scheduler(network.schedule, "ddim", steps)
        for step, point in enumerate(
            sampling.walk(loop, slerp(start, end, share), network, device, torch.Generator(), 0.0),
            1,
        ):
            if step == steps:
                x, _ = careful.call(device, partial(network.decode, point.x))
                film += from_tensor(x, network.value_range)
            yield Step(
                index * steps + step,
                frames * steps,
                _made(film, frames, ends) if step == steps else (),
                1,
                point.changes,
            )


WALK = Task(
    "walk",
    walk,
    models="faces",
    work=("frames",),
    says="Film the way from one seed to another through a GAN's noise, and back.",
)
DRIFT = Task(
    "drift",
    drift,
    models="denoise",
    work=("frames", "steps"),
    says="Film the way from one seed to another through the noise of a diffusion model, and back.",
)


def slerp(a: Tensor, b: Tensor, share: float) -> Tensor:
    """The point at `share` of the way from a to b [1, ...] on the great circle: between two pieces
    of noise a straight line runs closer to 0 than any noise a network has seen. Source: Shoemake
    1985.
    """
    # on the processor: not every device has float64
    first, second = (end.flatten().cpu().double() for end in (a, b))
    cosine = torch.nn.functional.cosine_similarity(first, second, dim=0).clamp(-1, 1)
    angle = torch.arccos(cosine)
    if angle.sin() < 1e-6:
        return torch.lerp(a, b, share)
    one, other = ((1 - share) * angle).sin() / angle.sin(), (share * angle).sin() / angle.sin()
    return one.to(a) * a + other.to(b) * b


def evenness(film: list[Image.Image]) -> dict[str, float]:
    """How far neighbouring pictures of a film lie apart, root mean square of 255: on average, and
    where it jumps most.
    """
    pixels = [np.asarray(p.convert("RGB"), np.float32) for p in film]
    steps = [float(np.sqrt(np.mean((b - a) ** 2))) for a, b in itertools.pairwise(pixels)]
    return {"mean_step": round(sum(steps) / len(steps), 3), "largest_step": round(max(steps), 3)}


def _ends(seed: Seed, to: Seed | None) -> list[int]:
    first = number(seed)
    return [first, (first + 1) % SEEDS if to is None else number(to)]


def _shares(frames: int) -> list[float]:
    return [i / (frames - 1) for i in range(frames)]


def _made(film: list[Image.Image], frames: int, ends: list[int]) -> tuple[Made, ...]:
    """The film there and back, once all its pictures are made."""
    if len(film) < frames:
        return ()
    there_and_back = tuple(film + film[-2:0:-1])
    return (
        Made(
            film[0],
            f"seeds {ends[0]} and {ends[1]}",
            {"seed": ends[0], "to": ends[1]},
            frames=there_and_back,
            frames_per_second=RATE,
            figures=evenness(film),
        ),
    )
