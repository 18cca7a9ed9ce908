"""CartoonGAN, light: Chen, Lai and Liu 2018, "CartoonGAN: Generative Adversarial Networks for Photo
Cartoonization", out of ShuffleNet V2 units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Unpack

from torch import Tensor

from ganapps.networks.taking import Taking, channels_last
from ganapps.networks.translate.layer import Layer, Options
from ganapps.networks.translate.layered import Layered

EPSILON = 1e-3  # added to the standard deviation
FIRST = "first.weight"


def recognise(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Is this the light CartoonGAN?"""
    return {FIRST, "d1.l.0.conv.weight", "u2.b.m.0.weight"} <= set(shapes)


def build(tensors: Mapping[str, Tensor], settings: Mapping) -> Layered:
    """The generator of a checkpoint, float32. Raises ValueError that names a tensor that is
    missing, left over or of the wrong shape.
    """
    generator = _Generator(Taking(tensors))
    generator.convolution("first", "n", 5, again=True)
    for name in ("d1", "d2"):
        generator.down(name)
    for number in range(len({name.split(".")[1] for name in tensors if name.startswith("res.")})):
        generator.basic(f"res.{number}.m")
    for name in ("u1", "u2"):
        generator.convolution(f"{name}.c", None, 1, resize="bilinear", again=name == "u2")
        generator.basic(f"{name}.b.m")
    generator.convolution("last", None, 5, activation="tanh")
    generator.taking.finish()
    return channels_last(Layered(generator.layers)).eval()


class _Generator:
    """Layers of the shuffle units; `width` is that of the latest whole unit, at `here`."""

    def __init__(self, taking: Taking) -> None:
        self.taking, self.width = taking, 3
        self.layers: list[Layer] = []

    @property
    def here(self) -> int:
        """The number of the latest layer."""
        return len(self.layers) - 1

    def convolution(
        self,
        name: str,
        norm: str | None,
        kernel: int,
        activation: str | None = "relu",
        **rest: Unpack[Options],
    ) -> None:
        """A plain convolution with bias."""
        weight, bias = self.taking.convolution(name, self.width, kernel)
        self.width = weight.shape[0]
        activation = activation if norm or activation == "tanh" else None
        self.layers.append(
            Layer(
                weight,
                bias,
                sources=[self.here],
                pad=(kernel // 2,) * 4,
                activation=activation,
                **self.norm(norm),
                **rest,
            )
        )

    def basic(self, name: str) -> None:
        """Half of the channels pass, the other half goes 1x1, depthwise, 1x1; then both are
        shuffled together.
        """
        came, half = self.here, self.width // 2
        self.pointwise(f"{name}.0", f"{name}.1", half, half, came, take=range(half, self.width))
        self.depthwise(f"{name}.3", f"{name}.4", half, self.here)
        self.pointwise(f"{name}.5", f"{name}.6", half, half, self.here)
        self.layers.append(
            Layer(
                sources=[came, self.here],
                take=_shuffled(range(half), range(self.width, self.width + half)),
            )
        )

    def down(self, name: str) -> None:
        """Half the size, twice the channels: both halves are made anew, the norm sees them
        together.
        """
        came, width = self.here, self.width
        self.depthwise(f"{name}.l.0", f"{name}.l.1", width, came, stride=2)
        self.pointwise(f"{name}.l.2", None, width, width, self.here)
        left = self.here
        self.pointwise(f"{name}.r.0", f"{name}.r.1", width, width, came)
        self.depthwise(f"{name}.r.3", f"{name}.r.4", width, self.here, stride=2)
        self.pointwise(f"{name}.r.5", None, width, width, self.here)
        self.width = 2 * width
        self.layers.append(
            Layer(
                sources=[left, self.here],
                take=_shuffled(range(width), range(width, 2 * width)),
                activation="relu",
                **self.norm(f"{name}.n"),
            )
        )

    def pointwise(
        self,
        name: str,
        norm: str | None,
        inputs: int,
        outputs: int,
        source: int,
        take: Sequence[int] | None = None,
    ) -> None:
        weight, _ = self.taking.convolution(name, inputs, 1, outputs, bias=False)
        self.layers.append(
            Layer(
                weight,
                sources=[source],
                take=take,
                activation="relu" if norm else None,
                **self.norm(norm),
            )
        )

    def depthwise(self, name: str, norm: str, width: int, source: int, stride: int = 1) -> None:
        weight, _ = self.taking.convolution(
            f"{name}.conv", width, 3, width, groups=width, bias=False
        )
        pad = (1,) * 4 if stride == 1 else (0, 1, 0, 1)
        self.layers.append(
            Layer(weight, sources=[source], pad=pad, stride=stride, groups=width, **self.norm(norm))
        )

    def norm(self, name: str | None) -> dict:
        """What a layer needs of a norm, one scale and one shift for everything."""
        if name is None:
            return {}
        scale, shift = (self.taking.tensor(f"{name}.{leaf}", (1,)) for leaf in ("gamma", "beta"))
        return {"norm": "spread", "scale": scale, "shift": shift, "epsilon": EPSILON}


def _shuffled(one: range, other: range) -> list[int]:
    """Channels of two halves by turns."""
    return [channel for pair in zip(one, other) for channel in pair]
