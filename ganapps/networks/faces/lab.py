"""The Lab's generator of small pictures: DCGAN (Radford et al. 2016) with nearest neighbours in
place of transposed convolutions, and self-attention (Zhang et al. 2019) where it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from ganapps.networks import check_resolution, check_signs, length, load_strictly, shape_of
from ganapps.networks.contracts import FaceGenerator

FIRST, START, COLOURS = "first.weight", "start.running_mean", "colours.weight"
STAGE, LOOK = "stages.{}.convolve.weight", "stages.{}.attention.gamma"
COUNTER = "num_batches_tracked"
# Begins the names of the discriminator's tensors, where a file keeps it, too. What is called D or
# critic in a file is left out before it comes here (networks/places.py).
CRITIC = "opponent."


class SelfAttention(nn.Module):
    """Every place of a feature map looks at every other: Zhang 2019 (SAGAN), section 3.

    `looks` keeps the last attention map [N, H * W, H * W] (row: who looks) where `keeps` asks for
    it.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(1, channels // 8)
        self.query = nn.Conv2d(channels, inner, 1)
        self.key = nn.Conv2d(channels, inner, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(()))
        self.keeps = False
        self.looks: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (f(x).flatten(2) for f in (self.query, self.key, self.value))
        looks = (query.transpose(1, 2) @ key).softmax(2)  # [N, HW, HW]
        if self.keeps:
            self.looks = looks.detach()
        return x + self.gamma * (value @ looks.transpose(1, 2)).view_as(x)


class Stage(nn.Module):
    """Twice as large: enlarge, convolve, normalise, rectify; then look around where it may."""

    def __init__(self, inputs: int, outputs: int, attention: nn.Module | None) -> None:
        super().__init__()
        self.enlarge = nn.Upsample(scale_factor=2)
        self.convolve = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.attention = attention

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm(self.convolve(self.enlarge(x))))
        return x if self.attention is None else self.attention(x)


class LabGenerator(FaceGenerator):
    """Noise to pictures of 1 or 3 colours. `channels` are those of 4 x 4 and of each stage after
    it; after stage `attention` (None: nowhere) stands what `attend` makes of its channels.

    `critic` are the tensors of the discriminator that it learned against, as its file keeps them;
    none where the file is of the generator alone. Who makes pictures needs none.
    """

    def __init__(
        self,
        noise: int,
        channels: Sequence[int],
        colours: int,
        attention: int | None = None,
        attend: Callable[[int], nn.Module] = SelfAttention,
    ) -> None:
        super().__init__()
        self.critic: Mapping[str, Tensor] = {}
        self.z_dim, self.resolution = noise, 4 << (len(channels) - 1)
        self.first = nn.Linear(noise, channels[0] * 16)
        self.start = nn.BatchNorm2d(channels[0])
        self.stages = nn.Sequential()
        for number, outputs in enumerate(channels[1:]):
            looks = attend(outputs) if number == attention else None
            self.stages.append(Stage(channels[number], outputs, looks))
        self.colours = nn.Conv2d(channels[-1], colours, 3, padding=1)

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """Noise [N, noise] -> pictures [N, colours, side, side], -1 to 1."""
        x = self.first(z).unflatten(1, (-1, 4, 4))  # [N, channels, 4, 4]
        x = torch.relu(self.start(x))
        return torch.tanh(self.colours(self.stages(x)))


def recognise(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Is this what the Lab keeps?"""
    first, start = shapes.get(FIRST, ()), shapes.get(START, ())
    convolution = shapes.get(STAGE.format(0), ())
    return len(first) == 2 and len(start) == 1 and len(convolution) == 4


def build(tensors: Mapping[str, Tensor], settings: Mapping) -> LabGenerator:
    """The generator of a file that the Lab kept, float32; shapes say the sizes.

    Raises ValueError that names a tensor that is missing, left over or of the wrong shape.
    """
    of_critic = {name for name in tensors if name.startswith(CRITIC)}
    critic = {name.removeprefix(CRITIC): tensors[name] for name in of_critic}
    tensors = {name: value for name, value in tensors.items() if name not in of_critic}
    check_signs(tensors, (FIRST, START, STAGE.format(0), COLOURS))
    stages = length(tensors, STAGE)
    check_resolution(4 << min(stages, 64))
    channels = [*shape_of(tensors, START, 1)]
    for number in range(stages):
        channels.append(shape_of(tensors, STAGE.format(number), 4)[0])
    looking = [number for number in range(stages) if LOOK.format(number) in tensors]
    with torch.device("meta"):
        network = LabGenerator(
            shape_of(tensors, FIRST, 2)[1],
            channels,
            shape_of(tensors, COLOURS, 4)[0],
            looking[0] if looking else None,
        )
    counters = {}
    for name in network.state_dict():
        if name.endswith(COUNTER):
            counters[name] = torch.zeros((), dtype=torch.long)
    load_strictly(network, {**counters, **tensors})
    network.critic = critic
    return network


def published(network: nn.Module) -> dict[str, Tensor]:
    """The tensors of a trained network as a file keeps them, in 32 bits.

    What only training needs (counters of batches) stays behind.
    """
    state = network.state_dict()
    return {
        name: value.float().contiguous() for name, value in state.items() if COUNTER not in name
    }
