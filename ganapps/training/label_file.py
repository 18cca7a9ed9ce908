"""The labels that ship with a face generator, and which of them it follows.

python -m ganapps.training.label_file --data DIR --generator OUT/heads-128.safetensors --out OUT

Every control is moved to its far ends on 32 faces, and a reader, which learned on real portraits
through a network that no training saw, says how far the faces followed: 1 is as far as real
portraits with those labels. It writes heads-128.labels.safetensors and, to look at, a sheet of the
far ends.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from ganapps.training import controls, loop, reader
from ganapps.training.data import load
from ganapps.training.features import FeatureNetwork
from ganapps.training.generator import Generator
from ganapps.training.labels import NAMES

FACES, PSI = 32, 0.9
EYES = "lite2"  # not the network through which the critic read the labels
FOLLOWS = 0.35  # a control that is followed less than this does not visibly do what it says
SHOWN, COLUMNS = 3, 40

Draw = Callable[[np.ndarray], Tensor]


def read_generator(path: Path) -> Generator:
    """A generator that `faces.write_generator` wrote."""
    with safe_open(path, "pt") as file:
        settings = {name: int(value) for name, value in file.metadata().items() if value.isdigit()}
        tensors = {name: file.get_tensor(name).float() for name in file.keys()}
    generator = Generator(
        settings["img_resolution"],
        settings["c_dim"],
        settings["z_dim"],
        settings["w_dim"],
        settings["mapping_num_layers"],
        settings["channel_base"],
        settings["channel_max"],
    )
    generator.load_state_dict(tensors)
    return generator.eval().requires_grad_(False)


def always_the_same(generator: Generator) -> Draw:
    """A function from label rows [N, 44] to faces [N, 3, S, S] that gives the n-th row the n-th z,
    whatever else changes.
    """
    z = torch.randn(FACES, generator.z_dim, generator=torch.Generator().manual_seed(1))
    return lambda rows: generator(z, torch.from_numpy(rows), psi=PSI).clamp(-1, 1)


def followed(
    control: dict[str, Any], rows: np.ndarray, draw: Draw, eyes: reader.Reader
) -> tuple[float, list[Tensor]]:
    """How far faces follow a control (1 = as real portraits do), and the first faces of each far
    end.
    """
    ends = controls.extremes(control)
    names = sorted({name for end in ends for name in end})
    columns = [NAMES.index(name) for name in names]
    faces = [draw(controls.set_labels(rows, end)) for end in ends]
    read = torch.cat([eyes.read(x)[:, columns] for x in faces])
    asked = torch.tensor([[float(end[name]) for name in names] for end in ends]).repeat_interleave(
        len(rows), 0
    )
    by_label = reader.slope(asked, read) / eyes.slope[columns]
    return float((by_label * asked.var(0)).sum() / asked.var(0).sum()), [x[:SHOWN] for x in faces]


def write(
    path: Path, rows: np.ndarray, measured: dict[str, float], refused: set[str], generator: Path
) -> None:
    """Rows in float16; `names`, `controls` and what they were checked with as metadata."""
    listed = [
        control
        | {
            "follows": round(measured[control["id"]], 2),
            "works": measured[control["id"]] >= FOLLOWS and control["id"] not in refused,
        }
        for control in controls.CONTROLS
    ]
    digest = hashlib.sha256(generator.read_bytes()).hexdigest()
    metadata = {
        "names": json.dumps(NAMES),
        "controls": json.dumps(listed),
        "checked_with": f"{generator.name}, sha256 {digest}",
        "license": "CC0-1.0",
    }
    save_file({"labels": torch.from_numpy(rows).half()}, path, metadata=metadata)
    path.chmod(0o644)


def strip(faces: list[Tensor]) -> Tensor:
    """One control's faces as a row of `COLUMNS` pictures, the rest black."""
    row = torch.cat(faces)[:COLUMNS]
    return torch.cat([row, -torch.ones(COLUMNS - len(row), *row.shape[1:])])


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Write the labels of a face generator, and which of them it follows."
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--generator", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--refuse",
        nargs="*",
        default=[],
        help="controls that a person who looked at the sheet found not to work",
    )
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    portraits = load(chosen.data, reader.SIDE)
    eyes = reader.learn(
        FeatureNetwork(EYES), portraits, load(chosen.data, reader.SIDE, held_back=True)
    )
    rows = portraits.labels[np.random.RandomState(2).randint(len(portraits), size=FACES)]
    draw, measured, strips = always_the_same(read_generator(chosen.generator)), {}, []
    for control in controls.CONTROLS:
        measured[control["id"]], faces = followed(control, rows, draw, eyes)
        strips.append(strip(faces))
        print(f"{control['id']:18} followed {measured[control['id']]:.2f}", flush=True)
    name = chosen.generator.stem
    write(
        chosen.out / f"{name}.labels.safetensors",
        portraits.labels,
        measured,
        set(chosen.refuse),
        chosen.generator,
    )
    loop.write_sheet(torch.cat(strips), chosen.out / f"{name}.labels.png", COLUMNS)


if __name__ == "__main__":
    main()
