"""Writes what ships of ways through a generator's styles: a reader of the heads' labels, and the
published directions of StyleGAN2 FFHQ.

`python -m ganapps.training.directions heads --out weights` draws faces with known labels from the
generators that ship and fits a ridge regression from their pixels to the labels. `ffhq` converts
copies of two repositories: omertov/encoder4editing and younesbelkada/interfacegan.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from ganapps.training.label_file import read_generator

SIDE = 32  # every picture is read at this size
FACES, HELD_BACK, PSI = 4000, 500, 0.8
RIDGE, SMALLEST_SPREAD = 100.0, 0.02
READS = 0.6  # a label is kept where so much of its variance is read on faces held back
# Distances that the published scripts go at most, which strength 1 stands for here.
REACH = {"w": 5.0, "z": 3.0}
EDITORS = ("age", "smile", "pose")
BOUNDARIES = "boundaries/stylegan2_ffhq_z"


def drawn(generator: Path, rows: np.ndarray, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """`count` faces as pixels [N, 3 * SIDE * SIDE] and their labels [N, C]."""
    network = read_generator(generator)
    random = np.random.RandomState(seed)
    pixels, labels = [], []
    for _ in range(count):
        z = torch.from_numpy(random.randn(1, network.z_dim).astype(np.float32))
        row = torch.from_numpy(rows[random.randint(len(rows))][None])
        with torch.no_grad():
            picture = network(z, row, PSI).clamp(-1, 1)
        pixels.append(F.adaptive_avg_pool2d(picture, SIDE).flatten(1))
        labels.append(row)
    return torch.cat(pixels), torch.cat(labels)


def fitted(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Weights [P, C] and bias [C] of a ridge regression from pixels [N, P] to labels [N, C]."""
    mean, spread = x.mean(0), x.std(0) + SMALLEST_SPREAD
    scaled = (x - mean) / spread
    centre = y.mean(0)
    inner = scaled.T @ scaled + RIDGE * torch.eye(x.shape[1])
    weight = torch.linalg.solve(inner, scaled.T @ (y - centre)) / spread[:, None]
    return weight, centre - mean @ weight


def read(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The share of each label's variance [C] that is read right."""
    wrong = (x @ weight + bias - y).square().sum(0)
    return 1 - wrong / (y - y.mean(0)).square().sum(0)


def follows(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """By how much each reading [C] rises where its label rises by 1: a ridge is shy."""
    said, true = x @ weight + bias, y - y.mean(0)
    return (true * (said - said.mean(0))).sum(0) / true.square().sum(0)


def write_heads(folder: Path, out: Path, count: int) -> None:
    """`heads.directions.safetensors` in `out`, from the generators and labels in `folder`."""
    generators = [folder / "heads-128.safetensors", folder / "heads-64.safetensors"]
    with safe_open(folder / "heads-128.labels.safetensors", "np") as file:
        rows = file.get_tensor("labels").astype(np.float32)
        names = json.loads(file.metadata()["names"])
    learned = [drawn(path, rows, count, 1) for path in generators]
    kept_back = [drawn(path, rows, HELD_BACK, 2) for path in generators]
    x, y = (torch.cat(parts) for parts in zip(*learned))
    weight, bias = fitted(x, y)
    x, y = (torch.cat(parts) for parts in zip(*kept_back))
    share, slope = read(x, y, weight, bias), follows(x, y, weight, bias)
    columns = [c for c in range(len(names)) if share[c] >= READS]
    metadata = {
        "reads": json.dumps({names[c]: round(float(share[c]), 2) for c in columns}),
        "side": str(SIDE),
        "generators": json.dumps([digest(path) for path in generators]),
        "license": "CC0-1.0",
    }
    # only differences are read, so that no bias is wanted
    tensors = {"reader.weight": (weight / slope)[:, columns].half().contiguous()}
    write(out / "heads.directions.safetensors", tensors, metadata)
    print(metadata["reads"])


def write_ffhq(encoder4editing: Path, interfacegan: Path, out: Path) -> None:
    """`stylegan2-ffhq.directions.safetensors` in `out`; each tensor is the step of strength 1."""
    tensors = {}
    for name in EDITORS:
        path = encoder4editing / "editings" / "interfacegan_directions" / f"{name}.pt"
        step = torch.load(path, weights_only=True, map_location="cpu").float()
        tensors[f"w.{name}"] = (REACH["w"] * step.squeeze(0)).half().contiguous()
    for path in sorted((interfacegan / BOUNDARIES).glob("boundary_*.npy")):
        name = path.stem.removeprefix("boundary_").lower()
        step = torch.from_numpy(np.load(path)[0])
        tensors[f"z.{name}"] = (REACH["z"] * step).half().contiguous()
    metadata = {"license": "MIT", "reach": json.dumps(REACH)}
    write(out / "stylegan2-ffhq.directions.safetensors", tensors, metadata)
    print(*tensors, sep="\n")


def write(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    save_file(tensors, path, metadata=metadata)
    path.chmod(0o644)
    print(path.name, path.stat().st_size, digest(path))


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the directions that ship.")
    kinds = parser.add_subparsers(dest="kind", required=True)
    heads = kinds.add_parser("heads")
    heads.add_argument("--weights", type=Path, default=Path("weights"))
    heads.add_argument("--faces", type=int, default=FACES, help="of each generator")
    ffhq = kinds.add_parser("ffhq")
    ffhq.add_argument("--encoder4editing", type=Path, required=True)
    ffhq.add_argument("--interfacegan", type=Path, required=True)
    for kind in (heads, ffhq):
        kind.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    if chosen.kind == "heads":
        write_heads(chosen.weights, chosen.out, chosen.faces)
    else:
        write_ffhq(chosen.encoder4editing, chosen.interfacegan, chosen.out)


if __name__ == "__main__":
    main()
