"""CycleGAN's ResNet generators: Zhu et al. 2017, "Unpaired Image-to-Image Translation using
Cycle-Consistent Adversarial Networks"; and CUT's, with anti-aliased sampling: Park et al. 2020,
"Contrastive Learning for Unpaired Image-to-Image Translation".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Unpack

import torch
from torch import Tensor

from ganapps.networks import length
from ganapps.networks.taking import STATISTICS, Taking, channels_last
from ganapps.networks.translate.layer import Layer, Options
from ganapps.networks.translate.layered import Layered

PADDINGS = {"reflect": "reflect", "replicate": "replicate", "zero": "constant"}
COURSE = "upfeature.conv.weight"  # names of the Computer Vision Course's network
DRAWING = "model0.1.weight"  # names of Informative Drawings


@dataclass(frozen=True)
class Names:
    """What a file calls the parts: (convolution, norm) of each layer; a norm's name is None where
    there's none at all.
    """

    head: tuple[str, str | None]
    down: tuple[tuple[str, str], ...]
    blocks: tuple[tuple[str, str, str, str], ...]
    up: tuple[tuple[str, str], ...]
    tail: str
    down_filters: tuple[str, ...] = ()
    up_filters: tuple[str, ...] = ()


def recognise(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Is this a ResNet generator in one of the published layouts?"""
    if COURSE in shapes or DRAWING in shapes:
        return "res0.conv1.weight" in shapes or "model2.0.conv_block.1.weight" in shapes
    return _resnet(shapes)


def build(tensors: Mapping[str, Tensor], settings: Mapping) -> Layered:
    """The generator of a checkpoint, float32; blocks, widths and norms are read from names and
    shapes.

    `settings`: `padding` ("reflect", "replicate", "zero") of the blocks; `head_activation` is tanh,
    sigmoid or none; `statistics` "running" lets a batch-norm file use its running statistics (eval
    mode), "picture" those of the picture, as the official test script does; `resize` "bilinear" is
    that of the `+` networks. Dropout is off. Raises ValueError that names a tensor that is missing,
    left over or of the wrong shape.
    """
    state = {re.sub(r"^(?=\d+\.)", "model.", name): tensor for name, tensor in tensors.items()}
    names = (
        _course(state)
        if COURSE in state
        else _drawing(state)
        if DRAWING in state
        else _sequential(state)
    )
    return _Generator(Taking(state), names, settings, course=COURSE in state).network()


