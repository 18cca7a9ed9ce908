"""A published file's tensors, taken by name and checked: nothing missing, nothing left over, all of
it real weights.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn

Module = TypeVar("Module", bound=nn.Module)

STATISTICS = re.compile(r".*(running_mean|running_var|num_batches_tracked)")
NUMBERS = {
    torch.bool: "yes or no",
    torch.complex64: "complex numbers",
    torch.complex128: "complex numbers",
}
# How names of weights end; what else is whole counts batches, or is a table of places.
WEIGHTS = ("weight", "bias", "kernel")
SHOWN = 3  # faults in a sentence
# What torch says where a state dict does not fit a module.
UNMATCHED = re.compile(r"(Missing|Unexpected) key\(s\) in state_dict: (.*?)\. ")
MISSHAPEN = re.compile(
    r"size mismatch for (\S+): .*?torch\.Size\(\[(.*?)\]\).*?torch\.Size\(\[(.*?)\]\)"
)


class Misfit(ValueError):
    """Tensors that are not those of a network; `faults` says how many are missing, left over or of
    another shape.
    """

    def __init__(self, sentence: str, faults: int) -> None:
        super().__init__(sentence)
        self.faults = faults


def misfit(faults: Sequence[str]) -> Misfit:
    """The error that names the first of `faults`."""
    more = f" (and {len(faults) - SHOWN} more)" if len(faults) > SHOWN else ""
    return Misfit("; ".join(faults[:SHOWN]) + more, len(faults))


def written(shape: Sequence[int | None]) -> str:
    """A shape for people: 64x3x7x7."""
    return "x".join("any" if side is None else str(side) for side in shape) or "one number"


def fault(name: str, tensor: Tensor, shape: Sequence[int | None]) -> str | None:
    """What is wrong with a tensor that should be of this shape (None stands for any number) and
    hold a network's weights.
    """
    fits = tensor.dim() == len(shape) and all(
        want in (None, got) for want, got in zip(shape, tensor.shape)
    )
    if not fits:
        return f"{name} is {written(tensor.shape)} and should be {written(shape)}"
    if not tensor.numel():
        return f"{name} is empty ({written(tensor.shape)})"
    return wrong_kind(name, tensor)


def wrong_kind(name: str, tensor: Tensor) -> str | None:
    """What is wrong with a weight that is no floating-point number."""
    if tensor.is_floating_point():
        return None
    kind = NUMBERS.get(tensor.dtype, f"whole numbers ({str(tensor.dtype).removeprefix('torch.')})")
    lack = f" without their {name[:120]}_scale" if tensor.dtype == torch.int8 else ""
    return f"{name[:120]} holds {kind}{lack}, where weights are floating-point numbers"


def check_kinds(tensors: Mapping[str, Tensor]) -> None:
    """Raises ValueError where what is called a weight is no floating-point number, whoever loads
    it.
    """
    for name, tensor in tensors.items():
        wrong = wrong_kind(name, tensor) if name.rpartition(".")[2].startswith(WEIGHTS) else None
        if wrong:
            raise Misfit(wrong, 1)


def load_strictly(
    module: Module, state: Mapping[str, Tensor], published: Callable[[str], str] = str
) -> Module:
    """`module` with the values of `state` (copied, in the module's types), in eval mode and without
    gradients.

    `published` is what `state` calls a tensor that the module calls so. `module` may stand on the
    meta device: then nothing was allocated for it until here. Raises ValueError that names what
    `state` lacks, what it has too much, the shape that does not fit, or what is no weight.
    """
    module.load_state_dict(Taking(state).all(module.state_dict(), published), assign=True)
    return module.eval().requires_grad_(False)


def channels_last(module: Module) -> Module:
    """`module`, its convolutions' weights laid out as they are quickest."""
    return module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's types lack it


def _copy(tensor: Tensor, like: torch.dtype) -> Tensor:
    return tensor.detach().to(like, copy=True).contiguous()


def stumbled(kind: str, error: Exception) -> ValueError:
    """What torch or a library says of the tensors of a network of this kind, in our words where
    they are known.
    """
    said = " ".join(str(error).split())
    if isinstance(error, KeyError):
        return Misfit(f"as {kind}: {str(error.args[0])[:120]} is missing", 1)
    faults = [
        f"{name} is {_sides(got)} and should be {_sides(want)}"
        for name, got, want in MISSHAPEN.findall(said)
    ]
    for state, names in UNMATCHED.findall(said + " "):
        word = "missing" if state == "Missing" else "left over"
        faults += [f"{name} is {word}" for name in re.findall('"(.*?)"', names)]
    if not faults:
        return ValueError(f"as {kind}: {type(error).__name__}: {said[:250]}")
    named = misfit(faults)
    return Misfit(f"as {kind}: {named}"[:400], named.faults)


def _sides(shape: str) -> str:
    return shape.replace(", ", "x") or "one number"


class Taking:
    """Hands out copies of tensors, one by one or all; ValueError names what is missing, of the
    wrong shape, no weight, or left over.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self._left = dict(tensors)

    def __contains__(self, name: str) -> bool:
        return name in self._left

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor that is still there. Raises ValueError that names it if not."""
        if name not in self._left:
            raise Misfit(f"{name} is missing", len(self._left) + 1)
        return tuple(self._left[name].shape)

    def tensor(self, name: str, shape: tuple[int | None, ...]) -> Tensor:
        """The tensor of that name, in float32; None in `shape` stands for any number."""
        self.shape(name)
        wrong = fault(name, self._left[name], shape)
        if wrong:
            raise Misfit(wrong, len(self._left))
        return _copy(self._left.pop(name), torch.float32)

    def all(
        self, like: Mapping[str, Tensor], published: Callable[[str], str] = str
    ) -> dict[str, Tensor]:
        """All that is left, under the names of `like`, each in the shape and type that its namesake
        there has; `published` as in `load_strictly`. Raises ValueError that names every fault.
        """
        wanted = {published(name): tensor for name, tensor in like.items()}
        faults = [f"{name} is missing" for name in wanted if name not in self._left]
        faults += [f"{name} is left over" for name in self._left if name not in wanted]
        for name, tensor in wanted.items():
            wrong = self._wrong(name, tensor) if name in self._left else None
            faults += [wrong] if wrong else []
        if faults:
            raise misfit(faults)
        copies = {
            name: _copy(self._left[published(name)], tensor.dtype) for name, tensor in like.items()
        }
        self._left.clear()
        return copies

    def _wrong(self, name: str, like: Tensor) -> str | None:
        """What is wrong with a tensor that should be as `like` is."""
        tensor = self._left[name]
        if not like.is_floating_point() and not tensor.is_complex():
            tensor = tensor.float()  # batch norms count, and nobody reads it
        return fault(name, tensor, like.shape)

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
            raise misfit([f"{name} is left over" for name in self._left])
