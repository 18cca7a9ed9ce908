"""pix2pix's U-Nets: Isola et al. 2017, "Image-to-Image Translation with Conditional Adversarial
Networks"; Anime2Sketch's is one of them.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ganapps.networks import length
from ganapps.networks.taking import STATISTICS, Taking, channels_last
from ganapps.networks.translate.layer import Layer
from ganapps.networks.translate.layered import PICTURE, Layered

LEAK = 0.2
FIRST, LAST = "model.model.0.weight", "model.model.3.weight"
OTHER = "down1.model.0.weight"  # names of the U-Net of the Hub's huggan event


def recognise(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Is this a U-Net generator in one of the published layouts?"""
    return {FIRST, LAST} <= shapes.keys() or {OTHER, "final.2.weight"} <= shapes.keys()


def build(tensors: Mapping[str, Tensor], settings: Mapping) -> Layered:
    """The generator of a checkpoint, float32; depth (7 for 128 px, 8 for 256) and widths are read
    from names and shapes.

    `settings`: `statistics` of batch norms: "picture" (the default: the official test script runs
    in train mode) or "running" (eval mode). The script's dropout, the paper's only noise, is on
    where `forward` is given a seed. Raises ValueError that names a tensor that is missing, left
    over or of the wrong shape.
    """
    generator = _Generator(Taking(tensors), settings.get("statistics", "picture") == "running")
    depth = (
        length({"down0.model.0.weight": None, **tensors}, "down{}.model.0.weight") - 1
        if OTHER in tensors
        else _depth(tensors)
    )
    (generator.other if OTHER in tensors else generator.nested)(depth)
    generator.taking.forget(STATISTICS)
    generator.taking.finish()
    colours = generator.layers[-1].channels(0)
    if colours not in (1, 3):
        raise ValueError(
            f"the last convolution should make a picture of 1 or 3 channels, not {colours}"
        )
    network = Layered(generator.layers, multiple=2**depth)
    network.minimum = 2**depth
    return channels_last(network).eval()


def _depth(state: Mapping[str, Tensor]) -> int:
    """How often a nested U-Net halves its input."""
    depth, prefix = 1, "model.model.1.model."
    while f"{prefix}1.weight" in state:
        depth, prefix = depth + 1, f"{prefix}3.model."
    return depth


class _Generator:
    """Builds the layers from the outermost down to the innermost and up again."""

    def __init__(self, taking: Taking, running: bool) -> None:
        self.taking, self.running = taking, running
        self.bias = f"{FIRST.removesuffix('weight')}bias" in taking
        self.affine = "model.model.1.model.2.weight" in taking
        self.layers: list[Layer] = []

    def nested(self, depth: int) -> None:
        """junyanz's: each block holds the next one. What the skips carry was made leaky in place;
        the way up then clips it.
        """
        prefixes = [
            "model.model.",
            *("model.model.1.model." + n * "3.model." for n in range(depth - 1)),
        ]
        widths = [self.down("model.model.0", None, 3, PICTURE, "leaky")]
        for n in range(1, depth):
            inner = n == depth - 1
            widths.append(
                self.down(
                    f"{prefixes[n]}1",
                    None if inner else f"{prefixes[n]}2",
                    widths[-1],
                    n - 1,
                    "relu" if inner else "leaky",
                )
            )
        sources, width = [depth - 1], widths[-1]
        for n in range(depth - 1, 0, -1):
            place = 3 if n == depth - 1 else 5
            dropout = 0.5 if 4 <= n < depth - 1 else 0.0
            width = (
                self.up(
                    f"{prefixes[n]}{place}", f"{prefixes[n]}{place + 1}", width, sources, dropout
                )
                + widths[n - 1]
            )
            sources = [n - 1, len(self.layers) - 1]
        weight, bias = self.taking.convolution("model.model.3", width, 4, transposed=True)
        self.layers.append(
            Layer(
                weight,
                bias,
                sources=sources,
                first="relu",
                pad=(1,) * 4,
                stride=2,
                transposed=True,
                activation="tanh",
            )
        )

    def other(self, depth: int) -> None:
        """huggan's: a list of blocks; the last doubling repeats pixels."""
        widths = [self.down("down1.model.0", None, 3, PICTURE, "leaky")]
        for n in range(1, depth):
            inner = n == depth - 1
            widths.append(
                self.down(
                    f"down{n + 1}.model.0",
                    None if inner else "instance",
                    widths[-1],
                    n - 1,
                    "leaky",
                )
            )
        sources, width = [depth - 1], widths[-1]
        for n in range(1, depth):
            width = (
                self.up(
                    f"up{n}.model.0", "instance", width, sources, 0.5 if n < 5 else 0.0, first=None
                )
                + widths[depth - 1 - n]
            )
            sources = [len(self.layers) - 1, depth - 1 - n]
        weight, bias = self.taking.convolution("final.2", width, 4)
        self.layers.append(
            Layer(
                weight, bias, sources=sources, resize="nearest", pad=(2, 1, 2, 1), activation="tanh"
            )
        )

    def down(self, name: str, norm: str | None, inputs: int, source: int, activation: str) -> int:
        """4x4 at stride 2; gives its width."""
        weight, bias = self.taking.convolution(name, inputs, 4, bias=self.bias)
        weight, bias, options = self.normed(norm, weight, bias, 0)
        self.layers.append(
            Layer(
                weight,
                bias,
                sources=[source],
                pad=(1,) * 4,
                stride=2,
                activation=LEAK if activation == "leaky" else activation,
                **options,
            )
        )
        return weight.shape[0]

    def up(
        self,
        name: str,
        norm: str,
        inputs: int,
        sources: list[int],
        dropout: float,
        first: str | None = "relu",
    ) -> int:
        """4x4 transposed at stride 2; gives its width."""
        weight, bias = self.taking.convolution(name, inputs, 4, transposed=True, bias=self.bias)
        weight, bias, options = self.normed(norm, weight, bias, 1)
        self.layers.append(
            Layer(
                weight,
                bias,
                sources=sources,
                first=first,
                pad=(1,) * 4,
                stride=2,
                transposed=True,
                activation="relu",
                dropout=dropout,
                **options,
            )
        )
        return weight.shape[1]

    def normed(
        self, norm: str | None, weight: Tensor, bias: Tensor | None, side: int
    ) -> tuple[Tensor, Tensor | None, dict]:
        """What a layer needs of the norm behind its convolution; running statistics go into the
        convolution.
        """
        if norm is None:
            return weight, bias, {}
        width = weight.shape[side]
        scale, shift = (
            self.taking.tensor(f"{norm}.{n}", (width,)) if self.affine else None
            for n in ("weight", "bias")
        )
        if scale is None or shift is None or not self.running or self.bias:
            return weight, bias, {"norm": "instance", "scale": scale, "shift": shift}
        mean, variance = (
            self.taking.tensor(f"{norm}.running_{n}", (width,)) for n in ("mean", "var")
        )
        rate = scale * (variance + 1e-5).rsqrt()
        return weight * rate.view(*((1, -1) if side else (-1, 1)), 1, 1), shift - mean * rate, {}
