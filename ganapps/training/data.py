"""Rendered portraits from their shards: tar files of JPEG pictures with one line of description
each.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ganapps.training.labels import background_colour, label_row

HELD_BACK = 10  # every tenth index is for measurements; no training sees it


@dataclass(frozen=True)
class Portraits:
    """Pictures uint8 [N, S, S, 3], their labels float32 [N, 44] and their indices in the whole
    set.
    """

    pictures: np.ndarray
    labels: np.ndarray
    indices: np.ndarray

    def __len__(self) -> int:
        return len(self.pictures)


def load(folder: Path, size: int, held_back: bool = False) -> Portraits:
    """The portraits of all `heads128-*.tar` in `folder`, shrunk to `size` pixels: those to learn
    from, or the ones held back.

    Raises FileNotFoundError where there are no shards.
    """
    shards = sorted(Path(folder).glob("heads128-*.tar"))
    if not shards:
        raise FileNotFoundError(
            f"no heads128-*.tar in {folder}: render some with ganapps.training.heads"
        )
    wanted = [
        pair
        for shard in shards
        for pair in read_shard(shard)
        if (pair[1]["index"] % HELD_BACK == 0) == held_back
    ]
    labels = np.stack(
        [label_row(description, background_colour(picture)) for picture, description in wanted]
    )
    pictures = np.stack([shrink(picture, size) for picture, _ in wanted])
    return Portraits(
        pictures, labels, np.array([description["index"] for _, description in wanted])
    )


def read_shard(path: Path) -> list[tuple[np.ndarray, dict]]:
    """One tar file -> (picture uint8 [128, 128, 3], description) pairs; raises ValueError if the
    two lists don't fit together.
    """
    pictures, descriptions = {}, []
    with tarfile.open(path) as shard:
        for member in shard:
            if member.name.endswith(".jpg"):
                pictures[Path(member.name).name] = _picture(_bytes(shard, member))
            elif member.name.endswith("labels.jsonl.gz"):
                lines = gzip.decompress(_bytes(shard, member)).decode().splitlines()
                descriptions += [json.loads(line) for line in lines]
    if {d["file"] for d in descriptions} != set(pictures):
        raise ValueError(f"{path.name}: pictures and descriptions don't belong together")
    return [(pictures[description["file"]], description) for description in descriptions]


def _bytes(shard: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = shard.extractfile(member)
    assert file is not None, f"{member.name} is no plain file"
    return file.read()


def shrink(picture: np.ndarray, size: int) -> np.ndarray:
    """uint8 [H, W, 3] -> [size, size, 3], Lanczos; the picture itself where it has that size."""
    if picture.shape[:2] == (size, size):
        return picture
    return np.asarray(Image.fromarray(picture).resize((size, size), Image.Resampling.LANCZOS))


def _picture(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
