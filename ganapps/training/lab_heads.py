"""The small heads that the Lab learns from, as one sheet that ships.

python -m ganapps.training.lab_heads --data DIR

DIR holds the portraits, heads128-*.tar. The sheet is a JPEG without halved colours: its blocks of 8
pixels end where a head ends, so no head bleeds into its neighbour.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from ganapps.training.data import read_shard, shrink

OUT = Path(__file__).resolve().parents[1] / "learning" / "data" / "heads.jpg"
SIDE, COLUMNS = 32, 50  # ganapps/tasks/learn_data.py reads them so
QUALITY = 88  # 4.7 of 255 levels off, at half the bytes of 95


def sheet(pictures: np.ndarray) -> np.ndarray:
    """Pictures uint8 [N, S, S, 3] -> [rows * S, COLUMNS * S, 3]; N is a multiple of COLUMNS."""
    rows, side = len(pictures) // COLUMNS, pictures.shape[1]
    placed = pictures.reshape(rows, COLUMNS, side, side, 3).transpose(0, 2, 1, 3, 4)
    return placed.reshape(rows * side, COLUMNS * side, 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    small = []
    for shard in sorted(options.data.glob("heads128-*.tar")):
        for picture, _ in read_shard(shard):
            small.append(shrink(picture, SIDE))
    whole = Image.fromarray(sheet(np.stack(small)))
    whole.save(options.out, "JPEG", quality=QUALITY, subsampling=0, optimize=True)
    print(f"{options.out}: {len(small)} heads, {options.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
