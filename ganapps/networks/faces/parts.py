"""What style-based generators share: activations, the mapping network, kinds of noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Activation:
    """What follows a layer: `apply` works in place where it can, `gain` keeps the variance.

    `scales` says whether f(g x) = g f(x) for g > 0; then gains go into the weights before it.
    """

    apply: Callable[[Tensor], Tensor]
    gain: float = 1.0
    scales: bool = False

    def before(self, rest: float = 1.0) -> float:
        """The gain that goes into the weights, `rest` being another that the layer has."""
        return self.gain * rest if self.scales else 1.0

    def after(self, rest: float = 1.0) -> float:
        """The gain of what `apply` gives."""
        return 1.0 if self.scales else self.gain * rest


# By NVIDIA's names.
ACTIVATIONS: Mapping[str, Activation] = {
    "lrelu": Activation(lambda x: F.leaky_relu_(x, 0.2), sqrt(2), scales=True),
    "relu": Activation(torch.relu_, sqrt(2), scales=True),
    "linear": Activation(lambda x: x, scales=True),
    "tanh": Activation(torch.tanh_),
    "sigmoid": Activation(torch.sigmoid_),
    "elu": Activation(F.elu_),
    "selu": Activation(torch.selu_),
    "softplus": Activation(F.softplus),
    "swish": Activation(F.silu, sqrt(2)),
}


class MappingNetwork(nn.Module):
    """z and label -> one w per layer (section "Style-based generator"; labels as in ADA,
    appendix).
    """

    w_avg: Tensor

    def __init__(
        self, z_dim: int, label_dim: int, widths: Sequence[int], embedding: int, num_ws: int
    ) -> None:
        super().__init__()
        self.z_dim, self.label_dim, self.num_ws, self.depth = z_dim, label_dim, num_ws, len(widths)
        self.activation = ACTIVATIONS["lrelu"]
        if label_dim:
            self.embed = nn.Linear(label_dim, embedding)
        for number, (inputs, outputs) in enumerate(zip([z_dim + embedding, *widths], widths)):
            self.add_module(f"fc{number}", nn.Linear(inputs, outputs))
        self.register_buffer("w_avg", torch.zeros(widths[-1]))

    def forward(
        self, z: Tensor, c: Tensor | None = None, psi: float = 1.0, cutoff: int | None = None
    ) -> Tensor:
        """z [N, z_dim], c [N, label_dim] -> ws [N, num_ws, w_dim], the first `cutoff` (all) pulled
        to `w_avg`.
        """
        ws = self.one_w(z, c).unsqueeze(1).repeat(1, self.num_ws, 1)
        if psi != 1:
            ws[:, :cutoff] = self.w_avg.lerp(ws[:, :cutoff], psi)
        return ws

    def one_w(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """z [N, z_dim], c [N, label_dim] -> w [N, w_dim], not truncated."""
        with exactly(z):
            x = _unit_length(z.to(self.w_avg.dtype))
            if self.label_dim:
                assert c is not None and c.shape[1] == self.label_dim, (
                    f"this network needs labels [N, {self.label_dim}]"
                )
                x = torch.cat([x, _unit_length(self.embed(c.to(x.dtype)))], dim=1)
            for number in range(self.depth):
                x = self.activation.apply(self.layer(number)(x))
                x = times(x, self.activation.after())
        return x

    def fold(self, rate: float, activation: str = "lrelu") -> None:
        """Put the runtime scales of equalized learning rate and the activation's gain into the
        weights.
        """
        self.activation = ACTIVATIONS[activation]
        gain = self.activation.before()
        if self.label_dim:
            self.embed.weight /= sqrt(self.label_dim)
        for number in range(self.depth):
            layer = self.layer(number)
            layer.weight *= rate * gain / sqrt(layer.in_features)
            layer.bias.mul_(rate * gain)

    def layer(self, number: int) -> nn.Linear:
        """The layer of this number, from 0."""
        layer = self.get_submodule(f"fc{number}")
        assert isinstance(layer, nn.Linear)
        return layer

    def average(self, count: int = 4096) -> Tensor:
        """The mean w of `count` fixed random z, as rosinality's tools estimate it; labels, if any,
        are all zero.
        """
        z = torch.randn(count, self.z_dim, generator=torch.Generator().manual_seed(0))
        return self.one_w(z, z.new_zeros(count, self.label_dim)).mean(dim=0)


def check_noise(noise: str, generators: Sequence[torch.Generator] | None, count: int) -> None:
    """Raises ValueError for an unknown kind of noise, or random noise without a generator for each
    picture.
    """
    if noise not in ("const", "random", "none"):
        raise ValueError(f"noise is {noise!r}; known are const, random and none")
    if noise == "random" and (generators is None or len(generators) != count):
        raise ValueError(f"random noise needs one generator per picture, {count}")


def exactly(x: Tensor) -> torch.autocast:
    """A block in float32 within one of lower precision, for what is small and steers every
    pixel.
    """
    return torch.autocast(x.device.type, enabled=False)


def _unit_length(x: Tensor) -> Tensor:
    return x * (x.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()


def times(x: Tensor, gain: float) -> Tensor:
    return x if gain == 1 else x * gain
