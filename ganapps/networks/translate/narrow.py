"""Convolutions with large kernels that make a picture of very few channels: down the columns first,
then along the rows.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

OUTPUTS = (
    4  # at most: libraries compute 16 at a time, so that most of their work would be for nothing
)
KERNEL = 5  # at least


def transform(weight: Tensor) -> Tensor:
    """The weight [O, I, k, k] of a convolution as `convolve` wants it: [k * O, I, k, 1], the
    columns of the kernel side by side.
    """
    outputs, inputs, high, wide = weight.shape
    return weight.permute(3, 0, 1, 2).reshape(wide * outputs, inputs, high, 1).contiguous()


def convolve(x: Tensor, kernels: Tensor, outputs: int, bias: Tensor | None) -> Tensor:
    """x [1, I, H + k - 1, W + k - 1] -> [1, O, H, W]; `kernels` are of `transform`. The same sums
    in another order.
    """
    wide = kernels.shape[0] // outputs
    y = F.conv2d(x, kernels)  # [1, k * O, H, W + k - 1]
    width = y.shape[3] - wide + 1
    made = y[:, :outputs, :, :width].clone(memory_format=torch.channels_last)
    for column in range(1, wide):
        made.add_(y[:, column * outputs : (column + 1) * outputs, :, column : column + width])
    return made if bias is None else made.add_(bias[:, None, None])
