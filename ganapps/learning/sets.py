"""Data that has an end: pictures, or so many points, some of them held back from learning."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

HELD_BACK = 10  # every tenth is held back: what learned by heart does not know it


@dataclass(frozen=True)
class Pictures:
    """Pictures uint8 [N, C, S, S] to learn from, those held back, and the classes [N] of each where
    there are any; `rest` are those of which neither is asked, where only some are learned from.
    """

    learning: Tensor
    held_back: Tensor
    classes: Tensor | None = None
    held_back_classes: Tensor | None = None
    rest: Tensor | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Colours and side."""
        return self.learning.shape[1], self.learning.shape[2]

    def sample(self, count: int, chance: torch.Generator) -> Tensor:
        """[count, C, S, S] in -1 to 1, drawn with replacement."""
        return scaled(_drawn(self.learning, count, chance))

    def unseen(self, count: int, chance: torch.Generator) -> Tensor:
        """The same of those held back."""
        return scaled(_drawn(self.held_back, count, chance))

    def others(self, count: int, chance: torch.Generator) -> Tensor:
        """The same of the rest."""
        assert self.rest is not None
        return scaled(_drawn(self.rest, count, chance))


def split(pictures: Tensor, classes: Tensor | None, most: int, seed: int) -> Pictures:
    """Every tenth of pictures uint8 [N, C, S, S] held back; of the others all, or `most` drawn by
    the seed, and the rest.
    """
    places = torch.arange(len(pictures))
    back = places % HELD_BACK == 0
    learning, rest = places[~back], None
    if most:
        order = torch.randperm(len(learning), generator=torch.Generator().manual_seed(seed))
        learning, rest = learning[order[:most]], pictures[learning[order[most:]]]
    if classes is None:
        return Pictures(pictures[learning], pictures[back], rest=rest)
    return Pictures(pictures[learning], pictures[back], classes[learning], classes[back], rest)


def scaled(pictures: Tensor) -> Tensor:
    """uint8 to float32, -1 to 1, colours of a place side by side: small convolutions are a quarter
    quicker so.
    """
    return pictures.float().div_(127.5).sub_(1).contiguous(memory_format=torch.channels_last)


def _drawn(pictures: Tensor, count: int, chance: torch.Generator) -> Tensor:
    return pictures[torch.randint(len(pictures), (count,), generator=chance)]


def nearest(made: Tensor, pictures: Tensor) -> Tensor:
    """For each of made [M, C, S, S], -1 to 1, the place of the nearest of pictures uint8
    [N, C, S, S], by squared difference: [M].
    """
    known = scaled(pictures).flatten(1)
    return torch.cdist(made.flatten(1), known).argmin(1)
