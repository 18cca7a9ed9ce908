"""Where a network runs: device, precision, and how many pictures fit at once."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, replace
from functools import cache
from math import isfinite
from pathlib import Path

import torch

from ganapps.errors import UserError

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
# of x86 and ARM processors: bfloat16 at twice the speed of float32
INSTRUCTIONS = {
    "avx512_bf16",
    "amx_bf16",
    "bf16",
}


@dataclass(frozen=True)
class Device:
    """A torch device and the precision that networks compute in on it.

    `name` is torch's ("cpu", "cuda:0", "mps"), `precision` one of float32, bfloat16, float16.
    Weights stay float32; a lower precision is torch's autocast, so that a result which is not
    finite can be made again in float32 at once.
    """

    name: str
    precision: str = "float32"

    @property
    def title(self) -> str:
        """For people: `CPU`, or the GPU's own name."""
        return (
            torch.cuda.get_device_name(self.name)
            if self.name.startswith("cuda")
            else self.name.upper()
        )

    def computing(self) -> contextlib.AbstractContextManager:
        """The block to run a network in: no gradients, this precision. Never hold it across a
        `yield`.
        """
        if self.precision == "float32":
            return torch.inference_mode()
        stack = contextlib.ExitStack()
        stack.enter_context(torch.inference_mode())
        stack.enter_context(torch.autocast(self.name.split(":")[0], PRECISIONS[self.precision]))
        return stack

    def with_precision(self, precision: str, allowed: tuple[str, ...] = ()) -> Device:
        """The same device. "auto" is the quickest here of those that a network's makers `allowed`
        it to run in, else float32, which always works. Raises UserError for an unknown precision.
        """
        if precision == "auto":
            precision = next((p for p in quick(self.name) if p in allowed), "float32")
        if precision not in PRECISIONS:
            raise UserError(
                "The precision {value} is unknown: accepted are auto, {allowed}.",
                value=precision,
                allowed=", ".join(PRECISIONS),
            )
        return replace(self, precision=precision)

    @property
    def tf32(self) -> bool:
        """Are float32 products of convolutions rounded to TF32 here (10 bits of 23)? torch's own
        default on GPUs that can, since compute capability 8.0.
        """
        return (
            self.precision == "float32"
            and self.name.startswith("cuda")
            and torch.backends.cudnn.allow_tf32
            and torch.cuda.get_device_capability(self.name) >= (8, 0)
        )

    def free_memory(self) -> int:
        """Bytes that may be used now: of the GPU, else of this machine or of the container's share
        of it.
        """
        if self.name.startswith("cuda"):
            free, _ = torch.cuda.mem_get_info(self.name)
            # what torch holds of it and nobody uses is given out first
            kept = torch.cuda.memory_reserved(self.name) - torch.cuda.memory_allocated(self.name)
            return free + kept
        if self.name == "mps":
            return max(0, torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory())
        return min(_available(), _container_room())


def pick(name: str = "auto") -> Device:
    """The device called `name`; "auto" takes the first GPU, else the CPU. Raises UserError if it is
    not there.
    """
    if name == "auto":
        name = (
            "cuda:0"
            if torch.cuda.is_available()
            else "mps"
            if torch.backends.mps.is_available()
            else "cpu"
        )
    try:
        if torch.device(name).type not in ("cpu", "cuda", "mps"):
            raise RuntimeError(name)
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError) as e:
        raise UserError(
            "The device {name} is not there: accepted are auto, cpu, cuda, cuda:1, mps.", name=name
        ) from e
    return Device(name)


def share_cores(count: int) -> None:
    """This process computes with one `count`-th of the processor's threads, at least with one."""
    torch.set_num_threads(max(1, torch.get_num_threads() // count))


@cache
def quick(name: str) -> tuple[str, ...]:
    """The lower precisions that the device called `name` computes in faster than in float32, the
    best first.

    A processor needs instructions of its own for bfloat16 (without them torch imitates it, slower
    than float32); so does a GPU, since compute capability 8.0.
    """
    if name.startswith("cuda"):
        capability = torch.cuda.get_device_capability(name)
        if capability >= (8, 0):
            return ("float16", "bfloat16")
        return ("float16",) if capability >= (7, 0) else ()
    return ("bfloat16",) if name == "cpu" and INSTRUCTIONS & set(_flags()) else ()


def _flags() -> list[str]:
    """What Linux says that this processor can do; nothing elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []
    return next(
        (
            line.partition(":")[2].split()
            for line in lines
            if line.lower().startswith(("flags", "features"))
        ),
        [],
    )


def _available() -> int:
    """What Linux says it can give without swapping (its file cache counts as free), 2 GiB where
    nobody says.
    """
    try:
        facts = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        return int(facts["MemAvailable"].split()[0]) * 1024
    except (OSError, ValueError, KeyError):
        return 2 << 30


def _container_room() -> int:
    """Bytes left under the memory limit of this container (cgroup 2)."""
    try:
        limit, used = (
            int(Path(f"/sys/fs/cgroup/memory.{name}").read_text()) for name in ("max", "current")
        )
    except (OSError, ValueError):  # no cgroup here, or no limit: "max"
        return 1 << 60
    return max(limit - used, 0)


def all_finite(x: torch.Tensor) -> bool:
    """Is every value a number? One look at the sum tells, mostly: NaN and infinity stay in it. It
    is several times as quick as asking each.
    """
    return isfinite(x.sum(dtype=torch.float32).item()) or bool(torch.isfinite(x).all())


# what torch's own allocators say of a full memory, and the CUDA libraries that allocate beside them
FULL = re.compile(
    r"DefaultCPUAllocator|(CUDA|MPS backend) out of memory|CUDA error: out of memory"
    r"|CU\w+_STATUS\w*_ALLOC(ATION)?_FAILED"
)


def out_of_memory(error: BaseException) -> bool:
    """Is this what torch raises when a device's memory is full? (Only CUDA's own allocator has a
    class for it.)
    """
    return isinstance(error, torch.OutOfMemoryError) or FULL.search(str(error)) is not None


def give_back() -> None:
    """What torch holds of a GPU's memory and nobody uses, back to the GPU: for the libraries that
    allocate beside torch.
    """
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
