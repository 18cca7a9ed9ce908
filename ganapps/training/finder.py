"""Writes the finder of faces.

`python -m ganapps.training.finder PACKAGE --out weights` converts the detector and the landmark
network in an unpacked copy of the npm package @vladmandic/face-api.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

PARTS = {"detector": "tiny_face_detector_model", "landmarks": "face_landmark_68_model"}


def stored(folder: Path, part: str) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Each tensor's name, its bytes as torch lays them out, and what 0 and one step stand for."""
    (group,) = json.loads((folder / f"{part}-weights_manifest.json").read_text(encoding="utf-8"))
    (file,) = group["paths"]
    content = np.frombuffer((folder / file).read_bytes(), np.uint8)
    begin = 0
    for weight in group["weights"]:
        shape, told = weight["shape"], weight["quantization"]
        assert told["dtype"] == "uint8", weight["name"]
        count = int(np.prod(shape))
        values = torch.from_numpy(content[begin : begin + count].copy()).view(shape)
        begin += count
        yield (
            weight["name"],
            _laid_out(weight["name"], values),
            torch.tensor([told["min"], told["scale"]]),
        )
    assert begin == len(content), "every byte is a weight"


def _laid_out(name: str, values: Tensor) -> Tensor:
    if name.endswith("depthwise_filter"):  # [3, 3, inputs, 1]
        values = values.permute(2, 3, 0, 1)
    elif values.dim() == 4:  # [height, width, inputs, outputs]
        values = values.permute(3, 2, 0, 1)
    elif values.dim() == 2:
        values = values.T
    return values.contiguous()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    tensors = {}
    for part, file in PARTS.items():
        for name, values, reach in stored(given.package / "model", file):
            own = f"{part}.{name.removeprefix('fc/').replace('/', '.')}"
            tensors[own], tensors[f"{own}.range"] = values, reach.float()
    save_file(tensors, given.out / "face-finder.safetensors")


if __name__ == "__main__":
    main()
