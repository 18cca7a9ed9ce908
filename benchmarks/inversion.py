"""How near a model comes to faces that it knows and to photographs, as Markdown: what the sentence
"this picture is not what this model knows" rests on.

    python benchmarks/inversion.py --data DIR --photographs DIR [--heads 50] [--steps 100]
        [--start average] [--tuning 0]

The first DIR holds shards of `python -m ganapps.training.heads`, whose held-back portraits are
looked for; the second one holds photographs with faces of any number. Each goes through the task
`invert`, as in the window; the error is a root mean square of 255 levels. With `--tuning` a copy of
the model is tuned to each of them, too.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ganapps import engine
from ganapps.engine import Engine
from ganapps.errors import UserError
from ganapps.models import finder
from ganapps.recipe import Recipe
from ganapps.tasks.invert import UNKNOWN
from ganapps.training.data import load

SHARES = (0, 10, 50, 90, 100)  # percentiles that are told


def heads(folder: Path, count: int) -> Iterator[np.ndarray]:
    """Held-back portraits [128, 128, 3]."""
    yield from load(folder, 128, held_back=True).pictures[:count]


def faces(folder: Path) -> Iterator[tuple[Path, list[list[float]]]]:
    """Each face of the photographs in a folder: the file, and its five points."""
    finds = finder.shipped()
    for path in sorted(folder.iterdir()):
        with Image.open(path) as opened:
            pixels = np.array(opened.convert("RGB"))
        x = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode():
            found = finds.find(x)
        for face in found:
            yield path, [list(point) for point in face.points]


def errors(there: Engine, model: str, picture: Path, **settings: object) -> dict[str, float]:
    """How far the nearest face that is found is from the picture, and how far what a tuned copy
    draws, where one is asked for; nothing where no face is seen.
    """
    try:
        *_, last = there.run(Recipe("invert", model, settings), [str(picture)])
    except UserError as refused:
        print(f"{picture.name}: {refused}", file=sys.stderr)
        return {}
    figures = last.made[0].figures
    return {name: figures[name] for name in ("error", "tuned_error") if name in figures}


def main() -> None:
    parser = argparse.ArgumentParser(description="How near a model comes to what it knows.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--photographs", type=Path, required=True)
    parser.add_argument("--model", default="heads-128")
    parser.add_argument("--heads", type=int, default=50)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--start", default="average")
    parser.add_argument("--tuning", type=int, default=0)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    there = engine.start("cpu", offline=True)
    asked = {"steps": chosen.steps, "start": chosen.start, "tuning": chosen.tuning}
    told: dict[str, list[dict[str, float]]] = {"held-back heads": [], "faces of photographs": []}
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "head.png"
        for pixels in heads(chosen.data, chosen.heads):
            Image.fromarray(pixels).save(path)
            told["held-back heads"].append(errors(there, chosen.model, path, **asked))
    for path, points in faces(chosen.photographs):
        figures = errors(there, chosen.model, path, points=points, **asked)
        told["faces of photographs"].append(figures)
    _print(told)


def _print(told: dict[str, list[dict[str, float]]]) -> None:
    print("| | count | " + " | ".join(f"{share} %" for share in SHARES), end="")
    print(f" | over {UNKNOWN:g} |\n|---|---|" + "---|" * (len(SHARES) + 1))
    for title, all_figures in told.items():
        for name in ("error", "tuned_error"):
            known = np.array([figures[name] for figures in all_figures if name in figures])
            if not known.size:
                continue
            columns = [f"{np.percentile(known, share):.1f}" for share in SHARES]
            over = f"{int((known > UNKNOWN).sum())} of {len(known)}"
            print(f"| {title}, {name} | {len(known)} | {' | '.join(columns)} | {over} |")
    print(told, file=sys.stderr)


if __name__ == "__main__":
    main()
