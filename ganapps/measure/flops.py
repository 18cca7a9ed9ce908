"""Counts the arithmetic of what torch does: floating-point operations of matrix products and
convolutions, as they are carried out here.
"""

from __future__ import annotations

from typing import Any


class Flops:
    """`with flops:` may be entered many times and adds up in `total`; None where nothing was
    counted (`counts` is off, or torch knows no count for what was done). One multiplication and one
    addition are two operations.
    """

    def __init__(self, counts: bool) -> None:
        self.counts, self.total = counts, None
        self._mode: Any = None

    def __enter__(self) -> Flops:
        if self.counts:
            from torch.utils.flop_counter import FlopCounterMode

            self._mode = FlopCounterMode(display=False)
            self._mode.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        if self._mode is None:
            return
        self._mode.__exit__(*exception)
        counted = self._mode.get_total_flops()
        self.total = (self.total or 0) + counted if counted else self.total
        self._mode = None
