"""A copy of a generator tuned to one picture, around the face that was found for it: pivotal
tuning (Roich 2021).
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from ganapps.networks.contracts import StyleGenerator
from ganapps.tasks import careful
from ganapps.tasks.alike import pyramid, squares

RATE = 0.001  # of a tensor's spread that each of its numbers may move in a step


class Tuning:
    """One tuning: a step moves the weights of a copy's synthesis; no chance is in it. The authors
    measure by features and squares, this by squares at several sizes, as the search before does; by
    what a layer's answer is divided stays as it was.
    """

    def __init__(self, network: StyleGenerator, pivot: Tensor, wanted: Tensor) -> None:
        """`pivot` [1, num_ws, w_dim] is the face that was found for `wanted` [1, 3, H, H], which is
        in the network's range.
        """
        self.network, self.pivot = copy.deepcopy(network), pivot
        self.drawn, self.levels = wanted, pyramid(wanted)
        self.gone = self._calls = 0
        weights = self.network.named_parameters()
        self.moving = [weight for name, weight in weights if name.startswith("synthesis.")]
        groups = [{"params": [weight], "lr": RATE * _spread(weight)} for weight in self.moving]
        careful.load_optimisers()
        self.optimiser = torch.optim.Adam(groups)

    def step(self) -> None:
        """One step; `drawn` is the picture before it."""
        with careful.bending():
            self._moves(True)
            x = self.network.synthesis(self.pivot)
            self.optimiser.zero_grad()
            squares(x, self.levels).backward()
            self.optimiser.step()
            self._moves(False)
        self.drawn = x.detach()
        self.gone += 1
        self._calls += 1

    def calls(self) -> int:
        """Network calls since this was last asked."""
        calls, self._calls = self._calls, 0
        return calls

    def _moves(self, wanted: bool) -> None:
        for weight in self.moving:
            weight.requires_grad_(wanted)


def _spread(weight: Tensor) -> float:
    return float(weight.float().square().mean().sqrt())
