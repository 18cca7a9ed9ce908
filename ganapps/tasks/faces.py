"""Faces from seeds: a wall of them, one from average to wild, and a film through several."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import numpy as np
import torch

from ganapps.device import Device
from ganapps.errors import Message, UserError
from ganapps.networks.contracts import FaceGenerator, StyleGenerator
from ganapps.pictures.images import from_tensor
from ganapps.report import Made, Step
from ganapps.settings import Setting, settings_of, titles
from ganapps.tasks.labels import Labels
from ganapps.tasks.maker import Maker, Placing, number, numbers_of, places
from ganapps.tasks.shared import Chosen, Count, Frames, Noise, Psi, Seed, Seeds
from ganapps.tasks.styles import no_layers
from ganapps.tasks.task import Task

STYLEGAN3 = "a StyleGAN3"
PLACING = ("turn", "right", "down")


def generate(
    network: FaceGenerator,
    device: Device,
    labels_of_model: Labels | None = None,
    *,
    seed: Seed = 0,
    count: Count = 12,
    psi: Psi = 0.7,
    cutoff: Annotated[
        int,
        Setting(
            0,
            31,
            label="Variety only in the first layers (0: in all)",
            slider=(0, 18),
            seldom=True,
            says="psi acts in this many first layers only; 0 for all",
            unset=0,
        ),
    ]
    | None = None,
    mix: Annotated[
        int | str,
        Setting(
            label="Mix in the style of a second seed",
            seldom=True,
            says="a second seed whose styles take the layers from mix_from to mix_to; empty for "
            "none",
            unset="",
            free_text=True,
        ),
    ]
    | None = None,
    mix_from: Annotated[
        int,
        Setting(0, 31, label="from layer", seldom=True, says="first layer of the second seed"),
    ] = 4,
    mix_to: Annotated[
        int,
        Setting(
            0, 31, label="to layer", seldom=True, beside=True, says="last layer of the second seed"
        ),
    ] = 31,
    labels: Chosen | None = None,
    noise: Noise = "const",
    turn: Annotated[
        float,
        Setting(
            -180.0,
            180.0,
            label="StyleGAN3: turn (degrees)",
            seldom=True,
            says="turn the picture, in degrees",
            only_for=STYLEGAN3,
            unset=0,
        ),
    ]
    | None = None,
    right: Annotated[
        float,
        Setting(
            -1.0,
            1.0,
            label="move right",
            step=0.05,
            beside=True,
            seldom=True,
            says="move it to the right, 1 is the width of the picture",
            only_for=STYLEGAN3,
            unset=0,
        ),
    ]
    | None = None,
    down: Annotated[
        float,
        Setting(
            -1.0,
            1.0,
            label="move down",
            step=0.05,
            beside=True,
            seldom=True,
            says="move it down, 1 is the height of the picture",
            only_for=STYLEGAN3,
            unset=0,
        ),
    ]
    | None = None,
    seeds: Seeds | None = None,
) -> Iterator[Step]:
    """Faces of the seeds seed, seed + 1, ..., as many as `count`, or of a list of `seeds`.

    Where the model has labels, the figures of each face say what it has: `labels`.
    `psi` pulls every face towards the average one (1: not at all, 0: the average), in the first
    `cutoff` layers or in all. `mix` is a second seed whose styles take the layers from `mix_from`
    to `mix_to` (style mixing). `labels` sets named labels of a conditional model; what is left
    alone is drawn by the seed. `noise` is the fine detail: fixed, by the seed, or none. `turn`
    (degrees), `right` and `down` (of the picture's side) turn and move what a StyleGAN3 draws.
    Source of z: RandomState(seed).randn(1, z_dim), as every StyleGAN tool. A picture does not
    depend on `count`.
    """
    numbers = numbers_of(seed, count, seeds)
    make = Maker(
        network,
        device,
        labels_of_model,
        labels,
        noise,
        Placing(turn or 0.0, right or 0.0, down or 0.0),
    )
    z, rows = make.drawn(numbers)
    ws = make.ws(z, rows, psi, cutoff)
    unmixed: tuple[Message, ...] = ()
    if mix is not None and network.num_ws:
        unmixed = no_layers(network, mix_from, mix_to)
        ws[:, mix_from : mix_to + 1] = make.ws(*make.drawn([number(mix)]), psi, cutoff)[
            :, mix_from : mix_to + 1
        ]
    alone = {} if seeds is None else {"seeds": None}
    idle = _idle(
        network,
        generate,
        psi=psi,
        cutoff=cutoff,
        mix=mix,
        noise=noise,
        turn=turn,
        right=right,
        down=down,
    )
    yield from make.wall(
        ws,
        rows,
        numbers,
        [f"seed {n}" for n in numbers],
        [{"seed": n, "count": 1, **alone} for n in numbers],
        (*idle, *unmixed),
    )


def strip(
    network: FaceGenerator,
    device: Device,
    labels_of_model: Labels | None = None,
    *,
    seed: Seed = 0,
    count: Annotated[int, Setting(2, 24, says="how many pictures")] = 9,
    psi_from: Annotated[float, Setting(-2.0, 2.0, says="variety of the first picture")] = -0.5,
    psi_to: Annotated[float, Setting(-2.0, 2.0, says="variety of the last picture")] = 1.2,
    labels: Chosen | None = None,
    noise: Noise = "const",
) -> Iterator[Step]:
    """One face from `psi_from` to `psi_to` in `count` pictures: past the average (its opposite),
    the average itself, and wild.
    """
    if not isinstance(network, StyleGenerator):
        raise UserError(
            "This model has no style space, so it has no average face to come from: choose a "
            "StyleGAN."
        )
    make = Maker(network, device, labels_of_model, labels, noise)
    psis = [round(float(p), 4) for p in np.linspace(psi_from, psi_to, count)]
    face = number(seed)
    z, rows = make.drawn([face])
    ws = torch.cat([make.ws(z, rows, p, None) for p in psis])
    same = {"seed": face, "count": 1, "labels": labels, "noise": noise}
    yield from make.wall(
        ws,
        None if rows is None else rows.expand(count, -1),
        [face] * count,
        [f"{p:.2f}" for p in psis],
        [same | {"psi": p} for p in psis],
        task="faces",
    )


def loop(
    network: FaceGenerator,
    device: Device,
    labels_of_model: Labels | None = None,
    *,
    seed: Seed = 0,
    count: Annotated[
        int, Setting(2, 12, says="how many faces the film goes through, of seed, seed + 1, ...")
    ] = 5,
    frames: Frames = 16,
    psi: Psi = 0.7,
    labels: Chosen | None = None,
    noise: Noise = "const",
    seeds: Seeds | None = None,
) -> Iterator[Step]:
    """A film through the faces of `count` seeds, or of a list of `seeds`, and back to the first,
    `frames` pictures from each to the next.

    Goes through the style space on a closed Catmull-Rom curve; for a model without one, through z,
    kept at its length.
    """
    numbers = numbers_of(seed, count, seeds)
    make = Maker(network, device, labels_of_model, labels, noise)
    z, rows = make.drawn(numbers)
    corners = make.ws(z, rows, psi, None)
    points = _closed_curve(corners, frames)
    if not network.num_ws:  # between two z a curve runs closer to 0 than any z the network has seen
        points *= _closed_curve(corners.norm(dim=-1, keepdim=True), frames) / points.norm(
            dim=-1, keepdim=True
        )
    film: list = []
    said = _idle(network, loop, psi=psi, noise=noise)
    while len(film) < len(points):
        some = points[len(film) : len(film) + make.batch]
        x, changes = make.pictures(
            some, numbers[:1] * len(some), None if rows is None else rows[:1].expand(len(some), -1)
        )
        film += from_tensor(x, network.value_range)
        said += changes
        if len(film) < len(points):
            yield Step(len(film), len(points), (), make.calls(), said)
            said = ()
    caption = f"seeds {numbers[0]} to {numbers[-1]}"
    yield Step(
        len(film),
        len(points),
        (Made(film[0], caption, {"seed": numbers[0]}, frames=tuple(film)),),
        make.calls(),
        said,
    )


FACES = Task(
    "faces",
    generate,
    models="faces",
    work=("count",),
    says="Draw faces from seeds with a GAN.",
)
STRIP = Task(
    "strip",
    strip,
    models="faces",
    work=("count",),
    says="Draw one face from average to wild with a StyleGAN.",
)
LOOP = Task(
    "loop",
    loop,
    models="faces",
    work=("count", "frames"),
    says="Film the way through the faces of several seeds and back to the first.",
)


def _idle(network: FaceGenerator, function: Callable, **settings: Any) -> tuple[Message, ...]:
    """What to say where settings of `function` were turned that mean nothing to this network, each
    sentence about some of them.
    """
    defaults = inspect.signature(function).parameters
    turned = [name for name, value in settings.items() if value != defaults[name].default]
    placing = [name for name in turned if name in PLACING]
    rest = [name for name in turned if name not in PLACING]
    noise = [name for name in rest if name == "noise"]
    styled = isinstance(network, StyleGenerator)
    said = []
    if rest and not styled:
        said.append(
            Message(
                "This model has no style space, so this has no effect: {settings}.",
                settings=titles(settings_of(function), rest),
            )
        )
    if noise and styled and not network.has_noise:
        said.append(
            Message(
                "This model has no noise, so this has no effect: {settings}.",
                settings=titles(settings_of(function), noise),
            )
        )
    if placing and not places(network):
        said.append(
            Message(
                "This model's pictures can't be turned or moved, so this has no effect: "
                "{settings}.",
                settings=titles(settings_of(function), placing),
            )
        )
    return tuple(said)


def _closed_curve(points: torch.Tensor, frames: int) -> torch.Tensor:
    """Points [K, ...] -> [K * frames, ...] on a closed Catmull-Rom curve through all of them."""
    before, after, beyond = points.roll(1, 0), points.roll(-1, 0), points.roll(-2, 0)
    t = (torch.arange(frames, device=points.device) / frames).view(
        1, frames, *[1] * (points.dim() - 1)
    )
    p0, p1, p2, p3 = (p[:, None] for p in (before, points, after, beyond))
    curve = 0.5 * (
        2 * p1
        + (p2 - p0) * t
        + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2
        + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    )
    return curve.flatten(0, 1)
