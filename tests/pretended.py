"""A GPU that is none: its tensors compute on the processor, and every operation that a real one
would refuse is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_flatten, tree_map_only

from ganapps.models import runtime

DOUBLE = (torch.float64, torch.complex128)  # what MPS does not have
# what may take tensors of two devices
CROSSING = ("aten::_to_copy", "aten::copy_", "aten::_has_compatible_shallow_copy_type")
INDEXED = ("aten::index", "aten::index_put_", "aten::index_put", "aten::_index_put_impl_")


class There(Tensor):
    """A tensor that says it is on that GPU; `numbers` holds what is in it."""

    numbers: Tensor

    @staticmethod
    def __new__(cls, real: Tensor, device: torch.device) -> There:
        made = Tensor._make_wrapper_subclass(
            cls,
            real.shape,
            strides=real.stride(),
            storage_offset=real.storage_offset(),
            dtype=real.dtype,
            device=device,
            requires_grad=real.requires_grad,
        )
        made.numbers = real
        return made

    def __repr__(self, **kwargs: Any) -> str:
        return f"There({self.numbers}, {self.device})"

    def tolist(self) -> Any:
        return self.numbers.tolist()

    @classmethod
    def __torch_dispatch__(
        cls, operation: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        return Computing.dispatched(operation, args, kwargs or {})


class Computing(TorchDispatchMode):
    """While a GPU of that kind ("cuda", "mps") is pretended. `operations` counts what it did."""

    here: Computing | None = None

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        # what its tensors say they are on: a device that every torch can slice tensors of
        self.device = torch.device("meta")
        self.operations: Counter[str] = Counter()

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        return self.dispatched(operation, args, kwargs or {})

    @staticmethod
    def dispatched(operation: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        pretended = Computing.here
        assert pretended is not None, "a tensor of a GPU that is no longer pretended"
        return pretended.computed(operation, args, kwargs)

    def computed(self, operation: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        """What the operation gives, on the device that it belongs to."""
        name = operation._schema.name
        given = [x for x in tree_flatten((args, kwargs))[0] if isinstance(x, Tensor)]
        there = self._belongs(name, given, kwargs)
        if kwargs.get("device") is not None:
            kwargs = {**kwargs, "device": torch.device("cpu")}
        if there:
            self.operations[name] += 1
        real_args, real_kwargs = tree_map_only(There, lambda x: x.numbers, (args, kwargs))
        result = operation(*real_args, **real_kwargs)
        if not there:
            return result
        known = {id(x.numbers): x for x in given if isinstance(x, There)}

        def wrapped(made: Tensor) -> Tensor:
            if id(made) in known:  # changed in place
                return known[id(made)]
            if self.kind == "mps" and made.dtype in DOUBLE:
                raise TypeError("the MPS framework doesn't support float64")
            return There(made, self.device)

        return tree_map_only(Tensor, wrapped, result)

    def _belongs(self, name: str, given: list[Tensor], kwargs: dict[str, Any]) -> bool:
        """Is the result on the GPU? Raises RuntimeError where the tensors lie apart."""
        if (device := kwargs.get("device")) is not None:
            return torch.device(device).type == "meta"
        on_gpu = [isinstance(x, There) for x in given]
        if name in CROSSING:
            return on_gpu[0] if on_gpu else False
        if name in INDEXED:  # the places may lie on the processor
            return on_gpu[0]
        if any(on_gpu):
            for x, there in zip(given, on_gpu, strict=True):
                if not there and x.dim() > 0:
                    raise RuntimeError(f"{name}: tensors on {self.device} and on the processor")
        return any(on_gpu)


class Naming(TorchFunctionMode):
    """Where that GPU is named, "meta" is meant."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def __torch_function__(
        self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        if function is torch.device:
            return function(*args, **(kwargs or {}))
        if function is Tensor.__getitem__:
            return function(args[0], _places(args[1]))
        named = [self._meant(value) for value in args]
        more = {name: self._meant(value) for name, value in (kwargs or {}).items()}
        return function(*named, **more)

    def _meant(self, value: Any) -> Any:
        if isinstance(value, torch.device):
            return torch.device("meta") if value.type == self.kind else value
        if isinstance(value, str) and value.split(":")[0] == self.kind:
            return "meta"
        return value


def _places(index: Any) -> Any:
    """An index whose lists are tensors: torch would make them on "meta", which holds nothing."""
    if isinstance(index, tuple):
        return tuple(_places(one) for one in index)
    return torch.tensor(index) if isinstance(index, list) else index


@contextmanager
def gpu(kind: str, patch: pytest.MonkeyPatch) -> Iterator[Computing]:
    """A block with a GPU of that kind; leave it before anything of it is used elsewhere."""
    patch.setattr(torch, "autocast", _no_autocast)
    # views of such tensors and inference mode do not go together
    patch.setattr(torch, "inference_mode", lambda mode=True: torch.set_grad_enabled(not mode))
    patch.setattr(torch.cuda, "is_available", lambda: kind == "cuda")
    patch.setattr(torch.cuda, "get_device_capability", lambda name=None: (9, 0))
    patch.setattr(torch.cuda, "get_device_name", lambda name=None: "a pretended GPU")
    patch.setattr(torch.cuda, "mem_get_info", lambda name=None: (8 << 30, 16 << 30))
    for name in ("memory_reserved", "memory_allocated", "max_memory_allocated"):
        patch.setattr(torch.cuda, name, lambda name=None: 0)
    for name in ("synchronize", "reset_peak_memory_stats", "empty_cache"):
        patch.setattr(torch.cuda, name, _nothing)
    patch.setattr(torch.mps, "synchronize", _nothing)
    patch.setattr(torch.mps, "recommended_max_memory", lambda: 8 << 30)
    patch.setattr(torch.mps, "current_allocated_memory", lambda: 0)
    built = runtime._built

    def _built(*given: Any) -> Any:
        with _disable_current_modes():  # networks are built on the processor, over "meta"
            return built(*given)

    patch.setattr(runtime, "_built", _built)
    pretended = Computing(kind)
    patch.setattr(Computing, "here", pretended)
    with Naming(kind), pretended:
        yield pretended


def _no_autocast(device: str, *given: Any, **named: Any) -> AbstractContextManager[None]:
    return nullcontext()


_nothing: Callable[..., None] = lambda *given: None  # noqa: E731  # of any arguments
