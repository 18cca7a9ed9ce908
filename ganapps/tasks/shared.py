"""Settings that several tasks have, each declared once."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from ganapps.settings import Setting
from ganapps.tasks import sampling

DIFFUSION = "a diffusion model"
EDITOR = "a translator that reads"
FORMATS = "PNG, JPEG, WebP, AVIF, TIFF, BMP or GIF"

Seed = Annotated[
    int | str,
    Setting(
        label="Seed: a number or any words",
        says="a number, or any text (its SHA-256 is the number)",
        free_text=True,
    ),
]
Count = Annotated[
    int,
    Setting(
        1, 64, label="How many", slider=(1, 64), says="how many pictures, of seed, seed + 1, ..."
    ),
]
Psi = Annotated[
    float,
    Setting(
        -2.0,
        2.0,
        label="Variety (psi)",
        slider=(-1, 1.5),
        step=0.05,
        says="variety: 0 is the average face, 1 all the variety there is",
    ),
]
Chosen = Annotated[
    dict[str, Any],
    Setting(
        says='what to set, such as {"beard": 0.8}; the rest is drawn by the seed',
        only_for="a model with labels",
        free_text=True,
    ),
]
Noise = Annotated[
    Literal["const", "random", "none"],
    Setting(
        label="Fine detail (noise)",
        choices=(("fixed", "const"), ("by the seed", "random"), ("none", "none")),
        seldom=True,
        says="fine detail: fixed, by the seed, or none",
    ),
]
To = Annotated[
    int | str,
    Setting(
        says="the seed at the other end of the film; left out, the next one",
        free_text=True,
    ),
]
Frames = Annotated[
    int,
    Setting(
        2,
        60,
        label="Pictures of a film",
        slider=(4, 32),
        seldom=True,
        says="pictures from one seed to the next",
    ),
]
Prompt = Annotated[
    str,
    Setting(
        longest=1000,
        label="In words: what is to be seen, or to be done",
        says="what is to be seen",
        free_text=True,
    ),
]
Steps = Annotated[
    int,
    Setting(
        1,
        1000,
        label="Steps",
        slider=(1, 100),
        says="steps of the walk from noise to a picture",
        only_for=DIFFUSION,
    ),
]
Sampler = Annotated[
    sampling.Scheduler,
    Setting(
        label="Sampler",
        seldom=True,
        says="how the steps are taken",
        only_for=DIFFUSION,
    ),
]
Eta = Annotated[
    float,
    Setting(
        0.0,
        1.0,
        label="Fresh noise in each DDIM step (eta)",
        slider=(0, 1),
        step=0.05,
        seldom=True,
        says="fresh noise in each DDIM step: 0 none, 1 as much as DDPM",
        only_for=DIFFUSION,
    ),
]
Guidance = Annotated[
    float,
    Setting(
        0.0,
        30.0,
        label="How closely it follows the text (guidance)",
        slider=(1, 15),
        step=0.5,
        says="how closely it follows the text",
        only_for="a model that reads",
    ),
]
Strength = Annotated[
    float,
    Setting(
        0.0,
        1.0,
        label="Strength",
        slider=(0, 1),
        step=0.05,
        says="1 is the network's result, 0 the picture without it",
    ),
]
KeepColours = Annotated[
    bool,
    Setting(label="Keep the original colours", says="give the result the colours of the picture"),
]
KeepPlace = Annotated[
    bool,
    Setting(
        label="Keep where it was taken (GPS)",
        seldom=True,
        says="keep where the photograph was taken (GPS)",
    ),
]
KeepAlpha = Annotated[bool, Setting(says="transparency stays; otherwise it is laid on white")]
