"""The sheets of the face generator's training that the Lab shows: python -m
ganapps.training.history --data DIR --states FOLDER

FOLDER holds generators as the training wrote them, each named by how many pictures it had seen
(500000.safetensors); this project's own history of versions has six of `weights/heads-128`. Each
becomes a sheet of the same seeds and labels, and one entry of figures.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from ganapps.training import distances, loop, samples
from ganapps.training.data import Portraits, load
from ganapps.training.features import FeatureNetwork

OUT = Path(__file__).resolve().parents[1] / "ui" / "examples" / "history"
FACES, COLUMNS, PSI = 16, 8, 0.85
SIDE = 128  # pixels of a face on a sheet
COUNT, MEASURED_AT = 500, 64  # faces that are measured, and their side
QUALITY = 82  # of WebP: about 30 kB a sheet


def sheet(sample: samples.Sample) -> Image.Image:
    """Seeds 0 to 15 in rows of eight."""
    with torch.inference_mode():
        x = sample(np.arange(FACES)).clamp(-1, 1)
        x = F.interpolate(x, size=SIDE, mode="bilinear", antialias=True)
    rows = x.unflatten(0, (-1, COLUMNS)).permute(0, 3, 1, 4, 2)  # [rows, H, columns, W, 3]
    return Image.fromarray(loop.to_bytes(rows.flatten(0, 1).flatten(1, 2)))


def figures(sample: samples.Sample, real: torch.Tensor, eyes: torch.nn.Module) -> dict[str, float]:
    """Fréchet distance, precision, recall and diversity of the first 500 seeds, in features that
    no training saw.
    """
    with torch.inference_mode():
        parts = [sample(seeds).clamp(-1, 1) for seeds in np.array_split(np.arange(COUNT), 10)]
    made = torch.cat([F.interpolate(x, size=MEASURED_AT, mode="area") for x in parts])
    ours = distances.pooled(eyes, made)
    return {
        "frechet": round(distances.frechet(ours, real)),
        "precision": round(distances.inside(ours, real), 2),
        "recall": round(distances.inside(real, ours), 2),
        "diversity": round(distances.diversity(ours, real), 2),
    }


def tensor(portraits: Portraits) -> torch.Tensor:
    """[N, 3, S, S] in -1..1."""
    return torch.from_numpy(portraits.pictures).permute(0, 3, 1, 2).float() / 127.5 - 1


def main() -> None:
    parser = argparse.ArgumentParser(description="Sheets of a training, for the Lab.")
    parser.add_argument("--data", type=Path, required=True, help="folder of heads128-*.tar")
    parser.add_argument("--states", type=Path, required=True, help="generators, 500000.safetensors")
    parser.add_argument("--out", type=Path, default=OUT)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    labels = load(chosen.data, MEASURED_AT).labels
    eyes = FeatureNetwork("lite2")
    real = distances.pooled(eyes, tensor(load(chosen.data, MEASURED_AT, held_back=True)))
    chosen.out.mkdir(exist_ok=True)
    listed: list[dict[str, Any]] = []
    for path in sorted(chosen.states.glob("*.safetensors"), key=lambda path: int(path.stem)):
        name = f"heads-{int(path.stem) // 1000}k.webp"
        shown = sheet(samples.from_generator(path, PSI, labels))
        shown.save(chosen.out / name, quality=QUALITY, method=6)
        found = figures(samples.from_generator(path, 1.0, labels), real, eyes)
        listed.append({"pictures": int(path.stem), "sheet": name, **found})
        print(json.dumps(listed[-1]), flush=True)
    text = ",\n".join(f"  {json.dumps(one)}" for one in listed)
    (chosen.out / "heads.json").write_text(f"[\n{text}\n]\n")


if __name__ == "__main__":
    main()
