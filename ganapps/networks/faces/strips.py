"""What a block of StyleGAN2 does in strips, which stay in the cache: doubling, low-pass, cuts."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def within(x: Tensor, bound: float | None) -> Tensor:
    """x within -bound to bound; in place, save where gradients need x as it was."""
    if bound is None:
        return x
    return x.clamp(-bound, bound) if x.requires_grad else x.clamp_(-bound, bound)


def kernels(fir: Tensor, channels: int) -> Tensor:
    """The filter of doubled pictures, for each channel: [channels, 1, h, w]."""
    return (fir * 4).expand(channels, 1, *fir.shape).contiguous()


def blurred(x: Tensor, kernels: Tensor) -> Tensor:
    """x [N, C, 2h + 1, 2w + 1], doubled by a 3x3 convolution -> [N, C, 2h, 2w], low-passed."""
    groups = x.shape[1]
    (above, below), (left, right) = [
        ((taps + 1) // 2 - 1, taps // 2 - 1) for taps in kernels.shape[2:]
    ]
    if (above, left) == (below, right):
        return F.conv2d(x, kernels, padding=(above, left), groups=groups)
    return F.conv2d(F.pad(x, (left, right, above, below)), kernels, groups=groups)


def doubled(x: Tensor, kernels: Tensor) -> Tensor:
    """x [N, C, h, w] -> [N, C, 2h, 2w]: zeros between the pixels, low-passed."""
    groups = x.shape[1]
    (above, below), (left, right) = [
        (taps // 2 - 1, (taps + 1) // 2 - 1) for taps in kernels.shape[2:]
    ]
    if (above, left) == (below, right):
        return F.conv_transpose2d(x, kernels, stride=2, padding=(above, left), groups=groups)
    whole = F.conv_transpose2d(x, kernels, stride=2, groups=groups)
    return F.pad(whole, (-left, -right, -above, -below))


def sees(taps: int) -> int:
    """How many rows beyond its own (an even number) a strip needs, when the low-pass filter has so
    many.
    """
    above = (taps + 1) // 2 - 1
    most = max(above + 3, taps - above + 1)
    return most + most % 2


def cut(noise: Tensor | None, top: int, bottom: int) -> Tensor | None:
    return None if noise is None else noise[:, :, top:bottom]


def empty(like: Tensor, count: int, channels: int, side: int) -> Tensor:
    size = (count, channels, side, side)
    return torch.empty(
        size, dtype=like.dtype, device=like.device, memory_format=torch.channels_last
    )


def pieces(count: int, channels: int, side: int, limit: int) -> list[tuple[slice, slice]]:
    """Which pictures and which rows to do at a time, so that a piece has at most about `limit`
    numbers.
    """
    pictures = max(limit // (channels * side * side), 1)
    rows = side if pictures > 1 else min(max(limit // (channels * side) // 2 * 2, 8), side)
    starts = [(n, top) for n in range(0, count, pictures) for top in range(0, side, rows)]
    return [(slice(n, n + pictures), slice(top, min(top + rows, side))) for n, top in starts]
