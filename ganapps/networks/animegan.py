"""AnimeGANv2's generator: Chen, Liu and Chen 2020, "AnimeGAN: A Novel Lightweight GAN for Photo Animation", second version."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ganapps.networks.layered import Layer, Layered
from ganapps.networks.taking import Taking, member

FIRST, LAST = "block_a.0.1.weight", "out_layer.0.weight"
LEAK = 0.2


def recognise(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Is this an AnimeGANv2 generator?"""
    plain = {name.removeprefix("module.") for name in shapes}
    return {FIRST, LAST, "block_c.1.layers.0.1.weight"} <= plain


def build(tensors: Mapping[str, Tensor], settings: Mapping) -> Layered:
    """The generator of a checkpoint, float32.

    `settings`: `align_corners` (true) says how the maps are doubled; the weights converted from TensorFlow ask for it, later ones
    were published with either. Raises ValueError that names a tensor that is missing, left over or of the wrong shape.
    """
    generator = _Generator(Taking(member(tensors)), "corners" if settings.get("align_corners", True) else "bilinear")
    network = Layered(generator.layers)
    return network.to(memory_format=torch.channels_last).eval()


class _Generator:
    """Builds the five blocks of the paper's figure, one convolution after another."""

    def __init__(self, taking: Taking, resize: str) -> None:
        self.taking, self.layers, self.width = taking, [], 3
        self.normed("block_a.0", 32, kernel=7, again=True)
        self.normed("block_a.1", 64, stride=2)
        self.normed("block_a.2", 64)
        self.normed("block_b.0", 128, stride=2)
        self.normed("block_b.1", 128)
        self.normed("block_c.0", 128)
        for number in range(1, 5):
            self.inverted(f"block_c.{number}.layers", 256)
        self.normed("block_c.5", 128)
        self.normed("block_d.0", 128, resize=resize)
        self.normed("block_d.1", 128)
        self.normed("block_e.0", 64, resize=resize)
        self.normed("block_e.1", 64)
        self.normed("block_e.2", 32, kernel=7)
        weight, _ = taking.convolution("out_layer.0", self.width, 1, 3, bias=False)
        self.add(Layer(weight, sources=[len(self.layers) - 1], activation="tanh"))
        taking.finish()

    def normed(self, name: str, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1, **rest: object) -> None:
        """Reflection padding, convolution, norm over the whole picture, leaky ReLU."""
        side = kernel // 2
        pad = (0, 1, 0, 1) if stride == 2 else (side,) * 4
        self.layer(f"{name}.1", f"{name}.2", outputs, kernel, pad=pad, stride=stride, groups=groups, activation=LEAK, **rest)

    def inverted(self, name: str, outputs: int) -> None:
        """Wider 1x1, depthwise 3x3, narrower 1x1; added to its input where the width stays."""
        came, width = len(self.layers) - 1, 2 * self.width
        add = came if self.width == outputs else None
        self.normed(f"{name}.0", width, kernel=1)
        self.normed(f"{name}.1", width, groups=width)
        self.layer(f"{name}.2", f"{name}.3", outputs, 1, add=add)

    def layer(self, convolution: str, norm: str, outputs: int, kernel: int, groups: int = 1, **rest: object) -> None:
        weight, bias = self.taking.convolution(convolution, self.width, kernel, outputs, groups, bias=groups > 1)
        scale, shift = (self.taking.tensor(f"{norm}.{leaf}", (outputs,)) for leaf in ("weight", "bias"))
        self.width = outputs
        self.add(Layer(weight, bias, sources=[len(self.layers) - 1], padding="reflect", norm="layer", scale=scale, shift=shift, groups=groups,
                       **rest))

    def add(self, layer: Layer) -> None:
        self.layers.append(layer)
