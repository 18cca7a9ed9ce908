"""Statistics of a picture that comes in pieces."""

from __future__ import annotations

import torch
from torch import Tensor

PIXELS = 8192  # at most so many are summed in float32 before float64 takes over


class Sums:
    """Mean and variance of each channel, gathered over pieces of a picture in float64 on the
    processor (Chan, Golub and LeVeque 1979).
    """

    def __init__(self) -> None:
        self.count, self.mean, self._squares = 0, torch.zeros(()), torch.zeros(())

    @property
    def variance(self) -> Tensor:
        """[C], the mean square distance from the mean."""
        return self._squares / self.count

    def gather(self, x: Tensor) -> Sums:
        """Self, with x [1, C, h, w] counted in."""
        on_cpu = x.device.type == "cpu"
        rows = max(1, PIXELS // x.shape[3]) if on_cpu else x.shape[2]
        for piece in x.float().split(rows, dim=2):
            if on_cpu:
                nothing = torch.zeros(x.shape[1])
                mean, variance = (
                    t.double()
                    for t in torch.batch_norm_update_stats(piece, nothing, nothing.clone(), 0.0)
                )
            else:
                variance, mean = (
                    t.cpu().double() for t in torch.var_mean(piece, dim=(0, 2, 3), correction=0)
                )
            pixels = piece.shape[2] * piece.shape[3]
            both, apart = self.count + pixels, mean - self.mean
            self._squares = (
                self._squares + variance * pixels + apart**2 * (self.count * pixels / both)
            )
            self.mean, self.count = self.mean + apart * (pixels / both), both
        return self
