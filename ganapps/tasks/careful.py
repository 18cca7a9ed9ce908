"""The careful call: a network's answer is finite or made again, a full memory is one kind of error,
and between a network's blocks somebody may look, stop the run or let others in.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from ganapps.device import Device, all_finite, give_back, out_of_memory
from ganapps.errors import Message, UserError

GLANCE = (
    0.02  # seconds between two looks: often enough to stop at once, too seldom to cost anything
)


class MemoryFull(UserError):
    """The device's memory is full. A task that can do with less catches it and tries; what it says
    is for where none can.
    """

    def __init__(self) -> None:
        super().__init__(
            "The memory is not enough for this model: close other programs, or choose a smaller "
            "model."
        )


@contextmanager
def block(device: Device) -> Iterator[None]:
    """The block to call a network in, where a full memory raises MemoryFull. Never hold it across a
    `yield`.
    """
    with _memory_told(), device.computing():
        yield


@contextmanager
def bending() -> Iterator[None]:
    """The same for gradients with respect to what is no weight: with them, in float32."""
    with _memory_told(), torch.inference_mode(False), torch.enable_grad():
        yield


@contextmanager
def _memory_told() -> Iterator[None]:
    """Where torch's memory is full, MemoryFull is raised."""
    try:
        yield
    except RuntimeError as error:
        if not out_of_memory(error):
            raise
        give_back()
        raise MemoryFull from error


def call(device: Device, compute: Callable[[], Tensor]) -> tuple[Tensor, Device]:
    """What `compute()` gives inside the device's block, float32 and finite; and the device in the
    precision that gave it, which is float32 where the lower one gave what is not finite.

    Raises MemoryFull, and UserError where float32 is not finite either.
    """
    with block(device):
        y = compute().float()
    if not all_finite(y) and device.precision != "float32":
        device = device.with_precision("float32")
        with block(device):
            y = compute().float()
    if not all_finite(y):
        raise no_picture()
    return y, device


def too_large() -> UserError:
    """What to say of a picture for which the memory is not enough, whatever is tried."""
    return UserError(
        "The memory is not enough for this picture and this model: make the picture "
        "smaller, or close other programs."
    )


def no_picture() -> UserError:
    """What to say of a network whose output is not finite in any precision."""
    return UserError("This model's weights give no picture: its output is not finite.")


def again(asked: Device, used: Device) -> tuple[Message, ...]:
    """What to say where a call was `asked` for in a lower precision than the one it `used`."""
    if asked.precision == used.precision:
        return ()
    return (
        Message("Not finite in {precision}: made again in float32.", precision=asked.precision),
    )


class Careful:
    """What one run calls its network through: it counts the calls and lists what had to be changed;
    whoever steps the run asks for what is new.
    """

    def __init__(self, device: Device) -> None:
        self.device = device
        self._calls = 0
        self._changes: list[Message] = []

    def calls(self) -> int:
        """Network calls since this was last asked."""
        calls, self._calls = self._calls, 0
        return calls

    def changes(self) -> tuple[Message, ...]:
        """What had to be changed since this was last asked."""
        changes, self._changes = tuple(self._changes), []
        return changes

    def _called(self, compute: Callable[[], Tensor]) -> Tensor:
        """`call` on this run's device, counted and told."""

        def counted() -> Tensor:
            self._calls += 1
            return compute()

        y, used = call(self.device, counted)
        self._changes += again(self.device, used)
        return y


@dataclass(frozen=True)
class Rows:
    """What one network call is asked: `part` with `size` rows; `compute` gives of a list of parts
    what each becomes, at most `room` rows at once. Parts of runs that agree in `same` may go
    together.
    """

    same: Hashable
    part: Any
    size: int
    room: int
    compute: Callable[[list[Any]], list[Any]]

    def alone(self) -> Any:
        """What becomes of this part."""
        return self.compute([self.part])[0]


@dataclass
class Watch:
    """Who looks between a network's blocks while one step of a run computes.

    `stop()` raises where the run must end, `rest()` lets others have the device, `tell(share)` says
    how much of the step is done, 0 to 1; others have the device, too, inside a block `aside()`.
    What is done inside a block `loading()` is not charged. `together` computes rows beside those of
    other runs; None: they go alone.
    """

    stop: Callable[[], None]
    rest: Callable[[], None]
    tell: Callable[[float], None]
    aside: Callable[[], AbstractContextManager[None]] = nullcontext
    loading: Callable[[], AbstractContextManager[None]] = nullcontext
    together: Callable[[Rows], Any] | None = None
    blocks: int = 0  # of this step that were begun
    expected: int = 0  # of a step: as many as the last one had
    _looked: float = field(default_factory=time.perf_counter)

    def begin(self) -> None:
        """A step begins; it will have as many blocks as the one before."""
        self.expected, self.blocks = self.blocks or self.expected, 0

    def look(self, network_blocks: int) -> None:
        """A block begins, in a network that has so many."""
        self.blocks += 1
        now = time.perf_counter()
        if now - self._looked < GLANCE:
            return
        self.stop()
        self.rest()
        self.tell(min(1.0, self.blocks / max(self.expected or network_blocks, 1)))
        self._looked = time.perf_counter()


_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)
_watched: WeakKeyDictionary[nn.Module, int] = WeakKeyDictionary()


def look_between(blocks: int) -> None:
    """Between two of about so many pieces of a step somebody may look, as between two blocks of a
    network: for what computes by other means than calls of one.
    """
    if (watch := _watch.get()) is not None:
        watch.look(blocks)


@contextmanager
def beside(device: Device) -> Iterator[None]:
    """A block of a processor's work on what a GPU has made: others have the GPU meanwhile. Never
    hold it across a `yield`.
    """
    watch = _watch.get()
    if watch is None or device.name == "cpu":
        yield
        return
    token = _watch.set(None)  # who has no turn lets nobody in
    try:
        with watch.aside():
            yield
    finally:
        _watch.reset(token)


def load_optimisers() -> None:
    """What torch imports at the first optimiser of a process, 1.5 s, now: where a task has it done
    before its first one, it is loading and no run's price.
    """
    watch = _watch.get()
    with nullcontext() if watch is None else watch.loading():
        import_module("torch._dynamo")


def together(rows: Rows) -> Any:
    """What becomes of these rows, beside others' where there is room and somebody sees to it."""
    watch = _watch.get()
    if watch is None or watch.together is None or rows.size >= rows.room:
        return rows.alone()
    return watch.together(rows)


@contextmanager
def watching(watch: Watch) -> Iterator[None]:
    """While `watch` looks at what this thread computes: for one step, never across a `yield`."""
    token = _watch.set(watch)
    watch.begin()
    try:
        yield
    finally:
        _watch.reset(token)


def watched(network: nn.Module) -> nn.Module:
    """The same network, whose blocks (modules without modules inside) are looked at from now on."""
    if network in _watched:
        return network
    blocks = [module for module in network.modules() if next(module.children(), None) is None]
    _watched[network] = len(blocks)

    def look(module: nn.Module, inputs: Any) -> None:
        look_between(len(blocks))

    for module in blocks:
        module.register_forward_pre_hook(look)
    return network
