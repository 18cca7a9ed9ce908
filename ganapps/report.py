"""What a result cost and what was changed from what was asked, and how that is said in one line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any

import numpy as np
from PIL import Image

from ganapps.errors import Message
from ganapps.recipe import Recipe


@dataclass(frozen=True)
class Piece:
    """One finished picture or film and what goes with it.

    `picture` is an 8-bit picture, or pixels [H, W, C] (uint8 or uint16) where it is large or has 16
    bits. `caption` is short. A film has its frames here too. `figures` were measured on it,
    `beside` are pictures to look at with it (a heat map), `about` goes into its file (icc, date,
    gps, as images.save_pixels takes them).
    """

    picture: Image.Image | np.ndarray
    caption: str
    _: KW_ONLY
    frames: tuple[Image.Image, ...] = ()
    frames_per_second: int = 24
    figures: Mapping[str, Any] = field(default_factory=dict)
    beside: Mapping[str, Image.Image] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Made(Piece):
    """One as a task hands it out. `settings` make just this one again: those that differ from the
    run's, or, where another `task` does it, all of that task's.
    """

    settings: Mapping[str, Any]
    task: str | None = field(default=None, kw_only=True)

    def kept(self, run: Recipe) -> Kept:
        """The same with its recipe; `run` is that of the run that made it."""
        if self.task:
            recipe = replace(run, task=self.task, settings=dict(self.settings))
        else:
            recipe = run.with_settings(**self.settings)
        shared = {name: value for name, value in vars(self).items() if name not in OF_A_TASK}
        return Kept(recipe=recipe, **shared)


OF_A_TASK = ("settings", "task")


@dataclass(frozen=True)
class Kept(Piece):
    """One with the recipe that makes just this one again."""

    recipe: Recipe


@dataclass(frozen=True)
class Part:
    """Rows of a large picture that is made from the top, `rows` [h, W, C]: those that are finished
    since the last step.
    """

    rows: np.ndarray = field(repr=False)


@dataclass(frozen=True)
class SoFar:
    """What there would be, had a run asked for `settings`: less than it asks for.

    `pixels` [h, w, C] are the whole picture; where a `corner` (top, left) is told, the part of the
    picture that came which begins there, and all else of it is as it came.
    """

    pixels: np.ndarray = field(repr=False)
    settings: Mapping[str, Any]
    corner: tuple[int, int] | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)
    beside: Mapping[str, Image.Image] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """What a task hands out after each batch, tile or step: new pictures, how far it is, and what
    had to be changed.

    `preview` is how unfinished work looks now, to be shown and forgotten; `part` are its rows that
    are finished since the last step; `so_far` is what is left of the run if it ends here, where
    that is a result of its own. `for_show` says that the task's next Step is only there to be
    looked at: what it takes is charged to nobody. `numbers` are plain values, at most 20 kB of
    JSON, for curves and drawings; `weights` is what was trained, as a safetensors file.
    """

    done: int
    total: int
    made: tuple[Made, ...] = ()
    network_calls: int = 0
    changes: tuple[Message, ...] = ()
    preview: tuple[Image.Image, ...] = ()
    part: Part | None = None
    so_far: SoFar | None = None
    for_show: bool = False
    numbers: Mapping[str, Any] = field(default_factory=dict)
    weights: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Report:
    """What one run cost. `seconds`, `network_calls`, `joules` (of a GPU that tells) and `flops`
    (only counted in a rehearsal) add up over the run, `peak_memory` is in bytes beyond what was
    there before (None where it can't be measured; in a rehearsal what tensors held), `parameters`
    is the network's count, `changes` are what was made otherwise than asked, `source` says where
    the model's file came from, `tf32` that a GPU rounded the factors of float32 convolutions to 10
    bits, as torch has it by default.
    """

    checkpoint: str
    device: str
    precision: str
    source: str
    revision: str | None = None
    sha256: str | None = None
    seconds: float = 0.0
    pictures: int = 0
    network_calls: int = 0
    peak_memory: int | None = None
    parameters: int = 0
    joules: float | None = None
    flops: int | None = None
    changes: tuple[Message, ...] = ()
    tf32: bool = False

    @property
    def computed(self) -> str:
        """On what, and how exactly, for people: `CPU float32`."""
        rounded = " (TF32)" if self.tf32 else ""
        return f"{self.device} {self.precision}{rounded}"

    def as_dict(self) -> dict[str, Any]:
        """Plain values for `report.json` and the API, without what was not measured; changes as
        English sentences.
        """
        values = {
            k: v
            for k, v in self.__dict__.items()
            if k not in ("changes", "tf32") and not (v is None and k in ("joules", "flops"))
        }
        if self.tf32:
            values["tf32"] = True
        return values | {
            "seconds": round(self.seconds, 4),
            "changes": [str(message) for message in self.changes],
        }


def size(count: float) -> str:
    """Bytes for people: `164 MB`, `2.4 GB`."""
    for unit, step in (("GB", 1e9), ("MB", 1e6)):
        if count >= step:
            return (
                f"{count / step:.0f} {unit}"
                if count >= 100 * step or (unit == "MB" and count >= 10 * step)
                else f"{count / step:.1f} {unit}"
            )
    return f"{count / 1e3:.0f} kB" if count >= 1e3 else "under 1 kB"


def seconds(value: float) -> str:
    """Seconds for people: `0.58 s`, `12 s`, `3 min`."""
    if value >= 120:
        return f"{value / 60:.0f} min"
    return f"{value:.0f} s" if value >= 10 else f"{value:.1f} s" if value >= 1 else f"{value:.2f} s"
