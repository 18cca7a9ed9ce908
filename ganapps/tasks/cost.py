"""What one picture costs a network, counted by torch."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ganapps.report import Step


def counted(steps: Iterator[Step]) -> int:
    """Floating-point operations of a task's steps, run to their end: multiplications and additions of its matrix products and
    convolutions, as torch counts them (element-wise work is not counted)."""
    with FlopCounterMode(display=False) as counter:
        for _ in steps:
            pass
    return counter.get_total_flops()


def parameters(network: nn.Module) -> int:
    """How many numbers were learned."""
    return sum(p.numel() for p in network.parameters())
