"""Writes the finder of faces, and what compares them.

`python -m ganapps.training.finder PACKAGE --out weights` converts the detector, the landmark
network and the recognition network in an unpacked copy of the npm package @vladmandic/face-api.
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
LIKENESS = "face_recognition_model"
# of a convolution's tensors: what they are called there, and in `networks.find.likeness`
RENAMED = {
    "/conv/filters": ".filters",
    "/conv/bias": ".bias",
    "/scale/weights": ".factor",
    "/scale/biases": ".summand",
}


def stored(folder: Path, part: str) -> Iterator[tuple[str, Tensor, Tensor | None]]:
    """Each tensor's name, its numbers as torch lays them out, and, of those that are kept as bytes,
    what 0 and one step stand for.
    """
    (group,) = json.loads((folder / f"{part}-weights_manifest.json").read_text(encoding="utf-8"))
    (file,) = group["paths"]
    content = (folder / file).read_bytes()
    begin = 0
    for weight in group["weights"]:
        told = weight.get("quantization")
        assert told is None or told["dtype"] == "uint8", weight["name"]
        kind = np.dtype("<f4" if told is None else "u1")
        count = int(np.prod(weight["shape"]))
        numbers = np.frombuffer(content, kind, count, begin)
        values = torch.from_numpy(numbers.copy()).view(weight["shape"])
        begin += numbers.nbytes
        reach = None if told is None else torch.tensor([told["min"], told["scale"]])
        yield weight["name"], _laid_out(weight["name"], values), reach
    assert begin == len(content), "every byte is a weight"


def _laid_out(name: str, values: Tensor) -> Tensor:
    if name.endswith("depthwise_filter"):  # [3, 3, inputs, 1]
        values = values.permute(2, 3, 0, 1)
    elif values.dim() == 4:  # [height, width, inputs, outputs]
        values = values.permute(3, 2, 0, 1)
    elif values.dim() == 2:
        values = values.T
    return values.contiguous()


def likeness(folder: Path) -> dict[str, Tensor]:
    """The recognition network's tensors, as the network here names them."""
    tensors = {}
    for name, values, reach in stored(folder, LIKENESS):
        for theirs, ours in RENAMED.items():
            name = name.replace(theirs, ours)
        name = name.replace("/", ".")
        per_channel = name.endswith((".factor", ".summand"))
        tensors[name] = values[:, None, None] if per_channel else values
        if reach is not None:
            tensors[f"{name}.range"] = reach.float()
    return tensors


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
            assert reach is not None, "of these two, all are bytes"
            tensors[own], tensors[f"{own}.range"] = values, reach.float()
    save_file(tensors, given.out / "face-finder.safetensors")
    save_file(likeness(given.package / "model"), given.out / "face-likeness.safetensors")


if __name__ == "__main__":
    main()
