"""How well a head is turned to the front, against the renderer's own frontal picture, as Markdown.

    python benchmarks/frontal.py --data DIR --truth TRUTH [--sheet WEBP]

DIR holds shards of `python -m ganapps.training.heads`, TRUTH what `python -m
ganapps.training.heads.frontal` renders: 50 held-back people whose heads are turned by 8 degrees or
more, from the front. Each turned picture is looked for in the model as the task `invert` does,
turned to the front by the task `frontal`, and compared with the truth. Beside that stand doing
nothing and the model's average face. Differences are root mean squares of 255 levels.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ganapps import engine
from ganapps.device import Device
from ganapps.models import finder
from ganapps.networks.contracts import StyleGenerator
from ganapps.recipe import Recipe
from ganapps.report import Kept
from ganapps.tasks.maker import Maker
from ganapps.tasks.search_face import Search
from ganapps.tasks.styles import packed, rounded, styled
from ganapps.training.data import load
from ganapps.training.heads.frontal import picture, turned
from ganapps.workers.here import labels_of

STEPS = 100
FACE = (slice(28, 112), slice(24, 104))  # rows and columns where a frontal face lies, of 128
SHOWN = 12  # heads on the sheet, in two columns
FIGURES = ("whole", "face", "points")


class Model:
    """The generator, as the window has it and bare."""

    def __init__(self, name: str) -> None:
        self.name, self.engine = name, engine.start("cpu", offline=True)
        runtime = self.engine.runtime
        row = runtime.checkpoint(name, "faces")
        fetching = runtime.located(row, None)
        while True:
            try:
                next(fetching)
            except StopIteration as found:
                ready = runtime.network(row, found.value).network
                break
        self.network: StyleGenerator = styled(ready)
        self.table = labels_of(runtime, row, self.network.label_dim)

    def made(self, task: str, **settings: Any) -> Kept:
        """The picture of a task."""
        *_, last = self.engine.run(Recipe(task, self.name, settings))
        return last.made[0]

    def found(self, pixels: np.ndarray) -> str:
        """The styles nearest to a portrait that stands as the model's own do, as text."""
        make = Maker(self.network, Device("cpu"), self.table, None, "const")
        search = Search(self.network, make, STEPS, "w+")
        search.aim(planes(pixels) * 2 - 1)
        while search.gone < STEPS:
            search.step()
        return packed(rounded(search.ws))


def planes(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255


def points(pixels: np.ndarray) -> Sequence[tuple[float, float]] | None:
    """Eyes, nose and corners of the mouth; None where no face is seen."""
    with torch.inference_mode():
        found = finder.shipped().find(planes(pixels))
    return found[0].points if found else None


def apart(shown: np.ndarray, wanted: np.ndarray) -> dict[str, float]:
    """How far a picture is from the truth: in all of it, in the face, and how far its five points
    are from theirs (NaN where no face is seen).
    """
    square = (shown.astype(np.float32) - wanted) ** 2
    mine, theirs = points(shown), points(wanted)
    off = math.nan
    if mine and theirs:
        off = statistics.mean(math.dist(a, b) for a, b in zip(mine, theirs))
    whole, face = (float(np.sqrt(part.mean())) for part in (square, square[FACE]))
    return {"whole": whole, "face": face, "points": off}


def measured(
    model: Model, data: Path, truth: Path
) -> tuple[dict[str, list[dict[str, float]]], list[float], list[np.ndarray]]:
    """The distances by what is shown, by how much each yaw was misread, and a row of pictures of
    each head: itself, found, turned, the truth.
    """
    portraits = load(data, 128, held_back=True)
    pictures = dict(zip(portraits.indices.tolist(), portraits.pictures))
    average = np.asarray(model.made("faces", count=1, psi=0.0).picture)
    told: dict[str, list[dict[str, float]]] = defaultdict(list)
    misread, rows = [], []
    for person in turned():
        pixels = pictures[person["index"]]
        with Image.open(picture(truth, person["index"])) as opened:
            wanted = np.array(opened.convert("RGB"))
        styles = model.found(pixels)
        found = np.asarray(model.made("edit", styles=styles).picture)
        front = model.made("frontal", styles=styles)
        shown = np.asarray(front.picture)
        told["doing nothing: the picture itself"].append(apart(pixels, wanted))
        told["the face that was found, not turned"].append(apart(found, wanted))
        told["turned to the front"].append(apart(shown, wanted))
        told["the model's average face"].append(apart(average, wanted))
        misread.append(abs(front.figures["yaw"] - person["yaw"]))
        rows.append(np.hstack([pixels, found, shown, wanted]))
        print(person["index"], person["yaw"], misread[-1], file=sys.stderr, flush=True)
    return told, misread, rows


def mean(values: Sequence[float]) -> str:
    return f"{statistics.mean(value for value in values if not math.isnan(value)):.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Frontal views against the renderer's own.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--truth", type=Path, required=True)
    parser.add_argument("--model", default="heads-128")
    parser.add_argument("--sheet", type=Path)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    told, misread, rows = measured(Model(chosen.model), chosen.data, chosen.truth)
    print(f"Yaw was read to {mean(misread)} degrees on average, {max(misread):.1f} at most.\n")
    print("| | whole picture | face | five points |\n|---|---|---|---|")
    for title, figures in told.items():
        whole, face, off = (mean([each[name] for each in figures]) for name in FIGURES)
        print(f"| {title} | {whole} | {face} | {off} px |")
    if chosen.sheet:
        halves = [np.vstack(rows[: SHOWN // 2]), np.vstack(rows[SHOWN // 2 : SHOWN])]
        Image.fromarray(np.hstack(halves)).save(chosen.sheet, quality=88)


if __name__ == "__main__":
    main()
