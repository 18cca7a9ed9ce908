"""What the trainings of a single network have in common: a step, the network's average, going on,
the finished file.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ganapps.training import data, loop, precision
from ganapps.training.cyclegan import crops
from ganapps.training.photographs import load, shrink

SIDES = (160, 320, 2000)  # short sides of the photographs in pixels, the last one as it is
PORTRAITS = 0.25  # their share of what is looked at, where there are any
RISES = 1000  # pictures over which the rate rises where a finished network goes on
Heap = Sequence[np.ndarray]  # pictures uint8 [H, W, 3]


@dataclass(frozen=True)
class Settings:
    """What a run may change."""

    batch: int = 8
    side: int = 128  # pixels of a crop
    rate: float = 1e-3
    half_life: int = 2000  # of the average, in pictures


class AveragedTrainer:
    """One network that learns from crops of photographs and portraits, and its average, which is
    what ships.

    A training says what its network is to lessen in `judge`, what it shows in `sheet`, and its
    file's name in `name`.
    """

    name: str

    def __init__(
        self, network: nn.Module, heaps: tuple[Heap, Heap], settings: Settings, pictures: int
    ) -> None:
        """`heaps`: photographs and portraits, no side below that of the crops; the portraits may be
        none.
        """
        self.settings, self.pictures, self.seen = settings, pictures, 0
        self.began: int | None = None  # where a finished network went on
        self.photographs, self.portraits = heaps
        self.network = precision.channels_last(network)
        self.average = copy.deepcopy(self.network).eval().requires_grad_(False)
        self.optimizer = torch.optim.Adam(self.network.parameters())

    def judge(self, whole: Tensor) -> tuple[Tensor, dict[str, float]]:
        """Undamaged crops [N, 3, S, S] in 0..1 -> what the network is to lessen, and numbers for
        the log.
        """
        raise AssertionError("each training has its own")

    def step(self) -> dict[str, float]:
        """One batch; the losses, by name."""
        self.optimizer.param_groups[0]["lr"] = self.rate()
        loss, losses = self.judge(self.pick(self.settings.batch))
        loop.descend(loss, self.optimizer)
        self.seen += self.settings.batch
        # short at first: nobody misses the beginnings
        half_life = min(self.settings.half_life, 1 + self.seen / 5)
        loop.follow(self.average, self.network, 0.5 ** (self.settings.batch / half_life))
        return losses

    def rate(self) -> float:
        """The learning rate now; a fresh optimiser at the full one would undo a finished
        network.
        """
        risen = 1.0 if self.began is None else (self.seen - self.began + 1) / RISES
        return self.settings.rate * min(risen, loop.falling(self.seen, self.pictures))

    def pick(self, count: int, margin: int = 0) -> Tensor:
        """Crops of photographs and some of portraits, as many pixels larger: [N, 3, S, S] in
        0..1.
        """
        portraits = int((torch.rand(count) < PORTRAITS).sum()) if len(self.portraits) else 0
        side = self.settings.side + margin
        parts = [
            crops(heap, n, side)
            for heap, n in ((self.photographs, count - portraits), (self.portraits, portraits))
            if n
        ]
        return torch.cat(parts).add(1).div(2).contiguous(memory_format=torch.channels_last)

    def state(self) -> dict[str, Any]:
        """Everything that a later run needs to go on as if it had never stopped."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "seen": self.seen,
            "began": self.began,
            "random": torch.get_rng_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """The other way round."""
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.seen, self.began = state["seen"], state["began"]
        torch.set_rng_state(state["random"])

    def start_from(self, finished: Path) -> None:
        """Take over a finished network, and how many pictures it has seen."""
        with safe_open(finished, "pt") as file:
            self.seen = self.began = int(file.metadata()["pictures_seen"])
        tensors = {name: tensor.float() for name, tensor in load_file(finished).items()}
        for network in (self.network, self.average):
            counts = {
                name: tensor
                for name, tensor in network.state_dict().items()
                if name.endswith("num_batches_tracked")
            }
            network.load_state_dict(tensors | counts)

    def export(self, out: Path) -> None:
        """The averaged network in float16, as its file in `ganapps.networks` reads it."""
        state = self.average.state_dict().items()
        tensors = {
            name: tensor.half().contiguous()
            for name, tensor in state
            if not name.endswith("num_batches_tracked")
        }
        save_file(
            tensors, out / f"{self.name}.safetensors", metadata={"pictures_seen": str(self.seen)}
        )


def gathered(folder: Path) -> tuple[Heap, Heap]:
    """The photographs to learn from in every size of `SIDES`, and the portraits whose shards lie in
    the same folder; none that is held back.
    """
    photographs = [
        shrink(p.pixels, side) for p in load(folder, "photo", "painting") for side in SIDES
    ]
    portraits = (
        list(data.load(folder, 128).pictures) if any(Path(folder).glob("heads128-*.tar")) else []
    )
    return photographs, portraits


def repeatable(seed: int, make: Any) -> Any:
    """What `make` makes with chance from this seed; chance goes on after it as if nothing had been
    drawn.
    """
    state = torch.get_rng_state()
    torch.manual_seed(seed)
    made = make()
    torch.set_rng_state(state)
    return made
