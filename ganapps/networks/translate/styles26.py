"""One network, many styles, and mixtures of them: Dumoulin, Shlens and Kudlur 2017, "A Learned
Representation For Artistic Style".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack

from torch import Tensor

from ganapps.networks import length
from ganapps.networks.taking import Taking, channels_last
from ganapps.networks.translate.layer import Layer, Options
from ganapps.networks.translate.layered import Layered


def recognise(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Is this Magenta's network of several styles?"""
    return {"contract.0.w", "contract.0.norm.gamma", "expand.2.w"} <= set(shapes)


def build(tensors: Mapping[str, Tensor], settings: Mapping) -> Layered:
    """The network, float32; each norm has a row of scales and shifts for every style, which the
    condition [N, styles] mixes.

    Raises ValueError that names a tensor that is missing, left over or of the wrong shape.
    """
    network = _Network(Taking(tensors))
    blocks = length(tensors, "res.{}.0.w")
    for number, (kernel, stride) in enumerate(((9, 1), (3, 2), (3, 2))):
        network.layer(f"contract.{number}", kernel, stride=stride, again=number == 0)
    for number in range(blocks):
        came = len(network.layers) - 1
        network.layer(f"res.{number}.0", 3)
        network.layer(f"res.{number}.1", 3, activation=None, add=came)
    for number in range(2):
        network.layer(f"expand.{number}", 3, resize="nearest", again=number == 1)
    network.layer("expand.2", 9, activation="sigmoid", again=True)
    network.taking.finish()
    made = Layered(
        network.layers, styles=network.styles, value_range=(0.0, 1.0), output_range=(0.0, 1.0)
    )
    return channels_last(made).eval()


class _Network:
    """Reflection padding, a convolution without bias, a norm that the styles share out; one after
    another.
    """

    def __init__(self, taking: Taking) -> None:
        self.taking, self.width = taking, 3
        self.layers: list[Layer] = []
        self.styles = (*taking.shape("contract.0.norm.gamma"), 0)[0]

    def layer(
        self,
        name: str,
        kernel: int,
        *,
        stride: int = 1,
        activation: str | None = "relu",
        **rest: Unpack[Options],
    ) -> None:
        weight = self.taking.tensor(f"{name}.w", (None, self.width, kernel, kernel))
        self.width = weight.shape[0]
        scale, shift = (
            self.taking.tensor(f"{name}.norm.{leaf}", (self.styles, self.width))
            for leaf in ("gamma", "beta")
        )
        self.layers.append(
            Layer(
                weight,
                sources=[len(self.layers) - 1],
                pad=(kernel // 2,) * 4,
                padding="reflect",
                stride=stride,
                norm="instance",
                scale=scale,
                shift=shift,
                activation=activation,
                **rest,
            )
        )
