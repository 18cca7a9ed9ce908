"""One loop for every training: go on where it stopped, save whole files, draw a sheet, say how fast
it goes.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

SAVE_SECONDS, SAY_SECONDS = 600, 60


class Trainer(Protocol):
    """What the loop needs: `seen` pictures so far, one `step`, a `sheet` of samples, all state as
    one tree, the finished files; and to go on from such a finished file (or folder), which holds no
    more than the network.
    """

    @property
    def seen(self) -> int: ...
    def step(self) -> dict[str, float]: ...
    def sheet(self) -> Tensor: ...
    def state(self) -> dict[str, Any]: ...
    def restore(self, state: dict[str, Any]) -> None: ...
    def start_from(self, finished: Path) -> None: ...
    def export(self, out: Path) -> None: ...


def run(trainer: Trainer, out: Path, pictures: int, start: Path | None = None) -> None:
    """Train until `pictures` were seen. `out` holds state.pt, sheet.png and the exported weights,
    new every ten minutes.

    Goes on from `out`/state.pt where there is one, else from `start` where one is given: another
    run's state.pt, or a finished file or folder. Asked to end (SIGTERM, Ctrl+C) it ends the step,
    saves, and returns.
    """
    out.mkdir(parents=True, exist_ok=True)
    asked = EndAsked()
    state = out / "state.pt" if (out / "state.pt").exists() else start
    if state is not None:
        if state.suffix == ".pt":
            trainer.restore(torch.load(state, weights_only=True))
        else:
            trainer.start_from(state)
        print(f"goes on from {state.name}: {trainer.seen} pictures seen", flush=True)
    saved = time.monotonic()
    with asked.heard():
        while trainer.seen < pictures and not asked.to_end:
            _stretch(trainer, pictures, asked)
            if time.monotonic() - saved > SAVE_SECONDS or trainer.seen >= pictures or asked.to_end:
                save(trainer, out)
                saved = time.monotonic()


class EndAsked:
    """Whether somebody asked this training to end; a signal must not tear a step or a file
    apart.
    """

    def __init__(self) -> None:
        self.to_end = False

    @contextlib.contextmanager
    def heard(self) -> Iterator[None]:
        """Within it, the first SIGTERM or SIGINT only sets `to_end`; a second one ends the process
        as ever.
        """
        before = {
            number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.to_end = True
        signal.signal(number, signal.SIG_DFL)


def save(trainer: Trainer, out: Path) -> None:
    """State, sheet and weights; a run that is killed meanwhile leaves the files of the time
    before.
    """
    torch.save(trainer.state(), out / "state.new")
    os.replace(out / "state.new", out / "state.pt")
    write_sheet(trainer.sheet(), out / "sheet.png")
    trainer.export(out)


def write_sheet(pictures: Tensor, path: Path, columns: int = 8) -> None:
    """Pictures [N, 3, H, W] in -1..1 as one PNG of rows of eight; a last row that is not full is
    left out.
    """
    n, c, h, w = pictures.shape
    rows = n // columns
    grid = (
        pictures[: rows * columns]
        .view(rows, columns, c, h, w)
        .permute(0, 3, 1, 4, 2)
        .reshape(rows * h, columns * w, c)
    )
    Image.fromarray(to_bytes(grid)).save(path)


def to_bytes(x: Tensor) -> np.ndarray:
    """-1..1 -> uint8."""
    return (x.float() * 127.5 + 128).clamp(0, 255).to(torch.uint8).cpu().numpy()


def follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Exponential moving average: average = decay * average + (1 - decay) * network; buffers are
    copied.
    """
    with torch.no_grad():
        torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - decay)
        for kept, new in zip(average.buffers(), network.buffers(), strict=True):
            kept.copy_(new)


def descend(loss: Tensor, *optimizers: torch.optim.Optimizer) -> float:
    """One step of each optimizer down this loss; the loss."""
    for optimizer in optimizers:
        optimizer.zero_grad(set_to_none=True)
    loss.backward()
    for optimizer in optimizers:
        optimizer.step()
    return loss.item()


def falling(seen: int, pictures: int, last: int | None = None) -> float:
    """The learning rate's factor: 1 at first, then down to a twentieth in a straight line over the
    `last` pictures (else a third of all).
    """
    return min(1.0, max(0.05, (pictures - seen) / (last or pictures / 3)))


def arguments(
    description: str, pictures: int, resolution: int | None = None, side: int | None = None
) -> argparse.Namespace:
    """What every training command accepts; `resolution` is the default of those that draw in
    several, `side` of those that look at crops of several sizes.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder of heads128-*.tar, or of photographs"
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        help="where state, sheet and weights go; run again to go on",
    )
    parser.add_argument(
        "--start",
        type=Path,
        help="a state.pt or finished weights to start from, if --out holds no state yet",
    )
    parser.add_argument(
        "--pictures",
        type=int,
        default=pictures,
        help="stop when so many were seen (default %(default)s)",
    )
    parser.add_argument(
        "--falls",
        type=int,
        help="over how many pictures at the end the rate falls (default: a third of all)",
    )
    parser.add_argument("--threads", type=int, default=1)
    if resolution:
        parser.add_argument(
            "--resolution", type=int, default=resolution, help="pixels a side (default %(default)s)"
        )
    if side:
        parser.add_argument(
            "--side", type=int, default=side, help="pixels a side of a crop (default %(default)s)"
        )
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    return chosen


def _stretch(trainer: Trainer, pictures: int, asked: EndAsked) -> None:
    """Steps for about a minute, or until it is asked to end, and one line about them."""
    sums: dict[str, float] = defaultdict(float)
    began, first, steps = time.monotonic(), trainer.seen, 0
    while (
        time.monotonic() - began < SAY_SECONDS
        and trainer.seen < pictures
        and not (steps and asked.to_end)
    ):
        for name, value in trainer.step().items():
            sums[name] += value
        steps += 1
    rate = (trainer.seen - first) / (time.monotonic() - began)
    means = "  ".join(f"{name} {value / steps:.3f}" for name, value in sums.items())
    print(f"{trainer.seen} pictures  {rate:.1f} a second  {means}", flush=True)
