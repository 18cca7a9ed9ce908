"""How alike two pictures are at several sizes: large forms count as much as fine ones."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F

LEVELS = 4  # sizes at which pictures are compared, each half of the one before


def pyramid(x: Tensor) -> list[Tensor]:
    """x [N, C, H, W] and its smaller sizes."""
    levels = [x]
    while len(levels) < LEVELS:
        levels.append(F.avg_pool2d(levels[-1], 2))
    return levels


def squares(x: Tensor, levels: Sequence[Tensor]) -> Tensor:
    """The mean squares of what x differs by from the picture of this pyramid, over all sizes."""
    pairs = zip(pyramid(x), levels)
    total = sum((mine - theirs).square().mean() for mine, theirs in pairs)
    assert isinstance(total, Tensor), "there are levels"
    return total
