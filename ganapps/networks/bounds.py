"""A network is built from what a file holds, never from what it claims: bounds on names, on memory
and on time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

# a layer's number against how many tensors there are: those between hold none (activations,
# pooling)
SPACED = 4
MOST_TENSORS = 5_000  # of one network; Stable Diffusion with all its parts has 1,700
FREE = 64  # so much more may be claimed by any file
ROOM = 400_000_000  # bytes that building may take beyond twice what the file holds
SECONDS = 10.0  # of this thread's own work: a busy machine takes nothing from them
RATE = 50_000_000  # bytes of weights that a slow machine still puts in place in a second


class Unbounded(ValueError):
    """A file that claims more than it holds."""


def check_names(names: Iterable[str]) -> None:
    """Raises Unbounded where there are more names than a network's, or a number in one is no
    layer's that a file with so many tensors could have.
    """
    names = list(names)
    if len(names) > MOST_TENSORS:
        raise Unbounded(
            f"it has {len(names)} tensors; no network known here has more than {MOST_TENSORS}"
        )
    most = SPACED * len(names) + FREE
    for name in names:
        parts = name.split(".")
        for part in parts:
            if part.isdecimal() and (len(part) > 6 or int(part) > most):
                raise Unbounded(
                    f"{name[:120]} claims a layer {part[:20]}, and the file has {len(names)} "
                    "tensors"
                )


@contextmanager
def building(tensors: Mapping[str, Tensor]) -> Iterator[None]:
    """While a network is built of `tensors`: Unbounded as soon as that takes far more memory than
    they, or too long.
    """
    held = sum(tensor.numel() * 4 for tensor in tensors.values())
    with _Watch(2 * held + ROOM, SECONDS + held / RATE):
        yield


class _Watch(TorchDispatchMode):
    """Looks at what every operation of torch is about to make."""

    def __init__(self, most: int, seconds: float) -> None:
        super().__init__()
        self.left, self.seconds = most, seconds
        self.ends = time.thread_time() + seconds

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in _MAKERS and str(kwargs.get("device")) != "meta":
            shape = args[0] if args and isinstance(args[0], (list, tuple, torch.Size)) else ()
            self.left -= 4 * math.prod(max(int(side), 0) for side in shape)
            if self.left < 0:
                raise Unbounded("its names and shapes ask for a network far larger than the file")
        if time.thread_time() > self.ends:
            raise Unbounded(
                f"the network that it asks for was not built within {self.seconds:.0f} s"
            )
        return func(*args, **kwargs)


_aten = torch.ops.aten
_MAKERS = {
    _aten.empty.memory_format,
    _aten.zeros.default,
    _aten.ones.default,
    _aten.full.default,
    _aten.randn.default,
    _aten.randn.generator,
    _aten.rand.default,
    _aten.empty_strided.default,
    _aten.new_empty.default,
}
