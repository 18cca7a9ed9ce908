"""Pictures out of a text: what the U-Net reads of it, guidance, and the walk from noise, step by
step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Annotated

import torch
from PIL import Image
from torch import Tensor

from ganapps.device import Device
from ganapps.errors import Message, UserError
from ganapps.networks.contracts import TextDenoiser
from ganapps.pictures.images import from_tensor
from ganapps.report import Made, Step
from ganapps.settings import Setting
from ganapps.tasks import careful, sampling
from ganapps.tasks.maker import batch_size, numbers_of
from ganapps.tasks.shared import Count, Eta, Guidance, Prompt, Sampler, Seed, Steps
from ganapps.tasks.task import Task


def draw(
    network: TextDenoiser,
    device: Device,
    labels_of_model: object = None,
    *,
    prompt: Prompt = "",
    negative: Annotated[
        str, Setting(longest=1000, says="what is not to be seen", free_text=True)
    ] = "",
    seed: Seed = 0,
    count: Count = 1,
    steps: Steps = 25,
    guidance: Guidance = 7.5,
    scheduler: Sampler = "dpm++",
    eta: Eta = 0.0,
) -> Iterator[Step]:
    """Pictures of a text, of the seeds seed, seed + 1, ...; every step shows x_t and the guess of
    x_0, roughly: each latent in its colour (looking at them is charged to nobody).

    `guidance` above 1 pulls away from the `negative` text, at twice the network calls; a distilled
    network reads it as a number instead. The noise of a seed is torch's CPU generator's, so it is
    the same on every device. `eta` is the share of fresh noise in each DDIM step. On a processor
    one picture at a time, on a GPU as many as a share of its memory holds: a picture does not
    depend on `count`.
    """
    if not isinstance(network, TextDenoiser) or network.edits:
        raise UserError("This model does not draw from a text: choose a text-to-image model.")
    sampling.check_eta(eta, scheduler)
    each = len(sampling.scheduler(network.schedule, scheduler, steps).timesteps)
    said = _idle(network, guidance, negative)
    predict, calls, cut = _guided(network, device, prompt, negative, guidance)

    def begin(seeds: Sequence[int]) -> Iterator[sampling.Moment]:
        x, generators = sampling.of_seeds(seeds, network.shape, device)
        loop = sampling.scheduler(network.schedule, scheduler, steps)
        return sampling.walk(loop, x, predict, device, generators, eta)

    most = max(1, batch_size(network.resolution, device) // calls)
    for batch in sampling.in_batches(numbers_of(seed, count), most, begin):
        at, done = batch.at, batch.before * each + batch.step * len(batch.seeds)
        ready = at.x.split(1) if batch.step == each else ()
        pictures = [decoded(network, x) for x in ready]
        made = tuple(
            Made(picture, f"seed {n}", {"seed": n, "count": 1})
            for n, picture in zip(batch.seeds, pictures)
        )
        yield Step(done, count * each, made, calls, said + cut + at.changes, for_show=True)
        shown = (pictures[0], pictures[0]) if pictures else glances(network, at)
        yield Step(done, count * each, preview=shown)
        said = cut = ()


TEXT = Task(
    "text",
    draw,
    models="text",
    work=("count", "steps"),
    says="Draw pictures of a text with a diffusion model.",
)


def words(network: TextDenoiser, device: Device, text: str) -> tuple[Tensor, tuple[Message, ...]]:
    """What the U-Net reads of a text, [1, tokens, C], in float32; and the sentence that says so
    where its end is not read.
    """
    with device.with_precision("float32").computing():
        read = network.read(text)
    left = network.text.left_out(text)
    if not left:
        return read, ()
    return read, (
        Message(
            "The text is longer than this model reads, so its end was left out: {text}",
            text=left,
        ),
    )


def decoded(network: TextDenoiser, x_0: Tensor) -> Image.Image:
    """The picture of latents [1, C, h, w]."""
    pixels, _ = careful.call(Device(x_0.device.type), partial(network.decode, x_0))
    return from_tensor(pixels, network.value_range)[0]


def glances(network: TextDenoiser, at: sampling.Moment) -> tuple[Image.Image, ...]:
    """x_t and the guess of x_0 of the first sample to look at, without the decoder."""
    with torch.inference_mode():
        return tuple(from_tensor(network.glance(x[:1]))[0] for x in (at.x, at.guess))


def _guided(
    network: TextDenoiser, device: Device, prompt: str, negative: str, guidance: float
) -> tuple[sampling.Predict, int, tuple[Message, ...]]:
    """What a step asks of the network, in how many calls, and what of the texts is not read (Ho
    2021).
    """
    told, cut = words(network, device, prompt)
    if network.distilled:
        return lambda x_t, t: network(x_t, t, _to_each(told, x_t), guidance), 1, cut
    if guidance <= 1:
        return lambda x_t, t: network(x_t, t, _to_each(told, x_t)), 1, cut
    avoided, cut_too = words(network, device, negative)

    def predict(x_t: Tensor, t: Tensor) -> Tensor:
        both = torch.cat([_to_each(avoided, x_t), _to_each(told, x_t)])
        without, with_text = network(torch.cat([x_t] * 2), t, both).float().chunk(2)
        return without + guidance * (with_text - without)

    return predict, 2, cut + cut_too


def _to_each(words: Tensor, x_t: Tensor) -> Tensor:
    """Words [1, tokens, C] for each sample of x_t [N, C, h, w]: [N, tokens, C]."""
    return words.expand(len(x_t), -1, -1)


def _idle(network: TextDenoiser, guidance: float, negative: str) -> tuple[Message, ...]:
    """What to say where the negative text does nothing."""
    if negative and network.distilled:
        return (Message("This model's guidance is built in: what to avoid has no effect."),)
    if negative and guidance <= 1:
        return (Message("Without guidance above 1, what to avoid has no effect."),)
    return ()
