"""Counts the memory that tensors hold while torch computes. A device's own gauge also tells what
its library keeps for later, and a processor's that of the whole process, in which other visitors
are at work; this is the same on every device and at every try.
"""

from __future__ import annotations

import weakref
from typing import Any


class Held:
    """`with held:` may be entered many times: `peak` is the most bytes that tensors made inside
    held at once, None where counting is off. What was there before (the network, its input) does
    not count, nor what an operation needs inside itself.
    """

    def __init__(self, counts: bool) -> None:
        self.counts = counts
        self.peak: int | None = 0 if counts else None
        self._now = 0
        self._storages: dict[int, weakref.ref] = {}
        self._mode: Any = None

    def __enter__(self) -> Held:
        if self.counts:
            self._mode = _watching(self)
            self._mode.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        if self._mode is not None:
            self._mode.__exit__(*exception)
            self._mode = None

    def _made(self, storage: Any) -> None:
        """Counts a storage until nobody holds it any more."""
        key, size = storage._cdata, storage.nbytes()
        if key in self._storages:
            return

        def gone(_: weakref.ref) -> None:
            self._now -= size
            self._storages.pop(key, None)

        self._storages[key] = weakref.ref(storage, gone)
        self._now += size
        self.peak = max(self.peak or 0, self._now)


def _watching(held: Held) -> Any:
    """A mode of torch that tells `held` of every storage which an operation makes."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    def storages(values: Any) -> list[Any]:
        tensors = (x for x in tree_leaves(values) if isinstance(x, torch.Tensor))
        return [x.untyped_storage() for x in tensors if x.layout == torch.strided]

    class Watching(TorchDispatchMode):
        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            given = {s._cdata for s in storages((args, kwargs))}
            made = func(*args, **(kwargs or {}))
            for storage in storages(made):
                if storage._cdata not in given:
                    held._made(storage)
            return made

    return Watching()
