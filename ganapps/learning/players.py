"""The two players in small: perceptrons for points, convolutions for pictures of 16 and 32 pixels.

Every generator takes noise z [N, noise] and makes samples [N, ...]; every critic scores samples:
`critic(x)` is [N, 1], `critic.features(x)` [N, C] what stands before the score.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from ganapps.networks.faces import lab

KERNELS, KERNEL_DIM = 8, 4  # of minibatch discrimination: few, for each costs N x N distances
SLOPE = 0.2  # of the leaky rectifier


class Generator(nn.Module):
    """What makes samples of noise [N, noise]; `averaged` says whether what is shown is made by the
    average of its weights.
    """

    noise: int
    averaged = False


class Critic(nn.Module):
    """What judges samples, `pack` at once; `features` are what its last layer sees of them."""

    features: nn.Sequential
    pack: int = 1

    @property
    def of_batches(self) -> bool:
        """Does a sample's score depend on the others of its batch?"""
        return not isinstance(self.features[-1], nn.Identity)

    def hold(self, layers: int) -> None:
        """Its first so many convolutions learn no more: FreezeD (Mo 2020, arXiv:2002.10964)."""
        convolutions = [layer for layer in self.features if isinstance(layer, nn.Conv2d)]
        for layer in convolutions[:layers]:
            layer.requires_grad_(False)


class MinibatchDiscrimination(nn.Module):
    """Features [N, C] with, beside them, how near the batch's other samples are: [N, C + kernels].

    Salimans 2016, section 3.2. A generator that makes one sample again and again is seen at once.
    """

    def __init__(self, features: int, kernels: int = KERNELS, kernel_dim: int = KERNEL_DIM) -> None:
        super().__init__()
        self.kernels = kernels
        self.project = nn.Linear(features, kernels * kernel_dim, bias=False)

    def forward(self, f: Tensor) -> Tensor:
        m = self.project(f).unflatten(1, (self.kernels, -1)).transpose(0, 1)  # [B, N, C]
        nearness = torch.exp(-torch.cdist(m, m, p=1)).sum(2) - 1  # [B, N], without itself
        return torch.cat([f, nearness.T], 1)


class BatchDeviation(nn.Module):
    """Features [N, C] with one more: how much the batch varies. Karras 2018, section 3."""

    def forward(self, f: Tensor) -> Tensor:
        deviation = (f.var(0, unbiased=False) + 1e-8).sqrt().mean()
        return torch.cat([f, deviation.expand(len(f), 1)], 1)


def _batch_layer(kind: str, features: int) -> tuple[nn.Module, int]:
    """What looks at the whole batch, and how many features it gives."""
    if kind == "discrimination":
        return MinibatchDiscrimination(features), features + KERNELS
    if kind == "deviation":
        return BatchDeviation(), features + 1
    return nn.Identity(), features


def _perhaps_spectral(layer: nn.Module, spectral: bool) -> nn.Module:
    """Miyato 2018: the layer divided by its largest singular value."""
    return spectral_norm(layer) if spectral else layer


def _by_places(network: nn.Module) -> None:
    """Weights with the channels of a place side by side: small convolutions are a quarter quicker
    on a processor.
    """
    for weight in network.parameters():
        if weight.dim() == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)


class PointCritic(Critic):
    """A perceptron over points; of `pack` points at once where that is more than one (Lin 2018)."""

    def __init__(
        self,
        width: int,
        depth: int,
        spectral: bool = False,
        batch_layer: str = "none",
        pack: int = 1,
    ) -> None:
        super().__init__()
        self.pack = pack
        layers: list[nn.Module] = []
        size = 2 * pack
        for _ in range(depth):
            layers += [_perhaps_spectral(nn.Linear(size, width), spectral), nn.LeakyReLU(SLOPE)]
            size = width
        together, size = _batch_layer(batch_layer, size)
        self.features = nn.Sequential(nn.Flatten(), *layers, together)
        self.score = _perhaps_spectral(nn.Linear(size, 1), spectral)

    def forward(self, x: Tensor) -> Tensor:
        """Points [N, 2] -> scores [N / pack, 1]."""
        if self.pack > 1:
            x = x.reshape(-1, 2 * self.pack)
        return self.score(self.features(x))


