"""What each task makes from the weights that ship, kept as small PNGs: a change that should move no
pixel is held against them.

`python -m tests.witnesses DIR` makes all of them in DIR. Made before and after a change on one
machine, `diff -r` of the two folders must be silent; on another machine a pixel may differ by one
level (test_witnesses.py).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ganapps.recipe import Recipe

if TYPE_CHECKING:
    from ganapps.engine import Engine
    from ganapps.report import Kept

FOLDER = Path(__file__).parent / "golden" / "witnesses"
EXAMPLE = Path(__file__).parent.parent / "ganapps" / "ui" / "examples" / "coffee.png"
CROP = (150, 90, 190, 122)  # of the example: 40 x 32 pixels, the cup's rim


def _asked(task: str, checkpoint: str, **settings: object) -> Recipe:
    return Recipe(task, checkpoint, settings, precision="float32")


# Name -> what is asked, and the witness it works on ("": nothing, "crop": the example's middle).
WITNESSES: dict[str, tuple[Recipe, str]] = {
    "faces-words": (_asked("faces", "heads-64", seed="Ada", count=3, psi=1.0), ""),
    "faces-labels": (
        _asked("faces", "heads-64", seed=7, count=1, labels={"glasses": "dark frame"}),
        "",
    ),
    "faces-mixed": (_asked("faces", "heads-64", seed=7, count=1, mix=8, mix_from=2, mix_to=5), ""),
    "faces-noise": (_asked("faces", "heads-64", seed=7, count=1, noise="random", cutoff=4), ""),
    "faces-128": (_asked("faces", "heads-128", seed=85, count=1), ""),
    "strip": (_asked("strip", "heads-64", seed=7, count=3), ""),
    "loop": (_asked("loop", "heads-64", seed=7, count=2, frames=2), ""),
    "walk": (_asked("walk", "heads-64", seed=7, to=9, frames=3), ""),
    "denoise": (_asked("denoise", "heads-ddpm-64", seed=7, count=1, steps=4), ""),
    "denoise-eta": (_asked("denoise", "heads-ddpm-64", seed=7, count=1, steps=3, eta=1.0), ""),
    "denoise-dpm": (
        _asked("denoise", "heads-ddpm-64", seed=7, count=1, steps=3, scheduler="dpm++"),
        "",
    ),
    "drift": (_asked("drift", "heads-ddpm-64", seed=7, to=9, frames=2, steps=3), ""),
    "upscale-span": (_asked("upscale", "spanx4"), "crop"),
    "upscale-tiles": (_asked("upscale", "spanx4", tile=32, overlap=8), "crop"),
    "upscale-srgan": (_asked("upscale", "srgan-x4-ours"), "crop"),
    "upscale-srresnet": (_asked("upscale", "srresnet-x4-ours", width=100), "crop"),
    "upscale-compact": (_asked("upscale", "realesr-animevideov3-x4"), "crop"),
    "upscale-esrgan": (_asked("upscale", "realesrgan-x4plus-anime", strength=0.5), "crop"),
    "upscale-colours": (
        _asked("upscale", "realesrgan-x4plus", keep_colours=True, scale=2.0),
        "crop",
    ),
    "translate-painting": (_asked("translate", "photo-to-painting"), "crop"),
    "translate-back": (_asked("translate", "painting-to-photo"), "translate-painting"),
    "translate-vintagify": (_asked("translate", "vintagify", strength=0.7), "crop"),
    "translate-shinkai": (_asked("translate", "cartoongan-shinkai", keep_colours=True), "crop"),
    "translate-styles": (_asked("translate", "styles-26", labels={"3": 1}), "crop"),
    "chain-painted": (_asked("translate", "styles-26", labels={"7": 1}), "faces-labels"),
    "chain-large": (_asked("upscale", "spanx4", scale=2.0), "chain-painted"),
}


def made(engine: Engine, folder: Path) -> Iterator[tuple[str, Path]]:
    """Each witness's name and its file in `folder`, its recipe inside; later ones work on earlier
    ones.
    """
    from ganapps.pictures import images

    Image.open(EXAMPLE).convert("RGB").crop(CROP).save(folder / "crop.png")
    for name, (asked, source) in WITNESSES.items():
        pictures = [str(folder / f"{source}.png")] if source else []
        results = list(engine.run(asked, pictures))
        everything = [kept for result in results for kept in result.made]
        path = folder / f"{name}.png"
        images.save_png(_side_by_side(everything), path, results[-1].recipe)
        yield name, path


def _side_by_side(everything: list[Kept]) -> Image.Image:
    """All pictures of a run, or all frames of its film, in one row."""
    pictures = [p for kept in everything for p in kept.frames or (kept.picture,)]
    return Image.fromarray(np.concatenate([np.asarray(p) for p in pictures], axis=1))


def main() -> None:
    """Make all of them in the folder that the command line names."""
    os.environ["OMP_NUM_THREADS"] = "1"
    import torch

    from ganapps import engine

    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, path in made(engine.start("cpu", offline=True), folder):
        print(f"{name:<22} {path.stat().st_size:>7} bytes")


if __name__ == "__main__":
    main()
