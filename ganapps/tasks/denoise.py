"""Pictures out of noise: diffusion models that read no text, step by step."""

from __future__ import annotations

from collections.abc import Iterator
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
from ganapps.tasks.maker import numbers_of
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
    of a conditional model; left alone, the seed draws it. One picture at a time: a picture does not
    depend on `count`.
    """
    if not isinstance(network, Denoiser):
        raise UserError(
            "This model does not draw from noise alone: choose a diffusion model of faces."
        )
    sampling.check_eta(eta, scheduler)
    for index, n in enumerate(numbers_of(seed, count)):
        loop = sampling.scheduler(network.schedule, scheduler, steps)
        each = len(loop.timesteps)
        for step, at in enumerate(
            _walk(network, device, n, loop, eta, _row(labels_of_model, labels, n)), 1
        ):
            done = index * each + step
            picture = _shown(network, device, at.x) if step == each else None
            made = () if picture is None else (Made(picture, f"seed {n}", {"seed": n, "count": 1}),)
            yield Step(done, count * each, made, 1, at.changes, for_show=True)
            yield Step(
                done,
                count * each,
                preview=(
                    _shown(network, device, at.x) if picture is None else picture,
                    _shown(network, device, at.guess),
                ),
            )


DENOISE = Task(
    "denoise",
    denoise,
    models="denoise",
    work=("count", "steps"),
    says="Draw pictures out of noise with a diffusion model, step by step.",
)


def _walk(
    network: Denoiser, device: Device, seed: int, loop: Any, eta: float, row: Tensor | None
) -> Iterator[sampling.Moment]:
    generator = torch.Generator().manual_seed(seed)
    x = sampling.noise(network.shape, generator, device)
    row = None if row is None else row.to(device.name)
    return sampling.walk(loop, x, lambda x_t, t: network(x_t, t, row), device, generator, eta)


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
