"""What changed between two faces, in words: a linear reading of labels from their pixels; and where
a reader of whole faces ships, what a face shows, and whether it is still the same person.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ganapps.networks.contracts import FaceReader, Reading
from ganapps.tasks.labels import Labels

LEAST = 0.1  # of a label's whole way: less is not worth a word
UNSAID = ("gender", "ancestry")  # nobody is sorted by them


@dataclass(frozen=True)
class Reader:
    """A linear map from pixels to labels.

    `weight` [3 * side * side, K] takes pictures of that side in -1 to 1, `names` are those of the K
    labels. Only differences of two readings mean something.
    """

    weight: Tensor
    names: tuple[str, ...]
    side: int

    def change(self, before: Tensor, after: Tensor) -> dict[str, float]:
        """By how much each label changed from one picture [1, 3, H, W] to another."""
        differences = self._pixels(after) - self._pixels(before)
        changed = differences @ self.weight.to(after.device)
        return dict(zip(self.names, changed[0].tolist()))

    def _pixels(self, x: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(x.float().clamp(-1, 1), self.side).flatten(1)


def likeness(reader: FaceReader, before: Tensor, after: Tensor) -> float:
    """How alike two pictures [1, 3, H, W] in -1..1 are in whom they show: 1 is the same picture, 0
    what strangers are on average. One rendered person on two days has 0.7.
    """
    one, other = _read(reader, before).likeness, _read(reader, after).likeness
    return round(float((one * other).sum()), 2)


def shows(reader: FaceReader, table: Labels, x: Tensor) -> dict[str, Any]:
    """What a picture [1, 3, H, W] in -1..1 shows, in the words that set it; nothing where the
    reader reads other labels.
    """
    if reader.names != table.names:
        return {}
    told = table.told(_read(reader, x).labels[0].numpy())
    return {name: value for name, value in told.items() if name not in UNSAID}


def _read(reader: FaceReader, x: Tensor) -> Reading:
    with torch.no_grad():
        return reader(x.float().clamp(-1, 1).cpu())


def along(changed: Mapping[str, float], way: Mapping[str, float]) -> float | None:
    """How much of a `way` (label -> its change over all of it) was gone; None where less than half
    of the way is read.
    """
    read = {name: step for name, step in way.items() if name in changed}
    whole = sum(step**2 for step in way.values())
    seen = sum(step**2 for step in read.values())
    if whole == 0 or seen < whole / 2:
        return None
    return sum(changed[name] * step for name, step in read.items()) / seen


def worth_saying(moved: Mapping[str, float | None], own: str) -> dict[str, float]:
    """What moved enough to be told, the most first; `own` always, where it is read."""
    told = {
        name: round(value, 2)
        for name, value in moved.items()
        if value is not None and (name == own or abs(value) >= LEAST)
    }
    return dict(sorted(told.items(), key=lambda item: (item[0] != own, -abs(item[1]))))


def beside(moved: Mapping[str, float | None], meant: Collection[str]) -> float | None:
    """By how much a face changed in all that was not meant to change: the root mean square of what
    moved of each whole way; None where nothing of it is read.
    """
    others = [value for name, value in moved.items() if name not in meant and value is not None]
    if not others:
        return None
    return round(math.sqrt(sum(value**2 for value in others) / len(others)), 3)
