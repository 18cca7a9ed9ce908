"""How well filler, denoiser and scratch detector do on the photographs that were held back.

python -m ganapps.training.measure_repair --data DIR --filler OUT/filler-ours.safetensors --denoiser
... --scratches ... [--sheet PNG]

Each is measured on the 18 photographs, 256 px the short side, always with the same damage. The
filler beside OpenCV's Telea (2004) at holes of 10 to 25 %, by the PSNR inside the holes; the
denoiser beside what was given, at four kinds of damage; the detector, with thin damage alone and
with all that its training draws, by the share of damaged pixels found, of found pixels that are
damaged, and of undamaged pictures that it says is damaged. With `--sheet` the first eight are
drawn: as given, as made, as they were.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from ganapps.networks.repair import denoiser, partial, scratches
from ganapps.training import filler, loop
from ganapps.training.averaged import repeatable
from ganapps.training.denoiser import damage
from ganapps.training.measure_photographs import COLUMNS, draw, held_back
from ganapps.training.scratches import ALL, PLAIN, Settings, Wear, scratched

SIDE, MULTIPLE = 256, 8
MEASURED = (0.10, 0.25)  # of a picture that is missing
TELEA_RADIUS = 3  # pixels
DAMAGES: dict[str, tuple[float, int | None]] = {
    "noise 15": (15 / 255, None),
    "noise 25": (25 / 255, None),
    "JPEG 30": (0.0, 30),
    "noise 15, JPEG 50": (15 / 255, 50),
}

# pictures and what is known of them -> filled pictures, all [N, C, H, W]
Fill = Callable[[Tensor, Tensor], Tensor]
Network = TypeVar("Network", bound=nn.Module)


def fillers(pictures: Sequence[Tensor], fill: Fill) -> dict[str, float]:
    """Pictures [1, 3, H, W] in 0..1: mean PSNR in dB inside of holes that are always the same; the
    largest change outside.
    """
    rows, changed = [], 0.0
    for number, whole in enumerate(pictures):
        known = hole(number, whole)
        made = fill(whole * known, known)
        rows.append(psnr(made, whole, 1 - known))
        changed = max(changed, float(((made - whole).abs() * known).max()))
    return {"psnr_db": float(np.mean(rows)), "changed": 255 * changed}


def hole(number: int, whole: Tensor) -> Tensor:
    """The mask of picture `number`, [1, 1, H, W]."""
    height, width = whole.shape[-2:]
    return repeatable(number, lambda: filler.holes(1, height, width, MEASURED))


def psnr(made: Tensor, truth: Tensor, where: Tensor | None = None) -> float:
    """In dB, over the pixels where `where` [N, 1, H, W] is 1, else all."""
    weight = torch.ones_like(truth) if where is None else where.expand_as(truth)
    square = ((made - truth).square() * weight).sum() / weight.sum()
    return float(-10 * torch.log10(square.clamp(min=1e-10)))


def telea(x: Tensor, known: Tensor) -> Tensor:
    """OpenCV's filling (Telea 2004) of one picture [1, 3, H, W]."""
    import cv2

    pixels = (x[0].permute(1, 2, 0) * 255).round().byte().numpy()
    made = cv2.inpaint(
        pixels, (255 * (1 - known[0, 0])).byte().numpy(), TELEA_RADIUS, cv2.INPAINT_TELEA
    )
    filled = torch.from_numpy(made).permute(2, 0, 1)[None].float() / 255
    return torch.where(known > 0.5, x, filled)


def denoisers(
    pictures: Sequence[Tensor], clean: Callable[[Tensor], Tensor], noise: float, quality: int | None
) -> float:
    """Mean PSNR in dB of pictures that were damaged in the same way each time, cleaned."""
    return float(
        np.mean([psnr(clean(damaged(i, x, noise, quality)), x) for i, x in enumerate(pictures)])
    )


def damaged(number: int, whole: Tensor, noise: float, quality: int | None) -> Tensor:
    """Picture `number` [1, 3, H, W] with its damage."""
    return repeatable(number, lambda: damage(whole[0], noise, quality))[None]


