"""The search for the styles with which a generator draws a picture most alike, by gradients
(Karras 2020; one w first, then one for each layer, Abdal 2019); or from an encoder's guess on, by
L-BFGS (Liu 1989).
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from ganapps.errors import Message, UserError
from ganapps.networks.contracts import StyleEncoder, StyleGenerator
from ganapps.tasks import careful
from ganapps.tasks.alike import lengths, pyramid, squares
from ganapps.tasks.maker import Maker

SAMPLE = 64  # faces: their mean is where the search begins, their spread its measure
RATE = 0.1  # of that spread that a number may move in a step, at first
STRIDE = 10  # looks at a picture between two of ours, where a guess is made better
REMEMBERED = 20  # steps by which such a search knows how its way bends
SCALE = 10  # of the squares, so that its first step is not lost in rounding
ALONE = 0.4  # of the steps one w serves all layers

Space = Literal["w", "w+"]


class Search:
    """One search: a step moves the styles a little towards the picture."""

    optimiser: torch.optim.Optimizer

    def __init__(self, network: StyleGenerator, make: Maker, steps: int, space: Space) -> None:
        if not network.bends:
            raise UserError(
                "This model can't be searched for a face: choose a StyleGAN2 or StyleGAN3."
            )
        self.network, self.make, self.steps, self.space = network, make, steps, space
        careful.load_optimisers()
        self.gone = self._calls = 0
        self.guessed = False
        z, rows = make.drawn(range(SAMPLE))
        known = make.ws(z, rows, 1.0, None)[:, :1].float()
        self.spread = float(known.std(dim=0).mean())
        self.moving = known.mean(dim=0, keepdim=True).detach().clone()  # [1, 1, w_dim]
        self._begin()

    def average(self) -> Tensor:
        """The face where the search begins, [1, 3, H, H] in the network's range."""
        x, _ = self.make.pictures(self.ws, [0], None)
        return x

    def aim(self, wanted: Tensor) -> None:
        """Take this picture [1, 3, H, H] in the network's range for the one to look for."""
        self.drawn, self.levels = wanted, pyramid(wanted)

    def guess(self, encoder: StyleEncoder | None, wanted: Tensor) -> tuple[Message, ...]:
        """Begin with what the encoder takes `wanted` for, in "w" with the mean of its layers; and
        what to say where there is none.
        """
        if encoder is None:
            return (
                Message("No encoder ships for this model: the search began with its average face."),
            )
        with torch.no_grad():
            ws = encoder(wanted.float().cpu()).to(self.moving)
        self.moving = ws if self.space == "w+" else ws.mean(dim=1, keepdim=True)
        self.guessed = True
        # 50 steps of it come to 9.5 of 255 where 50 of Adam come to 13
        self.optimiser = torch.optim.LBFGS(
            [self.moving.requires_grad_()],
            max_iter=STRIDE,
            tolerance_grad=0,
            tolerance_change=0,
            history_size=REMEMBERED,
            line_search_fn="strong_wolfe",
        )
        return ()

    @property
    def ws(self) -> Tensor:
        """The styles as they are now, [1, num_ws, w_dim]."""
        return self.moving.detach().expand(1, self.network.num_ws, -1).contiguous()

    def calls(self) -> int:
        """Network calls since this was last asked."""
        calls, self._calls = self._calls, 0
        return calls

    def step(self) -> None:
        """One step, or from a guess a stride of some."""
        if self.guessed:
            for group in self.optimiser.param_groups:
                group["max_eval"] = min(STRIDE, self.steps - self.gone)
            with careful.bending():
                self.optimiser.step(self._squares)
            return
        if self.space == "w+" and self.gone == int(ALONE * self.steps):
            self.moving = self.ws
            self._begin()
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate()
        with careful.bending():
            x = self.network.synthesis(self.moving.expand(1, self.network.num_ws, -1))
            loss = lengths(x, self.levels)
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
        self.drawn = x.detach()
        self.gone += 1
        self._calls += 1

    def _squares(self) -> float:
        """How far the picture of these styles is from the one to look for, and its gradient."""
        x = self.network.synthesis(self.moving.expand(1, self.network.num_ws, -1))
        loss = SCALE * squares(x, self.levels)
        self.optimiser.zero_grad()
        loss.backward()
        self.drawn = x.detach()
        self.gone += 1
        self._calls += 1
        return float(loss.detach())

    def _begin(self) -> None:
        self.optimiser = torch.optim.Adam([self.moving.requires_grad_()])

    def _rate(self) -> float:
        """Falls to a tenth on a cosine."""
        share = self.gone / self.steps
        return RATE * self.spread * (0.1 + 0.9 * (1 + math.cos(math.pi * share)) / 2)