def _resnet(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    blocks = any(
        re.fullmatch(r"(model\.)?\d+\.(conv_block|block)\.\d\.weight", name) for name in shapes
    )
    first = next((shapes[n] for n in ("model.1.weight", "1.weight") if n in shapes), ())
    return blocks and len(first) == 4 and first[2:] == (7, 7)


def _sequential(state: Mapping[str, Tensor]) -> Names:
    """junyanz's numbers, and whatever was made after them: block names, dropout and CUT's filters
    shift the indices.
    """
    parts = _parts(state)
    kinds = {n: _kind(parts[n]) for n in sorted(parts)}
    convolutions = [n for n in kinds if kinds[n] == "convolution"]
    blocks = [n for n in kinds if kinds[n] == "block"]
    before, after = (
        sum(n < blocks[0] for n in convolutions) if blocks else 0,
        sum(n > blocks[-1] for n in convolutions) if blocks else 0,
    )
    if not before == after == len(convolutions) / 2 > 1:
        raise ValueError(
            "model.N should hold as many convolutions before residual blocks as behind them, "
            f"found {before} and {after}"
        )
    sampled = [(f"model.{n}", f"model.{n + 1}") for n in convolutions[1:-1]]
    head, tail = convolutions[0], convolutions[-1]
    filters = [n for n in kinds if kinds[n] == "filter"]
    return Names(
        (f"model.{head}", f"model.{head + 1}"),
        tuple(p for p, n in zip(sampled, convolutions[1:]) if n < blocks[0]),
        tuple(_in_block(parts[n], n) for n in blocks),
        tuple(p for p, n in zip(sampled, convolutions[1:]) if n > blocks[0]),
        f"model.{tail}",
        tuple(f"model.{n}.filt" for n in filters if n < blocks[0]),
        tuple(f"model.{n}.filt" for n in filters if n > blocks[0]),
    )


def _parts(state: Mapping[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    """The tensors of each model.N, by what follows the number."""
    parts: dict[int, dict[str, Tensor]] = {}
    for name, tensor in state.items():
        if match := re.fullmatch(r"model\.(\d{1,9})\.(.+)", name):
            parts.setdefault(int(match[1]), {})[match[2]] = tensor
    return parts


def _kind(part: Mapping[str, Tensor]) -> str:
    if "weight" in part:
        return "convolution" if part["weight"].dim() == 4 else "norm"
    if "filt" in part:
        return "filter"
    return "block" if any(re.match(r"(conv_)?block\.", name) for name in part) else "norm"


def _in_block(part: Mapping[str, Tensor], number: int) -> tuple[str, str, str, str]:
    inside = {
        m[1]: t
        for name, t in part.items()
        if (m := re.fullmatch(r"((?:conv_)?block\.\d+)\.weight", name))
    }
    first, *rest = [name for name in sorted(inside) if inside[name].dim() == 4] or ["conv_block.1"]
    second = rest[0] if rest else re.sub(r"\d+$", "5", first)
    place = f"model.{number}."
    return place + first, place + _after(first), place + second, place + _after(second)


def _after(name: str) -> str:
    return re.sub(r"\d+$", lambda m: str(int(m[0]) + 1), name)


def _course(state: Mapping[str, Tensor]) -> Names:
    count = length(state, "res{}.conv1.weight")
    return Names(
        ("upfeature.conv", None),
        tuple((f"encoder{n}.conv1", f"encoder{n}.norm") for n in (1, 2)),
        tuple(
            (f"res{n}.conv1", f"res{n}.norm", f"res{n}.conv2", f"res{n}.norm") for n in range(count)
        ),
        tuple((f"decoder{n}.conv1", f"decoder{n}.norm") for n in (1, 2)),
        "downfeature.conv",
    )


def _drawing(state: Mapping[str, Tensor]) -> Names:
    count = length(state, "model2.{}.conv_block.1.weight")
    blocks = [f"model2.{n}.conv_block" for n in range(count)]
    return Names(
        ("model0.1", "model0.2"),
        (("model1.0", "model1.1"), ("model1.3", "model1.4")),
        tuple((f"{block}.1", f"{block}.2", f"{block}.5", f"{block}.6") for block in blocks),
        (("model3.0", "model3.1"), ("model3.3", "model3.4")),
        "model4.1",
    )


class _Generator:
    """Builds the layers one after another, from the tensors they are called."""

    def __init__(self, taking: Taking, names: Names, settings: Mapping, course: bool) -> None:
        self.taking, self.names, self.settings, self.course = taking, names, settings, course
        self.layers: list[Layer] = []
        self.width = 0
        self.down_filters, self.up_filters = iter(names.down_filters), iter(names.up_filters)
        padding = settings.get("padding", "reflect")
        if padding not in PADDINGS:
            raise ValueError(f"padding is {padding!r} and should be one of {', '.join(PADDINGS)}")
        self.padding = PADDINGS[padding]
        self.running = settings.get("statistics", "running") == "running"
        norms = [
            names.head[1],
            *(norm for _, norm in (*names.down, *names.up)),
            *(norm for b in names.blocks for norm in b[1::2]),
        ]
        self.affine = any(f"{norm}.weight" in taking for norm in norms)
        self.batch = (
            f"{names.head[1]}.running_mean" in taking and f"{names.head[0]}.bias" not in taking
        )

    def network(self) -> Layered:
        names = self.names
        colours = self._colours(names.head[0])
        self.width = colours
        self._layer(*names.head, 7, pad=(3,) * 4, padding="reflect", again=True)
        for down in names.down:
            self._down(*down)
        for block in names.blocks:
            self._block(*block)
        for up in names.up:
            self._up(*up)
        end = self.settings.get(
            "head_activation", "sigmoid" if names.tail == "model4.1" else "tanh"
        )
        self._layer(
            names.tail,
            None,
            7,
            pad=(3,) * 4,
            padding="reflect",
            activation=None if end == "none" else end,
        )
        self.taking.forget(STATISTICS)
        self.taking.finish()
        if self.width not in (1, 3):
            raise ValueError(
                f"{names.tail}.weight should make a picture of 1 or 3 channels, not {self.width}"
            )
        values = (0.0, 1.0) if end == "sigmoid" else (-1.0, 1.0)
        network = Layered(
            self.layers, multiple=2 ** len(names.down), value_range=values, output_range=values
        )
        network.channels = colours
        return channels_last(network).eval()

    def _colours(self, head: str) -> int:
        shape = self.taking.shape(f"{head}.weight")
        if len(shape) != 4 or shape[1] not in (1, 3):
            raise ValueError(f"{head}.weight should take a picture of 1 or 3 channels")
        return shape[1]

    def _down(self, convolution: str, norm: str) -> None:
        if not self.names.down_filters:
            padding = "reflect" if self.course else "constant"
            return self._layer(convolution, norm, 3, pad=(1,) * 4, padding=padding, stride=2)
        self._layer(convolution, norm, 3, pad=(1,) * 4, again=len(self.layers) == 1)
        weight = self._filter(self.down_filters, 3)
        self._add(
            Layer(
                weight,
                sources=[len(self.layers) - 1],
                pad=(1,) * 4,
                padding="reflect",
                stride=2,
                groups=self.width,
            )
        )

    def _block(self, first: str, first_norm: str, second: str, second_norm: str) -> None:
        came = len(self.layers) - 1
        self._layer(first, first_norm, 3, pad=(1,) * 4, padding=self.padding, outputs=self.width)
        self._layer(
            second,
            second_norm,
            3,
            pad=(1,) * 4,
            padding=self.padding,
            outputs=self.width,
            activation=None,
            add=came,
        )

    def _up(self, convolution: str, norm: str) -> None:
        # of the others the next would have to make too much anew
        again = (convolution, norm) == self.names.up[-1]
        if self.names.up_filters:
            self._filter(self.up_filters, 4)  # the same as bilinear doubling, which is quicker
            return self._layer(convolution, norm, 3, pad=(1,) * 4, resize="bilinear", again=again)
        shape = self.taking.shape(f"{convolution}.weight")
        if self.settings.get("resize") == "bilinear":
            return self._layer(
                convolution, norm, 3, pad=(1,) * 4, padding="reflect", resize="corners", again=again
            )
        if shape[:2] == (self.width // 2, self.width):  # huggan's decoder
            return self._layer(convolution, norm, 3, pad=(1,) * 4, resize="nearest", again=again)
        self._layer(convolution, norm, 3, pad=(1,) * 4, stride=2, transposed=True, again=again)

    def _filter(self, filters: Iterator[str], side: int) -> Tensor:
        """CUT's binomial filter, as the file has it; ValueError for another, which bilinear
        doubling would not be.
        """
        name = next(filters, "a further filt")
        found = self.taking.tensor(name, (self.width, 1, side, side))
        row = torch.tensor({3: [1.0, 2.0, 1.0], 4: [1.0, 3.0, 3.0, 1.0]}[side])
        expected = row.outer(row) / row.sum() ** 2 * (4 if side == 4 else 1)
        if not torch.allclose(found, expected.expand_as(found), atol=1e-3):
            raise ValueError(f"{name} is not the binomial filter of CUT")
        return found

    def _layer(
        self,
        convolution: str,
        norm: str | None,
        kernel: int,
        *,
        pad: Sequence[int],
        padding: str = "constant",
        stride: int = 1,
        outputs: int | None = None,
        activation: str | None = "relu",
        transposed: bool = False,
        **rest: Unpack[Options],
    ) -> None:
        weight, bias = self.taking.convolution(
            convolution,
            self.width,
            kernel,
            outputs,
            transposed=transposed,
            bias=not self.batch or norm is None,
        )
        self.width = weight.shape[1 if transposed else 0]
        options: dict = {}
        if norm is None:
            activation = activation if convolution == self.names.tail else None
        elif self.batch:
            weight, bias, options = self._batch(norm, weight, transposed)
        else:
            options = {
                "norm": "instance",
                "scale": self._vector(f"{norm}.weight"),
                "shift": self._vector(f"{norm}.bias"),
            }
        self._add(
            Layer(
                weight,
                bias,
                sources=[len(self.layers) - 1],
                pad=pad,
                padding=padding,
                stride=stride,
                activation=activation,
                transposed=transposed,
                **options,
                **rest,
            )
        )

    def _batch(
        self, norm: str, weight: Tensor, transposed: bool
    ) -> tuple[Tensor, Tensor | None, dict]:
        """A batch norm: folded into the convolution, or with the picture's own statistics."""
        scale, shift, mean, variance = (
            self.taking.tensor(f"{norm}.{n}", (self.width,))
            for n in ("weight", "bias", "running_mean", "running_var")
        )
        if not self.running:
            return weight, None, {"norm": "instance", "scale": scale, "shift": shift}
        rate = scale * (variance + 1e-5).rsqrt()
        return (
            weight * rate.view(*((1, -1) if transposed else (-1, 1)), 1, 1),
            shift - mean * rate,
            {},
        )

    def _vector(self, name: str) -> Tensor | None:
        return self.taking.tensor(name, (self.width,)) if self.affine else None

    def _add(self, layer: Layer) -> None:
        self.layers.append(layer)
