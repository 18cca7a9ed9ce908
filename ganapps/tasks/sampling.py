"""The walk from noise to a picture that all diffusion models share: schedulers by name, and one
step after another.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor

from ganapps.device import Device
from ganapps.errors import Message, UserError, WeightsError
from ganapps.tasks import careful

Scheduler = Literal["ddim", "ddpm", "dpm++", "euler", "unipc", "lcm", "consistency"]
# Ho 2020, Song 2021, Lu 2022, Karras 2022, Zhao 2023, Luo 2023, Song 2023: by diffusers' classes,
# no others.
CLASSES = {
    "ddim": "DDIMScheduler",
    "ddpm": "DDPMScheduler",
    "dpm++": "DPMSolverMultistepScheduler",
    "euler": "EulerDiscreteScheduler",
    "unipc": "UniPCMultistepScheduler",
    "lcm": "LCMScheduler",
    "consistency": "CMStochasticIterativeScheduler",
}
Predict = Callable[[Tensor, Tensor], Tensor]
Generators = torch.Generator | list[torch.Generator]  # one for each sample of a batch


@dataclass(frozen=True)
class Moment:
    """Where a walk is after a step: x_t, and what the network takes x_0 to be, both [N, C, h, w];
    and what had to be changed.
    """

    x: Tensor
    guess: Tensor
    changes: tuple[Message, ...] = ()


def scheduler(schedule: Mapping[str, Any], name: str, steps: int) -> Any:
    """diffusers' scheduler `name` over a model's own betas, set to `steps`; a fresh one, for it
    holds state.

    Raises UserError where this one does not fit the model or the number of steps, WeightsError
    where the model's own schedule is broken.
    """
    consistency = schedule.get("_class_name") == CLASSES["consistency"]
    if consistency and name != "consistency":
        raise UserError("This is a consistency model: choose the scheduler consistency.")
    if name == "consistency" and not consistency:
        raise UserError(
            "The scheduler consistency is for consistency models only: choose another one."
        )
    import diffusers

    try:
        made = getattr(diffusers, CLASSES[name]).from_config(dict(schedule))
    except (TypeError, ValueError, NotImplementedError) as e:
        raise WeightsError(
            "The noise schedule of this model can't be used with {name}: {why}",
            name=name,
            why=str(e),
        ) from e
    try:
        made.set_timesteps(steps)
    except ValueError as e:
        raise UserError(
            "The scheduler {name} can't go in {steps} steps here: choose fewer.",
            name=name,
            steps=steps,
        ) from e
    return made


def check_eta(eta: float, name: str) -> None:
    """Raises UserError where eta is asked of a scheduler that has none."""
    if eta and name != "ddim":
        raise UserError("eta has a meaning for ddim only: set it to 0, or choose ddim.")


def noise(shape: tuple[int, ...], generator: torch.Generator, device: Device) -> Tensor:
    """[1, *shape] of the generator, which is a processor's: the same on every device."""
    return torch.randn((1, *shape), generator=generator).to(device.name)


def of_seeds(
    seeds: Sequence[int], shape: tuple[int, ...], device: Device
) -> tuple[Tensor, Generators]:
    """The noise [N, *shape] of seeds, and what draws the noise after it."""
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    x = torch.cat([noise(shape, generator, device) for generator in generators])
    return x, generators[0] if len(generators) == 1 else generators


@dataclass(frozen=True)
class Batch:
    """Some `seeds` under way at once, `before` of them through already; and a Moment `at` after
    their `step`.
    """

    seeds: Sequence[int]
    before: int
    step: int
    at: Moment


def in_batches(
    seeds: Sequence[int], most: int, begin: Callable[[Sequence[int]], Iterator[Moment]]
) -> Iterator[Batch]:
    """All walks of seeds, `most` at a time: half as many where the memory is full. `begin(some)`
    is the walk of some of them.
    """
    through = 0
    said: tuple[Message, ...] = ()
    while through < len(seeds):
        some = seeds[through : through + most]
        try:
            for step, at in enumerate(begin(some), 1):
                yield Batch(some, through, step, replace(at, changes=said + at.changes))
                said = ()
        except careful.MemoryFull:
            if len(some) == 1:
                raise
            most = len(some) // 2
            said += (Message("Out of memory: {count} at a time instead.", count=most),)
        else:
            through += len(some)


def walk(
    loop: Any,
    x: Tensor,
    predict: Predict,
    device: Device,
    generator: Generators,
    eta: float = 0.0,
) -> Iterator[Moment]:
    """A Moment after each of the scheduler's steps, from the noise x [N, C, h, w] (which it scales)
    on.

    `predict(x_t, t)` is what the network makes of it, in the device's precision: again in float32
    from where it is not finite. Raises UserError where it is not finite then either. Equal to
    diffusers' pipelines to the bit.
    """
    known = inspect.signature(loop.step).parameters
    more = {
        key: value for key, value in {"eta": eta, "generator": generator}.items() if key in known
    }
    x = x * loop.init_noise_sigma
    for t in loop.timesteps:
        with torch.inference_mode():
            entered = loop.scale_model_input(x, t)
        predicted, used = careful.call(device, partial(predict, entered, t))
        changes, device = careful.again(device, used), used
        with torch.inference_mode():
            guess = _guess(loop, x, entered, predicted, t)
            x = loop.step(predicted, t, x, **more).prev_sample
        yield Moment(x, guess, changes)


def _guess(loop: Any, x: Tensor, entered: Tensor, predicted: Tensor, t: Tensor) -> Tensor:
    """x_0 as the network sees it now, from its prediction of noise, v or x_0 itself (Salimans
    2022), or of what a consistency model adds to x (Song 2023).
    """
    if not hasattr(loop, "alphas_cumprod"):
        skip, out = loop.get_scalings_for_boundary_condition(loop.sigmas[loop.step_index or 0])
        return (out * predicted + skip * x).clamp(-1, 1)
    alpha = loop.alphas_cumprod[round(float(t))].to(entered)
    kind = loop.config.prediction_type
    if kind == "sample":
        return predicted
    if kind == "v_prediction":
        return alpha.sqrt() * entered - (1 - alpha).sqrt() * predicted
    return (entered - (1 - alpha).sqrt() * predicted) / alpha.sqrt()