def detectors(
    pictures: Sequence[Tensor], find: Callable[[Tensor], Tensor], wear: Wear = PLAIN
) -> dict[str, float]:
    """`find` says above 0 where damage is: shares of all damage `found`, of what it says that is
    `right`, their `f1`, and of undamaged pictures that it says is damaged, `false`.
    """
    hits = said = true = false = whole = 0.0
    for number, x in enumerate(pictures):
        hurt, truth = repeatable(number, lambda: scratched(x, wear))
        answer = find(hurt) > 0
        hits, said, true = (
            hits + float((answer * truth).sum()),
            said + float(answer.sum()),
            true + float(truth.sum()),
        )
        false, whole = false + float((find(x) > 0).sum()), whole + truth.numel()
    return {
        "found": hits / max(1.0, true),
        "right": hits / max(1.0, said),
        "f1": 2 * hits / max(1.0, said + true),
        "false": false / whole,
    }


def read(
    path: Path, build: Callable[..., Network], settings: Mapping[str, int] | None = None
) -> Network:
    """A finished file's network; `settings` are those of its catalogue row."""
    tensors = {name: tensor.float() for name, tensor in load_file(path).items()}
    return build(tensors, settings or {})


def pixels(x: Tensor) -> np.ndarray:
    """[1, 1 or 3, H, W] in 0..1 -> uint8 [H, W, 3]."""
    return loop.to_bytes(x.expand(-1, 3, -1, -1) * 2 - 1)[0].transpose(1, 2, 0)


def _filler(path: Path, pictures: list[Tensor]) -> list[list[np.ndarray]]:
    network = read(path, partial.build)
    for name, fill in (("Telea", telea), (path.stem, network.fill)):
        print(
            f"{name:20}",
            *(f"{key} {value:.2f}" for key, value in fillers(pictures, fill).items()),
            flush=True,
        )
    shown = [(x, hole(number, x)) for number, x in enumerate(pictures[:COLUMNS])]
    return [
        [pixels(make(x, known)) for x, known in shown]
        for make in (lambda x, known: x * known, telea, network.fill)
    ]


def _denoiser(path: Path, pictures: list[Tensor]) -> list[list[np.ndarray]]:
    network = read(path, denoiser.build)
    for name, kind in DAMAGES.items():
        before, after = (
            denoisers(pictures, clean, *kind)
            for clean in (lambda x: x, lambda x: network(x).clamp(0, 1))
        )
        print(f"{name:20} given {before:.2f}  {path.stem} {after:.2f}", flush=True)
    worst = [
        damaged(number, x, *DAMAGES["noise 15, JPEG 50"])
        for number, x in enumerate(pictures[:COLUMNS])
    ]
    return [[pixels(x) for x in worst], [pixels(network(x).clamp(0, 1)) for x in worst]]


def _scratches(path: Path, pictures: list[Tensor], looks: int) -> list[list[np.ndarray]]:
    network = read(path, scratches.build, {"looks": looks})
    for name, wear in (("thin", PLAIN), ("all", ALL)):
        figures = detectors(pictures, network, wear)
        told = (f"{key} {value:.4f}" for key, value in figures.items())
        print(f"{path.stem:20} {name:5}", *told, flush=True)
    shown = [
        repeatable(number, lambda: scratched(x, ALL)) for number, x in enumerate(pictures[:COLUMNS])
    ]
    rows = [
        [pixels(hurt) for hurt, _ in shown],
        [pixels(network(hurt).sigmoid()) for hurt, _ in shown],
    ]
    return [*rows, [pixels(truth) for _, truth in shown]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Measure what repairs pictures on the photographs that were held back."
    )
    parser.add_argument("--data", type=Path, required=True)
    for name in ("filler", "denoiser", "scratches"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument(
        "--side", type=int, default=SIDE, help="the short side in pixels (default %(default)s)"
    )
    parser.add_argument("--looks", type=int, default=Settings.looks, help="of the detector")
    parser.add_argument("--sheet", type=Path, help="a PNG of what they make")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    kept = held_back(chosen.data, chosen.side, MULTIPLE)
    pictures = [torch.from_numpy(x.copy()).permute(2, 0, 1)[None].float() / 255 for x in kept]
    rows: list[list[np.ndarray]] = []
    with torch.no_grad():
        for path, measure in (
            (chosen.filler, _filler),
            (chosen.denoiser, _denoiser),
            (chosen.scratches, lambda path, given: _scratches(path, given, chosen.looks)),
        ):
            rows += measure(path, pictures) if path else []
    if chosen.sheet:
        draw([*rows, kept[:COLUMNS]], chosen.sheet)


if __name__ == "__main__":
    main()
