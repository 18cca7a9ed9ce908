"""How alike two pictures are at several sizes: large forms count as much as fine ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
    return _total(x, levels, Tensor.square)


def lengths(x: Tensor, levels: Sequence[Tensor]) -> Tensor:
    """The same of how much it differs, without squares."""
    return _total(x, levels, Tensor.abs)


def _total(x: Tensor, levels: Sequence[Tensor], of: Callable[[Tensor], Tensor]) -> Tensor:
    pairs = zip(pyramid(x), levels)
    total = sum(of(mine - theirs).mean() for mine, theirs in pairs)
    assert isinstance(total, Tensor), "there are levels"
    return total
