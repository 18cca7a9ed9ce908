"""A published file's tensors, taken one layer at a time and checked, so that nothing is missing and
nothing is left over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

STATISTICS = re.compile(r".*(running_mean|running_var|num_batches_tracked)")


def member(tensors: Mapping[str, Tensor], prefix: str | None = None) -> dict[str, Tensor]:
    """The tensors of one network of a file, DataParallel's `module.` gone: those under `prefix.`,
    or all.
    """
    plain = {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
    if prefix:
        plain = {
            name[len(prefix) + 1 :].removeprefix("module."): t
            for name, t in plain.items()
            if name.startswith(prefix + ".")
        }
        if not plain:
            raise ValueError(f"no tensor's name starts with {prefix}.")
    return plain


class Taking:
    """Hands out tensors by name as float32 copies; ValueError names one that is missing, of the
    wrong shape, or left over.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self._left = dict(tensors)

    def __contains__(self, name: str) -> bool:
        return name in self._left

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor that is still there. Raises ValueError that names it if not."""
        if name not in self._left:
            raise ValueError(f"{name} is missing")
        return tuple(self._left[name].shape)

    def tensor(self, name: str, shape: tuple[int | None, ...]) -> Tensor:
        """The tensor of that name; None in `shape` stands for any number."""
        if name not in self._left:
            raise ValueError(f"{name} is missing")
        found = self._left.pop(name)
        if found.dim() != len(shape) or any(
            want not in (None, got) for want, got in zip(shape, found.shape)
        ):
            said = (
                "x".join("any" if n is None else str(n) for n in s) or "one number"
                for s in (found.shape, shape)
            )
            raise ValueError("{} is {} and should be {}".format(name, *said))
        return found.detach().to(torch.float32, copy=True).contiguous()

    def convolution(
        self,
        name: str,
        inputs: int,
        kernel: int,
        outputs: int | None = None,
        groups: int = 1,
        transposed: bool = False,
        bias: bool = True,
    ) -> tuple[Tensor, Tensor | None]:
        """Weight and, where there should be one, bias of a convolution."""
        shape = (inputs, outputs) if transposed else (outputs, inputs // groups)
        weight = self.tensor(f"{name}.weight", (*shape, kernel, kernel))
        made = weight.shape[1 if transposed else 0]
        return weight, self.tensor(f"{name}.bias", (made,)) if bias else None

    def forget(self, pattern: re.Pattern[str]) -> None:
        """Leave out whatever matches: old files carry numbers that nothing uses."""
        self._left = {
            name: tensor for name, tensor in self._left.items() if not pattern.fullmatch(name)
        }

    def finish(self) -> None:
        """Raise ValueError if anything is left over."""
        if self._left:
            names = list(self._left)
            more = f" (and {len(names) - 3} more)" if len(names) > 3 else ""
            raise ValueError("; ".join(f"{name} is left over" for name in names[:3]) + more)
