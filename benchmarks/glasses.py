"""Are exported heads good data? A small classifier of glasses, as Markdown.

    python benchmarks/glasses.py --data DIR [--count 4000] [--seeds 3]

DIR holds shards of `python -m ganapps.training.heads`. The classifier learns from exported heads
(the task `export`, with their own labels), from real renders, and from both; it is tested on the
renders that no training sees. Each row is the mean of as many runs as there are seeds, and the
spread between them.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ganapps import engine
from ganapps.recipe import Recipe
from ganapps.training.data import Portraits, load
from ganapps.training.labels import NAMES

SIDE = 64
EPOCHS, BATCH, RATE = 8, 64, 1e-3
FEW = 400
AT_ONCE = 1000  # faces that one recipe exports


class Faces(NamedTuple):
    """Pictures [N, 3, SIDE, SIDE] in -1 to 1, and 1 for each with glasses [N]."""

    pictures: Tensor
    glasses: Tensor

    def first(self, count: int) -> Faces:
        return Faces(self.pictures[:count], self.glasses[:count])


def classifier() -> nn.Module:
    """29,000 parameters that say of a picture how surely it shows glasses."""
    return nn.Sequential(
        *(nn.Conv2d(3, 16, 3, 2, 1), nn.ReLU()),
        *(nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU()),
        *(nn.Conv2d(32, 64, 3, 2, 1), nn.ReLU()),
        *(nn.Flatten(), nn.Dropout(0.3), nn.Linear(64 * (SIDE // 8) ** 2, 1), nn.Flatten(0)),
    )


def learned(faces: Faces, epochs: int, seed: int) -> nn.Module:
    """A classifier that has seen each face `epochs` times, half of the times mirrored."""
    torch.manual_seed(seed)
    network = classifier()
    optimiser = torch.optim.Adam(network.parameters(), RATE)
    for _ in range(epochs):
        for some in torch.randperm(len(faces.pictures)).split(BATCH):
            x = faces.pictures[some]
            x = torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, x, x.flip(3))
            loss = F.binary_cross_entropy_with_logits(network(x), faces.glasses[some])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return network.eval()


def tested(network: nn.Module, faces: Faces) -> tuple[float, float]:
    """The share of all faces that is said right, and the mean of that share with glasses and
    without: few people wear some.
    """
    with torch.no_grad():
        said = (network(faces.pictures) > 0).float()
    right = said == faces.glasses
    worn = faces.glasses > 0
    each = (right[worn].float().mean() + right[~worn].float().mean()) / 2
    return float(right.float().mean()), float(each)


def rendered(portraits: Portraits) -> Faces:
    """Renders with the renderer's own labels."""
    pictures = torch.from_numpy(portraits.pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
    return Faces(pictures, torch.from_numpy(1.0 * (portraits.labels[:, NONE] == 0)).float())


NONE = NAMES.index("glasses_none")


def exported(model: str, count: int) -> Faces:
    """Heads as the task `export` hands them out."""
    there = engine.start("cpu", offline=True)
    pictures, glasses = [], []
    for seed in range(0, count, AT_ONCE):
        settings = {"seed": seed, "count": min(AT_ONCE, count - seed)}
        for result in there.run(Recipe("export", model, settings)):
            for kept in result.made:
                small = kept.picture.resize((SIDE, SIDE), resample=1)
                pictures.append(np.asarray(small).transpose(2, 0, 1))
                glasses.append(kept.figures["glasses"] != "none")
    x = torch.from_numpy(np.stack(pictures)).float() / 127.5 - 1
    return Faces(x, torch.tensor(glasses).float())


def joined(parts: Sequence[Faces]) -> Faces:
    """All of them together."""
    return Faces(
        torch.cat([part.pictures for part in parts]), torch.cat([part.glasses for part in parts])
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Is a classifier the better for exported heads?")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="heads-128")
    parser.add_argument("--count", type=int, default=4000)
    parser.add_argument("--seeds", type=int, default=3)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    real = rendered(load(chosen.data, SIDE)).first(chosen.count)
    kept_back = rendered(load(chosen.data, SIDE, held_back=True))
    began = time.monotonic()
    made = exported(chosen.model, chosen.count)
    took = time.monotonic() - began
    few = real.first(FEW)
    rows = {
        f"{len(made.glasses):,} exported heads": [made],
        f"{len(real.glasses):,} real renders": [real],
        "both": [real, made],
        f"{FEW} real renders": [few],
        f"{FEW} real renders and {len(made.glasses):,} exported heads": [few, made],
    }
    worn = float(kept_back.glasses.mean())
    print(f"Exported in {took:.0f} s. Of {len(kept_back.glasses)} held-back renders {worn:.0%} ")
    print(f"wear glasses, of the exported heads {float(made.glasses.mean()):.0%}.\n")
    print("| learned from | right | right, with and without alike |\n|---|---|---|")
    longest = max(sum(len(part.glasses) for part in parts) for parts in rows.values())
    for title, parts in rows.items():
        faces = joined(parts)
        # as many steps for each, so that none learns longer
        epochs = round(EPOCHS * longest / len(faces.glasses))
        shares = [tested(learned(faces, epochs, seed), kept_back) for seed in range(chosen.seeds)]
        columns = [_told([share[column] for share in shares]) for column in range(2)]
        print(f"| {title} | {columns[0]} | {columns[1]} |", flush=True)


def _told(shares: Sequence[float]) -> str:
    return f"{statistics.mean(shares):.1%} ± {statistics.pstdev(shares):.1%}"


if __name__ == "__main__":
    main()
