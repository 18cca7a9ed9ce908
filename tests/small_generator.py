"""A generator of eight numbers that behaves like a face generator, and an engine over it: quick,
exact, and as faulty as a test asks.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganapps.device import Device
from ganapps.engine import Engine
from ganapps.measure.prices import Ledger
from ganapps.models.catalog import Checkpoint, Source
from ganapps.models.hub import Located, Progress
from ganapps.models.runtime import Ready, Runtime
from ganapps.networks.contracts import FaceGenerator, Network, StyleGenerator


class PlainColours(FaceGenerator):
    """What both generators here share: each picture is a plain colour of its own, exactly the same
    in every batch.

    `calls` lists the batch sizes asked for. Faults: `limit` pictures are more than the memory
    holds; `overflows` in any lower precision.
    """

    z_dim = 8

    def __init__(
        self,
        resolution: int = 16,
        label_dim: int = 0,
        limit: int = 99,
        overflows: bool = False,
        touch: int = 0,
    ) -> None:
        super().__init__()
        self.resolution, self.label_dim, self.limit, self.overflows, self.touch = (
            resolution,
            label_dim,
            limit,
            overflows,
            touch,
        )
        self.calls: list[int] = []

    def synthesis(self, ws: Tensor, noise: str = "const", generators: list | None = None) -> Tensor:
        self.calls.append(len(ws))
        if len(ws) > self.limit:
            raise RuntimeError(
                "[enforce fail at alloc_cpu.cpp] . DefaultCPUAllocator: can't allocate memory"
            )
        held = torch.ones(len(ws), self.touch)
        x = (
            torch.tanh(ws.sum(1)[:, :3] / 4)[..., None, None]
            .expand(-1, -1, self.resolution, self.resolution)
            .clone()
        )
        if generators:
            x[:, :, 0, 0] = torch.stack([torch.rand(3, generator=g) for g in generators])
        if self.overflows and torch.is_autocast_enabled("cpu"):
            x[0, 0, 0, 0] = torch.inf
        return x + 0 * held.sum()


class Small(PlainColours, StyleGenerator):
    """z [N, 8] -> ws [N, 4, 8] -> x [N, 3, R, R]."""

    num_ws = 4
    w_avg = torch.zeros(8)

    def mapping(
        self, z: Tensor, c: Tensor | None = None, psi: float = 1.0, cutoff: int | None = None
    ) -> Tensor:
        w = z if c is None else torch.cat([c[:, :8], z], 1)[:, :8]
        ws = w[:, None].repeat(1, self.num_ws, 1)
        ws[:, :cutoff] = self.w_avg.lerp(ws[:, :cutoff], psi)
        return ws


class Plain(PlainColours):
    """The same without a style space: z [N, 8] and a one-hot label -> x."""

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        assert (c is None) == (self.label_dim == 0) and (
            c is None or c.shape == (len(z), self.label_dim)
        )
        shift = 0 if c is None else c.argmax(1, keepdim=True).float() / 4
        return self.synthesis((z + shift)[:, None])


class SmallRuntime(Runtime):
    """A runtime whose only model is `network`; `steps` are handed out as its download, `changes` as
    what its source had to say.
    """

    def __init__(self, network: Network, precision: str = "float32") -> None:
        row = Checkpoint(
            "small",
            "Small",
            "faces",
            "stylegan2",
            (Source("small.pt"),),
            "torch",
            "CC0-1.0",
            "yes",
            "nothing",
            "none",
            8,
            "none",
        )
        other = Checkpoint(
            "enlarger",
            "Enlarger",
            "upscale",
            "stylegan2",
            (Source("big.pt"),),
            "torch",
            "CC0-1.0",
            "yes",
            "nothing",
            "none",
            8,
            "none",
        )
        super().__init__({"small": row, "enlarger": other}, Device("cpu", precision), offline=True)
        self.small = network
        self.steps: tuple[Progress, ...] = ()
        self.changes: tuple = ()
        self.stopped = False

    def located(
        self, checkpoint: Checkpoint, revision: str | None = None
    ) -> Generator[Progress, None, Located]:
        try:
            yield from self.steps
        except GeneratorExit:
            self.stopped = True
            raise
        return Located(Path("small.pt"), checkpoint.sources[0], None, "5" * 64, self.changes)

    def network(self, checkpoint: Checkpoint, located: Located) -> Ready:
        return Ready(self.small, 8)


def small_engine(network: Network, folder: Path) -> Engine:
    """An engine over `network`, its ledger in `folder`."""
    return Engine(SmallRuntime(network), Ledger(folder / "prices.json"))


def pixels(results: Iterator) -> list[np.ndarray]:
    """Every picture of a stream, as arrays."""
    return [np.asarray(kept.picture) for result in results for kept in result.made]


def said(changes: tuple[tuple[str, Mapping], ...]) -> list[str]:
    """Sentences as a person reads them."""
    return [template.format(**values) for template, values in changes]
