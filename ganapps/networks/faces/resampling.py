"""Low-pass filters that change a picture's sampling rate, as products with small matrices: on a
processor ten times a convolution's pace."""

from __future__ import annotations

import torch
from torch import Tensor, nn

BLOCK = 64  # samples of the finer grid that one product makes or takes
# Of a filter's largest singular value: what float32 rounds away, as in the published filters.
NEGLIGIBLE = 1e-7
LONGEST = 256  # taps of a filter; the published ones have 12 or 24


class Axis(nn.Module):
    """One axis of a resampling: zeros are put between samples, padding before them, then filtered,
    and some kept.

    out[j] = sum over k of taps[-1 - k] z[j down + k], where z[p] is x[(p - before) / up], or zero
    between the samples and outside. Equal for every block of outputs, so that one small matrix does
    for all; the edges use a part of it.
    """

    matrix: Tensor  # [outputs of a block, inputs that they see]

    def __init__(
        self, taps: Tensor, inputs: int, outputs: int, up: int = 1, down: int = 1, before: int = 0
    ) -> None:
        """`taps` [K]; `inputs` and `outputs` are the samples along the axis."""
        super().__init__()
        self.outputs = outputs
        # a multiple of `up`: then every block begins with the same tap
        step = -(-BLOCK // (down * up)) * up
        row = torch.arange(step)[:, None]
        k = torch.arange(len(taps))[None]
        place = row * down + k - before
        first = -(before // up)
        column = place // up - first
        matrix = torch.zeros(step, int(column.max()) + 1, dtype=torch.float64)
        hit = place % up == 0
        matrix[row.expand_as(place)[hit], column[hit]] = taps.double().flip(0).expand_as(place)[hit]
        self.register_buffer("matrix", matrix.float(), persistent=False)
        self.pieces = []  # output from, to; input from, to; first column of the matrix
        for start in range(0, outputs, step):
            lowest = start * down // up + first
            low, high = max(lowest, 0), min(lowest + matrix.shape[1], inputs)
            if low < high:
                self.pieces.append((start, min(start + step, outputs), low, high, low - lowest))

    def across(self, x: Tensor) -> Tensor:
        """x [M, h, inputs] -> [M, h, outputs]."""
        y = x.new_zeros(len(x) * x.shape[1], self.outputs)
        x_flat = x.reshape(len(y), -1)
        for start, end, low, high, column in self.pieces:
            part = self.matrix[: end - start, column : column + high - low]
            y[:, start:end] = x_flat[:, low:high] @ part.t()
        return y.view(len(x), x.shape[1], -1)

    def along(self, x: Tensor) -> Tensor:
        """x [M, inputs, w] -> [M, outputs, w]."""
        y = x.new_zeros(len(x), self.outputs, x.shape[2])
        for start, end, low, high, column in self.pieces:
            part = self.matrix[: end - start, column : column + high - low]
            y[:, start:end] = torch.bmm(part.expand(len(x), -1, -1), x[:, low:high])
        return y


class Resampling(nn.Module):
    """Both axes, of square pictures. A filter [K, K] that is no product of two is the sum of a few
    that are."""

    def __init__(
        self, taps: Tensor, inputs: int, outputs: int, up: int = 1, down: int = 1, before: int = 0
    ) -> None:
        """`taps` [K], for each axis, or [K, K]; the rest as `Axis`."""
        super().__init__()
        pairs = _products(taps)
        rows = [Axis(row, inputs, outputs, up, down, before) for row, _ in pairs]
        columns = [Axis(column, inputs, outputs, up, down, before) for _, column in pairs]
        self.rows, self.columns = nn.ModuleList(rows), nn.ModuleList(columns)

    def forward(self, x: Tensor) -> Tensor:
        """x [M, inputs, inputs] -> [M, outputs, outputs]."""
        y: Tensor | None = None
        for row, column in zip(self.rows, self.columns):
            assert isinstance(row, Axis) and isinstance(column, Axis)
            part = (
                row.along(column.across(x))
                if row.outputs > x.shape[1]
                else column.across(row.along(x))
            )
            y = part if y is None else y.add_(part)
        assert y is not None, "a filter has at least one product"
        return y


def _products(taps: Tensor) -> list[tuple[Tensor, Tensor]]:
    """A filter as rows and columns whose outer products add up to it; one [K] is applied along both
    axes."""
    taps = taps.detach().double().cpu()
    if taps.dim() == 1:
        return [(taps, taps)]
    left, sizes, right = torch.linalg.svd(taps)
    kept = int((sizes > NEGLIGIBLE * sizes[0]).sum())
    return [(left[:, n] * sizes[n], right[n]) for n in range(max(kept, 1))]


def doubling(weight: Tensor) -> Tensor:
    """The kernel [I, O, 4, 4] with which `conv_transpose2d` (stride 2, padding 1) does what
    doubling each pixel and then a 3x3 convolution with `weight` [O, I, 3, 3] do, in less than half
    their work."""
    turned = nn.functional.pad(weight.flip(2, 3).transpose(0, 1), (1, 1, 1, 1))
    return (
        turned[:, :, 1:, 1:]
        + turned[:, :, :-1, 1:]
        + turned[:, :, 1:, :-1]
        + turned[:, :, :-1, :-1]
    )
