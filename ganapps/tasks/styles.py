"""A face of a style space: from a seed, or from a text that holds its styles."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from ganapps.errors import Message, UserError
from ganapps.networks.contracts import FaceGenerator, StyleGenerator
from ganapps.settings import Setting
from ganapps.tasks.maker import Maker, number
from ganapps.tasks.shared import Seed

LONGEST = 32_000  # characters of a face as text; 18 layers of 512 numbers take 24,600

Styles = Annotated[
    str,
    Setting(
        longest=LONGEST,
        says="a face as text, as figures and recipes of other tasks have it, in place of the seed",
        unset="",
    ),
]


@dataclass(frozen=True)
class Face:
    """`ws` [1, num_ws, w_dim]; and where a seed drew it, its `z` [1, z_dim] and its label `rows`
    [1, C].
    """

    ws: Tensor
    z: Tensor | None = None
    rows: Tensor | None = None


def begun(make: Maker, seed: Seed, psi: float, styles: str | None) -> Face:
    """The face to begin with. Raises UserError where a text is none of this network's."""
    z, rows = make.drawn([number(seed)])
    ws = make.ws(z, rows, psi, None)
    if not styles:
        return Face(ws, z, rows)
    return Face(unpacked(styles, ws))


def styled(network: FaceGenerator) -> StyleGenerator:
    """The network, where it has a style space. Raises UserError where it has none."""
    if not isinstance(network, StyleGenerator):
        raise UserError("This model has no style space to move in: choose a StyleGAN.")
    return network


def no_layers(network: FaceGenerator, first: int, last: int) -> tuple[Message, ...]:
    """What to say where no layer of the network lies from `first` to `last`."""
    if first <= min(last, network.num_ws - 1):
        return ()
    return (
        Message(
            "This model has no layer from {first} to {last}: nothing changes there.",
            first=first,
            last=last,
        ),
    )


def packed(ws: Tensor) -> str:
    """Styles [1, num_ws, w_dim] as text, 16 bits a number; one layer where all are alike."""
    layers = ws[0].float().cpu()
    if torch.equal(layers, layers[:1].expand_as(layers)):
        layers = layers[:1]
    return base64.b64encode(layers.numpy().astype("<f2").tobytes()).decode()


def unpacked(text: str, like: Tensor) -> Tensor:
    """The styles in a text, as `like` [1, num_ws, w_dim] lies. Raises UserError where it holds
    others, or none.
    """
    try:
        numbers = np.frombuffer(base64.b64decode(text, validate=True), "<f2").astype(np.float32)
    except (binascii.Error, ValueError):
        numbers = np.zeros(0, np.float32)
    layers, width = like.shape[1:]
    if numbers.size not in (width, layers * width) or not np.isfinite(numbers).all():
        raise UserError(
            "These styles are no face of this model, whose faces have {layers:layer|layers} of "
            "{width} numbers: take the model that they were made with.",
            layers=layers,
            width=width,
        )
    ws = torch.from_numpy(numbers).view(1, -1, width).to(like.device)
    return ws.expand(1, layers, width).contiguous()


def rounded(ws: Tensor) -> Tensor:
    """The styles as their text will give them again."""
    return unpacked(packed(ws), ws)
