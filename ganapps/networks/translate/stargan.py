"""StarGAN's generator: Choi et al. 2018, "StarGAN: Unified Generative Adversarial Networks for
Multi-Domain Image-to-Image Translation".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Unpack

from torch import Tensor

from ganapps.networks.taking import STATISTICS, Taking, channels_last
from ganapps.networks.translate.layer import Layer, Options
from ganapps.networks.translate.layered import Layered

FIRST = "main.0.weight"


def recognise(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Is this a StarGAN generator? (Its discriminator's first convolution is 4x4.)"""
    first = shapes.get(FIRST, ())
    return (
        len(first) == 4
        and first[2:] == (7, 7)
        and first[1] > 3
        and any(re.fullmatch(r"main\.\d+\.main\.0\.weight", n) for n in shapes)
    )


def build(tensors: Mapping[str, Tensor], settings: Mapping) -> Layered:
    """The generator of a checkpoint, float32; it takes as many labels as its first convolution has
    channels beyond three.

    Statistics are the picture's own, as the official solver computes them: the file's running ones
    are not used. Raises ValueError that names a tensor that is missing, left over or of the wrong
    shape.
    """
    taking = Taking(tensors)
    taking.forget(STATISTICS)
    labels = _inputs(taking) - 3
    blocks = sorted(
        {int(m[1]) for m in (re.match(r"main\.(\d{1,9})\.main\.", name) for name in tensors) if m}
    )
    generator = _Generator(taking, 3 + labels)
    generator.layer("main.0", 7, pad=(3,) * 4, again=True)
    for number in (3, 6):
        generator.layer(f"main.{number}", 4, pad=(1,) * 4, stride=2)
    for number in blocks:
        came = len(generator.layers) - 1
        generator.layer(f"main.{number}.main.0", 3, pad=(1,) * 4)
        generator.layer(f"main.{number}.main.3", 3, pad=(1,) * 4, activation=None, add=came)
    after = (blocks or [8])[-1] + 1
    for number in (after, after + 3):
        generator.layer(
            f"main.{number}", 4, pad=(1,) * 4, stride=2, transposed=True, again=number != after
        )
    weight, _ = taking.convolution(f"main.{after + 6}", generator.width, 7, 3, bias=False)
    generator.layers.append(
        Layer(weight, sources=[len(generator.layers) - 1], pad=(3,) * 4, activation="tanh")
    )
    taking.finish()
    return channels_last(Layered(generator.layers, labels=labels)).eval()


def _inputs(taking: Taking) -> int:
    shape = taking.shape(FIRST)
    if len(shape) != 4 or shape[1] < 4:
        raise ValueError(f"{FIRST} should take a picture's three channels and one for each label")
    return shape[1]


class _Generator:
    """Convolutions without bias, each with an instance norm behind it whose place is one
    further.
    """

    def __init__(self, taking: Taking, width: int) -> None:
        self.taking, self.width = taking, width
        self.layers: list[Layer] = []

    def layer(
        self,
        name: str,
        kernel: int,
        *,
        pad: Sequence[int],
        stride: int = 1,
        activation: str | None = "relu",
        transposed: bool = False,
        **rest: Unpack[Options],
    ) -> None:
        weight, _ = self.taking.convolution(
            name, self.width, kernel, transposed=transposed, bias=False
        )
        self.width = weight.shape[1 if transposed else 0]
        norm = re.sub(r"\d+$", lambda m: str(int(m[0]) + 1), name)
        scale, shift = (
            self.taking.tensor(f"{norm}.{leaf}", (self.width,)) for leaf in ("weight", "bias")
        )
        self.layers.append(
            Layer(
                weight,
                sources=[len(self.layers) - 1],
                pad=pad,
                stride=stride,
                norm="instance",
                scale=scale,
                shift=shift,
                activation=activation,
                transposed=transposed,
                **rest,
            )
        )
