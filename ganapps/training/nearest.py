"""Is anything learned by heart: made faces, and under each the training portraits nearest to it.

python -m ganapps.training.nearest --data DIR --out weights --model heads-128 heads-ddpm-64

For each model NAME.nearest.png: a row of 16 faces (seeds 0 to 15, psi 1 or 25 steps), then rows of
their first, second and third neighbours in EfficientNet-Lite0's features, mirrored where the mirror
image is nearer. Trainings see both.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn

from ganapps import engine
from ganapps.models import catalog
from ganapps.training import distances, loop, measure
from ganapps.training.data import load
from ganapps.training.features import FeatureNetwork

FACES, NEIGHBOURS, COLOURS = 16, 3, 128
SETTINGS = {"faces": ("psi", 1.0), "denoise": ("steps", 25.0)}


def neighbours(
    features: nn.Module, made: Tensor, learned: Tensor, count: int = NEIGHBOURS
) -> tuple[Tensor, Tensor]:
    """Pictures [N, 3, S, S], [M, 3, S, S] in -1..1 -> the nearest learned ones [N, count, 3, S, S],
    and their distances [N, count].
    """
    both = torch.cat([learned, learned.flip(3)])
    apart = torch.cdist(distances.pooled(features, made), distances.pooled(features, both))
    nearest = apart.topk(count, largest=False)
    return both[nearest.indices], nearest.values


def sheet(made: Tensor, found: Tensor, path: Path) -> None:
    """Rows of made pictures, their first neighbours, their second ones, ...: few colours, so that
    it stays small.
    """
    rows = torch.cat([made[:, None], found], 1).transpose(0, 1).flatten(0, 1)
    loop.write_sheet(rows, path, columns=len(made))
    Image.open(path).quantize(COLOURS).save(path, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Made faces and the training portraits nearest to each."
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", nargs="+", required=True)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    portraits, features, app = (
        load(chosen.data, measure.SIDE),
        FeatureNetwork(),
        engine.start(offline=True),
    )
    learned = torch.from_numpy(portraits.pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
    for checkpoint in [measure.known(app, name) for name in chosen.model]:
        file = catalog.WEIGHTS / checkpoint.sources[0].file
        made = measure.pictures(
            measure.sampler(checkpoint, file, *SETTINGS[checkpoint.task], portraits.labels), FACES
        )
        found, apart = neighbours(features, made, learned)
        sheet(made, found, chosen.out / f"{checkpoint.id}.nearest.png")
        print(
            f"{checkpoint.id}: median distance to the nearest {apart[:, 0].median():.3f}, least "
            f"{apart.min():.3f}"
        )


if __name__ == "__main__":
    main()
