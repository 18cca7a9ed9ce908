"""Pictures out of noise: diffusion models that read no text, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ganapps.device import Device
from ganapps.errors import UserError
from ganapps.networks.contracts import Denoiser
from ganapps.pictures.images import from_tensor
from ganapps.report import Made, Step
from ganapps.tasks import careful, sampling
from ganapps.tasks.labels import Labels
from ganapps.tasks.maker import batch_size, numbers_of
from ganapps.tasks.shared import Chosen, Count, Eta, Sampler, Seed, Steps
from ganapps.tasks.task import Task


def denoise(
    network: Denoiser,
    device: Device,
    labels_of_model: Labels | None = None,
    *,
    seed: Seed = 0,
    count: Count = 1,
    steps: Steps = 25,
    scheduler: Sampler = "ddim",
    eta: Eta = 0.0,
    labels: Chosen | None = None,
) -> Iterator[Step]:
    """Pictures of the seeds seed, seed + 1, ..., each in `steps` network calls; every step shows
    x_t and the guess of x_0 (looking at them is charged to nobody).

    The noise of a seed is torch's CPU generator's, so it is the same on every device. `eta` is the
    share of fresh noise in each DDIM step (0: none, 1: as much as DDPM). `labels` names the class
    of a conditional model; left alone, the seed draws it. On a processor one picture at a time, on
    a GPU as many as a share of its memory holds: a picture does not depend on `count`.
    """
    if not isinstance(network, Denoiser):
        raise UserError(
            "This model does not draw from noise alone: choose a diffusion model of faces."
        )
    sampling.check_eta(eta, scheduler)
    each = len(sampling.scheduler(network.schedule, scheduler, steps).timesteps)

    def begin(seeds: Sequence[int]) -> Iterator[sampling.Moment]:
        loop = sampling.scheduler(network.schedule, scheduler, steps)
        rows = [_row(labels_of_model, labels, n) for n in seeds]
        return _walk(network, device, seeds, loop, eta, rows)

    most = batch_size(network.resolution, device)
    for batch in sampling.in_batches(numbers_of(seed, count), most, begin):
        at, done = batch.at, batch.before * each + batch.step * len(batch.seeds)
        ready = at.x.split(1) if batch.step == each else ()
        pictures = [_shown(network, device, x) for x in ready]
        made = tuple(
            Made(picture, f"seed {n}", {"seed": n, "count": 1})
            for n, picture in zip(batch.seeds, pictures)
        )
        yield Step(done, count * each, made, 1, at.changes, for_show=True)
        shown = pictures[0] if pictures else _shown(network, device, at.x[:1])
        yield Step(done, count * each, preview=(shown, _shown(network, device, at.guess[:1])))


DENOISE = Task(
    "denoise",
    denoise,
    models="denoise",
    work=("count", "steps"),
    says="Draw pictures out of noise with a diffusion model, step by step.",
)


def _walk(
    network: Denoiser,
    device: Device,
    seeds: Sequence[int],
    loop: Any,
    eta: float,
    rows: Sequence[Tensor | None],
) -> Iterator[sampling.Moment]:
    x, generators = sampling.of_seeds(seeds, network.shape, device)
    known = [row for row in rows if row is not None]
    row = torch.cat(known).to(device.name) if known else None
    return sampling.walk(loop, x, lambda x_t, t: network(x_t, t, row), device, generators, eta)


def _row(table: Labels | None, chosen: dict[str, Any] | None, seed: int) -> Tensor | None:
    """[1, classes]: the class that was chosen, or that the seed draws."""
    if chosen and table is None:
        raise UserError("This model has no labels: leave them out, or choose a model that has.")
    return (
        None
        if table is None
        else torch.from_numpy(table.row(np.random.RandomState(seed), chosen or {}))[None]
    )


def _shown(network: Denoiser, device: Device, x: Tensor) -> Image.Image:
    """x [1, C, h, w], decoded where it is latent, as a picture."""
    pixels, _ = careful.call(device, partial(network.decode, x))
    return from_tensor(pixels, network.value_range)[0]
