"""A U-Net's weights in the precision that it computes in, kept: autocast would cast all of them
again in every step.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

CAST = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)  # whose weights autocast casts


class Lowered:
    """The copy of a module for the lower precision that it is called in: the weights that autocast
    would cast are cast in it, all others are the module's own. One copy is kept, the latest.
    """

    def __init__(self) -> None:
        self._copies: dict[tuple[torch.device, torch.dtype], Any] = {}

    def __deepcopy__(self, memo: dict[int, Any]) -> Lowered:
        """A copied network makes its own."""
        return Lowered()

    def of(self, module: Any, x: Tensor) -> Any:
        """What to call on x in place of the module: the same numbers, to the bit."""
        kind = x.device.type
        if not (torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)):
            return module
        key = x.device, torch.get_autocast_dtype(kind)
        if key not in self._copies:
            self._copies = {key: _cast(module, key[1])}
        return self._copies[key]


def _cast(module: nn.Module, precision: torch.dtype) -> nn.Module:
    shared: dict[int, Any] = {id(x): x for x in (*module.parameters(), *module.buffers())}
    for layer in module.modules():
        if isinstance(layer, CAST):
            for weight in layer.parameters(recurse=False):
                shared[id(weight)] = nn.Parameter(weight.to(precision), requires_grad=False)
    return copy.deepcopy(module, shared)
