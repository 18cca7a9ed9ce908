"""How well holes are filled and old photographs mended, against the truth, as Markdown.

    python benchmarks/repair.py --data DIR [--models filler-ours ...] [--steps 400] [--first N]
        [--kinds ...] [--sheet PNG]

DIR holds the photographs of `python -m ganapps.training.photographs`; the 18 that are held back
there are damaged here, always in the same way: scratches, holes of three sizes. Each filler goes
through the engine, as the window does. PSNR, SSIM and a distance of features (EfficientNet-Lite0,
three depths, 0 for the same) are taken inside of the holes alone, OpenCV's Telea (2004) and doing
nothing beside them. Needs what ganapps/training/requirements.txt lists, and opencv-python-headless.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from skimage.metrics import structural_similarity

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ganapps import engine
from ganapps.recipe import Recipe
from ganapps.training.features import FeatureNetwork
from ganapps.training.measure_photographs import held_back
from ganapps.training.scratches import scratched

SIDE, MULTIPLE = 256, 8
HOLES = {"small holes": (12, 10), "middling holes": (32, 3), "large holes": (80, 1)}  # side, count
LEAST = 0.005  # of a scratched picture that is damaged
DEPTHS = 3
TELEA_RADIUS = 3
COLUMNS = 6

Fill = Callable[[np.ndarray, np.ndarray], np.ndarray]  # picture, what is marked of it


def scratch_case(number: int, whole: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The picture with drawn scratches, dust and folds, and where they are."""
    x = torch.from_numpy(whole.copy()).permute(2, 0, 1)[None].float() / 255
    torch.manual_seed(number)
    hurt, truth = scratched(x)
    while truth.mean() < LEAST:  # some are left whole, for the training
        hurt, truth = scratched(x)
    pixels = (hurt[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    mask = truth[0, 0].numpy() > 0
    # the rest of the picture stays as it was: its training fades it, too
    return np.where(mask[..., None], pixels, whole), mask


def hole_case(number: int, whole: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """The picture with grey discs in it, and where they are."""
    side, count = HOLES[kind]
    random = np.random.RandomState(number)
    height, width = whole.shape[:2]
    y, x = np.ogrid[:height, :width]
    mask = np.zeros((height, width), bool)
    for _ in range(count):
        top, left = random.randint(side, height - side), random.randint(side, width - side)
        mask |= (y - top) ** 2 + (x - left) ** 2 <= (side / 2) ** 2
    hurt = whole.copy()
    hurt[mask] = 128
    return hurt, mask


def cases(kind: str, pictures: Sequence[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Every picture's damage of that kind."""
    if kind == "scratches":
        return [scratch_case(number, whole) for number, whole in enumerate(pictures)]
    return [hole_case(number, whole, kind) for number, whole in enumerate(pictures)]


def telea(hurt: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """OpenCV's filling."""
    import cv2

    return cv2.inpaint(hurt, 255 * mask.astype(np.uint8), TELEA_RADIUS, cv2.INPAINT_TELEA)


def through_engine(here: engine.Engine, model: str, steps: int) -> Fill:
    """A model of the catalogue, exactly what is damaged marked."""
    settings: dict = {"grow": 0}
    if (
        here.models.rows("repair")
        and next(r for r in here.models.rows("repair") if r.id == model).kind == "fitted"
    ):
        settings["steps"] = steps

    def fill(hurt: np.ndarray, mask: np.ndarray) -> np.ndarray:
        with tempfile.TemporaryDirectory() as folder:
            picture, marked = Path(folder) / "picture.png", Path(folder) / "mask.png"
            Image.fromarray(hurt).save(picture)
            Image.fromarray(mask).save(marked)
            *_, last = here.run(Recipe("repair", model, settings), [str(picture), str(marked)])
            return np.asarray(last.made[0].picture)

    return fill


class Measures:
    """Figures inside of holes."""

    def __init__(self) -> None:
        self.network = FeatureNetwork()

    def of(self, made: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> tuple[float, ...]:
        """PSNR in dB, SSIM, distance of features."""
        square = ((made.astype(float) - truth) ** 2)[mask].mean()
        psnr = 10 * np.log10(255**2 / max(square, 1e-6))
        _, local = structural_similarity(made, truth, channel_axis=2, full=True)
        return psnr, float(local[mask].mean()), self._apart(made, truth, mask)

    def _apart(self, made: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
        both = torch.from_numpy(np.stack([made, truth])).permute(0, 3, 1, 2).float() / 127.5 - 1
        where = torch.from_numpy(mask.astype(np.float32))[None, None]
        total = 0.0
        with torch.no_grad():
            for features in self.network(both)[:DEPTHS]:
                unit = torch.nn.functional.normalize(features, dim=1)
                apart = (unit[:1] - unit[1:]).square().sum(1, keepdim=True)
                share = torch.nn.functional.interpolate(where, size=apart.shape[2:], mode="area")
                total += float((apart * share).sum() / share.sum())
        return total / DEPTHS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", nargs="*", default=["filler-ours", "deep-image-prior-small"])
    parser.add_argument("--steps", type=int, default=400, help="of what is fitted")
    parser.add_argument("--first", type=int, default=18, help="so many of the photographs")
    parser.add_argument("--kinds", nargs="*", default=["scratches", *HOLES])
    parser.add_argument("--sheet", type=Path, help="a PNG of what they make of the first six")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    here = engine.start("cpu", offline=True)
    pictures = held_back(chosen.data, SIDE, MULTIPLE)[: chosen.first]
    fills: dict[str, Fill] = {"nothing": lambda hurt, mask: hurt, "Telea (OpenCV)": telea}
    fills |= {model: through_engine(here, model, chosen.steps) for model in chosen.models}
    measures = Measures()
    print(f"{len(pictures)} photographs of {SIDE} px, the short side.")
    rows = []
    for kind in chosen.kinds:
        damaged = cases(kind, pictures)
        print(f"\n| {kind} | PSNR, dB | SSIM | features | seconds |\n|---|---|---|---|---|")
        for name, fill in fills.items():
            began = time.process_time()
            made = [fill(hurt, mask) for hurt, mask in damaged]
            seconds = (time.process_time() - began) / len(made)
            figures = [
                measures.of(one, truth, mask)
                for one, truth, (_, mask) in zip(made, pictures, damaged, strict=True)
            ]
            psnr, ssim, apart = np.mean(figures, axis=0)
            print(f"| {name} | {psnr:.2f} | {ssim:.3f} | {apart:.3f} | {seconds:.2f} |", flush=True)
            if kind in ("scratches", "middling holes"):
                rows.append(made[:COLUMNS])
    if chosen.sheet:
        side = min(min(one.shape[:2]) for row in rows for one in row)
        sheet = np.concatenate([np.concatenate([p[:side, :side] for p in row], 1) for row in rows])
        Image.fromarray(sheet).save(chosen.sheet)


if __name__ == "__main__":
    main()
