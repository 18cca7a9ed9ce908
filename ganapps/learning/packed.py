"""Many small numbers as short text, for a page that draws them: base64 of bytes."""

from __future__ import annotations

import base64

import torch
from torch import Tensor

from ganapps.learning.theory import EXTENT


def points(x: Tensor) -> str:
    """Points [N, 2] within -EXTENT to EXTENT as 16-bit numbers, little-endian, x before y: 0 is
    -EXTENT, 65535 EXTENT. What lies outside comes to the border.
    """
    shares = (x.double() + EXTENT) / (2 * EXTENT)
    numbers = (shares.clamp(0, 1) * 65535).round().to(torch.int32)
    low, high = numbers & 255, numbers >> 8
    return _text(torch.stack([low, high], -1))


def points_of(text: str) -> Tensor:
    """And back: points [N, 2] of what `points` wrote, to within a 30,000th."""
    numbers = torch.frombuffer(bytearray(base64.b64decode(text)), dtype=torch.uint8).view(-1, 2, 2)
    places = numbers[..., 0].double() + 256 * numbers[..., 1].double()
    return (places / 65535 * 2 - 1) * EXTENT


def shares_of(text: str) -> Tensor:
    """Of what `bytes_between` wrote, where between its two ends each number lies: [N], 0 to 1."""
    return torch.frombuffer(bytearray(base64.b64decode(text)), dtype=torch.uint8) / 255


def bytes_between(x: Tensor, low: float, high: float) -> str:
    """Numbers [N] as bytes: 0 is `low`, 255 is `high`."""
    shares = (x.double() - low) / max(high - low, 1e-30)
    return _text((shares.clamp(0, 1) * 255).round())


def _text(x: Tensor) -> str:
    return base64.b64encode(bytes(x.flatten().to(torch.uint8).tolist())).decode()