class VirtualBatchNorm(nn.Module):
    """Normalised by a batch chosen once at the start, and by the sample itself.

    Salimans 2016, section 3.5. The first `reference` rows of what comes are that batch's.
    """

    def __init__(self, features: int, reference: int) -> None:
        super().__init__()
        self.reference = reference
        self.scale = nn.Parameter(torch.ones(features))
        self.shift = nn.Parameter(torch.zeros(features))

    def forward(self, x: Tensor) -> Tensor:
        first = x[: self.reference]
        mean, square = first.mean(0), first.square().mean(0)
        share = 1 / (self.reference + 1)
        means = (1 - share) * mean + share * x
        squares = (1 - share) * square + share * x.square()
        means = torch.cat([mean.expand_as(first), means[self.reference :]])
        squares = torch.cat([square.expand_as(first), squares[self.reference :]])
        normal = (x - means) / (squares - means.square() + 1e-5).sqrt()
        return self.scale * normal + self.shift


class PointGenerator(Generator):
    """A perceptron from noise to points; `norm` is none, batch or virtual."""

    REFERENCE = 128  # samples of virtual batch norm's batch

    def __init__(self, noise: int, width: int, depth: int, norm: str = "none") -> None:
        super().__init__()
        self.noise = noise
        layers: list[nn.Module] = []
        size = noise
        for _ in range(depth):
            layers.append(nn.Linear(size, width))
            if norm == "batch":
                layers.append(nn.BatchNorm1d(width))
            if norm == "virtual":
                layers.append(VirtualBatchNorm(width, self.REFERENCE))
            layers.append(nn.ReLU())
            size = width
        self.body = nn.Sequential(*layers, nn.Linear(size, 2))
        reference = torch.randn(self.REFERENCE, noise) if norm == "virtual" else None
        self.reference: Tensor | None
        self.register_buffer("reference", reference)

    def forward(self, z: Tensor) -> Tensor:
        """Noise [N, noise] -> points [N, 2]."""
        if self.reference is None:
            return self.body(z)
        return self.body(torch.cat([self.reference, z]))[len(self.reference) :]


class SelfAttention(lab.SelfAttention):
    """The same while it learns: its convolutions divided by their largest singular values, as in
    the paper.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        for convolution in (self.query, self.key, self.value):
            spectral_norm(convolution)


class PictureGenerator(lab.LabGenerator, Generator):
    """Noise to pictures [N, channels, side, side] in -1 to 1. The stage before the finest has
    `width` channels, the finest half of them: there a channel costs most.
    """

    averaged = True

    def __init__(
        self, noise: int, side: int, channels: int, width: int = 32, attention: bool = False
    ) -> None:
        stages = int(math.log2(side // 4))
        widths = [width * 2 ** (stages - 1 - stage) for stage in range(stages)]
        # where the picture has half its side, as in the paper's table 1
        looking = stages - 2 if attention else None
        super().__init__(noise, [*widths, width // 2], channels, looking, SelfAttention)
        self.noise, self.side, self.channels = noise, side, channels
        _by_places(self)


class PictureCritic(Critic):
    """Convolutions with stride 2 down to 4 x 4, then one score. Radford 2016; Miyato 2018."""

    def __init__(
        self,
        side: int,
        channels: int,
        width: int = 32,
        spectral: bool = True,
        batch_layer: str = "none",
        attention: bool = False,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        size, place, wide = channels, side, width
        while place > 4:
            convolution = nn.Conv2d(size, wide, 4, stride=2, padding=1)
            layers += [_perhaps_spectral(convolution, spectral), nn.LeakyReLU(SLOPE)]
            size, place, wide = wide, place // 2, wide * 2
            if attention and place == side // 2:
                layers.append(SelfAttention(size))
        together, flat = _batch_layer(batch_layer, size * 16)
        self.features = nn.Sequential(*layers, nn.Flatten(), together)
        self.score = _perhaps_spectral(nn.Linear(flat, 1), spectral)
        _by_places(self)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures [N, channels, side, side] -> scores [N, 1]."""
        return self.score(self.features(x))
