"""Pictures out of noise: the sampling loop of diffusion models, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import torch
from PIL import Image
from torch import Tensor, nn

from ganapps.device import Device
from ganapps.errors import UserError
from ganapps.images import from_tensor
from ganapps.report import Made, Step
from ganapps.schema import Range
from ganapps.tasks.faces import SEEDS, Seed, number

Scheduler = Literal["ddpm", "ddim", "dpm++", "euler", "unipc"]
CLASSES = {"ddpm": "DDPMScheduler", "ddim": "DDIMScheduler", "dpm++": "DPMSolverMultistepScheduler", "euler": "EulerDiscreteScheduler",
           "unipc": "UniPCMultistepScheduler"}


def denoise(network: nn.Module, device: Device, labels_of_model: object = None, *, seed: Seed = 0, count: Annotated[int, Range(1, 64)] = 1,
            steps: Annotated[int, Range(1, 1000)] = 25, scheduler: Scheduler = "ddim", eta: Annotated[float, Range(0.0, 1.0)] = 0.0) -> Iterator[Step]:
    """Pictures of the seeds seed, seed + 1, ..., each in `steps` network calls; every step shows x_t and the guess of x_0 (looking at them is charged to nobody).

    The noise of a seed is torch's CPU generator's, so it is the same on every device. `eta` is the share of fresh noise in each
    DDIM step (0: none, 1: as much as DDPM). One picture at a time: a picture does not depend on `count`.
    """
    if eta and scheduler != "ddim":
        raise UserError("eta has a meaning for ddim only: set it to 0, or choose ddim.")
    total = count * steps
    for index in range(count):
        n = (number(seed) + index) % SEEDS
        for step, (x_t, x_0) in enumerate(sample(network, device, n, steps, scheduler, eta), 1):
            made, done = (), index * steps + step
            if step == steps:
                _refuse_broken(x_t)
                made = (Made(_shown(network, device, x_t), f"seed {n}", {"seed": n, "count": 1}),)
            yield Step(done, total, made, 1, for_show=True)
            yield Step(done, total, preview=(made[0].picture if made else _shown(network, device, x_t), _shown(network, device, x_0)))


def sample(network: nn.Module, device: Device, seed: int, steps: int, scheduler: str, eta: float) -> Iterator[tuple[Tensor, Tensor]]:
    """(x_t, guess of x_0) [1, C, h, w] after each step; equal to diffusers' pipelines to the bit for the same noise.

    Source: Ho 2020 (DDPM), Song 2021 (DDIM), Lu 2022 (DPM-Solver++), Karras 2022 (Euler), Zhao 2023 (UniPC), through diffusers' schedulers.
    """
    loop = make_scheduler(network.schedule, scheduler)
    loop.set_timesteps(steps)
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn((1, *network.shape), generator=generator).to(device.name) * loop.init_noise_sigma
    more: dict[str, Any] = {"generator": generator} if scheduler in ("ddpm", "ddim", "euler") else {}
    if scheduler == "ddim":
        more["eta"] = eta
    for t in loop.timesteps:
        with device.computing():
            entered = loop.scale_model_input(x, t)
            predicted = network(entered, t).float()
            x = loop.step(predicted, t, x, **more).prev_sample
            guess = _guess(loop, entered, predicted, t)
        yield x, guess


def make_scheduler(schedule: Mapping[str, Any], name: str) -> Any:
    """A fresh scheduler over a model's own betas; one per run, as they hold state."""
    import diffusers
    return getattr(diffusers, CLASSES[name]).from_config(dict(schedule))


def _guess(loop: Any, x_t: Tensor, predicted: Tensor, t: Tensor) -> Tensor:
    """x_0 as the network sees it now, from its prediction of noise, v or x_0 itself (Salimans 2022)."""
    alpha = loop.alphas_cumprod[round(float(t))].to(x_t)
    kind = loop.config.prediction_type
    if kind == "sample":
        return predicted
    if kind == "v_prediction":
        return alpha.sqrt() * x_t - (1 - alpha).sqrt() * predicted
    return (x_t - (1 - alpha).sqrt() * predicted) / alpha.sqrt()


def _shown(network: nn.Module, device: Device, x: Tensor) -> Image.Image:
    """x [1, C, h, w], decoded where it is latent, as a picture."""
    with device.computing():
        pixels = network.decode(x).float()
    return from_tensor(pixels, network.value_range)[0]


def _refuse_broken(x: Tensor) -> None:
    if not torch.isfinite(x).all():
        raise UserError("This model's weights give no picture: its output is not finite.")
